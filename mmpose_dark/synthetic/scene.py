"""A picture around a figure: clutter, a backdrop and what a camera adds."""
from typing import Dict, List, Tuple

import cv2
import numpy as np

from .body import (
    HEAD_RADIUS,
    PARTS,
    discs_of,
    draw_figure,
    dress,
    sample_pose,
    seen,
)
from .canvas import GRAIN, Canvas, Paint, add_noise


def draw_scene(rng: np.random.Generator
               ) -> Tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Draw one picture.

    Args:
        rng (np.random.Generator): Source of all that is random.

    Returns:
        tuple:
        - image (np.ndarray): BGR, uint8, (h, w, 3).
        - keypoints (np.ndarray): (17, 3), x and y in px and the visibility.
        - bbox (np.ndarray): x, y, w, h in px around the figure.
        - head_size (float): 0.6 of the diagonal of the head's box in px, by
          which MPII's PCKh measures errors.
    """
    size = np.array([rng.integers(256, 321), rng.integers(192, 257)])
    size = size[::-1] if rng.random() < .5 else size
    height = np.exp(rng.uniform(np.log(55), np.log(220)))
    build = height * rng.uniform(.8, 1.3)
    clothes = dress(rng, height)
    # Anywhere in the picture, and an eighth out of it at most.
    points = height * sample_pose(rng)
    low, high = points[:, :2].min(0), points[:, :2].max(0)
    out = .12 * (high - low)
    corner = rng.uniform(*np.sort([-out, size - 1 - (high - low) + out], 0))
    points[:, :2] += corner - low
    figures = [(points, clothes, 1)]
    if rng.random() < .15:  # a second figure, behind the first or before it
        other = height * rng.uniform(.7, 1.2) * sample_pose(rng)
        other += points.mean(0) - other.mean(0)
        other += height * rng.choice([-1, 1]) * rng.uniform((.3, 0, 0),
                                                            (.7, .2, 0))
        figures.insert(rng.random() < .3, (other, dress(rng, height), 0))

    canvas = Canvas(backdrop(rng, size))
    for _ in range(rng.integers(5, 16)):
        draw_clutter(rng, canvas, rng.uniform(0, size), height, clothes)
    for figure in figures:
        draw_figure(canvas, build, *figure)
    for _ in range(rng.choice(4, p=[.5, .3, .15, .05])):
        joint = points[rng.integers(17), :2]
        draw_clutter(rng, canvas, joint, .6 * height, clothes)

    keypoints = points[:17].copy()
    keypoints[:, 2] = np.add(1, seen(canvas, keypoints[:, :2]))
    inside = (keypoints[:, :2] >= 0) & (keypoints[:, :2] <= size - 1)
    keypoints[~inside.all(1)] = 0
    low, high = extent(points, build)
    loose = rng.uniform(0, .06, (2, 2)) * (high - low)
    low, high = np.clip([low - loose[0], high + loose[1]], 0, size - 1)
    return (photograph(rng, canvas.picture(), height), keypoints,
            np.append(low, high - low), .6 * 8**.5 * HEAD_RADIUS * build)


def extent(points: np.ndarray, build: float
           ) -> Tuple[np.ndarray, np.ndarray]:
    """The upper left and the lower right end of a figure, (x, y) in px."""
    discs = np.concatenate([discs_of(points, build, part) for part in PARTS])
    return ((discs[:, :2] - discs[:, 2:]).min(0),
            (discs[:, :2] + discs[:, 2:]).max(0))


def draw_clutter(rng: np.random.Generator, canvas: Canvas, centre: np.ndarray,
                 height: float, clothes: Dict[str, List[Paint]]) -> None:
    """A stroke like a limb, or a polygon, often in the figure's own paint."""
    if rng.random() < .5:
        reach = rng.normal(0, .15, 2) * height
        discs = np.column_stack([centre + [reach, -reach],
                                 rng.uniform(.02, .06, 2) * height])
    else:
        corners = centre + rng.normal(0, .12, (5, 2)) * height
        discs = np.column_stack([corners, np.full(5, .5)])
    if rng.random() < .25:
        paint = clothes[rng.choice(list(clothes))][0]
    else:
        period = height * rng.uniform(.02, .07) * (rng.random() < .3)
        paint = Paint(rng, rng.uniform(0, 255, 3), period)
    canvas.hull(discs, paint)


def backdrop(rng: np.random.Generator, size: np.ndarray) -> np.ndarray:
    """A smooth gradient with grain, uint8, (h, w, 3)."""
    n = rng.integers(2, 6)
    colours = rng.uniform(0, 255, 3) + rng.normal(0, 45, (n, n, 3))
    image = cv2.resize(colours.astype(np.float32), size.tolist(),
                       interpolation=cv2.INTER_CUBIC)
    image = np.clip(image, 0, 255).astype(np.uint8)
    return add_noise(rng, image, 1, rng.uniform(.1, .7), *GRAIN)


def photograph(rng: np.random.Generator, image: np.ndarray, height: float
               ) -> np.ndarray:
    """What a camera adds: blur of defocus and motion, contrast, noise."""
    if rng.random() < .4:
        image = cv2.GaussianBlur(
            image, (0, 0), rng.uniform(.2, .4 + .005 * height))
    if rng.random() < .2:
        # Symmetric about its middle, so that no joint moves.
        reach = rng.uniform(1, 2 + .02 * height)
        angle = rng.uniform(0, np.pi)
        n = int(reach) + 1
        y, x = np.mgrid[-n:n + 1, -n:n + 1]
        along = x * np.cos(angle) + y * np.sin(angle)
        across = y * np.cos(angle) - x * np.sin(angle)
        kernel = np.exp(-across**2) * (abs(along) <= reach)
        image = cv2.filter2D(image, -1, kernel / kernel.sum())
    return add_noise(
        rng, image, rng.uniform(.6, 1.2), rng.uniform(.02, .25), 1280)
