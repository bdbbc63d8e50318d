"""Covariances of positions that are no peaks: RLE and DSNT."""
import json

import numpy as np
import pytest
import torch
from mmpose_dark import apply_dark, darkify, heads
from mmpose_dark import functional as F
from conftest import run_tool
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.config import Config
from mmengine.structures import InstanceData
from mmpose.models import heads as stock_heads
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from mmpose_dark.config import load_config
from mmpose_dark.functional.means import likeliest_covariance
from mmpose_dark.heads.means import sample_flow
from scipy.integrate import quad
from scipy.optimize import brentq

K = 3
FLIP = [0, 2, 1]
SIZE = 96, 128
SCALE = np.array([240., 160.])
SIGMAS = [.03, .05, .08]
STOCK = 'mmpose::body_2d_keypoint/'
RLE = STOCK + ('topdown_regression/coco/'
               'td-reg_res50_rle-8xb64-210e_coco-256x192.py')
DSNT = STOCK + ('integral_regression/coco/'
                'ipr_res50_dsnt-8xb64-210e_coco-256x256.py')
FEATS = {'RLEHead': (8, 1, 1), 'DSNTHead': (8, 4, 3)}


def student(num, seed=0):
    """Errors by the law, of covariance 1."""
    rng = np.random.default_rng(seed)
    scale = np.sqrt(rng.gamma(1.5, 1 / 1.5, (num, 1)))
    return rng.normal(size=(num, 2)) / scale / np.sqrt(2)


def head_config(kind, **options):
    if 'RLE' in kind:
        return dict(type=kind, in_channels=8, num_joints=K, loss=dict(
            type='RLELoss', use_target_weight=True), decoder=dict(
                type='RegressionLabel', input_size=SIZE), **options)
    return dict(
        type=kind, in_channels=8, in_featuremap_size=(3, 4), num_joints=K,
        deconv_out_channels=(8, 8, 8), decoder=dict(
            type='IntegralRegressionLabel', input_size=SIZE,
            heatmap_size=(24, 32), sigma=1.5), **options)


def build(kind, **options):
    torch.manual_seed(0)
    return MODELS.build(head_config(kind, **options)).eval()


def sample():
    found = PoseDataSample(metainfo=dict(
        flip_indices=FLIP, input_size=SIZE, input_scale=SCALE,
        input_center=SCALE / 2))
    found.gt_instances = InstanceData(
        bboxes=np.array([[0., 0., 200., 150.]]), bbox_scores=np.ones(1))
    return found


@torch.no_grad()
def predict(head, flip=False, batch=2, **test_cfg):
    torch.manual_seed(1)
    shape = FEATS['RLEHead' if 'RLE' in type(head).__name__ else 'DSNTHead']
    feats = (torch.randn(batch, *shape), )
    if flip:
        feats = [feats, (torch.randn(batch, *shape), )]
    return head.predict(feats, [sample()] * batch, dict(
        flip_test=flip, shift_coords=True, shift_heatmap=True, **test_cfg))


# ---- the likeliest covariance


def test_likeliest_is_the_true_one():
    true = np.array([[4., -1.], [-1., .5]])
    errors = student(40000) @ np.linalg.cholesky(true).T
    np.testing.assert_allclose(likeliest_covariance(errors), true, rtol=.05)


def test_likeliest_is_a_stationary_point():
    errors = student(500) * (1, 3)
    best = likeliest_covariance(errors)
    said = F.log_likelihood(errors, best[None]).mean()
    for change in ([[.1, 0], [0, 0]], [[0, .1], [.1, 0]], [[0, 0], [0, .3]]):
        for sign in (-1, 1):
            other = best + sign * np.array(change)
            assert F.log_likelihood(errors, other[None]).mean() < said


@given(st.floats(.01, 100), st.floats(-3, 3), st.floats(.1, 10))
@settings(max_examples=20, deadline=None)
def test_likeliest_follows_a_change_of_axes(scale, shear, other):
    errors = student(200)
    turn = scale * np.array([[1, shear], [0, other]])
    np.testing.assert_allclose(
        likeliest_covariance(errors @ turn.T),
        turn @ likeliest_covariance(errors) @ turn.T, rtol=1e-4,
        atol=1e-6 * scale**2)


def test_likeliest_of_tensors_and_of_another_tail():
    errors = student(1000)
    for dof in (3., 30.):
        torch.testing.assert_close(
            likeliest_covariance(torch.from_numpy(errors), dof).numpy(),
            likeliest_covariance(errors, dof))
    normal = np.random.default_rng(0).normal(size=(10**5, 2))
    # As good as normal: P / 2 times 2 w of 500 degrees is P.
    np.testing.assert_allclose(likeliest_covariance(normal, 500),
                               2 * np.eye(2), atol=.05)


# ---- RLE


def scaled_flow(head, scales):
    """Make the flow a normal distribution of these standard deviations."""
    flow = head.loss_module.flow_model
    for i, net in enumerate(flow.s):
        axis = 0 if flow.mask[i][0] == 0 else 1
        torch.nn.init.zeros_(net[-2].weight)
        share = np.log(scales[axis]) / 3
        torch.nn.init.constant_(net[-2].bias, float(np.arctanh(share)))
    for net in flow.t:
        torch.nn.init.zeros_(net[-1].weight)
        torch.nn.init.zeros_(net[-1].bias)


def of_normal():
    """The likeliest P of errors that are normal of variance 1."""
    def mean_weighted(p):
        return quad(lambda r: r**3 / 2 * np.exp(-r * r / 2) * 2 * 5 / (
            3 + 2 * r * r / p), 0, 20)[0] - p

    return brentq(mean_weighted, .1, 10)


def test_samples_of_a_flow_are_the_inverse_of_its_density():
    loss = MODELS.build(dict(type='RLELoss'))
    torch.manual_seed(0)
    for weight in loss.parameters():
        torch.nn.init.normal_(weight, std=.2)
    samples = sample_flow(loss.flow_model, 20)
    with torch.no_grad():
        normal, _ = loss.flow_model.backward_p(samples)
    even = torch.special.ndtri((torch.arange(20) + .5) / 20)
    torch.testing.assert_close(normal, torch.cartesian_prod(even, even),
                               rtol=1e-4, atol=1e-4)
    assert (samples - normal).abs().mean() > .1


@pytest.mark.parametrize('flip', [False, True])
def test_rle_covariance_of_a_flow_that_is_known(flip):
    head = build('DarkRLEHead', output_covariance=True)
    scales = np.array([.3, .05])
    scaled_flow(head, scales)
    torch.manual_seed(1)
    feats = torch.randn(2, 8, 1, 1), torch.randn(2, 8, 1, 1)
    with torch.no_grad():
        sigma, mirrored = (head((f, ))[..., 2:].sigmoid() for f in feats)
    if flip:
        sigma = (sigma + mirrored[:, FLIP]) / 2
    found = predict(head, flip)
    want = of_normal() * (sigma.numpy() * scales * SCALE)**2
    for pred, variances in zip(found, want):
        got = pred.keypoint_covariances
        assert got.shape == (1, K, 2, 2)
        np.testing.assert_allclose(
            got[0], variances[..., None] * np.eye(2), rtol=.02)
        assert got.dtype == np.float32


def test_rle_loss_leaves_sigma_open_and_the_flow_tells():
    """Whatever the unit of sigma is, the covariance that comes out is true."""
    true = np.array([12., 6.])  # px of the input
    steps, batch = 150, 128
    head = build('DarkRLEHead', output_covariance=True)
    found = []
    for logit in (-2., 0.):
        torch.manual_seed(0)
        loss = MODELS.build(head_config('RLEHead')['loss'])
        head.loss_module = loss
        optimizer = torch.optim.Adam(loss.parameters(), lr=1e-2)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(
            optimizer, steps)
        sigma = torch.full((batch, K, 2), logit)
        errors = torch.randn(steps, batch, K, 2) * (
            torch.tensor(true / SIZE).float())
        for some in errors:
            optimizer.zero_grad()
            loss(some, sigma, torch.zeros_like(some),
                 torch.ones(batch, K, 1)).backward()
            optimizer.step()
            schedule.step()
        outputs = torch.cat([torch.zeros(1, 1, K, 2),
                             torch.full((1, 1, K, 2), logit).sigmoid()], -1)
        (pred, ) = head.decode(outputs)
        found.append(pred.keypoint_covariances[0, 0])
    for covariance in found:
        np.testing.assert_allclose(
            np.sqrt(covariance.diagonal() / of_normal()), true, rtol=.1)


def test_rle_needs_its_loss():
    head = build('DarkRLEHead')  # as it may be set later
    head.loss_module = MODELS.build(dict(type='SmoothL1Loss'))
    head.output_covariance = True
    with pytest.raises(ValueError, match='need an RLELoss'):
        predict(head)
    with pytest.raises(ValueError, match='need an RLELoss.*got a SmoothL1'):
        heads.DarkRLEHead.check_loss(MODELS.build(dict(type='SmoothL1Loss')))


# ---- heads of both kinds

KINDS = pytest.mark.parametrize('kind', ['RLEHead', 'DSNTHead'])


@KINDS
@pytest.mark.parametrize('flip', [False, True])
def test_positions_and_scores_are_the_stock_ones(kind, flip):
    stock = build(kind)
    want = predict(stock, flip)
    for options in ({}, dict(output_covariance=True)):
        dark = build(f'Dark{kind}', **options)
        assert dark.state_dict().keys() == stock.state_dict().keys()
        dark.load_state_dict(stock.state_dict())
        for got, said in zip(predict(dark, flip), want):
            for key in ('keypoints', 'keypoint_scores'):
                np.testing.assert_array_equal(got[key], said[key])
            assert ('keypoint_covariances' in got) == bool(options)


@KINDS
def test_similarities_are_those_of_the_covariances(kind):
    told = predict(build(f'Dark{kind}', output_covariance=True))
    got = predict(build(f'Dark{kind}', score='similarity', sigmas=SIGMAS))
    for pred, other in zip(told, got):
        covariances = pred.keypoint_covariances
        assert (np.linalg.eigvalsh(covariances) > 0).all()
        np.testing.assert_allclose(
            other.keypoint_scores, F.expected_oks(
                covariances.astype(float), np.array([.53 * 200 * 150]),
                np.array(SIGMAS)), rtol=1e-5)
        assert 'keypoint_covariances' not in other


@KINDS
def test_covariances_are_in_px_of_the_image(kind, monkeypatch):
    head = build(f'Dark{kind}', output_covariance=True)
    of_image = predict(head)[0].keypoint_covariances
    factor = SCALE / SIZE
    monkeypatch.setattr(f'{__name__}.SCALE', np.array(SIZE, float))
    of_input = predict(head)[0].keypoint_covariances
    np.testing.assert_allclose(
        of_image, of_input * np.outer(factor, factor), rtol=1e-5)



@KINDS
def test_similarities_need_constants(kind):
    with pytest.raises(ValueError, match=r'needs sigmas=\[...\] of the head'):
        build(f'Dark{kind}', score='similarity')


@KINDS
def test_apply_dark_does_what_darkify_does(kind):
    config = head_config(kind)
    model = dict(type='TopdownPoseEstimator', head=config, backbone=dict(
        type='ResNet', depth=18, num_stages=1, strides=(1, ),
        dilations=(1, ), out_indices=(0, ), base_channels=8,
        stem_channels=8), test_cfg=dict(flip_test=True, shift_heatmap=True))
    if kind == 'RLEHead':
        model['neck'] = dict(type='GlobalAveragePooling')
    else:
        config.update(in_featuremap_size=(24, 32), deconv_out_channels=None)
    cfg = Config(dict(model=model, test_dataloader=dict(dataset=dict(
        type='CocoDataset', metainfo=dict(from_file='coco.py')))))
    dark = darkify(cfg, head=True)
    assert dark.model.head.type == f'mmpose_dark.Dark{kind}'
    assert dark.model.head.decoder == cfg.model.head.decoder
    assert darkify(dark, head=True).model == dark.model
    dark.model.head.output_covariance = True
    torch.manual_seed(0)
    ours = MODELS.build(dark.model).eval()
    built = MODELS.build(cfg.model).eval()
    built.load_state_dict(ours.state_dict())
    built.dataset_meta = dict(sigmas=SIGMAS)
    assert apply_dark(built) is built
    built.head.output_covariance = True
    inputs = torch.randn(2, 3, 128, 96)
    with torch.no_grad():
        one, other = (net.predict(inputs, [sample(), sample()])
                      for net in (ours, built))
    for pred, same in zip(one, other):
        assert pred.pred_instances.keypoint_covariances.shape == (1, K, 2, 2)
        for key in ('keypoints', 'keypoint_scores', 'keypoint_covariances'):
            np.testing.assert_array_equal(pred.pred_instances[key],
                                          same.pred_instances[key])
    apply_dark(built, score='similarity')
    assert built.head.sigmas == pytest.approx(SIGMAS)
    with pytest.raises(ValueError, match='^peak has no effect on a Dark'):
        apply_dark(built, peak='raw')
    with torch.no_grad():
        said = built.predict(inputs, [sample(), sample()])[0].pred_instances
    assert (said.keypoint_scores < 1).all()


@pytest.mark.parametrize('stock', [RLE, DSNT])
def test_a_stock_config_is_told_the_constants(stock):
    cfg = darkify(stock, head=True, score='similarity')
    assert cfg.model.head.score == 'similarity'
    assert len(cfg.model.head.sigmas) == 17 == cfg.model.head.num_joints
    assert cfg.codec == load_config(stock).codec
    assert cfg.custom_imports['imports'][0] == 'mmpose_dark'


def estimator(kind='RLEHead'):
    """A small one that is stock."""
    torch.manual_seed(0)
    model = MODELS.build(dict(
        type='TopdownPoseEstimator', head=head_config(kind),
        neck=dict(type='GlobalAveragePooling'), backbone=dict(
            type='ResNet', depth=18, num_stages=1, strides=(1, ),
            dilations=(1, ), out_indices=(0, ), base_channels=8,
            stem_channels=8))).eval()
    model.dataset_meta = dict(
        sigmas=SIGMAS, flip_indices=FLIP, keypoint_id2name=dict(
            enumerate(['nose', 'left eye', 'right eye'])))
    return model


def test_the_head_is_swapped_whatever_merge_is_asked_for():
    model = apply_dark(estimator(), flip_shift='stock')
    assert type(model.head) is heads.DarkRLEHead
    assert type(model.head.decoder).__name__ == 'RegressionLabel'


def test_no_file_ends_in_numbers():
    from mmpose_dark.deploy import PoseNetwork
    with pytest.raises(ValueError, match='no file can end in the keypoints '
                       'of a RLEHead'):
        PoseNetwork(estimator())


def test_the_demo_draws_their_ellipses():
    from mmpose_dark.visualization.poses import PoseReaders
    readers = PoseReaders(estimator(), uncertainty=True, score='similarity')
    assert isinstance(readers.models['DARK'].head, heads.DarkRLEHead)
    assert readers.models['DARK'].head.output_covariance
    assert readers._dof == F.TAIL_DOF


@KINDS
def test_what_has_no_effect_is_refused(kind):
    cfg = Config(dict(model=dict(type='TopdownPoseEstimator',
                                 head=head_config(kind))))
    with pytest.raises(ValueError, match='cannot be made DARK: its positions '
                       'are no peaks.*Use head=True'):
        darkify(cfg)
    for name, value in (('peak', 'raw'), ('alignment', 'udp'),
                        ('device_targets', True)):
        with pytest.raises(ValueError, match=f'^{name} has no effect on a '
                           f'{kind}'):
            darkify(cfg, head=True, **{name: value})


# ---- DSNT


@pytest.mark.parametrize('spread', [.3, .8, 2.])
def test_covariance_of_the_map_that_loses_least(spread):
    """MMPose's own loss, minimised for joints that are spread by the law."""
    sigma, (height, width) = 1.5, (17, 19)
    errors = np.sqrt(spread) * student(150)
    errors = np.concatenate([errors, -errors])  # their mean is the middle
    middle = np.array([8.7, 8.2])
    targets = torch.from_numpy(F.encode_heatmaps(
        middle + errors, (width, height), sigma)).float()
    targets = targets / targets.sum((1, 2), keepdim=True)
    loss = MODELS.build(dict(type='JSDiscretLoss', use_target_weight=False))
    logits = torch.log(targets.mean(0) + 1e-6).requires_grad_()
    optimizer = torch.optim.LBFGS([logits], max_iter=100)

    def step():
        optimizer.zero_grad()
        shares = logits.flatten().softmax(0).reshape(1, height, width)
        value = loss(shares.expand(len(targets), -1, -1), targets)
        value.backward()
        return value

    optimizer.step(step)
    shares = logits.detach().flatten().softmax(0).reshape(1, height, width)
    found = F.map_covariance(shares.numpy(), middle[None], sigma)[0]
    assert found.shape == (2, 2)
    true = np.trace(likeliest_covariance(errors))
    np.testing.assert_allclose(np.trace(found), true, rtol=.25)
    # As of the mean of targets, which it is not, it is far too little.
    naive = F.decode_heatmaps(shares.numpy(), sigma, return_covariance=True,
                              target_peak=1 / (2 * np.pi * sigma**2))[2]
    assert np.trace(naive[0]) < .55 * true


def test_what_lies_between_mean_and_peak_is_added():
    maps = F.encode_heatmaps(np.array([[12.2, 14.5]]), (24, 32), 2.)
    maps = torch.from_numpy(maps / maps.sum())
    at = torch.tensor([[12.2, 14.5]], dtype=maps.dtype)
    here, there = (F.map_covariance(maps, at + torch.tensor(off), 2.)
                   for off in ([0., 0.], [3., -1.]))
    torch.testing.assert_close(
        there - here, torch.tensor([[[9., -3.], [-3., 1.]]]).to(maps),
        rtol=1e-3, atol=1e-3)


def test_losses_that_leave_the_map_open_are_refused():
    ipr = dict(type='MultipleLossWrapper', losses=[
        dict(type='SmoothL1Loss'), dict(type='KeypointMSELoss')])
    cfg = Config(dict(model=dict(type='TopdownPoseEstimator', head=head_config(
        'DSNTHead', loss=ipr))))
    match = 'JSDiscretLoss.*got SmoothL1Loss and KeypointMSELoss. Use a'
    with pytest.raises(ValueError, match=f'cannot be made DARK.*{match}'):
        darkify(cfg, head=True)
    with pytest.raises(ValueError, match=match):
        build('DarkDSNTHead', loss=ipr, output_covariance=True)
    built = MODELS.build(dict(
        type='TopdownPoseEstimator', head=cfg.model.head,
        backbone=dict(type='ResNet', depth=18)))
    with pytest.raises(ValueError, match=match):
        apply_dark(built)
    assert type(built.head).__name__ == 'DSNTHead'
    head = build('DarkDSNTHead')  # as a network is trained
    head.lambda_t = 5
    head.output_covariance = True
    with pytest.raises(ValueError, match='lambda_t=5, after which it is not'):
        predict(head)


@pytest.mark.parametrize('flip', [False, True])
def test_dsnt_covariance_is_that_of_the_merged_map(flip):
    head = build('DarkDSNTHead', output_covariance=True, beta=30.)
    preds, fields = predict(head, flip, output_heatmaps=True)
    with torch.no_grad():
        torch.manual_seed(1)
        _, maps = head((torch.randn(2, *FEATS['DSNTHead']), ))
    for i, pred in enumerate(preds):
        merged = fields[i].heatmaps.numpy()
        assert np.allclose(merged, maps[i].numpy(), 1e-3) != flip
        want = 16 * F.map_covariance(merged, pred.keypoints[0] / 4, 1.5)
        factor = SCALE / SIZE
        np.testing.assert_allclose(pred.keypoint_covariances[0],
                                   want * np.outer(factor, factor), rtol=1e-4)


def test_heatmaps_are_given_as_ever():
    wanted, fields = predict(build('DSNTHead'), True, output_heatmaps=True)
    preds, got = predict(build('DarkDSNTHead', output_covariance=True), True,
                         output_heatmaps=True)
    for one, other in zip(fields, got):
        torch.testing.assert_close(one.heatmaps, other.heatmaps)
    assert 'keypoint_covariances' in preds[0]


# ---- the command that measures

#: MMPose 1.2 has no RTMO
DCC = ['DCC'] if hasattr(stock_heads, 'RTMOHead') else []


@pytest.mark.slow
def test_trained_and_measured(tmp_path, capsys):
    assert run_tool(
        'miniature/means.py', '--out', tmp_path, '--networks', 'DSNT', 'IPR',
        *DCC, '--seeds', 0, '--epochs', 1, '--train', 8, '--val', 6,
        '--rounds', 20) is None
    said = capsys.readouterr()
    assert 'IPR-seed0: this config of' in said.err  # refused, and shown
    found = json.loads((tmp_path / 'means.json').read_text())
    assert list(found) == [f'{name}, seed 0' for name in (
        'DSNT', 'IPR', *DCC)]
    for one in found.values():
        shares, low, high = np.transpose(one['ellipses'])
        assert (np.diff(shares) >= 0).all() and (low <= high).all()
        assert 0 <= one['gap'][0] <= 1 and np.isfinite(one['nll'])
        assert one['gain'][1] <= one['gain'][0] <= one['gain'][2]
    assert (tmp_path / 'means.md').read_text() in said.out
