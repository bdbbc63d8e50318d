"""Scalar ports of the published algorithms: the oracles of the tests.

One map, one keypoint at a time, of one, two or three axes, in float64, written
after the papers and the official code and sharing nothing with the package.
Positions and sizes are x first, which is the last axis of a map.
"""
import itertools
import math

import cv2
import numpy as np


def gaussian(centre, size, sigma):
    """Eq. 14 with peak 1, a pixel at a time."""
    out = np.zeros(size[::-1])
    for index in np.ndindex(*out.shape):
        square = sum((i - c)**2 for i, c in zip(index[::-1], centre))
        out[index] = math.exp(-square / (2 * sigma**2))
    return out


def argmax(heatmap):
    """The first maximum."""
    at = np.unravel_index(int(np.argmax(heatmap)), heatmap.shape)
    return tuple(int(i) for i in at[::-1])


def around(heatmap, at, *steps):
    """The value some steps, each along an axis and so far, off a pixel."""
    index = list(at)
    for axis, by in steps:
        index[axis] += by
    return heatmap[tuple(index[::-1])]


def shift(heatmap):
    """The standard shift as the official code and MMPose have it.

    They ask of x ``1 < x < W - 1`` and ``0 < y < H``, and so of y.
    """
    at, size = argmax(heatmap), heatmap.shape[::-1]
    out = [float(i) for i in at]
    for axis in range(len(at)):
        others = [i for i in range(len(at)) if i != axis]
        if 1 < at[axis] < size[axis] - 1 and all(at[i] > 0 for i in others):
            out[axis] += 0.25 * np.sign(around(heatmap, at, (axis, 1)) -
                                        around(heatmap, at, (axis, -1)))
    return out


def blur(heatmap, kernel_size):
    """The official modulation: OpenCV's kernel, maximum restored."""
    taps = cv2.getGaussianKernel(kernel_size, 0).ravel()
    border = kernel_size // 2
    out = heatmap.astype(np.float64)
    for axis, size in enumerate(heatmap.shape):
        padded = np.pad(out, [(border * (i == axis), ) * 2
                              for i in range(heatmap.ndim)])
        out = sum(tap * padded.take(range(start, start + size), axis)
                  for start, tap in enumerate(taps))
    return out * (heatmap.max() / out.max())


def official_dark(heatmap, kernel_size):
    """DarkPose's ``get_final_preds`` for one map, in heatmap px.

    Its derivatives are those along x, y and the two; of other axes they are
    the same.

    Returns:
        tuple: The position and the Hessian. None where it does not refine, or
        where a neighbour is not positive and its log is that of a chosen
        constant.
    """
    at, size = argmax(heatmap), heatmap.shape[::-1]
    axes = range(len(at))
    log = heatmap.astype(np.float64)
    if kernel_size:
        log = blur(log, kernel_size)
    log = np.log(np.maximum(log, 1e-10))
    if not all(1 < i < n - 2 for i, n in zip(at, size)):
        return np.array(at, float), None
    gradient, hessian = np.zeros(len(at)), np.zeros((len(at), len(at)))
    for i in axes:
        gradient[i] = 0.5 * (around(log, at, (i, 1)) -
                             around(log, at, (i, -1)))
        hessian[i, i] = 0.25 * (
            around(log, at, (i, 2)) - 2 * around(log, at) +
            around(log, at, (i, -2)))
    for i, j in itertools.permutations(axes, 2):
        hessian[i, j] = 0.25 * sum(
            a * b * around(log, at, (i, a), (j, b))
            for a in (1, -1) for b in (1, -1))
    if np.linalg.det(hessian) == 0:
        return np.array(at, float), None
    step = -np.linalg.inv(hessian) @ gradient
    seen = [around(log, at, *zip(axes, steps))
            for steps in itertools.product(range(-2, 3), repeat=len(at))
            if sum(map(abs, steps)) <= 2]
    constant = min(seen) <= math.log(1e-10)
    return at + step, None if constant else hessian


def makes_sense(point, hessian, heatmap, sigma):
    """Where the package promises the official step: see decode_heatmaps."""
    return (hessian is not None and np.linalg.eigvalsh(hessian).max() < 0
            and np.abs(point - argmax(heatmap)).max() <= 2 * sigma)


def profiles(centre, size, sigma):
    """The Gaussian along each axis."""
    return [np.exp(-(np.arange(n) - c)**2 / (2 * sigma**2))
            for n, c in zip(size, centre)]


def likeliest(heatmap, sigma, start):
    """Maximum-likelihood centre of a Gaussian of known sigma, by scipy.

    Least squares over the centre; the best amplitude is in closed form.
    """
    from scipy.optimize import minimize

    def loss(centre):
        lines = profiles(centre, heatmap.shape[::-1], sigma)
        seen = heatmap
        for line in lines:
            seen = seen @ line
        return -seen / math.sqrt(math.prod(line @ line for line in lines))

    return minimize(loss, start, method='Nelder-Mead',
                    options=dict(xatol=1e-6, fatol=1e-12)).x


def cramer_rao(centre, size, sigma):
    r"""The least standard deviation along each axis that is possible.

    Of any unbiased reading of a Gaussian of unknown amplitude in white noise
    of standard deviation 1: the inverse of the Fisher matrix of amplitude and
    position, which sums products of the derivatives over the pixels,

    .. math:: g, \quad \frac{i_x - c_x}{\sigma^2} g, \quad \ldots

    Each sum is a product of sums along the axes.
    """
    lines = profiles(centre, size, sigma)
    moments = [[line**2 @ ((np.arange(n) - c) / sigma**2)**power
                for power in range(3)]
               for line, n, c in zip(lines, size, centre)]
    fisher = np.zeros((len(size) + 1, ) * 2)
    for row, column in np.ndindex(*fisher.shape):
        fisher[row, column] = math.prod(
            moments[axis][(row == axis + 1) + (column == axis + 1)]
            for axis in range(len(size)))
    return np.sqrt(np.diag(np.linalg.inv(fisher))[1:])
