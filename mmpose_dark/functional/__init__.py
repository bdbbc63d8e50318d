"""The maths of DARK, for numpy arrays and torch tensors alike.

Imports no mm* package, and torch only when a tensor is handed in.
"""
from .accuracy import pck_accuracy, vector_accuracy
from .decode import METHODS, PEAKS, decode_heatmaps
from .encode import encode_heatmaps, keypoint_weights
from .flip import flip_heatmaps
from .modulate import modulate_heatmaps
from .scale import scale_covariances, scale_keypoints
from .simcc import decode_simcc, decode_visibility, encode_bins, flip_simcc
from .vectors import decode_vectors, encode_vectors, flip_vectors

__all__ = [
    'METHODS', 'PEAKS', 'decode_heatmaps', 'decode_simcc', 'decode_vectors',
    'decode_visibility', 'encode_bins', 'encode_heatmaps', 'encode_vectors',
    'flip_heatmaps', 'flip_simcc', 'flip_vectors', 'keypoint_weights',
    'modulate_heatmaps', 'pck_accuracy', 'scale_covariances',
    'scale_keypoints', 'vector_accuracy'
]
