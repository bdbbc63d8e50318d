"""The heads beside MMPose's own, on the same weights and data."""
import copy
import math
import pickle

import numpy as np
import pytest
import torch
from mmpose_dark import (
    DarkCPMHead,
    DarkHeatmapHead,
    DarkViPNASHead,
    check_alignment,
)
from conftest import as_kind
from mmengine.config import Config
from mmengine.structures import InstanceData, PixelData
from mmpose.evaluation.functional import pose_pck_accuracy
from mmpose.models.utils.tta import flip_heatmaps as stock_flip
from mmpose.registry import KEYPOINT_CODECS, MODELS
from mmpose.structures import (
    MultilevelPixelData,
    PoseDataSample,
)
from mmpose_dark.functional import (
    encode_heatmaps,
    flip_heatmaps,
    pck_accuracy,
)

GEOMETRY = dict(input_size=(96, 128), heatmap_size=(24, 32), sigma=1)
CODEC = dict(type='mmpose_dark.DarkHeatmap', **GEOMETRY)
STOCK_CODEC = dict(type='MSRAHeatmap', unbiased=True, **GEOMETRY)
FLIP = [0, 2, 1, 4, 3]
K = len(FLIP)
#: head -> its arguments; every one reads 8 channels of 24x32
HEADS = {
    'HeatmapHead': dict(in_channels=8, deconv_out_channels=None),
    'ViPNASHead': dict(in_channels=8, deconv_out_channels=None),
    'CPMHead': dict(in_channels=8, num_stages=2),
}
ALL = pytest.mark.parametrize('name', HEADS)


def build(name, codec=CODEC, **kwargs):
    loss = dict(type='KeypointMSELoss', use_target_weight=True,
                loss_weight=100.)
    return MODELS.build(dict(
        type=name, out_channels=K, loss=loss, decoder=codec, **HEADS[
            name.replace('mmpose_dark.Dark', '')], **kwargs))


def pair(name, **kwargs):
    """A stock head and one of ours with its weights."""
    torch.manual_seed(0)
    stock = build(name, STOCK_CODEC)
    for parameter in stock.parameters():
        torch.nn.init.normal_(parameter, std=.3)
    ours = build(f'mmpose_dark.Dark{name}', **kwargs)
    ours.load_state_dict(stock.state_dict(), strict=True)
    return stock.eval(), ours.eval()


def features(name, batch=4, seed=1):
    generator = torch.Generator().manual_seed(seed)
    maps = [torch.randn(batch, 8, 32, 24, generator=generator)
            for _ in range(2)]
    return maps if name == 'CPMHead' else (maps[0], )


def samples(rng, device_targets, batch=4, weight=1.):
    """What the pipeline hands to ``loss``, drawn by host or to be drawn."""
    codec = KEYPOINT_CODECS.build(CODEC)
    out = []
    for _ in range(batch):
        points = rng.uniform(-.2, 1.2, (1, K, 2)) * GEOMETRY['input_size']
        visible = rng.choice([0, .3, 1], (1, K), p=[.2, .1, .7])
        args = points.astype(np.float32), visible.astype(np.float32)
        sample = PoseDataSample(metainfo=dict(flip_indices=FLIP))
        if device_targets:
            labels = codec.encode_labels(*args)
        else:
            labels = codec.encode(*args)
            fields = PixelData(heatmaps=labels.pop('heatmaps'))
            sample.gt_fields = fields.to_tensor()
        labels['keypoint_weights'] = labels['keypoint_weights'] * weight
        sample.gt_instance_labels = InstanceData(**labels).to_tensor()
        out.append(sample)
    return out


def host_and_device(**kwargs):
    return [samples(np.random.default_rng(3), device, **kwargs)
            for device in (False, True)]


def as_list(outputs):
    return outputs if isinstance(outputs, list) else [outputs]


def flip_test(name):
    """Features of an input and of its mirror image."""
    return [features(name), features(name, seed=2)]


def test_are_what_they_are_called():
    for kind in (DarkHeatmapHead, DarkCPMHead, DarkViPNASHead):
        assert MODELS.get(kind.__name__) is kind
        assert MODELS.get(f'mmpose_dark.{kind.__name__}') is kind


@ALL
@pytest.mark.parametrize('weight', [1., np.linspace(.2, 2, K, dtype='f4')])
def test_loss_and_gradient_are_those_of_host_targets(name, weight):
    stock, ours = pair(name)
    host, device = host_and_device(weight=weight)
    want = stock.loss(features(name), host)
    want['loss_kpt'].backward()
    for data in (host, device):
        ours.zero_grad()
        got = ours.loss(features(name), data)
        got['loss_kpt'].backward()
        assert got.keys() == want.keys()
        torch.testing.assert_close(
            got['loss_kpt'], want['loss_kpt'], rtol=1e-6, atol=0)
        assert float(got['acc_pose']) == pytest.approx(
            float(want['acc_pose']), abs=1e-6)
        assert not got['acc_pose'].requires_grad
        for a, b in zip(stock.parameters(), ours.parameters()):
            torch.testing.assert_close(a.grad, b.grad, rtol=1e-4, atol=1e-5)
    # not drawn twice the same by chance: other joints, other loss
    other = ours.loss(features(name), samples(np.random.default_rng(4), True))
    assert abs(other['loss_kpt'] - want['loss_kpt']) > 1e-3


@ALL
def test_loss_of_several_modules_without_accuracy(name):
    if name != 'CPMHead':
        head = build(f'mmpose_dark.Dark{name}')
        losses = head.loss(features(name), host_and_device()[1],
                           dict(compute_acc=False))
        assert list(losses) == ['loss_kpt']
        return
    stages = [dict(type='KeypointMSELoss', use_target_weight=True,
                   loss_weight=w) for w in (1., 10.)]
    torch.manual_seed(0)
    heads = [MODELS.build(dict(
        type=kind, out_channels=K, decoder=codec, loss=stages,
        **HEADS[name])) for kind, codec in
        ((name, STOCK_CODEC), (f'mmpose_dark.Dark{name}', CODEC))]
    heads[1].load_state_dict(heads[0].state_dict())
    host, device = host_and_device()
    a, b = (head.loss(features(name), data)['loss_kpt']
            for head, data in zip(heads, (host, device)))
    torch.testing.assert_close(a, b, rtol=1e-6, atol=0)


@ALL
def test_amp_and_gradient_accumulation(name):
    from mmengine.optim import AmpOptimWrapper, OptimWrapper
    stock, ours = pair(name)
    _, device = host_and_device()
    with torch.autocast('cpu', dtype=torch.bfloat16):
        losses = ours.loss(features(name), device)
    full = ours.loss(features(name), device)
    assert losses['loss_kpt'].dtype == torch.float32
    torch.testing.assert_close(
        losses['loss_kpt'], full['loss_kpt'], rtol=2e-2, atol=0)

    # two batches of 2, accumulated, are one of 4
    results = []
    for head, size in ((ours, 4), (copy.deepcopy(ours), 2)):
        optimizer = torch.optim.SGD(head.parameters(), lr=1e-3)
        wrapper = OptimWrapper(optimizer, accumulative_counts=4 // size)
        for i in range(0, 4, size):
            feats = [f[i:i + size] for f in features(name)]
            with wrapper.optim_context(head):
                loss = head.loss(feats, device[i:i + size])['loss_kpt']
            wrapper.update_params(loss)
        results.append(head.state_dict())
    for key, value in results[0].items():
        torch.testing.assert_close(value, results[1][key])
        assert not torch.equal(value, stock.state_dict()[key])
    assert issubclass(AmpOptimWrapper, OptimWrapper)


def test_targets_of_several_encoders_are_refused():
    _, ours = pair('HeatmapHead')
    host, device = host_and_device()
    multi = copy.deepcopy(host)
    for sample in multi:
        maps = sample.gt_fields.heatmaps
        sample.gt_fields = MultilevelPixelData(heatmaps=[maps, maps])
    combined = copy.deepcopy(host)
    for sample in combined:
        weights = sample.gt_instance_labels.keypoint_weights
        sample.gt_instance_labels = InstanceData(
            keypoint_weights=torch.cat([weights, weights]))
    none = copy.deepcopy(host)
    for sample in none:
        del sample.gt_fields
    for data, match in ((multi, 'one codec'), (combined, 'one encoder'),
                        (none, 'GenerateDarkTarget')):
        with pytest.raises(ValueError, match=match):
            ours.loss(features('HeatmapHead'), data)


@ALL
def test_stock_flip_is_bit_for_bit(name):
    """With the stock codec's settings, so is everything else."""
    codec = dict(CODEC, decoding='shift')
    stock = build(name, dict(STOCK_CODEC, unbiased=False))
    host, _ = host_and_device()
    for shift in (True, False):
        _, ours = pair(name, codec=codec, flip_shift='stock')
        stock.load_state_dict(ours.state_dict())
        cfg = dict(flip_test=True, flip_mode='heatmap', shift_heatmap=shift,
                   output_heatmaps=True)
        want, want_maps = stock.predict(flip_test(name), host, cfg)
        if shift:
            got, got_maps = ours.predict(flip_test(name), host, cfg)
        else:
            with pytest.warns(UserWarning, match='shift_heatmap=False'):
                got, got_maps = ours.predict(flip_test(name), host, cfg)
        for a, b, c, d in zip(want, got, want_maps, got_maps):
            assert torch.equal(c.heatmaps, d.heatmaps)
            assert set(b.keys()) == {'keypoints', 'keypoint_scores'}
            np.testing.assert_array_equal(a.keypoints, b.keypoints)
            np.testing.assert_array_equal(a.keypoint_scores,
                                          b.keypoint_scores)


@ALL
@pytest.mark.parametrize('use_udp, shift', [(False, .75), (True, 0)])
def test_flip_test_follows_the_codec(name, use_udp, shift):
    codec = dict(CODEC, use_udp=use_udp)
    _, ours = pair(name, codec=codec)
    data, _ = host_and_device()
    cfg = dict(flip_test=True, output_heatmaps=True)
    a, b = flip_test(name)
    a, b = (as_list(ours.forward(f))[-1] for f in (a, b))
    want = (a + flip_heatmaps(b, FLIP, shift=shift)) / 2
    with torch.no_grad():
        preds, fields = ours.predict(flip_test(name), data, cfg)
    for pred, field, heatmaps in zip(preds, fields, want.detach()):
        torch.testing.assert_close(field.heatmaps, heatmaps)
        # nothing of the rest of the batch is saved with it
        assert len(pickle.dumps(field.heatmaps)) == len(
            pickle.dumps(heatmaps.clone()))
        keypoints, _ = ours.decoder.decode(heatmaps.numpy())
        np.testing.assert_allclose(pred.keypoints, keypoints, atol=1e-3)
    with pytest.raises(ValueError, match='flip_mode'):
        ours.predict(flip_test(name), data, dict(cfg, flip_mode='offset'))


@pytest.mark.parametrize('use_udp', [False, True])
@pytest.mark.parametrize('stride', [2, 4, 8])
def test_flip_test_finds_the_joint_it_is_given(rng, use_udp, stride):
    """A network without error: maps drawn of an input and of its mirror."""
    width, height = 24 * stride, 32 * stride
    codec = KEYPOINT_CODECS.build(dict(
        CODEC, input_size=(width, height), use_udp=use_udp))
    points = rng.uniform(.25, .75, (1, 50, 2)) * (width, height)
    maps, mirrored = (
        codec.encode(p)['heatmaps'] for p in
        (points, (width - 1, 0) + points * (-1, 1)))
    merged = (maps + flip_heatmaps(mirrored, shift=codec.flip_shift[0])) / 2
    found, _ = codec.decode(merged)
    if use_udp:  # what MMPose maps to the image, see DarkHeatmap
        found = found * (np.array([width, height]) - 1) / (width, height)
    np.testing.assert_allclose(found, points, atol=.01 * stride)
    if not use_udp:
        stock = stock_flip(torch.from_numpy(mirrored[None]), None)[0]
        wrong, _ = codec.decode((maps + stock.numpy()) / 2)
        # half of the missing 1/stride px
        assert (wrong - points)[..., 0].mean() == pytest.approx(.5, abs=.05)


def test_covariances_reach_pred_instances():
    """In squared input pixels, through the estimator, with its selection."""
    torch.manual_seed(0)
    estimator = MODELS.build(dict(
        type='TopdownPoseEstimator',
        backbone=dict(type='ResNet', depth=18, num_stages=1, strides=(1, ),
                      dilations=(1, ), out_indices=(0, ), base_channels=8,
                      stem_channels=8),
        head=dict(type='DarkHeatmapHead', out_channels=K, decoder=CODEC,
                  output_covariance=True, **HEADS['HeatmapHead']),
        test_cfg=dict(flip_test=True, output_keypoint_indices=[3, 0])))
    estimator.eval()
    size, scale = np.array([96, 128]), np.array([300., 400.])
    sample = PoseDataSample(metainfo=dict(
        flip_indices=FLIP, input_size=size, input_scale=scale,
        input_center=scale / 2))
    sample.gt_instances = InstanceData(
        bboxes=np.zeros((1, 4)), bbox_scores=np.ones(1))
    inputs = torch.randn(1, 3, 128, 96)
    with torch.no_grad():
        result, = estimator.predict(inputs, [sample])
        feats = [estimator.extract_feat(x) for x in (inputs, inputs.flip(-1))]
        raw, = estimator.head.predict(feats, [sample], dict(flip_test=True))
    pred = result.pred_instances
    assert pred.keypoint_covariances.shape == (1, 2, 2, 2)
    np.testing.assert_array_equal(pred.keypoint_covariances,
                                  raw.keypoint_covariances[:, [3, 0]])
    np.testing.assert_allclose(
        pred.keypoints, raw.keypoints[:, [3, 0]] / size * scale, rtol=1e-5)


def test_covariance_is_in_the_pixels_of_the_image(rng):
    """Of spread heatmaps, stride (4, 8), a crop of (2, 3) image px a px."""
    head = build('mmpose_dark.DarkHeatmapHead', dict(
        CODEC, input_size=(96, 256)), output_covariance=True)
    truth = np.array([[3., 1.], [1., 2.]])  # heatmap px^2
    points = rng.multivariate_normal([12, 16], truth, 4000)
    maps = encode_heatmaps(
        points, head.decoder.heatmap_size, head.decoder.sigma).mean(0)
    maps = torch.from_numpy(np.tile(maps, (1, 17, 1, 1)).astype('f4'))
    head.forward = lambda feats: maps
    sample = PoseDataSample(metainfo=dict(
        input_size=(96, 256), input_scale=np.array([192., 768.])))
    pred, = head.predict(None, [sample])
    factor = np.array([4 * 2, 8 * 3])
    got = pred.keypoint_covariances[0, 0] / np.outer(factor, factor)
    # the axes of a Hessian are rounder than those of the spread
    np.testing.assert_allclose(np.linalg.det(got), np.linalg.det(truth),
                               rtol=.15)
    assert got[0, 0] > got[1, 1] > 0 and got[0, 1] > 0


@pytest.mark.parametrize('size', [(24, 32), (32, 32), (60, 80), (20, 12)])
@pytest.mark.parametrize('kind', ['numpy', 'torch'])
def test_accuracy_is_pose_pck_accuracy(rng, size, kind):
    """Near misses, exact ties, empty maps and joints that do not count."""
    width, height = size
    for trial in range(30):
        target = np.zeros((6, 7, height, width), np.float32)
        output = np.zeros_like(target)
        reach = int(.05 * max(size)) + 2
        for b, k in np.ndindex(6, 7):
            x, y = rng.integers(reach, np.array(size) - reach)
            dx, dy = rng.integers(-reach, reach + 1, 2)
            target[b, k, y, x] = output[b, k, y + dy, x + dx] = 1
        target[rng.random((6, 7)) < .1] = 0
        output[rng.random((6, 7)) < .1] = -1
        weights = rng.choice([0, .3, 2], (6, 7)).astype(np.float32)
        if trial == 0:
            weights[:] = 0
        if trial % 2:
            weights[:, 2] = 0
        _, want, _ = pose_pck_accuracy(
            output.copy(), target.copy(), weights > 0)
        args = output, target, weights
        if kind == 'torch':
            args = map(torch.from_numpy, args)
        assert float(pck_accuracy(*args)) == pytest.approx(want, abs=1e-6)


@pytest.mark.parametrize('kind', ['numpy', 'torch'])
def test_accuracy_of_nothing_and_by_no_threshold(kind):
    for shape in ((0, 3), (2, 0)):
        maps = as_kind(np.zeros((*shape, 8, 6)), kind)
        assert float(pck_accuracy(maps, maps, maps[..., 0, 0])) == 0
    maps = as_kind(np.zeros((2, 3, 8, 6)), kind)
    for thr in (-.05, math.nan, math.inf, None):
        with pytest.raises(ValueError, match='thr must be a number from 0'):
            pck_accuracy(maps, maps, maps[..., 0, 0], thr)


def test_refuses_other_decoders():
    for codec in (STOCK_CODEC, None):
        with pytest.raises(TypeError, match='needs a DarkHeatmap'):
            build('mmpose_dark.DarkHeatmapHead', codec)
    with pytest.raises(ValueError, match='flip_shift'):
        build('mmpose_dark.DarkHeatmapHead', flip_shift='half')


def config(crop, codec, shift, head='HeatmapHead', **kwargs):
    loader = dict(dataset=dict(pipeline=[
        dict(type='TopdownAffine', input_size=(96, 128), use_udp=crop),
        dict(type='GenerateTarget', encoder=dict(CODEC, use_udp=codec))]))
    return Config(dict(
        model=dict(head=dict(type=head, decoder=dict(CODEC, use_udp=codec),
                             **kwargs),
                   test_cfg=dict(flip_test=True, shift_heatmap=shift)),
        train_dataloader=loader))


@pytest.mark.parametrize('head', ['HeatmapHead', 'DarkHeatmapHead'])
@pytest.mark.parametrize('crop', [False, True])
@pytest.mark.parametrize('codec', [False, True])
@pytest.mark.parametrize('shift', [False, True])
def test_contradictions_are_named(recwarn, head, crop, codec, shift):
    agrees = crop == codec == (not shift)
    assert check_alignment(config(crop, codec, shift, head)) == agrees
    texts = [str(w.message) for w in recwarn]
    assert len(texts) == (not agrees)
    for text in texts:
        assert f'the crop has use_udp={crop}' in text
        assert f'Heatmap goes with use_udp={codec}' in text
        assert f'shift_heatmap={shift}' in text and 'Change' in text


def test_our_heads_need_not_be_told():
    cfg = config(False, False, None, 'mmpose_dark.DarkHeatmapHead')
    assert check_alignment(cfg)
    del cfg.model.test_cfg.shift_heatmap
    assert check_alignment(cfg)
    cfg.model.head.type = 'HeatmapHead'
    with pytest.warns(UserWarning, match='shift_heatmap=False'):
        assert not check_alignment(cfg)
    cfg.model.test_cfg.flip_test = False
    assert check_alignment(cfg)


def test_the_head_warns_of_what_it_sees():
    _, ours = pair('HeatmapHead')
    data, _ = host_and_device()
    cfg = dict(flip_test=True, shift_heatmap=False)
    with pytest.warns(UserWarning, match='disagree') as record:
        ours.predict(flip_test('HeatmapHead'), data, cfg)
    assert 'the crop has' in str(record[0].message)


def test_the_head_warns_once(recwarn):
    """At the first batch, not at each."""
    _, ours = pair('HeatmapHead')
    data, _ = host_and_device()
    for _ in range(3):
        ours.predict(flip_test('HeatmapHead'), data,
                     dict(flip_test=True, shift_heatmap=False))
    assert sum('disagree' in str(w.message) for w in recwarn) == 1
