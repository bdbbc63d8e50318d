"""Pieces of maps: windows around a pixel, and the modulated map in them.

Symbols: M maps, m of them, a window of w pixels a side. Outside the map is 0.
"""
from functools import lru_cache
from typing import Any, Tuple

import numpy as np

from ._backend import Array, Backend, table
from .modulate import Kernel


def windows(xp: Backend, maps: Array, y: Array, x: Array, reach: int,
            which: Any = slice(None)) -> Array:
    """Cut a window around one pixel of every map.

    Args:
        xp: The backend.
        maps (Array): Heatmaps in shape (M, H, W).
        y, x (Array): The pixel of each of m maps.
        reach (int): Pixels on each side of it.
        which (array): The maps that y and x belong to. Defaults to all.

    Returns:
        Array: in shape (m, 2 * reach + 1, 2 * reach + 1).
    """
    how = _numpy_windows if xp.dynamic else _torch_windows
    return how(maps, y, x, (reach, reach), which)


def row_windows(xp: Backend, rows: Array, x: Array, reach: int) -> Array:
    """:func:`windows` of rows (M, W) around one bin: (M, 2 * reach + 1)."""
    how = _numpy_windows if xp.dynamic else _torch_windows
    return how(rows[:, None], 0 * x, x, (0, reach), slice(None))[:, 0]


def _numpy_windows(maps, y, x, reach, which):
    which = np.arange(len(maps))[which]
    (height, width), (ry, rx) = maps.shape[1:], reach
    size = 2 * ry + 1, 2 * rx + 1
    if height < size[0] or width < size[1]:
        maps = np.pad(maps, ((0, 0), (0, max(0, size[0] - height)),
                             (0, max(0, size[1] - width))))
    top, over_y = starts(maps.shape[1], ry)[:, y]
    left, over_x = starts(maps.shape[2], rx)[:, x]
    out = cut(maps, size, which, top, left)
    # Windows that reach over the border are cut again, out of zeros with
    # what is on the map in their middle.
    over = (over_y | over_x).nonzero()[0]
    if len(over):
        padded = np.zeros((len(over), size[0] + 2 * ry, size[1] + 2 * rx),
                          maps.dtype)
        padded[:, ry:ry + size[0], rx:rx + size[1]] = out[over]
        out[over] = cut(padded, size, np.arange(len(over)),
                        over_y[over] + ry, over_x[over] + rx)
    return out


@lru_cache(maxsize=64)
def starts(size: int, reach: int) -> np.ndarray:
    """Where windows around each pixel of an axis start, moved onto the map.

    Returns:
        np.ndarray: (2, size): the start and how far it had to be moved.
    """
    start = np.arange(size) - reach
    on_map = start.clip(0, size - 2 * reach - 1)
    return np.stack([on_map, start - on_map])


def cut(maps: np.ndarray, size: Tuple[int, int], which: Any, top: Any,
        left: Any) -> np.ndarray:
    """(m, *size) windows of the maps ``which`` at ``top`` and ``left``.

    A strided view copies each window in one go, several times faster than an
    index per pixel.
    """
    steps = maps.strides
    view: np.ndarray = np.ndarray(
        (len(maps), maps.shape[1] - size[0] + 1,
         maps.shape[2] - size[1] + 1, *size), maps.dtype, maps,
        strides=(*steps, *steps[1:]))
    return view[which, top, left]


def _torch_windows(maps, y, x, reach, which):
    import torch
    num, height, width = maps.shape
    rows, cols = (at[:, None] + torch.arange(-r, r + 1, device=maps.device)
                  for at, r in zip((y, x), reach))
    inside = (((rows >= 0) & (rows < height))[:, :, None] &
              ((cols >= 0) & (cols < width))[:, None, :])
    index = (rows.clamp(0, height - 1)[:, :, None] * width +
             cols.clamp(0, width - 1)[:, None, :])
    out = maps.reshape(num, -1).gather(1, index.reshape(num, -1))
    return torch.where(inside, out.reshape(index.shape), 0)


@table
def on_map(xp: Backend, like: Array, reach: int, size: int) -> Array:
    """(size, 2 * reach + 1): 1 for pixels around each pixel on the map."""
    index = xp.arange(0, size, like)[:, None] + xp.arange(
        -reach, reach + 1, like)
    return xp.to_float((index >= 0) & (index < size), like)


def modulated_stencils(xp: Backend, windows: Array, kernel: Kernel,
                       reach: int) -> Array:
    """The modulated map around the middle of every window (Eq. 10).

    Args:
        xp: The backend.
        windows (Array): Cuts of maps in shape (M, w, w), w at least
            2 * (reach + kernel.radius) + 1.
        kernel (Kernel): The modulation kernel.
        reach (int): Pixels of the stencil on each side of its middle.

    Returns:
        Array: (M, 2 * reach + 1, 2 * reach + 1).
    """
    taps = _taps(xp, windows, kernel, reach, windows.shape[1] // 2)
    size, width = taps.shape
    # One product for all rows of all windows, then a small one for each.
    rows = windows.reshape(-1, width) @ taps.T
    return taps @ rows.reshape(-1, width, size)


@table
def _taps(xp, like, kernel, reach, outer):
    """The kernel around each of 2 * reach + 1 pixels of 2 * outer + 1."""
    return kernel.at(
        xp,
        xp.arange(-outer, outer + 1, like) -
        xp.arange(-reach, reach + 1, like)[:, None])


def normalise_stencils(xp: Backend, stencils: Array, y: Array, x: Array,
                       kernel: Kernel, shape: Tuple[int, int]) -> Array:
    """Stencils around pixels (y, x) of an (H, W) map, normalised.

    By the energy of the kernel that is on the map, see :mod:`._peaks`; 0
    outside the map.
    """
    reach = stencils.shape[1] // 2
    by_y, by_x = _norms(xp, stencils, kernel, reach, *shape)
    return stencils * by_y[y][:, :, None] * by_x[x][:, None, :]


@table
def _norms(xp, like, kernel, reach, *sizes):
    """(size, 2 * reach + 1) each: one over the energy of the kernel's taps.

    Around each pixel of an axis, of the taps that are on the map. 0 for
    pixels that are not.
    """
    return [_norm(xp, like, kernel, reach, size) for size in sizes]


def _norm(xp, like, kernel, reach, size):
    taps = kernel.at(
        xp, xp.arange(-kernel.radius, kernel.radius + 1, like))
    norm = 1 / xp.sqrt(on_map(xp, like, kernel.radius, size) @ (taps * taps))
    index = xp.to_index(
        xp.arange(0, size, like)[:, None] +
        xp.arange(-reach, reach + 1, like))
    return norm[xp.clip(index, 0, size - 1)] * on_map(xp, like, reach, size)
