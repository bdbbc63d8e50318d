"""The handful of operations in which numpy and torch differ.

Everything above this module is arithmetic written once: it asks
:func:`backend_of` for the namespace of its input and calls the functions below
on it. torch is imported only when a tensor is handed in, so the whole of
:mod:`mmpose_dark.functional` works where only numpy is installed.

All functions work on *maps*: one stack ``(M, H, W)`` of single heatmaps, where
M is the product of the leading dimensions of what the caller handed in.
"""
from contextlib import nullcontext
from functools import lru_cache, wraps

import numpy as np


class NumpyBackend:
    """numpy's side of the primitives."""

    abs, ceil, exp, floor = np.abs, np.ceil, np.exp, np.floor
    isfinite, log, sqrt, trunc = np.isfinite, np.log, np.sqrt, np.trunc
    maximum = np.maximum
    clip = staticmethod(np.clip)
    einsum, where = staticmethod(np.einsum), staticmethod(np.where)
    #: shapes may follow the data: work can be spent only where it is needed
    dynamic = True

    @staticmethod
    def as_float(array, name):
        """float32 and float64 stay; anything else is computed in float32."""
        array = np.asarray(array, order='C')
        if array.dtype.kind not in 'fiub':
            raise TypeError(f'{name} must be real numbers, got an array of '
                            f'dtype {array.dtype}')
        if array.dtype not in (np.float32, np.float64):
            swapped = array.dtype == np.dtype('f8').newbyteorder()
            array = array.astype(np.float64 if swapped else np.float32)
        return array

    @staticmethod
    def guard(like):
        """Silence for divisions whose result is discarded by a ``where``."""
        return np.errstate(all='ignore')

    @staticmethod
    def arange(start, stop, like):
        return np.arange(start, stop, dtype=like.dtype)

    @staticmethod
    def full(shape, value, like):
        return np.full(shape, value, dtype=like.dtype)

    @staticmethod
    def to_float(array, like):
        return array.astype(like.dtype)

    @staticmethod
    def to_index(array):
        return array.astype(np.int64)

    @staticmethod
    def amax(array):
        """Maximum over the last axis."""
        return array.max(-1)

    @staticmethod
    def argmax(array):
        """Index of the first maximum over the last axis."""
        return array.argmax(-1)

    @staticmethod
    def stack(arrays):
        """Along a new first axis; several times faster than ``np.stack``."""
        return np.array(arrays)

    @staticmethod
    def last_axis(arrays):
        """Along a new last axis."""
        return np.stack(arrays, -1)

    @staticmethod
    def outer(column, row):
        """(..., H) and (..., W) to (..., H, W); twice as fast as ``*``."""
        return np.einsum('...h,...w->...hw', column, row)

    @staticmethod
    def at_least(array, low):
        return np.maximum(array, low)

    @staticmethod
    def swap(pair):
        """The two rows of an array, the second one first."""
        return pair[::-1]

    @staticmethod
    def take_last(array, index):
        """``array[..., index]`` with one index for every row."""
        rows = array.reshape(-1, array.shape[-1])
        return rows[np.arange(len(rows)), index.reshape(-1)].reshape(
            index.shape)

    @staticmethod
    def by_parts(function, maps, which=None):
        """``function`` of a part of the maps at a time; a tuple of arrays.

        What several steps read then comes out of a cache, and what they need
        in between is small. With ``which``, maps are picked, which takes
        memory: a quarter at most.
        """
        size = 2**21 // maps[0].size + 1
        if which is None:
            cuts = [slice(start, start + size)
                    for start in range(0, len(maps), size)]
        else:
            size = min(size, len(maps) // 4 + 1)
            cuts = [which[start:start + size]
                    for start in range(0, len(which), size)]
        parts = [function(maps[cut]) for cut in cuts]
        return parts[0] if len(parts) == 1 else tuple(
            np.concatenate(results) for results in zip(*parts))

    @staticmethod
    def windows(maps, y, x, ry, rx, which=None):
        """Cut a window around one pixel of every map, zero outside the map.

        ``which`` names the maps that ``y`` and ``x`` belong to (default all).

        Returns:
            array: Windows in shape (M, 2 * ry + 1, 2 * rx + 1).
        """
        height, width = maps.shape[1:]
        which = np.arange(len(maps)) if which is None else which
        size = (2 * ry + 1, 2 * rx + 1)
        if height < size[0] or width < size[1]:
            pad_y, pad_x = max(0, size[0] - height), max(0, size[1] - width)
            maps = np.pad(maps, ((0, 0), (0, pad_y), (0, pad_x)))
        top, over_y = (of[y] for of in _spans(maps.shape[1], ry))
        left, over_x = (of[x] for of in _spans(maps.shape[2], rx))
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
def _spans(size, radius):
    """Where windows around each pixel of an axis start, moved onto the map.

    And how far they had to be moved.
    """
    start = np.arange(size) - radius
    on_map = start.clip(0, size - 2 * radius - 1)
    return on_map, start - on_map


def cut(maps, size, which, top, left):
    """(m, *size) windows of the maps ``which`` at ``top`` and ``left``.

    A strided view copies each window in one go, several times faster than an
    index per pixel.
    """
    steps = maps.strides
    view = np.ndarray(
        (len(maps), maps.shape[1] - size[0] + 1,
         maps.shape[2] - size[1] + 1, *size), maps.dtype, maps,
        strides=(*steps, *steps[1:]))
    return view[which, top, left]


class TorchBackend:
    """torch's side of the primitives. Shapes never depend on the data."""

    dynamic = False

    def __init__(self):
        import torch
        self.torch = torch
        for name in ('abs', 'ceil', 'clip', 'einsum', 'exp', 'floor',
                     'isfinite', 'log', 'maximum', 'sqrt', 'stack', 'trunc',
                     'where'):
            setattr(self, name, getattr(torch, name))
        try:
            torch.is_autocast_enabled('cpu')
            self.is_autocast_enabled = torch.is_autocast_enabled
        except TypeError:  # before torch 2.4 there was one for each device
            self.is_autocast_enabled = lambda kind: (
                torch.is_autocast_cpu_enabled() if kind == 'cpu'
                else torch.is_autocast_enabled())

    def as_float(self, tensor, name):
        torch = self.torch
        if tensor.is_complex():
            raise TypeError(f'{name} must be real numbers, got a tensor of '
                            f'dtype {tensor.dtype}')
        if tensor.dtype not in (torch.float32, torch.float64):
            tensor = tensor.float()
        return tensor

    def guard(self, like):
        """Full precision inside autocast, which would halve the products."""
        kind = like.device.type
        if self.is_autocast_enabled(kind):
            return self.torch.autocast(kind, enabled=False)
        return nullcontext()

    def arange(self, start, stop, like):
        return self.torch.arange(
            start, stop, dtype=like.dtype, device=like.device)

    def full(self, shape, value, like):
        return self.torch.full(
            shape, value, dtype=like.dtype, device=like.device)

    @staticmethod
    def to_float(tensor, like):
        return tensor.to(like.dtype)

    @staticmethod
    def to_index(tensor):
        return tensor.long()

    @staticmethod
    def amax(tensor):
        return tensor.amax(-1)

    @staticmethod
    def argmax(tensor):
        return tensor.argmax(-1)

    def last_axis(self, tensors):
        return self.torch.stack(tensors, -1)

    @staticmethod
    def outer(column, row):
        return column[..., :, None] * row[..., None, :]

    @staticmethod
    def at_least(tensor, low):
        return tensor.clamp(min=low)

    @staticmethod
    def swap(pair):
        return pair.flip(0)

    @staticmethod
    def by_parts(function, maps):
        return function(maps)

    @staticmethod
    def take_last(tensor, index):
        return tensor.gather(-1, index[..., None])[..., 0]

    def windows(self, maps, y, x, ry, rx, which=None):
        # Every map has a window here: shapes do not follow the data.
        assert which is None
        num, height, width = maps.shape
        torch = self.torch
        rows = y[:, None] + torch.arange(-ry, ry + 1, device=maps.device)
        cols = x[:, None] + torch.arange(-rx, rx + 1, device=maps.device)
        inside = (((rows >= 0) & (rows < height))[:, :, None] &
                  ((cols >= 0) & (cols < width))[:, None, :])
        index = (rows.clamp(0, height - 1)[:, :, None] * width +
                 cols.clamp(0, width - 1)[:, None, :])
        out = maps.reshape(num, -1).gather(1, index.reshape(num, -1))
        return torch.where(inside, out.reshape(index.shape), 0)


_numpy_backend = NumpyBackend()


@lru_cache(maxsize=None)
def _torch_backend():
    return TorchBackend()


def backend_of(array):
    """The primitives for ``array``: torch's for a tensor, else numpy's."""
    if type(array).__module__.split('.')[0] == 'torch' or hasattr(
            array, '__torch_function__'):
        return _torch_backend()
    return _numpy_backend


def table(make):
    """Decorator of ``make(xp, like, *args)``, an array that no data changes.

    numpy's is made once for each dtype and ``args``; a tensor's by every
    call, on the device of ``like``.
    """

    @lru_cache(maxsize=64)
    def cached(dtype, *args):
        return make(_numpy_backend, np.empty(0, dtype), *args)

    @wraps(make)
    def get(xp, like, *args):
        if xp.dynamic:
            return cached(like.dtype.type, *args)
        return make(xp, like, *args)

    return get
