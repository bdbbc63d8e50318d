"""CID: several people, a map for each and joint, by MMPose's own parts."""
import mmpose_dark  # noqa: F401  before any part of MMPose
import numpy as np
import pytest

pytest.importorskip('mmpose')
import cv2  # noqa: E402
import torch  # noqa: E402
from mmpose_dark import (  # noqa: E402
    DarkDecoupledHeatmap,
    apply_dark,
    check_alignment,
    darkify,
)
from mmpose_dark import functional as F  # noqa: E402, N812
from mmengine.registry import init_default_scope  # noqa: E402
from mmpose.apis import inference_bottomup, init_model  # noqa: E402
from mmpose.registry import KEYPOINT_CODECS, MODELS, TRANSFORMS  # noqa: E402
from mmpose.structures import PoseDataSample  # noqa: E402
from mmpose.utils import register_all_modules  # noqa: E402
from mmpose_dark.alignment import crop_udp, entries  # noqa: E402
from mmpose_dark.config import load_config  # noqa: E402
from mmpose_dark.consistency import contradictions  # noqa: E402
from mmpose_dark.deploy import DarkDecoder  # noqa: E402

register_all_modules()
CONFIGS = ['mmpose::body_2d_keypoint/cid/coco/cid_hrnet-'
           f'{width}_8xb20-140e_coco-512x512.py' for width in ('w32', 'w48')]
SMALL = dict(input_size=(128, 128), heatmap_size=(32, 32))
K = 3
FLIP = [0, 2, 1]

both_alignments = pytest.mark.parametrize('udp', [False, True])


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmpose')


def stock_codec(**sizes):
    return KEYPOINT_CODECS.build(dict(type='DecoupledHeatmap', **sizes))


def head(kind='DarkCIDHead', codec='mmpose_dark.DarkDecoupledHeatmap',
         decoder=None, **kwargs):
    return MODELS.build(dict(
        type=kind, in_channels=8, gfd_channels=4, num_keypoints=K,
        decoder=dict(type=codec, **SMALL, **(decoder or {})),
        **kwargs)).eval()


def drawn(points, codec, size):
    """Maps (N, K, H, W) of points (N, K, 2) in an input of that size."""
    maps = np.array(size) // 4
    stride = (np.array(size) - 1) / (maps - 1) if codec.use_udp else 4
    return .9 * F.encode_heatmaps(
        points / stride - codec.centre[0], tuple(maps.tolist()), 1.5)


# ---- the codec


@pytest.mark.parametrize('size', [(128, 128), (192, 128)])
@both_alignments
def test_positions_are_between_the_pixels(rng, udp, size):
    """Of maps of any size; what MMPose reads is a quarter of a pixel off."""
    codec = DarkDecoupledHeatmap(**SMALL, use_udp=udp)
    points = rng.uniform(12, np.array(size) - 16, (5, K, 2))
    maps, roots = drawn(points, codec, size), rng.uniform(.1, 1, (5, 1))
    found, scores = codec.decode(maps, roots)
    its, its_scores = stock_codec(**SMALL).decode(maps, roots)
    np.testing.assert_allclose(scores, its_scores, rtol=1e-5)
    assert abs(found - points).max() < .02 * 4
    if not udp:  # it leaves half a pixel to its head
        assert .9 < abs(its + 2 - found).max() < 1.1
    on_torch, _ = codec.read(torch.from_numpy(maps), torch.from_numpy(roots))
    np.testing.assert_allclose(on_torch, found,
                               atol=1e-3)


@both_alignments
def test_covariances_are_as_large_as_the_person_and_the_peak_say(rng, udp):
    codec = DarkDecoupledHeatmap(**SMALL, use_udp=udp)
    points = rng.uniform(20, 100, (4, K, 2)) * np.linspace(.3, 1, 4)[
        :, None, None]
    maps = drawn(points, codec, (128, 128)) * rng.uniform(
        .3, 1, (4, K, 1, 1))
    read, _, found = codec.read(maps, return_covariance=True)
    assert abs(read - points).max() < .5
    pixel = 127 / 31 if udp else 4
    corners = np.concatenate([read.min(1), read.max(1)], 1)[
        :, [0, 1, 0, 3, 2, 1, 2, 3]].reshape(4, 4, 2) / pixel
    sigmas = codec._get_instance_wise_sigmas(corners)  # MMPose's
    spread = F.focal_spread(maps.max((2, 3)), sigmas[:, None].clip(1 / 6))
    np.testing.assert_allclose(
        np.linalg.det(found)**.25, pixel * spread.clip(12**-.5), rtol=.005)
    twice = DarkDecoupledHeatmap(**SMALL, use_udp=udp, calibration=(4, 3))
    np.testing.assert_allclose(
        twice.read(maps, return_covariance=True)[-1], 4 * found, rtol=1e-6)


def people(rng):
    """Joints (N, K, 2), visibilities, corners of boxes of any size."""
    points = rng.uniform(30, 90, (20, K, 2))
    visible = np.ones((20, K))
    visible[0, 1] = 0
    low, high = points.min(1) - 8, points.max(1) + 8
    return points, visible, np.concatenate([low, high], 1)[
        :, [0, 1, 0, 3, 2, 1, 2, 3]]


def test_targets_are_around_the_pixel_that_a_joint_is_in(rng):
    """One pixel is 1, as the loss wants it. Those of MMPose too, or one less.
    """
    points, visible, boxes = people(rng)
    off = []
    for codec in (DarkDecoupledHeatmap(**SMALL), stock_codec(**SMALL)):
        for i in range(20):
            encoded = codec.encode(*(of[i:i + 1] for of in (
                points, visible, boxes)))
            maps = encoded['instance_heatmaps']
            seen = visible[i] > 0
            assert (maps[~seen] == 0).all()
            np.testing.assert_array_equal(
                encoded['keypoint_weights'], visible[i:i + 1])
            _, y, x = np.argwhere(maps == 1).T
            off.append(np.stack([x, y], -1) - points[i, seen] / 4)
    mine, its = np.concatenate(off[:20]), np.concatenate(off[20:])
    assert mine.min() >= -1 and mine.max() <= 0
    assert its.min() < -1.2 and its.max() > .3
    assert abs(mine.mean() + .5) < .1 and abs(its.mean() + .5) < .2


@both_alignments
def test_targets_of_one_and_of_all(rng, udp):
    """What MMPose packs, in its shapes; sigma follows the size as there."""
    codec, stock = DarkDecoupledHeatmap(
        **SMALL, use_udp=udp, encode_max_instances=7), stock_codec(**SMALL)
    data = people(rng)
    np.random.seed(0)
    found, expected = codec.encode(*data), stock.encode(*data)
    assert found.keys() == expected.keys()
    assert found['heatmaps'].dtype == found['instance_heatmaps'].dtype \
        == np.float32
    assert found['heatmaps'].shape == expected['heatmaps'].shape
    np.testing.assert_allclose(found['heatmaps'].sum((1, 2)),
                               expected['heatmaps'].sum((1, 2)), rtol=.1)
    coords = found['instance_coords']
    assert coords.shape == (7, 2) == np.unique(coords, axis=0).shape
    assert coords.dtype == np.int32
    ones = found['instance_heatmaps'].reshape(7, K, 32, 32)
    # Each is among all, and belongs to the root beside it.
    assert (ones <= found['heatmaps'][:K] + 1e-6).all()
    points = codec.read(ones)[0].mean(1) / 4
    assert abs(points - coords - (0 if udp else .5)).max() < 2.6
    for some in (data[:1], [np.zeros((0, K, 2))]):
        codec.encode(*some)
    nobody = codec.encode(np.zeros((0, K, 2)))
    assert nobody['heatmaps'].shape == (K + 1, 32, 32)
    assert nobody['instance_heatmaps'].shape == (0, 32, 32)
    # Who is out of the picture is not learned, nor who is not visible.
    points, visible, boxes = data
    points[0], visible[1] = points[0] - 300, 0
    boxes[0] -= 300
    codec = DarkDecoupledHeatmap(**SMALL, use_udp=udp)
    seen = codec.encode(points, visible, boxes)
    assert len(seen['instance_coords']) <= 18
    assert (seen['keypoint_weights'] == 1).all()
    # Of hardly any size: one pixel, and a number.
    point = codec.encode(np.full((1, K, 2), 50.3))['instance_heatmaps']
    assert point.sum() == K


# ---- the head


def image_of(size, udp):
    """An image as MMPose makes it an input, and where its pixels go."""
    resize = TRANSFORMS.build(dict(
        type='BottomupResize', input_size=(128, 128), size_factor=64,
        resize_mode='expand', use_udp=udp))
    with pytest.MonkeyPatch.context() as patch:
        warp, kept = cv2.warpAffine, []
        patch.setattr(cv2, 'warpAffine', lambda image, matrix, *args, **kw:
                      kept.append(matrix) or warp(image, matrix, *args, **kw))
        results = resize.transform(dict(
            img=np.zeros((*size[::-1], 3), np.uint8), ori_shape=size[::-1]))
    return results, kept[0]


def predicted(net, points, results, matrix, **test_cfg):
    """What the head and MMPose's estimator make of maps of these joints."""
    size, codec = results['input_size'], net.decoder
    if not isinstance(codec, DarkDecoupledHeatmap):
        codec = DarkDecoupledHeatmap(**SMALL)
    of_input = cv2.transform(points.reshape(1, -1, 2), matrix).reshape(
        points.shape)
    mirrored = of_input[:, FLIP].copy()
    mirrored[..., 0] = size[0] - 1 - mirrored[..., 0]
    straight, flipped = (torch.from_numpy(drawn(some, codec, size)).float()
                         for some in (of_input, mirrored))
    roots = torch.zeros(len(points), 2, dtype=torch.long)
    net.iia_module.forward_test = lambda feats, cfg: (
        None, roots, torch.full((len(points), ), .5))
    net.gfd_module.forward = lambda feats, *_: torch.cat(
        [straight, flipped.flip(-1)])[:len(feats) * len(points)]
    feats = torch.zeros(1, 8, size[1] // 4, size[0] // 4),
    sample = PoseDataSample(metainfo=dict(
        flip_indices=FLIP, **{name: results[name] for name in (
            'input_size', 'input_center', 'input_scale')}))
    model = MODELS.get('BottomupPoseEstimator')
    preds = net.predict([feats, feats] if test_cfg.get('flip_test') else feats,
                        [sample], test_cfg)
    fields = None
    if isinstance(preds, tuple):
        preds, fields = preds
    model.add_pred_to_datasample(None, preds, fields, [sample])
    return sample.pred_instances


@both_alignments
@pytest.mark.parametrize('size', [(120, 120), (200, 120), (110, 190)])
@pytest.mark.parametrize('flip_test', [False, True])
def test_joints_are_found_in_the_image(rng, size, udp, flip_test):
    """Through MMPose's resizing, padding and back again."""
    net = head(decoder=dict(use_udp=udp), output_covariance=True)
    points = rng.uniform(20, np.array(size) - 20, (2, K, 2))
    results, matrix = image_of(size, udp)
    found = predicted(net, points, results, matrix, flip_test=flip_test,
                      shift_heatmap=False)
    px = 4 * size[1] / 128  # a heatmap pixel in image px, or less
    assert abs(found.keypoints - points).max() < .02 * px
    # As of the maps, in squared px of the image.
    *_, expected = net.decoder.read(
        drawn(cv2.transform(points.reshape(1, -1, 2), matrix).reshape(
            points.shape), net.decoder, results['input_size']),
        return_covariance=True)
    np.testing.assert_allclose(
        np.linalg.det(found.keypoint_covariances)**.5,
        np.linalg.det(expected)**.5 / np.linalg.det(matrix[:, :2]), rtol=.05)


def test_flip_test_of_mmpose(rng):
    """It leaves flipped-back maps a quarter of a pixel off."""
    points = rng.uniform(30, 90, (40, K, 2))
    results, matrix = image_of((128, 128), False)
    stock = head('CIDHead', 'DecoupledHeatmap')
    for flip_test, off in ((False, 0), (True, .5)):
        found = predicted(stock, points, results, matrix, flip_test=flip_test)
        error = (found.keypoints - points).mean((0, 1))
        np.testing.assert_allclose(error, (off, 0), atol=.15)
    # All of it as MMPose has it, its blur included.
    same = predicted(
        head(decoder=dict(decoding='shift'), flip_shift='stock'), points,
        results, matrix, flip_test=True)
    np.testing.assert_allclose(same.keypoints, found.keypoints, atol=1e-4)
    np.testing.assert_allclose(same.keypoint_scores, found.keypoint_scores,
                               rtol=1e-5)
    merged = predicted(head(flip_shift='stock'), points, results, matrix,
                       flip_test=True, shift_heatmap=True)
    error = (merged.keypoints - points).mean((0, 1))
    np.testing.assert_allclose(error, (.5, 0), atol=.1)


def test_nobody_is_found():
    sample = PoseDataSample(metainfo=dict(
        flip_indices=FLIP, input_size=(128, 128),
        input_scale=np.array([128., 128.])))
    for options, names in ((dict(output_covariance=True), 3), ({}, 2)):
        net = head(**options)
        preds, fields = net.predict(
            [(torch.zeros(1, 8, 32, 32), )] * 2, [sample], dict(
                flip_test=True, score_threshold=2., output_heatmaps=True))
        assert len(preds[0].keys()) == names
        assert preds[0].keypoints.shape == (0, K, 2)
        assert fields[0].heatmaps.shape == (0, 32, 32)


# ---- configs and models


@pytest.mark.parametrize('name', CONFIGS)
def test_stock_config_becomes_dark(name):
    cfg = darkify(name, head=True)
    assert cfg.model.head.type == 'mmpose_dark.DarkCIDHead'
    assert cfg.model.head.decoder == cfg.codec
    assert cfg.codec.type == 'mmpose_dark.DarkDecoupledHeatmap'
    assert contradictions(cfg, training=True) == []
    assert check_alignment(cfg)
    with pytest.warns(UserWarning, match='lies 0.25 px.*to the right'):
        assert not check_alignment(darkify(name))
    udp = darkify(name, head=True, alignment='udp')
    assert udp.model.head.decoder.use_udp
    crops = [crop_udp(entry, kind) for entry, kind in entries(udp._cfg_dict)
             if kind in ('BottomupResize', 'BottomupRandomAffine')]
    assert len(crops) > 3 and all(crops)
    assert check_alignment(udp)
    with pytest.raises(ValueError, match='on the device.*DecoupledHeatmap'):
        darkify(name, head=True, device_targets=True)
    with pytest.raises(ValueError, match='similarity.*area of a person'):
        darkify(name, head=True, score='similarity')


def thin(cfg):
    """A network small enough to run."""
    cfg.model.backbone = dict(
        type='ResNet', depth=18, stem_channels=8, base_channels=8,
        num_stages=2, strides=(1, 2), dilations=(1, 1), out_indices=(0, 1))
    cfg.model.head.update(in_channels=24, gfd_channels=4)
    cfg.val_pipeline[1].input_size = (128, 128)
    cfg.test_dataloader.dataset.pipeline = cfg.val_pipeline
    return cfg


@torch.no_grad()
def test_whole_model_predicts_an_image(rng):
    """Through MMPose's own pipeline; apply_dark does what darkify does."""
    torch.manual_seed(0)
    model = init_model(thin(darkify(CONFIGS[0], head=True)), device='cpu')
    model.head.output_covariance = True
    other = init_model(thin(load_config(CONFIGS[0])), device='cpu')
    for parameter in model.head.parameters():
        torch.nn.init.normal_(parameter, std=.5)
    other.load_state_dict(model.state_dict(), strict=True)
    image = rng.integers(0, 255, (100, 150, 3), dtype=np.uint8)
    its = inference_bottomup(other, image)[0].pred_instances
    # All of it as MMPose has it: the same people, pass by pass.
    apply_dark(other, flip_shift='stock', decoding='shift')
    same = inference_bottomup(other, image)[0].pred_instances
    np.testing.assert_allclose(same.keypoints, its.keypoints, atol=1e-3)
    np.testing.assert_allclose(same.keypoint_scores, its.keypoint_scores,
                               rtol=1e-5)
    other = init_model(thin(load_config(CONFIGS[0])), device='cpu')
    other.load_state_dict(model.state_dict(), strict=True)
    assert apply_dark(other) is other
    assert type(other.head) is type(model.head)
    mine, same = (inference_bottomup(net, image)[0].pred_instances
                  for net in (model, other))
    assert len(mine.keypoints) > 3
    np.testing.assert_array_equal(mine.keypoints, same.keypoints)
    np.testing.assert_array_equal(mine.keypoint_scores, same.keypoint_scores)
    assert mine.keypoint_covariances.shape == (len(mine.keypoints), 17, 2, 2)
    assert np.isfinite(mine.keypoint_covariances).all()
    assert 'keypoint_covariances' not in same
    assert its.keypoints.shape == mine.keypoints.shape
    with pytest.raises(ValueError, match='similarity.*area of a person'):
        apply_dark(init_model(thin(load_config(CONFIGS[0])), device='cpu'),
                   score='similarity')


def test_head_learns_from_the_targets(rng):
    """Through MMPose's transforms; the right maps cost next to nothing."""
    pipeline = [TRANSFORMS.build(step) for step in (
        dict(type='GenerateTarget', encoder=dict(
            type='mmpose_dark.DarkDecoupledHeatmap', **SMALL)),
        dict(type='PackPoseInputs'))]
    points = rng.uniform(20, 100, (2, K, 2))
    data = dict(img=np.zeros((128, 128, 3), np.uint8), keypoints=points,
                keypoints_visible=np.ones((2, K)))
    for step in pipeline:
        data = step.transform(data)
    sample = data['data_samples']
    net = head()
    feats = torch.zeros(1, 8, 32, 32),
    losses = net.loss(feats, [sample])
    assert set(losses) == {'loss/heatmap_coupled', 'loss/heatmap_decoupled',
                           'loss/contrastive'}
    right = sample.gt_fields.instance_heatmaps.reshape(2, K, 32, 32)
    net.gfd_module.forward = lambda *_: (right == 1).float().clamp(
        1e-4, 1 - 1e-4)
    learned = net.loss(feats, [sample])
    assert learned['loss/heatmap_decoupled'] < .01 * losses[
        'loss/heatmap_decoupled']


def test_what_cannot_be_is_refused():
    codec = DarkDecoupledHeatmap(**SMALL)
    with pytest.raises(ValueError, match='no file can end.*all people'):
        DarkDecoder.from_codec(codec)
    with pytest.raises(ValueError, match='SDK cannot read.*all people'):
        codec.sdk({})
    with pytest.raises(ValueError, match=r'\(B, K, H, W\), got \(3, 32, 32'):
        codec.read(np.zeros((K, 32, 32)))
    with pytest.raises(ValueError, match='root_type'):
        DarkDecoupledHeatmap(**SMALL, root_type='nose')
    with pytest.raises(ValueError, match="decoding='dark'"):
        head(decoder=dict(decoding='shift'), output_covariance=True)
    config = codec.config()
    assert config.pop('type') == 'DarkDecoupledHeatmap'
    assert DarkDecoupledHeatmap(**config).config() == codec.config()
