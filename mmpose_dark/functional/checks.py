"""Errors that name the argument, its value and what was expected."""
import numbers
from typing import Any, Optional, Sequence, Tuple

import numpy as np


def check_choice(name: str, value: Any, choices: Sequence[Any]) -> Any:
    """Raise ``ValueError`` unless ``value`` is one of ``choices``."""
    if not isinstance(value, (str, bool, type(None))) or value not in choices:
        raise ValueError(f'{name} must be one of {tuple(choices)}, got '
                         f'{value!r}')
    return value


def check_has_covariance(method: str, modulation: bool, name: str) -> None:
    """Raise ``ValueError`` where positions have no covariance.

    Args:
        name (str): What the method is called.
    """
    if method != 'dark' or not modulation:
        raise ValueError(
            f"covariances need {name}='dark' with modulation=True, got "
            f'{name}={method!r}, modulation={modulation!r}')


def check_sigma(sigma: Any, name: str = 'sigma') -> float:
    """Return ``sigma`` as a float; it must be a length, in heatmap px."""
    if not _is_number(sigma) or not 1e-3 <= float(sigma) <= 1e4:
        raise ValueError(f'{name} must be a number from 0.001 to 10000 '
                         f'(heatmap px), got {sigma!r}')
    return float(sigma)


def check_positive(value: Any, name: str) -> float:
    """Return ``value`` as a float; it must be positive and finite."""
    if not _is_number(value) or not 0 < float(value) < float('inf'):
        raise ValueError(
            f'{name} must be a positive number, got {value!r}')
    return float(value)


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


def check_sigmas(sigma: Any) -> Tuple[float, float]:
    """Return sigma over x and over y; one number stands for both."""
    try:
        x, y = (sigma, sigma) if _is_number(sigma) else sigma
        return check_sigma(x), check_sigma(y)
    except (TypeError, ValueError):
        raise ValueError(
            'sigma must be a number from 0.001 to 10000 (bins) or two, for x '
            f'and y, got {sigma!r}') from None


def check_number(name: str, value: Any, low: float = 1e-6,
                 high: float = 1e6) -> None:
    """Raise ``ValueError`` unless ``value`` is a number in that range."""
    if not _is_number(value) or not low <= value <= high:
        raise ValueError(f'{name} must be a number from {low:g} to {high:g}, '
                         f'got {value!r}')


def _is_number(value: Any) -> bool:
    return isinstance(value, (numbers.Real, np.number)) and not isinstance(
        value, bool)


def check_size(size: Any, name: str) -> Tuple[int, int]:
    """Return ``size`` as two ints (width, height); both must be positive."""
    try:
        if isinstance(size, (str, bytes, set)):
            raise TypeError
        width, height = map(int, size)
        exact = [width, height] == list(map(float, size))
    except (TypeError, ValueError, OverflowError):
        exact = False
    if not exact or width < 1 or height < 1:
        raise ValueError(f'{name} must be two positive integers (width, '
                         f'height), got {size!r}')
    return width, height


def check_blur_kernel_size(size: Any) -> Optional[int]:
    """Return ``size``, an odd integer of at least 3, or ``None``."""
    if size is None:
        return None
    if (not isinstance(size, (numbers.Integral, np.integer))
            or isinstance(size, bool) or size < 3 or size % 2 == 0):
        raise ValueError('blur_kernel_size must be an odd integer of at least '
                         f'3, or None to follow sigma, got {size!r}')
    return int(size)


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
