"""Every config of the installed MMPose: converted, or refused in words.

How, is told by the tool that they share. The tests at the end run whole small
models on an image.
"""
import copy
from pathlib import Path

import mmpose
import numpy as np
import pytest
import torch
from mmpose_dark import DarkRTMCCHead, DarkSimCC, apply_dark, darkify
from conftest import tool
from mmengine.config import Config
from mmengine.config.utils import ConfigParsingError
from mmengine.logging import MessageHub
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData
from mmpose.apis import inference_topdown, init_model
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from mmpose.utils import register_all_modules

register_all_modules()
pytestmark = pytest.mark.slow

models, page = tool('models/stock_configs.py'), tool('models/page.py')
PAGE = page.PAGE.read_text()
of_the_page = pytest.mark.skipif(
    f'with MMPose {mmpose.__version__}.' not in PAGE,
    reason='the page is of the configs of another MMPose')


@pytest.fixture(autouse=True, scope='module')
def bases():
    """Hundreds of configs share a few: mmengine reads each once."""
    read, found = Config._file2dict, {}

    def remembered(filename, *args, **kwargs):
        if '_base_' not in Path(filename).parts:
            return read(filename, *args, **kwargs)
        if filename not in found:
            found[filename] = read(filename, *args, **kwargs)
        return copy.deepcopy(found[filename])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Config, '_file2dict', staticmethod(remembered))
        yield


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmpose')


def test_found_the_configs():
    # MMPose 1.2 has some fewer.
    assert len(models.CONFIGS) == 408 or mmpose.__version__ < '1.3.2'
    assert len(models.CONFIGS) > 380


@pytest.mark.parametrize('path', models.CONFIGS, ids=lambda path: path.stem)
def test_config_fares_as_the_page_says(path):
    """It is converted and run, or refused in words."""
    try:
        found = models.examine(path)
    except ConfigParsingError:
        pytest.skip('this MMPose does not find the base of its own config')
    if not found.reads:
        with pytest.raises(ValueError, match='cannot be made DARK.*(Use|Make) '
                           ):
            darkify(models.load(path))
    if f'with MMPose {mmpose.__version__}.' in PAGE:
        assert page.row(page.method(path), found) in PAGE


@of_the_page
def test_page_is_of_these_configs():
    found = {path: models.examine(path) for path in models.CONFIGS}
    assert page.text(found) == PAGE


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
    if not (models.ROOT / path).is_file():
        pytest.skip('MMPose 1.2 lacks this config')
    cfg = darkify(Config.fromfile(models.ROOT / path), head=True)
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
    monkeypatch.chdir(models.ROOT.parent)
    stock = Config.fromfile(
        models.ROOT / 'wholebody_2d_keypoint/dwpose/ubody/s2_dis/'
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


@pytest.mark.parametrize('name', [
    'td-hm_mobilenetv2_8xb64-210e_coco-256x192',
    'td-hm_vipnas-mbv3_8xb64-210e_coco-256x192',
    'td-hm_mspn50_8xb32-210e_coco-256x192',
])
def test_whole_model_predicts_an_image(name):
    """Through MMPose's pipeline and estimator; apply_dark does the same."""
    stock = Config.fromfile(
        models.ROOT / f'body_2d_keypoint/topdown_heatmap/coco/{name}.py')
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
