"""The head of InterNet, whose joints come with a depth."""
from typing import Any, List

from mmengine.structures import InstanceData
from mmpose.models.heads import InternetHead
from mmpose.registry import MODELS

from ..codecs import DarkHand3DHeatmap
from .base import DarkHead


@MODELS.register_module()
class DarkInternetHead(DarkHead, InternetHead):
    """A :class:`mmpose.models.InternetHead`, of two hands in space.

    - Flip test: the flipped-back volumes are moved to where they belong, and
      depth and labels of the hands follow. MMPose's takes the labels of the
      input twice and loses which is which.
    - ``keypoint_covariances`` are in shape (1, K, 3, 3); units: pixels of the
      image for x and y, mm for the depth.

    Takes and raises what :class:`DarkHead` does; its decoder is a
    :class:`DarkHand3DHeatmap`.
    """

    CODEC = DarkHand3DHeatmap

    def decode(self, batch_outputs: Any) -> List[InstanceData]:
        """Decode the joints of two hands.

        Args:
            batch_outputs (tuple[Tensor]): Volumes in shape (B, K, D, H, W),
                depths of the wrists (B, 1) and logits of the hands (B, 2).

        Returns:
            list[InstanceData]: B predictions in input pixels and mm.
        """
        if self.promises:
            self.check_covariance()
        names = ('keypoints', 'keypoint_scores', 'rel_root_depth',
                 'hand_type', 'keypoint_covariances')
        found = self.decoder.batch_decode(
            *batch_outputs, return_covariance=self.promises)
        return [InstanceData(**dict(zip(names, of_image)))
                for of_image in zip(*found)]
