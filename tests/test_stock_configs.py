"""Every top-down heatmap config of the installed MMPose.

Backbones hold nearly all the weights and none of what darkify touches. They
run on PyTorch's meta device, which computes shapes but no numbers, so that
269 layers cost what 18 do; the head, its codec and the flip test are real and
get random features of exactly the shapes that the backbone has for an image.
The tests at the end run whole small models on an image.
"""
import importlib.util
import json
from functools import lru_cache
from pathlib import Path

import mmpose
import numpy as np
import pytest
import torch
from mmpose_dark import DarkHeatmap, apply_dark, darkify
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.apis import inference_topdown, init_model
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from mmpose.utils import register_all_modules

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
            with torch.device('meta'):
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
