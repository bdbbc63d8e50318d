"""The paper's tables in miniature, trained and measured by one command.

Makes synthetic figures with exact joints, trains thin versions of the paper's
networks on them with MMPose's Runner, once with the stock biased targets and
once with unbiased ones, and reads their heatmaps with every decoder:

- Table 1: no shift, standard shift, DARK
- Table 2: DARK without and with distribution modulation
- Table 3: biased and unbiased encoding, standard and DARK decoding
- Table 4: three input sizes, baseline and DARK
- section 3.3: three kinds of network
- beside them the MPII protocol, the merges of the flip test, where DARK
  starts, how often covariances hold the truth, and RTMPose with two bins for
  every pixel and with one

Resumable: what is finished is kept, a training cut off goes on from its last
epoch. Several trainings run beside each other, a thread each on the CPU.
Writes tables.md, tables.csv, pictures after those of the paper, and for every
training its config, log, checkpoint and scores.
"""
import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from mmpose_dark._tools import Progress, track

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CONFIGS = ROOT / 'configs/body_2d_keypoint'
BASE = (CONFIGS / 'topdown_heatmap/figures' /
        'td-hm_res18-thin_1xb64-8e_figures-128x96.py')
RTMPOSE = (CONFIGS / 'rtmpose/figures' /
           'rtmpose-thin_1xb32-16e_figures-128x96.py')
#: input size (w, h) -> sigma: down with the size, as the paper's 1, 2, 3
SIZES = {(96, 128): 1, (72, 96): .85, (48, 64): .7}
MAIN = 'SimpleBaseline', (96, 128)


def thin_hrnet(width):
    channels = [width * 2**i for i in range(4)]
    extra = dict(stage1=dict(
        num_modules=1, num_branches=1, block='BOTTLENECK', num_blocks=(1, ),
        num_channels=(16, )))
    for n in (2, 3, 4):
        extra[f'stage{n}'] = dict(
            num_modules=1, num_branches=n, block='BASIC',
            num_blocks=(1, ) * n, num_channels=tuple(channels[:n]))
    return dict(type='HRNet', in_channels=3, extra=extra)


#: name -> (backbone, head without loss and codec); a thin SimpleBaseline is
#: that of BASE
NETWORKS = {
    'HRNet': (
        thin_hrnet(16),
        dict(type='mmpose_dark.DarkHeatmapHead', in_channels=16,
             deconv_out_channels=None)),
    'Hourglass': (
        dict(type='ThinHourglass', downsample_times=3, num_stacks=1,
             stage_channels=(32, 32, 48, 64), stage_blocks=(1, 1, 1, 1),
             feat_channel=32),
        dict(type='mmpose_dark.DarkCPMHead', in_channels=32, num_stages=1,
             deconv_out_channels=None)),
}
#: name -> bins for every input px
BINS = {'RTMPose_k2': 2, 'RTMPose_k1': 1}


@dataclass(frozen=True)
class Run:
    """One training."""

    network: str
    size: tuple
    encoding: str  # 'biased' or 'unbiased'
    seed: int

    @property
    def name(self):
        """Of its folder."""
        w, h = self.size
        return f'{self.network}-{h}x{w}-{self.encoding}-seed{self.seed}'

    @property
    def cost(self):
        """Roughly, in trainings of the main network."""
        w, h = self.size
        network = {'SimpleBaseline': 1, 'HRNet': 2.2, 'Hourglass': 1.1,
                   'RTMPose_k2': 2.5, 'RTMPose_k1': 2.5}
        return network[self.network] * (.25 + .75 * w * h / (96 * 128))


def plan(seeds, networks):
    """Trainings in the order of what the tables need first."""
    kinds = [MAIN, *((MAIN[0], size) for size in list(SIZES)[1:]),
             *((network, MAIN[1]) for network in (*NETWORKS, *BINS))]
    return [Run(*kind, encoding, seed) for seed in range(seeds)
            for kind in kinds if kind[0].startswith(tuple(networks))
            for encoding in ('biased', 'unbiased')]


def of_heatmaps(run):
    """The stock config of heatmaps with another network, size and codec."""
    from mmengine.config import Config
    w, h = run.size
    cfg = Config.fromfile(BASE)
    cfg.codec = dict(
        type='mmpose_dark.DarkHeatmap', input_size=run.size,
        heatmap_size=(w // 4, h // 4), sigma=SIZES[run.size],
        unbiased=run.encoding == 'unbiased')
    if run.network in NETWORKS:
        cfg.model.backbone, head = NETWORKS[run.network]
        cfg.model.head = dict(head, out_channels=17, loss=cfg.model.head.loss)
    else:
        cfg.model.head.type = 'mmpose_dark.DarkHeatmapHead'
    if run.network == 'Hourglass':
        import thin_hourglass  # noqa: F401
        cfg.custom_imports = dict(imports=['thin_hourglass'])
    return cfg


def of_vectors(run):
    """RTMPose's config with so many bins; sigma is the same in px."""
    from mmengine.config import Config
    cfg = Config.fromfile(RTMPOSE)
    share = BINS[run.network] / cfg.codec.simcc_split_ratio
    cfg.codec.update(
        type='mmpose_dark.DarkSimCC', unbiased=run.encoding == 'unbiased',
        simcc_split_ratio=float(BINS[run.network]),
        sigma=tuple(share * sigma for sigma in cfg.codec.sigma))
    cfg.model.head.update(type='mmpose_dark.DarkRTMCCHead',
                          simcc_split_ratio=cfg.codec.simcc_split_ratio)
    return cfg


def config(run, args):
    """The config of a training: the stock one with few entries changed."""
    from mmpose_dark.alignment import entries
    vectors = run.network in BINS
    cfg = (of_vectors if vectors else of_heatmaps)(run)
    codec = cfg.model.head.decoder = cfg.codec
    for entry, name in entries(cfg._cfg_dict):
        if name == 'GenerateTarget':
            entry['encoder'] = codec
            if not vectors:
                entry['type'] = 'mmpose_dark.GenerateDarkTarget'
        elif name == 'TopdownAffine':
            entry['input_size'] = run.size
    data = args.out / 'data'
    for split in ('train', 'test'):
        loader = cfg[f'{split}_dataloader']
        loader.dataset.data_root = str(data)
        if args.device == 'cpu':  # one thread in all: others train beside it
            loader.num_workers, loader.persistent_workers = 0, False
    cfg.test_evaluator = dict(
        type='CocoMetric', ann_file=str(data / 'val/person_keypoints.json'))
    # Nothing is chosen by validation: the last epoch counts.
    cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    # A Gaussian over vectors is learned half as fast as one over maps.
    epochs = args.epochs * (2 if vectors else 1)
    cfg.train_cfg = dict(by_epoch=True, max_epochs=epochs)
    cfg.param_scheduler[1].update(end=epochs, T_max=epochs)
    cfg.default_hooks.checkpoint = dict(
        type='CheckpointHook', interval=1, max_keep_ckpts=1)
    cfg.default_hooks.logger.interval = 20
    cfg.randomness = dict(seed=run.seed)
    cfg.work_dir = str(args.out / 'runs' / run.name)
    cfg.resume = True
    return cfg


def work(run, args):
    """Train, predict and score; called in a process of its own."""
    import torch
    from mmpose_dark import evaluation
    if args.device == 'cpu':
        torch.set_num_threads(1)
    cfg = config(run, args)
    folder = Path(cfg.work_dir)
    weights = folder / 'weights.pth'
    if not weights.is_file():
        train(cfg, weights)
    tester = evaluation.build_test_runner(cfg, weights, folder)
    kept = evaluation.predict(tester)
    rows = evaluation.compare(kept, tester.test_evaluator.metrics[0])
    for row in rows:
        del row['oks']
    if run.seed == 0 and run.network not in BINS:
        kept.save(folder / 'heatmaps.npz')
    found = evaluation.Reliability.of(kept, kept.merged('exact'))
    scores = dict(
        run=asdict(run), rows=rows, parameters=sum(
            value.numel() for value in tester.model.parameters()),
        reliability=dict(coverage=found.coverage(), nll=found.nll()))
    # A name that tells what is finished: it is whole or it is not there.
    part = folder / 'scores.part'
    part.write_text(json.dumps(scores, indent=1))
    part.replace(folder / 'scores.json')


def train(cfg, weights):
    """Train, and write the weights alone."""
    import torch
    from mmengine.runner import Runner
    runner = Runner.from_cfg(cfg)
    # The same sums in an order that CPUs convolve half as long at.
    runner.model.to(memory_format=torch.channels_last)
    runner.train()
    state = {key: value.cpu().contiguous()
             for key, value in runner.model.state_dict().items()}
    torch.save(dict(state_dict=state), weights)
    for old in weights.parent.glob('epoch_*.pth'):
        old.unlink()


def train_all(runs, args):
    """Run what is not finished, a process each, ``args.jobs`` at a time.

    Returns:
        list[str]: The names of those that failed.
    """
    def scores(run):
        return args.out / 'runs' / run.name / 'scores.json'

    def start(run):
        folder = args.out / 'runs' / run.name
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / 'output.txt').open('a') as log:
            return subprocess.Popen(
                [sys.executable, __file__, '--work', run.name, *args.passed],
                stdout=log, stderr=log, env=env)

    env = dict(os.environ)
    if args.device == 'cpu':
        env.update(OMP_NUM_THREADS='1', CUDA_VISIBLE_DEVICES='')
    waiting = [run for run in runs if not scores(run).is_file()]
    running, failed = {}, []
    with Progress() as progress:
        task = progress.add_task(
            'trainings', total=sum(run.cost for run in runs),
            completed=sum(run.cost for run in runs if run not in waiting))
        try:
            while waiting or running:
                while waiting and len(running) < args.jobs:
                    run = waiting.pop(0)
                    running[run] = start(run)
                progress.update(task, description=', '.join(
                    run.name for run in running))
                time.sleep(.5)
                for run, process in list(running.items()):
                    if process.poll() is None:
                        continue
                    del running[run]
                    if process.returncode or not scores(run).is_file():
                        failed.append(run.name)
                    progress.advance(task, run.cost)
        finally:
            for process in running.values():
                process.terminate()
    return failed


def note_settings(args):
    """Note in the folder what its results have in common.

    Raises:
        ValueError: It holds results of other settings.
    """
    settings = {key: getattr(args, key) for key in ('epochs', 'train', 'val')}
    path = args.out / 'settings.json'
    if path.is_file():
        found = json.loads(path.read_text())
        if found != settings:
            raise ValueError(
                f'--out {args.out} holds results of {found}, not of '
                f'{settings}: give another folder or remove it')
    args.out.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(settings))


def make_data(args):
    """Figures to train and test on; finished ones are kept."""
    from mmpose_dark.synthetic import make_figures
    for split, number, seed in (('train', args.train, 0),
                                ('val', args.val, 1)):
        folder = args.out / 'data' / split
        if not (folder / 'person_keypoints.json').is_file():
            make_figures(folder, number, seed, partial(
                track, description=f'figures to {split}'))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--out', type=Path, default='reproduce_out')
    parser.add_argument('--device', choices=('cpu', 'cuda'), default='cpu')
    names = 'SimpleBaseline', *NETWORKS, 'RTMPose'
    parser.add_argument('--networks', nargs='+', choices=names, default=names)
    parser.add_argument('--seeds', type=int, default=3)
    parser.add_argument('--epochs', type=int, default=8)
    parser.add_argument('--train', type=int, default=4000, metavar='IMAGES')
    parser.add_argument('--val', type=int, default=500, metavar='IMAGES')
    parser.add_argument('--jobs', type=int, default=os.cpu_count(),
                        help='trainings beside each other')
    parser.add_argument('--work', metavar='RUN', help=argparse.SUPPRESS)
    args = parser.parse_args()
    args.out = args.out.resolve()
    args.passed = [f'--{key}={getattr(args, key)}' for key in (
        'out', 'device', 'seeds', 'epochs', 'train', 'val')]
    runs = plan(args.seeds, names if args.work else args.networks)
    if args.work:
        work(next(run for run in runs if run.name == args.work), args)
        return
    try:
        note_settings(args)
    except ValueError as error:
        parser.error(str(error))
    make_data(args)
    failed = train_all(runs, args)
    for name in failed:
        print(f'failed: {name}, see {args.out / "runs" / name}/output.txt',
              file=sys.stderr)
    for command in ('report.py', 'figures.py'):
        subprocess.run([sys.executable, HERE / command, args.out])
    sys.exit(bool(failed))


if __name__ == '__main__':
    main()
