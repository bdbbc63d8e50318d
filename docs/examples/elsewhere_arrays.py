"""Heatmaps of any framework: numpy in, keypoints out.

JAX, TensorFlow, ONNX Runtime, Core ML and the like hand out arrays that numpy
takes without a copy; tensors of torch go in as they are.
"""
import numpy as np
from mmpose_dark.functional import decode_heatmaps


def keypoints(heatmaps, input_size, sigma=2., channels_last=False):
    """Keypoints in pixels of the network's input.

    Args:
        heatmaps: (N, K, H, W), or (N, H, W, K) as TensorFlow has them
        input_size (tuple): (w, h) of the network's input; px
        sigma (float): Of the targets that it was trained on; heatmap px
        channels_last (bool): Whether K comes last

    Returns:
        tuple: Keypoints (N, K, 2) in input px, scores (N, K).
    """
    maps = np.asarray(heatmaps)
    if channels_last:
        maps = np.moveaxis(maps, -1, 1)
    points, scores = decode_heatmaps(maps, sigma)
    # Pixel 0 on pixel 0. Where corners lie on corners (UDP), take 1 off the
    # sizes of both.
    return points * np.divide(input_size, maps.shape[:1:-1]), scores
