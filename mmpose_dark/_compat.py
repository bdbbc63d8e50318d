"""What MMPose 1.x needs around it on today's torch and without CUDA ops.

:func:`install` is called when the first registered part of the package loads.
It adds two things and changes neither MMPose nor mmcv nor torch:

- **mmcv-lite.** MMPose's EDPose head imports ``mmcv.ops`` unguarded, so with
  mmcv-lite no model of MMPose can be imported at all (open-mmlab/mmpose
  issues 282 and 3250). Where no compiled ``mmcv._ext`` is found, a
  placeholder takes its place whose functions raise when called. A full mmcv
  always wins.
- **torch >= 2.6** loads checkpoints with ``weights_only=True`` and refuses
  what mmengine writes beside the weights (open-mmlab/mmengine issues 1639
  and 1650). Exactly those globals are allow-listed; the check stays on.
"""
import importlib.machinery
import sys
import types

import numpy as np

_EXT = 'mmcv._ext'
_installed = False


def install():
    """Add both workarounds, once."""
    global _installed
    if not _installed:
        # At the end: asked only when nobody else has the compiled module.
        sys.meta_path.append(_ExtPlaceholder())
        _allow_mmengine_checkpoints()
        _installed = True


class _ExtPlaceholder:
    """Finder and loader of a stand-in for mmcv's compiled operators."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name != _EXT:
            return None
        return importlib.machinery.ModuleSpec(
            name, _ExtPlaceholder, origin='placeholder of mmpose_dark')

    @staticmethod
    def create_module(spec):
        return None

    @staticmethod
    def exec_module(module):
        module.__getattr__ = _missing_operator


def _missing_operator(name):
    if name.startswith('__'):
        raise AttributeError(name)

    def operator(*args, **kwargs):
        raise RuntimeError(
            f'{name} needs the full mmcv; installed is mmcv-lite, which has '
            'no compiled operators. Install mmcv instead of mmcv-lite.')

    return operator


def _history_buffer_attribute(obj, name):
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


def _allow_mmengine_checkpoints():
    import torch
    if not hasattr(torch.serialization, 'add_safe_globals'):
        return  # torch < 2.4 has no allow-list and no weights_only default
    from mmengine.logging import HistoryBuffer
    allowed = [
        HistoryBuffer,
        (_history_buffer_attribute, 'builtins.getattr'),
        np.ndarray,
        np.dtype,
    ]
    # A checkpoint names numpy's internals by the numpy that wrote it: 1 says
    # numpy.core, 2 says numpy._core.
    for rebuild in (np.empty(0).__reduce__()[0], np.float64().__reduce__()[0]):
        allowed += [(rebuild, f'numpy.{core}.multiarray.{rebuild.__name__}')
                    for core in ('core', '_core')]
    dtypes = getattr(np, 'dtypes', types.SimpleNamespace())
    allowed += [
        value for key, value in vars(dtypes).items() if key.endswith('DType')
    ]
    torch.serialization.add_safe_globals(allowed)
