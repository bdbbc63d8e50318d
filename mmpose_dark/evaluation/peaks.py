"""Drawn peaks with known truth: how far is a codec off?

A peak is a unit Gaussian, noise is white with standard deviation n. No
unbiased estimator of its position has a smaller RMSE per axis than
sqrt(2 / pi) * n px, whatever sigma is: the Cramer-Rao limit.

Everything is in pixels of the map (px), sizes are (W, H), and codecs are given
as a function of size and sigma, like :func:`contenders`. :func:`accuracy`,
:func:`border` and :func:`robustness` are the tables of ``make bench``.
"""
import math
from functools import partial
from typing import (
    Any,
    Callable,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    Tuple,
)

import numpy as np
from mmpose.registry import KEYPOINT_CODECS

from ..conventions import official_kernel
from ..functional import encode_heatmaps

Size = Tuple[int, int]
Build = Callable[[Size, float], Mapping[str, Any]]
#: a size, maps (num, H, W) and the truths (T, num, 2)
Group = Tuple[Size, np.ndarray, np.ndarray]

#: sigma -> size of the map, as the paper pairs them
SIZES = {1: (24, 32), 2: (48, 64), 3: (72, 96)}
NOISES = (.01, .02, .05, .1, .2)
#: of the tables at the border and of hard cases
SMALL_NOISE = .02
SEED = 20231123

_OURS = 'mmpose_dark.DarkHeatmap'
#: name -> config of a codec without its geometry
CONTENDERS: Dict[str, Dict[str, Any]] = {
    'DARK': dict(type=_OURS),
    'DARK raw peak': dict(type=_OURS, peak='raw'),
    'DARK unmodulated': dict(type=_OURS, modulation=False),
    'shift': dict(type=_OURS, decoding='shift'),
    'MMPose DARK': dict(type='MSRAHeatmap', unbiased=True),
    'MMPose UDP': dict(type='UDPHeatmap'),
}


def contenders(size: Size, sigma: float, names: Iterable[str] = CONTENDERS,
               stride: int = 1) -> Dict[str, Any]:
    """Codecs by name, MMPose's with the blur kernel of the official code.

    ``'MMPose DARK'`` calls ``refine_keypoints_dark``, which *is* the official
    algorithm (ilovepose/DarkPose), so it stands for both.

    Args:
        size (tuple): Of the map (W, H)
        sigma (float): Of the codecs; px
        names (Iterable[str]): Some of :data:`CONTENDERS`. Defaults to all
        stride (int): Input px per px of the map; at 1 they decode to px of the
            map. Defaults to 1
    """
    codecs = {}
    for name in names:
        entry = dict(CONTENDERS[name], heatmap_size=size, sigma=sigma)
        corner = int(entry['type'] == 'UDPHeatmap')
        entry['input_size'] = tuple(stride * (s - corner) for s in size)
        if entry['type'] != _OURS:
            entry['blur_kernel_size'] = official_kernel(sigma)
        with np.errstate(all='ignore'):  # UDP divides by (size - 1)
            codecs[name] = KEYPOINT_CODECS.build(entry)
    return codecs


def limit(noise: float) -> float:
    """The smallest RMSE per axis that there can be; px."""
    return math.sqrt(2 / math.pi) * noise


def draw_peaks(rng: np.random.Generator, points: np.ndarray, size: Size,
               sigma: float, noise: float = 0.) -> np.ndarray:
    """Maps (num, H, W), float32, with peaks at points (num, 2) and noise."""
    maps = encode_heatmaps(np.asarray(points, float), size, sigma)
    maps = maps + noise * rng.standard_normal(maps.shape)
    return maps.astype(np.float32)


def uniform(rng: np.random.Generator, num: int, size: Size,
            margin: float = 0.) -> np.ndarray:
    """Points (num, 2) everywhere but within ``margin`` px of the border."""
    return rng.uniform(margin, np.subtract(size, 1) - margin, (num, 2))


def at_border(rng: np.random.Generator, num: int, size: Size) -> np.ndarray:
    """Points (num, 2) within 1.5 px of one of the four sides."""
    points = uniform(rng, num, size)
    axis, side = rng.integers(2, size=(2, num))
    depth = rng.uniform(0, 1.5, num)
    points[np.arange(num), axis] = np.where(
        side, depth, np.subtract(size, 1)[axis] - depth)
    return points


def rmse(rng: np.random.Generator, num: int, size: Size, sigma: float,
         noise: float, place: Callable[..., np.ndarray] = uniform,
         build: Build = contenders) -> Dict[str, float]:
    """RMSE per axis of every codec on ``num`` peaks; px.

    Args:
        rng (Generator): Draws points and noise
        num (int): How many peaks
        size (tuple): Of the map (W, H)
        sigma (float): Of the peaks
        noise (float): Of the pixels
        place (callable): Points of ``(rng, num, size)``, such as
            :func:`at_border`. Defaults to :func:`uniform`
        build (callable): The codecs of a size and sigma. Defaults to
            :func:`contenders`
    """
    codecs = build(size, sigma)
    square = dict.fromkeys(codecs, 0.)
    for start in range(0, num, 500):  # the largest maps take 28 kB each
        points = place(rng, min(500, num - start), size)
        maps = draw_peaks(rng, points, size, sigma, noise)
        for name, found in _decode(codecs, maps).items():
            square[name] += float(((found - points)**2).sum())
    return {name: math.sqrt(total / (2 * num))
            for name, total in square.items()}


def mean_errors(groups: List[Group], sigma: float,
                build: Build = contenders) -> Dict[str, float]:
    """Mean distance to the nearest truth of every codec; px.

    Args:
        groups (list): As :func:`hard_cases` gives them
        sigma (float): What the codecs are told
        build (callable): The codecs of a size and sigma. Defaults to
            :func:`contenders`
    """
    errors: Dict[str, List[np.ndarray]] = {}
    for size, maps, truths in groups:
        for name, found in _decode(build(size, sigma), maps).items():
            errors.setdefault(name, []).append(
                np.linalg.norm(truths - found, axis=2).min(0))
    return {name: float(np.concatenate(error).mean())
            for name, error in errors.items()}


def hard_cases(rng: np.random.Generator, num: int, size: Size, sigma: float,
               noise: float) -> Iterator[Tuple[str, List[Group]]]:
    """Maps that are not what a codec expects: a name and groups of maps."""

    def plain(points: np.ndarray, size: Any = size, sigma: Any = sigma) -> Any:
        return draw_peaks(rng, points, size, sigma, noise)

    points = uniform(rng, num, size, 3 * sigma + 1)
    truth, maps = points[None], plain(points)
    angle, apart = rng.uniform((0, 2), (2 * np.pi, 4), (num, 2)).T
    close = points + sigma * apart[:, None] * np.stack(
        [np.cos(angle), np.sin(angle)], -1)
    for case, other in (
            ('two equal peaks', uniform(rng, num, size)),
            ('two equal peaks, 2 to 4 sigma apart', close)):
        yield case, [(size, maps + draw_peaks(rng, other, size, sigma),
                      np.stack([points, other]))]
    slope = np.linspace(0, 1, size[0], dtype=np.float32)
    for case, changed in (
            ('flat top, saturated at 0.6', maps.clip(None, .6)),
            ('maps of sigma / 2', plain(points, sigma=sigma / 2)),
            ('maps of 2 sigma', plain(points, sigma=2 * sigma)),
            ('background -0.2', maps - np.float32(.2)),
            ('background +0.2', maps + np.float32(.2)),
            ('background rising from 0 to 0.5', maps + slope / 2),
            ('background rising from 0 to 1', maps + slope)):
        yield case, [(size, changed, truth)]
    tiny: List[Group] = []
    for x, y in np.ndindex(5, 5):
        # A codec refuses a sigma of more than half a side.
        shape = math.ceil(2 * sigma) + x, math.ceil(2 * sigma) + y
        points = uniform(rng, max(1, num // 25), shape)
        tiny.append((shape, plain(points, size=shape), points[None]))
    yield 'tiny maps, 2 sigma to 2 sigma + 4 px a side', tiny


def accuracy(num: int, build: Build = contenders) -> Iterator[Dict[str, Any]]:
    """Rows for :data:`SIZES` and :data:`NOISES`: ``rmse_px`` by name and the
    same over the limit. Inside: the Gaussian lies on the map as a whole.
    """
    for sigma, size in SIZES.items():
        place = partial(uniform, margin=3 * sigma + 1)
        for noise in NOISES:
            rng = np.random.default_rng([SEED, sigma, int(1e3 * noise)])
            found = rmse(rng, num, size, sigma, noise, place, build)
            yield dict(
                sigma=sigma, noise=noise, map=size[::-1], peaks=num,
                limit_px=limit(noise), rmse_px=found, over_limit={
                    name: px / limit(noise) for name, px in found.items()})


def border(num: int, build: Build = contenders) -> Iterator[Dict[str, Any]]:
    """Rows for :data:`SIZES`, :func:`at_border`: ``rmse_px`` by name."""
    for sigma, size in SIZES.items():
        rng = np.random.default_rng([SEED, sigma])
        yield dict(
            sigma=sigma, noise=SMALL_NOISE, peaks=num, rmse_px=rmse(
                rng, num, size, sigma, SMALL_NOISE, at_border, build))


def robustness(num: int,
               build: Build = contenders) -> Iterator[Dict[str, Any]]:
    """Rows for :data:`SIZES` and :func:`hard_cases`: ``mean_error_px``.

    Where two equal peaks are close, and on the steepest background, DARK is
    known to be worse than the standard shift.
    """
    for sigma, size in SIZES.items():
        rng = np.random.default_rng([SEED, sigma, num])
        for case, groups in hard_cases(rng, num, size, sigma, SMALL_NOISE):
            yield dict(case=case, sigma=sigma, noise=SMALL_NOISE,
                       mean_error_px=mean_errors(groups, sigma, build))


def _decode(codecs: Mapping[str, Any],
            maps: np.ndarray) -> Dict[str, np.ndarray]:
    with np.errstate(all='ignore'):  # of MMPose's codecs
        return {name: codec.decode(maps)[0][0]
                for name, codec in codecs.items()}
