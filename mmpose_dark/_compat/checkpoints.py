"""What ``torch.load`` may find in a checkpoint of MMPose.

torch 2.6 and later load with ``weights_only=True`` and refuse what mmengine
writes beside the weights (open-mmlab/mmengine issues 1639 and 1650). Exactly
those globals are allow-listed; the check stays on.
"""
import types
from typing import Any

import numpy as np
import torch


def allow() -> None:
    """Allow-list what mmengine writes; nothing before torch 2.6.

    Earlier, loading is unchecked by default, and an allow-list that names
    functions by what a file calls them, as this one has to, is not understood:
    torch 2.4 and 2.5 would fail with any file that is checked.
    """
    if not hasattr(torch.serialization, 'get_unsafe_globals_in_checkpoint'):
        return
    from mmengine.logging import HistoryBuffer
    allowed = [
        HistoryBuffer,
        (_history_buffer_attribute, 'builtins.getattr'),
        np.ndarray,
        np.dtype,
    ]
    # A checkpoint names numpy's internals by the numpy that wrote it: 1 says
    # numpy.core, 2 says numpy._core.
    rebuild: Any
    for rebuild in (np.empty(0).__reduce__()[0], np.float64().__reduce__()[0]):
        allowed += [(rebuild, f'numpy.{core}.multiarray.{rebuild.__name__}')
                    for core in ('core', '_core')]
    dtypes = getattr(np, 'dtypes', types.SimpleNamespace())
    allowed += [
        value for key, value in vars(dtypes).items() if key.endswith('DType')
    ]
    torch.serialization.add_safe_globals(allowed)


def _history_buffer_attribute(obj: Any, name: str) -> Any:
    """``getattr`` for checkpoints: HistoryBuffer's four statistics, no more.

    mmengine pickles its log history with references to these methods, which
    the unpickler resolves through ``builtins.getattr``.
    """
    from mmengine.logging import HistoryBuffer
    if obj is HistoryBuffer and name in ('mean', 'min', 'max', 'current'):
        return getattr(HistoryBuffer, name)
    raise ValueError(
        f'a checkpoint asked for attribute {name!r} of {obj!r}; only mean, '
        'min, max and current of mmengine.logging.HistoryBuffer are allowed')
