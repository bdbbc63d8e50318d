r"""The local fit: DARK's expansion, repeated where it leads.

The normalised modulated map (see :mod:`.peak`) is defined at every real
position :math:`c`, not only at pixels,

.. math::
    \hat h(c) = \frac{\sum_i h_i\,g(i - c)}{\sqrt{\sum_i g(i - c)^2}},

and so are the gradient and Hessian of its logarithm, from derivatives of
:math:`g`. Its maximum is the least-squares position of a Gaussian of known
sigma and free amplitude on the pixels that exist; far from the border the
denominator is constant and one expansion at the integer peak is the paper's.
Pixels below zero count as zero here: they are no part of a Gaussian, and a
negative background would pull towards the border, where less of it is seen.

Symbols: M maps of D axes, x first; windows of w pixels a side. The unit of
length is sigma where none is named.
"""
from functools import lru_cache, reduce
from itertools import combinations
from typing import Any, Dict, List, NamedTuple, Sequence, Tuple

from .backends import Backend, table
from .modulate import Kernel
from .peak import on_map

#: A step, in px, after which another expansion is worth taking where work may
#: follow the data: the error left is about its square over sigma.
WORTHWHILE = 0.02


class Sums(NamedTuple):
    """Sums over windows: all that derivatives of log h^ are made of.

    Attributes:
        products (Array): The sum of h g, of h g times each u, times the square
            of each u and times each pair of them, in this order, in shape
            (1 + 2 D + D (D - 1) / 2, M); u = (i - c) / sigma.
        energies (Array): ``energies[..., a]`` in shape (D, M) is the sum of
            g^2 times u^a along each axis.
    """
    products: Any
    energies: Any


class View(NamedTuple):
    """A peak as seen through its window, a step short of the result.

    That is at most 1 px off, where noise is as strong as the peak, and a few
    hundredths elsewhere.

    Attributes:
        windows (Array): Cuts of the maps in shape (M, w, ...).
        inside (Array): See :func:`inside_map`.
        sums (Sums): As seen from there.
    """
    windows: Any
    inside: Any
    sums: Sums


def fit(xp: Backend, windows: Any, at: Any, kernel: Kernel,
        shape: Sequence[int]) -> Tuple[Any, Any, View]:
    """Climb from integer peaks to the maximum of the modulated map.

    The first expansion is the paper's. Two more, each taken where the last
    one arrived, matter where the Gaussian is cut by the border or noisy.

    Args:
        xp: The backend.
        windows (Array): Cuts of the maps in shape (M, w, ...), w =
            2 * kernel.window + 1.
        at (Array): Integer peaks in shape (D, M).
        kernel (Kernel): The modulation kernel.
        shape (Sequence[int]): Of a map.

    Returns:
        tuple: The step from the integer peak in shape (D, M), px, whether the
        Hessian there was negative definite, and the view after a first step.
    """
    sigma = kernel.sigma
    tables = fit_tables(xp, windows, kernel.window, sigma, *shape)
    inside = inside_map(xp, tables, at)
    positive = xp.at_least(windows, 0.)

    # All windows share their weights at the pixel: one matrix product.
    first = Sums(
        xp.product(tables.weights,
                   positive.reshape(positive.shape[0], -1).T),
        inside @ tables.squares)
    step, fitted, _ = _bounded_step(xp, first, sigma)
    seen = sums(xp, tables, positive, inside, step)
    more, _, length = _bounded_step(xp, seen, sigma)
    step = step + more

    def expand(which: Any) -> Any:
        start = step[:, which]
        again = sums(xp, tables, positive[which], inside[:, which], start)
        return start + _bounded_step(xp, again, sigma)[0]

    step = xp.put_where(length > WORTHWHILE / sigma, step, expand)
    return sigma * step, fitted, View(windows, inside, seen)


def look(xp: Backend, maps: Any, pixel: Any, offset: Any,
         kernel: Kernel) -> View:
    """Through windows around pixels (d, M), at an offset from there; px."""
    at = xp.to_index(pixel)
    around = xp.windows(maps, at, kernel.window)
    tables = fit_tables(xp, around, kernel.window, kernel.sigma,
                        *maps.shape[1:])
    inside = inside_map(xp, tables, at)
    return View(around, inside, sums(
        xp, tables, xp.at_least(around, 0.), inside, offset / kernel.sigma))


class FitTables(NamedTuple):
    """What no data changes.

    Attributes:
        u (Array): Pixels around the middle one of a window, in shape (w,).
        weights (Array): The weights of :attr:`Sums.products` of a flattened
            window seen from its middle, in shape (n, w^D).
        order (Array): Which of the 3^D products of powers of the axes are
            those of :class:`Sums`, in shape (n,). The power of each axis is a
            digit to the base of 3, that of x the last.
        squares (Array): Squared Gaussian times each power of u, (w, 3).
        on_map (Array): For each axis, x first, 1 for pixels on the map of a
            window around each of it, in shape (D, n, w), n the longest side.
        axes (Array): Their indices in shape (D, 1).
    """
    u: Any
    weights: Any
    order: Any
    squares: Any
    on_map: Any
    axes: Any


@table
def fit_tables(xp: Backend, like: Any, reach: int, sigma: float,
               *shape: int) -> FitTables:
    """The tables of windows of ``2 * reach + 1`` pixels of maps."""
    u = xp.arange(-reach, reach + 1, like) / sigma
    g = gaussian_by_powers(xp, u)
    weights = g
    for _ in shape[1:]:  # (powers of the axes, w^axes)
        weights = weights[:, None, :, None] * g[None, :, None, :]
        weights = weights.reshape(weights.shape[0] * 3, -1)
    place = [3**axis for axis in range(len(shape))]
    order = [0, *place, *(2 * p for p in place),
             *(place[i] + place[j] for i, j in pairs(len(shape)))]
    index = xp.to_index(xp.array(order, like))
    return FitTables(
        u, weights[order], index, (g[0] * g).T,
        on_map(xp, like, reach, *shape[::-1]),
        xp.to_index(xp.arange(0, len(shape), like))[:, None])


def inside_map(xp: Backend, tables: FitTables, at: Any) -> Any:
    """(D, M, w): 1 for what is on the map along each axis of windows."""
    return tables.on_map[tables.axes, at]


def sums(xp: Backend, tables: FitTables, windows: Any, inside: Any,
         step: Any) -> Sums:
    """Sums a step off the middle of each window.

    Args:
        xp: The backend.
        tables (FitTables): Of these windows.
        windows (Array): in shape (M, w, ...).
        inside (Array): Of :func:`inside_map`.
        step (Array): in shape (D, M).
    """
    g = gaussian_by_powers(xp, tables.u - step[:, :, None], inside)
    axes, width = step.shape[0], tables.u.shape[0]
    by, out = g.swapaxes(0, 2), windows  # (M, D, 3, w)
    for axis in range(axes - 1, 0, -1):
        out = by[:, axis, None] @ out.reshape(
            -1, 3**(axes - 1 - axis), width, width**axis)
    out = out.reshape(-1, 3**(axes - 1), width) @ by[:, 0].swapaxes(1, 2)
    return Sums(out.reshape(-1, 3**axes).T[tables.order],
                xp.einsum('kamw,amw->amk', g, g[0]))


@lru_cache(maxsize=None)
def pairs(axes: int) -> List[Tuple[int, int]]:
    """Each two of so many axes."""
    return list(combinations(range(axes), 2))


#: The first and the second ones of :func:`pairs`, as indices of arrays.
PAIRED: Dict[int, Tuple[Any, Any]] = {
    1: (slice(0), slice(0)), 2: (slice(1), slice(1, 2)),
    3: ([0, 0, 1], [1, 2, 2])}


def gaussian_by_powers(xp: Backend, u: Any, inside: Any = 1.) -> Any:
    """(3, ..., w): g, g u and g u^2 of the pixels on the map."""
    g = xp.exp(-0.5 * u * u) * inside
    gu = g * u
    return xp.stack([g, gu, gu * u])


def derivatives_of_log(found: Sums) -> Tuple[Any, Any, Any]:
    r"""Gradient and minus the Hessian of log h^ from sums over the window.

    Derivatives of a Gaussian bring down powers of its argument u = (i - c) /
    sigma. So the gradient is the mean of u with weights h g, less that with
    weights g^2; the Hessian is the covariance of u with weights h g, less
    twice that with weights g^2.

    Returns:
        tuple: The gradient (D, M), and of minus the Hessian the diagonal
        (D, M) and what :func:`pairs` name above it, (D (D - 1) / 2, M).
    """
    products, energies = found
    axes = energies.shape[0]
    relative = products[1:] / products[0]
    mean, square, both = (relative[:axes], relative[axes:2 * axes],
                          relative[2 * axes:])
    energy = energies[..., 0]
    centre, width = energies[..., 1] / energy, energies[..., 2] / energy
    first, second = PAIRED[axes]
    return (mean - centre,
            2 * (width - centre * centre) - (square - mean * mean),
            mean[first] * mean[second] - both)


def newton_step(xp: Backend, gradient: Any, diagonal: Any,
                above: Sequence[Any]) -> Tuple[Any, Any]:
    """Eq. 8: minus the inverse Hessian times the gradient.

    Args:
        xp: The backend.
        gradient (Array): Along each axis, in shape (D, M).
        diagonal (Array): Of minus the Hessian, in shape (D, M).
        above (Sequence[Array]): What :func:`pairs` name above it, each (M,).

    Returns:
        tuple: The step in shape (D, M) and whether the Hessian is negative
        definite, (M,).
    """
    if len(diagonal) == 1:
        return gradient / diagonal, diagonal[0] > 0
    own, others, det = adjugate(diagonal, above)
    if len(own) == 2:  # nearly always: without a loop
        (x, y), (mixed, ) = gradient, others
        step = [own[0] * x + mixed * y, mixed * x + own[1] * y]
    else:
        step = [entry * slope for entry, slope in zip(own, gradient)]
        for entry, (i, j) in zip(others, pairs(len(step))):
            step[i] = step[i] + entry * gradient[j]
            step[j] = step[j] + entry * gradient[i]
    return xp.stack(step) / det, definite(diagonal, own, det)


def adjugate(diagonal: Any, above: Sequence[Any]
             ) -> Tuple[Sequence[Any], Sequence[Any], Any]:
    """Of symmetric matrices: the inverse times the determinant.

    Args:
        diagonal (Array): in shape (D, M), D of 1 to 3.
        above (Sequence[Array]): What :func:`pairs` name above it, each (M,).

    Returns:
        tuple: Its diagonal and what is above it; the determinant (M,).
    """
    if len(diagonal) == 1:
        return [1.], [], diagonal[0]
    if len(diagonal) == 2:
        (xx, yy), (xy, ) = diagonal, above
        return [yy, xx], [-xy], xx * yy - xy * xy
    (xx, yy, zz), (xy, xz, yz) = diagonal, above
    own = [yy * zz - yz * yz, xx * zz - xz * xz, xx * yy - xy * xy]
    others = [xz * yz - xy * zz, xy * yz - xz * yy, xy * xz - xx * yz]
    return own, others, xx * own[0] + xy * others[0] + xz * others[1]


def definite(diagonal: Any, own: Sequence[Any], det: Any) -> Any:
    """Whether matrices are positive definite, (M,).

    By their leading minors: the determinant, the last entry of what
    :func:`adjugate` has on the diagonal, and the first one of the matrix.
    """
    found = det > 0
    for minor in (own[-1], diagonal[0])[:len(own) - 1]:
        found = found & (minor > 0)
    return found


def _bounded_step(xp: Backend, found: Sums,
                  sigma: float) -> Tuple[Any, Any, Any]:
    """A Newton step of at most 1 px, the reach of the window's margin.

    Returns:
        tuple: The step in shape (D, M), whether there is one (else it is 0)
        and its length before it was bounded.
    """
    step, ok = newton_step(xp, *derivatives_of_log(found))
    length = longest(xp, step)
    step = xp.where(ok, step / xp.at_least(sigma * length, 1.), 0.)
    return step, ok, length


def longest(xp: Backend, step: Any) -> Any:
    """The longest part of steps (D, M) along one axis, (M,)."""
    return reduce(xp.maximum, abs(step))
