"""The maths of DARK, for numpy arrays and torch tensors alike.

Imports no mm* package, and torch only when a tensor is handed in.
"""
from .accuracy import pck_accuracy
from .coverage import ellipse_limit, log_likelihood, mahalanobis
from .decode import (
    METHODS,
    PEAKS,
    decode_heatmaps,
    scale_covariances,
    scale_keypoints,
)
from .encode import encode_heatmaps, keypoint_weights
from .flip import flip_heatmaps
from .modulate import modulate_heatmaps
from .oks import expected_oks

__all__ = [
    'METHODS', 'PEAKS', 'decode_heatmaps', 'ellipse_limit', 'encode_heatmaps',
    'expected_oks', 'flip_heatmaps', 'log_likelihood', 'mahalanobis',
    'keypoint_weights', 'modulate_heatmaps', 'pck_accuracy',
    'scale_covariances', 'scale_keypoints'
]
