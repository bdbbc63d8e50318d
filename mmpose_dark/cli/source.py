"""Where the heatmaps of a command are from: a network, or a file."""
import argparse
from functools import partial
from pathlib import Path
from typing import Any, Tuple

from .arguments import KeyValues
from .configs import (
    check_comparable,
    check_config,
    check_data,
    check_one_person,
    read_config,
)
from .progress import track


def add_source(parser: argparse.ArgumentParser, name: str) -> None:
    """Arguments that say where the heatmaps of :func:`kept_heatmaps` are from.

    Args:
        parser (ArgumentParser): Gets them
        name (str): Of the command, for its logs
    """
    parser.add_argument('config', nargs='?',
                        help='any top-down config: a path, or a name like '
                        'mmpose::body_2d_keypoint/...')
    parser.add_argument('checkpoint', nargs='?',
                        help='its weights, a path or URL')
    parser.add_argument('--heatmaps', type=Path, metavar='NPZ',
                        help='maps that are kept, in place of a network')
    parser.add_argument('--ann', type=Path, metavar='JSON',
                        help='COCO annotations for --heatmaps')
    parser.add_argument('--sigma', type=float,
                        help='training sigma of --heatmaps that another tool '
                        'wrote (default: 2)')
    parser.add_argument('--work-dir', default=f'work_dirs/{name}',
                        help='for logs (%(default)s)')
    parser.add_argument('--cfg-options', nargs='+', metavar='KEY=VALUE',
                        action=KeyValues, default={},
                        help='settings of the config to override, such as '
                        'test_dataloader.dataset.data_root=data/coco')


def check_source(parser: argparse.ArgumentParser,
                 args: argparse.Namespace) -> None:
    """End with an error unless there is one source, and all of it."""
    if (args.heatmaps is None) == (args.checkpoint is None):
        parser.error('give either CONFIG and CHECKPOINT or --heatmaps')
    if bool(args.heatmaps) != bool(args.ann):
        parser.error('--heatmaps and --ann belong together')
    if args.heatmaps and (args.config or args.cfg_options):
        parser.error('--heatmaps is read without a config')
    if args.sigma is not None and not args.heatmaps:
        parser.error('--sigma is for --heatmaps: a config says its own')


def kept_heatmaps(args: argparse.Namespace) -> Tuple[Any, Any]:
    """Heatmaps of a file or a network, and a metric for them.

    Args:
        args (Namespace): Either ``heatmaps``, ``ann`` and ``sigma``, or
            ``config``, ``checkpoint``, ``cfg_options`` and ``work_dir``
    """
    from .. import evaluation
    if args.heatmaps:
        kept = evaluation.load(args.heatmaps, args.ann, args.sigma or 2)
        return kept, evaluation.coco_metric(args.ann, dict(
            CLASSES=['person'], sigmas=kept.sigmas,
            num_keypoints=len(kept.sigmas)))
    cfg = read_config(args.config, args.cfg_options)
    check_one_person(cfg)
    check_comparable(cfg)
    check_config(cfg)
    check_data(cfg)
    # Detections have no labels beside them to measure errors by.
    cfg.test_dataloader.dataset.pop('bbox_file', None)
    runner = evaluation.build_test_runner(cfg, args.checkpoint, args.work_dir)
    kept = evaluation.predict(runner, partial(track, description='network'))
    return kept, runner.test_evaluator.metrics[0]
