"""The experiments of the paper as configs, built and trained a little."""
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from mmpose_dark import DarkHeatmap, check_alignment, darkify
from conftest import tool
from mmengine.config import Config
from mmengine.fileio import load
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmpose.datasets.transforms import GenerateTarget, PackPoseInputs
from mmpose.registry import MODELS
from mmpose.utils import register_all_modules

register_all_modules()
pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1] / (
    'configs/body_2d_keypoint/topdown_heatmap')
DARK = sorted(ROOT.glob('coco/*_dark-*.py')) + sorted(
    ROOT.glob('mpii/*_dark-*.py'))
OFFICIAL = sorted(ROOT.glob('coco/*_darkpose-*.py'))
PLAIN = sorted(set(ROOT.glob('coco/*.py')) - set(DARK) - set(OFFICIAL))
SIGMA = {'128x96': 1, '256x192': 2, '384x288': 3, '256x256': 2}


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmpose')


def unscoped(entry):
    """Without what mmengine adds to entries inherited from MMPose."""
    return {key: value for key, value in entry.items() if key != '_scope_'}


def test_all_are_there():
    names = {path.stem for path in DARK}
    assert len(names) == 26 and len(PLAIN) == 7 and len(OFFICIAL) == 2
    for net in ('hrnet-w32', 'hrnet-w48', 'res50', 'res101', 'res152',
                '4xhourglass52', '8xhourglass52'):
        for size in ('128x96', '256x192', '384x288'):
            assert sum(f'_{net}_' in name and name.endswith(f'coco-{size}')
                       for name in names) == 1
        hourglass = 'hourglass' in net
        assert sum(f'_{net}_' in name and name.endswith('mpii-256x256')
                   for name in names) == (0 if hourglass else 1)


def test_metafiles_list_them():
    repository = ROOT.parents[2]
    listed = [repository / model['Config']
              for metafile in load(repository / 'model-index.yml')['Import']
              for model in load(repository / metafile)['Models']]
    assert sorted(listed) == sorted(DARK)


@pytest.mark.parametrize('path', DARK + PLAIN + OFFICIAL,
                         ids=lambda path: path.stem)
def test_says_what_its_name_says(path):
    cfg = Config.fromfile(path)
    batch, epochs, size = re.search(
        r'8xb(\d+)-(\d+)e_\w+-(\d+x\d+)$', path.stem).groups()
    codec = cfg.model.head.decoder
    height, width = map(int, size.split('x'))
    assert tuple(codec.input_size) == (width, height)
    assert tuple(codec.heatmap_size) == (width // 4, height // 4)
    assert codec.sigma == SIGMA[size]
    assert cfg.train_cfg.max_epochs == cfg.param_scheduler[-1].end == int(
        epochs)
    assert cfg.train_dataloader.batch_size == int(batch)

    pipeline = cfg.train_dataloader.dataset.pipeline
    assert unscoped(pipeline[-2].encoder) == unscoped(codec)
    assert unscoped(cfg.codec) == unscoped(codec)
    for loader in (cfg.train_dataloader, cfg.val_dataloader,
                   cfg.test_dataloader):
        crop, = (step for step in loader.dataset.pipeline
                 if step.type == 'TopdownAffine')
        assert tuple(crop.input_size) == (width, height)
    assert check_alignment(cfg)
    if path not in OFFICIAL:
        assert check_alignment(darkify(cfg, alignment='udp'))

    # the official schedule and augmentation
    hourglass, hrnet = 'hourglass' in path.stem, 'hrnet' in path.stem
    assert cfg.optim_wrapper.optimizer.type == 'Adam'
    assert cfg.optim_wrapper.optimizer.lr == (2.5e-4 if hourglass else 1e-3)
    assert cfg.param_scheduler[-1].milestones == (
        [170, 200] if hrnet else [90, 120])
    bbox, = (step for step in pipeline if step.type == 'RandomBBoxTransform')
    factors = ((0.75, 1.25), 60) if 'mpii' in path.stem else (
        (0.65, 1.35), 90) if hrnet else ((0.7, 1.3), 80)
    assert (tuple(bbox.scale_factor), bbox.rotate_factor) == factors
    half_body = any(step.type == 'RandomHalfBody' for step in pipeline)
    assert half_body == (hrnet and 'coco' in path.stem)


def build_thin(cfg):
    """The same network with few and thin layers.

    What is tested on two cores is not the capacity of the network but the way
    from its config to its loss: input and heatmap size, stages, head, codec.
    """
    model = cfg.model
    model.pop('data_preprocessor')
    backbone = model.backbone
    backbone.pop('init_cfg', None)
    if backbone.type == 'HRNet':
        for name in ('stage1', 'stage2', 'stage3', 'stage4'):
            stage = backbone.extra[name]
            stage.num_modules = 1
            stage.num_blocks = [1] * stage.num_branches
            stage.num_channels = [c // 8 for c in stage.num_channels]
        model.head.in_channels = backbone.extra.stage4.num_channels[0]
        return MODELS.build(model)
    if backbone.type == 'ResNet':
        backbone.update(depth=18, stem_channels=16, base_channels=16)
        model.head.update(in_channels=128, deconv_out_channels=(32, 32, 32))
        return MODELS.build(model)
    backbone.update(
        stage_channels=(16, ) * 6, stage_blocks=(1, ) * 6, feat_channel=16)
    model.head.in_channels = 16
    network = MODELS.build(model)
    # Hourglass has a stem of 256 channels whatever its config says.
    network.backbone.stem = torch.nn.Conv2d(3, 16, 7, stride=4, padding=3)
    return network


def batch(cfg, num=2):
    """Random images and joints through the target and packing steps."""
    codec = cfg.model.head.decoder
    rng = np.random.default_rng(0)
    steps = [GenerateTarget(encoder=codec.to_dict()), PackPoseInputs()]
    width, height = codec.input_size
    num_keypoints = cfg.model.head.out_channels
    samples = []
    for i in range(num):
        results = dict(
            img=rng.integers(0, 255, (height, width, 3), np.uint8),
            keypoints=rng.uniform(0, codec.input_size, (
                1, num_keypoints, 2)).astype(np.float32),
            keypoints_visible=np.ones((1, num_keypoints), np.float32),
            flip_indices=list(range(num_keypoints)), id=i, img_id=i)
        for step in steps:
            results = step(results)
        samples.append(results)
    images = torch.stack([sample['inputs'] for sample in samples]) / 255.
    return images, [sample['data_samples'] for sample in samples]


@pytest.mark.parametrize('path', DARK + OFFICIAL, ids=lambda path: path.stem)
def test_builds_and_trains_two_iterations(path):
    cfg = Config.fromfile(path)
    with tool('models/stock_configs.py').on_meta():
        whole = MODELS.build(cfg.model)
    codec = whole.head.decoder
    assert isinstance(codec, DarkHeatmap)
    assert whole.head.flip_shift == 'exact'

    torch.manual_seed(0)
    model = build_thin(cfg)
    model.train()
    optim = build_optim_wrapper(model, cfg.optim_wrapper)
    images, samples = batch(cfg)
    losses = []
    for _ in range(2):
        loss = model.loss(images, samples)['loss_kpt']
        optim.update_params(loss)
        losses.append(loss.item())
    assert np.isfinite(losses).all() and losses[0] != losses[1]

    model.eval()
    with torch.no_grad():
        feats = model.extract_feat(images)
        output = model.head(feats)
        predictions = model.head.predict(
            [feats, feats], samples, model.test_cfg)
    width, height = codec.heatmap_size
    output = output[-1] if isinstance(output, list) else output
    assert output.shape == (2, whole.head.out_channels, height, width)
    for prediction in predictions:
        assert np.isfinite(prediction.keypoints).all()
