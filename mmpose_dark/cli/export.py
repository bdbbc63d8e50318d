"""Write a trained top-down model as one ONNX file that ends in keypoints.

From normalised crops (batch, 3, h, w) to `keypoints` (batch, K, 2) in input
pixels, `scores` (batch, K) and, with --covariance, `covariances`
(batch, K, 2, 2). A config of a stock codec is decoded by DARK. What the crop
and its normalisation are is in the file's metadata;
mmpose_dark.deploy.runtime runs it with numpy, OpenCV and onnxruntime alone.
"""
from collections import Counter
from pathlib import Path
from typing import Any, List

from .arguments import new_parser
from .configs import read_config
from .outputs import check_output


def main(argv: List[str], prog: str) -> int:
    """Write the file, and say what is in it."""
    parser = new_parser(prog, __doc__)
    parser.add_argument(
        'config', help='a config, or a name like mmpose::body_2d_keypoint/...')
    parser.add_argument('checkpoint', help='its weights, a path or URL')
    parser.add_argument('out', type=Path, help='the file to write')
    parser.add_argument(
        '--flip-test', action='store_true',
        help='predict the mirrored crop too, inside the graph, and merge both '
        "as the config's head does: exactly for the heads of mmpose_dark")
    parser.add_argument(
        '--covariance', action='store_true',
        help='a third output, the covariance of every keypoint')
    parser.add_argument(
        '--fp16', action='store_true',
        help='weights and heatmaps in float16; input, decoding and output '
        'stay float32')
    args = parser.parse_args(argv)

    check_output(args.out, args.config, args.checkpoint)
    from ..checkpoints import load_model
    from ..codecs import DarkHeatmap
    from ..deploy import PoseNetwork, export_onnx
    model: Any = load_model(read_config(args.config), args.checkpoint)
    network = PoseNetwork(model, args.flip_test, args.covariance, args.fp16)
    codec = type(model.head.decoder)
    if not issubclass(codec, DarkHeatmap):
        print(f"The config's codec is {codec.__name__}; the file decodes with "
              f'{type(network.decoder.codec).__name__}.')
    export_onnx(network, args.out)

    import onnx
    file = onnx.load(args.out)
    onnx.checker.check_model(file)
    kinds = Counter(node.op_type for node in file.graph.node)
    print(f'{args.out}: {args.out.stat().st_size / 1e6:.2f} MB, opset '
          f'{file.opset_import[0].version}, {sum(kinds.values())} nodes of '
          f'{len(kinds)} kinds, outputs '
          f'{", ".join(output.name for output in file.graph.output)}')
    return 0
