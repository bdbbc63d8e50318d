r"""Encoding: keypoints to heatmaps (the paper's Eq. 12-14).

A keypoint at :math:`g` heatmap px becomes the sampled Gaussian

.. math::
    G(i) = a\,\exp\!\left(-\frac{\|i - g\|^2}{2\sigma^2}\right),
    \qquad i \in \{0..W-1\} \times \{0..H-1\}

around the true position (unbiased), or around the pixel that a rounding of
:math:`g` names (quantised, Eq. 13). A two-dimensional Gaussian is the product
of two one-dimensional ones, so one row and one column are all that is ever
exponentiated.
"""
import math

from ._backend import backend_of, table
from ._checks import check_choice, check_sigma, check_size

QUANTISE = (None, 'floor', 'ceil', 'round')


def encode_heatmaps(keypoints,
                    heatmap_size,
                    sigma,
                    *,
                    quantise=None,
                    keypoints_visible=None,
                    normalise=False):
    r"""Draw every keypoint as a Gaussian heatmap (Eq. 14).

    Args:
        keypoints (np.ndarray | Tensor): Positions (x, y) in shape
            (..., K, 2); units: heatmap pixels, pixel centres on integers.
        heatmap_size (tuple[int, int]): Heatmap size (W, H) in pixels.
        sigma (float): Standard deviation of the Gaussian; heatmap pixels.
        quantise (str, optional): ``None`` draws around the true sub-pixel
            position. ``'floor'``, ``'ceil'`` and ``'round'`` draw around the
            pixel of Eq. 13, and as the stock codecs do cut the Gaussian off
            beyond 3 sigma per axis; ``'round'`` is the stock
            ``int(x + 0.5)``. Defaults to ``None``.
        keypoints_visible (np.ndarray | Tensor, optional): Visibility in shape
            (..., K). The map of a joint below 0.5 is empty. Defaults to
            ``None``: all are visible.
        normalise (bool): Use the paper's amplitude
            :math:`1 / (2\pi\sigma^2)` instead of 1. Defaults to ``False``.

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
        keypoints, heatmap_size, sigma, quantise)
    points = _quantised(xp, points, quantise)
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
    if quantise is not None:
        keep = keep & (xp.abs(offset) <= math.floor(3 * sigma))
    profiles = xp.where(keep, profiles, 0.)

    amplitude = xp.to_float(drawn, points)
    if normalise:
        amplitude = amplitude / (2 * math.pi * sigma**2)
    row, column = profiles[..., 0, :width], profiles[..., 1, :height]
    return xp.outer(column * amplitude[..., None], row)


def keypoint_weights(keypoints,
                     keypoints_visible,
                     heatmap_size,
                     sigma,
                     *,
                     quantise=None):
    """Target weights as the stock codecs give them.

    Args:
        keypoints (np.ndarray | Tensor): Positions in shape (..., K, 2);
            units: heatmap pixels.
        keypoints_visible (np.ndarray | Tensor): Visibility in shape (..., K).
        heatmap_size (tuple[int, int]): Heatmap size (W, H) in pixels.
        sigma (float): Standard deviation of the Gaussian; heatmap pixels.
        quantise (str, optional): As in :func:`encode_heatmaps`.

    Returns:
        np.ndarray | Tensor: ``keypoints_visible``, with 0 for each visible
        joint (>= 0.5) whose 3-sigma square has no part in the map.
    """
    xp, points, (width, height), sigma = _checked(
        keypoints, heatmap_size, sigma, quantise)
    inside = _in_range(
        xp, _quantised(xp, points, quantise), width, height, sigma)
    visible = _visible(points, keypoints_visible)
    return visible * ~((visible >= 0.5) & ~inside)


def _visible(points, keypoints_visible):
    """The visibility, if there is one for every point."""
    shape, found = (tuple(getattr(array, 'shape', ()))
                    for array in (points, keypoints_visible))
    if found != shape[:-1]:
        raise ValueError(
            f'keypoints_visible must be in shape {shape[:-1]} as keypoints '
            f'are, got {found or type(keypoints_visible).__name__}')
    return keypoints_visible


def _checked(keypoints, heatmap_size, sigma, quantise):
    xp = backend_of(keypoints)
    points = xp.as_float(keypoints, 'keypoints')
    if points.ndim < 2 or points.shape[-1] != 2:
        raise ValueError('keypoints must be in shape (..., K, 2), got '
                         f'{tuple(points.shape)}')
    check_choice('quantise', quantise, QUANTISE)
    return (xp, points, check_size(heatmap_size, 'heatmap_size'),
            check_sigma(sigma))


def _quantised(xp, points, quantise):
    """Eq. 13 with each of the three roundings."""
    if quantise == 'floor':
        return xp.floor(points)
    if quantise == 'ceil':
        return xp.ceil(points)
    if quantise == 'round':
        return xp.trunc(points + 0.5)
    return points


def _in_range(xp, points, width, height, sigma):
    """Whether the 3-sigma square reaches into the map, as in MMPose.

    Infinities and what is not a number do not.
    """
    low, high = _limits(xp, points, width, height, sigma)
    inside = (points >= low) & (points < high)
    return inside[..., 0] & inside[..., 1]


@table
def _limits(xp, like, width, height, sigma):
    """(2, 2): lower and upper limits of x and y."""
    reach = 3 * sigma
    return xp.stack([
        xp.full((2, ), -1 - reach, like),
        xp.stack([xp.full((), size + reach, like)
                  for size in (width, height)])])
