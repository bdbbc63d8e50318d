"""The contenders, the maps they are measured on, and their accuracy.

Unit Gaussians plus white noise n: no unbiased estimator of their positions has
a smaller RMSE per axis than sqrt(2 / pi) * n px, whatever sigma is (the
Cramer-Rao limit). All maps are seeded; all errors are heatmap pixels.
"""
import math
from functools import partial

import numpy as np

OURS = 'mmpose_dark.DarkHeatmap'
CODECS = {
    'DARK': dict(type=OURS),
    'DARK raw peak': dict(type=OURS, peak='raw'),
    'DARK paper peak': dict(type=OURS, peak='paper'),
    'DARK unmodulated': dict(type=OURS, modulation=False),
    'shift': dict(type=OURS, decoding='shift'),
    'MMPose DARK': dict(type='MSRAHeatmap', unbiased=True),
    'MMPose UDP': dict(type='UDPHeatmap'),
}
#: sigma -> heatmap size (W, H) and the kernel size the official code uses
SIZES = {1: (24, 32), 2: (48, 64), 3: (72, 96)}
KERNELS = {1: 3, 2: 11, 3: 17}
NOISES = (.01, .02, .05, .1, .2)
BORDER_NOISE = SMALL_NOISE = .02
SEED = 20231123
#: the cases in which DARK is known to be worse than the standard shift
CLOSE_PEAKS = 'two equal peaks, 2 to 4 sigma apart'
STEEP = 'background rising from 0 to 1'


def build(name, size, sigma, stride=1):
    """The codec ``name``; at stride 1 it decodes to heatmap pixels."""
    from mmpose.registry import KEYPOINT_CODECS
    entry = dict(CODECS[name], heatmap_size=size, sigma=sigma)
    corner = int(entry['type'] == 'UDPHeatmap')
    entry['input_size'] = tuple(stride * (s - corner) for s in size)
    if entry['type'] != OURS:
        entry['blur_kernel_size'] = KERNELS[sigma]
    with np.errstate(all='ignore'):  # UDP divides by (size - 1)
        return KEYPOINT_CODECS.build(entry)


def draw_maps(points, size, sigma, rng, noise):
    """Unit Gaussians in shape (num, H, W) around (num, 2) points, noise on."""
    x, y = (np.exp(-(np.arange(s) - points[:, i, None])**2 / (2 * sigma**2))
            for i, s in enumerate(size))
    maps = y[:, :, None] * x[:, None, :]
    return (maps + noise * rng.standard_normal(maps.shape)).astype('float32')


def uniform(rng, num, size, margin=0.):
    """Points everywhere on the map but within ``margin`` px of its border."""
    return rng.uniform(margin, np.subtract(size, 1) - margin, (num, 2))


def decode_all(maps, size, sigma):
    """Name to (num, 2) positions; heatmap pixels."""
    with np.errstate(all='ignore'):
        return {name: build(name, size, sigma).decode(maps)[0][0]
                for name in CODECS}


def finite(value):
    """JSON has no NaN."""
    return float(value) if math.isfinite(value) else None


def rmse_of(draw, size, sigma, noise, num, rng):
    """RMSE per axis of every decoder on ``num`` points; heatmap pixels."""
    square = dict.fromkeys(CODECS, 0.)
    for start in range(0, num, 500):  # the largest maps take 28 kB each
        points = draw(rng, min(500, num - start), size)
        maps = draw_maps(points, size, sigma, rng, noise)
        for name, found in decode_all(maps, size, sigma).items():
            square[name] += ((found - points)**2).sum()
    return {name: finite(math.sqrt(total / (2 * num)))
            for name, total in square.items()}


def accuracy(num):
    """Interior peaks: the Gaussian lies on the map as a whole."""
    for sigma, size in SIZES.items():
        draw = partial(uniform, margin=3 * sigma + 1)
        for noise in NOISES:
            rng = np.random.default_rng([SEED, sigma, int(1e3 * noise)])
            limit = math.sqrt(2 / math.pi) * noise
            rmse = rmse_of(draw, size, sigma, noise, num, rng)
            yield dict(
                sigma=sigma, noise=noise, map=size[::-1], peaks=num,
                limit_px=limit, rmse_px=rmse,
                over_limit={name: value and value / limit
                            for name, value in rmse.items()})


def at_border(rng, num, size):
    """Points within 1.5 px of one of the four sides."""
    points = uniform(rng, num, size)
    axis, side = rng.integers(2, size=(2, num))
    depth = rng.uniform(0, 1.5, num)
    points[np.arange(num), axis] = np.where(
        side, depth, np.subtract(size, 1)[axis] - depth)
    return points


def border(num):
    for sigma, size in SIZES.items():
        rng = np.random.default_rng([SEED, sigma])
        yield dict(
            sigma=sigma, noise=BORDER_NOISE, peaks=num,
            rmse_px=rmse_of(at_border, size, sigma, BORDER_NOISE, num, rng))


def hard_cases(sigma, num, rng):
    """Yield a name and [(size, maps, truths)]; truths are (T, num, 2).

    The error of a keypoint is its distance to the nearest of T truths.
    """
    size = SIZES[sigma]
    plain = partial(draw_maps, size=size, rng=rng, noise=SMALL_NOISE)
    margin = 3 * sigma + 1
    points = uniform(rng, num, size, margin)
    truth, maps = points[None], plain(points, sigma=sigma)
    angle, apart = rng.uniform((0, 2), (2 * np.pi, 4), (num, 2)).T
    close = points + sigma * apart[:, None] * np.stack(
        [np.cos(angle), np.sin(angle)], -1)
    for case, other in (('two equal peaks', uniform(rng, num, size)),
                        (CLOSE_PEAKS, close)):
        yield case, [(size, maps + draw_maps(other, size, sigma, rng, 0),
                      np.stack([points, other]))]
    yield 'flat top, saturated at 0.6', [(size, maps.clip(None, .6), truth)]
    yield 'maps of sigma / 2', [
        (size, plain(points, sigma=sigma / 2), truth)]
    yield 'maps of 2 sigma', [(size, plain(points, sigma=2 * sigma), truth)]
    yield 'background -0.2', [(size, maps - np.float32(.2), truth)]
    yield 'background +0.2', [(size, maps + np.float32(.2), truth)]
    slope = np.linspace(0, 1, size[0], dtype='float32')
    yield 'background rising from 0 to 0.5', [(size, maps + slope / 2, truth)]
    yield STEEP, [(size, maps + slope, truth)]
    tiny = []
    for shape in np.ndindex(5, 5):
        shape = tuple(int(s) + 1 for s in shape)
        points = uniform(rng, max(1, num // 25), shape)
        tiny.append((shape, plain(points, size=shape, sigma=sigma),
                     points[None]))
    yield 'tiny maps, 1x1 to 5x5', tiny


def robustness(num):
    for sigma in SIZES:
        rng = np.random.default_rng([SEED, sigma, num])
        for case, groups in hard_cases(sigma, num, rng):
            errors = {name: [] for name in CODECS}
            for size, maps, truths in groups:
                for name, found in decode_all(maps, size, sigma).items():
                    error = np.linalg.norm(truths - found, axis=2).min(0)
                    errors[name].append(error)
            yield dict(
                case=case, sigma=sigma, noise=SMALL_NOISE,
                mean_error_px={name: finite(np.concatenate(error).mean())
                               for name, error in errors.items()})
