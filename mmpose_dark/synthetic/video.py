"""Videos of people in motion whose joints are known exactly.

People wander about, swing their limbs, now faster and now slower, pass before
each other and behind things. The camera stands still, its shutter stays open
for a part of each frame, and its noise is another in each.
"""
from dataclasses import dataclass
from typing import Callable, Iterator, List

import cv2
import numpy as np

from .body import (
    PARTS,
    POSE_NUMBERS,
    Build,
    draw_figure,
    dress,
    pose_of,
    seen,
)
from .canvas import Canvas, add_noise
from .scene import backdrop, draw_clutter, extent

#: at most so many pictures are averaged for one blurred by motion
_SHUTTER_PICTURES = 7


@dataclass
class Frame:
    """A picture of a video and what is true of the P people in it.

    Attributes:
        time (float): Seconds since the video began.
        image (np.ndarray): BGR, uint8, (h, w, 3).
        keypoints (np.ndarray): (P, 17, 3): x and y in px and the visibility
            as in COCO, in the middle of the time that the shutter was open.
            Joints outside the picture are not zero but where they are, their
            visibility is 0.
        bboxes (np.ndarray): (P, 4): x, y, w, h in px around the people.
        detections (np.ndarray): (P, 4): these as a detector finds them, that
            is shaky, and NaN where it missed the person.
        swapped (np.ndarray): (P,), bool: frames in which a reader is to be
            given left for right. The pictures hold nothing that says so:
            networks do it now and then, and for their own reasons.
    """
    time: float
    image: np.ndarray
    keypoints: np.ndarray
    bboxes: np.ndarray
    detections: np.ndarray
    swapped: np.ndarray


def draw_video(rng: np.random.Generator, num_frames: int = 120,
               num_people: int = 1, frame_rate: float = 25.
               ) -> Iterator[Frame]:
    """Draw a video, a frame at a time.

    Args:
        rng (np.random.Generator): Source of all that is random.
        num_frames (int): Defaults to 120.
        num_people (int): Of whom earlier ones pass behind later ones.
            Defaults to 1.
        frame_rate (float): Frames per second. Defaults to 25.

    Yields:
        Frame: All of the same size.
    """
    size = np.array([rng.integers(288, 353), rng.integers(240, 289)])
    people = [_Person(rng, size, (number + .5) / num_people)
              for number in range(num_people)]
    things = [_Thing(rng, size, people[0]) for _ in range(rng.integers(0, 3))]
    behind = Canvas(backdrop(rng, size))
    for _ in range(rng.integers(5, 16)):
        draw_clutter(rng, behind, rng.uniform(0, size), people[0].height,
                     people[0].clothes)
    camera = _Camera(rng, frame_rate)
    finders = [_Detector(rng) for _ in people]

    def picture_of(time: float) -> Canvas:
        canvas = behind.copy()
        for number, person in enumerate(people):
            person.draw(canvas, time, 1 + number * len(PARTS))
        for thing in things:
            thing.draw(canvas, time)
        return canvas

    for index in range(num_frames):
        time = index / frame_rate
        points = np.stack([person.points(time) for person in people])
        canvas = picture_of(time)
        ends = [extent(p, person.build_px(time))
                for p, person in zip(points, people)]
        bboxes = np.array([np.append(low, high - low) for low, high in [
            np.clip(end, 0, size - 1) for end in ends]])
        keypoints = points[:, :17].copy()
        inside = ((keypoints[..., :2] >= 0) &
                  (keypoints[..., :2] <= size - 1)).all(-1)
        keypoints[..., 2] = inside * np.add(1, [
            seen(canvas, p[:17, :2], 1 + number * len(PARTS))
            for number, p in enumerate(points)])
        yield Frame(
            time, camera.take(picture_of, time, [
                person.points for person in people]), keypoints, bboxes,
            np.stack([finder.find(time, box)
                      for finder, box in zip(finders, bboxes)]),
            np.array([finder.swaps() for finder in finders]))


class _Wave:
    """Smooth random functions of time, each standard normal at any time.

    Args:
        rng (np.random.Generator): Draws them.
        number (int): How many.
        pace (float): Their usual frequency, Hz.
    """

    def __init__(self, rng: np.random.Generator, number: int, pace: float
                 ) -> None:
        self.speed = 2 * np.pi * rng.normal(0, pace, (number, 8))
        self.phase = rng.uniform(0, 2 * np.pi, (number, 8))

    def __call__(self, time: float) -> np.ndarray:
        return np.sin(self.speed * time + self.phase).sum(1) / 2


class _Person:
    """Somebody who wanders about in a picture of ``size``.

    ``across``, 0 to 1, is where: nobody stays out of another's way.
    """

    def __init__(self, rng: np.random.Generator, size: np.ndarray,
                 across: float) -> None:
        self.height = size[1] * rng.uniform(.35, .75)
        self.stout = rng.uniform(.8, 1.3)
        self.clothes = dress(rng, self.height)
        # Facing the camera, more or less: where a network takes a back for a
        # front for seconds, all limbs are wrong, and nothing else counts.
        self.body = Build(rng.uniform(.1, .45), rng.uniform(.88, 1.12, 5), 0)
        self.limbs = _Wave(rng, sum(POSE_NUMBERS), .4)
        self.place = _Wave(rng, 3, .1)
        self.middle = size * (across, .5) + size * rng.uniform(
            (-.1, -.02), (.1, .02))
        self.roams = size * (.15, .04)
        self.tempo = rng.uniform(.1, .3), rng.uniform(0, 2 * np.pi)

    def size_at(self, time: float) -> float:
        """How much larger the person looks, who comes and goes."""
        return float(np.exp(.08 * self.place(time)[2]))

    def build_px(self, time: float) -> float:
        """Unit of the radii of the body's parts in px."""
        return self.height * self.stout * self.size_at(time)

    def points(self, time: float) -> np.ndarray:
        """The body's points (24, 3) in px."""
        # From nearly still to twice as fast as usual and back again.
        pace, phase = self.tempo
        turn = 2 * np.pi * pace
        own = time + .9 / turn * np.sin(turn * time + phase)
        points = self.height * self.size_at(time) * pose_of(
            self.body, self.limbs(own))
        points[:, :2] += self.middle + self.roams * self.place(time)[:2]
        return points

    def draw(self, canvas: Canvas, time: float, owner: int) -> None:
        draw_figure(canvas, self.build_px(time), self.points(time),
                    self.clothes, owner)


class _Thing:
    """Something before the people: it stays, or it crosses the picture."""

    def __init__(self, rng: np.random.Generator, size: np.ndarray,
                 person: _Person) -> None:
        self.seed = rng.integers(2**32)
        self.height = person.height * rng.uniform(.35, .7)
        self.clothes = person.clothes
        self.middle = rng.uniform(.15, .85, 2) * size
        # In px a second; the way there and back takes some seconds.
        self.reach = rng.uniform(.3, .6) * size[0] * (rng.random() < .4)
        self.wave = _Wave(rng, 1, .2)

    def draw(self, canvas: Canvas, time: float) -> None:
        centre = self.middle + (self.reach * self.wave(time)[0], 0)
        draw_clutter(np.random.default_rng(self.seed), canvas, centre,
                     self.height, self.clothes)


class _Camera:
    """Blur of defocus and of motion, contrast, and noise."""

    def __init__(self, rng: np.random.Generator, frame_rate: float) -> None:
        self.rng = rng
        self.open = rng.uniform(0, .5) / frame_rate
        self.blur = rng.uniform(.3, 1) * (rng.random() < .4)
        self.contrast, self.noise = rng.uniform((.6, .02), (1.2, .2))

    def take(self, picture_of: Callable[[float], Canvas], time: float,
             points: List[Callable[[float], np.ndarray]]) -> np.ndarray:
        """A picture; as many are averaged as what moves passes pixels."""
        ends = time - self.open / 2, time + self.open / 2
        way = max(np.abs(np.subtract(*(p(t)[:, :2] for t in ends))).max()
                  for p in points)
        number = min(2 * int(way / 2) + 1, _SHUTTER_PICTURES)
        image = np.mean([
            picture_of(t).picture() for t in np.linspace(
                *ends, 2 * number + 1)[1::2]], 0)
        if self.blur:
            image = cv2.GaussianBlur(image, (0, 0), self.blur)
        return add_noise(self.rng, image.round().astype(np.uint8),
                         self.contrast, self.noise, 1280)


class _Detector:
    """Boxes that shake, people missed, and when left is taken for right."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.drift = _Wave(rng, 4, .5)
        self.missing = self.swapping = 0

    def find(self, time: float, bbox: np.ndarray) -> np.ndarray:
        """A box as it is found; NaN for one to ten frames now and then."""
        self.missing = self._goes_on(self.missing, .01, 10)
        if self.missing:
            return np.full(4, np.nan)
        w, h = bbox[2:]
        shake = .015 * self.rng.standard_normal(4) + .02 * self.drift(time)
        return bbox + shake * (w, h, w, h)

    def swaps(self) -> bool:
        """Whether left is for right: one to four frames now and then."""
        self.swapping = self._goes_on(self.swapping, .015, 4)
        return self.swapping > 0

    def _goes_on(self, left: int, chance: float, longest: int) -> int:
        if left > 0:
            return left - 1
        if self.rng.random() < chance:
            return int(self.rng.integers(1, longest + 1))
        return 0
