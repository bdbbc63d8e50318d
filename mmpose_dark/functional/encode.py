r"""Encoding: keypoints to heatmaps (the paper's Eq. 12-14).

A keypoint at :math:`g` heatmap px becomes the sampled Gaussian

.. math::
    G(i) = a\,\exp\!\left(-\frac{\|i - g\|^2}{2\sigma^2}\right),
    \qquad i \in \{0..W-1\} \times \{0..H-1\}

around the true position (unbiased), or around the pixel that rounding
:math:`g` names (biased, Eq. 13). A two-dimensional Gaussian is the product
of two one-dimensional ones, so one row and one column are all that is ever
exponentiated.
"""
from functools import lru_cache
from typing import Any, Optional, Tuple

from .backends import Array, Backend, backend_of, backend_of_all, table
from .checks import check_bins, check_choice, check_sigma, check_size


def encode_heatmaps(keypoints: Array,
                    heatmap_size: Tuple[int, int],
                    sigma: float,
                    *,
                    unbiased: bool = True,
                    keypoints_visible: Optional[Array] = None) -> Array:
    r"""Draw every keypoint as a Gaussian heatmap (Eq. 14).

    Args:
        keypoints (np.ndarray | Tensor): Positions (x, y) in shape
            (..., K, 2); units: heatmap pixels, pixel centres on integers.
        heatmap_size (tuple[int, int]): Heatmap size (W, H) in pixels.
        sigma (float): Standard deviation of the Gaussian; heatmap pixels.
        unbiased (bool): Whether to draw around the true sub-pixel position.
            ``False`` draws, as the stock codecs do, around the pixel that
            ``int(x + 0.5)`` names (Eq. 13), and cuts the Gaussian off beyond 3
            sigma per axis. Defaults to ``True``.
        keypoints_visible (np.ndarray | Tensor, optional): Visibility in shape
            (..., K). The map of a joint below 0.5 is empty. Defaults to
            ``None``: all are visible.

    Returns:
        np.ndarray | Tensor: Heatmaps in shape (..., K, H, W), of the kind
        and floating dtype of ``keypoints`` (float32 for anything that is not
        float32 or float64). A joint whose Gaussian misses the map by more
        than 3 sigma (see :func:`keypoint_weights`) or whose position is not
        finite has an empty map.

    Raises:
        ValueError: A shape, size, sigma or choice that makes no sense.
        TypeError: ``keypoints`` are not real numbers.

    Example:
        >>> import numpy as np
        >>> maps = encode_heatmaps(np.array([[10.3, 20.6]]), (48, 64), 2.0)
        >>> maps.shape, divmod(int(maps[0].argmax()), 48)
        ((1, 64, 48), (21, 10))
    """
    xp, points, (width, height), sigma = _checked(
        keypoints, heatmap_size, sigma, unbiased)
    points = points if unbiased else xp.trunc(points + 0.5)
    drawn = _in_range(xp, points, width, height, sigma)
    if keypoints_visible is not None:
        drawn = drawn & (_visible(points, keypoints_visible) >= 0.5)

    # Both axes at once, as long as the longer one.
    offset = xp.arange(0, max(width, height), points) - points[..., None]
    with xp.guard(points):  # of a position far off, overflows to nothing
        profiles = xp.exp(offset * offset * (-0.5 / sigma**2))
    # Below 1e-19 a product of two is below the smallest normal float32,
    # where arithmetic is many times slower, and nobody sees the tail.
    # What is not a number is not above it either.
    keep = profiles > 1e-19
    if not unbiased:
        keep = keep & (abs(offset) <= 3 * sigma)
    profiles = xp.where(keep, profiles, 0.)

    row, column = profiles[..., 0, :width], profiles[..., 1, :height]
    return xp.outer(column * xp.to_float(drawn, points)[..., None], row)


def encode_vectors(positions: Array, num_bins: int, sigma: float) -> Array:
    r"""Draw positions as Gaussians along one axis (Eq. 14), as SimCC does.

    Args:
        positions (np.ndarray | Tensor): in shape (..., K); units: bins.
        num_bins (int): Length W of a vector.
        sigma (float): Standard deviation of the Gaussian; bins.

    Returns:
        np.ndarray | Tensor: Vectors in shape (..., K, W) with a peak of 1, of
        the kind of ``positions``; empty further than 3 sigma outside.

    Raises:
        ValueError: A shape or number that makes no sense.
        TypeError: ``positions`` are not real numbers.

    Example:
        >>> import numpy as np
        >>> encode_vectors(np.array([1.5]), 4, 1.).round(2)
        array([[0.32, 0.88, 0.88, 0.32]])
    """
    xp, num_bins = backend_of(positions), check_bins(num_bins)
    x = xp.as_float(positions, 'positions')
    with xp.guard(x):  # of what is not finite
        points = xp.last_axis([x, 0. * x])
    return encode_heatmaps(points, (num_bins, 1), sigma)[..., 0, :]


def keypoint_weights(keypoints: Array,
                     keypoints_visible: Array,
                     heatmap_size: Tuple[int, int],
                     sigma: float,
                     *,
                     unbiased: bool = True) -> Array:
    """Target weights as the stock codecs give them.

    Args:
        keypoints (np.ndarray | Tensor): Positions in shape (..., K, 2);
            units: heatmap pixels.
        keypoints_visible (np.ndarray | Tensor): Visibility in shape (..., K).
        heatmap_size (tuple[int, int]): Heatmap size (W, H) in pixels.
        sigma (float): Standard deviation of the Gaussian; heatmap pixels.
        unbiased (bool): As in :func:`encode_heatmaps`.

    Returns:
        np.ndarray | Tensor: ``keypoints_visible``, with 0 for each visible
        joint (>= 0.5) whose 3-sigma square has no part in the map.
    """
    xp, points, (width, height), sigma = _checked(
        keypoints, heatmap_size, sigma, unbiased)
    points = points if unbiased else xp.trunc(points + 0.5)
    inside = _in_range(xp, points, width, height, sigma)
    visible = _visible(points, keypoints_visible)
    return visible * ~((visible >= 0.5) & ~inside)


def _visible(points: Array, keypoints_visible: Array) -> Array:
    """The visibility, if there is one for every point."""
    shape, found = (tuple(getattr(array, 'shape', ()))
                    for array in (points, keypoints_visible))
    if found != shape[:-1]:
        raise ValueError(
            f'keypoints_visible must be in shape {shape[:-1]} as keypoints '
            f'are, got {found or type(keypoints_visible).__name__}')
    backend_of_all(keypoints=points, keypoints_visible=keypoints_visible)
    return keypoints_visible


def _checked(keypoints: Array, *settings: object
             ) -> Tuple[Backend, Array, Tuple[int, int], float]:
    xp = backend_of(keypoints)
    points = xp.as_float(keypoints, 'keypoints')
    if points.ndim < 2 or points.shape[-1] != 2:
        raise ValueError('keypoints must be in shape (..., K, 2), got '
                         f'{tuple(points.shape)}')
    try:
        return (xp, points, *_settings(*settings))
    except TypeError:  # one that cannot be looked up, such as a list
        return (xp, points, *_settings.__wrapped__(*settings))


@lru_cache(maxsize=64, typed=True)
def _settings(heatmap_size: Any, sigma: Any, unbiased: Any) -> Any:
    check_choice('unbiased', unbiased, (True, False))
    return check_size(heatmap_size, 'heatmap_size'), check_sigma(sigma)


def _in_range(xp: Backend, points: Array, width: int, height: int,
              sigma: float) -> Array:
    """Whether the 3-sigma square reaches into the map, as in MMPose.

    Infinities and what is not a number do not.
    """
    low, high = _limits(xp, points, width, height, sigma)
    inside = (points >= low) & (points < high)
    return inside[..., 0] & inside[..., 1]


@table
def _limits(xp: Backend, like: Array, width: int, height: int,
            sigma: float) -> Array:
    """(2, 2): lower and upper limits of x and y."""
    reach = 3 * sigma
    return xp.array([[-1 - reach] * 2, [width + reach, height + reach]], like)
