"""torch: shapes never depend on the data, and nothing waits for a device."""
from contextlib import nullcontext
from functools import reduce
from typing import (
    Any,
    Callable,
    ContextManager,
    Sequence,
    Tuple,
)

import numpy as np
import torch
from torch import Tensor

from .base import Backend
from .numpy import NumpyBackend


class TorchBackend(Backend):
    """What could be left out of some maps is computed of all of them."""

    def __init__(self) -> None:
        self._by_numpy = NumpyBackend()
        for name in ('clip', 'einsum', 'exp', 'floor', 'isfinite', 'log',
                     'maximum', 'sqrt', 'trunc', 'where'):
            setattr(self, name, getattr(torch, name))
        self._is_autocast_enabled: Callable[[str], bool]
        try:
            torch.is_autocast_enabled('cpu')
            self._is_autocast_enabled = torch.is_autocast_enabled
        except TypeError:  # before torch 2.4 there was one for each device
            self._is_autocast_enabled = lambda kind: (
                torch.is_autocast_cpu_enabled() if kind == 'cpu'
                else torch.is_autocast_enabled())

    def as_float(self, array: Tensor, name: str) -> Tensor:
        if array.is_complex():
            raise TypeError(f'{name} must be real numbers, got a tensor of '
                            f'dtype {array.dtype}')
        if array.dtype not in (torch.float32, torch.float64):
            array = array.float()
        return array

    def refutes(self, condition: Tensor) -> bool:
        return False

    def guard(self, like: Tensor) -> ContextManager[Any]:
        kind = like.device.type
        if self._is_autocast_enabled(kind):  # it would halve the products
            return torch.autocast(kind, enabled=False)
        return nullcontext()

    def arange(self, start: int, stop: int, like: Tensor) -> Tensor:
        return torch.arange(start, stop, dtype=like.dtype, device=like.device)

    def array(self, values: Any, like: Tensor) -> Tensor:
        return torch.tensor(values, dtype=like.dtype, device=like.device)

    def to_float(self, array: Tensor, like: Tensor) -> Tensor:
        return array.to(like.dtype)

    def to_index(self, array: Tensor) -> Tensor:
        return array.long()

    def amax(self, array: Tensor) -> Tensor:
        return array.amax(-1)

    def argmax(self, array: Tensor) -> Tensor:
        return array.argmax(-1)

    def take(self, rows: Tensor, index: Tensor) -> Tensor:
        return rows.gather(1, index[:, None])[:, 0]

    def stack(self, arrays: Sequence[Tensor]) -> Tensor:
        return torch.stack(list(arrays))

    def last_axis(self, arrays: Sequence[Tensor]) -> Tensor:
        return torch.stack(list(arrays), -1)

    def outer(self, column: Tensor, row: Tensor) -> Tensor:
        return column[..., :, None] * row[..., None, :]

    def at_least(self, array: Tensor, low: float) -> Tensor:
        return array.clamp(min=low)

    def positive(self, maps: Tensor, which: Any) -> Tensor:
        return maps[which].clamp(min=0)

    def product(self, left: Tensor, right: Tensor) -> Tensor:
        return left @ right

    def convolve(self, rows: Tensor, kernel: Any) -> Tensor:
        """All of the matrix at once, which a device is faster with."""
        matrix: Tensor = kernel.matrix(self, rows, rows.shape[1])
        return rows @ matrix

    def windows(self, maps: Tensor, at: Tensor, reach: int,
                which: Any = None) -> Tensor:
        axes = at.shape[0]
        around = torch.arange(-reach, reach + 1, device=maps.device)
        index: Any = 0
        places = [_along(at[-1 - axis][:, None] + around, axis, axes)
                  for axis in range(axes)]
        for size, place in zip(maps.shape[1:], places):
            index = index * size + place.clamp(0, size - 1)
        inside = reduce(torch.logical_and, [
            (place >= 0) & (place < size)
            for size, place in zip(maps.shape[1:], places)])
        flat = maps.reshape(maps.shape[0], -1)
        if which is not None:
            flat = flat[which]
        out = flat.gather(1, index.reshape(index.shape[0], -1))
        return torch.where(inside, out.reshape(index.shape), 0)

    def cut(self, maps: Tensor, start: Sequence[Any],
            size: Tuple[int, ...]) -> Tensor:
        out = maps
        for axis, part in enumerate(size[::-1]):
            first = start[-1 - axis]
            place = torch.arange(part, device=maps.device).expand(
                maps.shape[0], part)
            if not isinstance(first, int):
                place = place + first[:, None]
            shape = list(out.shape)
            shape[1 + axis] = part
            out = out.gather(1 + axis, _along(
                place, axis, len(size)).expand(shape))
        return out

    def cached(self, make: Callable[..., Any], like: Tensor,
               *args: Any) -> Any:
        """Made once by numpy and brought to the device of ``like``.

        torch would start dozens of small kernels for it. A compiler must see
        what it compiles, and gets what torch makes.
        """
        if is_compiling():
            return make(self, like, *args)
        double = like.dtype == torch.float64
        return _brought(self._by_numpy.cached(
            make, np.empty(0, np.float64 if double else np.float32), *args),
            like.device)

    def by_parts(self, function: Callable[[Any], Sequence[Any]],
                 maps: Tensor, numbers: int,
                 which: Any = None) -> Sequence[Any]:
        return function(maps if which is None else maps[which])

    def put_where(self, needed: Tensor, result: Tensor,
                  compute: Callable[[Any], Tensor]) -> Tensor:
        return torch.where(needed, compute(slice(None)), result)

    def search(self, near: Callable[[], Sequence[Any]],
               whole: Callable[[Any], Sequence[Any]]) -> Sequence[Any]:
        return whole(None)


def is_compiling() -> bool:
    """Whether ``torch.compile`` or ``torch.export`` looks on."""
    compiler = getattr(torch, 'compiler', None)
    if not hasattr(compiler, 'is_compiling'):  # before torch 2.1
        compiler = getattr(torch, '_dynamo', None)
    return compiler is not None and compiler.is_compiling()


def _brought(made: Any, device: torch.device) -> Any:
    """Arrays as tensors there, in the tuples and lists that they are in."""
    if isinstance(made, np.ndarray):
        # A blocking copy would wait for all that the device has to do.
        return torch.from_numpy(made).to(device, non_blocking=True)
    if not isinstance(made, (list, tuple)):
        return made
    parts = [_brought(part, device) for part in made]
    if isinstance(made, list):
        return parts
    return type(made)(*parts) if hasattr(made, '_fields') else tuple(parts)


def _along(place: Tensor, axis: int, axes: int) -> Tensor:
    """(m, w) along one axis of maps."""
    return place.reshape(place.shape[0], *(
        -1 if i == axis else 1 for i in range(axes)))
