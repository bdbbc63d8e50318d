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
from dataclasses import asdict
from pathlib import Path

from mmpose_dark.cli.progress import Progress
from trainings import BINS, NETWORKS, config, make_data, plan, train

HERE = Path(__file__).resolve().parent


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
    metric = tester.test_evaluator.metrics[0]
    rows = evaluation.compare(kept, metric)
    for row in rows:
        del row['oks']
    if run.seed == 0 and run.network not in BINS:
        kept.save(folder / 'heatmaps.npz')
    promises = evaluation.calibration_report(
        kept, evaluation.Reliability.of(kept, kept.merged('exact')), 'exact',
        metric.coco, rounds=200)
    scores = dict(
        run=asdict(run), rows=rows, parameters=sum(
            value.numel() for value in tester.model.parameters()),
        promises=promises)
    # A name that tells what is finished: it is whole or it is not there.
    part = folder / 'scores.part'
    part.write_text(json.dumps(scores, indent=1))
    part.replace(folder / 'scores.json')


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
