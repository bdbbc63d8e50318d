r"""SimCC: the maths of heatmaps for vectors, which are maps of one row.

SimCC, and RTMPose with it, predicts two vectors for each joint in place of a
heatmap: one over x and one over y, in bins of :math:`1/k` input px. A target
is a Gaussian over the bins; Eq. 3-11 and Eq. 14 hold along the one axis that
there is. What :func:`.decode_heatmaps` does to a map of one row is done here
without the window of rows that do not exist, which is most of its work.

Symbols: M = all leading dimensions, W bins. Positions are in bins with bin
centres on integers.
"""
from typing import Any, Optional, Sequence, Tuple

import numpy as np

from ._backend import Array, Backend, backend_of, table
from ._checks import check_blur_kernel_size, check_choice, check_sigma
from ._convolve import convolve_rows, tap_energy
from ._fit import WORTHWHILE, gaussian_by_powers
from ._peaks import MODE_MARGIN
from ._windows import on_map, row_windows
from .decode import METHODS, PEAKS
from .encode import encode_heatmaps
from .flip import flip_heatmaps
from .modulate import Kernel

#: Bins that are worked on at a time: what is in between stays in a cache.
PART = 2**18


def encode_vectors(positions: Array, num_bins: int, sigma: float) -> Array:
    r"""Draw positions as Gaussians along one axis (Eq. 14).

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
    xp = backend_of(positions)
    x = xp.as_float(positions, 'positions')
    points = xp.last_axis([x, 0. * x])
    return encode_heatmaps(points, (num_bins, 1), sigma)[..., 0, :]


def flip_vectors(vectors: Array,
                 flip_indices: Optional[Sequence[int]] = None,
                 *,
                 shift: float = 0.) -> Array:
    """Bring the vectors of a flipped input back.

    Args:
        vectors (np.ndarray | Tensor): Vectors in shape (..., K, W).
        flip_indices (Sequence[int], optional): The index of the symmetric
            keypoint of each of the K. Defaults to ``None``: they stay.
        shift (float): How far the flipped-back vector is moved towards higher
            x; bins. ``1 - k`` brings it where it belongs, see
            :func:`mmpose_dark.alignment.mirror_offset`. Defaults to 0.

    Returns:
        np.ndarray | Tensor: Vectors in the shape of ``vectors``, see
        :func:`flip_heatmaps`.

    Raises:
        ValueError, TypeError: As of :func:`flip_heatmaps`.
    """
    checked(vectors)
    return flip_heatmaps(
        vectors[..., None, :], flip_indices, shift=shift)[..., 0, :]


def decode_vectors(vectors: Array,
                   sigma: float,
                   *,
                   method: str = 'dark',
                   modulation: bool = True,
                   peak: str = 'modulated',
                   blur_kernel_size: Optional[int] = None
                   ) -> Tuple[Array, Array]:
    r"""Read sub-bin positions off vectors.

    Args:
        vectors (np.ndarray | Tensor): Vectors in shape (..., W).
        sigma (float): The training sigma; bins.
        method, modulation, peak, blur_kernel_size: As of
            :func:`decode_heatmaps`, along one axis.

    Returns:
        tuple:
        - positions (np.ndarray | Tensor): in shape (...); units: bins
        - scores (np.ndarray | Tensor): The maximum of every vector, in shape
          (...)

        Both of the kind of ``vectors``, float64 for float64 and float32 for
        anything else.

    Note:
        - A vector whose maximum is not positive, or is NaN or +inf, holds no
          keypoint: its position is -1, its score 0 where the maximum is not
          finite.
        - A bin of -inf counts as 0. Where there is no Taylor step the result
          is a quarter of a bin off the peak, towards the higher neighbour.
          Positions are always finite.

    Raises:
        ValueError: A shape, sigma, kernel size or choice that makes no sense.
        TypeError: ``vectors`` are not real numbers.

    Example:
        >>> import numpy as np
        >>> vectors = encode_vectors(np.array([30.3, .2]), 96, 4.9)
        >>> decode_vectors(vectors, 4.9)[0].round(3)
        array([30.3,  0.2])
    """
    xp, vectors = checked(vectors)
    check_choice('method', method, METHODS)
    check_choice('peak', peak, PEAKS)
    check_choice('modulation', modulation, (True, False))
    kernel = Kernel.of(check_sigma(sigma),
                       check_blur_kernel_size(blur_kernel_size))
    lead, size = tuple(vectors.shape[:-1]), vectors.shape[-1]
    rows = vectors.reshape(-1, size)
    if rows.shape[0] == 0:  # len() would fix the batch size of an export
        return (xp.full(lead, 0., rows), ) * 2

    with xp.guard(rows):
        positions, top = _by_parts(
            xp, lambda part: _peaks(xp, part, kernel, method, modulation,
                                    peak), rows)
        positions = xp.where(xp.isfinite(top) & (top > 0), positions, -1.)
        scores = xp.where(xp.isfinite(top), top, 0.)
    return positions.reshape(lead), scores.reshape(lead)


def _by_parts(xp, function, rows):
    """Where work may follow the data: as many vectors as a cache holds."""
    size = PART // rows.shape[1] + 1
    if not xp.dynamic or len(rows) <= size:
        return function(rows)
    return map(np.concatenate, zip(*(
        function(rows[start:start + size])
        for start in range(0, len(rows), size))))


def _peaks(xp, rows, kernel, method, modulation, peak):
    """Positions and maxima of vectors, each in shape (M,)."""
    x = xp.argmax(rows)
    top = xp.take_last(rows, x)
    if method == 'argmax':
        step = 0.
    elif method == 'shift':
        step = _quarter_shift(xp, rows, x)
    elif modulation and peak == 'modulated':
        x = _modulated_peak(xp, rows, x, kernel)
        step = _or_shift(xp, _fit(xp, rows, x, kernel), rows, x)
    elif modulation:
        stencil = row_windows(xp, rows, x, kernel.radius + 2)
        step, official = _official_step(
            xp, stencil @ _stencil_taps(xp, rows, kernel), x, rows.shape[1],
            2 * kernel.sigma)
        other, fitted = _fit(xp, rows, x, kernel)
        step = xp.where(official, step, other)
        step = _or_shift(xp, (step, official | fitted), rows, x)
    else:
        step = _official_step(
            xp, row_windows(xp, rows, x, 2), x, rows.shape[1],
            2 * kernel.sigma)
        step = _or_shift(xp, step, rows, x)
    return xp.to_float(x, rows) + step, top


def checked(vectors: Any) -> Tuple[Backend, Array]:
    """Backend and floats, or an error."""
    xp = backend_of(vectors)
    vectors = xp.as_float(vectors, 'vectors')
    if vectors.ndim < 1 or vectors.shape[-1] == 0:
        raise ValueError('vectors must be in shape (..., W) with W of at '
                         f'least 1, got {tuple(vectors.shape)}')
    return xp, vectors


@table
def _stencil_taps(xp, like, kernel):
    """The kernel around each of five bins of a window."""
    reach = kernel.radius + 2
    return kernel.at(
        xp, xp.arange(-reach, reach + 1, like)[:, None] -
        xp.arange(-2, 3, like))


def _modulated_peak(xp, rows, raw, kernel):
    """The peak of the modulated vector, see :mod:`._peaks`."""
    finite = xp.where(rows == -float('inf'), 0., rows)
    modulated = convolve_rows(xp, finite, kernel) / tap_energy(
        xp, rows, kernel, rows.shape[-1])
    x = xp.argmax(modulated)
    best = xp.take_last(modulated, x)
    reach = kernel.mode
    nearby = row_windows(xp, modulated, raw, reach)
    near_x = xp.argmax(nearby)
    near = xp.take_last(nearby, near_x)
    near_x = raw - reach + near_x
    other = best > MODE_MARGIN * near
    best = xp.where(other, best, near)
    found = (best > 0) & xp.isfinite(best)
    return xp.where(found, xp.where(other, x, near_x), raw)


def _fit(xp, rows, x, kernel):
    """Climb to the maximum of the modulated vector, see :mod:`._fit`.

    Returns:
        tuple: the step in bins and whether there is one, each in shape (M,).
    """
    sigma, reach = kernel.sigma, kernel.window
    inside = on_map(xp, rows, reach, rows.shape[-1])[x]
    weights = xp.at_least(row_windows(xp, rows, x, reach), 0.)
    offsets = xp.arange(-reach, reach + 1, rows) / sigma

    def expand(step, which=slice(None)):
        gradient, curvature = derivatives_of_log(
            xp, offsets - step[which, None], weights[which], inside[which])
        more = -gradient / curvature
        ok = (curvature < 0) & xp.isfinite(more)
        # A step of at most one bin, the reach of the window's margin.
        more = xp.where(ok, xp.clip(more, -1 / sigma, 1 / sigma), 0.)
        return step[which] + more, ok, abs(more)

    step, fitted, _ = expand(0. * weights[:, 0])
    step, _, length = expand(step)
    step = xp.put_where(length > WORTHWHILE / sigma, step,
                        lambda which: expand(step, which)[0])
    return sigma * step, fitted


def derivatives_of_log(xp: Backend, u: Array, weights: Array,
                       inside: Array) -> Tuple[Array, Array]:
    """Gradient and curvature of the log of the modulated vector.

    As of maps, see :func:`._fit.derivatives_of_log`.

    Args:
        xp: The backend.
        u (Array): Where bins of windows are in shape (M, w); unit: sigma.
        weights (Array): The vectors there, in shape (M, w).
        inside (Array): 1 for bins on the vector, in shape (M, w).

    Returns:
        tuple: both in shape (M,); unit of length: sigma.
    """
    g = gaussian_by_powers(xp, u, inside)
    (mean, spread), (centre, width) = (
        _mean_and_variance(xp.einsum('amw,mw->am', g, weight))
        for weight in (weights, g[0]))
    return mean - centre, spread - 2 * width


def _mean_and_variance(sums):
    """Of sums of weights, times u and times its square."""
    total, first, second = sums
    mean = first / total
    return mean, second / total - mean * mean


def _official_step(xp, stencil, x, size, limit):
    """One Taylor step by central differences, as the official code has it."""
    values = xp.log(xp.where(stencil > 1e-10, stencil, 1e-10)).T
    slope = .5 * (values[3] - values[1])
    bend = .25 * (values[4] - 2 * values[2] + values[0])
    step = -slope / bend
    inside = (x > 1) & (x < size - 2)
    return step, inside & (bend < 0) & (abs(step) <= limit)


def _quarter_shift(xp, rows, x):
    """A quarter of a bin towards the higher neighbour, as of maps."""
    _, behind, _, ahead, _ = row_windows(xp, rows, x, 2).T
    rise = xp.where((x > 1) & (x < rows.shape[-1] - 1), ahead - behind, 0.)
    return .25 * (xp.to_float(rise > 0, rows) - xp.to_float(rise < 0, rows))


def _or_shift(xp, refined, rows, x):
    """A step, and where there is none the standard shift."""
    step, there = refined
    return xp.put_where(~there, step, lambda which: _quarter_shift(
        xp, rows[which], x[which]))
