"""Files of ``mmpose-dark demo``: images, videos and COCO, in and out."""
import glob
import json
import os
from pathlib import Path

import cv2
import mmcv
import numpy as np

# By suffix: what the module mimetypes knows depends on the host.
IMAGES = ('.bmp', '.jp2', '.jpe', '.jpeg', '.jpg', '.png', '.ppm', '.tif',
          '.tiff', '.webp')
VIDEOS = ('.avi', '.flv', '.m4v', '.mkv', '.mov', '.mp4', '.mpeg', '.mpg',
          '.webm', '.wmv')
WRITABLE = '.jpg', '.jpeg', '.png', '.bmp', '.webp'


class BrokenFile(Exception):
    """A file that cannot be used, and why."""


def kind_of(path):
    """'image', 'video' or None, by the name of a file."""
    suffix = Path(path).suffix.lower()
    return ('image' if suffix in IMAGES else
            'video' if suffix in VIDEOS else None)


def find_files(text):
    """The files that INPUT names, and the folder their names start from."""
    path = Path(text)
    if path.is_dir():
        files = sorted(p for p in path.rglob('*')
                       if kind_of(p) and p.is_file())
        return files, path
    if path.is_file():
        return [path], path.parent
    files = sorted(Path(p) for p in glob.glob(text, recursive=True)
                   if os.path.isfile(p))
    return files, Path(os.path.commonpath([p.parent for p in files] or ['.']))


def frame_rate(path):
    """Frames per second of a video, 25 if it does not say; None else."""
    if kind_of(path) != 'video':
        return None
    return mmcv.VideoReader(str(path)).fps or 25


def count_images(path):
    """Frames of a video; 1 of an image."""
    return (len(mmcv.VideoReader(str(path))) if kind_of(path) == 'video'
            else 1)


def read(path):
    """Yield the images (BGR) of an image or video file.

    Raises:
        BrokenFile: There is none in it.
    """
    if kind_of(path) == 'video':
        video = mmcv.VideoReader(str(path))
        if not video.opened or len(video) == 0:
            raise BrokenFile('it is no video that OpenCV can read')
        yield from video
        return
    try:
        image = mmcv.imread(str(path))
    except (OSError, ValueError, cv2.error) as error:
        raise BrokenFile(str(error)) from None
    if image is None:
        raise BrokenFile('it is no image that OpenCV can read')
    yield image


def load_boxes(path):
    """Boxes (left, top, right, bottom) of a COCO file by name and frame.

    Raises:
        ValueError: Another kind of file.
    """
    try:
        content = json.loads(Path(path).read_text())
        names = {entry['id']: (entry['file_name'], entry.get('frame_id', 0))
                 for entry in content['images']}
        boxes = {name: [] for name in names.values()}
        for person in content['annotations']:
            x, y, w, h = (float(v) for v in person['bbox'])
            if w > 0 and h > 0:
                boxes[names[person['image_id']]].append([x, y, x + w, y + h])
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ValueError(
            '--bboxes must name a COCO file: JSON with images (id, file_name) '
            f'and annotations (image_id, bbox), got {path}: {error!r}'
        ) from None
    return {name: np.array(b, np.float32).reshape(-1, 4)
            for name, b in boxes.items()}


class CocoFile:
    """Images and poses as COCO has them."""

    def __init__(self, meta):
        names = meta['keypoint_id2name']
        self.content = dict(
            images=[],
            categories=[dict(
                id=1, name='person',
                keypoints=[names[i] for i in range(len(names))],
                # COCO counts from 1 here.
                skeleton=[[int(a) + 1, int(b) + 1]
                          for a, b in meta['skeleton_links']])],
            annotations=[])

    def add(self, name, frame, image, people):
        """Add an image and its people, the ``pred_instances``."""
        images = self.content['images']
        entry = dict(id=len(images) + 1, file_name=name,
                     height=image.shape[0], width=image.shape[1])
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


class Pictures:
    """Write one image, or the frames of one video, under its name."""

    def __init__(self, folder, name, fps):
        self.path = folder / name
        self.fps, self.writer = fps, None
        wanted = ('.mp4', ) if fps else WRITABLE
        if self.path.suffix.lower() not in wanted:
            self.path = Path(f'{self.path}{".mp4" if fps else ".png"}')
        self.path.parent.mkdir(parents=True, exist_ok=True)

    def write(self, picture):
        """Write a picture (BGR), the next frame of a video."""
        if not self.fps:
            mmcv.imwrite(picture, str(self.path))
            return
        if self.writer is None:
            self.writer = cv2.VideoWriter(
                str(self.path), cv2.VideoWriter_fourcc(*'mp4v'), self.fps,
                picture.shape[1::-1])
        self.writer.write(picture)

    def close(self):
        """Finish a video."""
        if self.writer is not None:
            self.writer.release()
