"""A canvas that draws between the pixels, its paints, and noise.

Coordinates are pixel centres: index i is at coordinate i.
"""
from copy import copy
from functools import lru_cache
from typing import Any

import cv2
import numpy as np

GRAIN = 20, 80, 300  # cells per side of the texture of a cloth or a wall

_ZOOM = 4  # drawn this much larger, then averaged down
_SHIFT = 4  # fractional bits of OpenCV's polygon corners
_ANGLES = np.arange(16) * np.pi / 8
_CIRCLE = np.column_stack([np.cos(_ANGLES), np.sin(_ANGLES)])


class Canvas:
    """A picture drawn too large and averaged down, so that edges fall between
    pixels, with a map of who is seen at each place.

    Args:
        image (np.ndarray): What is there already, uint8, (h, w, 3).
    """

    def __init__(self, image: np.ndarray) -> None:
        h, w = image.shape[:2]
        self.size = w, h
        self.image = cv2.resize(image, (_ZOOM * w, _ZOOM * h))
        self.owner = np.zeros((_ZOOM * h, _ZOOM * w), np.uint8)

    def copy(self) -> 'Canvas':
        """One to draw on that leaves this one as it is."""
        other = copy(self)
        other.image, other.owner = self.image.copy(), self.owner.copy()
        return other

    def hull(self, discs: Any, paint: Any, owner: int = 0) -> None:
        """Fill the convex hull of some discs.

        Args:
            discs (np.ndarray): (n, 3), x, y and radius in px. From the first
                to the last is the length of what is drawn.
            paint (Paint): Fills it.
            owner (int): Who is seen there from now on; 0 for nobody.
        """
        rim = discs[:, None, :2] + discs[:, None, 2:] * _CIRCLE
        rim = (_ZOOM * rim + (_ZOOM - 1) / 2).astype(np.float32)
        outline = cv2.convexHull(rim.reshape(-1, 2))
        x, y, w, h = cv2.boundingRect(outline)
        cut = np.s_[max(y, 0):max(y + h, 0), max(x, 0):max(x + w, 0)]
        image, owners = self.image[cut], self.owner[cut]
        if image.size == 0:
            return
        origin = max(x, 0), max(y, 0)
        corners = np.rint((outline - origin) * 2**_SHIFT).astype(np.int32)
        mask: Any = np.zeros_like(owners)
        cv2.fillConvexPoly(mask, corners, (255, ), shift=_SHIFT)
        cv2.fillConvexPoly(owners, corners, (owner, ), shift=_SHIFT)
        axis = _ZOOM * discs[[0, -1], :2] - origin
        patch = paint.patch(mask.shape, axis, _ZOOM * discs[:, 2].max())
        cv2.copyTo(patch, mask, image)

    def owners(self, points: np.ndarray) -> np.ndarray:
        """Who is seen at points (n, 2) in px, uint8, (n, ); clipped."""
        h, w = self.owner.shape
        x, y = np.rint(_ZOOM * points + (_ZOOM - 1) / 2).astype(int).T
        return self.owner[y.clip(0, h - 1), x.clip(0, w - 1)]

    def picture(self) -> np.ndarray:
        """The picture, uint8, (h, w, 3)."""
        return cv2.resize(self.image, self.size, interpolation=cv2.INTER_AREA)


class Paint:
    """A grainy surface, with stripes across its length if a period is given.

    Args:
        rng (np.random.Generator): Varies the colour, draws the rest.
        colour (np.ndarray): BGR, 0 to 255.
        period (float): Distance of the stripes in px; 0 for none.
    """

    def __init__(self, rng: np.random.Generator, colour: Any,
                 period: float = 0) -> None:
        self.colour = np.clip(colour + rng.normal(0, 12, 3), 0, 255)
        self.stripe = np.clip(self.colour + rng.normal(0, 70, 3), 0, 255)
        self.grain = rng.uniform(.05, .5)
        self.origin = rng.random(2)
        self.period = _ZOOM * period

    def patch(self, shape: Any, axis: Any, radius: float) -> np.ndarray:
        """A piece of it, uint8, (*shape, 3), as long as axis (2, 2)."""
        h, w = shape
        noise = _noise(*GRAIN)
        if h > len(noise) or w > len(noise):
            noise = cv2.resize(noise, (w, h))
        y, x = (self.origin * np.subtract(noise.shape[:2], shape)).astype(int)
        shade = self.colour - 128 * self.grain
        patch = cv2.convertScaleAbs(noise[y:y + h, x:x + w], alpha=self.grain)
        tint: Any = (*shade, 0)
        patch = cv2.add(patch, tint)
        if self.period:
            length = np.linalg.norm(axis[1] - axis[0]) + 1e-6
            along = (axis[1] - axis[0]) / length
            across = radius * np.array([-along[1], along[0]])
            for t in np.arange(-radius, length + radius, self.period):
                a, b = np.rint(axis[0] + t * along + [across, -across])
                cv2.line(patch, a.astype(int), b.astype(int),
                         self.stripe.tolist(), max(1, int(.45 * self.period)))
        return patch


def add_noise(rng: np.random.Generator, image: np.ndarray, contrast: float,
              amount: float, *cells: Any) -> np.ndarray:
    """Add a random piece of noise to the image, its contrast changed."""
    h, w = image.shape[:2]
    noise = _noise(*cells)
    y, x = rng.integers(0, np.subtract(noise.shape[:2], (h, w)))
    return cv2.addWeighted(image, contrast, noise[y:y + h, x:x + w], amount,
                           128 * (1 - contrast - amount))


@lru_cache
def _noise(*cells: Any) -> np.ndarray:
    """Noise with so many cells per side, uint8, (1280, 1280, 3), around 128;
    each scale adds a standard deviation of up to 40.
    """
    rng = np.random.default_rng(0)
    noise = sum(
        cv2.resize(rng.normal(0, 40, (n, n, 3)).astype(np.float32),
                   (1280, 1280)) for n in cells)
    return np.clip(128 + noise, 0, 255).astype(np.uint8)
