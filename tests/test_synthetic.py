"""The figures: joints where the annotation says, in COCO's format."""
import json
import subprocess
import sys

import cv2
import numpy as np
import pytest
from mmpose_dark import synthetic
from mmpose_dark.synthetic import body, scene
from mmpose_dark.synthetic.canvas import Canvas, Paint


@pytest.fixture(scope='module')
def figures(tmp_path_factory):
    folder = tmp_path_factory.mktemp('figures')
    return synthetic.make_figures(folder, 16, seed=5)


def centroid(weights):
    """Centre of mass (x, y) in px of an array (h, w)."""
    y, x = np.indices(weights.shape)
    return np.array([(x * weights).sum(), (y * weights).sum()]) / weights.sum()


def draw_disc(rng, point, radius):
    """Weights (64, 64) of a disc, without grain."""
    paint = Paint(rng, np.full(3, 255.))
    paint.colour, paint.grain = np.full(3, 200.), 0.
    canvas = Canvas(np.zeros((64, 64, 3), np.uint8))
    canvas.hull(np.array([[*point, radius]]), paint)
    return canvas.picture()


def test_disc_is_drawn_at_its_coordinates(rng):
    for _ in range(100):
        point, radius = rng.uniform(20, 44, 2), rng.uniform(3, 12)
        image = draw_disc(rng, point, radius)[..., 0].astype(float)
        assert np.abs(centroid(image) - point).max() < .05


def test_blur_moves_nothing(rng, monkeypatch):
    monkeypatch.setattr(scene, 'add_noise', lambda rng, image, *_: image)
    changed = 0
    for _ in range(50):
        point = rng.uniform(28, 36, 2)
        sharp = draw_disc(rng, point, 4)
        image = scene.photograph(rng, sharp, rng.uniform(50, 220))
        changed += (image != sharp).any()
        assert np.abs(centroid(image[..., 0].astype(float)) - point).max() < .1
    assert changed > 10  # about half are blurred


def test_face_of_a_figure_is_drawn_around_its_joints(rng):
    """Eyes, ears and nose are discs of their own: each lies on its joint."""
    paint = Paint(rng, np.zeros(3))
    whole = 0
    for _ in range(20):
        points = 200 * synthetic.sample_pose(rng)
        points[:, :2] += 150
        canvas, alone = (
            Canvas(np.zeros((300, 300, 3), np.uint8)) for _ in range(2))
        clothes = body.dress(rng, 200)
        body.draw_figure(canvas, 200, points, clothes)
        zoom = len(canvas.owner) / 300
        for number, part in enumerate(body.PARTS, 1):
            (joint, radius), *others = part[1:]
            if others or joint > 16:
                continue  # not the disc of a joint
            mask = canvas.owner == number
            alone.owner[:] = 0
            alone.hull(np.array([[*points[joint, :2], 200 * radius]]), paint,
                       number)
            if mask.sum() < alone.owner.astype(bool).sum():
                continue  # partly hidden
            whole += 1
            middle = np.argwhere(mask).mean(0)[::-1]
            drawn = (middle - (zoom - 1) / 2) / zoom
            assert np.abs(drawn - points[joint, :2]).max() < .07
    assert whole > 20


def test_hidden_joint_is_not_seen(rng):
    points = 200 * synthetic.sample_pose(rng)
    points[:, :2] += 150
    canvas = Canvas(np.zeros((300, 300, 3), np.uint8))
    body.draw_figure(canvas, 200, points, body.dress(rng, 200))
    before = body.seen(canvas, points[:17, :2])
    joint = before.index(True)
    canvas.hull(np.array([[*points[joint, :2], 5]]),
                Paint(rng, np.zeros(3)))
    assert not body.seen(canvas, points[:17, :2])[joint]


def test_same_seed_writes_the_same_bytes(figures, tmp_path):
    again = synthetic.make_figures(tmp_path / 'again', 16, seed=5)
    assert again.read_bytes() == figures.read_bytes()
    pictures = sorted(figures.parent.glob('images/*.jpg'))
    assert len(pictures) == 16
    for path in pictures:
        other = again.parent / 'images' / path.name
        assert other.read_bytes() == path.read_bytes()


def test_longer_data_set_starts_with_the_shorter(figures, tmp_path):
    shorter = synthetic.make_figures(tmp_path / 'short', 3, seed=5)
    a, b = (json.loads(p.read_text()) for p in (figures, shorter))
    assert a['annotations'][:3] == b['annotations']
    other = synthetic.make_figures(tmp_path / 'other', 3, seed=6)
    assert json.loads(other.read_text())['annotations'] != b['annotations']


def test_annotations_are_consistent(figures):
    data = json.loads(figures.read_text())
    flags = set()
    for image, ann in zip(data['images'], data['annotations']):
        pixels = cv2.imread(str(figures.parent / 'images' /
                                image['file_name']))
        assert pixels.shape == (image['height'], image['width'], 3)
        keypoints = np.reshape(ann['keypoints'], (17, 3))
        xy, v = keypoints[:, :2], keypoints[:, 2]
        flags.update(v)
        assert ann['num_keypoints'] == (v > 0).sum()
        assert (xy[v == 0] == 0).all()
        end = np.subtract([image['width'], image['height']], 1)
        assert ((xy >= 0) & (xy <= end)).all()
        low, size = np.split(np.array(ann['bbox']), 2)
        assert (low >= 0).all() and (low + size <= end + 1e-3).all()
        labelled = xy[v > 0]
        assert (labelled >= low - 1e-3).all()
        assert (labelled <= low + size + 1e-3).all()
        assert ann['area'] == pytest.approx(.53 * size.prod(), rel=1e-4)
    assert flags == {0, 1, 2}
    # Sub-pixel: coordinates do not gather on whole or half pixels.
    xy = np.array([a['keypoints'] for a in data['annotations']])
    fraction = np.delete(xy, np.s_[2::3], 1)
    fraction = fraction[fraction > 0] * 2 % 1
    assert abs(np.exp(2j * np.pi * fraction).mean()) < .15


def test_coco_tools_score_the_truth_as_perfect(figures):
    coco = pytest.importorskip('xtcocotools.coco').COCO(str(figures))
    from xtcocotools.cocoeval import COCOeval
    person = coco.loadCats(1)[0]
    assert tuple(person['keypoints']) == synthetic.KEYPOINTS
    results = [
        dict(image_id=a['image_id'], category_id=1, score=1.,
             keypoints=a['keypoints']) for a in coco.anns.values()
    ]
    sigmas = np.array([
        .026, .025, .025, .035, .035, .079, .079, .072, .072, .062, .062,
        .107, .107, .087, .087, .089, .089])
    evaluator = COCOeval(coco, coco.loadRes(results), 'keypoints', sigmas)
    evaluator.evaluate()
    evaluator.accumulate()
    evaluator.summarize()
    assert evaluator.stats[0] == pytest.approx(1)


def test_mirrored_names_are_pairs():
    names = synthetic.KEYPOINTS
    for left, right in zip(names[1::2], names[2::2]):
        assert left.replace('left', 'right') == right


def test_group_is_annotated_person_by_person(tmp_path):
    path = synthetic.make_groups(tmp_path, 12, seed=3, num_people=(2, 4))
    data = json.loads(path.read_text())
    again = synthetic.make_groups(tmp_path / 'short', 2, seed=3,
                                  num_people=(2, 4))
    kept = json.loads(again.read_text())['annotations']
    assert kept == data['annotations'][:len(kept)]
    assert [a['id'] for a in data['annotations']] == list(
        range(1, len(data['annotations']) + 1))
    counts, flags = set(), []
    for image in data['images']:
        pixels = cv2.imread(str(tmp_path / 'images' / image['file_name']))
        assert pixels.shape == (image['height'], image['width'], 3)
        people = [a for a in data['annotations']
                  if a['image_id'] == image['id']]
        counts.add(len(people))
        for person in people:
            x, y, v = np.reshape(person['keypoints'], (17, 3)).T
            left, top, width, height = person['bbox']
            assert (v > 0).sum() == person['num_keypoints'] > 8
            assert (x[v > 0] >= left).all() and (y[v > 0] >= top).all()
            assert (x[v > 0] <= left + width).all()
            assert (y[v > 0] <= top + height).all()
            assert left + width <= image['width'] - 1 + 1e-3
            flags.extend(v)
    assert counts == {2, 3, 4} and set(flags) == {0, 1, 2}
    assert np.mean(np.equal(flags, 2)) > .6


def test_whoever_stands_in_front_hides_the_others():
    """A joint on somebody's body before it is not seen."""
    seen = np.mean([(synthetic.draw_group(
        np.random.default_rng(seed), 8)[1][[0, -1], :, 2] == 2).mean(1)
        for seed in range(12)], 0)
    assert seen[1] > seen[0] + .08


@pytest.mark.parametrize('number', [0, 13])
def test_group_of_nobody_or_too_many_is_refused(rng, number):
    with pytest.raises(ValueError, match=f'from 1 to 12, got {number}'):
        synthetic.draw_group(rng, number)


def test_needs_neither_torch_nor_mmpose():
    code = ('import sys, mmpose_dark.synthetic; '
            'print({m.split(".")[0] for m in sys.modules} & '
            '{"torch", "mmcv", "mmengine", "mmpose"})')
    printed = subprocess.run([sys.executable, '-c', code], check=True,
                             capture_output=True, text=True).stdout
    assert printed.strip() == 'set()'


@pytest.fixture(scope='module')
def video():
    return list(synthetic.draw_video(np.random.default_rng(4), 50, 2, 25.))


def test_frames_are_of_one_size_and_time(video):
    assert len(video) == 50
    assert {frame.image.shape for frame in video} == {video[0].image.shape}
    np.testing.assert_allclose([f.time for f in video], np.arange(50) / 25)
    for frame in video:
        assert frame.keypoints.shape == (2, 17, 3)
        assert frame.image.dtype == np.uint8


def test_people_move_as_people_do(video):
    points = np.stack([frame.keypoints[..., :2] for frame in video])
    height = np.mean([frame.bboxes[:, 3] for frame in video])
    speed = 25 * np.linalg.norm(np.diff(points, axis=0), axis=-1) / height
    turns = 25**2 * np.linalg.norm(np.diff(points, 2, axis=0), axis=-1)
    # In heights a second, and that a second: the latter of a walk, or a dance
    assert .1 < np.median(speed) < 1 and speed.max() < 5
    assert .3 < np.median(turns / height) < 10
    assert np.percentile(speed, 90) > 3 * np.percentile(speed, 10)


def test_joints_of_a_video_are_where_they_are_drawn(monkeypatch):
    """Of someone who holds still before nothing: the eyes are dark discs."""
    from mmpose_dark.synthetic import video
    monkeypatch.setattr(video, 'draw_clutter', lambda *_: None)
    monkeypatch.setattr(video, 'add_noise', lambda rng, image, *_: image)
    seen = 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        frame = next(iter(synthetic.draw_video(rng, 1)))
        for joint in (1, 2):
            x, y, visible = frame.keypoints[0, joint]
            r = .014 * frame.bboxes[0, 3]
            if visible < 2 or r < 2:
                continue
            cut = frame.image[int(y - r):int(y + r + 2),
                              int(x - r):int(x + r + 2)].astype(float).sum(2)
            dark = np.maximum(np.median(frame.image[
                int(y - 3 * r):int(y + 3 * r), int(x - 3 * r):int(x + 3 * r)
            ].astype(float).sum(2)) - cut, 0)
            if dark.max() < 60:
                continue
            middle = centroid(dark) + (int(x - r), int(y - r))
            assert np.abs(middle - (x, y)).max() < .8
            seen += 1
    assert seen >= 4
