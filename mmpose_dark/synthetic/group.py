"""A picture of several people, who may stand before each other."""
from typing import Tuple

import numpy as np

from .body import PARTS, draw_figure, dress, sample_pose, seen
from .canvas import Canvas
from .scene import backdrop, draw_clutter, extent, photograph


def draw_group(rng: np.random.Generator,
               num_people: int) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw one picture of several people.

    Args:
        rng (np.random.Generator): Source of all that is random.
        num_people (int): P, at most 12.

    Returns:
        tuple:
        - image (np.ndarray): BGR, uint8, (h, w, 3).
        - keypoints (np.ndarray): (P, 17, 3), x and y in px and the
          visibility: 2 seen, 1 behind something or someone, 0 with (0, 0)
          outside the picture. From behind to the front.
        - bboxes (np.ndarray): (P, 4), x, y, w, h in px around the figures.

    Raises:
        ValueError: Nobody, or more than 12.
    """
    if not 0 < num_people < 255 // len(PARTS) + 1:
        raise ValueError('num_people must be from 1 to '
                         f'{255 // len(PARTS)}, got {num_people}')
    size = rng.integers(224, 289, 2)
    # The more there are, the smaller; side by side, but not out of the way.
    tall = size[1] * np.exp(rng.uniform(np.log(.35), np.log(.75)))
    tall *= (3 / (2 + num_people))**.3
    across = (rng.permutation(num_people) + .5) / num_people
    people = []
    for place in across:
        height = tall * rng.uniform(.8, 1.2)
        points = height * sample_pose(rng)
        low, high = points[:, :2].min(0), points[:, :2].max(0)
        middle = size * (place, .5) + size * rng.uniform(
            (-.6 / num_people, -.2), (.6 / num_people, .2))
        # Out of the picture by an eighth at most.
        out = .12 * (high - low)
        limits = np.sort([-out, size - 1 - (high - low) + out], 0)
        points[:, :2] += np.clip(
            middle - (high - low) / 2, *limits) - low
        people.append((height * rng.uniform(.8, 1.3), points,
                       dress(rng, height)))

    canvas = Canvas(backdrop(rng, size))
    for _ in range(rng.integers(5, 16)):
        draw_clutter(rng, canvas, rng.uniform(0, size), tall, people[0][2])
    for number, person in enumerate(people):
        draw_figure(canvas, *person, 1 + number * len(PARTS))
    for _ in range(rng.choice(3, p=[.6, .3, .1])):
        _, points, clothes = people[rng.integers(num_people)]
        draw_clutter(rng, canvas, points[rng.integers(17), :2], .5 * tall,
                     clothes)

    keypoints = np.stack([points[:17] for _, points, _ in people])
    keypoints[..., 2] = np.add(1, [
        seen(canvas, joints[:, :2], 1 + number * len(PARTS))
        for number, joints in enumerate(keypoints)])
    inside = (keypoints[..., :2] >= 0) & (keypoints[..., :2] <= size - 1)
    keypoints[~inside.all(-1)] = 0
    ends = np.array([extent(points, build) for build, points, _ in people])
    low, high = np.clip(ends, 0, size - 1).swapaxes(0, 1)
    return (photograph(rng, canvas.picture(), tall), keypoints,
            np.concatenate([low, high - low], 1))
