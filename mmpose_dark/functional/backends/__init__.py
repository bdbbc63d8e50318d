"""What numpy and torch do differently, one file a framework.

The rest of :mod:`mmpose_dark.functional` is arithmetic written once: it asks
:func:`backend_of` for ``xp``, the operations for its input. torch is imported
only when a tensor is handed in, so that all of it works where only numpy is
installed.
"""
from functools import lru_cache, wraps
from typing import Any, Callable, Dict, Tuple

from .base import Array, Backend

__all__ = ['Array', 'Backend', 'as_maps', 'backend_of', 'backend_of_all',
           'table']


# Imports in words: torch.compile follows them, and not import_module.
def _numpy() -> Backend:
    from .numpy import NumpyBackend
    return NumpyBackend()


def _torch() -> Backend:
    from .torch import TorchBackend
    return TorchBackend()


#: package that defines an array's type -> what makes its backend
BACKENDS: Dict[str, Callable[[], Backend]] = {
    'numpy': _numpy, 'torch': _torch}


@lru_cache(maxsize=None)
def _backend(framework: str) -> Backend:
    return BACKENDS[framework]()


@lru_cache(maxsize=None)
def _backend_of(kind: Any) -> Backend:
    for base in kind.__mro__:  # a subclass is defined elsewhere
        framework = base.__module__.split('.')[0]
        if framework in BACKENDS:
            return _backend(framework)
    if hasattr(kind, '__dlpack__') or hasattr(kind, '__array_namespace__'):
        raise TypeError(
            f'arrays must be of {" or ".join(BACKENDS)}, got a '
            f'{kind.__module__}.{kind.__qualname__}\n'
            'Hand in np.asarray(array), or torch.from_dlpack(array) to stay '
            'on its device.')
    return _backend('numpy')


def backend_of(array: Any) -> Backend:
    """The operations for ``array``: those of its framework.

    numpy's for numbers and lists as well, and for what no framework knows,
    which :meth:`Backend.as_float` then complains of.

    Raises:
        TypeError: An array of a framework that has no backend here.
    """
    kind: Any = type(array)
    return _backend_of(kind)


def backend_of_all(**arrays: Any) -> Backend:
    """The operations for arrays that are of one framework, by their names.

    Raises:
        TypeError: They are of two.
    """
    first, *others = arrays
    xp = backend_of(arrays[first])
    for name in others:
        if backend_of(arrays[name]) is not xp:
            raise TypeError(
                f'{name} must be of the framework of {first}, a '
                f'{type(arrays[first]).__name__}, got a '
                f'{type(arrays[name]).__name__}')
    return xp


def as_maps(heatmaps: Any, num_axes: int = 2,
            name: str = 'heatmaps') -> Tuple[Backend, Any]:
    """The operations for maps of so many axes, and these as floats.

    Raises:
        TypeError: They are not real numbers.
        ValueError: Their last ``num_axes`` dimensions are missing or empty.
    """
    xp = backend_of(heatmaps)
    maps = xp.as_float(heatmaps, name)
    if maps.ndim < num_axes or 0 in tuple(maps.shape[-num_axes:]):
        axes = 'D, H, W'.split(', ')[-num_axes:]
        raise ValueError(
            f'{name} must be in shape (..., {", ".join(axes)}) with '
            f'{" and ".join(axes)} of at least 1, got {tuple(maps.shape)}')
    return xp, maps


def table(make: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator of ``make(xp, like, *args)``, an array that no data changes.

    It is kept, or made again, as :meth:`Backend.cached` has it.
    """

    @wraps(make)
    def get(xp: Backend, like: Any, *args: Any) -> Any:
        return xp.cached(make, like, *args)

    return get
