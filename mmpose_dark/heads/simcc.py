"""Heads of SimCC and RTMPose whose vectors stay on the device."""
from typing import Any, Dict, List, Mapping, Sequence, Tuple

import torch
from mmengine.structures import InstanceData, PixelData
from mmpose.codecs.utils import get_simcc_normalized
from mmpose.models.heads import RTMCCHead, RTMWHead, SimCCHead
from mmpose.registry import MODELS
from mmpose.utils.tensor_utils import to_numpy

from .. import functional as F  # noqa: N812
from ..codecs import DarkSimCC, where_they_are
from .base import DarkHead


class DarkSimCCMixin(DarkHead):
    """A :class:`DarkHead` whose ``forward`` returns vectors over x and y.

    - Flip test: the flipped-back vectors over x are moved by 1 - k bins, to
      where they belong. MMPose does not move them.
    - Accuracy: computed on the device, and only with
      ``train_cfg['compute_acc']`` (default ``True``).

    Takes and raises what :class:`DarkHead` does; its decoder is a
    :class:`DarkSimCC` of vectors of the same lengths.
    """

    CODEC = DarkSimCC
    #: whether ``output_heatmaps`` divides by the peak of a normalised label
    SCALE_BY_SIGMA = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        head: Any = self
        mine, its = ((tuple(part.input_size), part.simcc_split_ratio)
                     for part in (head, self.decoder))
        if mine != its:
            raise ValueError(
                'input_size and simcc_split_ratio of head and decoder must '
                f'be the same, got {mine} and {its}')

    def loss(self, feats: Any, batch_data_samples: Sequence[Any],
             train_cfg: Mapping[str, Any] = {}  # noqa: B006
             ) -> Dict[str, Any]:
        """Calculate losses from a batch of inputs and data samples.

        Args:
            feats (tuple[Tensor]): The multi-stage features.
            batch_data_samples (list[PoseDataSample]): B samples with labels
                of the codec.
            train_cfg (dict): The runtime config for training. Defaults to
                {}.

        Returns:
            dict: ``loss_kpt`` and ``acc_pose``.
        """
        labels = [sample.gt_instance_labels for sample in batch_data_samples]
        targets = tuple(
            torch.cat([label[f'keypoint_{axis}_labels'] for label in labels])
            for axis in 'xy')
        weights = torch.cat([label.keypoint_weights for label in labels])
        vectors = self.forward(feats)  # type: ignore[attr-defined]
        losses = dict(loss_kpt=self.loss_module(vectors, targets, weights))
        if train_cfg.get('compute_acc', True):
            accuracy = F.vector_accuracy(
                tuple(map(where_they_are, vectors)),
                tuple(map(where_they_are, targets)), where_they_are(weights))
            losses['acc_pose'] = torch.as_tensor(
                accuracy, device=weights.device)
        return losses

    def _drawn(self, outputs: Tuple[Any, ...],
               preds: Sequence[InstanceData]) -> List[PixelData]:
        sigma = self.decoder.sigma if self.SCALE_BY_SIGMA else (None, None)
        x, y = map(get_simcc_normalized, outputs, sigma)
        for pred, of_x, of_y in zip(preds, to_numpy(x), to_numpy(y)):
            pred.keypoint_x_labels = of_x[None]
            pred.keypoint_y_labels = of_y[None]
        # One by one: each its own, not a view that drags the batch along.
        return [
            PixelData(heatmaps=(of_y[:, :, None] * of_x[:, None, :]).detach())
            for of_x, of_y in zip(x, y)]


@MODELS.register_module()
class DarkRTMCCHead(DarkSimCCMixin, RTMCCHead):
    """A :class:`mmpose.models.RTMCCHead`, of RTMPose.

    See :class:`DarkSimCCMixin` for what it adds and takes.
    """


@MODELS.register_module()
class DarkRTMWHead(DarkSimCCMixin, RTMWHead):
    """A :class:`mmpose.models.RTMWHead`, of RTMW.

    See :class:`DarkSimCCMixin` for what it adds and takes.
    """


@MODELS.register_module()
class DarkSimCCHead(DarkSimCCMixin, SimCCHead):
    """A :class:`mmpose.models.SimCCHead`.

    See :class:`DarkSimCCMixin` for what it adds and takes.
    """

    SCALE_BY_SIGMA = True
