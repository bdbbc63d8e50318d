"""A data set of drawn people in COCO's format."""
import json
from pathlib import Path
from typing import Any, Callable, Union

import cv2
import numpy as np

from .body import KEYPOINTS, SKELETON
from .scene import draw_scene


def make_figures(out_dir: Union[str, Path], num_images: int, seed: int = 0,
                 progress: Callable[[Any], Any] = iter) -> Path:
    """Write a data set of pictures with one annotated figure each.

    Picture i depends on ``seed`` and i alone: a longer data set starts with
    the shorter one. Joints outside the picture are (0, 0, 0) as in COCO,
    hidden ones have visibility 1 and are as exact as the others. ``area`` is
    0.53 * w * h of the box, MMPose's stand-in for the area of a segment;
    ``head_size`` is there for PCKh, see :func:`draw_scene`.

    Args:
        out_dir (str | Path): Gets ``images/*.jpg`` and
            ``person_keypoints.json``.
        num_images (int): Number of pictures.
        seed (int): The same seed writes the same bytes.
        progress (callable): Wraps the range of pictures, as
            ``rich.progress.track`` does.

    Returns:
        Path: The annotation file.
    """
    out_dir = Path(out_dir)
    (out_dir / 'images').mkdir(parents=True, exist_ok=True)
    images, annotations = [], []
    for i in progress(range(num_images)):
        rng = np.random.default_rng([seed, i])
        image, keypoints, bbox, head_size = draw_scene(rng)
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(40, 96))]
        name = f'{i:06d}.jpg'
        cv2.imwrite(str(out_dir / 'images' / name), image, quality)
        h, w = image.shape[:2]
        images.append(dict(id=i + 1, file_name=name, width=w, height=h))
        annotations.append(dict(
            id=i + 1, image_id=i + 1, category_id=1, iscrowd=0,
            keypoints=[value for x, y, v in keypoints.round(4).tolist()
                       for value in (x, y, int(v))],
            num_keypoints=int((keypoints[:, 2] > 0).sum()),
            bbox=bbox.round(4).tolist(), head_size=round(head_size, 4),
            area=round(.53 * float(bbox[2] * bbox[3]), 4)))
    category = dict(id=1, name='person', supercategory='person',
                    keypoints=KEYPOINTS, skeleton=SKELETON)
    path = out_dir / 'person_keypoints.json'
    path.write_text(json.dumps(dict(
        info=dict(description='synthetic figures'), licenses=[],
        images=images, annotations=annotations, categories=[category])))
    return path
