"""Masks: the same in both."""
from pycocotools.mask import (
    area,
    decode,
    encode,
    frPyObjects,
    iou,
    merge,
    toBbox,
)

__all__ = ['area', 'decode', 'encode', 'frPyObjects', 'iou', 'merge', 'toBbox']
