"""What the demo reads: images, videos and boxes of people."""
import glob
import json
import os
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import (
    Any,
    Dict,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)
from urllib.parse import urlparse

import cv2
import mmcv
import numpy as np
from mmengine import fileio

# By suffix: what the module mimetypes knows depends on the host.
IMAGES = ('.bmp', '.jp2', '.jpe', '.jpeg', '.jpg', '.png', '.ppm', '.tif',
          '.tiff', '.webp')
VIDEOS = ('.avi', '.flv', '.m4v', '.mkv', '.mov', '.mp4', '.mpeg', '.mpg',
          '.webm', '.wmv')


class BrokenFile(Exception):
    """A file that cannot be used, and why."""


class Source(NamedTuple):
    """An image or a video."""

    #: its path, or a URL
    where: str
    #: under which its picture and predictions go: a relative path
    name: str


def kind_of(path: Any) -> Optional[str]:
    """'image', 'video' or None, by the name of a file."""
    suffix = Path(path).suffix.lower()
    return ('image' if suffix in IMAGES else
            'video' if suffix in VIDEOS else None)


def is_url(text: str) -> bool:
    """Whether a text is the URL of a file on the web."""
    return urlparse(text).scheme in ('http', 'https')


def find_sources(inputs: Sequence[str]) -> List[Source]:
    """The images and videos that are meant, each once.

    Args:
        inputs (Sequence[str]): Files, folders, glob patterns and URLs

    Returns:
        list[Source]: Their names start from the folder that all are in.

    Raises:
        ValueError: There is nothing to read in one of the inputs.
    """
    paths: Dict[Path, None] = {}
    folders, urls = [], []
    for text in inputs:
        if is_url(text):
            urls.append(text)
            continue
        found, base = _find_files(text)
        if not found:
            raise ValueError(f'no image or video in {text}')
        paths.update(dict.fromkeys(path.absolute() for path in found))
        folders.append(base.absolute())
    base = Path(os.path.commonpath(folders or [Path()]))
    sources = [Source(str(path), path.relative_to(base).as_posix())
               for path in paths]
    names = {source.name for source in sources}
    for url in urls:
        name = Path(urlparse(url).path).name or 'image'
        while name in names:
            name = f'again-{name}'
        names.add(name)
        sources.append(Source(url, name))
    return sources


def _find_files(text: str) -> Tuple[List[Path], Path]:
    """The files that one input names, and the folder they are in."""
    path = Path(text)
    if path.is_dir():
        return sorted(p for p in path.rglob('*')
                      if kind_of(p) and p.is_file()), path
    if path.is_file():
        return [path], path.parent
    files = sorted(Path(p) for p in glob.glob(text, recursive=True)
                   if os.path.isfile(p))
    return files, Path(os.path.commonpath(
        [p.absolute().parent for p in files] or [path]))


class Images:
    """The images (BGR) of a file, one after the other.

    Attributes:
        fps (float, optional): Frames per second of a video, 25 if it does not
            say; None for an image
    """

    def __init__(self, path: str, kind: Optional[str]) -> None:
        self.path = path
        self.fps: Optional[float] = None
        if kind == 'video':
            self._video = mmcv.VideoReader(path)
            if not self._video.opened or len(self._video) == 0:
                raise BrokenFile('it is no video that OpenCV can read')
            self.fps = self._video.fps or 25

    def __len__(self) -> int:
        return len(self._video) if self.fps else 1

    def __iter__(self) -> Iterator[np.ndarray]:
        if self.fps:
            yield from self._video
            return
        try:
            image = mmcv.imread(self.path)
        except (OSError, ValueError, cv2.error) as error:
            raise BrokenFile(str(error)) from None
        if image is None:
            raise BrokenFile('it is no image that OpenCV can read')
        yield image


@contextmanager
def opened(source: Source) -> Iterator[Images]:
    """The images of a file, which is fetched if it is a URL.

    Raises:
        BrokenFile: It cannot be had, or there is none in it.
    """
    path = source.where
    with ExitStack() as stack:
        if is_url(path):
            try:
                path = str(stack.enter_context(fileio.get_local_path(path)))
            except OSError as error:
                raise BrokenFile(f'it cannot be fetched: {error}') from None
        yield Images(path, kind_of(source.name))


class People(NamedTuple):
    """Those of an image."""

    #: (left, top, right, bottom) in shape (N, 4); image px
    boxes: np.ndarray
    #: x, y and whether it is labelled, in shape (N, K, 3), or None
    joints: Optional[np.ndarray] = None


def load_people(path: Any) -> Dict[Tuple[str, int], People]:
    """The people of a COCO file by name and frame of the image.

    Raises:
        ValueError: Another kind of file.
    """
    try:
        content = json.loads(Path(path).read_text())
        names = {entry['id']: (entry['file_name'], entry.get('frame_id', 0))
                 for entry in content['images']}
        found: Dict[Tuple[str, int], List[Any]] = {
            name: [] for name in names.values()}
        for person in content['annotations']:
            x, y, w, h = (float(v) for v in person['bbox'])
            if w > 0 and h > 0:
                # What has a score was predicted, and is no truth.
                joints = () if 'score' in person else person.get(
                    'keypoints', ())
                found[names[person['image_id']]].append((
                    [x, y, x + w, y + h], np.reshape(joints, (-1, 3))))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ValueError(
            '--bboxes must name a COCO file: JSON with images (id, file_name) '
            f'and annotations (image_id, bbox), got {path}: {error!r}'
        ) from None
    return {name: _people(some) for name, some in found.items()}


def _people(some: List[Any]) -> People:
    boxes = np.array([box for box, _ in some], np.float32).reshape(-1, 4)
    joints = [joint for _, joint in some]
    told = len({len(joint) for joint in joints}) == 1 and len(joints[0]) > 0
    return People(boxes, np.array(joints, float) if told else None)


def whole_image(image: np.ndarray) -> np.ndarray:
    """The box (1, 4) of one person who fills the image (H, W, 3)."""
    height, width = image.shape[:2]
    return np.array([[0, 0, width, height]], np.float32)
