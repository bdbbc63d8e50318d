"""Scalar ports of the published algorithms: the oracles of the tests.

One heatmap, one keypoint at a time, in float64, written after the papers and
the official code and sharing nothing with the package.
"""
import math

import cv2
import numpy as np


def gaussian(x, y, width, height, sigma):
    """Eq. 14 with peak 1, a pixel at a time."""
    out = np.zeros((height, width))
    for i in range(height):
        for j in range(width):
            out[i, j] = math.exp(-((j - x)**2 + (i - y)**2) / (2 * sigma**2))
    return out


def argmax(heatmap):
    """The first maximum as (x, y)."""
    index = int(np.argmax(heatmap))
    return index % heatmap.shape[1], index // heatmap.shape[1]


def shift(heatmap):
    """The standard shift as the official code and MMPose have it."""
    height, width = heatmap.shape
    x, y = argmax(heatmap)
    out = [float(x), float(y)]
    if 1 < x < width - 1 and 0 < y < height:
        out[0] += 0.25 * np.sign(heatmap[y, x + 1] - heatmap[y, x - 1])
    if 1 < y < height - 1 and 0 < x < width:
        out[1] += 0.25 * np.sign(heatmap[y + 1, x] - heatmap[y - 1, x])
    return out


def blur(heatmap, kernel_size):
    """The official modulation: OpenCV's kernel, maximum restored."""
    border = kernel_size // 2
    padded = np.pad(heatmap, border)
    padded = cv2.GaussianBlur(padded, (kernel_size, kernel_size), 0)
    out = padded[border:-border, border:-border]
    return out * (heatmap.max() / out.max())


def official_dark(heatmap, kernel_size):
    """DarkPose's ``get_final_preds`` for one map, in heatmap px.

    Returns:
        tuple: x, y, and the Hessian. None where it does not refine, or where
        a neighbour is not positive and its log is that of a chosen constant.
    """
    height, width = heatmap.shape
    x, y = argmax(heatmap)
    log = heatmap.astype(np.float64)
    if kernel_size:
        log = blur(log, kernel_size)
    log = np.log(np.maximum(log, 1e-10))
    if not (1 < x < width - 2 and 1 < y < height - 2):
        return float(x), float(y), None
    dx = 0.5 * (log[y, x + 1] - log[y, x - 1])
    dy = 0.5 * (log[y + 1, x] - log[y - 1, x])
    dxx = 0.25 * (log[y, x + 2] - 2 * log[y, x] + log[y, x - 2])
    dyy = 0.25 * (log[y + 2, x] - 2 * log[y, x] + log[y - 2, x])
    dxy = 0.25 * (log[y + 1, x + 1] - log[y - 1, x + 1] - log[y + 1, x - 1] +
                  log[y - 1, x - 1])
    hessian = np.array([[dxx, dxy], [dxy, dyy]])
    if np.linalg.det(hessian) == 0:
        return float(x), float(y), None
    step = -np.linalg.inv(hessian) @ np.array([dx, dy])
    around = [log[y + i, x + j] for i in range(-2, 3) for j in range(-2, 3)
              if abs(i) + abs(j) <= 2]
    constant = min(around) <= math.log(1e-10)
    return x + step[0], y + step[1], None if constant else hessian


def makes_sense(x, y, hessian, heatmap, sigma):
    """Where the package promises the official step: see decode_heatmaps."""
    px, py = argmax(heatmap)
    return (hessian is not None and np.linalg.eigvalsh(hessian).max() < 0
            and abs(x - px) <= 2 * sigma and abs(y - py) <= 2 * sigma)


def likeliest(heatmap, sigma, start):
    """Maximum-likelihood centre of a Gaussian of known sigma, by scipy.

    Least squares over the centre; the best amplitude is in closed form.
    """
    from scipy.optimize import minimize
    height, width = heatmap.shape
    ys, xs = np.arange(height), np.arange(width)

    def loss(centre):
        g = np.outer(np.exp(-(ys - centre[1])**2 / (2 * sigma**2)),
                     np.exp(-(xs - centre[0])**2 / (2 * sigma**2)))
        return -(g * heatmap).sum() / np.sqrt((g * g).sum())

    return minimize(loss, start, method='Nelder-Mead',
                    options=dict(xatol=1e-6, fatol=1e-12)).x
