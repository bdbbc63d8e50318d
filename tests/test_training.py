"""A stock RTMPose config, made DARK, trained as MMPose's users train it."""
import json

import numpy as np
import pytest
from mmpose_dark import DarkRTMCCHead
from conftest import needs_detectors, run_tool
from mmengine.config import Config
from mmpose.apis import inference_topdown, init_model
from mmpose_dark.synthetic import make_figures

pytest.importorskip('mmdet')  # part of the stock pipeline, as is the next
pytest.importorskip('albumentations')
STOCK = ('mmpose::body_2d_keypoint/rtmpose/coco/'
         'rtmpose-t_8xb256-420e_coco-256x192.py')


@needs_detectors
@pytest.mark.slow
def test_rtmpose_trains_with_its_own_pipeline(tmp_path, monkeypatch):
    """Both stages of the pipeline, then the test set: only sizes are ours."""
    import albumentations
    make_figures(tmp_path / 'data', 6, seed=0)
    truth = tmp_path / 'data/person_keypoints.json'
    people = len(json.loads(truth.read_text())['annotations'])
    config, work_dir = tmp_path / 'rtmpose.py', tmp_path / 'work'
    run_tool('darkify_config.py', STOCK, config, '--head')
    stages = Config.fromfile(config)
    assert all('Albumentation' in [step.type for step in pipeline] for pipeline
               in (stages.train_pipeline, stages.train_pipeline_stage2))
    seen = []
    drop = albumentations.CoarseDropout.apply
    monkeypatch.setattr(
        albumentations.CoarseDropout, 'apply', lambda self, img, **kwargs:
        seen.append(self.p) or drop(self, img, **kwargs))
    options = {
        'train_cfg.max_epochs': 2, 'train_cfg.val_interval': 2,
        'custom_hooks.0.switch_epoch': 1,
        'model.backbone.init_cfg': None,  # a download
        'val_evaluator.ann_file': truth,
        # A visualizer is shared by its name, and another test may have one.
        'visualizer.name': 'rtmpose',
        'randomness.seed': 0}
    for split in ('train', 'val'):
        options.update({
            f'{split}_dataloader.{key}': value for key, value in {
                'batch_size': 3, 'num_workers': 0,
                'persistent_workers': False, 'dataset.data_root': tmp_path,
                'dataset.ann_file': 'data/person_keypoints.json',
                'dataset.data_prefix.img': 'data/images/'}.items()})
    assert not run_tool(
        'train.py', config, '--work-dir', work_dir, '--cfg-options',
        *(f'{key}={value}' for key, value in options.items()))

    # a hole in every picture of the first stage, in every other of the next
    assert seen.count(1.) == people and set(seen) <= {1., .5}
    log = [json.loads(line) for file in work_dir.glob('*/vis_data/2*.json')
           for line in file.read_text().splitlines()]
    assert {'loss', 'acc_pose', 'coco/AP'} <= {key for x in log for key in x}
    assert all(np.isfinite(x['loss_kpt']) for x in log if 'loss' in x)
    trained = init_model(str(config), str(work_dir / 'epoch_2.pth'), 'cpu')
    assert isinstance(trained.head, DarkRTMCCHead)
    found = inference_topdown(trained, np.zeros((64, 48, 3), np.uint8))
    assert np.isfinite(found[0].pred_instances.keypoints).all()
