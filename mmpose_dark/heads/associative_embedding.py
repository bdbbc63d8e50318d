"""The head of HigherHRNet, whose maps hold all people of an image."""
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

import torch
from mmengine.structures import InstanceData, PixelData
from mmpose.models.heads import AssociativeEmbeddingHead
from mmpose.registry import MODELS
from torch.nn.functional import grid_sample

from .. import functional as F  # noqa: N812
from ..codecs import DarkAssociativeEmbedding
from .base import DarkHead


@MODELS.register_module()
class DarkAssociativeEmbeddingHead(DarkHead, AssociativeEmbeddingHead):
    """A :class:`mmpose.models.AssociativeEmbeddingHead`, read by DARK.

    - Maps are read as the network has them: ``restore_heatmap_size`` and
      ``align_corners`` of ``test_cfg`` are not looked at. MMPose enlarges
      them first, which costs time and makes Gaussians wider than its decoder
      knows.
    - Flip test: the flipped-back heatmaps are moved to where they belong,
      tags to the nearest pixel. Of a pyramid of images, ``multiscale_test``,
      the heatmaps are sampled where those of the first image have a pixel.
    - Aligned at the corners (``use_udp``), positions are right in the image
      also where the input is padded.
    - ``loss`` takes pictures of any number of people.
    - ``keypoint_covariances`` are in shape (N, K, 2, 2); squared pixels of
      the image. ``score='similarity'`` is refused: OKS measures by a
      person's area, which is not known here.

    Takes and raises what :class:`DarkHead` does; its decoder is a
    :class:`DarkAssociativeEmbedding`.
    """

    CODEC = DarkAssociativeEmbedding

    # ---- training

    def loss(self, feats: Any, batch_data_samples: Sequence[Any],
             train_cfg: Mapping[str, Any] = {}  # noqa: B006
             ) -> Dict[str, Any]:
        """Calculate losses from a batch of inputs and data samples.

        Args:
            feats (tuple[Tensor]): The multi-scale features.
            batch_data_samples (list[PoseDataSample]): B samples with the
                targets of a :class:`DarkAssociativeEmbedding` and, with
                ``BottomupGetHeatmapMask``, where they hold.
            train_cfg (dict): Not looked at. Defaults to {}.

        Returns:
            dict: ``loss_kpt``, ``loss_pull`` and ``loss_push``.
        """
        heatmaps, tags = self.forward(feats)
        if not self.tag_per_keypoint:
            tags = tags.repeat(1, self.num_keypoints, 1, 1)
        fields = [sample.gt_fields for sample in batch_data_samples]
        masks = (torch.stack([field.heatmap_mask for field in fields])
                 if 'heatmap_mask' in fields[0] else None)
        # A weight of each joint of each person is none of a map of them all.
        modules: Any = self.loss_module
        of_maps = modules.keypoint_loss(
            heatmaps, torch.stack([field.heatmaps for field in fields]),
            None, masks)
        pull, push = modules.tag_loss(tags, [
            sample.gt_instance_labels.keypoint_indices
            for sample in batch_data_samples])
        return dict(loss_kpt=of_maps, loss_pull=pull, loss_push=push)

    # ---- prediction

    def predict(self, feats: Any, batch_data_samples: Sequence[Any],
                test_cfg: Mapping[str, Any] = {}) -> Any:  # noqa: B006
        """Predict results from features.

        Args:
            feats (tuple[Tensor] | list): The features, those of the input
                and of the flipped input, or with ``multiscale_test`` a list
                of them for each size of the image.
            batch_data_samples (list[PoseDataSample]): B samples.
            test_cfg (dict): The runtime config for testing: ``flip_test``,
                ``shift_heatmap``, ``multiscale_test`` and
                ``output_heatmaps`` of MMPose. Defaults to {}.

        Returns:
            list[InstanceData] | tuple[list[InstanceData], list[PixelData]]:
            The pose predictions, and with ``output_heatmaps`` the heatmaps
            and tags that were read.

        Raises:
            ValueError: Covariances of a ``multiscale_test``, whose mean of
                maps has Gaussians of several widths.
        """
        if not test_cfg.get('multiscale_test', False):
            feats = [feats]
        elif self.output_covariance:
            raise ValueError('output_covariance=True needs '
                             'multiscale_test=False: covariances are not '
                             'derived for a mean of maps of several sizes')
        size = batch_data_samples[0].metainfo['input_size']
        (heatmaps, tags), *others = (
            self._both(of_size, size, batch_data_samples, test_cfg)
            for of_size in feats)
        if others:
            heatmaps = sum((self._resampled(maps, heatmaps.shape)
                            for maps, _ in others), heatmaps) / len(feats)
        preds = self.decode((heatmaps, tags), size)
        for pred, sample in zip(preds, batch_data_samples):
            self._for_estimator(pred, sample)
        self._to_image(preds, batch_data_samples, test_cfg)
        if not test_cfg.get('output_heatmaps', False):
            return preds
        return preds, [PixelData(heatmaps=maps.clone(), tags=its.clone())
                       for maps, its in zip(heatmaps.detach(), tags.detach())]

    def _both(self, feats: Any, size: Sequence[int], samples: Sequence[Any],
              test_cfg: Mapping[str, Any]) -> Tuple[Any, Any]:
        """Heatmaps and tags of an image, of a flip test merged."""
        if not test_cfg.get('flip_test', False):
            found: Tuple[Any, Any] = self.forward(feats)
            return found
        self._check_alignment(test_cfg)
        indices = samples[0].metainfo['flip_indices']
        (maps, tags), (mirrored, its_tags) = map(self.forward, feats)
        shift = (self.decoder.mirror_offset(size, maps.shape[:1:-1])[0]
                 if self.flip_shift == 'exact'
                 else float(bool(test_cfg.get('shift_heatmap', False))))
        back = F.flip_heatmaps(mirrored, indices, shift=shift)
        its_tags = self._flip_tags(its_tags, indices, shift > .5)
        return (maps + back) * .5, torch.cat([tags, its_tags], 1)

    def _resampled(self, maps: torch.Tensor,
                   like: Sequence[int]) -> torch.Tensor:
        """Maps of another size of the image, as large as the first's."""
        grid = []
        for new, old in zip(like[:1:-1], maps.shape[:1:-1]):
            corner, centre = self.decoder.use_udp, self.decoder.centre[0]
            ratio = (old - corner) / max(new - corner, 1)
            at = ratio * (torch.arange(new) + centre) - centre
            grid.append(2 * at / max(old - 1, 1) - 1)
        y, x = torch.meshgrid(grid[1], grid[0], indexing='ij')
        return grid_sample(
            maps, torch.stack([x, y], -1).to(maps)[None].expand(
                len(maps), -1, -1, -1),
            padding_mode='border', align_corners=True)

    def decode(self, batch_outputs: Any,
               input_size: Optional[Sequence[int]] = None
               ) -> List[InstanceData]:
        """Decode the joints of all people.

        Args:
            batch_outputs (tuple[Tensor]): Heatmaps in shape (B, K, H, W) and
                tags in shape (B, L*K, H, W).
            input_size (Sequence[int], optional): (w, h) of the input, see
                :meth:`DarkAssociativeEmbedding.batch_decode`. Defaults to
                ``None``

        Returns:
            list[InstanceData]: B predictions of N people each, in input
            pixels.
        """
        names = ('keypoints', 'keypoint_scores', 'bbox_scores',
                 'keypoint_covariances')
        found = self.decoder.batch_decode(
            *batch_outputs, input_size=input_size,
            return_covariance=self.output_covariance)
        return [InstanceData(**dict(zip(names, of_image)))
                for of_image in zip(*found)]
