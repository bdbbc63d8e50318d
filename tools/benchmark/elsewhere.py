"""What other libraries make of the same heatmaps, and DARK in their place.

For transformers' ViTPose and Sapiens2, rtmlib's RTMPose and ViTPose: Gaussians
of the sigma that the network was trained on, white noise of 0.02 of the peak,
positions anywhere but within 3 sigma of the border. The error is the RMSE per
axis over the Cramer-Rao limit, the smallest that there can be; the bias is the
mean error of joints on the left and on the right edge of the crop, in its px.
Both sides take turns and return image px. Libraries that are not installed are
left out. The recipes are docs/examples/elsewhere_*.py.
"""
import argparse
import os
import sys
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

# Its threads would spin through the other side's turn.
os.environ.setdefault('OPENBLAS_NUM_THREADS', '1')

import numpy as np
from mmpose_dark.functional import encode_heatmaps, encode_vectors
from mmpose_dark.markdown import markdown_table

EXAMPLES = Path(__file__).resolve().parents[2] / 'docs' / 'examples'
NOISE = .02


def crops(rng, num, size):
    """Boxes (left, top, width, height), corners and sizes of crops; px."""
    boxes = rng.uniform((20, 20, 40, 60), (80, 80, 200, 200), (num, 4))
    width = 1.25 * np.maximum(boxes[:, 2], boxes[:, 3] * size[0] / size[1])
    side = np.stack([width, width * size[1] / size[0]], -1)
    return boxes, boxes[:, :2] + boxes[:, 2:] / 2 - side / 2, side


class Case:
    """A library's reading and ours of drawn maps, with the truth.

    Args:
        rng (Generator): Draws
        num (int): People, of 17 keypoints each
        size (tuple): Of the crop (w, h); px
        sigma (tuple): Of the Gaussians along x and y; px of the map or bins
        ends (tuple): Where the crop's corner pixels lie on the map, (x, y)
        span (tuple): What of the crop a library takes for its size: w and h,
            or for a crop by its corners w - 1 and h - 1
        read (callable): ``read(maps, case)``, theirs and ours: functions
            that return keypoints (num, 17, 2) in image px
    """

    def __init__(self, rng, num, size, sigma, ends, span, read):
        self.size, self.read = size, read
        self.boxes, self.corner, self.side = crops(rng, num, size)
        last = np.subtract(size, 1)
        #: of the map, a crop px
        self.per_px = np.divide(ends, last)
        margin = 3 * np.max(sigma) / self.per_px
        self.points = rng.uniform(margin, last - margin, (num, 17, 2))
        self.factor = self.side[:, None] / span
        self.truth = self.points * self.factor + self.corner[:, None]
        on_map = self.points * self.per_px
        if np.ptp(sigma) == 0:
            width, height = np.add(ends, 1)
            maps = [encode_heatmaps(on_map, (width, height), sigma[0])]
            #: of the Gaussian and white noise, px of the map
            limit = np.full(2, np.sqrt(2 / np.pi))
        else:
            bins = 2 * np.array(size)
            maps = [encode_vectors(on_map[..., axis], bins[axis], sigma[axis])
                    for axis in (0, 1)]
            limit = np.sqrt(2 * np.array(sigma) / np.sqrt(np.pi))
        self.limit = NOISE * limit
        self.maps = [np.float32(m + NOISE * rng.standard_normal(m.shape))
                     for m in maps]
        self.theirs, self.ours = read(self)

    def errors(self, side):
        """Of a side, in px of the crop, (num, 17, 2)."""
        return (side() - self.truth) / self.factor

    def over_limit(self, side):
        """RMSE per axis over the smallest that there can be."""
        errors = self.errors(side) * self.per_px / self.limit
        return float(np.sqrt((errors**2).mean()))

    def bias(self, side):
        """Mean error along x on the left and on the right tenth; crop px."""
        x, errors = self.points[..., 0], self.errors(side)[..., 0]
        low, high = np.quantile(x, (.1, .9))
        return float(errors[x < low].mean()), float(errors[x > high].mean())


def transformers(name, sigma, size, rng, num):
    """A processor of transformers: heatmaps at the corners of UDP."""
    import torch
    import transformers as library
    from elsewhere_transformers import keypoints
    processor = getattr(library, f'{name}ImageProcessor')()

    def read(case):
        output = SimpleNamespace(heatmaps=torch.from_numpy(case.maps[0]))
        boxes = [[box] for box in case.boxes.tolist()]

        def theirs():
            found = processor.post_process_pose_estimation(output, boxes)
            return np.array([person['keypoints'].numpy()
                             for person, in found])

        return theirs, lambda: keypoints(
            output.heatmaps, case.boxes, size, sigma)[0]

    ends = np.floor_divide(size, 4) - 1
    return Case(rng, num, size, (sigma, sigma), ends, np.subtract(size, 1),
                read)


def rtmlib(name, sigma, ends, rng, num):
    """A class of rtmlib: one person at a time, crops from pixel to pixel."""
    import elsewhere_rtmlib
    import rtmlib as library
    size = 192, 256
    models = [object.__new__(getattr(module, prefix + name)) for
              module, prefix in ((library, ''), (elsewhere_rtmlib, 'Dark'))]

    def read(case):
        def run(model):
            model.model_input_size = size
            centre = case.corner + case.side / 2
            return np.concatenate([
                # It changes what it is given.
                model.postprocess([m[i:i + 1].copy() for m in case.maps],
                                  centre[i], case.side[i])[0]
                for i in range(len(case.boxes))])

        return [partial(run, model) for model in models]

    return Case(rng, num, size, sigma, ends, size, read)


CASES = {
    ('transformers', 'VitPose'): partial(
        transformers, 'VitPose', 2., (192, 256)),
    ('transformers', 'Sapiens2'): partial(
        transformers, 'Sapiens2', 6., (768, 1024)),
    ('rtmlib', 'RTMPose'): partial(
        rtmlib, 'RTMPose', (4.9, 5.66), (382, 510)),
    ('rtmlib', 'ViTPose'): partial(rtmlib, 'ViTPose', (2., 2.), (47, 63)),
}


def measure(num, rounds):
    """Rows of numbers, one for each of the cases that can be had."""
    from mmpose_dark.evaluation import take_turns
    sys.path.insert(0, str(EXAMPLES))
    for (library, name), build in CASES.items():
        if not find_spec(library):
            continue
        case = build(np.random.default_rng(0), num)
        sides = dict(theirs=case.theirs, ours=case.ours)
        times = take_turns(sides, rounds)
        yield dict(
            library=f'{library} {version(library)}', name=name,
            over_limit={k: case.over_limit(s) for k, s in sides.items()},
            bias={k: case.bias(s) for k, s in sides.items()},
            ms={k: times[k]['median'] for k in sides})


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--num', type=int, default=64,
                        help='people, of 17 keypoints (%(default)s)')
    parser.add_argument('--rounds', type=int, default=15)
    args = parser.parse_args()
    rows = list(measure(args.num, args.rounds))
    print(markdown_table(
        ['library', 'network', 'error', 'DARK', 'bias left / right, px',
         'DARK', 'ms', 'DARK', 'ratio'],
        [[row['library'], row['name'],
          *(f'{row["over_limit"][k]:.2f}' for k in ('theirs', 'ours')),
          *(' / '.join(f'{v:+.3f}' for v in row['bias'][k])
            for k in ('theirs', 'ours')),
          *(f'{row["ms"][k]:.1f}' for k in ('theirs', 'ours')),
          f'{row["ms"]["theirs"] / row["ms"]["ours"]:.1f}x']
         for row in rows], text_columns=2))
    return rows


if __name__ == '__main__':
    main()
