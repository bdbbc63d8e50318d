"""Train the two networks of ``make demo`` again.

Draws the people to train on, then trains three times on one CPU core: the
start that both networks share, and from it one network for the biased and
one for the unbiased targets. Finished trainings are kept, one cut off goes on
from its last epoch. The weights lie beside each other in ``--out``.
"""
import argparse
from functools import partial
from pathlib import Path

from mmpose_dark.cli.progress import track

CONFIGS = (Path(__file__).resolve().parents[2] /
           'configs/body_2d_keypoint/topdown_heatmap/figures')
START = 'td-hm_res18-hypercolumn_start-1xb16-14e_figures-128x96.py'
#: config of each network -> its file
NETWORKS = {
    'td-hm_res18-hypercolumn_1xb16-2e_figures-128x96.py':
    'td-hm_res18-hypercolumn_figures-128x96.pth',
    'td-hm_res18-hypercolumn_dark-1xb16-2e_figures-128x96.py':
    'td-hm_res18-hypercolumn_dark_figures-128x96.pth',
}


def train(config, weights, data_root, start=None):
    """Train a config, and write the weights alone.

    Convolutions are computed in bfloat16, in memory order channels_last: about
    half the time. The weights stay float32.

    Args:
        config (str): Name of the config.
        weights (Path): File to write.
        data_root (Path): Has the people to train on in ``train/``.
        start (Path, optional): Weights to start from.
    """
    import torch
    from mmengine.config import Config
    from mmengine.runner import Runner
    cfg = Config.fromfile(CONFIGS / config)
    cfg.work_dir = str(weights.with_suffix(''))
    cfg.resume = (weights.with_suffix('') / 'last_checkpoint').is_file()
    cfg.load_from = None if cfg.resume or start is None else str(start)
    cfg.train_dataloader.dataset.data_root = str(data_root)
    # Nothing is chosen by validation: the last epoch counts.
    cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    cfg.test_cfg = cfg.test_dataloader = cfg.test_evaluator = None
    del cfg.train_cfg['val_interval']
    cfg.default_hooks.checkpoint = dict(
        type='CheckpointHook', interval=1, max_keep_ckpts=1)
    runner = Runner.from_cfg(cfg)
    runner.model.to(memory_format=torch.channels_last)
    runner.model.head.final_layer.register_forward_hook(
        lambda layer, args, heatmaps: heatmaps.float())
    # Without its cache, which would keep the first weights to the end.
    with torch.autocast('cpu', torch.bfloat16, cache_enabled=False):
        runner.train()
    torch.save(dict(state_dict={
        key: value.contiguous()
        for key, value in runner.model.state_dict().items()}), weights)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.split('\n\n')[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument('--out', type=Path, default='train_demo_out')
    parser.add_argument('--train', type=int, default=8000, metavar='IMAGES')
    args = parser.parse_args()

    import torch
    from mmpose_dark.synthetic import make_figures
    torch.set_num_threads(1)

    data = args.out / f'figures-{args.train}'
    if not (data / 'train/person_keypoints.json').is_file():
        # Seed 0: seed 1 is tested on.
        make_figures(data / 'train', args.train, seed=0, progress=partial(
            track, description='drawing people'))
    start = args.out / 'start.pth'
    runs = [(START, start, None)]
    runs += [(config, args.out / network, start)
             for config, network in NETWORKS.items()]
    for config, weights, start in runs:
        if not weights.is_file():
            train(config, weights, data, start)
        print(weights)


if __name__ == '__main__':
    main()
