"""What the demo writes: pictures and poses, as COCO has them."""
import json
import os
from pathlib import Path
from typing import Any, Dict, List, Optional

import cv2
import mmcv
import numpy as np

from .files import kind_of

#: suffixes of images that are written as they came
WRITABLE = '.jpg', '.jpeg', '.png', '.bmp', '.webp'


class CocoFile:
    """Images and poses as COCO has them."""

    def __init__(self, meta: Dict[str, Any]) -> None:
        names = meta['keypoint_id2name']
        self.content: Dict[str, List[Any]] = dict(
            images=[],
            categories=[dict(
                id=1, name='person',
                keypoints=[names[i] for i in range(len(names))],
                # COCO counts from 1 here.
                skeleton=[[int(a) + 1, int(b) + 1]
                          for a, b in meta['skeleton_links']])],
            annotations=[])

    def add(self, name: str, frame: Optional[int], image: np.ndarray,
            people: Any) -> List[Dict[str, Any]]:
        """Add an image and its people, the ``pred_instances``.

        Returns:
            list[dict]: The annotations of these.
        """
        images = self.content['images']
        entry: Dict[str, Any] = dict(
            id=len(images) + 1, file_name=name, height=image.shape[0],
            width=image.shape[1])
        if frame is not None:
            entry['frame_id'] = frame
        images.append(entry)
        added = []
        for i in range(len(people)):
            more = {}
            if 'keypoint_covariances' in people:
                more['keypoint_covariances'] = _listed(
                    people.keypoint_covariances[i])
            added.append(self.annotate(
                entry['id'], people.bboxes[i], people.keypoints[i],
                people.keypoint_scores[i], **more))
        return added

    def annotate(self, image_id: int, box: np.ndarray, keypoints: np.ndarray,
                 scores: np.ndarray, **more: Any) -> Dict[str, Any]:
        """Add a person to an image that was added before.

        Args:
            image_id (int): Of the image
            box (np.ndarray): (left, top, right, bottom); image px
            keypoints (np.ndarray): in shape (K, 2); image px
            scores (np.ndarray): in shape (K,)
            **more: What else to say

        Returns:
            dict: The annotation.
        """
        x, y, right, bottom = map(float, box)
        self.content['annotations'].append(dict(
            id=len(self.content['annotations']) + 1, image_id=image_id,
            category_id=1, bbox=[x, y, right - x, bottom - y],
            area=(right - x) * (bottom - y), iscrowd=0,
            num_keypoints=len(scores),
            keypoints=_triples(keypoints, scores),
            score=float(scores.mean()), **more))
        return self.content['annotations'][-1]

    def write(self, path: Path) -> None:
        """Write it, whole or not at all."""
        part = path.with_name(f'{path.name}.part')
        part.write_text(json.dumps(self.content))
        os.replace(part, path)


def smoothed_entry(pose: Any) -> Dict[str, Any]:
    """What a smoothed pose adds to an annotation.

    Args:
        pose (Pose): Of :mod:`mmpose_dark.tracking`
    """
    return dict(smoothed_keypoints=_triples(pose.keypoints, pose.scores),
                smoothed_covariances=_listed(pose.covariances))


def _triples(keypoints: np.ndarray, scores: np.ndarray) -> List[float]:
    """x, y and score of one keypoint after the other, as in COCO."""
    return _listed(np.column_stack([keypoints, scores]).ravel())


def _listed(array: np.ndarray) -> List[Any]:
    return np.round(array, 4).tolist()


def picture_path(folder: Path, name: str) -> Path:
    """Where the picture of a file goes, or its video, which is an mp4."""
    path = folder / name
    wanted = ('.mp4', ) if kind_of(name) == 'video' else WRITABLE
    if path.suffix.lower() in wanted:
        return path
    return Path(f'{path}{".mp4" if kind_of(name) == "video" else ".png"}')


class Pictures:
    """Write one image, or the frames of one video, under its name.

    To be used as a context, which closes the video.

    Args:
        folder (Path): Where to; :func:`picture_path` says under which name
        name (str): Of the file that is drawn on
        fps (float, optional): Frames per second of a video

    Raises:
        OSError: The file cannot be written.
    """

    def __init__(self, folder: Path, name: str, fps: Optional[float]) -> None:
        self.path = picture_path(folder, name)
        self.fps = fps
        self._writer: Any = None
        self.path.parent.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> 'Pictures':
        return self

    def write(self, picture: np.ndarray) -> None:
        """Write a picture (BGR), the next frame of a video."""
        if not self.fps:
            if not mmcv.imwrite(picture, str(self.path)):
                raise OSError(f'{self.path} cannot be written')
            return
        if self._writer is None:
            code = cv2.VideoWriter.fourcc(*'mp4v')
            self._writer = cv2.VideoWriter(
                str(self.path), code, self.fps, picture.shape[1::-1])
            if not self._writer.isOpened():
                raise OSError(f'{self.path} cannot be written')
        self._writer.write(picture)

    def __exit__(self, *error: Any) -> None:
        if self._writer is not None:
            self._writer.release()
