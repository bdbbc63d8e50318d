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
import numpy as np

from ._backend import table
from .stencil import on_map
from .step import newton_step

#: A step, in px, after which another expansion is worth taking where work may
#: follow the data: the error left is about the square of this.
WORTHWHILE = 0.01


def fit(xp, maps, y, x, kernel, which=None):
    """Climb from integer peaks to the maximum of the modulated map.

    The first expansion is the paper's. Two more, each taken where the last
    one arrived, matter where the Gaussian is cut by the border or noisy.

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
    windows = xp.positive_part(windows)

    def expand(products, energies):
        return _bounded_step(
            xp, products, energies, kernel.sigma, maps.shape[1:])

    def again(windows, inside, dx, dy):
        more_x, more_y, _, length = expand(
            *_at(xp, windows, inside, dx, dy, kernel.sigma))
        return dx + more_x, dy + more_y, length

    dx, dy, fitted, _ = expand(
        *_at_the_pixel(xp, windows, inside, kernel.sigma))
    dx, dy, length = again(windows, inside, dx, dy)
    if not xp.dynamic:
        dx, dy, _ = again(windows, inside, dx, dy)
        return dx, dy, fitted
    some = np.flatnonzero(length > WORTHWHILE)
    if len(some):
        dx[some], dy[some], _ = again(
            windows[some], inside[:, some], dx[some], dy[some])
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
    value, energy = products[:, 0, 0], energies[0][0] * energies[0][1]
    _, (hxx, hyy), hxy = _derivatives_of_log(products, energies)
    # Residual power of the best amplitude, less the three fitted parameters.
    power = (windows * windows).sum(2).sum(1) - value * value / energy
    count = inside[0].sum(1) * inside[1].sum(1) - 3
    noise = xp.where(power > 0, power, 0.) / xp.where(count > 1, count, 1.)
    det = hxx * hyy - hxy * hxy
    scale = kernel.sigma**2 * noise * energy / (value * value) / det
    usable = (fitted & (hxx < 0) & (det > 0) & xp.isfinite(scale) &
              (value > 0))

    def entry(term, otherwise):
        return xp.where(usable, scale * term, otherwise)

    xx, yy = entry(-hyy, width**2 / 12), entry(-hxx, height**2 / 12)
    xy = entry(hxy, 0.)
    return xp.stack([xx, xy, xy, yy], -1)


def _windows(xp, maps, y, x, reach, which):
    """(M, w, w) windows and (2, M, w) what of x and y is on the map."""
    inside = xp.stack([on_map(xp, maps, reach, maps.shape[2])[x],
                       on_map(xp, maps, reach, maps.shape[1])[y]])
    return xp.windows(maps, y, x, reach, reach, which), inside


def _bounded_step(xp, products, energies, sigma, size):
    """A Newton step of at most 1 px, the reach of the window's margin.

    Args:
        products, energies (array): See :func:`_derivatives_of_log`.
        sigma (float): Their unit of length; heatmap pixels.
        size (tuple[int, int]): (H, W) of the map. Along an axis of one pixel
            nothing is known, and there is no step.

    Returns:
        tuple: dx, dy, whether there is a step (else it is 0) and its length;
        heatmap pixels.
    """
    (gx, gy), (hxx, hyy), hxy = _derivatives_of_log(products, energies)
    if 1 in tuple(size):
        hxy = 0. * hxy
    if size[1] == 1:
        gx, hxx = 0. * gx, 0. * hxx - 1
    if size[0] == 1:
        gy, hyy = 0. * gy, 0. * hyy - 1
    dx, dy, ok = newton_step(gx, gy, hxx, hyy, hxy)
    length = sigma * xp.maximum(abs(dx), abs(dy))
    ok = ok & (products[:, 0, 0] > 0) & xp.isfinite(length)
    scale = sigma / xp.where(length > 1, length, 1.)
    return (xp.where(ok, dx * scale, 0.), xp.where(ok, dy * scale, 0.), ok,
            xp.where(ok, length, 0.))


def _derivatives_of_log(products, energies):
    """Gradient and Hessian of log h^ from sums over the window.

    Args:
        products (array): (M, 3, 3) sums of the map with g and its first and
            second derivative, by y and by x; unit of length: sigma.
        energies (array): (2, M, 3) for axes x and y sums of g^2, g g' and
            g'^2 + g g''.

    Returns:
        tuple: gradient (x and y), second derivatives xx and yy, each in shape
        (2, M), and xy in shape (M,).
    """
    # 1, x, xx; y, xy, -; yy, -, -
    ratio = (products / products[:, :1, :1]).reshape(-1, 9).T
    first, second = ratio[1:4:2], ratio[2:7:4]
    energy, slope, bend = energies
    slope, bend = slope / energy, bend / energy
    return (first - slope, second - first * first - bend + 2 * slope * slope,
            ratio[4] - ratio[1] * ratio[3])


def _at_the_pixel(xp, windows, inside, sigma):
    """Products and energies at the middle of every window.

    All windows share their weights here, so both are one matrix product.
    """
    weights, squares = _weights_at_the_pixel(
        xp, windows, windows.shape[1] // 2, sigma)
    products = windows.reshape(windows.shape[0], -1) @ weights
    energies = inside @ squares
    return products.reshape(-1, 3, 3), [energies[..., i] for i in range(3)]


@table
def _weights_at_the_pixel(xp, like, reach, sigma):
    g = _gaussian_and_derivatives(
        xp, xp.arange(-reach, reach + 1, like) / sigma)
    weights = g[:, None, :, None] * g[None, :, None, :]
    return weights.reshape(9, -1).T, xp.stack(
        [g[0] * g[0], g[0] * g[1], g[1] * g[1] + g[0] * g[2]], -1)


def _at(xp, windows, inside, cx, cy, sigma):
    """Products and energies at (cx, cy) from the middle of each window."""
    reach = windows.shape[1] // 2
    u = (xp.arange(-reach, reach + 1, windows) -
         xp.stack([cx, cy])[:, :, None]) / sigma
    g = _gaussian_and_derivatives(xp, u, inside)
    products = g[1] @ windows @ g[0].swapaxes(1, 2)
    squares = g @ g[:, :, :2].swapaxes(2, 3)
    return products, (squares[..., 0, 0], squares[..., 1, 0],
                      squares[..., 1, 1] + squares[..., 2, 0])


def _gaussian_and_derivatives(xp, u, inside=1.):
    """(..., 3, w): g and two derivatives by its centre, at u = (i - c)."""
    g = xp.exp(-0.5 * u * u) * inside
    slope = g * u
    return xp.stack([g, slope, slope * u - g], -2)
