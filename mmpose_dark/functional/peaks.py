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
from functools import lru_cache

import numpy as np

from ._backend import NumpyBackend
from .modulate import stencil_weights

#: How much higher a mode away from the raw peak must be to be taken. Modes
#: closer than that are told apart by their brightest pixel. On real heatmaps
#: (nine settings of 3944 maps) 1.1 to 1.3 lost nowhere against the official
#: decoder; 1, the paper's plain maximum, lost 0.2 AP in one.
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
        each in shape (M,). Where the modulated map has no positive finite
        maximum, y and x are those of the raw peak.
    """
    rows = _normalised(xp, maps, maps.shape[1], kernel)
    cols = _normalised(xp, maps, maps.shape[2], kernel)
    reach = math.ceil(1.5 * kernel.sigma)
    tall = maps.shape[1] > 2 * (reach + kernel.radius) + 1
    if xp.dynamic and tall:
        return _bounded_search(xp, maps, rows, cols, kernel, reach, margin)
    return _dense_search(xp, maps, rows, cols, reach, margin)


def _normalised(xp, maps, size, kernel):
    """The kernel's matrix with rows of unit energy."""
    if xp.dynamic:
        return _cached_normalised(kernel, size, maps.dtype.type)
    return _make_normalised(xp, maps, size, kernel)


@lru_cache(maxsize=64)
def _cached_normalised(kernel, size, dtype):
    return _make_normalised(NumpyBackend, np.empty(0, dtype), size, kernel)


def _make_normalised(xp, like, size, kernel):
    matrix = kernel.matrix(xp, like, size)
    return matrix / xp.sqrt((matrix * matrix).sum(1))[:, None]


def _choose(xp, near, far, margin):
    """Of two (value, y, x), the near one unless the far is clearly higher."""
    other = far[0] > margin * near[0]
    return tuple(xp.where(other, b, a) for a, b in zip(near, far))


def _around(xp, modulated, y, x, reach):
    """Highest (value, y, x) of the modulated map within ``reach`` px."""
    size = 2 * reach + 1
    local = xp.windows(modulated, y, x, reach, reach)
    local = local.reshape(-1, size * size)
    index = xp.argmax(local)
    return (xp.take_last(local, index), y - reach + index // size,
            x - reach + index % size)


def _dense_search(xp, maps, rows, cols, reach, margin):
    raw_y, raw_x, value = raw_peak(xp, maps)
    modulated = rows @ (maps @ cols.T)
    y, x, best = raw_peak(xp, modulated)
    best, y, x = _choose(xp, _around(xp, modulated, raw_y, raw_x, reach),
                         (best, y, x), margin)
    found = (best > 0) & xp.isfinite(best)
    return xp.where(found, y, raw_y), xp.where(found, x, raw_x), value


def _bounded_search(xp, maps, rows, cols, kernel, reach, margin):
    """The dense search, spent only where the peak can be.

    The modulated map is computed around the raw peak only. Row maxima bound
    what is further up or down, and column maxima of the rows nearby what is
    further left or right: blurring these (M, H) and (M, W) arrays bounds the
    whole map. The few maps in which another mode could still win are searched
    in full.
    """
    num, height, width = maps.shape
    which = np.arange(num)
    # Two rows at once where possible: argmax is fastest on long rows.
    group = 2 if height % 2 == 0 else 1
    grouped = maps.reshape(num, height // group, group * width)
    at = grouped.argmax(2)
    row_max = xp.take_last(grouped, at)
    best_group = row_max.argmax(1)
    value = row_max[which, best_group]
    flat = best_group * (group * width) + at[which, best_group]
    raw_y, raw_x = flat // width, flat % width
    if group == 2:
        row_max = row_max.repeat(2, axis=1)

    outer = reach + kernel.radius
    size = 2 * reach + 1
    taps, both = stencil_weights(xp, maps, kernel, reach)
    local = xp.windows(maps, raw_y, raw_x, outer, outer).reshape(num, -1)
    local = (local @ both).reshape(num, size, size)
    # The border's normalisation: the diagonals hold tap / sqrt(sum taps^2).
    middle = taps[0, kernel.radius]
    nearby = np.arange(-reach, reach + 1)
    ys, xs = raw_y[:, None] + nearby, raw_x[:, None] + nearby
    near_y, near_x = ys.clip(0, height - 1), xs.clip(0, width - 1)
    local *= (np.diag(rows) / middle)[near_y][:, :, None]
    local *= (np.diag(cols) / middle)[near_x][:, None, :]
    off = (ys != near_y)[:, :, None] | (xs != near_x)[:, None, :]
    local = np.where(off, -np.inf, local).reshape(num, -1)
    index = local.argmax(1)
    best = local[which, index]
    y, x = raw_y - reach + index // size, raw_x - reach + index % size

    col_max = _row_windows(maps, raw_y, outer).max(1)
    above = (row_max.clip(0) @ rows.T) * cols.sum(1).max()
    beside = (col_max.clip(0) @ cols.T) * rows.sum(1).max()
    above[which[:, None], near_y] = -np.inf
    beside[which[:, None], near_x] = -np.inf
    bound = np.maximum(above.max(1), beside.max(1))
    # 1e-4 covers float32 rounding on both sides.
    closed = (bound < margin * best * (1 - 1e-4)) & (best > 0)
    rest = np.flatnonzero(~closed)
    # A full search takes three times the memory of its maps: part by part.
    part_size = min(256, num // 4 + 1)
    for start in range(0, len(rest), part_size):
        part = rest[start:start + part_size]
        y[part], x[part], _ = _dense_search(
            xp, maps[part], rows, cols, reach, margin)
    return y, x, value


def _row_windows(maps, y, radius):
    """(M, 2 * radius + 1, W): rows around ``y``, zero outside the map."""
    num, height, width = maps.shape
    size = 2 * radius + 1
    top = y - radius
    inside = top.clip(0, height - size)
    view = np.lib.stride_tricks.sliding_window_view(
        maps.reshape(num, -1), size * width, axis=1)
    out = view[np.arange(num), inside * width].reshape(num, size, width)
    over = np.flatnonzero(top != inside)
    if len(over):
        index = np.arange(size) + (top - inside)[over, None]
        keep = (index >= 0) & (index < size)
        shifted = out[over[:, None], index.clip(0, size - 1)]
        out[over] = np.where(keep[:, :, None], shifted, 0)
    return out
