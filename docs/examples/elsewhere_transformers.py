"""ViTPose and Sapiens2 of transformers, read by DARK.

Both draw targets of a known sigma (2 and 6 heatmap px) and crop by UDP:
corners of the crop lie on corners of the heatmap.
"""
import numpy as np
from mmpose_dark.functional import decode_heatmaps


def keypoints(heatmaps, boxes, size=(192, 256), sigma=2.):
    """What ``post_process_pose_estimation`` is for.

    Args:
        heatmaps (Tensor): ``model(pixel_values).heatmaps`` (N, K, H, W)
        boxes (np.ndarray): What the processor was given (N, 4), in COCO's
            way: left, top, width, height; image px
        size (tuple): Of a crop, (w, h); px
        sigma (float): Of the targets; heatmap px

    Returns:
        tuple: Keypoints (N, K, 2) in image px, scores (N, K), covariances
        (N, K, 2, 2) in squared image px.
    """
    boxes = np.asarray(boxes, float)
    points, scores, covariances = decode_heatmaps(
        heatmaps.detach().numpy(), sigma, return_covariance=True)
    # The crop has the shape of the input, and a quarter more than the box.
    width = 1.25 * np.maximum(boxes[:, 2], boxes[:, 3] * size[0] / size[1])
    crop = np.stack([width, width * size[1] / size[0]], -1)[:, None]
    corner = (boxes[:, :2] + boxes[:, 2:] / 2)[:, None] - crop / 2
    factor = crop / np.subtract(heatmaps.shape[:1:-1], 1)
    return (points * factor + corner, scores,
            covariances * factor[..., None] * factor[..., None, :])
