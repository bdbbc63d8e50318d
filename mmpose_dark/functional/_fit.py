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
from typing import Any, Tuple

from ._backend import Array, Backend, table
from ._windows import on_map, windows
from .modulate import Kernel

#: A step, in px, after which another expansion is worth taking where work may
#: follow the data: the error left is about its square over sigma.
WORTHWHILE = 0.005


def fit_reach(kernel: Kernel) -> int:
    """Pixels of a window on each side of the peak: a margin of 1."""
    return kernel.radius + 1


def fit_windows(xp: Backend, maps: Array, y: Array, x: Array, kernel: Kernel,
                which: Any = slice(None)) -> Array:
    """What :func:`fit` sees of the maps (``which`` of them): (m, w, w)."""
    return windows(xp, maps, y, x, fit_reach(kernel), which)


def fit(xp: Backend, windows: Array, y: Array, x: Array, kernel: Kernel,
        shape: Tuple[int, int]) -> Tuple[Array, Array]:
    """Climb from integer peaks to the maximum of the modulated map.

    The first expansion is the paper's. Two more, each taken where the last
    one arrived, matter where the Gaussian is cut by the border or noisy.

    Args:
        xp: The backend.
        windows (Array): See :func:`fit_windows`.
        y, x (Array): Integer peaks in shape (m,).
        kernel (Kernel): The modulation kernel.
        shape (tuple[int, int]): (H, W) of the maps.

    Returns:
        tuple: (dx, dy) from the integer peak, in shape (2, m), heatmap
        pixels, and whether the Hessian at the peak was negative definite.
    """
    sigma = kernel.sigma
    inside = inside_map(xp, windows, y, x, shape)
    windows = xp.at_least(windows, 0.)

    def expand(step: Array, which: Any = slice(None)) -> Tuple[Array, Array]:
        start = step[:, which]
        more, _, length = _bounded_step(
            xp, *moments(xp, windows[which], inside[:, which], start, sigma),
            sigma, shape)
        return start + more, length

    step, fitted, _ = _bounded_step(
        xp, *_moments_at_the_pixel(xp, windows, inside, sigma), sigma, shape)
    step, length = expand(step)
    step = xp.put_where(length > WORTHWHILE / sigma, step,
                        lambda which: expand(step, which)[0])
    return sigma * step, fitted


def inside_map(xp: Backend, windows: Array, y: Array, x: Array,
               shape: Tuple[int, int]) -> Array:
    """(2, M, w): 1 for what is on the map of windows' columns and rows."""
    height, width = shape
    reach = windows.shape[1] // 2
    return xp.stack([on_map(xp, windows, reach, width)[x],
                     on_map(xp, windows, reach, height)[y]])


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
    det = curvature[0] * curvature[1] - mixed * mixed
    step = (mixed * xp.swap(gradient) - xp.swap(curvature) * gradient) / det
    return step, (det > 0) & (curvature[0] < 0)


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


def moments(xp: Backend, windows: Array, inside: Array, step: Array,
            sigma: float) -> Tuple[Array, Array]:
    """Products and energies a step off the middle of each window.

    Args:
        xp: The backend.
        windows (Array): in shape (M, w, w).
        inside (Array): See :func:`inside_map`.
        step (Array): (dx, dy) in shape (2, M); unit of length: sigma.
        sigma (float): The unit of length; heatmap pixels.

    Returns:
        tuple: See :func:`derivatives_of_log`.
    """
    u = offsets(xp, windows, windows.shape[1] // 2, sigma)
    g = gaussian_by_powers(xp, u - step[:, :, None], inside)
    by_x, by_y = g[:, 0].swapaxes(0, 1), g[:, 1].swapaxes(0, 1)
    products = by_y @ windows @ by_x.swapaxes(1, 2)
    return (products.swapaxes(0, 2),
            xp.einsum('kamw,amw->kam', g, g[0]))


def _moments_at_the_pixel(xp: Backend, windows: Array, inside: Array,
                          sigma: float) -> Tuple[Array, Array]:
    """Products and energies at the middle of every window.

    All windows share their weights here, so both are one matrix product.
    """
    reach = windows.shape[1] // 2
    products = _weights_at_the_pixel(xp, windows, reach, sigma) @ (
        windows.reshape(windows.shape[0], -1).T)
    g = _gaussian_at_the_pixel(xp, windows, reach, sigma)
    return (products.reshape(3, 3, -1),
            xp.einsum('kw,amw->kam', g[0] * g, inside))


@table
def _gaussian_at_the_pixel(xp, like, reach, sigma):
    return gaussian_by_powers(xp, offsets(xp, like, reach, sigma))


@table
def _weights_at_the_pixel(xp, like, reach, sigma):
    """(9, w * w): for each power of x and of y, of a flattened window."""
    g = _gaussian_at_the_pixel(xp, like, reach, sigma)
    by_x, by_y = g[:, None, None, :], g[None, :, :, None]
    return (by_x * by_y).reshape(9, -1)


@table
def offsets(xp: Backend, like: Array, reach: int, sigma: float) -> Array:
    """Pixels around the middle one; unit of length: sigma."""
    return xp.arange(-reach, reach + 1, like) / sigma


def gaussian_by_powers(xp: Backend, u: Array, inside: Any = 1.) -> Array:
    """(3, ..., w): g, g u and g u^2 of the pixels on the map."""
    g = xp.exp(-0.5 * u * u) * inside
    gu = g * u
    return xp.stack([g, gu, gu * u])
