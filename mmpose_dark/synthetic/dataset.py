"""A data set of drawn people in COCO's format."""
import json
from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple, Union

import cv2
import numpy as np

from .body import KEYPOINTS, SKELETON
from .group import draw_group
from .scene import draw_scene
from .video import draw_video


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
    images, annotations = [], []
    for i in progress(range(num_images)):
        rng = np.random.default_rng([seed, i])
        image, keypoints, bbox, head_size = draw_scene(rng)
        images.append(_picture(out_dir, i, image, rng))
        annotations.append(_annotation(i + 1, i + 1, keypoints, bbox,
                                       head_size=round(head_size, 4)))
    path = out_dir / 'person_keypoints.json'
    _write(path, images, annotations)
    return path


def make_groups(out_dir: Union[str, Path], num_images: int, seed: int = 0,
                num_people: Tuple[int, int] = (2, 5),
                progress: Callable[[Any], Any] = iter) -> Path:
    """Write a data set of pictures of several people, all annotated.

    Args:
        out_dir (str | Path): As of :func:`make_figures`, without head sizes.
        num_images (int): Number of pictures. Picture i depends on ``seed``,
            ``num_people`` and i alone.
        seed (int): The same seed writes the same bytes.
        num_people (tuple): The fewest and the most in a picture. Defaults to
            (2, 5).
        progress (callable): Wraps the range of pictures.

    Returns:
        Path: The annotation file.
    """
    out_dir = Path(out_dir)
    images: List[Any] = []
    annotations: List[Any] = []
    for i in progress(range(num_images)):
        rng = np.random.default_rng([seed, i])
        image, keypoints, bboxes = draw_group(
            rng, int(rng.integers(num_people[0], num_people[1] + 1)))
        images.append(_picture(out_dir, i, image, rng))
        for joints, bbox in zip(keypoints, bboxes):
            annotations.append(_annotation(
                len(annotations) + 1, i + 1, joints, bbox))
    path = out_dir / 'person_keypoints.json'
    _write(path, images, annotations)
    return path


def make_video(out_dir: Union[str, Path], num_frames: int = 120,
               num_people: int = 2, seed: int = 0,
               progress: Callable[[Any], Any] = iter) -> Path:
    """Write a video of drawn people, and where they are.

    Args:
        out_dir (str | Path): Gets ``people.mp4`` and
            ``person_keypoints.json``, as of :func:`make_figures`. Each frame
            is an image of it, with the ``frame_id``; ``bbox`` is as a
            detector found it, and who was missed is not there. ``track_id``
            says who it is.
        num_frames (int): 25 are a second. Defaults to 120.
        num_people (int): Defaults to 2.
        seed (int): The same seed draws the same video.
        progress (callable): Wraps the frames.

    Returns:
        Path: The annotation file.

    Raises:
        OSError: OpenCV cannot write a video here.
    """
    out_dir = Path(out_dir)
    out_dir.mkdir(parents=True, exist_ok=True)
    images: List[Any] = []
    annotations: List[Any] = []
    frames = draw_video(np.random.default_rng(seed), num_frames, num_people)
    writer: Any = None
    for _ in progress(range(num_frames)):
        frame = next(frames)
        h, w = frame.image.shape[:2]
        if writer is None:
            code = cv2.VideoWriter.fourcc(*'mp4v')
            writer = cv2.VideoWriter(str(out_dir / 'people.mp4'), code, 25,
                                     (w, h))
            if not writer.isOpened():
                raise OSError(f'{out_dir / "people.mp4"} cannot be written')
        writer.write(frame.image)
        images.append(dict(id=len(images) + 1, file_name='people.mp4',
                           frame_id=len(images), width=w, height=h))
        for person, bbox in enumerate(frame.detections):
            if not np.isnan(bbox).any():
                keypoints = frame.keypoints[person]
                annotations.append(_annotation(
                    len(annotations) + 1, len(images),
                    keypoints * (keypoints[:, 2:] > 0), bbox,
                    track_id=person))
    if writer is not None:
        writer.release()
    path = out_dir / 'person_keypoints.json'
    _write(path, images, annotations)
    return path


def _picture(out_dir: Path, number: int, image: np.ndarray,
             rng: np.random.Generator) -> Dict[str, Any]:
    """Write a picture as a JPEG of some quality; its entry of ``images``."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(40, 96))]
    name = f'{number:06d}.jpg'
    (out_dir / 'images').mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(out_dir / 'images' / name), image, quality)
    h, w = image.shape[:2]
    return dict(id=number + 1, file_name=name, width=w, height=h)


def _annotation(number: int, image: int, keypoints: np.ndarray,
                bbox: np.ndarray, **more: Any) -> Dict[str, Any]:
    return dict(
        id=number, image_id=image, category_id=1, iscrowd=0,
        keypoints=[value for x, y, v in keypoints.round(4).tolist()
                   for value in (x, y, int(v))],
        num_keypoints=int((keypoints[:, 2] > 0).sum()),
        bbox=bbox.round(4).tolist(), **more,
        area=round(.53 * float(bbox[2] * bbox[3]), 4))


def _write(path: Path, images: List[Any], annotations: List[Any]) -> None:
    category = dict(id=1, name='person', supercategory='person',
                    keypoints=KEYPOINTS, skeleton=SKELETON)
    path.write_text(json.dumps(dict(
        info=dict(description='synthetic figures'), licenses=[],
        images=images, annotations=annotations, categories=[category])))
