"""Whether kept heatmaps and annotations are of the same people."""
from typing import Any, Dict, Sequence

import numpy as np


def share_around_boxes(samples: Sequence[Dict[str, Any]]) -> float:
    """The share of people whose crop is around their box.

    A crop of MMPose's has the centre of the box that it was cut for, and a
    side that is a fixed multiple of it, 1.25 by default. Boxes of a detector
    lie a little off the labelled ones, so a quarter of the box's size is
    allowed between the centres, and a side of .8 to 2.5 of it.

    Args:
        samples (Sequence[dict]): With ``input_center`` and ``input_scale``
            (2, ) and the labelled box in ``gt_instances``; image px

    Returns:
        float: From 0 to 1. Of people of other images it is below a half.
    """
    boxes = np.array([sample['gt_instances']['bboxes'][0]
                      for sample in samples], float).reshape(-1, 4)
    centres, scales = (
        np.array([sample[key] for sample in samples], float).reshape(-1, 2)
        for key in ('input_center', 'input_scale'))
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 1)
    off = np.linalg.norm(centres - (boxes[:, :2] + boxes[:, 2:]) / 2, axis=1)
    # The crop's shape is fixed: one side only is a multiple of the box's.
    wide = (scales / sides).min(1)
    around = (off < .25 * np.sqrt(sides.prod(1))) & (.8 < wide) & (wide < 2.5)
    return float(around.mean())
