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


def check_sigmas(sigma: Any) -> Tuple[float, float]:
    """Return sigma over x and over y; one number stands for both."""
    try:
        x, y = (sigma, sigma) if _is_number(sigma) else sigma
        return check_sigma(x), check_sigma(y)
    except (TypeError, ValueError):
        raise ValueError(
            'sigma must be a number from 0.001 to 10000 (bins) or two, for x '
            f'and y, got {sigma!r}') from None


def check_positive(value: Any, name: str) -> float:
    """Return ``value`` as a float; it must be positive and finite."""
    if not _is_number(value) or not 0 < float(value) < float('inf'):
        raise ValueError(
            f'{name} must be a positive number, got {value!r}')
    return float(value)


def check_number(name: str, value: Any, low: float = 1e-6,
                 high: float = 1e6) -> None:
    """Raise ``ValueError`` unless ``value`` is a number in that range."""
    if not _is_number(value) or not low <= value <= high:
        raise ValueError(f'{name} must be a number from {low:g} to {high:g}, '
                         f'got {value!r}')


def _is_number(value: Any) -> bool:
    """Whether ``value`` is a real number, which a bool is not."""
    return isinstance(value, (numbers.Real, np.number)) and not isinstance(
        value, bool)


def check_bins(num_bins: Any) -> int:
    """Return ``num_bins``, a positive integer."""
    if (not isinstance(num_bins, (numbers.Integral, np.integer))
            or isinstance(num_bins, bool) or num_bins < 1):
        raise ValueError('num_bins must be a positive integer, got '
                         f'{num_bins!r}')
    return int(num_bins)


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
