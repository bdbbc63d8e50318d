"""What stands in for mmcv's compiled operators under mmcv-lite."""
from typing import Any, Callable, Dict

import torch
from torch import Tensor


def operator(name: str) -> Callable[..., Any]:
    """The operator ``mmcv._ext.<name>``, to be called as mmcv calls it.

    Of torchvision where it has the same one, so that MMDet's detectors find
    people without the full mmcv; else one that raises when it is called.

    Args:
        name (str): As of mmcv's compiled module
    """
    return _OPERATORS.get(name) or _missing(name)


def _missing(name: str) -> Callable[..., Any]:

    def missing(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(
            f'{name} needs the full mmcv; installed is mmcv-lite, which has '
            'no compiled operators. Install mmcv instead of mmcv-lite.')

    return missing


def _torchvision(name: str) -> Any:
    """torchvision.ops, or an error that says what ``name`` needs."""
    try:
        import torchvision
    except (ImportError, RuntimeError) as error:  # of another torch
        raise RuntimeError(
            f'{name} needs the full mmcv, or a torchvision that fits torch '
            f'{torch.__version__}; installed is mmcv-lite, and torchvision '
            f'says: {error}') from error
    return torchvision.ops


def _nms(boxes: Tensor, scores: Tensor, iou_threshold: float,
         offset: int) -> Tensor:
    """Indices of the boxes to keep, the highest score first.

    Args:
        boxes (Tensor): (left, top, right, bottom) in shape (N, 4)
        scores (Tensor): in shape (N, )
        iou_threshold (float): The overlap from which on the lesser goes
        offset (int): A box is right - left + offset wide: 1 where its sides
            are indices of pixels
    """
    # So much longer to the right and bottom, widths, heights and overlaps
    # have the offset in them.
    boxes = torch.cat([boxes[:, :2], boxes[:, 2:] + offset], 1)
    return _torchvision('nms').nms(boxes, scores, iou_threshold)


def _roi_align_forward(inputs: Tensor, rois: Tensor, output: Tensor,
                       argmax_y: Tensor, argmax_x: Tensor, aligned_height: int,
                       aligned_width: int, spatial_scale: float,
                       sampling_ratio: int, pool_mode: int,
                       aligned: bool) -> None:
    """Fill ``output`` (N, C, h, w) with features of ``rois`` (N, 5).

    The five are (index of the image, left, top, right, bottom).
    """
    if pool_mode != 1:
        _missing("roi_align(pool_mode='max')")()
    output.copy_(_torchvision('roi_align').roi_align(
        inputs, rois, (aligned_height, aligned_width), spatial_scale,
        sampling_ratio, aligned))


_OPERATORS: Dict[str, Callable[..., Any]] = dict(
    nms=_nms, roi_align_forward=_roi_align_forward)
