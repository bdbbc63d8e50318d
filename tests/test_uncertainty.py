"""Calibration of covariances, ranking by them, and how they are drawn."""
import importlib
import json

import numpy as np
import pytest
from mmpose_dark import DarkHeatmap
from conftest import run_command
from mmpose.evaluation.metrics import CocoMetric
from mmpose_dark.evaluation import (
    DarkCocoMetric,
    KeptHeatmaps,
    ap_gain,
    evaluated,
    mmpose_scores,
    promised_scores,
)
from mmpose_dark.functional import (
    box_areas,
    ellipse_limit,
    encode_heatmaps,
    expected_oks,
    mahalanobis,
    pose_scores,
)
from mmpose_dark.visualization.uncertainty import draw_ellipses, ellipse

P = np.array([[4., 1.], [1., 2.]])


# ---- people, real annotations of COCO's kind


def people(rng, num=12, num_joints=3):
    """Kept heatmaps of spread joints, and their annotations."""
    size = np.array([24, 32])
    truth = rng.uniform(8, size - 8, (num, num_joints, 2))
    spread = rng.uniform(.2, 3, (num, num_joints))
    offset = rng.normal(0, 1, (num, num_joints, 2)) * spread[..., None]
    heatmaps = np.empty((num, num_joints, 32, 24), np.float32)
    for i, k in np.ndindex(num, num_joints):
        guesses = truth[i, k] + offset[i, k] + rng.normal(
            0, spread[i, k], (200, 2))
        heatmaps[i, k] = encode_heatmaps(guesses, (24, 32), 1.).mean(0)
    box = np.array([0., 0., 96., 128.])
    annotations = [dict(
        id=i + 1, image_id=i + 1, category_id=1, iscrowd=0, area=6000.,
        bbox=box.tolist(), num_keypoints=num_joints, keypoints=np.concatenate(
            [4 * truth[i], np.full((num_joints, 1), 2)], 1).ravel().tolist())
        for i in range(num)]
    samples = [dict(
        id=i, img_id=i + 1, category_id=1, raw_ann_info=annotations[i],
        input_size=(96, 128), input_scale=np.array([96., 128.]),
        input_center=np.array([48., 64.]), gt_instances=dict(
            bboxes=box[None], bbox_scores=np.ones(1),
            keypoints=4 * truth[i][None],
            keypoints_visible=np.ones((1, num_joints))))
        for i in range(num)]
    kept = KeptHeatmaps(
        (heatmaps, ), (heatmaps[..., ::-1], ), list(range(num_joints)),
        samples,
        DarkHeatmap(input_size=(96, 128), heatmap_size=(24, 32), sigma=1),
        np.full(num_joints, .05))
    return kept, dict(
        images=[dict(id=i + 1, width=96, height=128) for i in range(num)],
        annotations=annotations, categories=[dict(
            id=1, name='person', keypoints=list('abc'))])


@pytest.fixture
def crowd(rng, tmp_path):
    kept, content = people(rng)
    path = tmp_path / 'people.json'
    path.write_text(json.dumps(content))
    return kept, path


def metric_of(path, **options):
    metric = DarkCocoMetric(str(path), nms_mode='none', **options)
    metric.dataset_meta = dict(CLASSES=['person'], num_keypoints=3,
                               sigmas=np.full(3, .05))
    return metric


def give(metric, kept, **instances):
    points, scores, covariances = kept.decode(
        kept.outputs, return_covariance=True)
    image = kept.to_image(points)
    in_image = kept.covariances_in_image(covariances)
    for i, sample in enumerate(kept.samples):
        sample['pred_instances'] = dict(
            keypoints=image[i][None], keypoint_scores=scores[i][None],
            bboxes=sample['gt_instances']['bboxes'],
            bbox_scores=np.full(1, .5),
            keypoint_covariances=in_image[i][None])
    metric.process(None, kept.samples)
    return points, scores, covariances


def test_metric_ranks_by_expected_oks(crowd):
    kept, path = crowd
    metric = metric_of(path)
    points, scores, covariances = give(metric, kept)
    want = promised_scores(kept, scores, covariances)
    got = [pred['bbox_scores'][0] for pred, _ in metric.results]
    np.testing.assert_allclose(got, .5 * want, rtol=1e-5)
    ap = metric.evaluate(len(kept.samples))['coco/AP']
    both = [evaluated(kept, metric.coco, points, by)
            for by in (want, mmpose_scores(scores))]
    base, gain, (low, high) = ap_gain(*both, rounds=20)
    assert base == pytest.approx(100 * ap, abs=1e-6)
    assert low <= gain <= high
    assert ap_gain(both[0], both[0], rounds=5)[1:] == (0, (0, 0))


def test_the_rule_to_compare_with_is_mmposes(crowd, rng, tmp_path):
    kept, path = crowd
    metric = CocoMetric(str(path), nms_mode='none', format_only=True,
                        outfile_prefix=str(tmp_path / 'said'))
    metric.dataset_meta = metric_of(path).dataset_meta
    scores = rng.uniform(-.1, 1.2, (12, 3))
    scores[3] = .1, .2, -1.
    kept.score(kept.decode(kept.outputs)[0], scores, metric)
    said = json.loads((tmp_path / 'said.keypoints.json').read_text())
    np.testing.assert_allclose(
        [row['score'] for row in sorted(said, key=lambda r: r['image_id'])],
        mmpose_scores(scores))


def test_a_prediction_without_a_box_has_that_of_its_keypoints(crowd):
    kept, path = crowd
    metric = metric_of(path)
    points, scores, covariances = give(metric, kept)
    for sample in kept.samples:
        del sample['pred_instances']['bboxes']
    metric.results.clear()
    metric.process(None, kept.samples)
    image = kept.to_image(points)
    boxes = np.concatenate([image.min(1), image.max(1)], 1)
    want = pose_scores(expected_oks(
        kept.covariances_in_image(covariances).astype(float),
        box_areas(boxes), kept.sigmas), scores)
    np.testing.assert_allclose(
        [pred['bbox_scores'][0] for pred, _ in metric.results], .5 * want,
        rtol=1e-5)


def test_metric_is_cocos_with_its_own_modes(crowd):
    kept, path = crowd
    metric = metric_of(path, score_mode='keypoint')
    _, scores, _ = give(metric, kept)
    assert [pred['bbox_scores'][0] for pred, _ in metric.results] == [.5] * 12
    assert metric.score_mode == 'keypoint'


def test_metric_says_what_is_missing(crowd):
    kept, path = crowd
    metric = metric_of(path)
    give(metric_of(path), kept)
    for sample in kept.samples:
        del sample['pred_instances']['keypoint_covariances']
    with pytest.raises(ValueError, match='output_covariance=True'):
        metric.process(None, kept.samples)
    metric = metric_of(path)
    metric.dataset_meta['sigmas'] = np.full(4, .05)
    with pytest.raises(ValueError, match='OKS constants of 3 keypoints'):
        give(metric, kept)


@pytest.mark.slow
def test_calibrate(crowd, rng, tmp_path, capsys):
    kept, _ = crowd
    kept, content = people(rng, 40)
    path = tmp_path / 'forty.json'
    content['categories'][0]['keypoints'] = ['nose', 'tail', 'paw']
    path.write_text(json.dumps(content))
    kept.save(tmp_path / 'maps.npz')
    args = ['calibrate', '--heatmaps', tmp_path / 'maps.npz', '--ann', path,
            '--merge', 'none', '--out', tmp_path / 'out', '--json']
    assert run_command(*args, tmp_path / 'out.json') == 0
    said = capsys.readouterr().out
    report = json.loads((tmp_path / 'out.json').read_text())
    assert report['people'] == 40 and len(report['ellipses'][0]) == 3
    assert run_command(*args) == 0
    assert json.loads(capsys.readouterr().out) == report
    for words in ('score 0.8 and more', '| tail', 'of 120 of 40 people',
                  'Mean gap 0.',
                  'AP of people ranked by MMPose', 'The defaults'):
        assert words in said
    assert (tmp_path / 'out/reliability.png').is_file()


def test_codec_takes_a_calibration(rng):
    size = dict(input_size=(96, 128), heatmap_size=(24, 32), sigma=1)
    maps = encode_heatmaps(rng.uniform(8, 16, (1, 5, 2)), (24, 32), 2.)
    plain, scaled = (
        DarkHeatmap(**size, **more).read(maps, return_covariance=True)[2]
        for more in ({}, dict(calibration=(.5, 3.))))
    np.testing.assert_allclose(scaled, plain / 2)
    for wrong in (3, (1, ), (0, 3), (1, -1), 'ab'):
        with pytest.raises(ValueError, match='calibration must be'):
            DarkHeatmap(**size, calibration=wrong)


def test_megvii_targets_have_another_peak(rng):
    from mmpose_dark import DarkMegviiHeatmap
    size = dict(input_size=(96, 128), heatmap_size=(24, 32))
    maps = .7 * encode_heatmaps(rng.uniform(8, 16, (1, 5, 2)), (24, 32), 2.)
    want = DarkHeatmap(**size, sigma=2).read(maps, return_covariance=True)[2]
    got = DarkMegviiHeatmap(**size, kernel_size=11).read(
        255 * maps, return_covariance=True)[2]
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


def test_ellipses_are_drawn_where_they_are():
    outline = ellipse(np.array([20., 30.]), P) - (20, 30)
    np.testing.assert_allclose(
        mahalanobis(outline, np.broadcast_to(P, (60, 2, 2))),
        ellipse_limit(.95))
    image = np.zeros((60, 50, 3), np.uint8)
    drawn = draw_ellipses(image, np.array([[[20., 30.], [5., 5.]]]),
                          np.array([[P, P]]), np.array([[.9, .1]]), .5)
    y, x = drawn.any(2).nonzero()
    assert abs(x.mean() - 20) < .5 and abs(y.mean() - 30) < .5
    assert not image.any()


@pytest.mark.parametrize('old, new', [
    ('runtime', 'deploy.runtime'), ('export', 'deploy.onnx'),
    ('sdk', 'deploy.mmdeploy'), ('megvii', 'codecs')])
def test_modules_that_moved_say_where(old, new):
    with pytest.raises(ModuleNotFoundError, match=f'is mmpose_dark.{new} now'):
        importlib.import_module(f'mmpose_dark.{old}')
