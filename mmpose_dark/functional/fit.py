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

from ._backend import table
from .stencil import on_map
from .step import newton_step

#: A step, in px, after which another expansion is worth taking where work may
#: follow the data: the error left is about its square over sigma.
WORTHWHILE = 0.005


def fit_windows(xp, maps, y, x, kernel, which=None):
    """What :func:`fit` sees of the maps (``which`` of them): (m, w, w)."""
    reach = fit_reach(kernel)
    return xp.windows(maps, y, x, reach, reach, which)


def fit_reach(kernel):
    """Pixels of such a window on each side of the peak: a margin of 1."""
    return kernel.radius + 1


def fit(xp, windows, y, x, kernel, shape):
    """Climb from integer peaks to the maximum of the modulated map.

    The first expansion is the paper's. Two more, each taken where the last
    one arrived, matter where the Gaussian is cut by the border or noisy.

    Args:
        xp: The backend.
        windows (array): See :func:`fit_windows`.
        y, x (array): Integer peaks in shape (m,).
        kernel (Kernel): The modulation kernel.
        shape (tuple[int, int]): (H, W) of the maps.

    Returns:
        tuple: (dx, dy) from the integer peak, in shape (2, m), heatmap
        pixels, and whether the Hessian at the peak was negative definite.
    """
    sigma = kernel.sigma
    inside = _inside(xp, windows, y, x, shape)
    windows = xp.at_least(windows, 0.)

    def again(windows, inside, step):
        more, _, length = _bounded_step(
            xp, *_at(xp, windows, inside, step, sigma), sigma, shape)
        return step + more, length

    step, fitted, _ = _bounded_step(
        xp, *_at_the_pixel(xp, windows, inside, sigma), sigma, shape)
    step, length = again(windows, inside, step)
    if not xp.dynamic:
        return sigma * again(windows, inside, step)[0], fitted
    some = (length > WORTHWHILE / sigma).nonzero()[0]
    if len(some):
        step[:, some], _ = again(
            windows[some], inside[:, some], step[:, some])
    return sigma * step, fitted


def covariance(xp, maps, points, fitted, kernel):
    """Covariance of fitted positions, see :func:`.decode_heatmaps`.

    Args:
        xp: The backend.
        maps (array): Heatmaps in shape (M, H, W).
        points (array): Positions (x, y) in shape (M, 2); heatmap pixels.
        fitted (array): Whether there is a fit, in shape (M,).
        kernel (Kernel): The modulation kernel.

    Returns:
        array: (M, 4) entries xx, xy, yx, yy; squared heatmap pixels.
    """
    height, width = maps.shape[1:]
    points = xp.where(fitted, points.T, 0.)
    # A position may lie outside; its window is cut around the border.
    x, y = xp.to_index(xp.floor(points + 0.5))
    x, y = xp.clip(x, 0, width - 1), xp.clip(y, 0, height - 1)
    windows = xp.windows(maps, y, x, kernel.radius, kernel.radius)
    inside = _inside(xp, windows, y, x, (height, width))
    step = points - xp.to_float(xp.stack([x, y]), maps)
    step = step / kernel.sigma
    products, energies = _at(
        xp, xp.at_least(windows, 0.), inside, step, kernel.sigma)
    energy = energies[0, 0] * energies[0, 1]
    _, (hxx, hyy), hxy = _derivatives_of_log(products, energies)
    # In units of the amplitude, since squares may overflow.
    amplitude = products[0] / energy
    peak, noise = _peak_and_noise(
        xp, windows / amplitude[:, None, None], inside, step, kernel.sigma)
    det = hxx * hyy - hxy * hxy
    # What a constant adds to the amplitude makes no peak.
    scale = kernel.sigma**2 * noise / (peak * energy * det)
    usable = (fitted & (hxx < 0) & (det > 0) & xp.isfinite(scale) &
              (amplitude > 0) & (peak > 0))

    def entry(term, otherwise):
        return xp.where(usable, scale * term, otherwise)

    xx, yy = entry(-hyy, width**2 / 12), entry(-hxx, height**2 / 12)
    xy = entry(hxy, 0.)
    return xp.stack([xx, xy, xy, yy]).T


def _peak_and_noise(xp, windows, inside, step, sigma):
    """Of the best Gaussian and constant: its height, the variance they leave.

    Noise below zero is noise as well, so nothing is clipped here, and a
    constant, negative or not, is none.
    """
    windows = xp.where(xp.isfinite(windows), windows, 0.)
    u = _offsets(xp, windows, windows.shape[1] // 2, sigma)
    by_x, by_y = _gaussian_by_powers(xp, u - step[:, :, None], inside)[0]
    gaussian = by_y[:, :, None] * by_x[:, None, :]
    on_map = inside[1][:, :, None] * inside[0][:, None, :]

    def total(array):
        return array.sum(2).sum(1)

    # The two by the normal equations.
    count, g, gg = total(on_map), total(gaussian), total(gaussian * gaussian)
    h, hg = total(windows), total(windows * gaussian)
    det = gg * count - g * g
    peak, constant = (hg * count - h * g) / det, (h * gg - hg * g) / det
    left = windows - peak[:, None, None] * gaussian - (
        constant[:, None, None] * on_map)
    # Not finite for as many pixels as parameters: nothing is left to tell by.
    return peak, total(left * left) / (count - 4)


def _inside(xp, windows, y, x, shape):
    """(2, M, w): 1 for what is on the map of windows' columns and rows."""
    reach = windows.shape[1] // 2
    return xp.stack([on_map(xp, windows, reach, shape[1])[x],
                     on_map(xp, windows, reach, shape[0])[y]])


def _bounded_step(xp, products, energies, sigma, shape):
    """A Newton step of at most 1 px, the reach of the window's margin.

    Args:
        products, energies (array): See :func:`_derivatives_of_log`.
        sigma (float): The unit of length; heatmap pixels.
        shape (tuple[int, int]): (H, W) of the map. Along an axis of one pixel
            nothing is known, and there is no step.

    Returns:
        tuple: (dx, dy) in shape (2, M), whether there is a step (else it is
        0) and its length before it was bounded.
    """
    gradient, curvature, mixed = _derivatives_of_log(products, energies)
    if 1 in tuple(shape):
        sizes = tuple(shape)[::-1]
        mixed = 0. * mixed
        gradient = xp.stack([
            g if size > 1 else 0. * g for g, size in zip(gradient, sizes)])
        curvature = xp.stack([
            c if size > 1 else 0. * c - 1
            for c, size in zip(curvature, sizes)])
    step, ok = newton_step(xp, gradient, curvature, mixed)
    length = xp.maximum(abs(step[0]), abs(step[1]))
    ok = ok & xp.isfinite(length)
    step = xp.where(ok, step / xp.at_least(sigma * length, 1.), 0.)
    return step, ok, length


def _derivatives_of_log(products, energies):
    r"""Gradient and Hessian of log h^ from sums over the window.

    Derivatives of a Gaussian bring down powers of its argument u = (i - c) /
    sigma. So the gradient is the mean of u with weights h g, less that with
    weights g^2; the Hessian is the covariance of u with weights h g, less
    twice that with weights g^2.

    Args:
        products (array): (9, M) sums of h g times 1, x, x^2, y, x y, x^2 y,
            y^2, x y^2, x^2 y^2; x and y those of u.
        energies (array): (3, 2, M) sums of g^2 times 1, u, u^2 on both axes.

    Returns:
        tuple: gradient (x and y), second derivatives xx and yy, each in shape
        (2, M), and xy in shape (M,); unit of length: sigma.
    """
    hg, gg = products / products[0], energies / energies[0]
    mean, centre = hg[1:4:2], gg[1]
    variance, width = hg[2:7:4] - mean * mean, gg[2] - centre * centre
    return mean - centre, variance - 2 * width, hg[4] - hg[1] * hg[3]


def _at_the_pixel(xp, windows, inside, sigma):
    """Products and energies at the middle of every window.

    All windows share their weights here, so both are one matrix product.
    """
    weights, squares = _weights_at_the_pixel(
        xp, windows, windows.shape[1] // 2, sigma)
    return (weights @ windows.reshape(windows.shape[0], -1).T,
            xp.einsum('kw,amw->kam', squares, inside))


@table
def _weights_at_the_pixel(xp, like, reach, sigma):
    g = _gaussian_by_powers(xp, _offsets(xp, like, reach, sigma))
    weights = g[:, None, :, None] * g[None, :, None, :]
    return weights.reshape(9, -1), g[0] * g


@table
def _offsets(xp, like, reach, sigma):
    return xp.arange(-reach, reach + 1, like) / sigma


def _at(xp, windows, inside, step, sigma):
    """Products and energies a step off the middle of each window."""
    u = _offsets(xp, windows, windows.shape[1] // 2, sigma)
    g = _gaussian_by_powers(xp, u - step[:, :, None], inside)
    by_x, by_y = g[:, 0].swapaxes(0, 1), g[:, 1].swapaxes(0, 1)
    products = by_y @ windows @ by_x.swapaxes(1, 2)
    return (products.reshape(-1, 9).T,
            xp.einsum('kamw,amw->kam', g, g[0]))


def _gaussian_by_powers(xp, u, inside=1.):
    """(3, ..., w): g, g u and g u^2 of the pixels on the map."""
    g = xp.exp(-0.5 * u * u) * inside
    gu = g * u
    return xp.stack([g, gu, gu * u])
