"""Decoding of InterNet's volumes beside MMPose's: errors, ellipsoids, time.

The codec of MMPose's config for InterHand3D: 64x64x64 voxels of 4 px, 4 px and
6.25 mm, sigma 2.5. Volumes are drawn where the joint is, in two ways, and get
white noise of so much of a target's peak:

- known: a target around the joint, anywhere in the volume or less than 1.5
  voxels from a face of it. Errors, what a fit could reach at best
  (Cramer-Rao), and how far from the face the mean is off.
- in doubt: the mean of targets around a normal distribution of joints, of 1.5,
  2 and 3 voxels along x, y and the depth, as a network in doubt puts out. How
  many joints of that distribution are in the ellipsoid, by the chi-square
  distribution of three degrees of freedom.

White noise on drawn volumes is a model of the world: networks err otherwise.
Times are medians of turns in one process. Prints Markdown and writes JSON.
"""
import argparse
import json
import os
from functools import partial
from pathlib import Path

# OpenBLAS's threads would go on spinning through the next contender's turn.
os.environ.setdefault('OPENBLAS_NUM_THREADS', '1')

import numpy as np
from mmpose_dark.markdown import markdown_table

SIZE, SIGMA, PEAK, SEED = 64, 2.5, 255, 20261126
NOISES, LEVELS = (0, .05, .1, .2), (50, 90, 95)
IN_DOUBT = (0, .01, .05, .1, .2)
SPREAD = np.array([1.5, 2, 3])
OPTIONS = dict(sigma=SIGMA, max_bound=PEAK)
#: input px, input px and mm per voxel
VOXEL = np.array([4, 4, 6.25])


def codecs():
    """MMPose's and ours."""
    import mmpose_dark  # noqa: F401  before any part of MMPose
    from mmpose.registry import KEYPOINT_CODECS
    return [KEYPOINT_CODECS.build(dict(type=kind, **OPTIONS)) for kind in (
        'Hand3DHeatmap', 'mmpose_dark.DarkHand3DHeatmap')]


def gaussians(points, variances):
    """Volumes (K, D, H, W) around points (K, 3), as high as blur leaves them.

    Args:
        points (np.ndarray): x, y, z; voxels
        variances (np.ndarray): in shape (3,), of targets and joints together
    """
    x, y, z = (np.exp(-(np.arange(SIZE) - points[:, i:i + 1])**2 /
                      (2 * variances[i])) for i in range(3))
    height = PEAK * SIGMA**3 / np.sqrt(variances.prod())
    return height * (z[:, :, None, None] * y[:, None, :, None]
                     * x[:, None, None, :])


def noisy(volumes, noise, rng):
    """With white noise, as the network's float32."""
    if noise:
        volumes = volumes + noise * PEAK * rng.standard_normal(
            volumes.shape, np.float32)
    return volumes.astype(np.float32)


def read(codec, volumes):
    """(K, 3) in voxels."""
    keypoints, *_ = codec.decode(volumes, np.zeros(1), np.zeros(2))
    return keypoints[0] / VOXEL + (0, 0, SIZE / 2)


def anywhere(rng, num):
    """Joints (num, 3)."""
    return rng.uniform(0, SIZE - 1, (num, 3))


def near_a_face(rng, num):
    """Of each one coordinate is less than 1.5 voxels from its end."""
    points = anywhere(rng, num)
    close = rng.uniform(0, 1.5, num)
    points[np.arange(num), rng.integers(3, size=num)] = np.where(
        rng.random(num) < .5, close, SIZE - 1 - close)
    return points


def inwards(points, errors):
    """Mean error away from the face that a joint is nearest to; voxels."""
    ends = np.concatenate([points, SIZE - 1 - points], 1)
    nearest = ends.argmin(1)
    ways = np.concatenate([errors, -errors], 1)
    return float(ways[np.arange(len(points)), nearest].mean())


def rms(errors):
    """In input px over x and y together, and in mm."""
    squares = (errors * VOXEL)**2
    return [float(np.sqrt(squares[:, :2].sum(1).mean())),
            float(np.sqrt(squares[:, 2].mean()))]


def limit(points, noise):
    """Cramer-Rao: what an unbiased fit of position and height errs."""
    volumes = gaussians(points, np.full(3, SIGMA**2)) / PEAK
    axes = [np.arange(SIZE) - points[:, i:i + 1] for i in range(3)]
    slopes = [axes[0][:, None, None, :], axes[1][:, None, :, None],
              axes[2][:, :, None, None]]
    of_one = []
    for k in range(len(points)):
        columns = np.stack([volumes[k].ravel(), *(
            (volumes[k] * slope[k] / SIGMA**2).ravel() for slope in slopes)])
        of_one.append(noise**2 * np.diag(
            np.linalg.inv(columns @ columns.T))[1:])
    return rms(np.sqrt(of_one))


def errors(args):
    """A row for each place and noise."""
    stock, dark = codecs()
    for place in (anywhere, near_a_face):
        for noise in NOISES:
            rng = np.random.default_rng(SEED)
            found, least, truth = [], [], []
            for _ in range(args.hands):
                points = place(rng, 42)
                volumes = noisy(gaussians(points, np.full(3, SIGMA**2)),
                                noise, rng)
                found.append([read(codec, volumes) - points
                              for codec in (stock, dark)])
                truth.append(points)
                if noise:
                    least.append(limit(points, noise))
            of_stock, of_dark = np.concatenate(found, 1)
            yield dict(place=place.__name__, noise=noise,
                       stock=rms(of_stock), dark=rms(of_dark),
                       inwards=inwards(np.concatenate(truth), of_dark),
                       limit=np.sqrt(np.square(least).mean(0)).tolist()
                       if noise else [0., 0.])


def ellipsoids(args):
    """A row for each noise: the share in %, and its 95 % interval."""
    from scipy.stats import chi2
    _, dark = codecs()
    for noise in IN_DOUBT:
        rng = np.random.default_rng(SEED)
        inside, sizes = [], []
        for _ in range(args.hands):
            middle = rng.uniform(14, SIZE - 15, (42, 3))
            joints = rng.normal(middle, SPREAD)
            volumes = noisy(gaussians(middle, SIGMA**2 + SPREAD**2), noise,
                            rng)[None]
            found, _, covariances = dark.read(volumes, return_covariance=True)
            off = found[0] - (joints - (0, 0, SIZE / 2)) * VOXEL
            squares = np.einsum('ki,kij,kj->k', off,
                                np.linalg.inv(covariances[0]), off)
            inside.append([squares < chi2.ppf(level / 100, 3)
                           for level in LEVELS])
            sizes.append(np.linalg.det(covariances[0])**(1 / 6) / np.prod(
                SPREAD * VOXEL)**(1 / 3))
        share = np.concatenate(inside, 1).mean(1)
        half = 1.96 * np.sqrt(share * (1 - share) / (42 * args.hands))
        yield dict(noise=noise, inside=(100 * share).tolist(),
                   half=(100 * half).tolist(), size=float(np.median(sizes)))


def times(args):
    """How many ms two hands take."""
    from mmpose_dark.evaluation import take_turns
    stock, dark = codecs()
    rng = np.random.default_rng(SEED)
    volumes = noisy(gaussians(anywhere(rng, 42), np.full(3, SIGMA**2)), .05,
                    rng)
    return take_turns({
        'stock': partial(stock.decode, volumes, np.zeros(1), np.zeros(2)),
        'dark': partial(dark.decode, volumes, np.zeros(1), np.zeros(2)),
        'covariances': partial(dark.read, volumes[None],
                               return_covariance=True)}, args.rounds)


def tables(result):
    """Markdown of all parts."""
    def pair(values, digits):
        return ' / '.join(f'{value:.{digits}f}' for value in values)

    env, ms = result['environment'], result['ms']
    rows = [[row['place'].replace('_', ' '), row['noise'],
             pair(row['stock'], 3), pair(row['dark'], 4),
             pair(row['limit'], 4) if row['noise'] else '',
             pair(np.divide(row['dark'], row['limit']), 2)
             if row['noise'] else '', f'{row["inwards"]:+.3f}']
            for row in result['errors']]
    cover = [[row['noise'], *(f'{share:.1f} +- {half:.1f}' for share, half in
                              zip(row['inside'], row['half'])),
              f'{row["size"]:.2f}'] for row in result['ellipsoids']]
    base = ms['stock']['median']
    return '\n\n'.join([
        f'{env["device"]}, {env["cpus"]} CPUs, {env["date"]}; '
        f'{42 * result["hands"]} joints a row; load {env["load"]:.1f}',
        'Root mean square error, input px over x and y / mm along the depth:',
        markdown_table(['joints', 'noise', 'Hand3DHeatmap',
                        'DarkHand3DHeatmap', 'limit', 'over the limit',
                        'inwards, voxels'],
                       rows),
        'Joints in the ellipsoid of so many %, and its size over the true '
        'one:',
        markdown_table(['noise', *map(str, LEVELS), 'size'], cover),
        f'Two hands, {base:.3g} ms; DARK takes '
        f'{ms["dark"]["median"] / base:.2g} times as long, with covariances '
        f'{ms["covariances"]["median"] / base:.2g} times.'])


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--out', type=Path, default='benchmark_volumes.json')
    parser.add_argument('--hands', type=int, default=24,
                        help='pairs of hands, of 42 joints, a row')
    parser.add_argument('--rounds', type=int, default=15)
    args = parser.parse_args()
    from mmpose_dark.evaluation import environment
    result = dict(hands=args.hands, errors=[*errors(args)],
                  ellipsoids=[*ellipsoids(args)], ms=times(args))
    result['environment'] = environment()
    args.out.write_text(json.dumps(result, indent=1))
    print(tables(result))


if __name__ == '__main__':
    main()
