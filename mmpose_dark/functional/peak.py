r"""Where decoding starts: the integer peak m of every map.

The raw peak is the brightest pixel. The modulated peak is the maximum of

.. math::
    \hat h(m) = \frac{\sum_i h_i\,g(i - m)}{\sqrt{\sum_i g(i - m)^2}},

the modulated map (Eq. 10) with each sum taken over the pixels that exist. The
denominator is a constant inside the map and keeps its border from looking
dark; the maximum of :math:`\hat h` is the most likely position of a Gaussian
of known sigma under white noise.

A map of a trained network may have several modes, and the brightest pixel is
evidence too. So the maximum of :math:`\hat h` around the raw peak is taken
unless another mode is higher by a margin.

Where work may follow the data, the modulated map is computed around the raw
peak only. That no pixel further off can win is shown by a bound, and only
maps of which that cannot be shown are modulated as a whole.

Symbols: M maps of D axes. Pixels are indices in shape (D, M), x first, which
is the last axis of a map.
"""
from functools import partial, reduce
from typing import Any, List, Sequence, Tuple

from .backends import Backend, table
from .modulate import Kernel, filtered

#: How much higher a mode away from the raw peak must be to be taken. Modes
#: closer than that are told apart by their brightest pixel. On real heatmaps
#: (3944, under each merge of the flip test) this lost nowhere against the
#: official decoder; 1, the paper's plain maximum, lost 0.14 AP in one.
MODE_MARGIN = 1.1

#: Numbers of maps that are worked on at a time: those that are only looked
#: at, and those that are modulated as a whole. Of twice as many each array is
#: so large that the allocator hands it back and gets it empty the next time.
LOOKED_AT, MODULATED = 2**21, 2**18


def highest(xp: Backend, maps: Any) -> Tuple[Any, Any]:
    """The first maximum of every map: its pixel and its value."""
    flat = maps.reshape(maps.shape[0], -1)
    index = xp.argmax(flat)
    value = xp.take(flat, index)
    at = []
    for size in maps.shape[:1:-1]:
        at.append(index % size)
        index = index // size
    return xp.stack([*at, index]), value


@table
def ends(xp: Backend, like: Any, *shape: int) -> Any:
    """(2, D, 1): the first and the last pixel along each axis, x first."""
    last = [[size - 1.] for size in shape[::-1]]
    return xp.array([[[0.]] * len(shape), last], like)


def nearest_pixel(xp: Backend, maps: Any, points: Any) -> Tuple[Any, Any]:
    """The nearest pixel on the map and the offset from there, (d, M)."""
    pixel = xp.clip(xp.floor(points + 0.5), *ends(xp, maps, *maps.shape[1:]))
    return pixel, points - pixel


def modulated_peak(xp: Backend, maps: Any,
                   kernel: Kernel) -> Tuple[Any, Any, Any]:
    """The peak of every modulated map.

    Args:
        xp: The backend.
        maps (Array): in shape (M, ...), D axes.
        kernel (Kernel): The modulation kernel.

    Returns:
        tuple: Integer peaks in shape (D, M), the maximum of each raw map in
        shape (M,), and windows of ``kernel.window`` pixels on each side of
        the peak in shape (M, ...). Where the modulated map has no positive
        finite maximum, the peak is the raw one.
    """
    whole = partial(xp.by_parts, partial(_modulated, xp, kernel), maps,
                    MODULATED)
    shape = maps.shape[1:]
    # Along a single axis the whole is as cheap as its neighbourhood.
    if len(shape) == 1 or min(shape) <= 2 * (kernel.mode + kernel.window):
        found = whole(None)
    else:
        found = xp.search(partial(xp.by_parts, partial(_near, xp, kernel),
                                  maps, LOOKED_AT), whole)
    at, value, window = found
    return at.T, value, window


def _modulated(xp: Backend, kernel: Kernel, maps: Any) -> Sequence[Any]:
    raw, value = highest(xp, maps)
    # 0 times -inf would take the map with it; the bounded search, which does
    # not look beyond its window, leaves that out as well.
    modulated = filtered(
        xp, xp.where(maps == -float('inf'), 0., maps), kernel)
    modulated *= _of_unit_energy(xp, maps, kernel, *maps.shape[1:])
    far, best = highest(xp, modulated)
    offset, near = highest(xp, xp.windows(modulated, raw, kernel.mode))
    other = best > MODE_MARGIN * near
    best = xp.where(other, best, near)
    found = (best > 0) & xp.isfinite(best)
    at = xp.where(found, xp.where(
        other, far, raw + (offset - kernel.mode)), raw)
    return at.T, value, xp.windows(maps, at, kernel.window)


def _near(xp: Backend, kernel: Kernel, maps: Any) -> Sequence[Any]:
    """What :func:`_modulated` finds, and last, whether that is known.

    It is where no mode further than ``kernel.mode`` from the raw peak wins.
    """
    raw, value = highest(xp, maps)
    reach = kernel.mode
    around = xp.windows(maps, raw, reach + kernel.window)
    stencils = stencils_of_unit_energy(
        xp, modulated_stencils(xp, around, kernel, reach), raw, kernel,
        maps.shape[1:])
    offset, best = highest(xp, stencils)
    window = xp.cut(around, offset, (2 * kernel.window + 1, ) * len(raw))
    # 1e-4 covers rounding; the square of anything smaller than 1e-15 may
    # be 0 in float32.
    limit = (1 - 1e-4) * MODE_MARGIN * best - 1e-15
    known = _bound(xp, maps, raw, kernel) < limit
    # What is below zero adds to no peak: leaving it out, at the price of a
    # copy, halves the energy of noise.
    known = xp.put_where(~known, known, lambda which: _bound(
        xp, xp.positive(maps, which), raw[:, which], kernel) < limit[which])
    return (raw + (offset - reach)).T, value, window, known


def _bound(xp: Backend, maps: Any, at: Any, kernel: Kernel) -> Any:
    """What no pixel of the modulated maps far from ``at`` exceeds, (M,).

    The rows of the normalised kernel have unit energy, so no pixel of a line
    of a map, blurred along it, exceeds the root of the energy of that line
    (Cauchy-Schwarz). Blurring these roots along y bounds what is further up
    and down; the same with columns, of the rows that reach that far, what is
    further left and right.
    """
    axes = len(at)
    rest = maps
    most: List[Any] = []
    for axis, blurring, far, start, size in _far(
            xp, maps, kernel, *maps.shape[1:]):
        energy = xp.einsum(_ENERGY[axes, axis], rest, rest)
        most.append(xp.amax(
            xp.product(xp.sqrt(energy), blurring) * far[at[axis]]))
        if axis:
            first: List[Any] = [0] * axes
            first[axis] = start[at[axis]]
            rest = xp.cut(rest, first, size)
    return reduce(xp.maximum, most)


#: axes of a map and one of them -> the sum over the others, for einsum
_ENERGY = {(axes, axis): 'm{0},m{0}->m{1}'.format('zyx'[-axes:], 'xyz'[axis])
           for axes in (2, 3) for axis in range(axes)}


@table
def _far(xp: Backend, like: Any, kernel: Kernel,
         *shape: int) -> List[Tuple[Any, ...]]:
    """Of each axis, x last, what :func:`_bound` needs.

    Which it is; the transposed normalised kernel, (size, size); in the same
    shape 1 for pixels more than ``kernel.mode`` apart; for each pixel, where
    the part starts that the other axes are looked at in; its size, x first.
    """
    found, part = [], list(shape[::-1])
    reach = kernel.mode + kernel.radius
    for axis in range(len(part) - 1, -1, -1):
        size, part[axis] = part[axis], 2 * reach + 1
        index = xp.arange(0, size, like)
        found.append((
            axis, kernel.matrix(xp, like, size) * _over_energy(
                xp, like, kernel, size),
            xp.to_float(abs(index[:, None] - index) > kernel.mode, like),
            xp.to_index(xp.clip(index - reach, 0, size - 2 * reach - 1)),
            tuple(part)))
    return found


def modulated_stencils(xp: Backend, windows: Any, kernel: Kernel,
                       reach: int) -> Any:
    """The modulated map around the middle of every window (Eq. 10).

    Args:
        xp: The backend.
        windows (Array): Cuts of maps in shape (M, w, ...), w at least
            2 * (reach + kernel.radius) + 1.
        kernel (Kernel): The modulation kernel.
        reach (int): Pixels of the stencil on each side of its middle.

    Returns:
        Array: (M, ...), 2 * reach + 1 along each axis.
    """
    taps = _taps(xp, windows, kernel, reach, windows.shape[1] // 2)
    size, width = taps.shape
    axes = windows.ndim - 1
    out = xp.product(windows.reshape(-1, width), taps.T)
    for behind in range(1, axes):
        out = taps @ out.reshape(-1, width, size**behind)
    return out.reshape(-1, *[size] * axes)


@table
def _taps(xp: Backend, like: Any, kernel: Kernel, reach: int,
          outer: int) -> Any:
    """The kernel around each of 2 * reach + 1 pixels of 2 * outer + 1."""
    return kernel.at(
        xp,
        xp.arange(-outer, outer + 1, like) -
        xp.arange(-reach, reach + 1, like)[:, None])


def stencils_of_unit_energy(xp: Backend, stencils: Any, at: Any,
                            kernel: Kernel, shape: Sequence[int]) -> Any:
    """Stencils around pixels, over the energy of the kernel on the map.

    0 outside the map.
    """
    reach = stencils.shape[1] // 2
    for by, pixel in zip(_around(xp, stencils, kernel, reach, *shape), at):
        stencils = stencils * by[pixel]
    return stencils


@table
def _around(xp: Backend, like: Any, kernel: Kernel, reach: int,
            *shape: int) -> List[Any]:
    """For each axis, x first, and around each of its pixels: one over the
    root of the energy of the taps that are on the map, 0 outside of it.

    In shape (size, ...) with 2 * reach + 1 along that axis of a stencil.
    """
    tables = []
    for axis, size in enumerate(shape[::-1]):
        index = xp.to_index(xp.arange(0, size, like)[:, None] +
                            xp.arange(-reach, reach + 1, like))
        by = (_over_energy(xp, like, kernel, size)[
            xp.clip(index, 0, size - 1)] * on_map(xp, like, reach, size)[0])
        spread = [1] * len(shape)
        spread[-1 - axis] = 2 * reach + 1
        tables.append(by.reshape(size, *spread))
    return tables


@table
def _over_energy(xp: Backend, like: Any, kernel: Kernel, size: int) -> Any:
    """(size,): one over the root of the energy of the taps on the map."""
    taps = kernel.at(
        xp, xp.arange(-kernel.radius, kernel.radius + 1, like))
    return 1 / xp.sqrt(
        on_map(xp, like, kernel.radius, size)[0] @ (taps * taps))


@table
def _of_unit_energy(xp: Backend, like: Any, kernel: Kernel,
                    *shape: int) -> Any:
    """(*shape): the product of :func:`_over_energy` of each axis."""
    out = _over_energy(xp, like, kernel, shape[0])
    for size in shape[1:]:
        out = out[..., None] * _over_energy(xp, like, kernel, size)
    return out


@table
def on_map(xp: Backend, like: Any, reach: int, *sizes: int) -> Any:
    """1 for pixels around each pixel of axes that are on the map.

    In shape (axes, n, 2 * reach + 1), n the longest of the sizes.
    """
    index = xp.arange(0, max(sizes), like)[:, None] + xp.arange(
        -reach, reach + 1, like)
    return xp.stack([xp.to_float((index >= 0) & (index < size), like)
                     for size in sizes])
