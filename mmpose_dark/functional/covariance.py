r"""How far off a position may be, read from the heatmap itself.

A network trained by squared error predicts the mean of its targets. Where
they are Gaussians :math:`G` of standard deviation :math:`\sigma` and peak 1,

.. math:: h(x) = E[G(x - \mu)],

the distribution of the joint :math:`\mu`, given the picture, blurred by the
target. If that distribution is normal, :math:`\mu\sim N(m, P)`, the heatmap
tells :math:`P` twice:

- by its peak value :math:`s = h(m)`:
  :math:`\det(\sigma^2 I + P) = \sigma^4 / s^2`
- by its shape: once modulated by the same Gaussian, its logarithm has the
  Hessian :math:`\mathcal{H} = -(2 \sigma^2 I + P)^{-1}`

The shape is known well where the peak is, the size of what lies further out is
not. So the Hessian gives the axes and the peak value the size: :math:`P =
\lambda C` with :math:`C = -\mathcal{H}^{-1}` and

.. math::
    \lambda = \frac{2 \sigma^2 e}
        {\mathrm{tr}\,C + \sqrt{(\mathrm{tr}\,C)^2 + 4 e \det C}},
    \qquad e = \frac{1}{s^2} - 1,

the positive solution of the first equation. C is as round as :math:`2 \sigma^2
I + P`, so a small spread comes out rounder than it is: of its axes a Hessian
says little.

Four things that are not in this model are added. They hold no constant that
was fitted; that it is these four, of many that were tried, was chosen by how
often the ellipses held the true joints of one real network:

- Peak and shape need not agree: a mode as high and wide as this one holds
  the share :math:`w = a \sqrt{\det C} / (2 \sigma^2)` of the distribution,
  :math:`a = \sum h g / \sum g^2`. The rest is elsewhere, and taken to lie off
  the mode by as much as that is wide: the covariance of the two together is
  :math:`w \lambda C + (1 - w)\,2 \lambda C = (2 - w) \lambda C`.
- Nothing is known better than to a pixel of the grid on which the network saw
  its targets: the area is at least that of the variance of a position
  uniform on a pixel, 1 / 12 px^2.
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
from typing import Optional, Tuple

from ._backend import Array, Backend, table
from ._fit import (
    View,
    derivatives_of_log,
    fit_tables,
    inside_map,
    moments,
)
from ._windows import windows
from .modulate import Kernel

#: Variance of a position uniform on a pixel; squared heatmap pixels.
PIXEL = 1 / 12

#: Peak values below it are as good as none.
FAINT = 1e-6


def covariance(xp: Backend, maps: Array, points: Array, top: Array,
               fitted: Array, sigma: float, target_peak: float,
               view: Optional[View] = None) -> Array:
    """Covariance of decoded positions, see the top of this module.

    Args:
        xp: The backend.
        maps (Array): Heatmaps in shape (M, H, W).
        points (Array): Positions (x, y) in shape (M, 2); heatmap pixels.
        top (Array): The maxima of the maps in shape (M,).
        fitted (Array): Whether there is a fit, in shape (M,).
        sigma (float): Standard deviation of the targets; heatmap pixels.
        target_peak (float): The maximum of the targets.
        view (View, optional): What a fit has seen of the peaks. Defaults to
            ``None``: to be looked at here.

    Returns:
        Array: (M, 4) entries xx, xy, yx, yy; squared heatmap pixels. Of a
        position uniform on the map where there is no fit, no Hessian that is
        negative definite or no more than 4 pixels.
    """
    points = xp.where(fitted, points.T, 0.)
    pixel, offset = _nearest_pixel(xp, maps, points)
    peak = _peak_value(xp, top / target_peak, offset, sigma)
    if view is None:
        view = _look(xp, maps, pixel, offset, Kernel.of(sigma))
    inverse, amplitude, width, noise = _shape(xp, view, sigma)
    # All by the inverse Q of the shape C, which is minus the Hessian.
    qxx, qyy, qxy = inverse
    det = qxx * qyy - qxy * qxy
    area = 1 / xp.sqrt(det)
    spread = _size(xp, peak, (qxx + qyy) / det, 1 / det, sigma)
    share = width * area * amplitude / (target_peak * sigma**2)
    spread = spread * (2 - xp.clip(share, 0., 1.))
    scale = xp.maximum(spread, PIXEL / area) + noise
    usable = (fitted & (qxx > 0) & (det > 0) & (amplitude > 0) &
              xp.isfinite(scale * area))
    known_xx, known_yy, known_xy = xp.where(usable, inverse / scale, 0.)
    on_map_y, on_map_x = (12 / size**2 for size in maps.shape[1:])
    return _inverse(xp, known_xx + on_map_x, known_yy + on_map_y, known_xy)


def _nearest_pixel(xp: Backend, maps: Array, points: Array
                   ) -> Tuple[Array, Array]:
    """The nearest pixel (x, y) on the map and (dx, dy) from there."""
    last = _last_pixel(xp, maps, *maps.shape[1:])
    pixel = xp.clip(xp.floor(points + 0.5), 0. * last, last)
    return pixel, points - pixel


@table
def _last_pixel(xp: Backend, like: Array, height: int, width: int) -> Array:
    return xp.stack([xp.full((1, ), size - 1., like)
                     for size in (width, height)])


def _peak_value(xp: Backend, top: Array, offset: Array,
                sigma: float) -> Array:
    """What the brightest pixel would be if its middle were the position.

    A peak of value s falls as exp(-s d^2 / (2 sigma^2)): its covariance is
    sigma^2 / s where it is round. Above 1 it is too sure of itself.
    """
    d = xp.clip(offset, -0.5, 0.5)
    square = d[0] * d[0] + d[1] * d[1]
    lost = xp.clip(top, 0., 1.) * square / (2 * sigma**2)
    return xp.clip(top * xp.exp(lost), FAINT, 1.)


def _look(xp: Backend, maps: Array, pixel: Array, offset: Array,
          kernel: Kernel) -> View:
    """Through windows around pixels (x, y), at an offset from there."""
    x, y = xp.to_index(pixel)
    around = windows(xp, maps, y, x, kernel.window)
    tables = fit_tables(xp, around, kernel.window, kernel.sigma,
                        *maps.shape[1:])
    inside = inside_map(xp, tables, y, x)
    positive = xp.at_least(xp.where(xp.isfinite(around), around, 0.), 0.)
    return View(around, inside, *moments(
        xp, tables, positive, inside, offset / kernel.sigma))


def _shape(xp: Backend, view: View, sigma: float) -> Tuple[Array, ...]:
    """Hessian of the log modulated map, amplitude and noise at positions.

    Returns:
        tuple: of minus the Hessian xx, yy and xy (3, M), 1 / px^2; the
        amplitude a of the best Gaussian; the root of the product of both
        variances of squared kernel taps, in units of their sigma, 1/2 off the
        border; the variance of pixel noise over the energy of the Gaussian.
        Each (M,).
    """
    around, inside, products, energies = view
    _, (hxx, hyy), hxy = derivatives_of_log(xp, products, energies)
    one, by_u, by_uu = energies
    centre = by_u / one
    width = by_uu / one - centre * centre
    energy = one[0] * one[1]
    amplitude = products[0, 0] / energy
    # In units of the amplitude, since squares may overflow. Noise below zero
    # is noise as well, so these windows are not clipped.
    around = xp.where(xp.isfinite(around), around, 0.)
    around = around / amplitude[:, None, None]
    left = xp.einsum('mhw,mhw->m', around, around) - energy
    columns, rows = inside.sum(2)
    # Position and amplitude are 3 parameters. No more pixels: no noise known.
    noise = xp.at_least(left, 0.) / (columns * rows - 3) / energy
    noise = xp.where(columns * rows > 4, noise, float('inf'))
    return (xp.stack([hxx, hyy, hxy]) * (-1 / sigma**2), amplitude,
            xp.sqrt(width[0] * width[1]), noise)


def _size(xp: Backend, peak: Array, trace: Array, det: Array,
          sigma: float) -> Array:
    """Lambda: det(sigma^2 I + lambda C) = sigma^4 / peak^2."""
    excess = 1 / (peak * peak) - 1
    return 2 * sigma**2 * excess / (
        trace + xp.sqrt(trace * trace + 4 * excess * det))


def _inverse(xp: Backend, xx: Array, yy: Array, xy: Array) -> Array:
    """The inverse of symmetric matrices: (M, 4) entries xx, xy, yx, yy."""
    det = xx * yy - xy * xy
    mixed = -xy / det
    return xp.stack([yy / det, mixed, mixed, xx / det]).T
