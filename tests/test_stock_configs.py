"""Every config of the installed MMPose: converted, or refused in words.

Backbones hold nearly all the weights and none of what darkify touches. They
run on PyTorch's meta device, which computes shapes but no numbers, so that
269 layers cost what 18 do; the head, its codec and the flip test are real and
get random features of exactly the shapes that the backbone has for an image.
The tests at the end run whole small models on an image. Of SimCC every config
is converted and one of each kind is built.
"""
import importlib.util
import json
from collections import Counter
from functools import lru_cache
from pathlib import Path

import mmpose
import numpy as np
import pytest
import torch
from mmpose_dark import (
    DarkHeatmap,
    DarkRTMCCHead,
    DarkSimCC,
    apply_dark,
    check_alignment,
    darkify,
)
from conftest import on_meta
from mmengine.config import Config
from mmengine.config.utils import ConfigParsingError
from mmengine.logging import MessageHub
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData
from mmpose.apis import inference_topdown, init_model
from mmpose.registry import KEYPOINT_CODECS, MODELS
from mmpose.structures import PoseDataSample
from mmpose.utils import register_all_modules
from mmpose_dark.alignment import entries
from mmpose_dark.consistency import contradictions

register_all_modules()
pytestmark = pytest.mark.slow

PACKAGE = Path(mmpose.__file__).parent
#: a wheel carries the configs inside the package, a clone beside it
ROOT = next(folder for folder in (PACKAGE / '.mim/configs',
                                  PACKAGE.parent / 'configs')
            if folder.is_dir())
#: the homes of VisionTransformer, patches of 16 px, if not installed
MISSING = {name for name in ('mmpretrain', 'mmcls')
           if importlib.util.find_spec(name) is None}
CONFIGS = sorted(
    path.relative_to(ROOT) for path in ROOT.glob('*/topdown_heatmap/*/*.py'))
SIMCC = sorted(
    path.relative_to(ROOT) for kind in ('rtmpose', 'simcc', 'dwpose')
    for path in ROOT.glob(f'*/{kind}/**/*.py'))
#: mmengine cannot read EDPose's where MMPose is not installed from a clone
OTHERS = sorted(
    path for path in (path.relative_to(ROOT) for path in ROOT.rglob('*.py'))
    if path not in CONFIGS and path not in SIMCC
    and not {'_base_', 'edpose'} & set(path.parts))


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmpose')


def without(node, *keys):
    """A config without some keys, at any depth."""
    if isinstance(node, dict):
        return {key: without(value, *keys) for key, value in node.items()
                if key not in keys}
    if isinstance(node, (list, tuple)):
        return type(node)(without(value, *keys) for value in node)
    return node


@lru_cache(maxsize=None)
def features_on_meta(text, in_channels):
    """Features of one image of 256x256 px, without numbers."""
    feats = torch.empty(1, 3, 256, 256, device='meta')
    for cfg in json.loads(text):
        if cfg['type'].split('.')[0] in MISSING:
            feats = (feats.new_empty(1, in_channels, 16, 16), )
            continue
        try:
            with on_meta():
                part = MODELS.build(cfg)
        except RuntimeError:  # it computes with tensors while it is built
            part = MODELS.build(cfg)
        part.to('meta').eval()
        feats = part(feats)
    return feats


def random_features(model, input_size):
    """What the head gets for an image, but random numbers."""
    parts = [without(model[name].to_dict(), 'init_cfg')
             for name in ('backbone', 'neck') if name in model]
    feats = features_on_meta(
        json.dumps(parts, sort_keys=True), model.head.get('in_channels'))
    return random_like(feats, input_size)


def random_like(feats, input_size):
    """Random numbers in the nest of some features, for an input size."""
    if not isinstance(feats, torch.Tensor):
        return type(feats)(random_like(part, input_size) for part in feats)
    height, width = feats.shape[-2:]
    return torch.randn(*feats.shape[:2], height * input_size[1] // 256,
                       width * input_size[0] // 256)


def test_found_the_configs():
    assert len(CONFIGS) >= 200
    # MMPose 1.2 has three fewer.
    assert len(SIMCC) in (70, 73)
    assert len(OTHERS) >= 40


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
@torch.no_grad()
def test_darkified_config_predicts(path):
    stock = Config.fromfile(ROOT / path)
    codec = stock.codec
    if isinstance(codec, dict) and codec.get('heatmap_type') == 'combined':
        with pytest.raises(ValueError, match="heatmap_type='combined'"):
            darkify(stock)
        return

    cfg = darkify(stock)
    assert not contradictions(cfg, training=True)
    model = cfg.model
    torch.manual_seed(0)
    head = MODELS.build(model.head)
    head.eval()
    pose_head = getattr(head, 'pose_head', head)  # of VisPredictHead
    decoder = pose_head.decoder
    assert isinstance(decoder, DarkHeatmap)
    for entry in cfg.train_dataloader.dataset.get('pipeline', []):
        if entry.type == 'GenerateTarget':
            encoders = entry.encoder
            for encoder in encoders if isinstance(encoders, list) else [
                    encoders]:
                assert encoder.type.startswith('mmpose_dark.')

    if torch.__version__ < '2' and 'SyncBN' in str(model):
        pytest.skip('torch 1 has no SyncBatchNorm on the CPU')
    feats = random_features(model, decoder.input_size)
    if model.test_cfg.get('flip_test'):
        feats = [feats, random_features(model, decoder.input_size)]
    sample = PoseDataSample(metainfo=dict(
        flip_indices=list(range(pose_head.out_channels))[::-1],
        input_size=decoder.input_size))
    predictions = head.predict(feats, [sample], model.test_cfg)
    if isinstance(predictions, tuple):  # VisPredictHead
        predictions = predictions[0]
    (prediction, ) = predictions
    assert prediction.keypoints.shape == (1, pose_head.out_channels, 2)
    assert np.isfinite(prediction.keypoints).all()
    assert np.isfinite(prediction.keypoint_scores).all()


@pytest.mark.parametrize('path', SIMCC, ids=lambda path: path.stem)
def test_simcc_config_is_converted(path):
    try:
        stock = Config.fromfile(ROOT / path)
    except ConfigParsingError:
        pytest.skip('this MMPose does not find the base of its own config')
    cfg = darkify(stock, head=True)
    assert check_alignment(cfg)
    before, after = (Counter(name for _, name in entries(of._cfg_dict))
                     for of in (stock, cfg))
    for name in ('SimCCLabel', 'RTMCCHead', 'RTMWHead', 'SimCCHead',
                 'DWPoseDistiller'):
        dark = 'DarkSimCC' if name == 'SimCCLabel' else f'Dark{name}'
        assert after[name] == 0 and after[dark] == before[name]
    assert after['DarkSimCC'] > 1
    for entry, name in entries(cfg._cfg_dict):
        if name == 'DarkSimCC':
            KEYPOINT_CODECS.build(entry)


@pytest.mark.parametrize('path', [
    'body_2d_keypoint/rtmpose/coco/rtmpose-t_8xb256-420e_coco-256x192.py',
    'wholebody_2d_keypoint/rtmpose/cocktail14/'
    'rtmw-x_8xb320-270e_cocktail14-384x288.py',
    'body_2d_keypoint/simcc/coco/simcc_res50_8xb64-210e_coco-256x192.py',
    'body_2d_keypoint/simcc/coco/'
    'simcc_vipnas-mbv3_8xb64-210e_coco-256x192.py',
], ids=lambda path: Path(path).stem)
@torch.no_grad()
def test_simcc_head_predicts(path):
    if not (ROOT / path).is_file():
        pytest.skip('MMPose 1.2 lacks this config')
    cfg = darkify(Config.fromfile(ROOT / path), head=True)
    torch.manual_seed(0)
    head = MODELS.build(cfg.model.head).eval()
    assert isinstance(head.decoder, DarkSimCC)
    width, height = head.in_featuremap_size
    feats = (torch.randn(1, head.in_channels, height, width), )
    if cfg.model.head.type == 'mmpose_dark.DarkRTMWHead':
        feats = (torch.randn(1, head.in_channels // 2, 2 * height, 2 * width),
                 *feats)
    sample = PoseDataSample(metainfo=dict(
        flip_indices=list(range(head.out_channels))[::-1],
        input_size=head.input_size))
    (prediction, ) = head.predict([feats, feats], [sample],
                                  cfg.model.test_cfg)
    assert prediction.keypoints.shape == (1, head.out_channels, 2)
    assert np.isfinite(prediction.keypoints).all()
    assert head.decoder.decode_visibility == (
        'keypoints_visible' in prediction)


@torch.no_grad()
def test_dwpose_student_reads_by_dark(monkeypatch):
    """Its networks are in configs of their own, named from MMPose's root."""
    if torch.__version__ < '2':
        pytest.skip('torch 1 has no SyncBatchNorm on the CPU')
    monkeypatch.chdir(ROOT.parent)
    stock = Config.fromfile(
        ROOT / 'wholebody_2d_keypoint/dwpose/ubody/s2_dis/'
        'dwpose_t-tt_coco-ubody-256x192.py')
    torch.manual_seed(0)
    model = MODELS.build(darkify(stock, head=True, peak='raw').model).eval()
    head = model.student.head
    assert type(head) is DarkRTMCCHead and head.decoder.peak == 'raw'
    assert type(model.teacher.head).__name__ == 'RTMCCHead'
    assert model.state_dict().keys() == MODELS.build(
        stock.model).state_dict().keys()
    kept = MODELS.build(darkify(stock).model).student.head
    assert type(kept).__name__ == 'RTMCCHead'
    assert isinstance(kept.decoder, DarkSimCC)
    # What is distilled is computed from labels of the codec, as ever.
    keypoints = np.random.default_rng(0).uniform(0, 190, (2, 1, 133, 2))
    data = [PoseDataSample(gt_instance_labels=InstanceData(**{
        name: torch.from_numpy(value) for name, value in head.decoder.encode(
            points.astype(np.float32)).items()})) for points in keypoints]
    hub = MessageHub.get_current_instance()
    hub.update_info('epoch', 1)
    hub.update_info('max_epochs', 2)
    losses = model.loss(torch.randn(2, 3, 256, 192), data)
    assert losses.keys() == {'loss_logit'}  # of the second stage
    assert all(torch.isfinite(value).all() for value in losses.values())


@pytest.mark.parametrize('path', OTHERS, ids=lambda path: path.stem)
def test_other_config_is_refused_in_words(path):
    with pytest.raises(ValueError, match='cannot be made DARK.*(Use|Make) '):
        darkify(Config.fromfile(ROOT / path))


@pytest.mark.parametrize('name', [
    'td-hm_mobilenetv2_8xb64-210e_coco-256x192',
    'td-hm_vipnas-mbv3_8xb64-210e_coco-256x192',
    'td-hm_mspn50_8xb32-210e_coco-256x192',
])
def test_whole_model_predicts_an_image(name):
    """Through MMPose's pipeline and estimator; apply_dark does the same."""
    stock = Config.fromfile(
        ROOT / f'body_2d_keypoint/topdown_heatmap/coco/{name}.py')
    stock.model.backbone.pop('init_cfg', None)
    head = not name.startswith('td-hm_mspn')
    torch.manual_seed(0)
    model = init_model(darkify(stock, head=head), device='cpu')
    other = init_model(stock, device='cpu')
    other.load_state_dict(model.state_dict(), strict=True)
    apply_dark(other)
    image = np.random.default_rng(0).integers(
        0, 255, (300, 200, 3), dtype=np.uint8)
    predictions = [inference_topdown(network, image)[0].pred_instances
                   for network in (model, other)]
    assert predictions[0].keypoints.shape == (1, 17, 2)
    assert np.isfinite(predictions[0].keypoints).all()
    np.testing.assert_array_equal(*(p.keypoints for p in predictions))
    np.testing.assert_array_equal(*(p.keypoint_scores for p in predictions))
