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
"""
import math
from functools import partial

import numpy as np

from ._backend import cut, table
from .fit import fit_reach, fit_windows
from .stencil import modulated_stencils, normalise_stencils

#: How much higher a mode away from the raw peak must be to be taken. Modes
#: closer than that are told apart by their brightest pixel. On real heatmaps
#: (3944, under each merge of the flip test) this lost nowhere against the
#: official decoder; 1, the paper's plain maximum, lost 0.14 AP in one.
MODE_MARGIN = 1.1


def raw_peak(xp, maps):
    """The first maximum of every map.

    Args:
        xp: The backend.
        maps (array): Heatmaps in shape (M, H, W).

    Returns:
        tuple: y, x and value of the peak, each in shape (M,).
    """
    width = maps.shape[-1]
    flat = maps.reshape(maps.shape[0], -1)
    index = xp.argmax(flat)
    return index // width, index % width, xp.take_last(flat, index)


def modulated_peak(xp, maps, kernel, margin=MODE_MARGIN):
    """The peak of every modulated map, and the raw maximum beside it.

    Args:
        xp: The backend.
        maps (array): Heatmaps in shape (M, H, W).
        kernel (Kernel): The modulation kernel.
        margin (float): 1 takes the maximum wherever it is.

    Returns:
        tuple: y and x of the modulated peak and the maximum of the raw map,
        each in shape (M,), and the windows around (y, x) that :func:`.fit`
        needs. Where the modulated map has no positive finite maximum, y and x
        are those of the raw peak.
    """
    reach = math.ceil(1.5 * kernel.sigma)
    rows = _normalised(xp, maps, kernel, maps.shape[1])
    cols = _normalised(xp, maps, kernel, maps.shape[2])
    how = (xp, rows, cols, kernel, reach, margin)
    dense = partial(_dense_search, *how)
    # Without a margin no mode is the higher one by any bound.
    large = min(maps.shape[1:]) > 2 * (reach + fit_reach(kernel))
    if not xp.dynamic or margin == 1 or not large:
        return xp.by_parts(dense, maps)
    *found, closed = xp.by_parts(partial(_bounded_search, *how), maps)
    rest = (~closed).nonzero()[0]
    if len(rest):
        for old, new in zip(found, xp.by_parts(dense, maps, rest)):
            old[rest] = new
    return found


@table
def _normalised(xp, like, kernel, size):
    """The kernel's matrix with rows of unit energy."""
    matrix = kernel.matrix(xp, like, size)
    return matrix / xp.sqrt((matrix * matrix).sum(1))[:, None]


@table
def _beyond(xp, like, reach, size):
    """(size, size): 1 where two pixels are more than ``reach`` apart."""
    index = xp.arange(0, size, like)
    return xp.to_float(abs(index[:, None] - index) > reach, like)


def _dense_search(xp, rows, cols, kernel, reach, margin, maps):
    """:func:`modulated_peak` from the modulated map as a whole."""
    raw_y, raw_x, value = raw_peak(xp, maps)
    # 0 times -inf would take the map with it; the bounded search, which does
    # not look beyond its window, leaves that out as well.
    modulated = rows @ (
        xp.where(maps == -float('inf'), 0., maps) @ cols.T)
    y, x, best = raw_peak(xp, modulated)
    near, near_y, near_x = _highest(
        xp, xp.windows(modulated, raw_y, raw_x, reach, reach), raw_y, raw_x)
    other = best > margin * near
    best = xp.where(other, best, near)
    found = (best > 0) & xp.isfinite(best)
    y = xp.where(found, xp.where(other, y, near_y), raw_y)
    x = xp.where(found, xp.where(other, x, near_x), raw_x)
    return y, x, value, fit_windows(xp, maps, y, x, kernel)


def _highest(xp, stencils, y, x):
    """Value, y and x of the maximum of stencils around (y, x)."""
    size = stencils.shape[1]
    flat = stencils.reshape(-1, size * size)
    index = xp.argmax(flat)
    return (xp.take_last(flat, index), y - size // 2 + index // size,
            x - size // 2 + index % size)


def _bounded_search(xp, rows, cols, kernel, reach, margin, maps):
    """:func:`modulated_peak` around the raw peak, and whether that will do.

    Returns:
        tuple: what :func:`modulated_peak` returns, and whether no mode
        further than ``reach`` from the raw peak can win.
    """
    raw_y, raw_x, value = raw_peak(xp, maps)
    outer = reach + fit_reach(kernel)
    windows = xp.windows(maps, raw_y, raw_x, outer, outer)
    stencils = normalise_stencils(
        xp, modulated_stencils(xp, windows, kernel, reach), raw_y, raw_x,
        kernel, maps.shape[1:])
    best, y, x = _highest(xp, stencils, raw_y, raw_x)
    size = 2 * fit_reach(kernel) + 1
    windows = cut(windows, (size, size), np.arange(len(maps)),
                  y - raw_y + reach, x - raw_x + reach)

    # 1e-4 covers rounding; the square of anything smaller than 1e-15 may
    # be 0 in float32.
    limit = np.where(best > 1e-15, (1 - 1e-4) * margin * best, 0)
    bound = partial(_bound, xp, rows, cols, kernel, reach)
    closed = bound(maps, raw_y, raw_x) < limit
    some = (~closed).nonzero()[0]
    if len(some):
        # What is below zero adds to no peak: leaving it out, at the price of
        # a copy, halves the energy of noise.
        positive = maps[some]
        np.maximum(positive, 0, out=positive)
        closed[some] = bound(
            positive, raw_y[some], raw_x[some]) < limit[some]
    return y, x, value, windows, closed


def _bound(xp, rows, cols, kernel, reach, maps, y, x):
    """What no pixel of the modulated maps beyond ``reach`` of (y, x) exceeds.

    Rows of ``rows`` and ``cols`` have unit energy, so no pixel of a map's
    row, blurred along it, exceeds the root of the energy of that row
    (Cauchy-Schwarz). Blurring these roots along y bounds what is further up
    and down; the same with columns, of the rows that reach that far, what is
    further left and right.
    """
    num, height, width = maps.shape
    size = 2 * (reach + kernel.radius) + 1
    top = (y - size // 2).clip(0, height - size)
    nearby = cut(maps, (size, width), np.arange(num), top, 0)
    row_energy = np.einsum('nyx,nyx->ny', maps, maps)
    col_energy = np.einsum('nyx,nyx->nx', nearby, nearby)
    above = (np.sqrt(row_energy) @ rows.T) * _beyond(
        xp, maps, reach, height)[y]
    beside = (np.sqrt(col_energy) @ cols.T) * _beyond(
        xp, maps, reach, width)[x]
    return np.maximum(above.max(1), beside.max(1))
