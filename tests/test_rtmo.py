"""Covariances of RTMO, whose positions are means of bins."""
import numpy as np
import pytest
import torch
from mmpose_dark import apply_dark, darkify, heads
from mmpose_dark import functional as F
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData
from mmpose.models import heads as stock_heads
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from mmpose_dark.config import load_config
from mmpose_dark.deploy import PoseNetwork

pytestmark = pytest.mark.skipif(
    not hasattr(stock_heads, 'RTMOHead'),
    reason='MMPose 1.2 has no RTMO')

STOCK = ('mmpose::body_2d_keypoint/rtmo/body7/'
         'rtmo-t_8xb32-600e_body7-416x416.py')
YOLOX = ('mmpose::body_2d_keypoint/yoloxpose/coco/'
         'yoloxpose_tiny_4xb64-300e_coco-416.py')
K = 17
SIZE = 128, 96
SCALE = np.array([256., 144.])  # px of the image, not as wide as high
PEOPLE = dict(score_thr=.1, nms_thr=.2)


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmpose')


@pytest.fixture(scope='module')
def config():
    return load_config(STOCK)


def build(config, kind='DarkRTMOHead', **options):
    torch.manual_seed(0)
    head = MODELS.build({**config.model.head, **options,
                         'type': kind}).eval()
    for layer in head.head_module.out_bbox:  # as large as people are
        layer.bias.data[2:] = .7
    return head


def sample():
    found = PoseDataSample(metainfo=dict(
        input_size=SIZE, input_scale=SCALE, input_center=SCALE / 2))
    found.gt_instances = InstanceData(
        bboxes=np.array([[0., 0., 2., 2.]]), bbox_scores=np.ones(1))
    return found


def features(batch=2):
    torch.manual_seed(1)
    return tuple(torch.randn(batch, 192, SIZE[1] // stride, SIZE[0] // stride)
                 for stride in (16, 32))


@torch.no_grad()
def predict(head, batch=2, **test_cfg):
    return head.predict(features(batch), [sample()] * batch,
                        dict(PEOPLE, **test_cfg))


# ---- the density


def drawn(n=(7, 9), people=3, joints=2, seed=0):
    """Shares, bins, sigmas and areas of some people."""
    rng = np.random.default_rng(seed)
    shares = [rng.dirichlet(.3 * np.ones(num), (people, joints)) for num in n]
    bins = [np.sort(rng.uniform(0, 80, (people, num)), 1) for num in n]
    return (shares, bins, rng.uniform(.005, .1, (people, joints)),
            rng.uniform(500, 5000, people))


def by_loops(shares, bins, sigmas, areas):
    out = np.zeros((*sigmas.shape, 2, 2))
    for i, area in enumerate(areas):
        for k, sigma in enumerate(sigmas[i]):
            b = 2 * max(sigma, .001) * max(area, 1)**.5
            for axis in range(2):
                mean = second = 0.
                for share, at in zip(shares[axis][i, k], bins[axis][i]):
                    mean += share * at
                    second += share * at**2
                out[i, k, axis, axis] = second - mean**2 + 2 * b**2
    return out


def test_covariance_is_that_of_loops():
    case = drawn()
    want = by_loops(*case)
    np.testing.assert_allclose(F.bins_covariance(*case), want)
    shares, bins, sigmas, areas = case
    tensors = ([torch.from_numpy(a) for a in shares],
               [torch.from_numpy(a) for a in bins],
               torch.from_numpy(sigmas), torch.from_numpy(areas))
    np.testing.assert_allclose(F.bins_covariance(*tensors), want)


def test_floors_are_those_of_the_loss():
    one = [np.array([[[1.]]])] * 2, [np.array([[5.]])] * 2
    np.testing.assert_allclose(
        F.bins_covariance(*one, np.array([[0.]]), np.array([400.]))[0, 0],
        2 * (2 * .001 * 20)**2 * np.eye(2))
    np.testing.assert_allclose(
        F.bins_covariance(*one, np.array([[.1]]), np.array([.01]))[0, 0],
        2 * .2**2 * np.eye(2))


def test_covariance_is_the_second_moment_of_the_loss(config):
    """What MMPose's loss calls likely, integrated over where a joint is."""
    head = build(config, 'RTMOHead')
    dcc, loss = head.dcc, MODELS.build(
        dict(type='MLECCLoss', reduction='none'))
    rng = np.random.default_rng(1)
    shares = [torch.from_numpy(rng.dirichlet(.05 * np.ones(n), (1, K)))
              for n in (192, 256)]
    box = torch.tensor([[40., 50., 60., 90.]]).double()
    sigmas = torch.from_numpy(rng.uniform(.02, .08, (1, K)))
    areas = torch.tensor([900.]).double()
    bins = [basic.double() * side for basic, side in (
        (dcc.x_bins, 60), (dcc.y_bins, 90))]
    found = F.bins_covariance(shares, [at[None] for at in bins], sigmas,
                              areas)[0].numpy()
    line = torch.arange(-200, 300, .4).double()
    for axis in range(2):
        # That of the other axis stays where its mean is.
        means = [(share * at).sum(-1)[0] + mid for share, at, mid in
                 zip(shares, bins, (40, 50))]
        joints = torch.stack(means, -1).repeat(len(line), 1, 1)
        joints[..., axis] = line[:, None]
        density = torch.exp(-loss(shares, dcc.generate_target_heatmap(
            joints, box, sigmas, areas))).numpy() - 1e-4
        density /= density.sum(0)
        at = line.numpy()[:, None]
        middle = (density * at).sum(0)
        spread = (density * (at - middle)**2).sum(0)
        np.testing.assert_allclose(found[:, axis, axis], spread, rtol=.01)


@pytest.mark.parametrize('width, slack', [(0., .02), (.5, .05)])
def test_ellipses_hold_joints_drawn_from_the_density(width, slack):
    """Shares half as wide as what the loss adds, or all at one."""
    rng = np.random.default_rng(2)
    num, b = 200000, 2 * .05 * 20
    at = np.linspace(-20, 20, 201)
    share = np.exp(-at**2 / 2 / max(width * b, .1)**2)
    share /= share.sum()
    found = F.bins_covariance([share[None, None]] * 2, [at[None]] * 2,
                              np.array([[.05]]), np.array([400.]))[0]
    joints = (rng.choice(at, (num, 2), p=share)
              + rng.laplace(scale=b, size=(num, 2)))
    m2 = F.mahalanobis(joints, found)
    for level in (.5, .68, .9, .95, .99):
        assert abs((m2 < F.ellipse_limit(level)).mean() - level) < slack
    np.testing.assert_allclose(
        F.likeliest_covariance(joints) / found[0, 0, 0], np.eye(2),
        atol=2 * slack)


def test_shapes_that_do_not_belong_together():
    shares, bins, sigmas, areas = drawn()
    with pytest.raises(ValueError, match='axis 1 must be in shape .3, 2, 5.'
                       ' as sigmas and bins ask for, got .3, 2, 9.'):
        F.bins_covariance(shares, [bins[0], bins[1][:, :5]], sigmas, areas)
    with pytest.raises(ValueError, match='axis 0 must be in shape'):
        F.bins_covariance(shares, bins, sigmas[:, :1], areas)
    with pytest.raises(ValueError, match='axis 0 must be in shape'):
        F.bins_covariance(shares, [at[:1] for at in bins], sigmas, areas)


# ---- the head


@pytest.mark.parametrize('options', [
    {}, dict(output_covariance=True),
    dict(score='similarity', sigmas=[.05] * K)], ids=lambda o: ' '.join(o))
def test_what_is_predicted_is_the_stock_heads(config, options):
    stock = build(config, 'RTMOHead')
    dark = build(config, **options)
    assert dark.state_dict().keys() == stock.state_dict().keys()
    for got, want in zip(predict(dark), predict(stock)):
        assert len(want.keypoints) > 2
        for key in ('keypoints', 'keypoints_visible', 'bboxes', 'bbox_scores',
                    'scores', 'labels'):
            np.testing.assert_array_equal(got[key], want[key])
        assert ('keypoint_covariances' in got) == (
            'output_covariance' in options)
        same = (got.keypoint_scores == want.keypoint_scores).all()
        assert same == ('score' not in options)


def test_covariances_are_of_what_the_classifier_says(config):
    head = build(config, output_covariance=True)
    heard = {'shares': [], 'sigmas': [], 'boxes': []}
    softmax, decode = head.dcc._apply_softmax, head.dcc._decode_xy_heatmaps

    def listen(*logits):
        heard['shares'].append(softmax(*logits))
        return heard['shares'][-1]

    def see(x, y, boxes):
        heard['boxes'].append(boxes)
        return decode(x, y, boxes)

    head.dcc._apply_softmax, head.dcc._decode_xy_heatmaps = listen, see
    head.dcc.sigma_fc.register_forward_hook(
        lambda module, args, out: heard['sigmas'].append(out))
    preds = predict(head)
    factor = SCALE / SIZE
    for i, pred in enumerate(preds):
        boxes = heard['boxes'][i].double().numpy()
        bins = [np.linspace(-.5, .5, n) * boxes[:, 2 + axis, None]
                + boxes[:, axis, None] for axis, n in enumerate((192, 256))]
        sides = pred.bboxes[:, 2:] - pred.bboxes[:, :2]
        want = by_loops([of.double().numpy() for of in heard['shares'][i]],
                        bins, heard['sigmas'][i].double().numpy(),
                        .53 * sides.prod(1).astype(float))
        np.testing.assert_allclose(
            pred.keypoint_covariances, want * np.outer(factor, factor),
            rtol=1e-3)
        assert pred.keypoint_covariances.shape == (len(boxes), K, 2, 2)
        assert pred.keypoint_covariances.dtype == np.float32


def test_similarities_are_by_the_predicted_boxes(config):
    sigmas = np.linspace(.02, .1, K)
    told = predict(build(config, output_covariance=True))
    got = predict(build(config, score='similarity', sigmas=sigmas))
    for pred, other in zip(told, got):
        corners = pred.bboxes.astype(float)
        areas = .53 * np.prod(
            (corners[:, 2:] - corners[:, :2]) * SCALE / SIZE, 1)
        np.testing.assert_allclose(other.keypoint_scores, F.expected_oks(
            pred.keypoint_covariances.astype(float), areas, sigmas),
            rtol=1e-5)


def test_nobody_in_one_of_the_images(config):
    head = build(config, output_covariance=True)
    of_two = predict(head)
    feats = features()
    for module in head.head_module.out_cls:
        module.register_forward_hook(
            lambda module, args, out: out - torch.tensor(
                [1e3, 0.])[:, None, None, None])
    for kind in ('stock', 'similarity'):
        head.promise(True, kind, [.05] * K)
        with torch.no_grad():
            none, some = head.predict(feats, [sample()] * 2, PEOPLE)
        assert none.keypoint_covariances.shape == (0, K, 2, 2)
        assert none.keypoint_scores.shape == (0, K)
        np.testing.assert_array_equal(some.keypoint_covariances,
                                      of_two[1].keypoint_covariances)


def test_the_classifier_is_left_as_it_was(config, monkeypatch):
    head = build(config, output_covariance=True)
    predict(head)
    assert 'forward_test' not in vars(head.dcc)
    monkeypatch.setattr(head, '_flatten_predictions', lambda *args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        predict(head)
    assert 'forward_test' not in vars(head.dcc)


# ---- configs and built models


def test_apply_dark_does_what_darkify_does(config):
    dark = darkify(config, head=True)
    assert dark.model.head.type == 'mmpose_dark.DarkRTMOHead'
    assert dark.codec == config.codec
    assert dark.train_pipeline_stage1 == config.train_pipeline_stage1
    assert darkify(dark, head=True).model == dark.model
    dark.model.head.output_covariance = True
    torch.manual_seed(0)
    ours = MODELS.build(dark.model).eval()
    built = MODELS.build(config.model).eval()
    built.load_state_dict(ours.state_dict())
    assert apply_dark(built) is built
    assert type(built.head) is heads.DarkRTMOHead
    assert not hasattr(built.head, 'decoder')
    with pytest.raises(ValueError, match='no file can end in the keypoints '
                       'of a DarkRTMOHead'):
        PoseNetwork(built)
    built.head.output_covariance = True
    inputs = 255 * torch.rand(1, 3, *SIZE[::-1])
    with torch.no_grad():
        (one, ), (other, ) = (net.predict(inputs, [sample()])
                              for net in (ours, built))
    one, other = one.pred_instances, other.pred_instances
    assert len(one.keypoints)
    for key in ('keypoints', 'bboxes', 'keypoint_covariances'):
        np.testing.assert_array_equal(one[key], other[key])
    with pytest.raises(ValueError, match='^peak has no effect on a DarkRTMO'):
        apply_dark(built, peak='raw')
    built.dataset_meta = dict(sigmas=[.05] * K)
    apply_dark(built, score='similarity')
    assert built.head.sigmas == pytest.approx([.05] * K)


def test_constants_are_written(config):
    cfg = darkify(config, head=True, score='similarity')
    assert cfg.model.head.score == 'similarity'
    assert len(cfg.model.head.sigmas) == K == cfg.model.head.num_keypoints
    assert build(cfg).sigmas == cfg.model.head.sigmas


@pytest.mark.parametrize('change, said', [
    (dict(mode='linear'), r"MLECCLoss\(mode='linear', loss_weight=1.0\)"),
    (dict(loss_weight=0.), r"MLECCLoss\(mode='log', loss_weight=0.0\)"),
    (None, r'None\(\)')])
def test_losses_that_are_no_likelihood_are_refused(config, change, said):
    head = dict(config.model.head)
    head['loss_mle'] = change and dict(head['loss_mle'], **change)
    if change:
        cfg = load_config(config)
        cfg.model.head.loss_mle = head['loss_mle']
        with pytest.raises(ValueError, match=f'cannot be made DARK.*{said}'):
            darkify(cfg, head=True)
    match = f"need an MLECCLoss of mode='log'.*got {said}. Use a config"
    with pytest.raises(ValueError, match=match):
        MODELS.build(dict(head, type='DarkRTMOHead', output_covariance=True))
    dark = MODELS.build(dict(head, type='DarkRTMOHead')).eval()
    dark.output_covariance = True  # as it may be set later
    with pytest.raises(ValueError, match=match):
        predict(dark)
    model = torch.nn.Module()
    model.head = MODELS.build(head)
    with pytest.raises(ValueError, match=match):
        apply_dark(model)
    assert type(model.head).__name__ == 'RTMOHead'


def test_what_has_no_effect_is_refused(config):
    with pytest.raises(ValueError, match='RTMOHead cannot be made DARK: its '
                       'positions are no peaks.*Use head=True'):
        darkify(config)
    for name, value in (('peak', 'raw'), ('alignment', 'udp'),
                        ('device_targets', True)):
        with pytest.raises(ValueError, match=f'^{name} has no effect on a '
                           'RTMOHead'):
            darkify(config, head=True, **{name: value})


def test_yolox_pose_stays_refused():
    for head in (False, True):
        with pytest.raises(ValueError, match='YOLOXPoseHead cannot be made '
                           'DARK.*without a Gaussian for each joint'):
            darkify(YOLOX, head=head)
