"""Covariances of vectors: what codec, head and config make of them."""
import numpy as np
import pytest
import torch
from mmpose_dark import DarkSimCC, apply_dark, darkify
from conftest import as_kind, needs_mmpose_1_3
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.codecs import SimCCLabel
from mmpose.models.heads import RTMCCHead
from mmpose.models.losses import KLDiscretLoss
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from mmpose.utils import register_all_modules
from mmpose_dark.evaluation import KeptHeatmaps

register_all_modules()

RTMPOSE = dict(input_size=(96, 128), sigma=(3.46, 4.), simcc_split_ratio=2.,
               normalize=False)


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmpose')


def head_of(codec=RTMPOSE, loss=None, **options):
    torch.manual_seed(0)
    return MODELS.build(dict(
        type='DarkRTMCCHead', in_channels=8, out_channels=5,
        input_size=(96, 128), in_featuremap_size=(3, 4),
        simcc_split_ratio=2., final_layer_kernel_size=3,
        gau_cfg=dict(hidden_dims=16, s=8, expansion_factor=2,
                     dropout_rate=0., drop_path=0., act_fn='SiLU',
                     use_rel_bias=False, pos_enc=False),
        loss=loss or dict(type='KLDiscretLoss', beta=10., label_softmax=True),
        decoder=dict(codec, type='DarkSimCC'), **options)).eval()


def test_head_gives_them_in_squared_pixels_of_the_image():
    head = head_of(output_covariance=True)
    for layer in (head.cls_x, head.cls_y):
        torch.nn.init.normal_(layer.weight, std=.3)
    feats = (torch.randn(2, 8, 4, 3), )
    scale = np.array([[192., 320.], [96., 128.]])
    samples = [PoseDataSample(metainfo=dict(
        input_scale=s, input_size=(96, 128), flip_indices=[0, 2, 1, 4, 3]))
        for s in scale]
    with torch.no_grad():
        preds = head.predict(feats, samples)
        x, y = head.forward(feats)
    want = DarkSimCC(**RTMPOSE).batch_decode(x, y, return_covariance=True)[2]
    for pred, covariance, size in zip(preds, want, scale):
        factor = size / (96, 128)
        assert pred.keypoint_covariances.shape == (1, 5, 2, 2)
        np.testing.assert_allclose(
            pred.keypoint_covariances,
            covariance * factor[:, None] * factor, rtol=1e-5)
    half = DarkSimCC(**RTMPOSE, calibration=(.5, 3.)).batch_decode(
        x, y, return_covariance=True)[2]
    np.testing.assert_allclose(half, .5 * np.array(want), rtol=1e-6)


def test_kept_vectors_know_the_beta_of_the_loss():
    from mmpose_dark.codecs import read_by
    head = head_of(loss=dict(type='KLDiscretLoss', beta=1.,
                             label_softmax=True))
    assert read_by(head.decoder, head.loss_module).beta == 1


def test_visibilities_stay_beside_covariances():
    head = head_of(dict(RTMPOSE, decode_visibility=True),
                   output_covariance=True)
    with torch.no_grad():
        pred, = head.decode(head.forward((torch.randn(1, 8, 4, 3), )))
    assert pred.keypoints_visible.shape == pred.keypoint_scores.shape == (1, 5)
    assert pred.keypoint_covariances.shape == (1, 5, 2, 2)


@pytest.mark.parametrize('loss, words', [
    # Before 1.3 labels were multiplied by beta as well.
    pytest.param(dict(type='KLDiscretLoss', beta=1., label_softmax=True),
                 'beta=1 in the DarkSimCC', marks=needs_mmpose_1_3),
    pytest.param(dict(type='KLDiscretLoss', beta=10., label_softmax=True,
                      label_beta=5.), 'label_beta=10',
                 marks=needs_mmpose_1_3),
    (dict(type='KLDiscretLoss', beta=10.), 'with label_softmax'),
    (dict(type='KeypointMSELoss'), 'got a KeypointMSELoss')], ids=str)
def test_a_loss_that_they_are_not_derived_for_is_refused(loss, words):
    with pytest.raises(ValueError, match=words):
        head_of(loss=loss, output_covariance=True)
    # of a built head as well
    head = head_of(loss=loss)
    head.output_covariance = True
    with pytest.raises(ValueError, match=words):
        head.decode(head.forward((torch.randn(1, 8, 4, 3), )))


def test_labels_that_sum_to_one_ask_for_no_beta():
    """SimCC's loss is of logits as they are, whatever the codec's beta."""
    codec = dict(RTMPOSE, normalize=True)
    for beta in (10., 3.):
        head = head_of(dict(codec, beta=beta), dict(type='KLDiscretLoss'),
                       output_covariance=True)
        with torch.no_grad():
            pred, = head.decode(head.forward((torch.randn(1, 8, 4, 3), )))
        assert np.isfinite(pred.keypoint_covariances).all()
    with pytest.raises(ValueError, match='the loss has beta=10'):
        head_of(codec, dict(type='KLDiscretLoss', beta=10.),
                output_covariance=True)


def test_what_follows_from_a_loss():
    for normalize, told in ((False, dict(beta=3.)), (True, {})):
        codec = DarkSimCC((96, 128), normalize=normalize)
        assert codec.of_loss('KLDiscretLoss', 3) == told
        assert codec.of_loss('KeypointMSELoss', 3) == {}


def test_standard_labels_have_none():
    codec = DarkSimCC((96, 128), 'standard')
    with pytest.raises(ValueError, match="with smoothing_type='gaussian'"):
        codec.read(np.ones((1, 2, 192)), np.ones((1, 2, 256)),
                   return_covariance=True)
    with pytest.raises(ValueError, match="decoding='dark'.* got decoding='ar"):
        head_of(dict(RTMPOSE, decoding='argmax'), output_covariance=True)


def test_no_people_have_no_covariances():
    for kind in ('numpy', 'torch'):
        x, y = (as_kind(np.zeros((0, 5, n)), kind) for n in (192, 256))
        found = DarkSimCC(**RTMPOSE).read(x, y, return_covariance=True)
        assert [tuple(part.shape) for part in found] == [
            (0, 5, 2), (0, 5), (0, 5, 2, 2)]


def test_kept_vectors_of_another_loss_are_refused():
    from mmpose.models.losses import KeypointMSELoss
    x, y = np.ones((1, 5, 192)), np.ones((1, 5, 256))
    kept = KeptHeatmaps((x, y), (x, y), [0, 1, 2, 3, 4], [],
                        DarkSimCC(**RTMPOSE), np.ones(5),
                        loss=KeypointMSELoss())
    assert len(kept.decode((x, y))) == 2
    with pytest.raises(ValueError, match='got a KeypointMSELoss'):
        kept.decode((x, y), return_covariance=True)


@pytest.mark.parametrize('kind', ['KLDiscretLoss', KLDiscretLoss])
def test_beta_of_a_config_reaches_the_codec(kind):
    """Of a text or a pure Python config, unless it is said."""
    cfg = Config(dict(model=dict(head=dict(
        type='RTMCCHead', loss=dict(type=kind, beta=1., label_softmax=True),
        decoder=dict(RTMPOSE, type='SimCCLabel')))))
    assert darkify(cfg).model.head.decoder.beta == 1
    assert darkify(cfg, beta=5.).model.head.decoder.beta == 5
    cfg.model.head.loss.beta = 10.
    assert 'beta' not in darkify(cfg).model.head.decoder


@needs_mmpose_1_3
def test_beta_of_the_loss_reaches_the_codec():
    """RTMW's loss has another."""
    name = ('mmpose::wholebody_2d_keypoint/rtmpose/cocktail14/'
            'rtmw-m_8xb1024-270e_cocktail14-256x192.py')
    cfg = darkify(name, head=True)
    assert cfg.model.head.decoder.beta == 1
    cfg.model.backbone.init_cfg = None
    model = MODELS.build(cfg.model)
    model.head.output_covariance = True
    with torch.no_grad():
        preds = model.head.decode(model.head.forward(
            model.extract_feat(torch.randn(1, 3, 256, 192))))
    assert np.isfinite(preds[0].keypoint_covariances).all()
    head = head_of(loss=dict(type='KLDiscretLoss', label_softmax=True))
    head.__class__, head.decoder = RTMCCHead, SimCCLabel(**RTMPOSE)
    assert apply_dark(torch.nn.Sequential(head))[0].decoder.beta == 1
