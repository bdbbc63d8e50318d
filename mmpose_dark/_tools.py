"""What the commands under ``tools/`` share."""
import argparse
import importlib.util
import sys
import warnings
from functools import partial
from pathlib import Path

import rich.progress
from rich.console import Console

#: progress is shown on stderr: what a command says on stdout can be piped
_STDERR = Console(stderr=True)
Progress = partial(rich.progress.Progress, console=_STDERR)
track = partial(rich.progress.track, console=_STDERR)


class KeyValues(argparse.Action):
    """``KEY=VALUE ...`` as a dict, by mmengine's ``DictAction``.

    That is imported when it is needed, so that ``--help`` need not wait.
    """

    def __call__(self, parser, namespace, values, option_string=None):
        from mmengine.config import DictAction
        for value in values:
            if '=' not in value:
                parser.error(f'{option_string} takes KEY=VALUE and all that '
                             f'follows it, got {value!r}: put it last')
        action = DictAction(self.option_strings, self.dest)
        action(parser, namespace, values, option_string)


def add_source(parser, name):
    """Arguments that say where the heatmaps of :func:`kept_heatmaps` are from.

    Args:
        parser (ArgumentParser): Gets them
        name (str): Of the command, for its logs
    """
    parser.add_argument('config', nargs='?', help='any top-down config')
    parser.add_argument('checkpoint', nargs='?')
    parser.add_argument('--heatmaps', type=Path, metavar='NPZ')
    parser.add_argument('--ann', type=Path, metavar='JSON',
                        help='COCO annotations for --heatmaps')
    parser.add_argument('--sigma', type=float, default=2,
                        help='training sigma of --heatmaps that another tool '
                        'wrote (default: 2)')
    parser.add_argument('--work-dir', default=f'work_dirs/{name}')
    parser.add_argument('--cfg-options', nargs='+', metavar='KEY=VALUE',
                        action=KeyValues, default={})


def check_source(parser, args):
    """End with an error unless there is one source, and all of it."""
    if (args.heatmaps is None) == (args.checkpoint is None):
        parser.error('give either CONFIG and CHECKPOINT or --heatmaps')
    if args.heatmaps and not args.ann:
        parser.error('--heatmaps needs --ann')


def kept_heatmaps(args):
    """Heatmaps of a file or a network, and a metric for them.

    Args:
        args (Namespace): Either ``heatmaps``, ``ann`` and ``sigma``, or
            ``config``, ``checkpoint``, ``cfg_options`` and ``work_dir``
    """
    from . import evaluation
    if args.heatmaps:
        kept = evaluation.load(args.heatmaps, args.ann, args.sigma)
        return kept, evaluation.coco_metric(args.ann, dict(
            CLASSES=['person'], sigmas=kept.sigmas,
            num_keypoints=len(kept.sigmas)))
    from .config import load_config
    cfg = load_config(args.config)
    cfg.merge_from_dict(args.cfg_options)
    say_what_is_odd(cfg)
    # Detections have no labels beside them to measure errors by.
    cfg.test_dataloader.dataset.pop('bbox_file', None)
    runner = evaluation.build_test_runner(cfg, args.checkpoint, args.work_dir)
    kept = evaluation.predict(runner, partial(track, description='network'))
    return kept, runner.test_evaluator.metrics[0]


def say_what_is_odd(cfg):
    """Warnings on stderr about a config that runs, but not as it seems."""
    from .alignment import check_alignment, check_codec
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter('always')
        check_codec(cfg)
        check_alignment(cfg)
    for warning in found:
        print(f'Warning: {warning.message}', file=sys.stderr)


def run_mmpose_tool(name):
    """Run MMPose's ``tools/<name>`` on our ``sys.argv``.

    With this package imported MMPose finds our parts under their bare names
    and what it needs around it, see :mod:`._compat`. The tool's config is
    checked, see :mod:`.alignment`, and ``--launcher pytorch`` works without a
    GPU.

    Raises:
        FileNotFoundError: This MMPose came without its tools.
    """
    spec = importlib.util.spec_from_file_location('mmpose_tool', _find(name))
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    merge_args = tool.merge_args
    tool.merge_args = lambda cfg, args: _prepared(merge_args(cfg, args))
    tool.main()


def _find(name):
    import mmpose
    package = Path(mmpose.__file__).parent
    # Wheels carry the tools inside the package, a source checkout beside it.
    for folder in (package / '.mim' / 'tools', package.parent / 'tools'):
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(
        f'tools/{name} of MMPose was found neither in {package / ".mim"} nor '
        f'beside {package}; reinstall mmpose (1.x) from a wheel or a clone')


def _prepared(cfg):
    """The config as the tool is to run it."""
    import torch
    from mmengine.device import get_device

    say_what_is_odd(cfg)
    if cfg.get('launcher') == 'pytorch' and get_device() == 'cpu':
        # mmengine would take a CUDA device for every process.
        torch.distributed.init_process_group('gloo')
        cfg.model_wrapper_cfg = dict(
            dict(
                type='MMDistributedDataParallel',
                device_ids=None,
                broadcast_buffers=False,
                find_unused_parameters=cfg.get('find_unused_parameters',
                                               False)),
            **cfg.get('model_wrapper_cfg') or {})
    return cfg
