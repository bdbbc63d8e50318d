"""Data loading and training with targets drawn by the head, beside MMPose's.

- Loading: MMPose's pipeline on synthetic figures (load, crop, target, pack)
  through worker processes, once with ``GenerateTarget`` and once with
  ``GenerateDarkTarget``; for 133 keypoints the 17 are repeated.
- Training: ``train_step`` of the demo config on one loaded batch, with
  ``MSRAHeatmap(unbiased=True)`` and ``HeatmapHead`` and with ours.

Both take turns in one process, so that whatever else the machine does hits
both alike; medians over the rounds. Prints a Markdown table and writes JSON.
"""
import argparse
import json
import pickle
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
from mmpose_dark.markdown import markdown_table

CONFIG = (Path(__file__).resolve().parents[2] /
          'configs/body_2d_keypoint/topdown_heatmap/figures/'
          'td-hm_res18-thin_1xb64-8e_figures-128x96.py')
#: keypoints, input size, heatmap size, sigma
SHAPES = ((17, (192, 256), (48, 64), 2), (133, (288, 384), (72, 96), 3))
STOCK, OURS = 'MMPose', 'mmpose_dark'


def codec_of(side, input_size, heatmap_size, sigma):
    kind = (dict(type='MSRAHeatmap', unbiased=True) if side == STOCK else
            dict(type='mmpose_dark.DarkHeatmap'))
    return dict(kind, input_size=input_size, heatmap_size=heatmap_size,
                sigma=sigma)


def pipeline_of(side, codec):
    target = 'GenerateTarget' if side == STOCK else 'GenerateDarkTarget'
    return [
        dict(type='LoadImage'),
        dict(type='GetBBoxCenterScale'),
        dict(type='TopdownAffine', input_size=codec['input_size']),
        dict(type=target, encoder=codec),
        dict(type='PackPoseInputs')
    ]


class RepeatJoints:
    """Make ``num`` keypoints of those there are, in order, over and over."""

    def __init__(self, num):
        self.num = num

    def __call__(self, results):
        """As a transform of a pipeline."""
        which = np.arange(self.num) % results['keypoints'].shape[1]
        for key in ('keypoints', 'keypoints_visible'):
            results[key] = results[key][:, which]
        return results


def loader_of(side, shape, data_root, args):
    from mmengine.runner import Runner
    num, *geometry = shape
    codec = codec_of(side, *geometry)
    loader = Runner.build_dataloader(dict(
        batch_size=args.batch,
        num_workers=args.workers,
        persistent_workers=True,
        sampler=dict(type='DefaultSampler', shuffle=True),
        collate_fn=dict(type='pseudo_collate'),
        dataset=dict(
            type='CocoDataset', data_mode='topdown', data_root=str(data_root),
            ann_file='person_keypoints.json', data_prefix=dict(img='images/'),
            pipeline=pipeline_of(side, codec))), seed=0)
    loader.dataset.pipeline.transforms.insert(2, RepeatJoints(num))
    return loader


def exhaust(loader):
    for _ in loader:
        pass


def loading(args, data_root):
    """Three rows for each shape."""
    from mmpose_dark.evaluation import take_turns
    for shape in SHAPES:
        loaders = {side: loader_of(side, shape, data_root, args)
                   for side in (STOCK, OURS)}
        batches = {side: next(iter(loader))
                   for side, loader in loaders.items()}
        ms = take_turns({side: partial(exhaust, loader)
                         for side, loader in loaders.items()}, args.rounds)
        width, height = shape[2]
        yield dict(
            what=f'loading {shape[0]}x{height}x{width}', unit='samples/s',
            value={side: 1e3 * args.images / time['median']
                   for side, time in ms.items()}, better='higher')
        for key in ('data_samples', 'inputs'):
            yield dict(
                what=f'{key} of a batch of {args.batch} between processes',
                unit='KB', better='lower', value={
                    side: len(pickle.dumps(batch[key])) / 1e3
                    for side, batch in batches.items()})


def training(args, data_root):
    """One row: the training step of the demo config."""
    import torch
    from mmengine.config import Config
    from mmengine.dataset import pseudo_collate
    from mmengine.optim import OptimWrapper
    from mmpose.registry import DATASETS, MODELS
    from mmpose_dark.evaluation import take_turns

    def step(model, batch, wrapper):
        losses = model.train_step(batch, wrapper)
        losses['loss'].item()  # waits for a device

    steps = {}
    for side in (STOCK, OURS):
        cfg = Config.fromfile(CONFIG)
        codec = codec_of(side, cfg.codec.input_size, cfg.codec.heatmap_size,
                         cfg.codec.sigma)
        cfg.model.head.decoder = codec
        if side == OURS:
            cfg.model.head.type = 'mmpose_dark.DarkHeatmapHead'
        torch.manual_seed(0)
        model = MODELS.build(cfg.model).to(args.device).train()
        dataset = DATASETS.build(dict(
            cfg.train_dataloader.dataset, data_root=str(data_root),
            ann_file='person_keypoints.json',
            data_prefix=dict(img='images/'),
            pipeline=pipeline_of(side, codec)))
        batch = pseudo_collate(
            [dataset[i % len(dataset)] for i in range(args.batch)])
        wrapper = OptimWrapper(torch.optim.Adam(model.parameters(), 1e-4))
        steps[side] = partial(step, model, batch, wrapper)

    ms = take_turns(steps, args.steps)
    yield dict(
        what=f'training step, demo config, batch of {args.batch}', unit='ms',
        value={side: time['median'] for side, time in ms.items()},
        better='lower')


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.split('\n\n')[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument('--out', type=Path, default='benchmark_head.json')
    parser.add_argument('--quick', action='store_true',
                        help='a minute, to see that it runs')
    parser.add_argument('--workers', type=int, default=2)
    parser.add_argument('--batch', type=int, default=64)
    parser.add_argument('--images', type=int, default=512)
    parser.add_argument('--rounds', type=int, default=5,
                        help='passes over the images')
    parser.add_argument('--steps', type=int, default=20)
    parser.add_argument('--device', default='cpu', help='to train on')
    args = parser.parse_args()
    if args.quick:
        args.batch, args.images, args.rounds, args.steps = 16, 64, 1, 2

    from mmengine.registry import init_default_scope
    from mmpose_dark.evaluation import environment
    from mmpose_dark.synthetic import make_figures
    init_default_scope('mmpose')
    with tempfile.TemporaryDirectory() as folder:
        make_figures(folder, args.images)
        rows = [*loading(args, folder), *training(args, folder)]
    for row in rows:
        row['ratio'] = row['value'][OURS] / row['value'][STOCK]
    args.out.write_text(json.dumps(
        dict(environment=environment(),
             arguments={key: str(v) for key, v in vars(args).items()},
             rows=rows), indent=1))
    print(markdown_table(['', STOCK, OURS, 'ratio'], [
        [f'{row["what"]} ({row["unit"]})', f'{row["value"][STOCK]:,.1f}',
         f'{row["value"][OURS]:,.1f}', f'{row["ratio"]:.3g}x']
        for row in rows]))


if __name__ == '__main__':
    main()
