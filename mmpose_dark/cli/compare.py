"""One checkpoint, many decoders: what each makes of the same heatmaps.

Runs the network of a top-down heatmap config once over its test set, as it is
and flipped, and scores every decoder under every merge of the flip test on the
heatmaps that it keeps, with the config's own metric. The persons are the
labelled ones: a ``bbox_file`` of detections is left out. Beside the metric:
the median error, the mean signed error of the joints within 6 px (both in
input px), and the mean OKS less that of the first row, which is what the
config itself predicts, with its 95 % interval by a paired bootstrap over
persons.

Maps that came from elsewhere: ``--heatmaps FILE.npz --ann FILE.json --sigma
S`` in place of config and checkpoint; see mmpose_dark.evaluation.load for the
format. The base is then the standard shift with MMPose's merge.
"""
import logging
from functools import partial
from pathlib import Path
from typing import List

from .arguments import new_parser
from .outputs import check_output
from .progress import track
from .source import add_source, check_source, kept_heatmaps


def main(argv: List[str], prog: str) -> int:
    """Print the table."""
    parser = new_parser(prog, __doc__)
    add_source(parser, 'compare')
    parser.add_argument('--merge', nargs='+',
                        choices=('none', 'stock', 'exact'),
                        default=['none', 'stock', 'exact'])
    parser.add_argument('--save', type=Path, metavar='NPZ',
                        help='keep the heatmaps for --heatmaps')
    parser.add_argument('--out', type=Path, help='write the table here too')
    args = parser.parse_args(argv)
    check_source(parser, args)

    logging.captureWarnings(True)
    from .. import evaluation
    inputs = args.config, args.checkpoint, args.heatmaps, args.ann
    check_output(args.save, *inputs)
    check_output(args.out, *inputs, args.save)
    kept, metric = kept_heatmaps(args)
    if args.save:
        kept.save(args.save)
    rows = evaluation.compare(kept, metric, args.merge,
                              partial(track, description='decoders'))
    base = rows[0] if kept.configured else next(
        row for row in rows if row['decoder'] == 'shift' and row['merge'] == (
            'stock' if 'stock' in args.merge else args.merge[0]))
    evaluation.add_intervals(rows, base)
    table = evaluation.comparison_table(rows)
    print(table)
    if args.out:
        args.out.write_text(table + '\n')
    return 0
