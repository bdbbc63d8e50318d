"""SimCC and RTMPose: vectors drawn, merged and read."""
import copy
import pickle

import numpy as np
import pytest
import torch
from mmpose_dark import DarkRTMCCHead, DarkSimCC, apply_dark, darkify
from mmpose_dark import functional as F  # noqa: N812
from conftest import as_kind, needs_mmpose_1_3, to_numpy
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData
from mmpose.codecs import SimCCLabel
from mmpose.evaluation.functional import simcc_pck_accuracy
from mmpose.registry import KEYPOINT_CODECS, MODELS
from mmpose.structures import PoseDataSample
from mmpose.utils import register_all_modules
from mmpose_dark.alignment import check_alignment

register_all_modules()

SIZE = 96, 128
RTMPOSE = dict(input_size=SIZE, sigma=(3.46, 4.), simcc_split_ratio=2.,
               normalize=False)
#: as of RTMPose, RTMW, SimCC, and what no stock config has
ENTRIES = [
    dict(RTMPOSE, use_dark=False),
    pytest.param(dict(RTMPOSE, decode_visibility=True),
                 marks=needs_mmpose_1_3),
    dict(input_size=SIZE, sigma=6.0, simcc_split_ratio=2.0),
    dict(RTMPOSE, simcc_split_ratio=1.5, sigma=2.5),
    dict(RTMPOSE, simcc_split_ratio=1, sigma=(1.73, 2), normalize=True),
    dict(input_size=SIZE, smoothing_type='standard'),
    dict(input_size=SIZE, smoothing_type='standard', label_smooth_weight=.1),
]
HEADS = {
    'RTMCCHead': dict(in_channels=8, in_featuremap_size=(3, 4),
                      final_layer_kernel_size=3,
                      gau_cfg=dict(hidden_dims=16, s=8, expansion_factor=2,
                                   dropout_rate=0., drop_path=0.,
                                   act_fn='SiLU', use_rel_bias=False,
                                   pos_enc=False)),
    'SimCCHead': dict(in_channels=8, in_featuremap_size=(3, 4),
                      deconv_out_channels=None),
}
HEADS['RTMWHead'] = HEADS['RTMCCHead']


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmpose')


def joints(rng, low=-.1, high=1.1, num=300):
    """Positions in and around the input, some not labelled."""
    keypoints = rng.uniform(low, high, (2, num, 2)) * np.array(SIZE)
    visible = rng.choice([0., .3, .5, 1.], (2, num))
    return keypoints.astype(np.float32), visible.astype(np.float32)


def labels(encoded):
    return encoded['keypoint_x_labels'], encoded['keypoint_y_labels']


# ---- the codec


@pytest.mark.parametrize('entry', ENTRIES, ids=str)
def test_rounded_labels_are_those_of_the_stock_codec(rng, entry):
    keypoints, visible = joints(rng)
    want = SimCCLabel(**entry).encode(keypoints, visible)
    got = DarkSimCC(**entry, unbiased=False).encode(keypoints, visible)
    assert got.keys() == want.keys()
    for name in want:
        assert got[name].dtype == want[name].dtype
        np.testing.assert_array_equal(got[name], want[name])


@pytest.mark.parametrize('entry', ENTRIES, ids=str)
def test_unbiased_labels_are_around_the_true_position(rng, entry):
    codec = DarkSimCC(**entry)
    keypoints, visible = joints(rng)
    # On the bins of the stock codec both draw the same.
    on_bins = np.around(keypoints * codec.simcc_split_ratio)
    on_bins = (on_bins / codec.simcc_split_ratio).astype(np.float32)
    want = SimCCLabel(**entry).encode(on_bins, visible)
    got = codec.encode(on_bins, visible)
    for name in want:
        assert got[name].dtype == want[name].dtype
        np.testing.assert_allclose(got[name], want[name], atol=2e-5)
    # Elsewhere the mean of a label is where the joint is.
    keypoints, _ = joints(rng, .3, .7)
    for axis, vectors in enumerate(labels(codec.encode(keypoints))):
        weights = vectors - vectors.min(-1, keepdims=True)
        mean = (weights * np.arange(vectors.shape[-1])).sum(-1) / (
            weights.sum(-1))
        np.testing.assert_allclose(
            mean, keypoints[..., axis] * codec.simcc_split_ratio, atol=1e-3)


@pytest.mark.parametrize('kind', ['numpy', 'torch'])
@pytest.mark.parametrize('entry', ENTRIES[:5], ids=str)
def test_reads_back_what_it_draws(rng, entry, kind):
    codec = DarkSimCC(**entry)
    keypoints, _ = joints(rng, 0, 1)
    # up to the first and last bin
    keypoints = keypoints.clip(0, np.array(codec.num_bins) /
                               codec.simcc_split_ratio - 1)
    vectors = [as_kind(v, kind) for v in labels(codec.encode(keypoints))]
    found = to_numpy(codec.read(*vectors)[0])
    bins = np.abs(found - keypoints).max() * codec.simcc_split_ratio
    assert bins < 1e-3


@pytest.mark.parametrize('log', [False, True])
def test_logits_of_either_loss_are_read(rng, log):
    """Those of a softmax loss are known up to a constant."""
    entry = dict(RTMPOSE, normalize=log)
    codec = DarkSimCC(**entry)
    keypoints, _ = joints(rng, 0, .99)
    x, y = labels(codec.encode(keypoints))
    if log:  # log p, and a constant of each vector
        x, y = (np.log(v + 1e-30) + rng.uniform(100, 200, (*v.shape[:2], 1))
                for v in (x, y))
    found, scores = codec.decode(x, y)
    np.testing.assert_allclose(found, keypoints, atol=5e-4)
    np.testing.assert_allclose(scores, np.minimum(x.max(-1), y.max(-1)))


@pytest.mark.parametrize('entry', ENTRIES, ids=str)
def test_scores_and_absent_joints_are_those_of_the_stock_codec(rng, entry):
    stock, ours = SimCCLabel(**entry), DarkSimCC(**entry)
    x, y = labels(ours.encode(*joints(rng)))
    x = (x + .1 * rng.standard_normal(x.shape)).astype(np.float32)
    y[0, :5] -= 2
    want_points, want = stock.decode(x.copy(), y.copy())
    points, got = ours.decode(x, y)
    batches = ours.batch_decode(x, y)
    for person in range(2):
        np.testing.assert_array_equal(batches[0][person], points[[person]])
    if ours.decode_visibility:
        np.testing.assert_allclose(got[1], want[1], rtol=1e-3, atol=1e-6)
        np.testing.assert_array_equal(batches[1][1][1], got[1][1:])
        got, want = got[0], want[0]
    np.testing.assert_array_equal(got, want)
    absent = want <= 0
    assert absent.any() and not absent.all()
    np.testing.assert_array_equal(points[absent], want_points[absent])
    # one person at a time, as the stock heads call the stock codec
    np.testing.assert_allclose(
        ours.decode(x[0], y[0])[0], points[:1], atol=1e-4)


def test_argmax_is_the_stock_decoding(rng):
    stock, ours = SimCCLabel(**RTMPOSE), DarkSimCC(**RTMPOSE,
                                                   decoding='argmax')
    x, y = labels(ours.encode(*joints(rng)))
    np.testing.assert_array_equal(ours.decode(x, y)[0], stock.decode(x, y)[0])


@pytest.mark.parametrize('options, words', [
    (dict(input_size=(96, 0)), 'input_size .* got .96, 0.'),
    (dict(sigma=(1, 2, 3)), 'sigma .* got .1, 2, 3.'),
    (dict(sigma=-1), 'sigma .* got -1'),
    (dict(simcc_split_ratio=0), 'simcc_split_ratio .* got 0'),
    (dict(smoothing_type='none'), "smoothing_type .* got 'none'"),
    (dict(label_smooth_weight=2), 'label_smooth_weight .* got 2'),
    (dict(normalize=3), 'normalize .* got 3'),
    (dict(decode_beta=None), 'decode_beta .* got None'),
    (dict(decoding='mean'), "decoding .* got 'mean'"),
    (dict(decoding='shift', peak='raw'), 'no effect'),
])
def test_bad_options_say_what_is_wrong(options, words):
    with pytest.raises(ValueError, match=words):
        DarkSimCC(**{**RTMPOSE, **options})


def test_bad_input_says_what_is_wrong():
    codec = DarkSimCC(**RTMPOSE)
    x, y = np.zeros((2, 3, 192)), np.zeros((2, 3, 256))
    with pytest.raises(ValueError, match=r'simcc_y .* 256\) .* got .2, 3, 25'):
        codec.decode(x, y[..., 1:])
    with pytest.raises(ValueError, match='same persons .* got'):
        codec.decode(x[:1], y)
    with pytest.raises(ValueError, match='simcc_x .* got list'):
        codec.batch_decode([], y)
    with pytest.raises(ValueError, match=r'keypoints .* got \(3, 2\)'):
        codec.encode(np.zeros((3, 2)))
    with pytest.raises(ValueError, match='keypoints_visible .* got'):
        codec.encode(np.zeros((1, 3, 2)), np.ones(3))
    with pytest.raises(TypeError, match='real numbers'):
        F.decode_vectors(x + 1j, 2.)


# ---- the maths


@pytest.mark.parametrize('ratio', [1., 2., 1.5])
def test_flip_merge_is_exact(rng, ratio):
    """Mirror a joint: its vector comes back to where the joint is."""
    codec = DarkSimCC(**dict(RTMPOSE, simcc_split_ratio=ratio, sigma=3.))
    assert codec.flip_shift[0] == 1 - ratio
    points = rng.uniform(.2, .8, (1, 20, 2)) * np.array(SIZE)
    mirrored = points * [-1, 1] + [SIZE[0] - 1, 0]
    swap = list(range(20))[::-1]
    x, y = F.flip_simcc(*labels(codec.encode(mirrored[:, swap])), swap,
                        shift=codec.flip_shift[0])
    want = labels(codec.encode(points))
    np.testing.assert_allclose(
        x, want[0], atol=1e-5 if ratio != 1.5 else 1e-3)
    np.testing.assert_allclose(y, want[1], atol=1e-5)
    np.testing.assert_allclose(
        codec.decode(x, y)[0], points, atol=2e-4 if ratio != 1.5 else 1e-3)


def test_accuracy_is_that_of_mmpose(rng):
    for ratio in (1., 2.):
        codec = DarkSimCC(**dict(RTMPOSE, simcc_split_ratio=ratio))
        keypoints = (rng.uniform(0, 1, (4, 9, 2)) * SIZE).astype(np.float32)
        off = keypoints + rng.normal(0, 4, keypoints.shape)
        visible = rng.choice([0., 1.], (4, 9)).astype(np.float32)
        visible[:, 0] = 0
        truth = codec.encode(keypoints, visible)
        output = labels(codec.encode(off.astype(np.float32)))
        weights, target = truth['keypoint_weights'], labels(truth)
        # What lacks one axis is nowhere, as MMPose has it.
        output[0][1, :5], target[1][1, :5] = -1, 0
        _, want, _ = simcc_pck_accuracy(output, target, ratio, weights > 0)
        assert 0 < want < 1
        for kind in ('numpy', 'torch'):
            of_kind = ([as_kind(v, kind) for v in pair]
                       for pair in (output, target))
            got = F.vector_accuracy(*of_kind, as_kind(weights, kind))
            assert float(got) == pytest.approx(want)
    with pytest.raises(ValueError, match='same|shape'):
        F.vector_accuracy(output, output[::-1], weights)
    with pytest.raises(ValueError, match='thr must be a number from 0'):
        F.vector_accuracy(output, output, weights, -.05)


# ---- heads


def build(name, codec=RTMPOSE, seed=0, **options):
    kind = 'SimCCLabel' if name in HEADS else 'mmpose_dark.DarkSimCC'
    torch.manual_seed(seed)
    loss = dict(type='KLDiscretLoss', use_target_weight=True, beta=10.,
                label_softmax=True)
    head = MODELS.build(dict(
        type=name, out_channels=4, input_size=SIZE, loss=loss,
        simcc_split_ratio=codec['simcc_split_ratio'],
        decoder=dict(type=kind, **codec),
        **HEADS[name.replace('mmpose_dark.Dark', '')], **options))
    head.init_weights()
    for parameter in head.parameters():  # peaks worth reading
        torch.nn.init.normal_(parameter, std=.5)
    return head.eval()


def features(head, seed=0):
    torch.manual_seed(seed)
    top = torch.randn(2, 8, 4, 3)
    if 'RTMW' in type(head).__name__:
        return torch.randn(2, 4, 8, 6), top
    return (top, )


def samples(codec=RTMPOSE, kind=SimCCLabel):
    rng = np.random.default_rng(0)
    out = []
    for _ in range(2):
        keypoints = (rng.uniform(0, 1, (1, 4, 2)) * SIZE).astype(np.float32)
        encoded = kind(**codec).encode(keypoints)
        out.append(PoseDataSample(
            metainfo=dict(flip_indices=[1, 0, 2, 3], input_size=SIZE),
            gt_instance_labels=InstanceData(
                **{k: torch.from_numpy(v) for k, v in encoded.items()})))
    return out


@pytest.mark.parametrize('name', HEADS)
@torch.no_grad()
def test_head_is_the_stock_head_but_for_the_merge(name):
    stock, ours = build(name), build(f'mmpose_dark.Dark{name}')
    ours.load_state_dict(stock.state_dict(), strict=True)
    feats = [features(stock), features(stock, 1)]
    want, got = (head.loss(feats[0], samples()) for head in (stock, ours))
    assert want.keys() == got.keys()
    for key in want:
        torch.testing.assert_close(
            got[key].double(), want[key].double(), rtol=1e-6, atol=1e-6)
    assert 'acc_pose' not in ours.loss(
        feats[0], samples(), dict(compute_acc=False))

    test_cfg = dict(flip_test=True, output_heatmaps=True)
    ours.flip_shift = 'stock'
    with pytest.warns(UserWarning, match='normalized'):
        want, want_fields = stock.predict(feats, samples(), test_cfg)
    got, fields = ours.predict(feats, samples(), test_cfg)
    for a, b, c, d in zip(want, got, want_fields, fields):
        torch.testing.assert_close(c.heatmaps, d.heatmaps)
        assert len(pickle.dumps(d.heatmaps)) == len(
            pickle.dumps(d.heatmaps.clone()))
        for key in ('keypoint_x_labels', 'keypoint_y_labels',
                    'keypoint_scores'):
            np.testing.assert_allclose(b[key], a[key], rtol=1e-5, atol=1e-6)
    ours.flip_shift = 'exact'
    x, y = ours.forward(feats[0])
    flip_x, flip_y = ours.forward(feats[1])
    # k = 2: the flipped-back vector lies one bin to the right
    back = flip_x[:, [1, 0, 2, 3]].flip(-1)
    back = torch.cat([back[..., 1:], back[..., -1:]], -1)
    keypoints, scores = ours.decoder.batch_decode(
        (x + back) / 2, (y + flip_y[:, [1, 0, 2, 3]]) / 2)
    for i, pred in enumerate(ours.predict(feats, samples(),
                                          dict(flip_test=True))):
        np.testing.assert_allclose(pred.keypoints, keypoints[i], atol=1e-3)
        np.testing.assert_allclose(pred.keypoint_scores, scores[i], rtol=1e-5)


@needs_mmpose_1_3
@torch.no_grad()
def test_visibility_reaches_pred_instances():
    codec = dict(RTMPOSE, decode_visibility=True)
    stock, ours = (build(name, codec) for name in (
        'RTMWHead', 'mmpose_dark.DarkRTMWHead'))
    feats = features(stock)
    for a, b in zip(stock.predict(feats, samples()),
                    ours.predict(feats, samples())):
        np.testing.assert_allclose(b.keypoints_visible, a.keypoints_visible,
                                   rtol=1e-3, atol=1e-6)


def test_head_refuses_other_decoders():
    with pytest.raises(TypeError, match='needs a DarkSimCC .*SimCCLabel'):
        MODELS.build(dict(
            type='mmpose_dark.DarkRTMCCHead', out_channels=4,
            input_size=SIZE, decoder=dict(type='SimCCLabel', **RTMPOSE),
            **HEADS['RTMCCHead']))
    with pytest.raises(ValueError, match='simcc_split_ratio .* same'):
        MODELS.build(dict(
            type='mmpose_dark.DarkRTMCCHead', out_channels=4,
            input_size=SIZE, simcc_split_ratio=1.,
            decoder=dict(type='mmpose_dark.DarkSimCC', **RTMPOSE),
            **HEADS['RTMCCHead']))


# ---- whole models


def config(**codec):
    """A small RTMPose, as its stock configs are written."""
    codec = dict(type='SimCCLabel', **{**RTMPOSE, **codec}, use_dark=False)
    crop = dict(type='TopdownAffine', input_size=SIZE)
    head = dict(type='RTMCCHead', out_channels=4, input_size=SIZE,
                simcc_split_ratio=codec['simcc_split_ratio'], decoder=codec,
                loss=dict(type='KLDiscretLoss', use_target_weight=True,
                          beta=10., label_softmax=True),
                **{**HEADS['RTMCCHead'], 'in_channels': 64})
    return Config(copy.deepcopy(dict(
        codec=codec,
        model=dict(
            type='TopdownPoseEstimator',
            data_preprocessor=dict(type='PoseDataPreprocessor'),
            backbone=dict(type='CSPNeXt', arch='P5', expand_ratio=.5,
                          deepen_factor=.167, widen_factor=.0625,
                          out_indices=(4, ), channel_attention=True,
                          norm_cfg=dict(type='BN'),
                          act_cfg=dict(type='SiLU')),
            head=head, test_cfg=dict(flip_test=True)),
        train_dataloader=dict(dataset=dict(pipeline=[
            crop, dict(type='GenerateTarget', encoder=codec)])),
        test_dataloader=dict(dataset=dict(pipeline=[crop])))))


def step_and_predict(cfg):
    """One training step, and the keypoints of two crops."""
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    inputs = torch.randn(2, 3, *SIZE[::-1])
    codec = cfg.train_dataloader.dataset.pipeline[1].encoder
    data = samples({k: v for k, v in codec.items() if k != 'type'},
                   KEYPOINT_CODECS.get(codec.type))
    losses = model.loss(inputs, data)
    losses['loss_kpt'].backward()
    gradients = [p.grad for p in model.head.parameters()]
    assert all(torch.isfinite(g).all() for g in gradients)
    model.eval()
    for sample in data:
        sample.set_metainfo(dict(
            input_center=np.array(SIZE) / 2, input_scale=np.array(SIZE)))
        sample.gt_instances = InstanceData(
            bboxes=np.zeros((1, 4)), bbox_scores=np.ones(1))
    with torch.no_grad():
        predicted = model.predict(inputs, data)
    return losses, np.stack(
        [p.pred_instances.keypoints[0] for p in predicted])


def test_only_the_codec_entry_is_changed():
    cfg = config()
    want, before = step_and_predict(cfg)
    cfg.codec.type = 'mmpose_dark.DarkSimCC'
    cfg.model.head.decoder.type = cfg.codec.type
    cfg.train_dataloader.dataset.pipeline[1].encoder.type = cfg.codec.type
    losses, keypoints = step_and_predict(cfg)
    loss, of_stock = (float(of['loss_kpt']) for of in (losses, want))
    assert loss == pytest.approx(of_stock, rel=.1)
    assert loss != of_stock  # unbiased labels
    assert keypoints.shape == (2, 4, 2) and (keypoints != before).any()


@pytest.mark.parametrize('head', [False, True])
def test_darkify(head):
    cfg = darkify(config(decode_visibility=True), head=head, peak='raw')
    want = dict(type='mmpose_dark.DarkSimCC', peak='raw',
                decode_visibility=True, **RTMPOSE)
    assert cfg.codec == cfg.model.head.decoder == want
    assert cfg.train_dataloader.dataset.pipeline[1].encoder == want
    assert cfg.model.head.type == (
        'mmpose_dark.DarkRTMCCHead' if head else 'RTMCCHead')
    assert darkify(cfg, head=head).to_dict() == cfg.to_dict()
    for options in (dict(alignment='udp'),
                    dict(head=True, device_targets=True)):
        with pytest.raises(ValueError, match='is for heatmaps'):
            darkify(config(), **options)


@torch.no_grad()
def test_apply_dark_is_darkify():
    torch.manual_seed(0)
    model = MODELS.build(config().model).eval()
    other = MODELS.build(darkify(config(), head=True).model).eval()
    other.load_state_dict(model.state_dict(), strict=True)
    feats = [model.extract_feat(torch.randn(2, 3, *SIZE[::-1]))
             for _ in range(2)]
    assert apply_dark(model) is model
    assert type(model.head) is DarkRTMCCHead
    assert isinstance(model.head.decoder, DarkSimCC)
    assert vars(model.head.decoder).keys() == vars(other.head.decoder).keys()
    for a, b in zip(*(m.head.predict(feats, samples(), dict(flip_test=True))
                      for m in (model, other))):
        np.testing.assert_array_equal(a.keypoints, b.keypoints)
    with pytest.raises(ValueError, match='already'):
        apply_dark(model, peak='raw')


def test_check_alignment_knows_vectors(recwarn):
    assert check_alignment(darkify(config(), head=True))
    assert check_alignment(config(simcc_split_ratio=1.))
    assert not recwarn
    for cfg in (config(), darkify(config())):
        with pytest.warns(UserWarning, match='1 px or bins.*head=True'):
            assert not check_alignment(cfg)
    cfg = darkify(config(), head=True)
    cfg.test_dataloader.dataset.pipeline[0].use_udp = True
    with pytest.warns(UserWarning, match='disagree on where pixels are'):
        assert not check_alignment(cfg)


def test_a_stock_merge_moves_no_vectors(rng):
    """Whatever `shift_heatmap` says: MMPose's heads do not look at it."""
    codec = DarkSimCC((96, 128), sigma=6.)
    straight, mirrored = (
        [rng.random((1, 2, *shape)) for shape in codec.output_shapes]
        for _ in range(2))
    stock, told = (
        codec.merge(straight, mirrored, [1, 0], test_cfg, exact=False)
        for test_cfg in ({}, dict(shift_heatmap=True)))
    np.testing.assert_array_equal(
        stock[0], (straight[0] + mirrored[0][:, ::-1, ::-1]) / 2)
    for one, other in zip(stock, told):
        np.testing.assert_array_equal(one, other)
