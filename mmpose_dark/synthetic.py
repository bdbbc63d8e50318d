"""Pictures of figures whose joints are known exactly.

Sub-pixel decoding cannot be judged on labels that were clicked by hand to
within a few pixels. Here the joints come first, as real numbers, and the
picture is drawn around them: a 3-D skeleton in a random pose, dressed, put
before clutter, partly hidden, blurred, noisy, and saved as JPEG together with
its annotation in the COCO format. Needs numpy and OpenCV, nothing else.

Note:

    - All coordinates are pixel centres: index i is at coordinate i.
    - A point of the skeleton is (x, y, z): x to the right, y down, z towards
      the viewer. The projection drops z.
    - Whatever is drawn is the convex hull of discs (x, y, radius).
"""
import json
from pathlib import Path

import cv2
import numpy as np

from ._canvas import GRAIN, Canvas, Paint, add_noise

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

_HEAD_RADIUS = .066

# Body parts: garment, then (point, radius in body heights) of each disc.
_PARTS = (
    ('shirt', (SHOULDER, .05), (SHOULDER + 1, .05), (HIP + 1, .06),
     (HIP, .06)),
    ('skin', (NECK, .032), (HEAD, .032)),
    ('hair', (HEAD, _HEAD_RADIUS)),
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


def make_figures(out_dir, num_images, seed=0, progress=iter):
    """Write a data set of pictures with one annotated figure each.

    Picture i depends on ``seed`` and i alone: a longer data set starts with
    the shorter one. Joints outside the picture are (0, 0, 0) as in COCO,
    hidden ones have visibility 1 and are as exact as the others. ``area`` is
    0.53 * w * h of the box, MMPose's stand-in for the area of a segment;
    ``head_size`` is there for PCKh, see :func:`draw_scene`.

    Args:
        out_dir (str | Path): Gets ``images/*.jpg`` and
            ``person_keypoints.json``.
        num_images (int): Number of pictures.
        seed (int): The same seed writes the same bytes.
        progress (callable): Wraps the range of pictures, as ``tqdm`` does.

    Returns:
        Path: The annotation file.
    """
    out_dir = Path(out_dir)
    (out_dir / 'images').mkdir(parents=True, exist_ok=True)
    images, annotations = [], []
    for i in progress(range(num_images)):
        rng = np.random.default_rng([seed, i])
        image, keypoints, bbox, head_size = draw_scene(rng)
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(40, 96))]
        name = f'{i:06d}.jpg'
        cv2.imwrite(str(out_dir / 'images' / name), image, quality)
        h, w = image.shape[:2]
        images.append(dict(id=i + 1, file_name=name, width=w, height=h))
        annotations.append(dict(
            id=i + 1, image_id=i + 1, category_id=1, iscrowd=0,
            keypoints=[value for x, y, v in keypoints.round(4).tolist()
                       for value in (x, y, int(v))],
            num_keypoints=int((keypoints[:, 2] > 0).sum()),
            bbox=bbox.round(4).tolist(), head_size=round(head_size, 4),
            area=round(.53 * float(bbox[2] * bbox[3]), 4)))
    category = dict(id=1, name='person', supercategory='person',
                    keypoints=KEYPOINTS, skeleton=SKELETON)
    path = out_dir / 'person_keypoints.json'
    path.write_text(json.dumps(dict(
        info=dict(description='synthetic figures'), licenses=[],
        images=images, annotations=annotations, categories=[category])))
    return path


def draw_scene(rng):
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
    clothes = _dress(rng, height)
    # Anywhere in the picture, and an eighth out of it at most.
    points = height * sample_pose(rng)
    low, high = points[:, :2].min(0), points[:, :2].max(0)
    out = .12 * (high - low)
    corner = rng.uniform(*np.sort([-out, size - 1 - (high - low) + out], 0))
    points[:, :2] += corner - low
    figures = [(points, clothes, True)]
    if rng.random() < .15:  # a second figure, behind the first or before it
        other = height * rng.uniform(.7, 1.2) * sample_pose(rng)
        other += points.mean(0) - other.mean(0)
        other += height * rng.choice([-1, 1]) * rng.uniform((.3, 0, 0),
                                                            (.7, .2, 0))
        figures.insert(rng.random() < .3, (other, _dress(rng, height), False))

    canvas = Canvas(_backdrop(rng, size))
    for _ in range(rng.integers(5, 16)):
        _draw_clutter(rng, canvas, rng.uniform(0, size), height, clothes)
    for figure in figures:
        draw_figure(canvas, build, *figure)
    for _ in range(rng.choice(4, p=[.5, .3, .15, .05])):
        joint = points[rng.integers(17), :2]
        _draw_clutter(rng, canvas, joint, .6 * height, clothes)

    keypoints = points[:17].copy()
    keypoints[:, 2] = np.add(1, _seen(canvas, keypoints[:, :2]))
    inside = (keypoints[:, :2] >= 0) & (keypoints[:, :2] <= size - 1)
    keypoints[~inside.all(1)] = 0
    discs = np.concatenate([_discs(points, build, part) for part in _PARTS])
    low = (discs[:, :2] - discs[:, 2:]).min(0)
    high = (discs[:, :2] + discs[:, 2:]).max(0)
    loose = rng.uniform(0, .06, (2, 2)) * (high - low)
    low, high = np.clip([low - loose[0], high + loose[1]], 0, size - 1)
    return (_photograph(rng, canvas.picture(), height), keypoints,
            np.append(low, high - low), .6 * 8**.5 * _HEAD_RADIUS * build)


def sample_pose(rng):
    """A random pose of a body about 1 high.

    Returns:
        np.ndarray: (24, 3), the 17 COCO keypoints and what is drawn beside
        them, as the viewer sees them.
    """
    p = np.zeros((24, 3))
    wild = rng.uniform(.1, .45)
    arm, fore, thigh, shank, wide = rng.uniform(.88, 1.12, 5)

    def towards(mean, spread):
        direction = mean + spread * rng.standard_normal(3)
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
        p[KNEE + side] = p[HIP + side] + .245 * thigh * upper
        p[ANKLE + side] = p[KNEE + side] + .235 * shank * lower
        p[TOE + side] = p[ANKLE + side] + .06 * towards((.2 * out, .3, 1), .2)
    # Seen from anywhere around, most often from the front.
    turn = rng.choice([0, np.pi], p=[.9, .1]) + rng.normal(0, .4)
    return p @ _rotation(turn, *rng.normal(0, (.15, .2))).T


def _rotation(yaw, pitch, roll):
    """Rotation matrix (3, 3) about y, then x, then z, from radians."""
    (cy, cp, cr), (sy, sp, sr) = (f([yaw, pitch, roll])
                                  for f in (np.cos, np.sin))
    return (np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
            @ [[1, 0, 0], [0, cp, -sp], [0, sp, cp]]
            @ [[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])


def draw_figure(canvas, build, points, clothes, owned=True):
    """Draw the parts of a figure from back to front.

    Args:
        canvas (Canvas): Where to draw.
        build (float): Unit of the parts' radii in px.
        points (np.ndarray): (24, 3) in px.
        clothes (dict[str, list[Paint]]): Of each garment the two halves.
        owned (bool): Whether the canvas notes which part is seen where.
    """
    def depth(number):
        z = np.mean([points[i, 2] for i, _ in _PARTS[number][1:]])
        # Arms and legs lie on the trunk's surface, not inside it.
        return z - .05 * build if number == 0 else z

    for number in sorted(range(len(_PARTS)), key=depth):
        garment, (point, _), *_ = part = _PARTS[number]
        canvas.hull(_discs(points, build, part), clothes[garment][point % 2],
                    number + 1 if owned else 0)


def _discs(points, build, part):
    """The discs (n, 3) of a part in px."""
    return np.array([(*points[i, :2], build * r) for i, r in part[1:]])


def _seen(canvas, joints):
    """Whether each of the joints (17, 2) is on the part seen at its place."""
    return [part > 0 and any(i == joint for i, _ in _PARTS[part - 1][1:])
            for joint, part in enumerate(canvas.owners(joints))]


def _dress(rng, height):
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


def _draw_clutter(rng, canvas, centre, height, clothes):
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


def _backdrop(rng, size):
    """A smooth gradient with grain, uint8, (h, w, 3)."""
    n = rng.integers(2, 6)
    colours = rng.uniform(0, 255, 3) + rng.normal(0, 45, (n, n, 3))
    image = cv2.resize(colours.astype(np.float32), size.tolist(),
                       interpolation=cv2.INTER_CUBIC)
    image = np.clip(image, 0, 255).astype(np.uint8)
    return add_noise(rng, image, 1, rng.uniform(.1, .7), *GRAIN)


def _photograph(rng, image, height):
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
