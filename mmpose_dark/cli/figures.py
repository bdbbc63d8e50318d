"""Make a COCO-format data set of drawn people, whose joints are exact.

Writes ``train`` and ``val`` folders, each with ``images/*.jpg`` and
``person_keypoints.json``, for the configs of the drawn people. The same
arguments write the same bytes.
"""
from functools import partial
from pathlib import Path
from typing import List

from .arguments import new_parser
from .outputs import check_folder
from .progress import track


def main(argv: List[str], prog: str) -> int:
    """Draw them."""
    parser = new_parser(prog, __doc__)
    parser.add_argument(
        '--out', type=Path, default='data/figures',
        help='folder that gets train/ and val/ (%(default)s)')
    parser.add_argument(
        '--train', type=int, default=4000, metavar='N',
        help='number of training pictures; 0: leave that folder as it '
        'is (%(default)s)')
    parser.add_argument(
        '--val', type=int, default=500, metavar='N',
        help='number of validation pictures (%(default)s)')
    parser.add_argument(
        '--seed', type=int, default=0,
        help='of the training pictures; validation takes the next one '
        '(%(default)s)')
    args = parser.parse_args(argv)

    if min(args.train, args.val, args.seed) < 0:
        parser.error('--train, --val and --seed must not be negative')
    check_folder(args.out)

    from ..synthetic import make_figures
    for split, number, seed in (('train', args.train, args.seed),
                                ('val', args.val, args.seed + 1)):
        if number == 0:  # what there is stays
            continue
        path = make_figures(
            args.out / split, number, seed, partial(track, description=split))
        print(path)
    return 0
