r"""Decoding: heatmaps to sub-pixel keypoints (the paper's Eq. 1 and 3-11).

DARK takes a heatmap for a Gaussian of unknown centre :math:`\mu`, whose
logarithm is a paraboloid, and reads :math:`\mu` off the second-order Taylor
expansion at the peak :math:`m` of the modulated map :math:`h'`:

.. math::
    \mu = m - \mathcal{H}^{-1} \nabla,\qquad
    \nabla = \nabla\log h'(m),\quad \mathcal{H} = \nabla^2 \log h'(m)

Symbols: B batch, K keypoints, M = all leading dimensions times K, (W, H)
heatmap size. Coordinates are heatmap pixels with pixel centres on integers.

Two readings of the step are offered. ``peak='raw'`` is the official code: m is
the brightest raw pixel and the derivatives are central differences of
:math:`\log h'`. ``peak='modulated'``, the default, is the paper's own m and
uses exact derivatives of the log of the modulated map normalised at the
border (see :mod:`._fit`), expanded again where that leads. That makes it the
maximum-likelihood position of a Gaussian of known sigma under white noise, at
the border too.
"""
from functools import lru_cache
from typing import Any, NamedTuple, Optional, Sequence, Tuple

from ._backend import Array, Backend, as_maps, backend_of, table
from ._checks import (
    check_blur_kernel_size,
    check_choice,
    check_positive,
    check_sigma,
)
from ._fit import fit
from ._official import official_or_fit, official_step
from ._peaks import modulated_peak, raw_peak
from ._search import bounded_modulated_peak
from ._shift import quarter_shift
from ._windows import windows
from .covariance import covariance
from .modulate import Kernel

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
          always finite, and at most 3 px off the map.
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
          alone makes. Where there is no keypoint, no fit or no more than 4
          pixels: the variance of a uniform position on the map. Derived in
          :mod:`.covariance`.

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
    how = _checked(sigma, method, modulation, peak, blur_kernel_size,
                   return_covariance, target_peak)
    xp, maps = as_maps(heatmaps)
    lead, shape = tuple(maps.shape[:-2]), tuple(maps.shape[-2:])
    maps = maps.reshape(-1, *shape)
    if maps.shape[0] == 0:  # len() would fix the batch size of an export
        nothing = xp.full(lead, 0., maps)
        shapes = [(*lead, 2), lead] + [(*lead, 2, 2)] * return_covariance
        return tuple(nothing.reshape(shape) for shape in shapes)

    with xp.guard(maps):
        y, x, top, step, refined, view = _peak_and_step(xp, maps, how)
        if method == 'dark':
            step = xp.put_where(
                ~refined, step, lambda which: quarter_shift(
                    xp, maps[which], y[which], x[which]))
        present = xp.isfinite(top) & (top > 0)
        score = xp.where(xp.isfinite(top), top, 0.)
        points = (xp.to_float(xp.stack([x, y]), maps) + step).T
        points = xp.where(present[:, None], points, -1.)
        out = [points.reshape(*lead, 2), score.reshape(lead)]
        if return_covariance:
            cov = covariance(xp, maps, points, top, present & refined,
                             how.sigma, how.target_peak, view)
            out.append(cov.reshape(*lead, 2, 2))
    return tuple(out)


class _How(NamedTuple):
    """The arguments of a decoding, checked."""
    sigma: float
    method: str
    modulation: bool
    peak: str
    kernel: Kernel
    of_sigma: bool  # the kernel
    target_peak: float


def _checked(*arguments: object) -> _How:
    try:
        return _how(*arguments)
    except TypeError:  # one that cannot be looked up; it will be complained of
        return _how.__wrapped__(*arguments)


@lru_cache(maxsize=64, typed=True)
def _how(sigma, method, modulation, peak, blur_kernel_size,
         return_covariance, target_peak):
    sigma = check_sigma(sigma)
    check_choice('method', method, METHODS)
    check_choice('peak', peak, PEAKS)
    check_choice('modulation', modulation, (True, False))
    check_choice('return_covariance', return_covariance, (True, False))
    kernel = Kernel.of(sigma, check_blur_kernel_size(blur_kernel_size))
    if return_covariance and not (method == 'dark' and modulation):
        raise ValueError("return_covariance needs method='dark' with "
                         f'modulation, got method={method!r}, '
                         f'modulation={modulation!r}')
    return _How(sigma, method, modulation, peak, kernel,
                kernel == Kernel.of(sigma),
                check_positive(target_peak, 'target_peak'))


def _peak_and_step(xp: Backend, maps: Array, how: _How) -> Tuple[Any, ...]:
    """Integer peaks and their values, steps (2, M) off them, which are good.

    The value is the maximum of the raw map, wherever the peak is. And what
    the fit has seen of the peaks by the kernel of sigma, or ``None``.
    """
    shape = maps.shape[1:]
    limit = 2 * how.sigma
    if how.method == 'dark' and how.modulation:
        if how.peak == 'raw':
            return (*official_or_fit(xp, maps, limit, how.kernel), None)
        search = bounded_modulated_peak if xp.dynamic else modulated_peak
        y, x, top, around = search(xp, how.kernel, maps)
        step, good, view = fit(xp, around, y, x, how.kernel, shape)
        return y, x, top, step, good, view if how.of_sigma else None
    y, x, top = raw_peak(xp, maps)
    good = top == top
    if how.method == 'dark':
        return (y, x, top, *official_step(
            xp, windows(xp, maps, y, x, 2), y, x, shape, limit), None)
    if how.method == 'shift':
        return y, x, top, quarter_shift(xp, maps, y, x), good, None
    return y, x, top, xp.full((2, 1), 0., maps), good, None


def scale_keypoints(keypoints: Array, factor: Sequence[float],
                    centre: Sequence[float] = (0., 0.)) -> Array:
    """From pixels of a map to those of the image that it stands for.

    Args:
        keypoints (np.ndarray | Tensor): Positions (x, y) in shape (..., 2);
            heatmap pixels.
        factor (Sequence[float]): Size of a heatmap pixel along x and y.
        centre (Sequence[float]): What to add before, along x and y; heatmap
            pixels. Defaults to nothing: pixel 0 lies on pixel 0.

    Returns:
        np.ndarray | Tensor: ``(keypoints + centre) * factor``.
    """
    xp = backend_of(keypoints)
    keypoints = xp.as_float(keypoints, 'keypoints')
    by = _constants(xp, keypoints, *centre, *factor)
    return (keypoints + by[:2]) * by[2:]


def scale_covariances(covariances: Array, factor: Sequence[float]) -> Array:
    """Covariances of :func:`scale_keypoints`.

    Args:
        covariances (np.ndarray | Tensor): in shape (..., 2, 2); squared
            heatmap pixels.
        factor (Sequence[float]): Size of a heatmap pixel along x and y.

    Returns:
        np.ndarray | Tensor: Each times the outer product of ``factor`` with
        itself.
    """
    xp, (x, y) = backend_of(covariances), factor
    covariances = xp.as_float(covariances, 'covariances')
    by = _constants(xp, covariances, x * x, x * y, y * x, y * y)
    return covariances * by.reshape(2, 2)


@table
def _constants(xp: Backend, like: Array, *values: float) -> Array:
    """(len(values), ) numbers that are known before any data."""
    return xp.stack([xp.full((), value, like) for value in values])
