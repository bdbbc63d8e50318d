"""The deploy end: networks that end in keypoints, exported and at work.

:mod:`.runtime` needs numpy, OpenCV and onnxruntime alone; the rest needs torch
and loads on first use.
"""
from importlib import import_module
from typing import Any

#: name -> the module that defines it
_PARTS = {
    'DarkDecoder': '.decoder',
    'PoseNetwork': '.network',
    'PoseRuntime': '.runtime',
    'darkify_onnx': '.darkify',
    'export_onnx': '.onnx',
    'metadata': '.onnx',
    'register': '.mmdeploy',
}

__all__ = sorted(_PARTS)


def __getattr__(name: str) -> Any:
    if name not in _PARTS:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return getattr(import_module(_PARTS[name], __name__), name)
