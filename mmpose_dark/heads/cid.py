"""The head of CID, which finds all people of an image."""
from typing import Any, Mapping, Sequence, Tuple

import numpy as np
import torch
from mmengine.structures import InstanceData, PixelData
from mmpose.models.heads import CIDHead
from mmpose.models.heads.heatmap_heads.cid_head import smooth_heatmaps
from mmpose.registry import MODELS

from ..codecs import DarkDecoupledHeatmap
from .base import DarkHead


@MODELS.register_module()
class DarkCIDHead(DarkHead, CIDHead):
    """A :class:`mmpose.models.CIDHead`, of N people in an image.

    - Flip test: the flipped-back maps are moved to where they belong, to a
      fraction of a pixel.
    - Maps are read as the network has them, or as the flip test merges them.
      MMPose blurs them first; that is done, by ``blur_kernel_size`` of
      ``test_cfg``, where the codec does not modulate them itself.
    - ``keypoint_covariances`` are in shape (N, K, 2, 2); squared pixels of
      the image. How large they are is told by
      :mod:`mmpose_dark.functional.focal`.
    - Aligned at the corners (``use_udp``), positions are right in the image
      also where the input is padded.
    - ``score='similarity'`` is refused: OKS measures by a person's area,
      which is not known here.

    Takes and raises what :class:`DarkHead` does; its decoder is a
    :class:`DarkDecoupledHeatmap`. What it says of one person it says of N.
    """

    CODEC = DarkDecoupledHeatmap

    def predict(self, feats: Any, batch_data_samples: Sequence[Any],
                test_cfg: Mapping[str, Any] = {}) -> Any:  # noqa: B006
        """Predict results from features.

        Args:
            feats (tuple[Tensor] | list[tuple[Tensor]]): The features of one
                image, or those of the input and of the flipped input.
            batch_data_samples (list[PoseDataSample]): Its sample.
            test_cfg (dict): The runtime config for testing: ``flip_test``,
                ``max_instances``, ``score_threshold``, ``blur_kernel_size``
                and ``output_heatmaps`` of MMPose. Defaults to {}.

        Returns:
            list[InstanceData] | tuple[list[InstanceData], list[PixelData]]:
            The poses, and with ``output_heatmaps`` the maps that were read.
        """
        maps, scores = self._of_people(feats, batch_data_samples, test_cfg)
        preds = [InstanceData.cat(self.decode((maps, scores[:, None])))
                 if len(maps) else self._nobody()]
        self._for_estimator(preds[0], batch_data_samples[0])
        self._to_image(preds, batch_data_samples, test_cfg)
        if test_cfg.get('output_heatmaps', False):
            return preds, [PixelData(
                heatmaps=maps.detach().reshape(-1, *maps.shape[-2:]))]
        return preds

    def _of_people(self, feats: Any, samples: Sequence[Any],
                   test_cfg: Mapping[str, Any]
                   ) -> Tuple[torch.Tensor, torch.Tensor]:
        """Maps (N, K, H, W) of the people found, and their scores (N,)."""
        flip_test = test_cfg.get('flip_test', False)
        features = feats[-1]
        if flip_test:
            straight, mirrored = (of[-1] for of in feats)
            features = torch.cat([straight, mirrored.flip(-1)])
        of_people, roots, scores = self.iia_module.forward_test(
            features, test_cfg)
        if not len(roots):
            return features.new_zeros(
                0, self.num_keypoints, *features.shape[-2:]), scores
        passes = len(features)
        maps = self.gfd_module(
            features, of_people, roots.repeat(passes, 1),
            torch.arange(passes, device=roots.device).repeat_interleave(
                len(roots)))
        if flip_test:
            straight, back = maps.chunk(2)
            maps, = self._merged(
                (straight, ), (back.flip(-1), ),
                samples[0].metainfo['flip_indices'], test_cfg)
        if self.decoder.decoding != 'dark' or not self.decoder.modulation:
            maps = smooth_heatmaps(maps, test_cfg.get('blur_kernel_size', 3))
        return maps, scores

    def _nobody(self) -> InstanceData:
        shape = 0, self.num_keypoints
        pred = InstanceData(keypoints=np.empty((*shape, 2)),
                            keypoint_scores=np.empty(shape))
        if self.output_covariance:
            pred.keypoint_covariances = np.empty((*shape, 2, 2))
        return pred
