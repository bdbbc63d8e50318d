"""HigherHRNet's maps of several people, by MMPose's own codec and head."""
from types import SimpleNamespace

import mmpose_dark  # noqa: F401  before any part of MMPose
import numpy as np
import pytest

pytest.importorskip('mmpose')
import torch  # noqa: E402
from mmpose_dark import (  # noqa: E402
    DarkAssociativeEmbedding,
    apply_dark,
    check_alignment,
    darkify,
)
from mmengine.config import Config  # noqa: E402
from mmengine.registry import init_default_scope  # noqa: E402
from mmengine.structures import InstanceData  # noqa: E402
from mmpose.apis import inference_bottomup, init_model  # noqa: E402
from mmpose.models import BottomupPoseEstimator  # noqa: E402
from mmpose.registry import (  # noqa: E402
    KEYPOINT_CODECS,
    MODELS,
    TRANSFORMS,
)
from mmpose.structures import PoseDataSample  # noqa: E402
from mmpose.utils import register_all_modules  # noqa: E402
from mmpose_dark.deploy import DarkDecoder  # noqa: E402
from mmpose_dark.heads import DarkAssociativeEmbeddingHead  # noqa: E402

register_all_modules()

CONFIG = ('mmpose::body_2d_keypoint/associative_embedding/coco/'
          'ae_hrnet-w32_8xb24-300e_coco-512x512.py')
K, SIGMA, STRIDE = 5, 2., 4
FLIP = [0, 2, 1, 4, 3]
#: larger than the codec says, as images of other shapes are
SIZE = 320, 256
CODEC = dict(input_size=(256, 256), heatmap_size=(64, 64), sigma=SIGMA,
             decode_keypoint_order=list(range(K)))
#: both alignments, and where in a pixel its index points
ALIGNED = dict(corner=dict(), middle=dict(decode_center_shift=.5),
               udp=dict(use_udp=True))
every_alignment = pytest.mark.parametrize(
    'how', list(ALIGNED.values()), ids=list(ALIGNED))


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmpose')


def on_map(people, size, use_udp=False, decode_center_shift=0.):
    """Where on a map a position of the input is; by hand."""
    size = np.array(size)
    pixel = ((size - 1) / (size // STRIDE - 1) if use_udp
             else np.array([STRIDE, STRIDE]))
    return people / pixel - decode_center_shift


def drawn(people, size, sigma=SIGMA, **how):
    """What a perfect network has for people (N, K, 2) of the input."""
    points = on_map(people, size, **how)
    y, x = np.indices((size[1] // STRIDE, size[0] // STRIDE))
    square = ((x - points[..., 0, None, None])**2
              + (y - points[..., 1, None, None])**2)  # (N, K, H, W)
    maps = np.exp(-square / (2 * sigma**2)).max(0)
    tags = 5. * square.argmin(0)
    return [torch.from_numpy(array[None]).float() for array in (maps, tags)]


@pytest.fixture
def people(rng):
    """Three people side by side, far enough from each other."""
    body = rng.uniform(20, 70, (3, K, 2))
    return body + np.array([[0, 10], [110, 120], [220, 40]])[:, None]


def mirrored(people, size):
    """The people of the flipped input."""
    people = people[:, FLIP].copy()
    people[..., 0] = size[0] - 1 - people[..., 0]
    return people


def in_order(found, people):
    """The person found (of N) for each that is there."""
    gap = np.linalg.norm(found[:, None] - people, axis=-1).mean(-1)
    order = gap.argmin(0)
    assert sorted(order) == list(range(len(people)))
    return order


def head(how={}, **kwargs):  # noqa: B006
    return MODELS.build(dict(
        type='mmpose_dark.DarkAssociativeEmbeddingHead', in_channels=4,
        num_keypoints=K, deconv_out_channels=None,
        decoder=dict(type='mmpose_dark.DarkAssociativeEmbedding', **CODEC,
                     **how), **kwargs)).eval()


def sample(size=SIZE, **meta):
    return PoseDataSample(metainfo={**dict(
        flip_indices=FLIP, input_size=size, img_shape=size[::-1],
        input_scale=np.array(size) * 2.), **meta})


def for_estimator(people, how, size=SIZE):
    """Where MMPose's estimator expects positions of the input."""
    return people * np.divide(size, np.subtract(size, 1)) if how.get(
        'use_udp') else people


# ---- the codec


@every_alignment
def test_targets_are_around_the_true_joints(people, how):
    codec = DarkAssociativeEmbedding(**CODEC, **how)
    people = people * .7
    people[1, 0] = people[0, 0] + (9, -7)  # two Gaussians that overlap
    visible = np.ones((3, K))
    visible[1, 2] = 0
    people[2, 4] = 400, 400
    encoded = codec.encode(people, visible)
    seen = people.copy()
    seen[1, 2] = seen[2, 4] = -1000
    maps, _ = drawn(seen, (256, 256), **how)
    np.testing.assert_allclose(encoded['heatmaps'], maps[0], atol=2e-6)
    weights = visible.copy()
    weights[2, 4] = 0
    np.testing.assert_array_equal(encoded['keypoint_weights'], weights)
    index, flag = np.moveaxis(encoded['keypoint_indices'], -1, 0)
    np.testing.assert_array_equal(flag, weights)
    pixel = np.floor(on_map(people, (256, 256), **how) + .5).astype(int)
    np.testing.assert_array_equal(
        index[flag > 0], (pixel[..., 1] * 64 + pixel[..., 0])[flag > 0])


def test_targets_of_nobody_are_empty():
    encoded = DarkAssociativeEmbedding(**CODEC).encode(np.zeros((0, K, 2)))
    assert encoded['heatmaps'].shape == (K, 64, 64)
    assert not encoded['heatmaps'].any()
    assert encoded['keypoint_indices'].shape == (0, K, 2)


@every_alignment
def test_every_joint_of_every_person_is_read(people, how):
    codec = DarkAssociativeEmbedding(**CODEC, **how)
    maps, tags = drawn(people, SIZE, **how)
    (found, ), (scores, ), (of_people, ) = codec.batch_decode(
        maps, tags, input_size=SIZE)
    order = in_order(found, people)
    assert abs(found[order] - people).max() < .02
    np.testing.assert_allclose(of_people, scores.mean(1))
    assert (scores > .9).all()
    # As numpy's arrays, the same.
    (same, ), *_ = codec.batch_decode(maps.numpy(), tags.numpy(),
                                      input_size=SIZE)
    np.testing.assert_array_equal(same, found)


def test_stock_codec_is_off_where_ours_is_not(people):
    """By what MMPose does: enlarge, then step by a quarter of a pixel."""
    stock = KEYPOINT_CODECS.build(dict(
        type='AssociativeEmbedding', decode_center_shift=.5,
        **{**CODEC, 'heatmap_size': CODEC['input_size']}))
    maps, tags = (torch.nn.functional.interpolate(
        array, size=SIZE[::-1], mode='bilinear')
        for array in drawn(people, SIZE, decode_center_shift=.5))
    (found, ), *_ = stock.batch_decode(maps, tags)
    error = np.linalg.norm(found[in_order(found, people)] - people, axis=-1)
    assert np.median(error) > .5


def test_joints_without_a_peak_are_filled_as_stock_does_and_refined(people):
    """A weak peak: found by the tags of its person, and refined too."""
    codec = DarkAssociativeEmbedding(**CODEC, decode_keypoint_thr=.3)
    maps, tags = drawn(people, SIZE)
    x, y = np.round(people[1, 3] / STRIDE).astype(int)
    maps[0, 3, y - 6:y + 7, x - 6:x + 7] *= .1
    (found, ), (scores, ), (of_people, ) = codec.batch_decode(
        maps, tags, input_size=SIZE)
    order = in_order(found, people)
    assert abs(found[order] - people).max() < .02
    assert .08 < scores[order][1, 3] <= .1
    # What was filled does not count for the person, as of the stock codec.
    score = scores[order][1].copy()
    score[3] = 0
    np.testing.assert_allclose(of_people[order][1], score.mean())


def test_nobody():
    codec, nothing = DarkAssociativeEmbedding(**CODEC), np.zeros((2, K, 5, 4))
    shapes = [(0, K, 2), (0, K), (0, ), (0, K, 2, 2)]
    found = codec.batch_decode(nothing, nothing, return_covariance=True)
    assert [[len(column), *column[1].shape] for column in found] == [
        [2, *shape] for shape in shapes]


def test_covariance_is_that_of_the_map(people):
    """Maps wider than a target say by how much a joint is spread."""
    codec = DarkAssociativeEmbedding(**CODEC)
    size, spread = (480, 384), 1.5  # px of the map
    wide = np.hypot(SIGMA, spread)
    maps, tags = drawn(people * 1.5, size, wide)
    maps *= SIGMA**2 / wide**2
    *_, (covariances, ) = codec.batch_decode(
        maps, tags, input_size=size, return_covariance=True)
    assert covariances.shape == (3, K, 2, 2)
    np.testing.assert_allclose(
        covariances, np.broadcast_to(np.eye(2) * (spread * STRIDE)**2,
                                     covariances.shape), rtol=.1, atol=1)
    scaled = DarkAssociativeEmbedding(**CODEC, calibration=(2., 3.))
    *_, (twice, ) = scaled.batch_decode(
        maps, tags, input_size=size, return_covariance=True)
    np.testing.assert_allclose(twice, 2 * covariances)


# ---- the head


def predict(net, outputs, test_cfg, size=SIZE, **meta):
    """Of a network that puts out these heatmaps and tags, one image."""
    net.forward = outputs.__getitem__
    feats = list(range(len(outputs)))
    prediction, = net.predict(
        feats if test_cfg.get('flip_test') else
        feats if test_cfg.get('multiscale_test') else 0,
        [sample(size, **meta)], test_cfg)
    return prediction


@every_alignment
def test_flip_test_merges_where_maps_belong(people, how):
    outputs = [drawn(people, SIZE, **how),
               drawn(mirrored(people, SIZE), SIZE, **how)]
    outputs[1][1] += 3  # tags of the other pass are of another kind
    test_cfg = dict(flip_test=True, restore_heatmap_size=True,
                    shift_heatmap=how == {})
    found = predict(head(how), outputs, test_cfg)
    people = for_estimator(people, how)
    order = in_order(found.keypoints, people)
    assert abs(found.keypoints[order] - people).max() < .02
    assert found.bbox_scores.shape == (3, )
    # MMPose's whole pixel, or none, is 1 / 4 px of the map off at stride 4.
    stock = predict(head(how, flip_shift='stock'), outputs, test_cfg)
    off = (stock.keypoints[order] - people)[..., 0].mean()
    wanted = 0 if 'use_udp' in how else STRIDE / 8
    assert off == pytest.approx(wanted, abs=.03)


def test_flip_test_that_contradicts_the_codec_warns(people):
    outputs = [drawn(people, SIZE), drawn(mirrored(people, SIZE), SIZE)]
    with pytest.warns(UserWarning, match='disagree.*shift_heatmap=False'):
        predict(head(), outputs, dict(flip_test=True, shift_heatmap=False))


@every_alignment
def test_tags_follow_the_flip(people, how):
    """Where one pass has a peak, both have the tag of the same person."""
    net = head(how)
    net.forward = [drawn(people, SIZE, **how),
                   drawn(mirrored(people, SIZE), SIZE, **how)].__getitem__
    (pred, ), (fields, ) = net.predict([0, 1], [sample()], dict(
        flip_test=True, output_heatmaps=True))
    assert fields.heatmaps.shape == (K, SIZE[1] // 4, SIZE[0] // 4)
    straight, back = fields.tags[:K], fields.tags[K:]
    # Of tags that say where they are: to half a pixel where they belong.
    where = torch.arange(80.).expand(1, K, 64, 80)
    net.forward = [(fields.heatmaps[None], where),
                   (fields.heatmaps[None], where)].__getitem__
    _, (moved, ) = net.predict([0, 1], [sample()], dict(
        flip_test=True, output_heatmaps=True))
    off = {'use_udp': 0, 'decode_center_shift': 0}.get(
        next(iter(how), None), 1)
    np.testing.assert_array_equal(moved.tags[K:, :, 9], 79 - 9 + off)
    for n, k in np.ndindex(3, K):
        x, y = np.round(on_map(people[n, k], SIZE, **how)).astype(int)
        assert straight[k, y, x] == back[k, y, x]


@every_alignment
def test_a_pyramid_of_images_is_sampled_where_it_belongs(people, how):
    larger = 480, 384
    if how.get('use_udp'):
        factor = np.subtract(larger, 1) / np.subtract(SIZE, 1)
    else:
        factor = np.divide(larger, SIZE)
    outputs = [drawn(people, SIZE, **how),
               drawn(people * factor, larger, **how)]
    net, test_cfg = head(how), dict(multiscale_test=True)
    found = predict(net, outputs, test_cfg)
    people = for_estimator(people, how)
    order = in_order(found.keypoints, people)
    assert abs(found.keypoints[order] - people).max() < .1
    assert (abs(found.keypoint_scores - .94) < .06).all()
    net.output_covariance = True
    with pytest.raises(ValueError, match='multiscale_test=False'):
        predict(net, outputs, test_cfg)


@pytest.mark.parametrize('mode', ['fit', 'expand'])
@every_alignment
def test_joints_and_covariances_are_right_in_the_image(people, how, mode):
    """Through MMPose's transform and estimator, padding included."""
    image = np.stack(np.meshgrid(np.arange(300.), np.arange(200.)), -1)
    results = TRANSFORMS.build(dict(
        type='BottomupResize', input_size=(320, 320), size_factor=64,
        resize_mode=mode, use_udp=how.get('use_udp', False))).transform(dict(
            img=np.concatenate([image, image[..., :1]], -1).astype(
                np.float32), ori_shape=(200, 300), img_shape=(200, 300)))
    size = results['input_size']
    # The pixels of what the transform made say where they are of.
    at = np.arange(100, 200)
    pixels = results['img'][at, at, :2].astype(float)
    scale, begin = np.stack([np.polyfit(of, at, 1) for of in pixels.T], 1)
    truth = (people - begin) / scale
    net = head(how, output_covariance=True)
    found = predict(net, [drawn(people, size, **how)], {}, size, **{
        key: results[key] for key in ('input_center', 'input_scale')})
    before = found.keypoint_covariances
    BottomupPoseEstimator.add_pred_to_datasample(
        None, [found], None, [sample(size, **{
            key: results[key] for key in ('input_center', 'input_scale')})])
    order = in_order(found.keypoints, truth)
    assert abs(found.keypoints[order] - truth).max() < .03
    *_, (of_input, ) = net.decoder.batch_decode(
        *drawn(people, size, **how), input_size=size, return_covariance=True)
    np.testing.assert_allclose(
        before, of_input / np.outer(scale, scale), rtol=1e-3)


def test_it_learns_of_any_number_of_people(people):
    """By MMPose's transforms; the stock loss takes one person a picture."""
    torch.manual_seed(0)
    net = MODELS.build(dict(
        type='mmpose_dark.DarkAssociativeEmbeddingHead', in_channels=4,
        num_keypoints=K, deconv_out_channels=None,
        keypoint_loss=dict(type='KeypointMSELoss', use_target_weight=True),
        decoder=dict(type='mmpose_dark.DarkAssociativeEmbedding', **CODEC)))
    steps = [TRANSFORMS.build(step) for step in (
        dict(type='GenerateTarget', encoder=dict(
            type='mmpose_dark.DarkAssociativeEmbedding', **CODEC)),
        dict(type='BottomupGetHeatmapMask'),
        dict(type='PackPoseInputs'))]
    samples = []
    for some in (people[:1], people):
        results = dict(
            img=np.zeros((256, 256, 3), np.uint8), keypoints=some * .7,
            keypoints_visible=np.ones(some.shape[:2], np.float32),
            img_shape=(256, 256), input_size=(256, 256),
            warp_mat=np.eye(2, 3))
        for step in steps:
            results = step.transform(results)
        samples.append(results['data_samples'])
    feats = (torch.randn(2, 4, 64, 64), )
    losses = net.loss(feats, samples)
    assert losses.keys() == {'loss_kpt', 'loss_pull', 'loss_push'}
    # A pixel that is masked does not count.
    targets = torch.stack([some.gt_fields.heatmaps for some in samples])
    net.forward = lambda _: (targets, torch.zeros(2, K, 64, 64))
    assert net.loss(feats, samples)['loss_kpt'] == 0
    net.forward = lambda _: (targets * 2, torch.zeros(2, K, 64, 64))
    assert net.loss(feats, samples)['loss_kpt'] > 0
    for some in samples:
        some.gt_fields.heatmap_mask[:] = False
    assert net.loss(feats, samples)['loss_kpt'] == 0
    # As many tags as people are pushed apart.
    assert net.loss(feats, samples)['loss_push'] > 0


# ---- whole models


def thin(cfg):
    """The stock config with a backbone of few channels."""
    cfg.model.backbone = dict(type='HRNet', in_channels=3, extra=dict(
        stage1=dict(num_modules=1, num_branches=1, block='BOTTLENECK',
                    num_blocks=(1, ), num_channels=(8, )),
        stage2=dict(num_modules=1, num_branches=2, block='BASIC',
                    num_blocks=(1, 1), num_channels=(32, 8)),
        stage3=dict(num_modules=1, num_branches=3, block='BASIC',
                    num_blocks=(1, 1, 1), num_channels=(32, 8, 8)),
        stage4=dict(num_modules=1, num_branches=4, block='BASIC',
                    num_blocks=(1, 1, 1, 1), num_channels=(32, 8, 8, 8))))
    size = (128, 128)
    cfg.codec.update(input_size=size, heatmap_size=(32, 32))
    cfg.model.head.decoder.update(input_size=size, heatmap_size=size)
    for loader in (cfg.val_dataloader, cfg.test_dataloader):
        loader.dataset.pipeline[1].input_size = size
    return cfg


@pytest.fixture(scope='module')
def stock_config():
    from mmengine.hub import get_config
    return thin(get_config(CONFIG))


def seen_by(model, image):
    torch.manual_seed(0)
    for value in model.parameters():
        torch.nn.init.normal_(value, std=.2)
    return inference_bottomup(model, image)[0].pred_instances


@pytest.mark.parametrize('udp', [False, True])
@torch.no_grad()
def test_stock_config_and_model_become_dark(stock_config, udp, rng):
    cfg = Config(stock_config.to_dict())
    if udp:
        for entry in (cfg.codec, cfg.model.head.decoder):
            entry.update(use_udp=True, decode_center_shift=0.)
        for loader in (cfg.val_dataloader, cfg.test_dataloader):
            loader.dataset.pipeline[1].use_udp = True
        cfg.model.test_cfg.align_corners = True
    dark = darkify(cfg, head=True)
    assert check_alignment(dark)
    kept = darkify(cfg)
    assert kept.model.head.flip_shift == 'stock'
    assert dark.model.head.decoder == dark.codec == kept.codec
    assert dark.codec.heatmap_size == (32, 32)
    assert 'flip_shift' not in dark.model.head
    image = rng.integers(0, 255, (90, 150, 3), dtype=np.uint8)
    found, told = [], []
    for config, flip_shift in ((dark, 'exact'), (kept, 'stock')):
        model = init_model(config, device='cpu')
        other = init_model(cfg, device='cpu')
        assert model.state_dict().keys() == other.state_dict().keys()
        apply_dark(other, flip_shift=flip_shift)
        assert type(other.head) is DarkAssociativeEmbeddingHead
        assert other.head.flip_shift == flip_shift
        mine, its = seen_by(model, image), seen_by(other, image)
        assert len(mine.keypoints) > 1
        np.testing.assert_array_equal(mine.keypoints, its.keypoints)
        np.testing.assert_array_equal(mine.bbox_scores, its.bbox_scores)
        found.append(mine.keypoints)
        told.append(mine.keypoints_visible)
    same = found[0].shape == found[1].shape and (found[0] == found[1]).all()
    assert same == udp


def test_alignment_udp_leaves_nothing_of_the_other(stock_config):
    cfg = darkify(stock_config, head=True, alignment='udp')
    assert cfg.codec.use_udp and cfg.codec.decode_center_shift == 0
    assert check_alignment(cfg)
    assert cfg.test_dataloader.dataset.pipeline[1].use_udp
    cfg.test_dataloader.dataset.pipeline[1].use_udp = False
    with pytest.warns(UserWarning, match='the crop has use_udp=False'):
        assert not check_alignment(cfg)


def test_what_cannot_be_is_refused(stock_config, people):
    with pytest.raises(ValueError, match='similarity.*area of a person'):
        darkify(stock_config, head=True, score='similarity')
    with pytest.raises(ValueError, match='similarity.*area of a person'):
        head(score='similarity', sigmas=[.1] * K)
    with pytest.raises(ValueError, match='device_targets.*are not'):
        darkify(stock_config, head=True, device_targets=True)
    codec = DarkAssociativeEmbedding(**CODEC)
    with pytest.raises(ValueError, match='no file can end.*by their tags'):
        DarkDecoder.from_codec(codec)
    with pytest.raises(ValueError, match='must be odd, got 4'):
        DarkAssociativeEmbedding(**CODEC, decode_nms_kernel=4)
    with pytest.raises(ValueError, match='decode_center_shift=0.5 moves'):
        DarkAssociativeEmbedding(**CODEC, use_udp=True,
                                 decode_center_shift=.5)
    with pytest.raises(ValueError, match='heatmap_size must be'):
        DarkAssociativeEmbedding((256, 256), (64, 0))
    maps, tags = drawn(people, SIZE)
    for bad in (tags[:, :3], tags[..., 1:], tags[0]):
        with pytest.raises(ValueError, match=r'tags in shape \(B, L\*K'):
            codec.batch_decode(maps, bad)
    with pytest.raises(ValueError, match=r'each of the 5 .* got \[0, 1\]'):
        DarkAssociativeEmbedding(
            **{**CODEC, 'decode_keypoint_order': [0, 1]}).batch_decode(
                maps, tags)
    with pytest.raises(TypeError, match='needs a DarkAssociativeEmbedding'):
        MODELS.build(dict(
            type='mmpose_dark.DarkAssociativeEmbeddingHead', in_channels=4,
            num_keypoints=K, deconv_out_channels=None, decoder=dict(
                type='AssociativeEmbedding', **CODEC)))


def test_a_head_of_somebody_else_is_not_given_our_codec():
    stock = MODELS.get('AssociativeEmbeddingHead')
    other = type('OtherHead', (stock, ), {})(
        in_channels=4, num_keypoints=K, deconv_out_channels=None,
        decoder=dict(type='AssociativeEmbedding', **CODEC))
    model = torch.nn.Module()
    model.head = other
    with pytest.raises(ValueError, match='no DARK version of OtherHead'):
        apply_dark(model)
    assert type(other.decoder).__name__ == 'AssociativeEmbedding'


def test_it_is_not_measured_as_one_person_in_a_box_is():
    from mmpose_dark.evaluation import predict
    runner = SimpleNamespace(model=torch.nn.Module())
    runner.model.head = head()
    with pytest.raises(TypeError, match='all people of an image at once'):
        predict(runner)


def test_codec_says_how_it_is_built():
    codec = DarkAssociativeEmbedding(**CODEC, decode_center_shift=.5,
                                     calibration=(1.5, 3.))
    config = codec.config()
    assert config.pop('type') == 'DarkAssociativeEmbedding'
    assert DarkAssociativeEmbedding(**config).config() == codec.config()
    assert DarkAssociativeEmbedding((256, 256), (64, 64)).sigma == 1
    assert codec.flip_shift == (-.25, -.25) and not codec.shift_heatmap
    assert DarkAssociativeEmbedding(**CODEC).shift_heatmap
    labels = InstanceData(**{name: torch.zeros(1, K) for name in
                             codec.label_mapping_table})
    assert 'keypoint_indices' in labels
