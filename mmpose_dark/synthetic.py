"""Pictures of figures whose joints are known exactly.

Sub-pixel decoding cannot be judged on labels that were clicked by hand to
within a few pixels. Here the joints come first, as real numbers, and the
picture is drawn around them: a 3-D skeleton in a random pose, dressed, put
before clutter, partly hidden, blurred, noisy, and saved as JPEG together with
its annotation in the COCO format. Needs numpy and OpenCV, nothing else.

Note:

    - All coordinates are pixel centres: index i is at coordinate i.
    - Points of the skeleton are (x, y, z): x to the right, y down, z towards
      the viewer. The projection drops z.
    - A body part is the convex hull of discs (x, y, radius).
"""
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

KEYPOINTS = (
    'nose', 'left_eye', 'right_eye', 'left_ear', 'right_ear',
    'left_shoulder', 'right_shoulder', 'left_elbow', 'right_elbow',
    'left_wrist', 'right_wrist', 'left_hip', 'right_hip', 'left_knee',
    'right_knee', 'left_ankle', 'right_ankle')
SKELETON = (
    (16, 14), (14, 12), (17, 15), (15, 13), (12, 13), (6, 12), (7, 13),
    (6, 7), (6, 8), (7, 9), (8, 10), (9, 11), (2, 3), (1, 2), (1, 3), (2, 4),
    (3, 5), (4, 6), (5, 7))  # COCO counts from 1

NOSE, EYE, EAR, SHOULDER, ELBOW, WRIST, HIP, KNEE, ANKLE = (
    0, 1, 3, 5, 7, 9, 11, 13, 15)  # of a pair the left; the right follows
HAND, TOE, HEAD, FACE, NECK = 17, 19, 21, 22, 23  # drawn, not annotated

# Body parts: garment, then (point, radius) in body heights. The second part
# of each limb pair is made by adding 1 to every point.
_MIDDLE = (
    ('shirt', (SHOULDER, .05), (SHOULDER + 1, .05), (HIP + 1, .06),
     (HIP, .06)),
    ('skin', (NECK, .032), (HEAD, .032)),
    ('hair', (HEAD, .066)),
    ('skin', (FACE, .052)),
    ('nose', (NOSE, .013)))
_PAIRED = (
    ('eye', (EYE, .011)),
    ('skin', (EAR, .018)),
    ('shirt', (SHOULDER, .040), (ELBOW, .031)),
    ('sleeve', (ELBOW, .031), (WRIST, .022)),
    ('skin', (WRIST, .020), (HAND, .026)),
    ('trousers', (HIP, .060), (KNEE, .042)),
    ('hem', (KNEE, .040), (ANKLE, .027)),
    ('shoe', (ANKLE, .027), (TOE, .022)))
_PARTS = _MIDDLE + tuple(
    (garment, *((point + side, radius) for point, radius in discs))
    for garment, *discs in _PAIRED for side in (0, 1))

_ZOOM = 3  # drawn this much larger, then averaged down: sub-pixel edges
_SHIFT = 4  # OpenCV's fractional bits
_CIRCLE = np.stack([np.cos(a := np.arange(16) * np.pi / 8), np.sin(a)], -1)


def make_figures(out_dir, num_images, seed=0, progress=iter):
    """Write a data set of pictures with one annotated figure each.

    Image i depends on ``seed`` and i alone: a longer data set starts with the
    shorter one. Joints outside the picture are (0, 0, 0) as in COCO, hidden
    ones have visibility 1 and are as exact as the others. ``area`` is
    0.53 * w * h of the box, MMPose's stand-in for the area of a segment.

    Args:
        out_dir (str | Path): Gets ``images/*.jpg`` and
            ``person_keypoints.json``.
        num_images (int): Number of pictures.
        seed (int): The same seed writes the same bytes.
        progress (callable): Wraps the range of images, like ``tqdm``.

    Returns:
        Path: The annotation file.
    """
    out_dir = Path(out_dir)
    (out_dir / 'images').mkdir(parents=True, exist_ok=True)
    images, annotations = [], []
    for i in progress(range(num_images)):
        rng = np.random.default_rng([seed, i])
        image, keypoints, bbox = draw_scene(rng)
        name = f'{i:06d}.jpg'
        quality = int(rng.integers(40, 96))
        _, jpeg = cv2.imencode('.jpg', image,
                               [cv2.IMWRITE_JPEG_QUALITY, quality])
        (out_dir / 'images' / name).write_bytes(jpeg.tobytes())
        images.append(
            dict(id=i + 1, file_name=name, width=image.shape[1],
                 height=image.shape[0]))
        annotations.append(
            dict(id=i + 1, image_id=i + 1, category_id=1, iscrowd=0,
                 keypoints=[_number(v) for v in keypoints.ravel()],
                 num_keypoints=int((keypoints[:, 2] > 0).sum()),
                 bbox=[_number(v) for v in bbox],
                 area=_number(.53 * bbox[2] * bbox[3])))
    category = dict(id=1, name='person', supercategory='person',
                    keypoints=KEYPOINTS, skeleton=SKELETON)
    path = out_dir / 'person_keypoints.json'
    path.write_text(json.dumps(dict(
        info=dict(description='synthetic figures', seed=seed),
        licenses=[], images=images, annotations=annotations,
        categories=[category])))
    return path


def _number(value):
    """A short number for JSON, exact to 1e-4 px."""
    value = round(float(value), 4)
    return int(value) if value.is_integer() else value


def draw_scene(rng, degraded=True):
    """Draw one picture.

    Args:
        rng (np.random.Generator): Source of everything random.
        degraded (bool): Whether to blur and add noise as a camera does.

    Returns:
        tuple:
        - image (np.ndarray): BGR, uint8, (h, w, 3).
        - keypoints (np.ndarray): (17, 3), x and y in px and the visibility.
        - bbox (np.ndarray): x, y, w, h in px around the figure.
    """
    size = np.array([rng.integers(256, 321), rng.integers(192, 257)])
    size = size[::-1] if rng.random() < .5 else size
    height = np.exp(rng.uniform(np.log(50), np.log(220)))
    points = _place(rng, sample_pose(rng) * height, size)
    clothes = _dress(rng, height)
    build = height * rng.uniform(.8, 1.3)

    canvas = Canvas(_backdrop(rng, size))
    for _ in range(rng.integers(6, 20)):
        centre = rng.uniform(0, size)
        canvas.hull(_clutter(rng, height, centre),
                    _any_paint(rng, clothes, height))
    # A second figure near by, behind or before the annotated one.
    figures = [(points, clothes, True)]
    if rng.random() < .35:
        other = sample_pose(rng) * height * rng.uniform(.7, 1.2)
        other += points.mean(0) - other.mean(0)
        other += height * rng.choice([-1, 1]) * rng.uniform((.3, 0, 0),
                                                            (.7, .2, 0))
        figures.insert(rng.random() < .3, (other, _dress(rng, height), False))
    for figure in figures:
        _draw_figure(canvas, build, *figure)
    for _ in range(rng.choice(4, p=[.4, .3, .2, .1])):
        centre = points[rng.integers(17), :2]
        canvas.hull(_clutter(rng, .6 * height, centre),
                    _any_paint(rng, clothes, height))

    visibility = [_visibility(canvas.owner, k, xy)
                  for k, xy in enumerate(points[:17, :2])]
    keypoints = np.column_stack([points[:17, :2], visibility])
    keypoints[keypoints[:, 2] == 0] = 0
    image = canvas.picture()
    return (_degrade(rng, image, height) if degraded else image, keypoints,
            _box(rng, points, build, size))


def sample_pose(rng):
    """A random pose of a body of height 1.

    Returns:
        np.ndarray: (24, 3), the 17 COCO keypoints and what is drawn beside
        them, seen by the viewer.
    """
    p = np.zeros((24, 3))
    wild = rng.uniform(.15, .75)
    arm, fore, thigh, shank, wide = rng.uniform(.88, 1.12, 5)

    def towards(mean, spread):
        direction = np.asarray(mean) + spread * rng.standard_normal(3)
        return direction / np.linalg.norm(direction)

    head = _rotation(*rng.normal(0, (.5, .25, .2)))
    p[HEAD] = p[NECK] + head @ (0, -.105, .01)
    p[FACE] = p[HEAD] + head @ (0, .012, .03)
    p[NOSE] = p[HEAD] + head @ (0, .015, .085)
    for side, out in ((0, 1), (1, -1)):
        p[EYE + side] = p[HEAD] + head @ (.028 * out, -.012, .072)
        p[EAR + side] = p[HEAD] + head @ (.066 * out, .005, 0)
        p[SHOULDER + side] = (.115 * wide * out, .03, 0)
        upper = towards((.35 * out, 1, .15), wild)
        lower = towards(upper + (0, -.2, .4), .7 * wild)
        p[ELBOW + side] = p[SHOULDER + side] + .17 * arm * upper
        p[WRIST + side] = p[ELBOW + side] + .15 * fore * lower
        p[HAND + side] = p[WRIST + side] + .045 * lower
    # The trunk bends at the hips, which stay where they are.
    p = (p - (0, .32, 0)) @ _rotation(*rng.normal(0, (.3, .2, .2))).T
    for side, out in ((0, 1), (1, -1)):
        p[HIP + side] = (.062 * wide * out, 0, 0)
        upper = towards((.12 * out, 1, .25), .7 * wild)
        lower = towards(upper + (0, .4, -.4), .5 * wild)
        toes = towards((.2 * out, .3, 1), .2)
        p[KNEE + side] = p[HIP + side] + .245 * thigh * upper
        p[ANKLE + side] = p[KNEE + side] + .235 * shank * lower
        p[TOE + side] = p[ANKLE + side] + .06 * toes
    # Seen from anywhere around, most often from the front or the back.
    turn = rng.choice([0, np.pi], p=[.65, .35]) + rng.normal(0, .7)
    return p @ _rotation(turn, *rng.normal(0, (.15, .2))).T


def _rotation(yaw, pitch, roll):
    """Rotation matrix (3, 3) about y, then x, then z, from radians."""
    result = np.eye(3)
    for (i, j), a in zip(((2, 0), (1, 2), (0, 1)), (yaw, pitch, roll)):
        turn = np.eye(3)
        turn[[i, i, j, j], [i, j, i, j]] = (
            np.cos(a), -np.sin(a), np.sin(a), np.cos(a))
        result = turn @ result
    return result


def _place(rng, points, size):
    """Move the figure into the picture, sometimes a little out of it."""
    low, high = points[:, :2].min(0), points[:, :2].max(0)
    slack = .12 * (high - low)
    ends = np.sort([-slack, size - 1 - (high - low) + slack], axis=0)
    corner = rng.uniform(*ends)
    return points + np.append(corner - low, 0)


def _box(rng, points, build, size):
    """The box around the figure within the picture, drawn a bit loosely."""
    discs = np.concatenate(
        [_discs(points, part[1:], build) for part in _PARTS])
    low = (discs[:, :2] - discs[:, 2:]).min(0)
    high = (discs[:, :2] + discs[:, 2:]).max(0)
    loose = rng.uniform(0, .06, (2, 2)) * (high - low)
    low = np.clip(low - loose[0], 0, size - 1)
    high = np.clip(high + loose[1], 0, size - 1)
    return np.append(low, high - low)


def _discs(points, discs, build):
    """Discs (n, 3) in px of a body part."""
    return np.array([(*points[i, :2], r * build) for i, r in discs])


def _draw_figure(canvas, build, points, clothes, owned):
    """Draw the parts from back to front."""
    def depth(number):
        z = np.mean([points[i, 2] for i, _ in _PARTS[number][1:]])
        # Arms and legs lie on the trunk's surface, not inside it.
        return z - .05 * build if number == 0 else z

    for number in sorted(range(len(_PARTS)), key=depth):
        garment, *discs = _PARTS[number]
        canvas.hull(_discs(points, discs, build),
                    clothes[garment][discs[0][0] % 2],
                    number + 1 if owned else 0)


def _visibility(owner, k, xy):
    """COCO's flag: 0 outside the picture, 1 hidden, 2 seen."""
    x, y = np.rint(_ZOOM * xy + (_ZOOM - 1) / 2).astype(int)
    h, w = owner.shape
    if not (0 <= xy[0] <= w / _ZOOM - 1 and 0 <= xy[1] <= h / _ZOOM - 1):
        return 0
    part = owner[y, x]
    shown = part and any(i == k for i, _ in _PARTS[part - 1][1:])
    return 2 if shown else 1


@dataclass
class Paint:
    """Colour of a surface: grainy, with stripes across its length.

    Args:
        colour, stripe (tuple[float, float, float]): BGR, 0 to 255.
        grain (float): Contrast of the texture, 0 to 1.
        period (float): Distance of the stripes in px; 0 for none.
        origin (tuple[float, float]): Where the texture is cut, 0 to 1.
    """
    colour: tuple
    stripe: tuple
    grain: float
    period: float
    origin: tuple


class Canvas:
    """A picture drawn too large and averaged down, so that edges lie between
    pixels, with a map of the body part seen at each pixel (0 for none).

    Args:
        image (np.ndarray): What is there already, uint8, (h, w, 3).
    """

    def __init__(self, image):
        h, w = (_ZOOM * n for n in image.shape[:2])
        self.size = w // _ZOOM, h // _ZOOM
        self.image = cv2.resize(image, (w, h))
        self.owner = np.zeros((h, w), np.uint8)

    def hull(self, discs, paint, owner=0):
        """Fill the convex hull of discs (n, 3): x, y, radius in px."""
        rim = discs[:, None, :2] + discs[:, None, 2:] * _CIRCLE
        rim = (_ZOOM * rim + (_ZOOM - 1) / 2).astype(np.float32)
        outline = cv2.convexHull(rim.reshape(-1, 2))
        x, y, w, h = cv2.boundingRect(outline)
        x0, y0 = max(x, 0), max(y, 0)
        image = self.image[y0:max(y + h, 0), x0:max(x + w, 0)]
        if image.size == 0:
            return
        mask = np.zeros(image.shape[:2], np.uint8)
        fixed = np.rint((outline - (x0, y0)) * 2**_SHIFT).astype(np.int32)
        cv2.fillConvexPoly(mask, fixed, 255, shift=_SHIFT)
        cv2.fillConvexPoly(self.owner[y0:y + h, x0:x + w], fixed, owner,
                           shift=_SHIFT)
        axis = _ZOOM * (discs[[0, -1], :2]) - (x0, y0)
        patch = _surface(mask.shape, paint, axis, _ZOOM * discs[:, 2].max())
        cv2.copyTo(patch, mask, image)

    def picture(self):
        """The picture, uint8, (h, w, 3)."""
        return cv2.resize(self.image, self.size,
                          interpolation=cv2.INTER_AREA)


def _surface(shape, paint, axis, radius):
    """A painted patch, uint8, (*shape, 3), its stripes across ``axis``."""
    h, w = shape
    grain = _noise(20, 80, 300)
    if h > len(grain) or w > len(grain):
        grain = cv2.resize(grain, (w, h))
    y, x = (int(a * (len(grain) - n)) for a, n in zip(paint.origin, shape))
    patch = cv2.convertScaleAbs(grain[y:y + h, x:x + w], alpha=paint.grain)
    shade = (*(c - 128 * paint.grain for c in paint.colour), 0)
    patch = cv2.add(patch, shade)
    if paint.period:
        along = axis[1] - axis[0]
        length = np.hypot(*along) + 1e-6
        along = along / length
        across = radius * np.array([-along[1], along[0]])
        period = _ZOOM * paint.period
        for t in np.arange(-radius, length + radius, period):
            ends = np.rint([axis[0] + t * along + across,
                            axis[0] + t * along - across]).astype(int)
            cv2.line(patch, ends[0].tolist(), ends[1].tolist(), paint.stripe,
                     max(1, round(.45 * period)))
    return patch


@lru_cache
def _noise(*cells):
    """Noise of each of the grids' scales, uint8, (1280, 1280, 3), mean 128,
    standard deviation about 40 each.
    """
    rng = np.random.default_rng(0)
    noise = sum(
        cv2.resize(rng.normal(0, 40, (n, n, 3)).astype(np.float32),
                   (1280, 1280)) for n in cells)
    return np.clip(128 + noise, 0, 255).astype(np.uint8)


def _paint(rng, colour, period=0):
    """A paint near the colour, striped if a period (px) is given."""
    colour = np.clip(colour + rng.normal(0, 12, 3), 0, 255)
    stripe = np.clip(colour + rng.normal(0, 70, 3), 0, 255)
    return Paint(colour.tolist(), stripe.tolist(), rng.uniform(.05, .5),
                 period, rng.random(2).tolist())


def _dress(rng, height):
    """Garment -> paints of its left and right half.

    The halves differ a little, at random: told apart, but not which is which,
    so that mirrored figures are as likely as their originals.
    """
    skin = rng.uniform(.3, 1) * np.array([165, 190, 235])
    shirt, trousers, shoe = rng.uniform(10, 245, (3, 3))
    if rng.random() < .25:
        trousers = shirt
    hair = rng.uniform(.1, .8) * np.array([90, 120, 150])
    colours = dict(
        shirt=shirt, trousers=trousers, skin=skin, hair=hair, shoe=shoe,
        sleeve=shirt if rng.random() < .5 else skin,
        hem=trousers if rng.random() < .7 else skin,
        nose=.85 * skin, eye=.25 * skin)
    stripes = {
        'shirt': height * rng.uniform(.02, .07) * (rng.random() < .4),
        'trousers': height * rng.uniform(.02, .07) * (rng.random() < .2)}
    stripes['sleeve'] = stripes['shirt'] * (colours['sleeve'] is shirt)
    stripes['hem'] = stripes['trousers'] * (colours['hem'] is trousers)
    return {
        name: [_paint(rng, colour, stripes.get(name, 0)) for _ in range(2)]
        for name, colour in colours.items()}


def _any_paint(rng, clothes, height):
    """A random paint, often the figure's own: clutter that looks like it."""
    if rng.random() < .4:
        return clothes[rng.choice(list(clothes))][0]
    return _paint(rng, rng.uniform(0, 255, 3),
                  height * rng.uniform(.02, .07) * (rng.random() < .3))


def _clutter(rng, height, centre):
    """Discs of a random shape: a stroke like a limb, or a polygon."""
    if rng.random() < .5:
        reach = rng.normal(0, .15, 2) * height
        radii = rng.uniform(.02, .06, 2) * height
        return np.column_stack([centre + [reach, -reach], radii])
    corners = centre + rng.normal(0, .12, (5, 2)) * height
    return np.column_stack([corners, np.full(5, .5)])


def _backdrop(rng, size):
    """A smooth gradient with grain, uint8, (h, w, 3)."""
    w, h = size.tolist()
    n = rng.integers(2, 6)
    colours = rng.uniform(0, 255, 3) + rng.normal(0, 45, (n, n, 3))
    image = cv2.resize(colours, (w, h), interpolation=cv2.INTER_CUBIC)
    image = np.clip(image, 0, 255).astype(np.uint8)
    return _add_noise(rng, image, 1, rng.uniform(.1, .7), 20, 80, 300)


def _add_noise(rng, image, contrast, amount, *cells):
    """Add a random cut of the noise to an image of changed contrast."""
    h, w = image.shape[:2]
    noise = _noise(*cells)
    y, x = rng.integers(0, np.subtract(noise.shape[:2], (h, w)))
    return cv2.addWeighted(image, contrast, noise[y:y + h, x:x + w], amount,
                           128 * (1 - contrast - amount))


def _degrade(rng, image, height):
    """What a camera adds: blur by defocus and motion, light, noise."""
    if rng.random() < .5:
        image = cv2.GaussianBlur(
            image, (0, 0), rng.uniform(.2, .4 + .008 * height))
    if rng.random() < .3:
        # Symmetric about its middle, so that no joint moves.
        reach = rng.uniform(1, 2 + .03 * height)
        n = int(np.ceil(reach))
        angle = rng.uniform(0, np.pi)
        y, x = np.mgrid[-n:n + 1, -n:n + 1]
        along = x * np.cos(angle) + y * np.sin(angle)
        across = y * np.cos(angle) - x * np.sin(angle)
        kernel = np.exp(-across**2) * (abs(along) <= reach)
        image = cv2.filter2D(image, -1, kernel / kernel.sum())
    return _add_noise(rng, image, rng.uniform(.5, 1.2), rng.uniform(.02, .35),
                      1280)
