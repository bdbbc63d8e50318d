"""Write a network as one ONNX file that ends in keypoints.

    export CONFIG CHECKPOINT OUT       a trained top-down model of MMPose
    export NETWORK.onnx OUT --like ... a file that somebody else exported

From normalised crops (batch, 3, h, w) to `keypoints` (batch, K, 2) in input
pixels, `scores` (batch, K) and, with --covariance, `covariances`
(batch, K, 2, 2). A config of a stock codec is decoded by DARK. NETWORK.onnx
ends in heatmaps (batch, K, H, W) or in the two vectors of SimCC; what it was
trained for is said by --like or --codec, its sizes it says itself. What the
crop and its normalisation are is in the file's metadata;
mmpose_dark.deploy.PoseRuntime runs it with numpy, OpenCV and onnxruntime
alone.
"""
import argparse
import ast
from collections import Counter
from pathlib import Path
from typing import Any, List, Tuple

from ..conventions import SCORES
from ..deploy.ready import READY
from .arguments import new_parser
from .outputs import check_output


def main(argv: List[str], prog: str) -> int:
    """Write the file, and say what is in it."""
    parser = new_parser(prog, __doc__)
    width = max(map(len, READY))
    parser.epilog = 'families of networks, for --like:\n' + '\n'.join(
        f'  {name.ljust(width)}  {family.about}'
        for name, family in READY.items())
    parser.add_argument(
        'network', help='a config, or a name like mmpose::body_2d_keypoint/...'
        '; or an ONNX file')
    parser.add_argument('checkpoint', nargs='?',
                        help='weights of the config, a path or URL')
    parser.add_argument('out', type=Path, help='the file to write')
    parser.add_argument(
        '--flip-test', action='store_true',
        help='predict the mirrored crop too, inside the graph, and merge both '
        "as the config's head does: exactly for the heads of mmpose_dark and "
        'for ONNX files, whose keypoints change places by their names')
    parser.add_argument(
        '--covariance', action='store_true',
        help='a third output, the covariance of every keypoint')
    parser.add_argument(
        '--score', choices=SCORES,
        help='similarity: scores are the OKS to expect of each joint, 0 to 1, '
        'by the areas of the people, a second input (default: what the '
        "config's head does)")
    parser.add_argument(
        '--fp16', action='store_true',
        help='of a config: weights and heatmaps in float16; input, decoding '
        'and output stay float32')
    file = parser.add_argument_group('of an ONNX file')
    file.add_argument(
        '--like', choices=READY, metavar='NAME',
        help='what family it is of (below), which says codec, crop and '
        'normalisation')
    file.add_argument(
        '--codec', nargs='+', type=_pair, metavar='KEY=VALUE',
        help='in place of --like, its codec: type=MSRAHeatmap sigma=2')
    file.add_argument(
        '--metadata', nargs='+', type=_pair, metavar='KEY=VALUE', default=[],
        help="crop and normalisation, where they are not the family's: "
        'mean, std, bgr_to_rgb, padding, keypoint_names, skeleton')
    file.add_argument(
        '--outputs', nargs='+', metavar='NAME',
        help='its output with the heatmaps, or those with the vectors over x '
        'and over y (default: found by their shapes)')
    args = parser.parse_intermixed_args(argv)
    of_file = args.network.lower().endswith('.onnx')
    if of_file == bool(args.checkpoint):
        parser.error('give CONFIG CHECKPOINT OUT or NETWORK.onnx OUT')
    check_output(args.out, args.network, args.checkpoint)
    if of_file:
        if bool(args.like) == bool(args.codec):
            parser.error('an ONNX file needs either --like or --codec')
        if args.fp16:
            parser.error('--fp16 is for a config; a file stays what it is')
        _of_file(args)
    else:
        for name in ('like', 'codec', 'metadata', 'outputs'):
            if getattr(args, name):
                parser.error(f'--{name} is for ONNX files; a config says it')
        _of_config(args)
    _say(args.out)
    return 0


def _of_config(args: argparse.Namespace) -> None:
    from ..checkpoints import load_model
    from ..codecs import DarkHeatmap
    from ..deploy import PoseNetwork, export_onnx
    from .configs import check_config, read_config
    cfg = read_config(args.network)
    check_config(cfg)
    model: Any = load_model(cfg, args.checkpoint)
    network = PoseNetwork(model, args.flip_test, args.covariance, args.fp16,
                          args.score)
    codec = type(model.head.decoder)
    if not issubclass(codec, DarkHeatmap):
        print(f"The config's codec is {codec.__name__}; the file decodes with "
              f'{type(network.decoder.codec).__name__}.')
    export_onnx(network, args.out)


def _of_file(args: argparse.Namespace) -> None:
    from ..deploy import darkify_onnx
    darkify_onnx(
        args.network, args.out, args.like or dict(args.codec),
        covariance=args.covariance, outputs=args.outputs,
        score=args.score or 'stock',
        flip_indices='names' if args.flip_test else None,
        metadata=dict(args.metadata) or None)


def _say(path: Path) -> None:
    """What the file is, in a line."""
    import onnx
    file = onnx.load(str(path))
    onnx.checker.check_model(str(path))
    kinds = Counter(node.op_type for node in file.graph.node)
    print(f'{path}: {path.stat().st_size / 1e6:.2f} MB, opset '
          f'{file.opset_import[0].version}, {sum(kinds.values())} nodes of '
          f'{len(kinds)} kinds, outputs '
          f'{", ".join(output.name for output in file.graph.output)}')


def _pair(text: str) -> Tuple[str, Any]:
    """``KEY=VALUE``, the value as Python writes it or a plain word."""
    key, sign, value = text.partition('=')
    if not sign:
        raise argparse.ArgumentTypeError(f'{text!r} is not KEY=VALUE')
    try:
        return key, ast.literal_eval(value)
    except (SyntaxError, ValueError):
        return key, value
