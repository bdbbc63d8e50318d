"""The package inside MMPose: its configs, Runner, tools and checkpoints."""
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmpose_dark import DarkHeatmap
from conftest import needs_mmengine_0_9, needs_torch_2_6, no_fork, run_tool
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.registry import DATASETS, MODELS
from mmpose.utils import register_all_modules
from mmpose_dark.synthetic import make_figures

register_all_modules()
pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]
FIGURES = ROOT / 'configs/body_2d_keypoint/topdown_heatmap/figures'
STOCK = FIGURES / 'td-hm_res18-thin_1xb64-8e_figures-128x96.py'
DARK = FIGURES / 'td-hm_res18-thin_dark-1xb64-8e_figures-128x96.py'
DEMO = [FIGURES / f'td-hm_res18-hypercolumn_{name}_figures-128x96.py'
        for name in ('1xb16-2e', 'dark-1xb16-2e')]


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp('data')
    for split, seed in (('train', 0), ('val', 1)):
        make_figures(root / split, 12, seed=seed)
    return root


def options(data):
    """What makes one epoch of a config a matter of seconds."""
    out = {
        'train_cfg.max_epochs': 1,
        'default_hooks.checkpoint.save_best': None,
        'test_evaluator.ann_file': data / 'val/person_keypoints.json',
        'val_evaluator.ann_file': data / 'val/person_keypoints.json',
    }
    for name in ('train', 'val', 'test'):
        out.update({
            f'{name}_dataloader.dataset.data_root': data,
            f'{name}_dataloader.batch_size': 4,
            f'{name}_dataloader.num_workers': 0,
            f'{name}_dataloader.persistent_workers': False,
        })
    return {key: value if value is None or isinstance(value, int) else
            str(value) for key, value in out.items()}


def words(*args, data):
    """Arguments of a tool."""
    return [*map(str, args), '--cfg-options',
            *(f'{key}={value}' for key, value in options(data).items())]


@pytest.fixture
def run(data, capfd):
    """A tool in this process; what it says."""
    def go(name, *args):
        capfd.readouterr()
        assert not run_tool(name, *words(*args, data=data))
        return ''.join(capfd.readouterr())

    return go


@pytest.fixture(scope='module')
def stock_checkpoint(data, tmp_path_factory):
    """One epoch of the stock config, optimizer and log history included.

    In a process of its own, as a user trains.
    """
    work_dir = tmp_path_factory.mktemp('stock')
    done = subprocess.run(
        [sys.executable, str(ROOT / 'tools/train.py'), *words(
            STOCK, '--work-dir', work_dir, data=data)],
        capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return work_dir / 'epoch_1.pth'


@needs_mmengine_0_9
def test_trains_with_the_swapped_config(run, tmp_path):
    log = run('train.py', DARK, '--work-dir', tmp_path)
    assert (tmp_path / 'epoch_1.pth').is_file()
    assert 'loss_kpt' in log and 'coco/AP' in log


def test_stock_checkpoint_tests_with_either_config(run, stock_checkpoint,
                                                   tmp_path):
    for config in (STOCK, DARK):
        log = run('test.py', config, stock_checkpoint, '--work-dir', tmp_path)
        assert 'coco/AP' in log
        assert 'size mismatch' not in log and 'missing keys' not in log


@needs_torch_2_6
@no_fork
def test_stock_checkpoint_loads_strict_with_weights_only(stock_checkpoint):
    loaded = torch.load(
        stock_checkpoint, map_location='cpu', weights_only=True)
    assert 'message_hub' in loaded and 'optimizer' in loaded
    init_default_scope('mmpose')
    model = MODELS.build(Config.fromfile(str(DARK)).model)
    model.load_state_dict(loaded['state_dict'], strict=True)
    assert isinstance(model.head.decoder, DarkHeatmap)


def test_one_swapped_entry_is_the_whole_difference():
    """The text of a stock config with one word changed."""
    base = Config.fromfile(str(STOCK))
    text = base.pretty_text.replace(
        "type='MSRAHeatmap'", "type='mmpose_dark.DarkHeatmap'")
    swapped = Config.fromstring(text, '.py')
    dark = Config.fromfile(str(DARK))
    for cfg in (swapped, dark):
        assert cfg.model.head.decoder.type == 'mmpose_dark.DarkHeatmap'
        assert (cfg.train_dataloader.dataset.pipeline[-2].encoder.type ==
                'mmpose_dark.DarkHeatmap')
    assert dark.to_dict() == swapped.to_dict()


def test_targets_reach_the_head(data):
    """Through dataset, GenerateTarget and PackPoseInputs to a loss."""
    cfg = Config.fromfile(str(DARK))
    cfg.merge_from_dict(options(data))
    init_default_scope('mmpose')
    np.random.seed(0)
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    batch = [dataset[i] for i in range(4)]
    model = MODELS.build(cfg.model)
    model.train()
    packed = model.data_preprocessor(
        dict(inputs=[b['inputs'] for b in batch],
             data_samples=[b['data_samples'] for b in batch]), training=True)
    losses = model.loss(**packed)
    assert torch.isfinite(losses['loss_kpt'])
    assert 0 <= losses['acc_pose'] <= 1
    heatmaps = packed['data_samples'][0].gt_fields.heatmaps
    # the maximum of an unbiased target lies between the pixels
    assert heatmaps.shape == (17, 32, 24) and 0.5 < heatmaps.max() < 1


@pytest.mark.parametrize('targets', ['', '_dark'])
@pytest.mark.parametrize(('network', 'configs', 'error'), [
    ('res18-thin', (STOCK, DARK), 4),
    ('res18-hypercolumn', DEMO, 2.5)])
def test_shipped_network_loads_and_predicts(
        data, network, configs, error, targets):
    from mmengine.runner import load_checkpoint
    path = FIGURES / f'td-hm_{network}{targets}_figures-128x96.pth'
    assert path.stat().st_size < 4 * 2**20
    init_default_scope('mmpose')
    medians = []
    for config in configs:
        cfg = Config.fromfile(str(config))
        cfg.merge_from_dict(options(data))
        model = MODELS.build(cfg.model)
        load_checkpoint(model, str(path), map_location='cpu', strict=True)
        model.eval()
        dataset = DATASETS.build(cfg.test_dataloader.dataset)
        batch = [dataset[i] for i in range(len(dataset))]
        with torch.no_grad():
            samples = model.test_step(
                dict(inputs=[b['inputs'] for b in batch],
                     data_samples=[b['data_samples'] for b in batch]))
        errors = []
        for sample in samples:
            truth = np.array(sample.raw_ann_info['keypoints']).reshape(-1, 3)
            offset = sample.pred_instances.keypoints[0] - truth[:, :2]
            offset = offset / sample.input_scale * sample.input_size
            errors += list(
                np.linalg.norm(offset, axis=1)[truth[:, 2] > 0])
        medians.append(np.median(errors))
    # input px, at a stride of 4: it has learned something, and DARK reads it
    # no worse
    assert medians[1] <= medians[0] < error
