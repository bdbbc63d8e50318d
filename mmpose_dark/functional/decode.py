r"""Decoding: heatmaps to sub-pixel keypoints (the paper's Eq. 1 and 3-11).

DARK takes a heatmap for a Gaussian of unknown centre :math:`\mu`, whose
logarithm is a paraboloid, and reads :math:`\mu` off the second-order Taylor
expansion at the peak :math:`m` of the modulated map :math:`h'`:

.. math::
    \mu = m - \mathcal{H}^{-1} \nabla,\qquad
    \nabla = \nabla\log h'(m),\quad \mathcal{H} = \nabla^2 \log h'(m)

None of it depends on how many axes a map has: a vector of SimCC has one, a
heatmap two, a hand's volume three.

Symbols: B batch, K keypoints, M = all leading dimensions times K, D axes, (W,
H) heatmap size. Coordinates are heatmap pixels with pixel centres on integers.

Two readings of the step are offered. ``peak='raw'`` is the official code: m is
the brightest raw pixel and the derivatives are central differences of
:math:`\log h'`. ``peak='modulated'``, the default, is the paper's own m and
uses exact derivatives of the log of the modulated map normalised at the
border (see :mod:`.fit`), expanded again where that leads. That makes it the
maximum-likelihood position of a Gaussian of known sigma under white noise, at
the border too.
"""
from functools import lru_cache
from typing import Any, NamedTuple, Optional, Sequence, Tuple

from .backends import Array, Backend, as_maps, backend_of, table
from .checks import (
    check_blur_kernel_size,
    check_choice,
    check_has_covariance,
    check_positive,
    check_sigma,
)
from .covariance import covariance
from .fit import View, fit
from .modulate import Kernel
from .peak import highest, modulated_peak
from .steps import official_or_fit, official_step, quarter_shift

METHODS = ('dark', 'shift', 'argmax')
PEAKS = ('modulated', 'raw')


def decode_heatmaps(heatmaps: Array,
                    sigma: float,
                    *,
                    method: str = 'dark',
                    modulation: bool = True,
                    peak: str = 'modulated',
                    blur_kernel_size: Optional[int] = None,
                    return_covariance: bool = False,
                    target_peak: float = 1.) -> Tuple[Array, ...]:
    r"""Read sub-pixel keypoints off heatmaps.

    Args:
        heatmaps (np.ndarray | Tensor): Heatmaps in shape (..., K, H, W).
        sigma (float): The training sigma; heatmap pixels.
        method (str): One of

            - ``'dark'``: Taylor expansion of the log of the modulated map
              (Eq. 3-11)
            - ``'shift'``: a quarter of a pixel per axis towards the higher
              neighbour: the standard shift as the official code and MMPose
              have it
            - ``'argmax'``: the brightest pixel

            Defaults to ``'dark'``.
        modulation (bool): Whether ``'dark'`` modulates the map first
            (Eq. 10). Without it the expansion is the official one on the raw
            map, at its raw peak, whatever ``peak`` says. Defaults to
            ``True``.
        peak (str): Where ``'dark'`` starts. ``'modulated'`` is the maximum
            of the modulated map; of several modes, the one around the
            brightest pixel unless another is 10 % higher. ``'raw'`` is the
            brightest pixel and the fast path: the official algorithm wherever
            that one makes sense, and the fit of ``'modulated'`` around the
            highest modulated pixel within 2 px where not (see Note).
            Defaults to ``'modulated'``.
        blur_kernel_size (int, optional): Size of the modulation kernel as
            OpenCV defines it. Defaults to ``None``: the kernel follows
            ``sigma``.
        return_covariance (bool): Also return the covariance of every
            position, ``'dark'`` with modulation only. Defaults to ``False``.
        target_peak (float): The maximum of the heatmaps that the network was
            trained on, 255 for those of ``MegviiHeatmap``. Only covariances
            depend on it. Defaults to 1.

    Returns:
        tuple:
        - keypoints (np.ndarray | Tensor): Positions (x, y) in shape
          (..., K, 2); heatmap pixels
        - scores (np.ndarray | Tensor): The maximum of every map, as in
          MMPose, in shape (..., K)
        - covariances (np.ndarray | Tensor): only with ``return_covariance``:
          in shape (..., K, 2, 2); squared heatmap pixels, see Note

        All of the kind of ``heatmaps``, float64 for float64 and float32 for
        anything else.

    Note:
        - A map whose maximum is not positive, or is NaN or +inf, holds no
          keypoint: its position is (-1, -1), as in MMPose, its score 0 where
          the maximum is not finite.
        - A pixel of -inf counts as 0. Where the Hessian is not negative
          definite or a neighbour is NaN, there is no Taylor step and the
          result is the standard shift of the integer peak. So results are
          always finite, and at most 3 px off the map, or 2 sigma - 2 px after
          a step from the raw peak (see below) where that is more.
        - Where the map is not one Gaussian: of two equal peaks 4 sigma or
          more apart one is found as if it were alone. Closer ones are read as
          one peak between them, which from 2 to 3.5 sigma apart is further
          from either than the standard shift lands; over pairs anywhere on a
          map the error is a third to a half of the shift's. A background that
          rises across the map by as much as the peak is high leads away from
          it. All of it measured by ``tools/benchmark/codec.py``.
        - The official code does not refine peaks within 2 px of the border
          and takes any step whose Hessian has an inverse. Here a raw-peak
          step must come from a negative definite Hessian and stay within
          2 sigma; any other peak is fitted locally instead.
        - Covariance: how widely the joint may be spread for a network whose
          heatmaps are the mean of its targets; the axes come from the
          Hessian, the size from the peak value. Not below a pixel's 1/12
          px^2 (the root of its determinant), nor below what pixel noise
          alone makes, until the map bounds it. Where there is no keypoint,
          no fit or no more than 4 pixels: the variance of a uniform position
          on the map. Derived in :mod:`.covariance`.
        - Along an axis of one pixel there is nothing to be found: the
          position there is 0, of variance 1/12, and a map of one row is read
          as :func:`decode_vectors` reads that row.

    Raises:
        ValueError: A shape, sigma, kernel size or choice that makes no sense.
        TypeError: ``heatmaps`` are not real numbers.

    Example:
        >>> import numpy as np
        >>> from mmpose_dark.functional import encode_heatmaps
        >>> maps = encode_heatmaps(np.array([[10.3, 20.6]]), (48, 64), 2.0)
        >>> keypoints, scores = decode_heatmaps(maps, 2.0)
        >>> keypoints.round(3)
        array([[10.3, 20.6]])
    """
    return _decode(heatmaps, 2, 'heatmaps', (
        sigma, method, modulation, peak, blur_kernel_size, return_covariance,
        target_peak))


def decode_vectors(vectors: Array,
                   sigma: float,
                   *,
                   method: str = 'dark',
                   modulation: bool = True,
                   peak: str = 'modulated',
                   blur_kernel_size: Optional[int] = None
                   ) -> Tuple[Array, Array]:
    r"""Read sub-bin positions off vectors, which are maps of one axis.

    Args:
        vectors (np.ndarray | Tensor): Vectors in shape (..., W).
        sigma (float): The training sigma; bins.
        method, modulation, peak, blur_kernel_size: As of
            :func:`decode_heatmaps`.

    Returns:
        tuple:
        - positions (np.ndarray | Tensor): in shape (...); bins, -1 where
          there is no keypoint
        - scores (np.ndarray | Tensor): The maximum of every vector, in shape
          (...)

        As of :func:`decode_heatmaps`, whose notes hold along one axis.

    Raises:
        ValueError, TypeError: As of :func:`decode_heatmaps`.

    Example:
        >>> import numpy as np
        >>> from mmpose_dark.functional import encode_vectors
        >>> vectors = encode_vectors(np.array([30.3, .2]), 96, 4.9)
        >>> decode_vectors(vectors, 4.9)[0].round(3)
        array([30.3,  0.2])
    """
    positions, scores = _decode(vectors, 1, 'vectors', (
        sigma, method, modulation, peak, blur_kernel_size, False, 1.))
    return positions[..., 0], scores


def decode_volumes(volumes: Array,
                   sigma: float,
                   *,
                   method: str = 'dark',
                   modulation: bool = True,
                   peak: str = 'modulated',
                   blur_kernel_size: Optional[int] = None,
                   return_covariance: bool = False,
                   target_peak: float = 1.) -> Tuple[Array, ...]:
    r"""Read sub-voxel keypoints off volumes, which are maps of three axes.

    Args:
        volumes (np.ndarray | Tensor): Volumes in shape (..., D, H, W), of
            which D is the depth.
        sigma, method, modulation, peak, blur_kernel_size, return_covariance,
            target_peak: As of :func:`decode_heatmaps`; voxels.

    Returns:
        tuple:
        - keypoints (np.ndarray | Tensor): Positions (x, y, z) in shape
          (..., 3); voxels, z along the depth
        - scores (np.ndarray | Tensor): The maximum of every volume, in shape
          (...)
        - covariances (np.ndarray | Tensor): only with ``return_covariance``:
          in shape (..., 3, 3); squared voxels. Of a noisy volume they are
          too small, as the highest of very many voxels is taken for the
          peak: with noise of a tenth of it, 95 % hold 73 %, see
          ``docs/benchmark.md``

        As of :func:`decode_heatmaps`, whose notes hold along three axes.

    Raises:
        ValueError, TypeError: As of :func:`decode_heatmaps`.

    Example:
        >>> import numpy as np
        >>> g = np.exp(-(np.arange(24) - np.array(
        ...     [[10.3], [12.6], [7.8]]))**2 / 8)
        >>> volume = g[2][:, None, None] * g[1][:, None] * g[0]
        >>> decode_volumes(volume, 2.)[0].round(3)
        array([10.3, 12.6,  7.8])
    """
    return _decode(volumes, 3, 'volumes', (
        sigma, method, modulation, peak, blur_kernel_size, return_covariance,
        target_peak))


class _How(NamedTuple):
    """The arguments of a decoding, checked."""
    sigma: float
    method: str
    modulation: bool
    peak: str
    kernel: Kernel
    of_sigma: bool  # the kernel
    return_covariance: bool
    target_peak: float
    shape: Tuple[int, ...]  # of the maps, without axes of one pixel


def _checked(arguments: Tuple[Any, ...]) -> _How:
    try:
        return _how(*arguments)
    except TypeError:  # one that cannot be looked up; it will be complained of
        return _how.__wrapped__(*arguments)


@lru_cache(maxsize=64, typed=True)
def _how(sigma: Any, method: Any, modulation: Any, peak: Any,
         blur_kernel_size: Any, return_covariance: Any,
         target_peak: Any, full: Tuple[int, ...]) -> _How:
    sigma = check_sigma(sigma)
    check_choice('method', method, METHODS)
    check_choice('peak', peak, PEAKS)
    check_choice('modulation', modulation, (True, False))
    check_choice('return_covariance', return_covariance, (True, False))
    if return_covariance:
        check_has_covariance(method, modulation, 'method')
    kernel = Kernel.of(sigma, check_blur_kernel_size(blur_kernel_size))
    # An axis of one pixel is none; of a map of one pixel the last one stays.
    shape = tuple(n for n in full if n > 1) or (1, )
    return _How(sigma, method, modulation, peak, kernel.within(max(shape)),
                kernel == Kernel.of(sigma), return_covariance,
                check_positive(target_peak, 'target_peak'), shape)


def _decode(maps: Any, axes: int, name: str,
            arguments: Tuple[Any, ...]) -> Tuple[Any, ...]:
    """Positions (..., D), scores and, if asked for, covariances of maps."""
    xp, maps = as_maps(maps, axes, name)
    lead, full = tuple(maps.shape[:-axes]), tuple(maps.shape[-axes:])
    how = _checked((*arguments, full))
    maps = maps.reshape(-1, *how.shape)
    if maps.shape[0] == 0:  # len() would fix the batch size of an export
        shapes = [(*lead, axes), lead, (*lead, axes, axes)]
        return tuple(maps.reshape(shape)
                     for shape in shapes[:2 + how.return_covariance])

    with xp.guard(maps):
        at, top, step, refined, view = _peak_and_step(xp, maps, how)
        if how.method == 'dark':
            step = xp.put_where(
                ~refined, step, lambda which: quarter_shift(
                    xp, maps, at[:, which], which))
        finite = xp.isfinite(top)
        present = finite & (top > 0)
        score = xp.where(finite, top, 0.)
        points = xp.to_float(at, maps) + step
        found = xp.where(present, _with_missing_axes(xp, points, full), -1.)
        out = [found.T.reshape(*lead, axes), score.reshape(lead)]
        if how.return_covariance:
            cov = covariance(xp, maps, points, top, present & refined,
                             how.sigma, how.target_peak, view, full)
            out.append(cov.reshape(*lead, axes, axes))
    return tuple(out)


def _peak_and_step(xp: Backend, maps: Any, how: _How
                   ) -> Tuple[Any, Any, Any, Any, Optional[View]]:
    """Integer peaks and their values, steps (D, M) off them, which are good.

    The value is the maximum of the raw map, wherever the peak is. And what
    the fit has seen of the peaks by the kernel of sigma, or ``None``.
    """
    shape, limit = maps.shape[1:], 2 * how.sigma
    if how.method == 'dark' and how.modulation:
        if how.peak == 'raw':
            return (*official_or_fit(xp, maps, how.kernel, limit), None)
        at, top, around = modulated_peak(xp, maps, how.kernel)
        step, good, view = fit(xp, around, at, how.kernel, shape)
        return at, top, step, good, view if how.of_sigma else None
    at, top = highest(xp, maps)
    if how.method == 'dark':
        stencils = xp.windows(maps, at, 2)
        return at, top, *official_step(xp, stencils, at, shape, limit), None
    step = (quarter_shift(xp, maps, at) if how.method == 'shift' else
            xp.to_float(0 * at, maps))
    return at, top, step, top == top, None


def _with_missing_axes(xp: Backend, points: Any,
                       shape: Sequence[int]) -> Any:
    """Points (d, M) with 0 along each axis of one pixel, (D, M)."""
    if points.shape[0] == len(shape):
        return points
    rest = iter(points)
    return xp.stack([next(rest, 0 * points[0]) if size > 1 else 0 * points[0]
                     for size in shape[::-1]])


def scale_keypoints(keypoints: Array, factor: Sequence[float],
                    centre: Optional[Sequence[float]] = None) -> Array:
    """From pixels of a map to those of the image that it stands for.

    Args:
        keypoints (np.ndarray | Tensor): Positions, x first, in shape
            (..., D); pixels of the map.
        factor (Sequence[float]): Size of a pixel along each of the D axes.
        centre (Sequence[float]): What to add before, along each axis; pixels
            of the map. Defaults to nothing: pixel 0 lies on pixel 0.

    Returns:
        np.ndarray | Tensor: ``(keypoints + centre) * factor``.
    """
    xp = backend_of(keypoints)
    keypoints = xp.as_float(keypoints, 'keypoints')
    by = _constants(xp, keypoints, *factor)
    if centre is None or not any(centre):
        return keypoints * by
    return (keypoints + _constants(xp, keypoints, *centre)) * by


def scale_covariances(covariances: Array, factor: Any) -> Array:
    """Covariances of :func:`scale_keypoints`.

    Args:
        covariances (np.ndarray | Tensor): in shape (..., D, D); squared
            pixels.
        factor (Sequence[float] | np.ndarray | Tensor): Size of a pixel along
            each axis, x first; an array in shape (..., D) where it differs
            from one to the next.

    Returns:
        np.ndarray | Tensor: Each times the outer product of ``factor`` with
        itself.
    """
    xp = backend_of(covariances)
    covariances = xp.as_float(covariances, 'covariances')
    if hasattr(factor, 'ndim'):
        return covariances * (factor[..., :, None] * factor[..., None, :])
    by = _constants(xp, covariances, *(a * b for a in factor for b in factor))
    return covariances * by.reshape(len(factor), len(factor))


@table
def _constants(xp: Backend, like: Any, *values: float) -> Any:
    """(len(values), ) numbers that are known before any data."""
    return xp.array(values, like)
