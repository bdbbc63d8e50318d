"""Targets that travel as coordinates."""
from typing import Any, Dict

import numpy as np
from mmpose.codecs.base import BaseKeypointCodec
from mmpose.datasets.transforms import GenerateTarget
from mmpose.registry import TRANSFORMS

from .codecs import DarkHeatmap
from .conventions import LABELS


@TRANSFORMS.register_module()
class GenerateDarkTarget(GenerateTarget):
    """Pack what a heatmap is drawn from and leave drawing to the head.

    A :class:`mmpose.datasets.transforms.GenerateTarget` for
    :class:`DarkHeatmapHead` and the other heads of this package. A sample
    carries 16 bytes per keypoint from the data loader to the device, instead
    of a heatmap of H * W * 4; the heatmaps that the head draws are those that
    the codec would have encoded.

    The head draws with the settings of its own ``decoder``: give both the
    same codec.

    Required Keys:

        - keypoints
        - keypoints_visible
        - dataset_keypoint_weights

    Added Keys:

        - keypoint_labels (np.ndarray): Sub-pixel positions in shape
            (1, K, 2), float32; units: heatmap pixels
        - keypoints_visible (np.ndarray): Visibilities in shape (1, K)
        - keypoint_weights (np.ndarray): Target weights in shape (1, K)

    All three reach the head in ``gt_instance_labels``.

    Args:
        encoder (dict): The config of a :class:`DarkHeatmap`
        kwargs: Other arguments of ``GenerateTarget``, for example
            ``use_dataset_keypoint_weights``

    Raises:
        ValueError: Several encoders: a head draws for one.
        TypeError: An encoder that is no :class:`DarkHeatmap`.
    """

    encoder: Any

    def __init__(self, encoder: Any, **kwargs: Any) -> None:
        if isinstance(encoder, (list, tuple)) or kwargs.get('multilevel'):
            raise ValueError(
                f'{type(self).__name__} takes one encoder: the head draws the '
                'heatmaps of one codec. For multi-level or combined targets '
                'use GenerateTarget, and a head that takes them')
        super().__init__(encoder, **kwargs)
        if not isinstance(self.encoder, DarkHeatmap):
            raise TypeError(
                f'{type(self).__name__} takes a DarkHeatmap as encoder, got '
                f'{type(self.encoder).__name__}; use GenerateTarget with it')
        self.encoder = _Labels(self.encoder)


class _Labels(BaseKeypointCodec):
    """A codec's labels in place of its heatmaps."""

    label_mapping_table = {name: name for name in LABELS}

    def __init__(self, codec: Any) -> None:
        self.codec = codec

    def encode(self, keypoints: np.ndarray,
               keypoints_visible: Any = None) -> Dict[str, np.ndarray]:
        return self.codec.encode_labels(keypoints, keypoints_visible)

    def decode(self, encoded: Any) -> Any:
        return self.codec.decode(encoded)
