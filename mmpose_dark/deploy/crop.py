"""Crops and their normalisation, to the last bit those of MMPose.

Of its ``GetBBoxCenterScale``, ``TopdownAffine`` and ``PoseDataPreprocessor``;
with numpy and OpenCV alone.
"""
import math
from typing import Any, Sequence, Tuple

import cv2
import numpy as np


def crop(image: np.ndarray, box: Any, input_size: Sequence[int],
         padding: float = 1.25, use_udp: bool = False
         ) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cut a box out of an image as MMPose does for top-down models.

    Args:
        image (np.ndarray): The image in shape (H, W, 3)
        box (np.ndarray): (left, top, right, bottom); units: image pixels
        input_size (tuple): Size of the crop in (w, h)
        padding (float): What the sides of the box are multiplied by. Defaults
            to 1.25
        use_udp (bool): Whether the corners of box and crop are the centres
            of pixels, as of ``TopdownAffine``. Defaults to ``False``

    Returns:
        tuple:
        - crop (np.ndarray): in shape (h, w, 3)
        - center, scale (np.ndarray): of what was cut, in shape (2, ). A
          keypoint p in the crop lies at ``p / input_size * scale + center -
          0.5 * scale`` in the image.
    """
    box = np.asarray(box)
    width, height = (int(v) for v in input_size)
    center = (box[2:] + box[:2]) * 0.5
    scale = (box[2:] - box[:2]) * padding
    box_w, box_h = scale[:1], scale[1:]  # arrays: a scalar would be promoted
    aspect = width / height
    scale = np.where(box_w > box_h * aspect,
                     np.hstack([box_w, box_w / aspect]),
                     np.hstack([box_h * aspect, box_h]))
    matrix = (_corner_matrix if use_udp else _matrix)(
        center, scale, (width, height))
    patch = cv2.warpAffine(image, matrix, (width, height),
                           flags=cv2.INTER_LINEAR)
    return patch, center, scale


def normalise(crops: Sequence[np.ndarray], mean: Sequence[float],
              std: Sequence[float], bgr_to_rgb: bool = True) -> np.ndarray:
    """A batch for the network from uint8 crops.

    Args:
        crops (Sequence[np.ndarray]): N crops in shape (h, w, 3)
        mean, std (Sequence[float]): Of the channels, in the network's order
        bgr_to_rgb (bool): Whether the order of channels is reversed. Defaults
            to ``True``

    Returns:
        np.ndarray: float32 in shape (N, 3, h, w).
    """
    batch = np.stack(crops)
    if bgr_to_rgb:
        batch = batch[..., ::-1]
    batch = batch.transpose(0, 3, 1, 2).astype(np.float32, order='C')
    batch -= np.array(mean, np.float32)[:, None, None]
    batch /= np.array(std, np.float32)[:, None, None]
    return batch


def check_boxes(boxes: Any) -> np.ndarray:
    """Return boxes as floats (N, 4), finite and with a positive area.

    Raises:
        ValueError: Anything else.
    """
    boxes = np.asarray(boxes)
    if boxes.size == 0:
        boxes = np.empty((0, 4), np.float32)
    if boxes.ndim != 2 or boxes.shape[1] != 4 or boxes.dtype.kind not in 'fiu':
        raise ValueError('boxes must be (left, top, right, bottom) in shape '
                         f'(N, 4), got shape {boxes.shape}, {boxes.dtype}')
    if boxes.dtype not in (np.float32, np.float64):  # sums of bytes would wrap
        boxes = boxes.astype(np.float64)
    wrong = ~(np.isfinite(boxes).all(1) & (boxes[:, 2:] > boxes[:, :2]).all(1))
    if wrong.any():
        raise ValueError(
            'boxes must be finite (left, top, right, bottom) with right > '
            f'left and bottom > top, got {boxes[wrong][0].tolist()}')
    return boxes


def check_image(image: Any) -> np.ndarray:
    """Return the image; it must be BGR bytes, as OpenCV has them.

    Raises:
        ValueError: Anything else.
    """
    if (not isinstance(image, np.ndarray) or image.dtype != np.uint8
            or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape):
        got = (f'shape {image.shape}, {image.dtype}'
               if isinstance(image, np.ndarray) else repr(image))
        raise ValueError('image must be a BGR array in shape (H, W, 3), '
                         f'uint8, as cv2.imread returns it, got {got}')
    return image


def _matrix(center: np.ndarray, scale: np.ndarray,
            size: Tuple[int, int]) -> np.ndarray:
    """MMPose's ``get_warp_matrix`` without rotation: pixel 0 to pixel 0."""
    width, height = size
    source, target = np.zeros((2, 3, 2), np.float32)
    source[0] = center
    source[1] = center + np.array([scale[0] * -0.5, 0.])
    target[0] = width * 0.5, height * 0.5
    target[1] = 0., height * 0.5
    for points in (source, target):
        x, y = points[0] - points[1]
        points[2] = points[1] + np.array([-y, x])
    return cv2.getAffineTransform(source, target)


def _corner_matrix(center: np.ndarray, scale: np.ndarray,
                   size: Tuple[int, int]) -> np.ndarray:
    """MMPose's ``get_udp_warp_matrix`` without rotation."""
    matrix = np.zeros((2, 3), np.float32)
    for axis in (0, 1):
        factor = (size[axis] - 1) / scale[axis]
        matrix[axis, axis] = math.cos(0) * factor
        matrix[axis, 2] = factor * (
            -0.5 * (center[axis] * 2) * math.cos(0) + 0.5 * scale[axis])
    return matrix
