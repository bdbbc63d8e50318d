"""numpy: work follows the data, and stays in one thread and in caches."""
from functools import lru_cache, reduce
from typing import (
    Any,
    Callable,
    ContextManager,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

import numpy as np

from .base import Backend

#: Multiplications up to which OpenBLAS stays in the thread that calls it.
#: Where other processes keep the cores busy, its threads wait for each other
#: ten times as long as a small product takes.
ONE_THREAD = 2**18

#: bins that are convolved by one product: a vector needs few, its ends aside
BLOCK = 32


class NumpyBackend(Backend):
    """Shapes may depend on the data: what needs no work gets none."""

    exp, floor, trunc = np.exp, np.floor, np.trunc
    isfinite, log, sqrt = np.isfinite, np.log, np.sqrt
    maximum = np.maximum
    einsum, where = staticmethod(np.einsum), staticmethod(np.where)

    def as_float(self, array: Any, name: str) -> np.ndarray:
        array = np.asarray(array, order='C')
        if array.dtype.kind not in 'fiub':
            raise TypeError(f'{name} must be real numbers, got an array of '
                            f'dtype {array.dtype}')
        if array.dtype not in (np.float32, np.float64):
            swapped = array.dtype == np.dtype('f8').newbyteorder()
            array = array.astype(np.float64 if swapped else np.float32)
        found: np.ndarray = array
        return found

    def refutes(self, condition: np.ndarray) -> bool:
        return not condition.all()

    def guard(self, like: np.ndarray) -> ContextManager[Any]:
        return np.errstate(all='ignore')

    def arange(self, start: int, stop: int, like: np.ndarray) -> np.ndarray:
        return np.arange(start, stop, dtype=like.dtype)

    def array(self, values: Any, like: np.ndarray) -> np.ndarray:
        return np.array(values, dtype=like.dtype)

    def to_float(self, array: np.ndarray, like: np.ndarray) -> np.ndarray:
        return array.astype(like.dtype, copy=False)

    def to_index(self, array: np.ndarray) -> np.ndarray:
        return array.astype(np.int64)

    def amax(self, array: np.ndarray) -> Any:
        return array.max(-1)

    def argmax(self, array: np.ndarray) -> Any:
        return array.argmax(-1)

    def take(self, rows: np.ndarray, index: np.ndarray) -> np.ndarray:
        taken: np.ndarray = rows[np.arange(len(rows)), index]
        return taken

    # Several times faster than np.stack, and a call less than a method.
    stack: Callable[..., np.ndarray] = staticmethod(np.array)

    def last_axis(self, arrays: Sequence[np.ndarray]) -> np.ndarray:
        return np.stack(arrays, -1)

    def outer(self, column: np.ndarray, row: np.ndarray) -> np.ndarray:
        # Twice as fast as a product of broadcast arrays.
        found: np.ndarray = np.einsum('...h,...w->...hw', column, row)
        return found

    at_least: Callable[..., np.ndarray] = staticmethod(np.maximum)

    def clip(self, array: Any, low: Any, high: Any) -> np.ndarray:
        return np.minimum(np.maximum(array, low), high)  # np.clip is slow

    def positive(self, maps: np.ndarray, which: Any) -> np.ndarray:
        out: np.ndarray = maps[which]
        return np.maximum(out, 0, out=out)

    def product(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        if left.size * right.shape[1] <= ONE_THREAD:
            return left @ right
        (rows, common), columns = left.shape, right.shape[1]
        out = np.empty((rows, columns), left.dtype)
        step = ONE_THREAD // (common * min(rows, columns)) + 1
        for start in range(0, max(rows, columns), step):
            part = slice(start, start + step)
            if rows > columns:
                np.matmul(left[part], right, out=out[part])
            else:
                out[:, part] = left @ right[:, part]
        return out

    def convolve(self, rows: np.ndarray, kernel: Any) -> np.ndarray:
        """Block by block: of long rows most of the matrix would be 0."""
        num, size = rows.shape
        if size < 4 * BLOCK:
            return self.product(rows, kernel.matrix(self, rows, size))
        reach, blocks = kernel.radius, -(-size // BLOCK)
        padded = np.zeros((num, blocks * BLOCK + 2 * reach), rows.dtype)
        padded[:, reach:reach + size] = rows
        of_row, of_bin = padded.strides
        cuts: np.ndarray = np.ndarray(
            (num, blocks, BLOCK + 2 * reach), padded.dtype, padded,
            strides=(of_row, BLOCK * of_bin, of_bin))
        out = self.product(cuts.reshape(num * blocks, -1),
                           self.cached(_block, rows, kernel))
        return np.ascontiguousarray(out.reshape(num, -1)[:, :size])

    def windows(self, maps: np.ndarray, at: np.ndarray, reach: int,
                which: Any = None) -> np.ndarray:
        """A strided view copies each window in one go, several times faster
        than an index per pixel.
        """
        plan = _plan(maps.shape[1:], reach)
        if which is None:
            which = np.arange(len(maps))
        if plan.short:
            maps = np.pad(maps, plan.short)
        at = at[::-1]
        start = [first[pixel] for first, pixel in zip(plan.first, at)]
        out = _cut(maps, plan.view, (which, *start))
        # Windows that were moved onto the map are cut again, out of zeros
        # with what is on the map in their middle.
        again = reduce(np.logical_or, [
            moved[pixel] for moved, pixel in zip(plan.moved, at)]).nonzero()[0]
        if len(again):
            padded = np.zeros((len(again), *plan.padded), maps.dtype)
            padded[plan.inside] = out[again]
            out[again] = _cut(padded, plan.view_of_padded, (
                np.arange(len(again)), *[(pixel - first)[again]
                                         for pixel, first in zip(at, start)]))
        return out

    def cut(self, maps: np.ndarray, start: Sequence[Any],
            size: Tuple[int, ...]) -> np.ndarray:
        return _cut(maps, _view(maps.shape[1:], size[::-1]),
                    (np.arange(len(maps)), *start[::-1]))

    def cached(self, make: Callable[..., Any], like: np.ndarray,
               *args: Any) -> Any:
        """Made once for each dtype and ``args``."""
        return _kept(self, make, like.dtype.type, *args)

    def by_parts(self, function: Callable[[Any], Sequence[Any]],
                 maps: np.ndarray, numbers: int,
                 which: Any = None) -> Sequence[Any]:
        size = numbers // maps[0].size + 1
        if which is None:
            if len(maps) <= size:
                return function(maps)
            cuts: List[Any] = [slice(start, start + size)
                               for start in range(0, len(maps), size)]
        else:  # which copies them: a quarter at most
            size = min(size, len(maps) // 4 + 1)
            cuts = [which[start:start + size]
                    for start in range(0, len(which), size)]
        parts = [function(maps[cut]) for cut in cuts]
        return [np.concatenate(results) for results in zip(*parts)]

    def put_where(self, needed: np.ndarray, result: np.ndarray,
                  compute: Callable[[Any], np.ndarray]) -> np.ndarray:
        which = needed.nonzero()[0]
        if len(which):
            result[..., which] = compute(which)
        return result

    def search(self, near: Callable[[], Sequence[Any]],
               whole: Callable[[Any], Sequence[Any]]) -> Sequence[Any]:
        *found, known = near()
        rest = (~known).nonzero()[0]
        if len(rest):
            for old, new in zip(found, whole(rest)):
                old[rest] = new
        return found


@lru_cache(maxsize=128)
def _kept(xp: Backend, make: Callable[..., Any], dtype: type,
          *args: Any) -> Any:
    return make(xp, np.empty(0, dtype), *args)


class _Plan(NamedTuple):
    """How windows are cut out of maps of a shape; axes as those of a map.

    Attributes:
        first (list): For each axis, where windows around each pixel start,
            moved onto the map.
        moved (list): For each axis, which of these had to be.
        view (tuple): The shape of all windows of a map.
        short (list, optional): What maps smaller than a window are padded by.
        padded, inside, view_of_padded: The shape of a window with a border
            of zeros, where in that it is, and the shape of all windows there.
    """
    first: List[np.ndarray]
    moved: List[np.ndarray]
    view: Tuple[int, ...]
    short: Optional[List[Tuple[int, int]]]
    padded: Tuple[int, ...]
    inside: Tuple[slice, ...]
    view_of_padded: Tuple[int, ...]


@lru_cache(maxsize=128)
def _plan(shape: Tuple[int, ...], reach: int) -> _Plan:
    axes, size = len(shape), 2 * reach + 1
    short = [(0, 0), *((0, max(0, size - n)) for n in shape)]
    shape = tuple(max(size, n) for n in shape)
    first = [np.arange(-reach, n - reach) for n in shape]
    on_map = [start.clip(0, n - size) for start, n in zip(first, shape)]
    return _Plan(
        on_map, [start != moved for start, moved in zip(first, on_map)],
        _view(shape, (size, ) * axes), short if np.any(short) else None,
        (size + 2 * reach, ) * axes,
        (slice(None), *[slice(reach, reach + size)] * axes),
        (size, ) * 2 * axes)


@lru_cache(maxsize=128)
def _view(shape: Tuple[int, ...], size: Tuple[int, ...]) -> Tuple[int, ...]:
    """The shape of all windows of a map."""
    return (*(n - part + 1 for n, part in zip(shape, size)), *size)


def _cut(maps: np.ndarray, view: Tuple[int, ...],
         index: Tuple[Any, ...]) -> np.ndarray:
    """The windows at an index out of a view of all."""
    steps = maps.strides
    windows: np.ndarray = np.ndarray(
        (len(maps), *view), maps.dtype, maps, strides=(*steps, *steps[1:]))
    found: np.ndarray = windows[index]
    return found


def _block(xp: Backend, like: np.ndarray, kernel: Any) -> np.ndarray:
    """(BLOCK + 2 * radius, BLOCK): the taps around each bin of a block."""
    block: np.ndarray = kernel.at(
        xp,
        xp.arange(-kernel.radius, BLOCK + kernel.radius, like)[:, None] -
        xp.arange(0, BLOCK, like))
    return block
