"""One checkpoint, many decoders: what each makes of the same heatmaps.

Runs the network of a top-down heatmap config once over its test set, as it is
and flipped, and scores every decoder under every merge of the flip test on the
heatmaps that it keeps, with the config's own metric. The persons are the
labelled ones: a ``bbox_file`` of detections is left out. Beside the metric:
the median error, the mean signed error of the joints within 6 px (both in
input px), and the mean OKS less that of the first row, which is what the
config itself predicts, with its 95 % interval by a paired bootstrap over
persons. Ends with a verdict: what swapping the codec is worth, and the head on
top of it, and whether that is sure.

Maps that came from elsewhere: ``--heatmaps FILE.npz --ann FILE.json --sigma
S`` in place of config and checkpoint; see mmpose_dark.evaluation.load for the
format. The base is then the standard shift with MMPose's merge.
"""
import argparse
import logging
from functools import partial
from pathlib import Path
from typing import Any, Dict, List

from .arguments import new_parser
from .outputs import check_output
from .progress import track
from .report import STDOUT, add_json, write_json
from .source import add_source, check_source, kept_heatmaps


def main(argv: List[str], prog: str) -> int:
    """Print the table, and what it says to do."""
    parser = new_parser(prog, __doc__)
    add_source(parser, 'compare')
    parser.add_argument('--merge', nargs='+',
                        choices=('none', 'stock', 'exact'),
                        default=['none', 'stock', 'exact'])
    parser.add_argument('--save', type=Path, metavar='NPZ',
                        help='keep the heatmaps for --heatmaps')
    parser.add_argument('--out', type=Path, help='write the table here too')
    add_json(parser)
    args = parser.parse_args(argv)
    check_source(parser, args)

    logging.captureWarnings(True)
    from .. import evaluation
    inputs = [args.config, args.checkpoint, args.heatmaps, args.ann]
    for path in args.save, args.out, args.json:
        if path != STDOUT:
            check_output(path, *inputs)
            inputs.append(path)
    kept, metric = kept_heatmaps(args)
    if args.save:
        kept.save(args.save)
    rows: List[Dict[str, Any]] = []
    try:
        for row in evaluation.compare_each(
                kept, metric, args.merge,
                partial(track, description='decoders')):
            rows.append(row)
    finally:  # stopped before its end, too: what there is by then
        if rows:
            report(rows, kept, args)
    return 0


def report(rows: List[Dict[str, Any]], kept: Any,
           args: argparse.Namespace) -> None:
    """Print the table and the verdict, and write them where it is asked."""
    from .. import evaluation
    merge = 'stock' if 'stock' in args.merge else args.merge[0]
    base = rows[0] if kept.configured else next(
        (row for row in rows if row['decoder'] == 'shift'
         and row['merge'] == merge), rows[0])
    evaluation.add_intervals(rows, base)
    steps = evaluation.verdict(rows, base)
    text = f'{evaluation.comparison_table(rows)}\n'
    words = evaluation.verdict_text(steps)
    if words:
        text += f'\n{words}\n'
    if args.json != STDOUT:
        print(text, end='')
    if args.out:
        args.out.write_text(text)
    if args.json:
        write_json(dict(
            verdict=words, steps=steps, rows=[
                {key: value for key, value in row.items() if key != 'oks'}
                for row in rows]), args.json)
