"""What a codec takes from MMPose, or what is enough where there is none.

A codec reads and draws by numpy alone. MMPose gives it a registry, and the
stock drawing where ``unbiased=False`` asks for that; a file that is made DARK
needs neither.
"""
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Callable, Tuple

if TYPE_CHECKING or find_spec('mmpose'):
    from mmpose.codecs import (
        AssociativeEmbedding,
        DecoupledHeatmap,
        Hand3DHeatmap,
        SimCCLabel,
    )
    from mmpose.codecs.base import BaseKeypointCodec
    from mmpose.codecs.utils import (
        get_diagonal_lengths,
        get_instance_bbox,
        get_instance_root,
    )
    from mmpose.registry import KEYPOINT_CODECS
else:
    import numpy as np

    class KEYPOINT_CODECS:  # noqa: N801  the name of an object of MMPose's
        """A registry that keeps nothing."""

        @staticmethod
        def register_module() -> Callable[[type], type]:
            return lambda codec: codec

    class BaseKeypointCodec:
        """Marks a codec."""

    class Hand3DHeatmap(BaseKeypointCodec):
        """Draws by MMPose alone."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            raise ImportError(f'{type(self).__name__} needs MMPose')

    class AssociativeEmbedding(Hand3DHeatmap):
        """Groups by MMPose alone."""

    class DecoupledHeatmap(Hand3DHeatmap):
        """Draws by MMPose alone."""

    get_diagonal_lengths = get_instance_bbox = get_instance_root = None

    class SimCCLabel(BaseKeypointCodec):
        """Keeps what MMPose's keeps."""

        def __init__(self, input_size: Tuple[int, int], smoothing_type: str,
                     sigma: Any, simcc_split_ratio: float,
                     label_smooth_weight: float, normalize: bool,
                     use_dark: bool) -> None:
            self.input_size = input_size
            self.smoothing_type = smoothing_type
            self.sigma = np.broadcast_to(np.asarray(sigma), 2).copy()
            self.simcc_split_ratio = simcc_split_ratio
            self.label_smooth_weight = label_smooth_weight
            self.normalize = normalize
            self.use_dark = use_dark

__all__ = ['KEYPOINT_CODECS', 'AssociativeEmbedding', 'BaseKeypointCodec',
           'DecoupledHeatmap', 'Hand3DHeatmap', 'SimCCLabel',
           'get_diagonal_lengths', 'get_instance_bbox', 'get_instance_root']
