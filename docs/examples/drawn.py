"""Heatmaps of a network that knows how unsure it is, with known truth.

A joint is somewhere: the picture says that it is spread as N(m, P) around a
point m. A network trained by squared error then predicts the mean of the
targets, which is drawn here as one: the mean of many Gaussians, each around
a position that the joint may have. The truth is one more of these positions.
"""
import numpy as np
from mmpose_dark.functional import decode_heatmaps, encode_heatmaps

SIGMA = 2.  # of the targets; heatmap px
SIZE = 48, 64  # of a heatmap, (W, H)


def spread(long, short, angle):
    """A covariance (2, 2) by its axes, heatmap px, and the angle of one."""
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.array([[cos, -sin], [sin, cos]])
    return turn @ np.diag([long**2, short**2]) @ turn.T


def predict(truth, covariances, rng, positions=200, noise=.01):
    """Heatmaps (M, H, W) for joints at (M, 2) with (M, 2, 2), heatmap px."""
    maps = []
    for point, covariance in zip(truth, covariances):
        middle = rng.multivariate_normal(point, covariance)
        maybe = rng.multivariate_normal(middle, covariance, positions)
        maps.append(encode_heatmaps(maybe, SIZE, SIGMA).mean(0))
    return maps + noise * rng.standard_normal((len(maps), *SIZE[::-1]))


def read(maps):
    """Positions (M, 2), scores (M,) and covariances (M, 2, 2), heatmap px."""
    return decode_heatmaps(maps, SIGMA, return_covariance=True)
