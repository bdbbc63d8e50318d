"""The maths of DARK, for numpy arrays and torch tensors alike.

Imports no mm* package, and torch only when a tensor is handed in.
"""
from .accuracy import pck_accuracy, vector_accuracy
from .coverage import (
    TAIL_DOF,
    ellipse_level,
    ellipse_limit,
    log_likelihood,
    mahalanobis,
)
from .decode import (
    METHODS,
    PEAKS,
    decode_heatmaps,
    decode_vectors,
    decode_volumes,
    scale_covariances,
    scale_keypoints,
)
from .encode import encode_heatmaps, encode_vectors, keypoint_weights
from .flip import flip_heatmaps, flip_simcc, flip_vectors
from .focal import focal_covariances, focal_spread
from .means import bins_covariance, likeliest_covariance, map_covariance
from .modulate import modulate_heatmaps
from .oks import BOX_SHARE, box_areas, expected_oks, oks_sigmas
from .refine import refine_keypoints
from .scores import pose_scores
from .simcc import (
    decode_simcc,
    decode_visibility,
    encode_bins,
    encode_simcc,
)
from .track import smooth_track, track_acceleration
from .track_filter import TrackFilter
from .vector_covariance import LABEL_BETA

__all__ = [
    'BOX_SHARE', 'LABEL_BETA', 'METHODS', 'PEAKS', 'TAIL_DOF', 'TrackFilter',
    'bins_covariance', 'box_areas', 'decode_heatmaps', 'decode_simcc',
    'decode_vectors', 'decode_visibility', 'decode_volumes', 'ellipse_level',
    'ellipse_limit', 'encode_bins', 'encode_heatmaps', 'encode_simcc',
    'encode_vectors', 'expected_oks', 'flip_heatmaps', 'flip_simcc',
    'flip_vectors', 'focal_covariances', 'focal_spread', 'keypoint_weights',
    'likeliest_covariance', 'log_likelihood', 'mahalanobis', 'map_covariance',
    'modulate_heatmaps', 'oks_sigmas', 'pck_accuracy', 'pose_scores',
    'refine_keypoints', 'scale_covariances', 'scale_keypoints', 'smooth_track',
    'track_acceleration', 'vector_accuracy'
]
