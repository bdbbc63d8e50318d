"""Evaluate a file of tools/export_onnx.py as tools/test.py does a checkpoint.

Runs MMPose's own test loop on the config's test set, with its pipeline and its
evaluator; only the prediction of a batch is the ONNX file's, by ONNX Runtime
on the CPU. With CHECKPOINT, the model itself is tested too, with or without
flip test as the file is, and both are printed side by side, with how far their
keypoints lie apart.
"""
import argparse
import contextlib
import io
import tempfile

import numpy as np
from mmengine.config import DictAction
from rich.console import Console
from rich.table import Table

from mmpose_dark.config import load_config
from mmpose_dark.runtime import PoseRuntime

from mmengine.runner import Runner  # isort: skip
from mmengine.structures import InstanceData  # isort: skip


def make_runner(cfg, checkpoint, flip_test, work_dir):
    """MMPose's Runner, for the test loop only."""
    cfg.update(work_dir=work_dir, load_from=checkpoint, resume=False,
               log_level='WARNING')
    cfg.model.test_cfg = dict(cfg.model.get('test_cfg') or {},
                              flip_test=flip_test)
    # The data to train on need not exist.
    for name in ('train_dataloader', 'train_cfg', 'optim_wrapper',
                 'val_dataloader', 'val_cfg', 'val_evaluator',
                 'param_scheduler'):
        cfg[name] = None
    return Runner.from_cfg(cfg)


def predictor(pose, model):
    """``predict`` of the model with the network of an exported file."""

    def predict(inputs, data_samples):
        keypoints, scores = pose.infer(inputs.cpu().numpy())[:2]
        return model.add_pred_to_datasample(
            [InstanceData(keypoints=k[None], keypoint_scores=s[None])
             for k, s in zip(keypoints, scores)], None, data_samples)

    return predict


def evaluate(runner, predict):
    """The test loop with some ``predict`` of the model.

    Returns:
        tuple: The metrics and, by person, keypoints (K, 2) in input px.
    """
    points = {}

    def observed(inputs, data_samples):
        results = predict(inputs, data_samples)
        for sample in results:
            meta = sample.metainfo
            points[meta['id'], meta['img_id']] = (
                sample.pred_instances.keypoints[0] / meta['input_scale'] *
                meta['input_size'])
        return results

    runner.model.predict = observed
    # The evaluation prints a page that the table at the end sums up.
    with contextlib.redirect_stdout(io.StringIO()):
        metrics = runner.test()
    return metrics, points


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        'config', help='a config, or a name like mmpose::body_2d_keypoint/...')
    parser.add_argument('onnx', help='the exported file')
    parser.add_argument('checkpoint', nargs='?',
                        help='what it was exported from, to compare with')
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, default={},
        metavar='KEY=VALUE', help='settings of the config to override, such '
        'as test_dataloader.dataset.data_root=data/coco')
    args = parser.parse_args()

    pose = PoseRuntime(args.onnx)
    flip_test = pose.metadata['flip_test']
    cfg = load_config(args.config)
    cfg.merge_from_dict(args.cfg_options)
    columns = {}
    with tempfile.TemporaryDirectory() as work_dir:
        runner = make_runner(cfg, args.checkpoint, flip_test, work_dir)
        model = runner.model
        own = model.predict
        if args.checkpoint:
            codec = type(model.head.decoder).__name__
            columns[f'PyTorch, {codec}'] = evaluate(runner, own)
        columns['ONNX'] = evaluate(runner, predictor(pose, model))

    table = Table(title=f'{len(columns["ONNX"][1])} persons, '
                  f'{"with" if flip_test else "without"} flip test')
    table.add_column('metric')
    for name in columns:
        table.add_column(name, justify='right')
    for key in columns['ONNX'][0]:
        table.add_row(key, *(f'{metrics[key]:.4f}'
                             for metrics, _ in columns.values()))
    Console(width=88).print(table)
    if args.checkpoint:
        (_, want), (_, got) = columns.values()
        apart = np.linalg.norm(
            [got[person] - want[person] for person in want], axis=-1)
        print(f'Keypoints differ by {apart.max():.5f} input px at most, '
              f'{np.median(apart):.6f} in the median.')


if __name__ == '__main__':
    main()
