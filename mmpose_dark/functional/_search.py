"""The modulated peak with numpy: by bounds, without most of the products.

numpy may look at the data and do less. Around the raw peak the modulated map
is computed; that no pixel further off can exceed it is shown by a bound, and
only maps of which that cannot be shown are modulated as a whole.
"""
from functools import partial
from typing import Any, Callable, List, Optional

import numpy as np

from ._backend import Array, Backend, table
from ._peaks import (
    MODE_MARGIN,
    highest,
    modulated_peak,
    normalised,
    raw_peak,
)
from ._windows import (
    cut,
    modulated_stencils,
    normalise_stencils,
    starts,
    windows,
)
from .modulate import Kernel


def bounded_modulated_peak(xp: Backend, kernel: Kernel,
                           maps: np.ndarray) -> List[np.ndarray]:
    """What :func:`._peaks.modulated_peak` finds."""
    whole = partial(modulated_peak, xp, kernel)
    if min(maps.shape[1:]) <= 2 * (kernel.mode + kernel.window):
        return by_parts(whole, maps)
    *found, closed = by_parts(partial(_search_near, xp, kernel), maps)
    rest = (~closed).nonzero()[0]
    if len(rest):
        for old, new in zip(found, by_parts(whole, maps, rest)):
            old[rest] = new
    return found


def by_parts(function: Callable, maps: np.ndarray,
             which: Optional[np.ndarray] = None) -> List[np.ndarray]:
    """``function`` of a part of the maps at a time; a list of arrays.

    What several steps read then comes out of a cache, and what they need in
    between is small. With ``which``, maps are picked, which takes memory: a
    quarter at most.
    """
    size = 2**21 // maps[0].size + 1
    if which is None:
        cuts: List[Any] = [slice(start, start + size)
                           for start in range(0, len(maps), size)]
    else:
        size = min(size, len(maps) // 4 + 1)
        cuts = [which[start:start + size]
                for start in range(0, len(which), size)]
    parts = [function(maps[cut]) for cut in cuts]
    return parts[0] if len(parts) == 1 else [
        np.concatenate(results) for results in zip(*parts)]


def _search_near(xp: Backend, kernel: Kernel,
                 maps: np.ndarray) -> List[np.ndarray]:
    """What :func:`bounded_modulated_peak` returns, and whether that will do.

    It will where no mode further than ``kernel.mode`` from the raw peak can
    win.
    """
    reach = kernel.mode
    raw_y, raw_x, value = raw_peak(xp, maps)
    around = windows(xp, maps, raw_y, raw_x, reach + kernel.window)
    stencils = normalise_stencils(
        xp, modulated_stencils(xp, around, kernel, reach), raw_y, raw_x,
        kernel, maps.shape[1:])
    best, y, x = highest(xp, stencils, raw_y, raw_x)
    size = 2 * kernel.window + 1
    around = cut(around, (size, size), np.arange(len(maps)),
                 y - raw_y + reach, x - raw_x + reach)

    # 1e-4 covers rounding; the square of anything smaller than 1e-15 may
    # be 0 in float32.
    limit = np.where(best > 1e-15, (1 - 1e-4) * MODE_MARGIN * best, 0)
    bound = partial(_bound, xp, kernel)
    closed = bound(maps, raw_y, raw_x) < limit
    some = (~closed).nonzero()[0]
    if len(some):
        # What is below zero adds to no peak: leaving it out, at the price of
        # a copy, halves the energy of noise.
        positive = maps[some]
        np.maximum(positive, 0, out=positive)
        closed[some] = bound(
            positive, raw_y[some], raw_x[some]) < limit[some]
    return [y, x, value, around, closed]


def _bound(xp: Backend, kernel: Kernel, maps: np.ndarray, y: np.ndarray,
           x: np.ndarray) -> np.ndarray:
    """What no pixel of the modulated maps far from (y, x) exceeds.

    The rows of the normalised kernel have unit energy, so no pixel of a map's
    row, blurred along it, exceeds the root of the energy of that row
    (Cauchy-Schwarz). Blurring these roots along y bounds what is further up
    and down; the same with columns, of the rows that reach that far, what is
    further left and right.
    """
    num, height, width = maps.shape
    size = 2 * (kernel.mode + kernel.radius) + 1
    top = starts(height, size // 2)[0][y]
    nearby = cut(maps, (size, width), np.arange(num), top, 0)
    (rows, far_y), (cols, far_x) = _tables(xp, maps, kernel, height, width)
    row_energy = np.einsum('nyx,nyx->ny', maps, maps)
    col_energy = np.einsum('nyx,nyx->nx', nearby, nearby)
    above = (np.sqrt(row_energy) @ rows) * far_y[y]
    beside = (np.sqrt(col_energy) @ cols) * far_x[x]
    return np.maximum(above.max(1), beside.max(1))


@table
def _tables(xp: Backend, like: Array, kernel: Kernel, *sizes: int) -> Array:
    """For each axis: the kernel that blurs it, transposed, and what is far.

    That is 1 for two pixels more than ``kernel.mode`` apart.
    """
    index = [xp.arange(0, size, like) for size in sizes]
    return [(normalised(xp, like, kernel, size).T,
             xp.to_float(abs(i[:, None] - i) > kernel.mode, like))
            for size, i in zip(sizes, index)]
