r"""How far off a position may be, read from the heatmap itself.

A network trained by squared error predicts the mean of its targets. Where
they are Gaussians :math:`G` of standard deviation :math:`\sigma` and peak 1,

.. math:: h(x) = E[G(x - \mu)],

the distribution of the joint :math:`\mu`, given the picture, blurred by the
target. If that distribution is normal, :math:`\mu\sim N(m, P)`, the heatmap
tells :math:`P` twice:

- by its peak value :math:`s = h(m)`:
  :math:`\det(\sigma^2 I + P) = \sigma^{2 D} / s^2`, D the number of axes
- by its shape: once modulated by the same Gaussian, its logarithm has the
  Hessian :math:`\mathcal{H} = -(2 \sigma^2 I + P)^{-1}`

The shape is known well where the peak is, the size of what lies further out is
not. So the Hessian gives the axes and the peak value the size: :math:`P =
\lambda C` with :math:`C = -\mathcal{H}^{-1}` and, of two axes,

.. math::
    \lambda = \frac{2 \sigma^2 e}
        {\mathrm{tr}\,C + \sqrt{(\mathrm{tr}\,C)^2 + 4 e \det C}},
    \qquad e = \frac{1}{s^2} - 1,

the positive solution of the first equation (of three axes it is one of a cubic
equation). C is as round as :math:`2 \sigma^2
I + P`, so a small spread comes out rounder than it is: of its axes a Hessian
says little.

Four things that are not in this model are added. They hold no constant that
was fitted; that it is these four, of many that were tried, was chosen by how
often the ellipses held the true joints of one real network:

- Peak and shape need not agree: a mode as high and wide as this one holds
  the share :math:`w = a \sqrt{\det C} / (2 \sigma^2)^{D/2}` of the
  distribution, :math:`a = \sum h g / \sum g^2`. The rest is elsewhere, and
  taken to lie off the mode by as much as that is wide: the covariance of the
  two together is
  :math:`w \lambda C + (1 - w)\,2 \lambda C = (2 - w) \lambda C`.
- Nothing is known better than to a pixel of the grid on which the network saw
  its targets: the determinant is at least that of the variance of a position
  uniform on a pixel, 1 / 12 px^2 along each axis.
- Pixel noise of variance :math:`\hat n^2`, what the Gaussian :math:`a g`
  leaves over in the window, adds :math:`\hat n^2 / (a^2 \sum g^2)\,C`, the
  Cramer-Rao bound of the fit.
- The joint is on the map: the inverse covariance of a position uniform on it
  is added to the inverse of the result, which so is never wider than the map.

What this is not: where a network takes left for right, or another person for
this one, and shows one sharp peak, nothing in its heatmap says so. It also
stands on the network: one that is unsure of the amplitude it draws, or draws
blurred what it knows exactly, is off by as much.
"""
from functools import lru_cache, reduce
from itertools import combinations, product
from operator import add
from typing import Any, List, Optional, Sequence, Tuple

from .backends import Backend, table
from .fit import View, adjugate, definite, derivatives_of_log, look
from .modulate import Kernel
from .peak import nearest_pixel

#: Variance of a position uniform on a pixel; squared pixels.
PIXEL = 1 / 12

#: Peak values below it are as good as none.
FAINT = 1e-6


def covariance(xp: Backend, maps: Any, points: Any, top: Any, fitted: Any,
               sigma: float, target_peak: float, view: Optional[View],
               full: Tuple[int, ...]) -> Any:
    """Covariance of decoded positions, see the top of this module.

    Args:
        xp: The backend.
        maps (Array): in shape (M, ...), axes of one pixel left out.
        points (Array): Positions, x first, in shape (d, M); px.
        top (Array): The maxima of the maps in shape (M,).
        fitted (Array): Whether there is a fit, in shape (M,).
        sigma (float): Standard deviation of the targets; px.
        target_peak (float): The maximum of the targets.
        view (View, optional): What a fit has seen of the peaks; ``None``: to
            be looked at here.
        full (tuple[int]): Shape of a map with all its axes D.

    Returns:
        Array: (M, D * D) entries, x first; squared px. Of a position uniform
        on the map where there is no fit, no Hessian that is negative definite
        or no more than D + 2 pixels, and along an axis of one pixel.
    """
    pixel, offset = nearest_pixel(xp, maps, xp.where(fitted, points, 0.))
    peak = _peak_value(xp, top / target_peak, offset, sigma)
    if view is None:
        kernel = Kernel.of(sigma).within(max(maps.shape[1:]))
        view = look(xp, maps, pixel, offset, kernel)
    # All by the inverse Q of the shape C, which is minus the Hessian.
    inverse, amplitude, width, noise = _shape(xp, view, sigma)
    axes = maps.ndim - 1
    diagonal = inverse[:axes]
    own, _, det = adjugate(diagonal, inverse[axes:])
    root = xp.sqrt(det)
    minors = [reduce(add, of) for of in (own, diagonal)[3 - axes:]]
    spread = _size(xp, peak, minors, det, sigma)
    share = width * amplitude / (root * (target_peak * sigma**axes))
    spread = spread * (2 - xp.clip(share, 0., 1.))
    mean = root if axes == 2 else root**(2 / axes)
    scale = xp.maximum(spread, PIXEL * mean) + noise
    usable = fitted & definite(diagonal, own, det) & xp.isfinite(scale)
    known = xp.where(usable, inverse / scale, 0.)
    own, others, det = adjugate(
        known[:axes] + _on_map(xp, maps, *maps.shape[:0:-1]), known[axes:])
    entries = [entry / det for entry in (*own, *others)]
    # Along an axis of one pixel it alone is known.
    return xp.stack([
        0. * det + rest if given is None else entries[given]
        for given, rest in _layout(full)]).T


@lru_cache(maxsize=None)
def _layout(full: Tuple[int, ...]) -> List[Tuple[Optional[int], float]]:
    """For each of the D * D entries, which it is of the diagonal and what is
    above it, axes of one pixel left out, or ``None`` and what it is there.
    """
    kept = [i for i, size in enumerate(full[::-1]) if size > 1] or [0]
    names = [(i, i) for i in kept] + list(combinations(kept, 2))
    given = {name: k for k, name in enumerate(names)}
    return [(given.get((min(i, j), max(i, j))), PIXEL * (i == j))
            for i, j in product(range(len(full)), repeat=2)]


@table
def _on_map(xp: Backend, like: Any, *sizes: int) -> Any:
    """(d, 1): over the variance of a position uniform on each axis."""
    return xp.array([[12 / size**2] for size in sizes], like)


def _peak_value(xp: Backend, top: Any, offset: Any, sigma: float) -> Any:
    """What the brightest pixel would be if its middle were the position.

    A peak of value s falls as exp(-s^(2/D) d^2 / (2 sigma^2)): its covariance
    is sigma^2 / s^(2/D) where it is round. Above 1 it is too sure of itself.
    """
    d = xp.clip(offset, -0.5, 0.5)
    axes, square = d.shape[0], xp.einsum('dm,dm->m', d, d)
    seen = xp.clip(top, 0., 1.)
    if axes != 2:
        seen = seen**(2 / axes)
    return xp.clip(top * xp.exp(seen * square / (2 * sigma**2)), FAINT, 1.)


def _shape(xp: Backend, view: View, sigma: float) -> Tuple[Any, ...]:
    """Hessian of the log modulated map, amplitude and noise at positions.

    Returns:
        tuple: Of minus the Hessian the diagonal and what stands above it,
        1 / px^2; the amplitude a of the best Gaussian; the root of the product
        of the variances of squared kernel taps along each axis, in units of
        their sigma, 1/2 each off the border; the variance of pixel noise over
        the energy of the Gaussian. Each (M,) but the first.
    """
    around, inside, (products, energies) = view
    _, diagonal, above = derivatives_of_log(view.sums)
    axes = diagonal.shape[0]
    one = energies[..., 0]
    centre = energies[..., 1] / one
    width = energies[..., 2] / one - centre * centre
    energy, spread, pixels = one[0], width[0], inside.sum(2)
    num = pixels[0]
    for axis in range(1, axes):
        energy, spread = energy * one[axis], spread * width[axis]
        num = num * pixels[axis]
    amplitude = products[0] / energy
    # In units of the amplitude, since squares may overflow. Noise below zero
    # is noise as well, so these windows are not clipped.
    around = xp.where(xp.isfinite(around), around, 0.)
    around = around.reshape(around.shape[0], -1) / amplitude[:, None]
    left = xp.einsum('mp,mp->m', around, around) - energy
    # Position and amplitude are D + 1 parameters. No more pixels: no noise
    # known.
    noise = xp.at_least(left, 0.) / (num - axes - 1) / energy
    noise = xp.where(num > axes + 2, noise, float('inf'))
    return (xp.stack([*diagonal, *above]) / sigma**2, amplitude,
            xp.sqrt(spread), noise)


def _size(xp: Backend, peak: Any, coefficients: Sequence[Any], det: Any,
          sigma: float) -> Any:
    """Lambda: det(sigma^2 I + lambda C) = sigma^(2 D) / peak^2.

    With t = lambda / sigma^2 and Q the inverse of C, det(Q + t I) is det Q /
    peak^2: a polynomial in t, whose ``coefficients`` of t and, of three axes,
    t^2 are sums of minors of Q. The highest one is 1.
    """
    excess = det / (peak * peak) - det
    if not coefficients:
        return sigma**2 * excess
    if len(coefficients) == 1:
        trace = coefficients[0]
        return 2 * sigma**2 * excess / (
            trace + xp.sqrt(trace * trace + 4 * excess))
    one, two = coefficients
    # Each term alone bounds t from above, to a third at most; from there
    # Newton's way down a convex curve never overshoots.
    t = -xp.maximum(-excess / one, xp.maximum(
        -xp.sqrt(excess / two), -excess**(1 / 3)))
    for _ in range(6):
        value = ((t + two) * t + one) * t - excess
        t = t - value / ((3 * t + 2 * two) * t + one)
    return sigma**2 * t
