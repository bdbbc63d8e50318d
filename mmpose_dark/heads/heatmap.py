"""Heads that keep heatmaps on the device, from target to keypoint."""
from typing import Any, Dict, List, Mapping, Sequence, Tuple

import torch
from mmengine.structures import InstanceData, PixelData
from mmpose.models.heads import (
    CPMHead,
    HeatmapHead,
    ViPNASHead,
)
from mmpose.registry import MODELS
from torch import nn

from .. import functional as F  # noqa: N812
from ..codecs import DarkHeatmap, where_they_are
from .base import DarkHead


class DarkHeadMixin(DarkHead):
    """A :class:`DarkHead` whose ``forward`` returns heatmaps.

    Or a list of them for its stages, the last of which is predicted.

    - Targets: drawn on the device from the labels of
      :class:`GenerateDarkTarget`; host-drawn heatmaps of ``GenerateTarget``
      are taken as they are.
    - Flip test: the flipped-back heatmaps are moved to where the codec's
      alignment puts them, to a fraction of a pixel.
    - Accuracy: computed on the device, for every head only with
      ``train_cfg['compute_acc']`` (default ``True``).

    Takes and raises what :class:`DarkHead` does; its decoder is a
    :class:`DarkHeatmap`.
    """

    CODEC = DarkHeatmap

    def loss(self, feats: Any, batch_data_samples: Sequence[Any],
             train_cfg: Mapping[str, Any] = {}  # noqa: B006
             ) -> Dict[str, Any]:
        """Calculate losses from a batch of inputs and data samples.

        Args:
            feats (tuple[Tensor]): The multi-scale or multi-stage features.
            batch_data_samples (list[PoseDataSample]): B samples with the
                labels of ``GenerateDarkTarget`` or the heatmaps of
                ``GenerateTarget``.
            train_cfg (dict): The runtime config for training. Defaults to
                {}.

        Returns:
            dict: ``loss_kpt``, summed over the stages, and ``acc_pose`` of
            the last one.

        Raises:
            ValueError: Samples without targets, or with those of several
                encoders.
        """
        outputs = self.forward(feats)  # type: ignore[attr-defined]
        stages = outputs if isinstance(outputs, (list, tuple)) else [outputs]
        heatmaps, weights = self._targets(batch_data_samples)
        modules = self.loss_module
        if not isinstance(modules, nn.ModuleList):
            modules = [modules] * len(stages)
        losses = dict(loss_kpt=sum(
            module(stage, heatmaps, weights)
            for module, stage in zip(modules, stages)))
        if train_cfg.get('compute_acc', True):
            accuracy = F.pck_accuracy(
                *map(where_they_are, (stages[-1], heatmaps, weights)))
            losses['acc_pose'] = torch.as_tensor(
                accuracy, device=heatmaps.device)
        return losses

    def _targets(self, samples: Sequence[Any]) -> Tuple[Any, Any]:
        """Heatmaps (B, K, H, W) and weights (B, K) where the samples are."""
        labels = [sample.gt_instance_labels for sample in samples]
        weights = torch.cat([label.keypoint_weights for label in labels])
        fields = [sample.get('gt_fields') for sample in samples]
        if all(isinstance(field, PixelData) for field in fields):
            heatmaps = torch.stack([field.heatmaps for field in fields])
        elif all('keypoints_visible' in label for label in labels):
            heatmaps = self.decoder.render(
                torch.cat([label.keypoint_labels for label in labels]),
                torch.cat([label.keypoints_visible for label in labels]))
        else:
            raise ValueError(
                f'{type(self).__name__} needs samples with the heatmaps of '
                'one codec: GenerateDarkTarget, or GenerateTarget with one '
                'encoder, before PackPoseInputs in the pipeline')
        if len(weights) != len(heatmaps):
            raise ValueError(
                f'{type(self).__name__} takes the targets of one encoder, '
                f'got {len(weights)} rows of weights for {len(heatmaps)} '
                'samples')
        return heatmaps, weights

    def _drawn(self, outputs: Tuple[Any, ...],
               preds: Sequence[InstanceData]) -> List[PixelData]:
        # Each its own: a view would drag the batch into every file.
        return [PixelData(heatmaps=m.clone()) for m in outputs[0].detach()]


@MODELS.register_module()
class DarkHeatmapHead(DarkHeadMixin, HeatmapHead):
    """A :class:`mmpose.models.HeatmapHead` on the device.

    See :class:`DarkHeadMixin` for what it adds and takes.
    """


@MODELS.register_module()
class DarkCPMHead(DarkHeadMixin, CPMHead):
    """A :class:`mmpose.models.CPMHead`, of CPM and Hourglass, on the device.

    See :class:`DarkHeadMixin` for what it adds and takes.
    """


@MODELS.register_module()
class DarkViPNASHead(DarkHeadMixin, ViPNASHead):
    """A :class:`mmpose.models.ViPNASHead` on the device.

    See :class:`DarkHeadMixin` for what it adds and takes.
    """
