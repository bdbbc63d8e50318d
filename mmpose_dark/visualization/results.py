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
            people: Any) -> None:
        """Add an image and its people, the ``pred_instances``."""
        images = self.content['images']
        entry: Dict[str, Any] = dict(
            id=len(images) + 1, file_name=name, height=image.shape[0],
            width=image.shape[1])
        if frame is not None:
            entry['frame_id'] = frame
        images.append(entry)
        for i in range(len(people)):
            x, y, right, bottom = map(float, people.bboxes[i])
            scores = people.keypoint_scores[i]
            points = np.column_stack([people.keypoints[i], scores])
            more = {}
            if 'keypoint_covariances' in people:
                more['keypoint_covariances'] = np.round(
                    people.keypoint_covariances[i], 4).tolist()
            self.content['annotations'].append(dict(
                id=len(self.content['annotations']) + 1, image_id=entry['id'],
                category_id=1, bbox=[x, y, right - x, bottom - y],
                area=(right - x) * (bottom - y), iscrowd=0,
                num_keypoints=len(points),
                keypoints=np.round(points, 4).ravel().tolist(),
                score=float(scores.mean()), **more))

    def write(self, path: Path) -> None:
        """Write it, whole or not at all."""
        part = path.with_name(f'{path.name}.part')
        part.write_text(json.dumps(self.content))
        os.replace(part, path)


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
