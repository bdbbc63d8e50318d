"""Words, marks and legends on images, readable on any ground."""
from functools import lru_cache
from pathlib import Path
from typing import Any, Sequence, Tuple

import cv2
import matplotlib
import numpy as np
from matplotlib.colors import to_rgb
from PIL import Image, ImageDraw, ImageFont

#: kinds of marks, see :func:`mark`
DISC, CROSS, PLUS, RING, FRAME = 'disc', 'cross', 'plus', 'ring', 'frame'
WHITE, BLACK = (255, 255, 255), (0, 0, 0)
#: bits after the point of OpenCV's coordinates
_FRACTION = 4


def bgr(colour: str) -> Tuple[int, int, int]:
    """A colour of matplotlib's as OpenCV has it."""
    red, green, blue = (round(255 * part) for part in to_rgb(colour))
    return blue, green, red


def write(image: np.ndarray, at: Any, text: str, size: int,
          anchor: str = 'lm') -> None:
    """Write a line of text, white with a dark rim.

    Args:
        image (np.ndarray): BGR, uint8, in shape (H, W, 3). Changed
        at (array-like): (x, y) of the anchor; px
        text (str): The words
        size (int): Height of the font; px
        anchor (str): Of Pillow: left, middle or right, top, middle or bottom.
            Defaults to ``'lm'``
    """
    picture = Image.fromarray(image)
    ImageDraw.Draw(picture).text(
        at, text, font=_font(size), anchor=anchor, fill=WHITE,
        stroke_width=max(1, size // 8), stroke_fill=BLACK)
    image[...] = np.asarray(picture)


def mark(image: np.ndarray, at: Any, kind: str, colour: str,
         size: float) -> None:
    """Mark a point, with a dark rim.

    Args:
        image (np.ndarray): BGR, uint8, in shape (H, W, 3). Changed
        at (array-like): (x, y); px
        kind (str): :data:`DISC`, :data:`RING`, :data:`CROSS`, :data:`PLUS` or
            :data:`FRAME`, a square
        colour (str): Name of a colour, as matplotlib knows it
        size (float): Half the width of the mark; px
    """
    width = max(1, round(size / (12 if kind == FRAME else 4)))
    for paint, line in ((BLACK, 3 * width), (bgr(colour), width)):
        if kind == DISC:
            cv2.circle(image, _point(at), round(
                (size + (line > width) * width) * 2**_FRACTION), paint, -1,
                cv2.LINE_AA, _FRACTION)
        elif kind == RING:
            cv2.circle(image, _point(at), round(size * 2**_FRACTION), paint,
                       line, cv2.LINE_AA, _FRACTION)
        elif kind == FRAME:
            cv2.rectangle(image, _point(np.subtract(at, size)),
                          _point(np.add(at, size)), paint, line, cv2.LINE_AA,
                          _FRACTION)
        else:
            arms = ((1, 1), (1, -1)) if kind == CROSS else ((1, 0), (0, 1))
            for arm in np.multiply(arms, size):
                cv2.line(image, _point(np.subtract(at, arm)),
                         _point(np.add(at, arm)), paint, line, cv2.LINE_AA,
                         _FRACTION)


def line(image: np.ndarray, start: Any, end: Any, colour: str,
         width: int) -> None:
    """Draw a line.

    Args:
        image (np.ndarray): BGR, uint8, in shape (H, W, 3). Changed
        start, end (array-like): (x, y); px
        colour (str): Name of a colour, as matplotlib knows it
        width (int): Of the line; px
    """
    cv2.line(image, _point(start), _point(end), bgr(colour), width,
             cv2.LINE_AA, _FRACTION)


def legend(entries: Sequence[Tuple[str, str, str]], width: int,
           size: int) -> np.ndarray:
    """A strip that says what marks mean, of as many lines as it takes.

    Args:
        entries (Sequence[tuple]): Kind of the mark, colour and words of each
        width (int): Of the strip; px
        size (int): Height of the font; px

    Returns:
        np.ndarray: BGR, uint8, in shape (H, width, 3).
    """
    places, x, row = [], size, 0
    for _, _, words in entries:
        wide = round(2 * size + _font(size).getlength(words))
        if x > size and x + wide > width:
            x, row = size, row + 1
        places.append((x, (row + .5) * 2 * size))
        x += wide + size
    strip = np.full((2 * size * (row + 1), width, 3), 32, np.uint8)
    for (kind, colour, words), (x, y) in zip(entries, places):
        mark(strip, (x + size / 2, y), kind, colour, .4 * size)
        write(strip, (x + 1.5 * size, y), words, size)
    return strip


def with_legend(image: np.ndarray,
                entries: Sequence[Tuple[str, str, str]]) -> np.ndarray:
    """An image with a :func:`legend` below it."""
    size = int(np.clip(min(image.shape[:2]) / 36, 12, 48))
    return np.vstack([image, legend(entries, image.shape[1], size)])


@lru_cache(None)
def _font(size: int) -> Any:
    # The one that comes with matplotlib, which MMPose needs.
    path = Path(matplotlib.get_data_path()) / 'fonts/ttf/DejaVuSans.ttf'
    return ImageFont.truetype(str(path), size)


def _point(at: Any) -> Tuple[int, int]:
    # OpenCV's coordinates are 16 bits before the point.
    x, y = np.clip(np.rint(np.multiply(at, 2.**_FRACTION)), -2**18, 2**18)
    return int(x), int(y)
