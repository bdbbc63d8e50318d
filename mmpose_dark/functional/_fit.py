r"""The local fit: DARK's expansion, repeated where it leads.

The normalised modulated map (see :mod:`._peaks`) is defined at every real
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
from typing import Any, NamedTuple, Tuple

from ._backend import Array, Backend, table
from ._windows import on_map
from .modulate import Kernel

#: A step, in px, after which another expansion is worth taking where work may
#: follow the data: the error left is about its square over sigma.
WORTHWHILE = 0.02


class View(NamedTuple):
    """A peak as seen through its window, a step short of the result.

    That is at most 1 px off, where noise is as strong as the peak, and a few
    hundredths elsewhere.

    Attributes:
        windows (Array): Cuts of the maps in shape (M, w, w).
        inside (Array): See :func:`inside_map`.
        products, energies (Array): See :func:`derivatives_of_log`.
    """
    windows: Array
    inside: Array
    products: Array
    energies: Array


def fit(xp: Backend, windows: Array, y: Array, x: Array, kernel: Kernel,
        shape: Tuple[int, int]) -> Tuple[Array, Array, View]:
    """Climb from integer peaks to the maximum of the modulated map.

    The first expansion is the paper's. Two more, each taken where the last
    one arrived, matter where the Gaussian is cut by the border or noisy.

    Args:
        xp: The backend.
        windows (Array): Cuts of the maps in shape (m, w, w), w =
            2 * kernel.window + 1.
        y, x (Array): Integer peaks in shape (m,).
        kernel (Kernel): The modulation kernel.
        shape (tuple[int, int]): (H, W) of the maps.

    Returns:
        tuple: (dx, dy) from the integer peak, in shape (2, m), heatmap
        pixels, whether the Hessian at the peak was negative definite, and the
        view after the first step.
    """
    sigma = kernel.sigma
    tables = fit_tables(xp, windows, kernel.window, sigma, *shape)
    inside = inside_map(xp, tables, y, x)
    positive = xp.at_least(windows, 0.)

    # All windows share their weights at the pixel: one matrix product.
    products = tables.weights @ positive.reshape(windows.shape[0], -1).T
    energies = xp.einsum('kw,amw->kam', tables.squares, inside)
    step, fitted, _ = _bounded_step(
        xp, products.reshape(3, 3, -1), energies, sigma, shape)
    seen = moments(xp, tables, positive, inside, step)
    more, _, length = _bounded_step(xp, *seen, sigma, shape)
    step = step + more

    def expand(which: Any) -> Array:
        at, start = moments(xp, tables, positive[which], inside[:, which],
                            step[:, which]), step[:, which]
        return start + _bounded_step(xp, *at, sigma, shape)[0]

    step = xp.put_where(length > WORTHWHILE / sigma, step, expand)
    return sigma * step, fitted, View(windows, inside, *seen)


class FitTables(NamedTuple):
    """What no data changes; w pixels a window, (H, W) of the map.

    Attributes:
        u (Array): Pixels around the middle one in shape (w,); unit of length:
            sigma, as of all that follows.
        weights (Array): (9, w * w) Gaussian weights times each power of x and
            of y, of a flattened window.
        squares (Array): (3, w) squared Gaussian times each power.
        on_x, on_y (Array): (W, w) and (H, w): 1 for pixels on the map of a
            window around each of an axis.
    """
    u: Array
    weights: Array
    squares: Array
    on_x: Array
    on_y: Array


@table
def fit_tables(xp: Backend, like: Array, reach: int, sigma: float,
               height: int, width: int) -> FitTables:
    """The tables of windows of ``2 * reach + 1`` pixels."""
    u = xp.arange(-reach, reach + 1, like) / sigma
    g = gaussian_by_powers(xp, u)
    by_x, by_y = g[:, None, None, :], g[None, :, :, None]
    return FitTables(u, (by_x * by_y).reshape(9, -1), g[0] * g,
                     on_map(xp, like, reach, width),
                     on_map(xp, like, reach, height))


def inside_map(xp: Backend, tables: FitTables, y: Array, x: Array) -> Array:
    """(2, M, w): 1 for what is on the map of windows' columns and rows."""
    return xp.stack([tables.on_x[x], tables.on_y[y]])


def newton_step(xp: Backend, gradient: Array, curvature: Array,
                mixed: Array) -> Tuple[Array, Array]:
    """Eq. 8: minus the inverse Hessian times the gradient, in closed form.

    Args:
        xp: The backend.
        gradient (Array): By x and y, in shape (2, M).
        curvature (Array): Second derivatives xx and yy, in shape (2, M).
        mixed (Array): Second derivative xy, in shape (M,).

    Returns:
        tuple: (dx, dy) in shape (2, M) and whether the Hessian is negative
        definite.
    """
    hxx, hyy = curvature
    det = hxx * hyy - mixed * mixed
    step = mixed * xp.swap(gradient) - xp.swap(curvature) * gradient
    return step / det, (det > 0) & (hxx < 0)


def _bounded_step(xp: Backend, products: Array, energies: Array,
                  sigma: float, shape: Tuple[int, int]
                  ) -> Tuple[Array, Array, Array]:
    """A Newton step of at most 1 px, the reach of the window's margin.

    Args:
        xp: The backend.
        products, energies (Array): See :func:`derivatives_of_log`.
        sigma (float): The unit of length; heatmap pixels.
        shape (tuple[int, int]): (H, W) of the map. Along an axis of one pixel
            nothing is known, and there is no step.

    Returns:
        tuple: (dx, dy) in shape (2, M), whether there is a step (else it is
        0) and its length before it was bounded.
    """
    gradient, curvature, mixed = derivatives_of_log(xp, products, energies)
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


def derivatives_of_log(xp: Backend, products: Array, energies: Array
                       ) -> Tuple[Array, Array, Array]:
    r"""Gradient and Hessian of log h^ from sums over the window.

    Derivatives of a Gaussian bring down powers of its argument u = (i - c) /
    sigma. So the gradient is the mean of u with weights h g, less that with
    weights g^2; the Hessian is the covariance of u with weights h g, less
    twice that with weights g^2.

    Args:
        xp: The backend.
        products (Array): ``products[a, b]``, a, b < 3, in shape (M,), is the
            sum of h g times x^a y^b, x and y those of u.
        energies (Array): ``energies[a]`` in shape (2, M) is the sum of g^2
            times u^a along x and along y.

    Returns:
        tuple: gradient (x and y), second derivatives xx and yy, each in shape
        (2, M), and xy in shape (M,); unit of length: sigma.
    """
    of_hg, of_gg = products / products[0, 0], energies / energies[0]
    mean = xp.stack([of_hg[1, 0], of_hg[0, 1]])
    square = xp.stack([of_hg[2, 0], of_hg[0, 2]])
    centre = of_gg[1]
    return (mean - centre,
            square - mean * mean - 2 * (of_gg[2] - centre * centre),
            of_hg[1, 1] - mean[0] * mean[1])


def moments(xp: Backend, tables: FitTables, windows: Array, inside: Array,
            step: Array) -> Tuple[Array, Array]:
    """Products and energies a step off the middle of each window.

    Args:
        xp: The backend.
        tables (FitTables): Of these windows.
        windows (Array): in shape (M, w, w).
        inside (Array): See :func:`inside_map`.
        step (Array): (dx, dy) in shape (2, M); unit of length: sigma.

    Returns:
        tuple: See :func:`derivatives_of_log`.
    """
    g = gaussian_by_powers(xp, tables.u - step[:, :, None], inside)
    by_x, by_y = g[:, 0].swapaxes(0, 1), g[:, 1].swapaxes(0, 1)
    products = by_y @ windows @ by_x.swapaxes(1, 2)
    return (products.swapaxes(0, 2),
            xp.einsum('kamw,amw->kam', g, g[0]))


def gaussian_by_powers(xp: Backend, u: Array, inside: Any = 1.) -> Array:
    """(3, ..., w): g, g u and g u^2 of the pixels on the map."""
    g = xp.exp(-0.5 * u * u) * inside
    gu = g * u
    return xp.stack([g, gu, gu * u])
