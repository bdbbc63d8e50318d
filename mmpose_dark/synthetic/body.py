"""A body in a random pose, dressed, and how it is drawn.

A point is (x, y, z): x to the right, y down, z towards the viewer. Whatever is
drawn is the convex hull of discs (x, y, radius); the projection drops z.
"""
from dataclasses import dataclass
from typing import Any, Dict, List, Tuple

import numpy as np

from .canvas import Canvas, Paint

KEYPOINTS = (
    'nose', 'left_eye', 'right_eye', 'left_ear', 'right_ear',
    'left_shoulder', 'right_shoulder', 'left_elbow', 'right_elbow',
    'left_wrist', 'right_wrist', 'left_hip', 'right_hip', 'left_knee',
    'right_knee', 'left_ankle', 'right_ankle')
SKELETON = (  # COCO counts from 1
    (16, 14), (14, 12), (17, 15), (15, 13), (12, 13), (6, 12), (7, 13),
    (6, 7), (6, 8), (7, 9), (8, 10), (9, 11), (2, 3), (1, 2), (1, 3), (2, 4),
    (3, 5), (4, 6), (5, 7))

# Of a pair the left one; the right one follows.
NOSE, EYE, EAR, SHOULDER, ELBOW, WRIST, HIP, KNEE, ANKLE = (
    0, 1, 3, 5, 7, 9, 11, 13, 15)
HAND, TOE, HEAD, FACE, NECK = 17, 19, 21, 22, 23  # drawn, not annotated

HEAD_RADIUS = .066

# Body parts: garment, then (point, radius in body heights) of each disc.
PARTS: Tuple[Tuple[Any, ...], ...] = (
    ('shirt', (SHOULDER, .05), (SHOULDER + 1, .05), (HIP + 1, .06),
     (HIP, .06)),
    ('skin', (NECK, .032), (HEAD, .032)),
    ('hair', (HEAD, HEAD_RADIUS)),
    ('skin', (FACE, .055)),
    ('nose', (NOSE, .014)),
) + tuple(
    (garment, *((point + side, radius) for point, radius in discs))
    for side in (0, 1) for garment, *discs in (
        ('eye', (EYE, .014)),
        ('skin', (EAR, .018)),
        ('shirt', (SHOULDER, .040), (ELBOW, .031)),
        ('sleeve', (ELBOW, .031), (WRIST, .022)),
        ('skin', (WRIST, .020), (HAND, .026)),
        ('trousers', (HIP, .060), (KNEE, .042)),
        ('hem', (KNEE, .040), (ANKLE, .027)),
        ('shoe', (ANKLE, .027), (TOE, .022))))


@dataclass
class Build:
    """What of a person stays the same while it moves.

    Attributes:
        wild (float): How far arms and legs swing.
        lengths (np.ndarray): (5,), factors of arms, forearms, thighs and
            shanks, and of the width.
        turned (float): Radians by which the person is turned away.
    """
    wild: float
    lengths: np.ndarray
    turned: float


#: standard normal numbers that a pose is made of: limbs, then the view
POSE_NUMBERS = 36, 3


def sample_pose(rng: np.random.Generator) -> np.ndarray:
    """A random pose of a body about 1 high.

    Returns:
        np.ndarray: (24, 3), the 17 COCO keypoints and what is drawn beside
        them, as the viewer sees them.
    """
    wild, lengths = rng.uniform(.1, .45), rng.uniform(.88, 1.12, 5)
    limbs = rng.standard_normal(POSE_NUMBERS[0])
    # Seen from anywhere around, most often from the front.
    turned = rng.choice([0, np.pi], p=[.9, .1])
    view = rng.standard_normal(POSE_NUMBERS[1])
    return pose_of(Build(wild, lengths, turned), np.append(limbs, view))


def pose_of(build: Build, numbers: np.ndarray) -> np.ndarray:
    """The pose (24, 3) that standard normal numbers (39,) stand for.

    It is smooth in the numbers: those that change little move it a little.
    """
    p = np.zeros((24, 3))
    arm, fore, thigh, shank, wide = build.lengths
    wild = build.wild
    left = iter(numbers.reshape(-1, 3))

    def towards(mean: np.ndarray, spread: float) -> np.ndarray:
        direction = mean + spread * next(left)
        return direction / np.linalg.norm(direction)

    head = _rotation(*next(left) * (.5, .25, .2))
    p[HEAD] = p[NECK] + head @ (0, -.105, .01)
    p[FACE] = p[HEAD] + head @ (0, .012, .03)
    p[NOSE] = p[HEAD] + head @ (0, .015, .085)
    for side, out in ((0, 1), (1, -1)):
        p[EYE + side] = p[HEAD] + head @ (.028 * out, -.012, .072)
        p[EAR + side] = p[HEAD] + head @ (.066 * out, .005, 0)
        p[SHOULDER + side] = (.115 * wide * out, .03, 0)
        upper = towards(np.array([.35 * out, 1, .15]), wild)
        lower = towards(upper + (0, -.2, .4), .7 * wild)
        p[ELBOW + side] = p[SHOULDER + side] + .17 * arm * upper
        p[WRIST + side] = p[ELBOW + side] + .15 * fore * lower
        p[HAND + side] = p[WRIST + side] + .045 * lower
    # The trunk bends at the hips, which stay where they are.
    p = (p - (0, .32, 0)) @ _rotation(*next(left) * (.3, .2, .2)).T
    for side, out in ((0, 1), (1, -1)):
        p[HIP + side] = (.062 * wide * out, 0, 0)
        upper = towards(np.array([.12 * out, 1, .25]), .7 * wild)
        lower = towards(upper + (0, .4, -.4), .5 * wild)
        p[KNEE + side] = p[HIP + side] + .245 * thigh * upper
        p[ANKLE + side] = p[KNEE + side] + .235 * shank * lower
        p[TOE + side] = p[ANKLE + side] + .06 * towards(
            np.array([.2 * out, .3, 1]), .2)
    yaw, pitch, roll = next(left) * (.4, .15, .2)
    return p @ _rotation(build.turned + yaw, pitch, roll).T


def _rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """Rotation matrix (3, 3) about y, then x, then z, from radians."""
    (cy, cp, cr), (sy, sp, sr) = (f([yaw, pitch, roll])
                                  for f in (np.cos, np.sin))
    return (np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
            @ [[1, 0, 0], [0, cp, -sp], [0, sp, cp]]
            @ [[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])


def draw_figure(canvas: Canvas, build: float, points: np.ndarray,
                clothes: Dict[str, List[Paint]], owner: int = 1) -> None:
    """Draw the parts of a figure from back to front.

    Args:
        canvas (Canvas): Where to draw.
        build (float): Unit of the parts' radii in px.
        points (np.ndarray): (24, 3) in px.
        clothes (dict[str, list[Paint]]): Of each garment the two halves.
        owner (int): The canvas notes where part i is seen as owner + i; 0:
            it notes nothing. Defaults to 1.
    """
    def depth(number: int) -> float:
        z = np.mean([points[i, 2] for i, _ in PARTS[number][1:]])
        # Arms and legs lie on the trunk's surface, not inside it.
        return z - .05 * build if number == 0 else z

    for number in sorted(range(len(PARTS)), key=depth):
        garment, (point, _), *_ = part = PARTS[number]
        canvas.hull(discs_of(points, build, part), clothes[garment][point % 2],
                    owner + number if owner else 0)


def discs_of(points: np.ndarray, build: float, part: Any) -> np.ndarray:
    """The discs (n, 3) of a part in px."""
    return np.array([(*points[i, :2], build * r) for i, r in part[1:]])


def seen(canvas: Canvas, joints: np.ndarray, owner: int = 1) -> List[bool]:
    """Whether each of the joints (17, 2) is on the part seen at its place.

    ``owner`` as it was when their figure was drawn.
    """
    parts = canvas.owners(joints).astype(int) - owner
    return [0 <= part < len(PARTS) and any(
        i == joint for i, _ in PARTS[part][1:])
        for joint, part in enumerate(parts)]


def dress(rng: np.random.Generator, height: float) -> Dict[str, List[Paint]]:
    """Garment -> paints of its two halves.

    The halves differ a little, at random: enough to tell them apart, not to
    tell which is which. Left is known from the body alone, and a mirrored
    figure is as likely as its original.
    """
    skin = rng.uniform(.5, 1) * np.array([165, 190, 235])
    hair = rng.uniform(.1, .6) * np.array([90, 120, 150])
    shirt, trousers, shoe = rng.uniform(10, 245, (3, 3))
    if rng.random() < .1:
        trousers = shirt
    striped = height * rng.uniform(.02, .07, 2) * (rng.random(2) < (.4, .2))
    plain = dict(skin=(skin, 0), hair=(hair, 0), shoe=(shoe, 0),
                 nose=(.85 * skin, 0), eye=(.25 * skin, 0))
    cloth = dict(shirt=(shirt, striped[0]), trousers=(trousers, striped[1]))
    cloth['sleeve'] = cloth['shirt'] if rng.random() < .5 else plain['skin']
    cloth['hem'] = cloth['trousers'] if rng.random() < .7 else plain['skin']
    return {name: [Paint(rng, *look) for _ in range(2)]
            for name, look in {**plain, **cloth}.items()}
