"""Turn a checkpoint of the official code into one of MMPose, and its config.

IN is what DarkPose, HRNet (deep-high-resolution-net.pytorch) or
SimpleBaseline (human-pose-estimation.pytorch) saved. OUT gets the same
weights under MMPose's names; beside it, OUT with .py has the config that
feeds and reads them as that code did. The network is recognised by its
weights; whose code and which input size it was cannot be, so say it.
"""
import argparse
from pathlib import Path
from typing import Any, List, Optional

from ..conventions import OFFICIAL_CODES
from ..shipped import CONFIGS
from .arguments import new_parser
from .configs import read_config
from .outputs import check_output

DATASETS = {17: 'coco', 16: 'mpii'}


def main(argv: List[str], prog: str) -> int:
    """Say what IN is, and write OUT and its config."""
    parser = new_parser(prog, __doc__)
    parser.add_argument('src', metavar='IN', type=Path,
                        help='a file of the official code')
    parser.add_argument('out', metavar='OUT', type=Path,
                        help='the checkpoint to write, .pth')
    parser.add_argument(
        '--code', required=True, choices=list(OFFICIAL_CODES),
        help='whose code trained it: decides where pixels are')
    parser.add_argument(
        '--size', metavar='HxW', help='the input size, as 128x96')
    parser.add_argument(
        '--config', help='the config that the weights are for, or a name '
        'like mmpose::body_2d_keypoint/...; default: ours of this network')
    parser.add_argument(
        '--caffe', action='store_true',
        help='it is a Caffe-style ResNet of SimpleBaseline')
    args = parser.parse_args(argv)
    if args.out.suffix != '.pth':
        parser.error(f'OUT must end in .pth, got {args.out}')
    written = {args.out.resolve(), args.out.with_suffix('.py').resolve()}
    for name, given in (('IN', args.src), ('--config', args.config or '')):
        if Path(given).resolve() in written:
            parser.error(f'OUT {args.out} is {name}, or its config is: '
                         'nothing is overwritten')
    check_output(args.out)
    check_output(args.out.with_suffix('.py'))
    convert(args)
    return 0


def convert(args: argparse.Namespace) -> None:
    """Do it, with the weights and the config that belong together."""
    import torch

    from .. import official
    from ..checkpoints import read_checkpoint
    weights = official.weights_of(read_checkpoint(args.src))
    network = official.recognise(weights)
    print(f'{args.src}: {network.name}, {network.num_keypoints} keypoints, '
          f'{len(weights)} tensors')
    src = args.config or our_config(network, args.size)
    cfg = official.official_config(
        read_config(str(src)), network, args.code, args.caffe)
    codec = cfg.model.head.decoder
    width, height = codec.input_size
    if args.size and args.size != f'{height}x{width}':
        raise ValueError(f'--size {args.size} does not go with {src}, which '
                         f'is for {height}x{width}')

    state_dict, filled = official.to_mmpose(weights)
    model = build(cfg)
    try:
        official.check_fit(state_dict, model.state_dict())
    except ValueError as error:
        raise ValueError(f'{network.name} of {args.src} does not fit {src}: '
                         f'{error}') from None
    if filled:
        print(f'filled in: {filled} num_batches_tracked, which files of '
              'torch 0.4.0 lack and nothing here uses')
    model.load_state_dict(state_dict, strict=True)

    meta = dict(official_code=OFFICIAL_CODES[args.code], network=network.name)
    torch.save(dict(meta=meta, state_dict=state_dict), args.out)
    cfg.dump(args.out.with_suffix('.py'))
    order = 'RGB' if cfg.model.data_preprocessor.bgr_to_rgb else 'BGR'
    print(f'{args.out}: the weights, for {src}\n'
          f'{args.out.with_suffix(".py")}: its config, {height}x{width}, '
          f'channels {order}, codec {codec.type.rpartition(".")[2]}')


def our_config(network: Any, size: Optional[str]) -> Path:
    """The config of ours for a network."""
    dataset = DATASETS.get(network.num_keypoints)
    if dataset is None:
        raise ValueError(
            f'no config of ours has {network.num_keypoints} keypoints, only '
            '17 (COCO) and 16 (MPII): give your own with --config')
    folder = CONFIGS / 'body_2d_keypoint' / 'topdown_heatmap' / dataset
    found = {path.stem.rpartition('-')[2]: path for path in sorted(
        folder.glob(f'td-hm_{network.name}_dark-*.py'))}
    if not found:
        raise ValueError(f'no config of ours has a {network.name} for '
                         f'{dataset}: give your own with --config')
    if size is None and len(found) == 1:
        size, = found
    if size not in found:
        said = 'say the input size' if size is None else f'not {size}'
        raise ValueError(f'weights do not tell the input size, {said}: '
                         f'--size {", ".join(found)}, or --config')
    return found[size]


def build(cfg: Any) -> Any:
    """The model of a config."""
    from mmengine.registry import init_default_scope
    from mmpose.registry import MODELS
    from mmpose.utils import register_all_modules
    register_all_modules()
    init_default_scope('mmpose')
    return MODELS.build(cfg.model)
