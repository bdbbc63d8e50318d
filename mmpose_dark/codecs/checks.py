"""What only codecs are given: errors as of :mod:`..functional.checks`."""
from typing import Any, Optional, Tuple

import numpy as np

from ..functional.checks import check_positive


def check_calibration(calibration: Any) -> Optional[Tuple[float, float]]:
    """Return the scale and the degrees of freedom, or ``None``."""
    if calibration is None:
        return None
    try:
        scale, dof = calibration
        return check_positive(scale, 'scale'), check_positive(dof, 'dof')
    except (TypeError, ValueError):
        raise ValueError(
            'calibration must be a positive scale and positive degrees of '
            'freedom, as mmpose-dark calibrate prints them, got '
            f'{calibration!r}'
        ) from None


def check_one_instance(keypoints: Any, keypoints_visible: Any = None
                       ) -> Tuple[np.ndarray, np.ndarray]:
    """:func:`check_keypoints` of one instance."""
    keypoints, visible = check_keypoints(keypoints, keypoints_visible, '1')
    if keypoints.shape[0] != 1:
        raise ValueError(
            'one instance at a time is encoded, as top-down models do, got '
            f'{keypoints.shape[0]} in keypoints of shape {keypoints.shape}')
    return keypoints, visible


def check_keypoints(keypoints: Any, keypoints_visible: Any = None,
                    num: str = 'N') -> Tuple[np.ndarray, np.ndarray]:
    """Return both as arrays, (N, K, 2) and (N, K); all visible by default."""
    keypoints = np.asarray(keypoints)
    if keypoints.ndim != 3 or keypoints.shape[2] != 2:
        raise ValueError(f'keypoints must be in shape ({num}, K, 2), got '
                         f'{keypoints.shape}')
    if keypoints_visible is None:
        keypoints_visible = np.ones(keypoints.shape[:2], np.float32)
    keypoints_visible = np.asarray(keypoints_visible)
    if keypoints_visible.shape != keypoints.shape[:2]:
        raise ValueError(
            f'keypoints_visible must be in shape {keypoints.shape[:2]} as '
            f'keypoints are, got {keypoints_visible.shape}')
    return keypoints, keypoints_visible


def check_map(input_size: Tuple[int, int], heatmap_size: Tuple[int, int],
              sigma: float) -> None:
    """Refuse sizes that were swapped, and a Gaussian wider than its map.

    Args:
        input_size (tuple): Size of the input (w, h); px
        heatmap_size (tuple): Size of the heatmap (W, H); px
        sigma (float): Of the Gaussian; heatmap px

    Raises:
        ValueError: One is wide and the other tall, or sigma is more than half
            a side of the heatmap.
    """
    (w, h), (width, height) = input_size, heatmap_size
    if (w - h) * (width - height) < 0:
        raise ValueError(
            f'input_size={(w, h)} is {"wide" if w > h else "tall"} and '
            f'heatmap_size={(width, height)} is not: both are (width, height)')
    if sigma > min(width, height) / 2:
        raise ValueError(
            f'sigma must be at most half a side of heatmap_size='
            f'{(width, height)}, in heatmap px, got {sigma}')
