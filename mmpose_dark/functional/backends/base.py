"""The operations that a framework fills in."""
import abc
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    ContextManager,
    Sequence,
    Tuple,
    TypeVar,
)

import numpy as np

if TYPE_CHECKING:
    import torch

#: one kind of array: what goes in comes out
Array = TypeVar('Array', np.ndarray, 'torch.Tensor')


class Backend(abc.ABC):
    """What is done to arrays of one kind.

    Symbols: M maps, m of them; a map has D axes. Pixels are indices in shape
    (D, M), x first, which is the last axis of a map.
    """

    # The same in all but for the module that has them.
    clip: Callable[..., Any]
    einsum: Callable[..., Any]
    exp: Callable[[Any], Any]
    floor: Callable[[Any], Any]
    isfinite: Callable[[Any], Any]
    log: Callable[[Any], Any]
    maximum: Callable[[Any, Any], Any]
    sqrt: Callable[[Any], Any]
    trunc: Callable[[Any], Any]
    where: Callable[..., Any]

    @abc.abstractmethod
    def as_float(self, array: Any, name: str) -> Any:
        """float32 and float64 stay; anything else is taken as float32.

        Raises:
            TypeError: ``array``, called ``name``, is not of real numbers.
        """

    @abc.abstractmethod
    def refutes(self, condition: Any) -> bool:
        """Whether a condition is seen not to hold everywhere.

        A device is not waited for: there nothing is seen.
        """

    @abc.abstractmethod
    def guard(self, like: Any) -> ContextManager[Any]:
        """Full precision, and silence where a ``where`` discards results."""

    @abc.abstractmethod
    def arange(self, start: int, stop: int, like: Any) -> Any:
        """Whole numbers of the dtype and on the device of ``like``."""

    @abc.abstractmethod
    def array(self, values: Any, like: Any) -> Any:
        """Numbers in lists, of the dtype and on the device of ``like``."""

    @abc.abstractmethod
    def to_float(self, array: Any, like: Any) -> Any:
        """Of the dtype of ``like``."""

    @abc.abstractmethod
    def to_index(self, array: Any) -> Any:
        """As whole numbers to index by."""

    @abc.abstractmethod
    def amax(self, array: Any) -> Any:
        """Maximum over the last axis."""

    @abc.abstractmethod
    def argmax(self, array: Any) -> Any:
        """Index of the first maximum over the last axis."""

    @abc.abstractmethod
    def take(self, rows: Any, index: Any) -> Any:
        """Of (M, n) what stands at an index (M,), one for every row."""

    @abc.abstractmethod
    def stack(self, arrays: Sequence[Any]) -> Any:
        """Along a new first axis."""

    @abc.abstractmethod
    def last_axis(self, arrays: Sequence[Any]) -> Any:
        """Along a new last axis."""

    @abc.abstractmethod
    def outer(self, column: Any, row: Any) -> Any:
        """(..., H) and (..., W) to (..., H, W)."""

    @abc.abstractmethod
    def at_least(self, array: Any, low: float) -> Any:
        """Nothing below ``low``."""

    @abc.abstractmethod
    def positive(self, maps: Any, which: Any) -> Any:
        """One copy of some maps, with nothing below 0."""

    @abc.abstractmethod
    def product(self, left: Any, right: Any) -> Any:
        """Product of two matrices, one of which may be long."""

    @abc.abstractmethod
    def convolve(self, rows: Any, kernel: Any) -> Any:
        """Rows (n, W) convolved with a kernel; outside of them is 0.

        Args:
            rows (Array): in shape (n, W).
            kernel (Kernel): Has ``radius``, ``matrix(xp, like, W)`` and
                ``at(xp, offsets)``, see :class:`..modulate.Kernel`.
        """

    @abc.abstractmethod
    def windows(self, maps: Any, at: Any, reach: int,
                which: Any = None) -> Any:
        """Cut a window around one pixel of every map; outside is 0.

        Args:
            maps (Array): in shape (M, ...), D axes.
            at (Array): The pixel of each of m maps, in shape (D, m).
            reach (int): Pixels on each side of it, along each axis.
            which (Array, optional): The maps that the pixels belong to.
                Defaults to ``None``: all.

        Returns:
            Array: in shape (m, ...), ``2 * reach + 1`` along each axis.
        """

    @abc.abstractmethod
    def cut(self, maps: Any, start: Sequence[Any],
            size: Tuple[int, ...]) -> Any:
        """Cut a part that lies on the map out of every map.

        Args:
            maps (Array): in shape (M, ...), D axes.
            start (Sequence[Array]): Its first pixel, x first; a number for
                all maps or in shape (M,).
            size (tuple[int]): Its pixels along each axis, x first.

        Returns:
            Array: in shape (M, ...).
        """

    @abc.abstractmethod
    def cached(self, make: Callable[..., Any], like: Any, *args: Any) -> Any:
        """``make(self, like, *args)``, which depends on ``like`` only by its
        dtype and device, and on ``args``, which can be hashed.
        """

    @abc.abstractmethod
    def by_parts(self, function: Callable[[Any], Sequence[Any]], maps: Any,
                 numbers: int, which: Any = None) -> Sequence[Any]:
        """``function(maps)``, arrays whose first dimension is M.

        Args:
            function (callable): Works on each map by itself.
            maps (Array): in shape (M, ...).
            numbers (int): How many numbers of ``maps`` are best worked on at
                a time, where that matters: what several steps read then comes
                out of a cache, and what is in between is small.
            which (Array, optional): Indices of maps. Defaults to ``None``:
                all.
        """

    @abc.abstractmethod
    def put_where(self, needed: Any, result: Any,
                  compute: Callable[[Any], Any]) -> Any:
        """``result`` (..., M) with ``compute(which)`` where it is needed.

        Args:
            needed (Array): bool, in shape (M,).
            result (Array): May be changed in place.
            compute (callable): Makes (..., m) of the maps ``which``: of those
                needed where work may follow the data, of all otherwise.
        """

    @abc.abstractmethod
    def search(self, near: Callable[[], Sequence[Any]],
               whole: Callable[[Any], Sequence[Any]]) -> Sequence[Any]:
        """What ``whole`` finds, where ``near`` does not know it already.

        Args:
            near (callable): Gives (M, ...) arrays, and last, in shape (M,),
                whether they are what ``whole`` would find. Worth asking where
                work may follow the data.
            whole (callable): Makes the same arrays of the maps ``which``,
                ``None`` for all.
        """
