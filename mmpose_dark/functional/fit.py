r"""The local fit: DARK's expansion, repeated where it leads.

The normalised modulated map (see :mod:`.peaks`) is defined at every real
position :math:`c`, not only at pixels,

.. math::
    \hat h(c) = \frac{\sum_i h_i\,g(i - c)}{\sqrt{\sum_i g(i - c)^2}},

and so are the gradient and Hessian of its logarithm, from derivatives of
:math:`g`. Its maximum is the least-squares position of a Gaussian of known
sigma and free amplitude on the pixels that exist; far from the border the
denominator is constant and one expansion at the integer peak is the paper's.
Pixels below zero count as zero here: they are no part of a Gaussian, and a
negative background would pull towards the border, where less of it is seen.
"""
from functools import lru_cache

import numpy as np

from ._backend import NumpyBackend
from .step import newton_step

#: The first expansion is the paper's. Two more, each taken where the last one
#: arrived, matter where the Gaussian is cut by the border or noisy.
EXPANSIONS = 3
#: What a further expansion must promise, in px, to be worth taking where work
#: may follow the data: the error left is about the square of this.
WORTHWHILE = 0.01


def inside_map(xp, centre, radius, size, like):
    """(..., 2 * radius + 1): 1 for pixels around ``centre`` on the map."""
    pixel = xp.to_float(centre, like)[..., None] + xp.arange(
        -radius, radius + 1, like)
    return xp.to_float((pixel >= 0) & (pixel < size), like)


def fit(xp, maps, y, x, kernel, which=None):
    """Climb from integer peaks to the maximum of the modulated map.

    Args:
        xp: The backend.
        maps (array): Heatmaps in shape (M, H, W).
        y, x (array): Integer peaks in shape (m,).
        kernel (Kernel): The modulation kernel.
        which (array, optional): The m maps that the peaks belong to.

    Returns:
        tuple: dx, dy from the integer peak, in shape (m,), heatmap pixels,
        and whether the Hessian at the peak was negative definite.
    """
    windows, inside = _windows(xp, maps, y, x, kernel.radius + 1, which)
    windows = xp.clip(windows, 0., None)
    size = maps.shape[1:]
    products, energies = _at_the_pixel(xp, windows, inside, kernel.sigma)
    dx, dy, fitted, length = _bounded_step(xp, products, energies, size)
    for _ in range(EXPANSIONS - 1):
        if not xp.dynamic:
            products, energies = _at(xp, windows, inside, dx, dy,
                                     kernel.sigma)
            more_x, more_y, _, _ = _bounded_step(
                xp, products, energies, size)
            dx, dy = dx + more_x, dy + more_y
            continue
        some = np.flatnonzero(length > WORTHWHILE)
        if len(some) == 0:
            break
        products, energies = _at(xp, windows[some], inside[:, some],
                                 dx[some], dy[some], kernel.sigma)
        more_x, more_y, _, more = _bounded_step(
            xp, products, energies, size)
        dx[some] += more_x
        dy[some] += more_y
        length = np.zeros_like(length)
        length[some] = more
    return dx, dy, fitted


def covariance(xp, maps, py, px, fitted, kernel):
    """Covariance of fitted positions, see :func:`.decode_heatmaps`.

    Args:
        xp: The backend.
        maps (array): Heatmaps in shape (M, H, W).
        py, px (array): Positions in shape (M,); heatmap pixels.
        fitted (array): Whether there is a fit, in shape (M,).
        kernel (Kernel): The modulation kernel.

    Returns:
        array: (M, 4) entries xx, xy, yx, yy; squared heatmap pixels.
    """
    height, width = maps.shape[1:]
    fx = xp.where(fitted, px, 0.)
    fy = xp.where(fitted, py, 0.)
    # A position may lie a pixel outside; its window is cut around the border.
    x = xp.clip(xp.to_index(xp.floor(fx + 0.5)), 0, width - 1)
    y = xp.clip(xp.to_index(xp.floor(fy + 0.5)), 0, height - 1)
    windows, inside = _windows(xp, maps, y, x, kernel.radius, None)
    products, energies = _at(xp, windows, inside, fx - xp.to_float(x, maps),
                             fy - xp.to_float(y, maps), kernel.sigma)
    value, energy = products[:, 0], energies[0, :, 0] * energies[1, :, 0]
    _, _, hxx, hyy, hxy = _derivatives_of_log(products, energies)
    # Residual power of the best amplitude, less the three fitted parameters.
    power = (windows * windows).sum(2).sum(1) - value * value / energy
    count = inside[0].sum(1) * inside[1].sum(1) - 3
    noise = xp.where(power > 0, power, 0.) / xp.where(count > 1, count, 1.)
    det = hxx * hyy - hxy * hxy
    scale = noise * energy / (value * value) / det
    usable = (fitted & (hxx < 0) & (det > 0) & xp.isfinite(scale) &
              (value > 0))

    def entry(term, otherwise):
        return xp.where(usable, scale * term, otherwise)

    xx, yy = entry(-hyy, width**2 / 12), entry(-hxx, height**2 / 12)
    xy = entry(hxy, 0.)
    return xp.stack([xx, xy, xy, yy], -1)


def _windows(xp, maps, y, x, reach, which):
    """(M, w, w) windows and (2, M, w) what of x and y is on the map."""
    inside = xp.stack([
        inside_map(xp, x, reach, maps.shape[2], maps),
        inside_map(xp, y, reach, maps.shape[1], maps)
    ], 0)
    return xp.windows(maps, y, x, reach, reach, which), inside


def _bounded_step(xp, products, energies, size):
    """A Newton step of at most 1 px, the reach of the window's margin.

    Args:
        products, energies (array): See :func:`_derivatives_of_log`.
        size (tuple[int, int]): (H, W) of the map. Along an axis of one pixel
            nothing is known, and there is no step.

    Returns:
        tuple: dx, dy, whether there is a step (else it is 0) and its length.
    """
    gx, gy, hxx, hyy, hxy = _derivatives_of_log(products, energies)
    if 1 in tuple(size):
        hxy = 0. * hxy
    if size[1] == 1:
        gx, hxx = 0. * gx, 0. * hxx - 1
    if size[0] == 1:
        gy, hyy = 0. * gy, 0. * hyy - 1
    dx, dy, ok = newton_step(gx, gy, hxx, hyy, hxy)
    length = xp.where(abs(dx) > abs(dy), abs(dx), abs(dy))
    ok = ok & (products[:, 0] > 0) & xp.isfinite(length)
    shrink = 1 / xp.where(length > 1, length, 1.)
    return (xp.where(ok, dx * shrink, 0.), xp.where(ok, dy * shrink, 0.), ok,
            xp.where(ok, length, 0.))


def _derivatives_of_log(products, energies):
    """Gradient and Hessian of log h^ from sums over the window.

    Args:
        products (array): (M, 6) sums of the map with g and its derivatives by
            x, y, xx, yy and xy.
        energies (array): (2, M, 3) for axes x and y sums of g^2, g g' and
            g'^2 + g g''.

    Returns:
        tuple: gradient x and y, Hessian xx, yy and xy, each in shape (M,).
    """
    value = products[:, :1]
    gx, gy, hxx, hyy, hxy = (products[:, 1:] / value).T
    slope = energies[:, :, 1] / energies[:, :, 0]
    bend = energies[:, :, 2] / energies[:, :, 0] - 2 * slope * slope
    return (gx - slope[0], gy - slope[1], hxx - gx * gx - bend[0],
            hyy - gy * gy - bend[1], hxy - gx * gy)


def _at_the_pixel(xp, windows, inside, sigma):
    """Products and energies at the middle of every window.

    All windows share their weights here, so both are one matrix product.
    """
    reach = windows.shape[1] // 2
    weights, squares = _weights_at_the_pixel(xp, windows, reach, sigma)
    return windows.reshape(windows.shape[0], -1) @ weights, inside @ squares


def _weights_at_the_pixel(xp, like, reach, sigma):
    if xp.dynamic:
        return _cached_weights(reach, sigma, like.dtype.type)
    return _make_weights(xp, like, reach, sigma)


@lru_cache(maxsize=64)
def _cached_weights(reach, sigma, dtype):
    return _make_weights(NumpyBackend, np.empty(0, dtype), reach, sigma)


def _make_weights(xp, like, reach, sigma):
    u = xp.arange(-reach, reach + 1, like) / sigma
    g, g1, g2 = _gaussian_and_derivatives(xp, u, sigma)
    pairs = ((g, g), (g, g1), (g1, g), (g, g2), (g2, g), (g1, g1))
    weights = xp.stack(
        [(row[:, None] * column).reshape(-1) for row, column in pairs], -1)
    return weights, xp.stack([g * g, g * g1, g1 * g1 + g * g2], -1)


def _at(xp, windows, inside, cx, cy, sigma):
    """Products and energies at (cx, cy) from the middle of each window."""
    reach = windows.shape[1] // 2
    u = (xp.arange(-reach, reach + 1, windows) -
         xp.stack([cx, cy], 0)[:, :, None]) / sigma
    g, g1, g2 = _gaussian_and_derivatives(xp, u, sigma)
    g = g * inside
    energies = xp.stack([(g * g).sum(2), (g * g1).sum(2),
                         ((g1 * g1 + g * g2) * inside).sum(2)], -1)
    (gx, gy), (gx1, gy1), (gx2, gy2) = g, g1, g2
    # Windows are 0 outside the map, so their weights there do not matter.
    # Sums over x for the three weights, then those over y that are needed.
    by_x = [(windows @ column[:, :, None])[:, :, 0]
            for column in (gx, gx1, gx2)]
    pairs = ((gy, 0), (gy, 1), (gy1, 0), (gy, 2), (gy2, 0), (gy1, 1))
    products = xp.stack([(row * by_x[i]).sum(1) for row, i in pairs], -1)
    return products, energies


def _gaussian_and_derivatives(xp, u, sigma):
    """Gaussian and two derivatives by its centre, at u = (i - c) / sigma."""
    g = xp.exp(-0.5 * u * u)
    return g, g * u / sigma, g * (u * u - 1) / sigma**2
