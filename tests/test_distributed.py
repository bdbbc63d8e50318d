"""Two processes for one, and one that is killed: mmengine's Runner with us.

On CPU processes joined by gloo, through the tools and scripts a user starts;
what they are compared to runs in this process meanwhile.
"""
import json
import os
import pickle
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import needs_mmengine_0_9, run_tool
from mmpose_dark.synthetic import make_figures

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]
DARK = (ROOT / 'configs/body_2d_keypoint/topdown_heatmap/figures/'
        'td-hm_res18-thin_dark-1xb64-8e_figures-128x96.py')

#: One stage of the backbone without statistics over the batch, which two
#: processes would not share; SGD, which unlike Adam is linear in the gradient.
CONFIG = '''
_base_ = [{base!r}]
custom_imports = dict(imports=['recorder'])
codec = _base_.codec
data_root = {data!r}
model = dict(
    backbone=dict(
        num_stages=1, strides=(1, ), dilations=(1, ), out_indices=(0, ),
        norm_eval=True),
    head=dict(
        type='mmpose_dark.DarkHeatmapHead', in_channels=16,
        deconv_out_channels=None, decoder=codec))
{augment}
train_pipeline = _base_.val_pipeline[:2] + augment + [
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='mmpose_dark.GenerateDarkTarget', encoder=codec),
    dict(type='PackPoseInputs')]
loader = dict(
    batch_size={batch}, num_workers=1, persistent_workers=False,
    dataset=dict(data_root=data_root))
train_dataloader = dict(**loader)
train_dataloader['dataset'] = dict(
    data_root=data_root, pipeline=train_pipeline)
val_dataloader = test_dataloader = loader
val_evaluator = dict(ann_file=data_root + '/val/person_keypoints.json')
test_evaluator = val_evaluator
train_cfg = dict(max_epochs=2, val_interval=9)
optim_wrapper = dict(optimizer=dict(_delete_=True, type='SGD', lr=1.))
param_scheduler = []
default_hooks = dict(
    checkpoint=dict(interval=1, max_keep_ckpts=-1, save_best=None))
custom_hooks = [dict(type='Recorder')]
'''
AUGMENT = ("augment = [dict(type='RandomFlip', direction='horizontal'), "
           "dict(type='RandomBBoxTransform')]")


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp('data')
    make_figures(root / 'train', 16, seed=0)
    make_figures(root / 'val', 7, seed=1)  # two processes do not share evenly
    return root


def write_config(folder, data, batch, augment='augment = []'):
    path = folder / f'batch{batch}.py'
    path.write_text(CONFIG.format(
        base=str(DARK), data=str(data), batch=batch, augment=augment))
    return path


def start(*command, **env):
    env = {**os.environ, 'PYTHONPATH': os.pathsep.join(
               [str(ROOT), str(ROOT / 'tests')]),
           'OMP_NUM_THREADS': '1', 'PATH': os.pathsep.join(
               [str(Path(sys.executable).parent), os.environ['PATH']]), **env}
    return subprocess.Popen(
        [str(part) for part in command], env=env, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def tool(name, *args, **env):
    return start(sys.executable, ROOT / 'tools' / name, *args, **env)


def free_port():
    """Another run of these tests may be on any that is fixed."""
    with socket.socket() as probe:
        probe.bind(('', 0))
        return str(probe.getsockname()[1])


def here(name, *args):
    """A tool in this process, a thread each as the others have."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        assert not run_tool(name, *args)
    finally:
        torch.set_num_threads(threads)


def script(name, *args):
    return start('bash', ROOT / 'tools' / name, *args, PORT=free_port())


def finish(run):
    log, _ = run.communicate()
    assert run.returncode == 0, log[-3000:]


def weights(work_dir, epoch=2):
    return torch.load(work_dir / f'epoch_{epoch}.pth', map_location='cpu',
                      weights_only=False)['state_dict']


def losses(work_dir, rank=0):
    return np.array(json.loads((work_dir / f'losses_{rank}.json').read_text()))


@needs_mmengine_0_9
def test_two_processes_are_one(data, tmp_path):
    """Training: a batch of 2 each is a batch of 4. Testing: the same."""
    one, two = tmp_path / 'one', tmp_path / 'two'
    run = script('dist_train.sh', write_config(tmp_path, data, 2), 2,
                 '--work-dir', two)
    here('train.py', write_config(tmp_path, data, 4), '--work-dir', one)
    finish(run)
    single, ranks = losses(one), [losses(two, rank) for rank in (0, 1)]
    assert len(single) == 8  # 16 samples in 2 epochs
    assert abs(ranks[0] - ranks[1]).max() > 1e-7
    np.testing.assert_allclose(np.mean(ranks, 0), single, rtol=1e-4)
    first, second = weights(one), weights(two)
    for key, value in first.items():
        torch.testing.assert_close(second[key], value, rtol=1e-4, atol=1e-6)
    # ... a hundred times closer than training moved them
    key = 'head.final_layer.weight'
    moved = abs(first[key] - weights(one, epoch=1)[key]).max()
    assert moved > 100 * abs(first[key] - second[key]).max()

    checkpoint, config = one / 'epoch_2.pth', tmp_path / 'batch4.py'
    run = script('dist_test.sh', config, checkpoint, 2, '--work-dir', two,
                 '--dump', two / 'out.pkl', '--out', two / 'out.json')
    here('test.py', config, checkpoint, '--work-dir', one, '--dump',
         one / 'out.pkl', '--out', one / 'out.json')
    finish(run)
    metrics = [json.loads((d / 'out.json').read_text()) for d in (one, two)]
    assert metrics[0].keys() == metrics[1].keys() and 'coco/AP' in metrics[0]
    for key, value in metrics[0].items():
        assert metrics[1][key] == pytest.approx(value, abs=1e-6)
    one, two = [
        {sample['id']: sample['pred_instances'] for sample in
         pickle.loads((d / 'out.pkl').read_bytes())} for d in (one, two)]
    assert one.keys() == two.keys() and len(one) == 7
    for key, want in one.items():
        for name in ('keypoints', 'keypoint_scores'):
            np.testing.assert_allclose(
                two[key][name], want[name], rtol=1e-4, atol=1e-2)


def test_killed_and_resumed_is_never_killed(data, tmp_path):
    """With augmentation and momentum, half-way through the second epoch."""
    config = write_config(tmp_path, data, 4, AUGMENT)
    never, killed = tmp_path / 'never', tmp_path / 'killed'
    options = ['--cfg-options', 'optim_wrapper.optimizer.lr=0.1',
               'optim_wrapper.optimizer.momentum=0.9']
    run = tool('train.py', config, '--work-dir', killed, *options,
               'custom_hooks.0.kill_at=6')
    here('train.py', config, '--work-dir', never, *options)
    log, _ = run.communicate()
    assert run.returncode == -9, log[-3000:]
    assert not (killed / 'epoch_2.pth').exists()
    finish(tool('train.py', config, '--work-dir', killed, '--resume',
                *options))
    assert np.isfinite(losses(never)).all()
    np.testing.assert_allclose(losses(killed), losses(never)[4:], rtol=1e-5)
    resumed = weights(killed)
    for key, value in weights(never).items():
        torch.testing.assert_close(resumed[key], value, rtol=1e-5, atol=1e-7)
