"""The handful of operations in which numpy and torch differ.

:class:`Backend` declares them, numpy and torch fill them in below. The rest of
this package is arithmetic written once: it asks :func:`backend_of` for ``xp``,
the operations for its input. torch is imported only when a tensor is handed
in, so that all of it works where only numpy is installed.
"""
import abc
from contextlib import nullcontext
from functools import lru_cache, wraps
from operator import itemgetter
from typing import Any, Callable, ContextManager, Sequence, Tuple

import numpy as np

#: an ``np.ndarray`` or a ``torch.Tensor``; what goes in comes out
Array = Any


class Backend(abc.ABC):
    """What is done to arrays of one kind; M counts maps."""

    # The same in both but for the module that has them.
    clip: Callable[..., Array]
    einsum: Callable[..., Array]
    abs: Callable[[Array], Array]
    exp: Callable[[Array], Array]
    floor: Callable[[Array], Array]
    isfinite: Callable[[Array], Array]
    log: Callable[[Array], Array]
    maximum: Callable[[Array, Array], Array]
    sqrt: Callable[[Array], Array]
    trunc: Callable[[Array], Array]
    where: Callable[..., Array]

    #: whether shapes may follow the data: then work is spent where needed
    dynamic: bool

    @abc.abstractmethod
    def as_float(self, array: Array, name: str) -> Array:
        """float32 and float64 stay; anything else is taken as float32."""

    @abc.abstractmethod
    def guard(self, like: Array) -> ContextManager[Any]:
        """Full precision, and silence where a ``where`` discards results."""

    @abc.abstractmethod
    def arange(self, start: int, stop: int, like: Array) -> Array:
        """Whole numbers of the dtype and on the device of ``like``."""

    @abc.abstractmethod
    def full(self, shape: Tuple[int, ...], value: float, like: Array) -> Array:
        """One value all over, of the dtype and on the device of ``like``."""

    @abc.abstractmethod
    def to_float(self, array: Array, like: Array) -> Array:
        """Of the dtype of ``like``."""

    @abc.abstractmethod
    def to_index(self, array: Array) -> Array:
        """As whole numbers to index by."""

    @abc.abstractmethod
    def amax(self, array: Array) -> Array:
        """Maximum over the last axis."""

    @abc.abstractmethod
    def argmax(self, array: Array) -> Array:
        """Index of the first maximum over the last axis."""

    @abc.abstractmethod
    def take_last(self, array: Array, index: Array) -> Array:
        """``array[..., index]`` with one index for every row."""

    @abc.abstractmethod
    def stack(self, arrays: Sequence[Array]) -> Array:
        """Along a new first axis."""

    @abc.abstractmethod
    def last_axis(self, arrays: Sequence[Array]) -> Array:
        """Along a new last axis."""

    @abc.abstractmethod
    def outer(self, column: Array, row: Array) -> Array:
        """(..., H) and (..., W) to (..., H, W)."""

    @abc.abstractmethod
    def at_least(self, array: Array, low: float) -> Array:
        """Nothing below ``low``."""

    @abc.abstractmethod
    def swap(self, pair: Array) -> Array:
        """The two halves of a (2, ...) array in the other order."""

    @abc.abstractmethod
    def put_where(self, needed: Array, result: Array,
                  compute: Callable[[Any], Array]) -> Array:
        """``result`` (..., M) with ``compute(which)`` where it is needed.

        Args:
            needed (Array): bool, in shape (M,).
            result (Array): May be changed in place.
            compute (callable): Makes (..., m) of the maps ``which``: of those
                needed where work may follow the data, of all otherwise.
        """


class NumpyBackend(Backend):
    """numpy's side."""

    abs, exp, floor, trunc = np.abs, np.exp, np.floor, np.trunc
    isfinite, log, sqrt = np.isfinite, np.log, np.sqrt
    maximum = np.maximum
    einsum, where = staticmethod(np.einsum), staticmethod(np.where)
    dynamic = True

    def as_float(self, array, name):
        array = np.asarray(array, order='C')
        if array.dtype.kind not in 'fiub':
            raise TypeError(f'{name} must be real numbers, got an array of '
                            f'dtype {array.dtype}')
        if array.dtype not in (np.float32, np.float64):
            swapped = array.dtype == np.dtype('f8').newbyteorder()
            array = array.astype(np.float64 if swapped else np.float32)
        return array

    def guard(self, like):
        return np.errstate(all='ignore')

    def arange(self, start, stop, like):
        return np.arange(start, stop, dtype=like.dtype)

    def full(self, shape, value, like):
        return np.full(shape, value, dtype=like.dtype)

    def to_float(self, array, like):
        return array.astype(like.dtype)

    def to_index(self, array):
        return array.astype(np.int64)

    def amax(self, array):
        return array.max(-1)

    def argmax(self, array):
        return array.argmax(-1)

    def take_last(self, array, index):
        rows = array.reshape(-1, array.shape[-1])
        return rows[np.arange(len(rows)), index.reshape(-1)].reshape(
            index.shape)

    # Several times faster than np.stack, and a call less than a method.
    stack: Callable[..., Array] = staticmethod(np.array)

    def last_axis(self, arrays):
        return np.stack(arrays, -1)

    def outer(self, column, row):
        # Twice as fast as a product of broadcast arrays.
        return np.einsum('...h,...w->...hw', column, row)

    at_least: Callable[..., Array] = staticmethod(np.maximum)

    def clip(self, array, low, high):
        return np.minimum(np.maximum(array, low), high)  # np.clip is slow

    swap: Callable[..., Array] = itemgetter(slice(None, None, -1))

    def put_where(self, needed, result, compute):
        which = needed.nonzero()[0]
        if len(which):
            result[..., which] = compute(which)
        return result


class TorchBackend(Backend):
    """torch's side. Shapes never depend on the data."""

    dynamic = False

    def __init__(self):
        import torch
        self.torch = torch
        for name in ('abs', 'clip', 'einsum', 'exp', 'floor', 'isfinite',
                     'log', 'maximum', 'sqrt', 'trunc', 'where'):
            setattr(self, name, getattr(torch, name))
        try:
            torch.is_autocast_enabled('cpu')
            self.is_autocast_enabled = torch.is_autocast_enabled
        except TypeError:  # before torch 2.4 there was one for each device
            self.is_autocast_enabled = lambda kind: (
                torch.is_autocast_cpu_enabled() if kind == 'cpu'
                else torch.is_autocast_enabled())

    def as_float(self, array, name):
        if array.is_complex():
            raise TypeError(f'{name} must be real numbers, got a tensor of '
                            f'dtype {array.dtype}')
        if array.dtype not in (self.torch.float32, self.torch.float64):
            array = array.float()
        return array

    def guard(self, like):
        kind = like.device.type
        if self.is_autocast_enabled(kind):  # it would halve the products
            return self.torch.autocast(kind, enabled=False)
        return nullcontext()

    def arange(self, start, stop, like):
        return self.torch.arange(
            start, stop, dtype=like.dtype, device=like.device)

    def full(self, shape, value, like):
        return self.torch.full(
            shape, value, dtype=like.dtype, device=like.device)

    def to_float(self, array, like):
        return array.to(like.dtype)

    def to_index(self, array):
        return array.long()

    def amax(self, array):
        return array.amax(-1)

    def argmax(self, array):
        return array.argmax(-1)

    def take_last(self, array, index):
        return array.gather(-1, index[..., None])[..., 0]

    def stack(self, arrays):
        return self.torch.stack(arrays)

    def last_axis(self, arrays):
        return self.torch.stack(arrays, -1)

    def outer(self, column, row):
        return column[..., :, None] * row[..., None, :]

    def at_least(self, array, low):
        return array.clamp(min=low)

    def swap(self, pair):
        return self.torch.stack([pair[1], pair[0]])

    def put_where(self, needed, result, compute):
        return self.where(needed, compute(slice(None)), result)


_numpy_backend = NumpyBackend()


@lru_cache(maxsize=None)
def _torch_backend() -> TorchBackend:
    return TorchBackend()


def backend_of(array: Any) -> Backend:
    """The operations for ``array``: torch's for a tensor, else numpy's."""
    if type(array).__module__.split('.')[0] == 'torch' or hasattr(
            array, '__torch_function__'):
        return _torch_backend()
    return _numpy_backend


def as_maps(heatmaps: Any, name: str = 'heatmaps') -> Tuple[Backend, Array]:
    """The operations for heatmaps, and these as floats.

    Raises:
        TypeError: They are not real numbers.
        ValueError: They are not in shape (..., H, W) with H, W > 0.
    """
    xp = backend_of(heatmaps)
    maps = xp.as_float(heatmaps, name)
    if maps.ndim < 2 or 0 in tuple(maps.shape[-2:]):
        raise ValueError(f'{name} must be in shape (..., K, H, W) with H and '
                         f'W of at least 1, got {tuple(maps.shape)}')
    return xp, maps


def table(make: Callable[..., Array]) -> Callable[..., Array]:
    """Decorator of ``make(xp, like, *args)``, an array that no data changes.

    numpy's is made once for each dtype and ``args``; a tensor's by every
    call, on the device of ``like``.
    """

    @lru_cache(maxsize=64)
    def cached(dtype, *args):
        return make(_numpy_backend, np.empty(0, dtype), *args)

    @wraps(make)
    def get(xp: Backend, like: Array, *args: Any) -> Array:
        if xp.dynamic:
            return cached(like.dtype.type, *args)
        return make(xp, like, *args)

    return get
