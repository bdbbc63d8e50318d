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
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

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

# Body parts: garment, then (point, radius in body heights) of each disc.
_PARTS = (
    ('shirt', (SHOULDER, .05), (SHOULDER + 1, .05), (HIP + 1, .06),
     (HIP, .06)),
    ('skin', (NECK, .032), (HEAD, .032)),
    ('hair', (HEAD, .066)),
    ('skin', (FACE, .052)),
    ('nose', (NOSE, .013)),
) + tuple(
    (garment, *((point + side, radius) for point, radius in discs))
    for side in (0, 1) for garment, *discs in (
        ('eye', (EYE, .011)),
        ('skin', (EAR, .018)),
        ('shirt', (SHOULDER, .040), (ELBOW, .031)),
        ('sleeve', (ELBOW, .031), (WRIST, .022)),
        ('skin', (WRIST, .020), (HAND, .026)),
        ('trousers', (HIP, .060), (KNEE, .042)),
        ('hem', (KNEE, .040), (ANKLE, .027)),
        ('shoe', (ANKLE, .027), (TOE, .022))))

_ZOOM = 3  # drawn this much larger, then averaged down
_SHIFT = 4  # fractional bits of OpenCV's polygon corners
_ANGLES = np.arange(16) * np.pi / 8
_CIRCLE = np.column_stack([np.cos(_ANGLES), np.sin(_ANGLES)])
_GRAIN = 20, 80, 300  # cells per side of a cloth's or a wall's texture


def make_figures(out_dir, num_images, seed=0, progress=iter):
    """Write a data set of pictures with one annotated figure each.

    Picture i depends on ``seed`` and i alone: a longer data set starts with
    the shorter one. Joints outside the picture are (0, 0, 0) as in COCO,
    hidden ones have visibility 1 and are as exact as the others. ``area`` is
    0.53 * w * h of the box, MMPose's stand-in for the area of a segment.

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
        image, keypoints, bbox = draw_scene(rng)
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
            bbox=bbox.round(4).tolist(),
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
    """
    size = np.array([rng.integers(256, 321), rng.integers(192, 257)])
    size = size[::-1] if rng.random() < .5 else size
    height = np.exp(rng.uniform(np.log(50), np.log(220)))
    build = height * rng.uniform(.8, 1.3)
    clothes = _dress(rng, height)
    # Anywhere in the picture, and an eighth out of it at most.
    points = height * sample_pose(rng)
    low, high = points[:, :2].min(0), points[:, :2].max(0)
    out = .12 * (high - low)
    corner = rng.uniform(*np.sort([-out, size - 1 - (high - low) + out], 0))
    points[:, :2] += corner - low
    figures = [(points, clothes, True)]
    if rng.random() < .35:  # a second figure, behind the first or before it
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
    for _ in range(rng.choice(4, p=[.4, .3, .2, .1])):
        joint = points[rng.integers(17), :2]
        _draw_clutter(rng, canvas, joint, .6 * height, clothes)

    keypoints = np.column_stack([points[:17, :2], canvas.seen(points[:17])])
    keypoints[keypoints[:, 2] == 0] = 0
    discs = np.concatenate([_discs(points, build, part) for part in _PARTS])
    low = (discs[:, :2] - discs[:, 2:]).min(0)
    high = (discs[:, :2] + discs[:, 2:]).max(0)
    loose = rng.uniform(0, .06, (2, 2)) * (high - low)
    low, high = np.clip([low - loose[0], high + loose[1]], 0, size - 1)
    return (_photograph(rng, canvas.picture(), height), keypoints,
            np.append(low, high - low))


def sample_pose(rng):
    """A random pose of a body about 1 high.

    Returns:
        np.ndarray: (24, 3), the 17 COCO keypoints and what is drawn beside
        them, as the viewer sees them.
    """
    p = np.zeros((24, 3))
    wild = rng.uniform(.15, .75)
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
    # Seen from anywhere around, most often from the front or the back.
    turn = rng.choice([0, np.pi], p=[.65, .35]) + rng.normal(0, .7)
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


class Canvas:
    """A picture drawn too large and averaged down, so that edges fall between
    pixels, with a map of the body part seen at each place (0 for none).

    Args:
        image (np.ndarray): What is there already, uint8, (h, w, 3).
    """

    def __init__(self, image):
        h, w = image.shape[:2]
        self.size = w, h
        self.image = cv2.resize(image, (_ZOOM * w, _ZOOM * h))
        self.owner = np.zeros((_ZOOM * h, _ZOOM * w), np.uint8)

    def hull(self, discs, paint, owner=0):
        """Fill the convex hull of discs (n, 3): x, y and radius in px."""
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
        mask = np.zeros_like(owners)
        cv2.fillConvexPoly(mask, corners, 255, shift=_SHIFT)
        cv2.fillConvexPoly(owners, corners, owner, shift=_SHIFT)
        axis = _ZOOM * discs[[0, -1], :2] - origin
        patch = paint.patch(mask.shape, axis, _ZOOM * discs[:, 2].max())
        cv2.copyTo(patch, mask, image)

    def seen(self, points):
        """COCO's visibility (17,): 0 outside, 1 hidden, 2 seen."""
        end = np.subtract(self.size, 1)
        inside = ((points[:, :2] >= 0) & (points[:, :2] <= end)).all(1)
        x, y = np.rint(_ZOOM * np.clip(points[:, :2], 0, end) +
                       (_ZOOM - 1) / 2).astype(int).T
        own = [part > 0 and any(i == joint for i, _ in _PARTS[part - 1][1:])
               for joint, part in enumerate(self.owner[y, x])]
        return np.where(inside, 1 + np.array(own), 0)

    def picture(self):
        """The picture, uint8, (h, w, 3)."""
        return cv2.resize(self.image, self.size, interpolation=cv2.INTER_AREA)


class Paint:
    """A grainy surface, with stripes across its length if a period is given.

    Args:
        rng (np.random.Generator): Varies the colour, draws the rest.
        colour (np.ndarray): BGR, 0 to 255.
        period (float): Distance of the stripes in px; 0 for none.
    """

    def __init__(self, rng, colour, period=0):
        self.colour = np.clip(colour + rng.normal(0, 12, 3), 0, 255)
        self.stripe = np.clip(self.colour + rng.normal(0, 70, 3), 0, 255)
        self.grain = rng.uniform(.05, .5)
        self.origin = rng.random(2)
        self.period = _ZOOM * period

    def patch(self, shape, axis, radius):
        """A piece of it, uint8, (*shape, 3), as long as axis (2, 2)."""
        h, w = shape
        noise = _noise(*_GRAIN)
        if h > len(noise) or w > len(noise):
            noise = cv2.resize(noise, (w, h))
        y, x = (self.origin * np.subtract(noise.shape[:2], shape)).astype(int)
        shade = self.colour - 128 * self.grain
        patch = cv2.convertScaleAbs(noise[y:y + h, x:x + w], alpha=self.grain)
        patch = cv2.add(patch, (*shade, 0))
        if self.period:
            length = np.linalg.norm(axis[1] - axis[0]) + 1e-6
            along = (axis[1] - axis[0]) / length
            across = radius * np.array([-along[1], along[0]])
            for t in np.arange(-radius, length + radius, self.period):
                a, b = np.rint(axis[0] + t * along + [across, -across])
                cv2.line(patch, a.astype(int), b.astype(int),
                         self.stripe.tolist(), max(1, int(.45 * self.period)))
        return patch


def _dress(rng, height):
    """Garment -> paints of its two halves.

    The halves differ a little, at random: enough to tell them apart, not to
    tell which is which. Left is known from the body alone, and a mirrored
    figure is as likely as its original.
    """
    skin = rng.uniform(.3, 1) * np.array([165, 190, 235])
    hair = rng.uniform(.1, .8) * np.array([90, 120, 150])
    shirt, trousers, shoe = rng.uniform(10, 245, (3, 3))
    if rng.random() < .25:
        trousers = shirt
    striped = height * rng.uniform(.02, .07, 2) * (rng.random(2) < (.4, .2))
    plain = dict(skin=(skin, 0), hair=(hair, 0), shoe=(shoe, 0),
                 nose=(.85 * skin, 0), eye=(.25 * skin, 0))
    cloth = dict(shirt=(shirt, striped[0]), trousers=(trousers, striped[1]))
    cloth['sleeve'] = cloth['shirt'] if rng.random() < .5 else plain['skin']
    cloth['hem'] = cloth['trousers'] if rng.random() < .7 else plain['skin']
    return {name: [Paint(rng, *look) for _ in range(2)]
            for name, look in (plain | cloth).items()}


def _draw_clutter(rng, canvas, centre, height, clothes):
    """A stroke like a limb, or a polygon, often in the figure's own paint."""
    if rng.random() < .5:
        reach = rng.normal(0, .15, 2) * height
        discs = np.column_stack([centre + [reach, -reach],
                                 rng.uniform(.02, .06, 2) * height])
    else:
        corners = centre + rng.normal(0, .12, (5, 2)) * height
        discs = np.column_stack([corners, np.full(5, .5)])
    if rng.random() < .4:
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
    return _add_noise(rng, image, 1, rng.uniform(.1, .7), *_GRAIN)


def _photograph(rng, image, height):
    """What a camera adds: blur of defocus and motion, contrast, noise."""
    if rng.random() < .5:
        image = cv2.GaussianBlur(
            image, (0, 0), rng.uniform(.2, .4 + .008 * height))
    if rng.random() < .3:
        # Symmetric about its middle, so that no joint moves.
        reach = rng.uniform(1, 2 + .03 * height)
        angle = rng.uniform(0, np.pi)
        n = int(reach) + 1
        y, x = np.mgrid[-n:n + 1, -n:n + 1]
        along = x * np.cos(angle) + y * np.sin(angle)
        across = y * np.cos(angle) - x * np.sin(angle)
        kernel = np.exp(-across**2) * (abs(along) <= reach)
        image = cv2.filter2D(image, -1, kernel / kernel.sum())
    return _add_noise(
        rng, image, rng.uniform(.5, 1.2), rng.uniform(.02, .35), 1280)


def _add_noise(rng, image, contrast, amount, *cells):
    """Add a random piece of noise to the image, its contrast changed."""
    h, w = image.shape[:2]
    noise = _noise(*cells)
    y, x = rng.integers(0, np.subtract(noise.shape[:2], (h, w)))
    return cv2.addWeighted(image, contrast, noise[y:y + h, x:x + w], amount,
                           128 * (1 - contrast - amount))


@lru_cache
def _noise(*cells):
    """Noise with so many cells per side, uint8, (1280, 1280, 3), around 128;
    each scale adds a standard deviation of up to 40.
    """
    rng = np.random.default_rng(0)
    noise = sum(
        cv2.resize(rng.normal(0, 40, (n, n, 3)).astype(np.float32),
                   (1280, 1280)) for n in cells)
    return np.clip(128 + noise, 0, 255).astype(np.uint8)
