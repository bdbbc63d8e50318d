"""Make the synthetic figures that the configs under ``figures/`` train on.

Writes ``train`` and ``val`` folders, each with ``images/*.jpg`` and
``person_keypoints.json``. The same arguments write the same bytes.
"""
import argparse
from functools import partial
from pathlib import Path

from mmpose_dark._tools import track


def main():
    parser = argparse.ArgumentParser(
        description='Make a COCO-format data set of synthetic figures whose '
        'joints are exact to a fraction of a pixel.',
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument(
        '--out', type=Path, default='data/figures',
        help='folder that gets train/ and val/')
    parser.add_argument(
        '--train', type=int, default=4000, metavar='N',
        help='number of training pictures; 0: leave that folder as it is')
    parser.add_argument(
        '--val', type=int, default=500, metavar='N',
        help='number of validation pictures')
    parser.add_argument(
        '--seed', type=int, default=0,
        help='of the training pictures; validation takes the next one')
    args = parser.parse_args()

    from mmpose_dark.synthetic import make_figures
    for split, number, seed in (('train', args.train, args.seed),
                                ('val', args.val, args.seed + 1)):
        if number == 0:  # what there is stays
            continue
        path = make_figures(
            args.out / split, number, seed, partial(track, description=split))
        print(path)


if __name__ == '__main__':
    main()
