"""Heads that keep heatmaps on the device, from target to keypoint."""
import torch
from mmengine.structures import PixelData
from mmpose.models.heads import (
    CPMHead,
    HeatmapHead,
    ViPNASHead,
)
from mmpose.registry import MODELS
from torch import nn

from .. import functional as F  # noqa: N812
from ..alignment import warn_unless_aligned
from ..codecs import DarkHeatmap
from ..codecs._decoding import where_they_are
from ..functional.checks import check_choice
from ._covariance import CovarianceMixin


class DarkHeadMixin(CovarianceMixin):
    """What the heads of this package do otherwise than MMPose's.

    To be put before a head whose ``forward`` returns heatmaps, or a list of
    them for its stages, the last of which is predicted. Parameters and keys of
    the state dict are those of the head.

    - Targets: drawn on the device from the labels of
      :class:`GenerateDarkTarget`; host-drawn heatmaps of ``GenerateTarget``
      are taken as they are.
    - Flip test: the flipped-back heatmaps are moved to where the codec's
      alignment puts them, to a fraction of a pixel.
    - Accuracy: computed on the device, for every head only with
      ``train_cfg['compute_acc']`` (default ``True``).

    Note:

        - batch size: B
        - keypoint number: K
        - heatmap size: [W, H]

    Args:
        flip_shift (str): ``'exact'`` merges the flip test at the sub-pixel
            offset of the codec, :attr:`DarkHeatmap.flip_shift`, whatever
            ``test_cfg['shift_heatmap']`` is. ``'stock'`` does what MMPose
            does: a whole pixel if ``test_cfg['shift_heatmap']``. Defaults to
            ``'exact'``
        output_covariance (bool): Whether ``pred_instances`` get
            ``keypoint_covariances`` in shape (1, K, 2, 2); units: squared
            pixels of the image, as ``keypoints`` are in its pixels once the
            estimator has mapped them. See
            :mod:`mmpose_dark.functional.covariance` for what they are true
            of. Defaults to ``False``
        score (str): What ``keypoint_scores`` of ``pred_instances`` are.
            ``'stock'``: MMPose's, the peak value of the heatmap.
            ``'similarity'``: the OKS to expect of each joint, 0 to 1, by its
            covariance, see :mod:`mmpose_dark.functional.oks`; a person's area
            is taken for .53 of its box. Defaults to ``'stock'``
        sigmas (Sequence[float], optional): The data set's OKS constants in
            shape (K,), for ``score='similarity'``. Defaults to ``None``
        decoder (dict): The config of a :class:`DarkHeatmap`

    Raises:
        TypeError: A decoder that is no :class:`DarkHeatmap`.
        ValueError: Covariances or similarities of another decoding than DARK
            with modulation, or similarities without OKS constants.
    """

    # Of a built head whose class is changed, see mmpose_dark.model, too.
    flip_shift = 'exact'
    _alignment_checked = False

    def __init__(self,
                 *args,
                 flip_shift='exact',
                 output_covariance=False,
                 score='stock',
                 sigmas=None,
                 **kwargs):
        super().__init__(*args, **kwargs)
        self.flip_shift = check_choice('flip_shift', flip_shift,
                                       ('exact', 'stock'))
        if not isinstance(self.decoder, DarkHeatmap):
            raise TypeError(
                f'{type(self).__name__} needs a DarkHeatmap as decoder, to '
                f'draw targets and read heatmaps, got {self.decoder!r}')
        self.promise(output_covariance, score, sigmas)

    def loss(self, feats, batch_data_samples, train_cfg={}):  # noqa: B006
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
        stages = self._stages(feats)
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

    def predict(self, feats, batch_data_samples, test_cfg={}):  # noqa: B006
        """Predict results from features.

        Args:
            feats (tuple[Tensor] | list[tuple[Tensor]]): The features, or
                those of the input and of the flipped input.
            batch_data_samples (list[PoseDataSample]): B samples.
            test_cfg (dict): The runtime config for testing: ``flip_test``,
                ``flip_mode``, ``shift_heatmap`` and ``output_heatmaps`` of
                MMPose. Defaults to {}.

        Returns:
            list[InstanceData] | tuple[list[InstanceData], list[PixelData]]:
            The pose predictions, and with ``output_heatmaps`` the heatmaps
            they were read from, as of the stock heads.
        """
        if test_cfg.get('flip_test', False):
            feats, feats_flip = feats
            flipped = self._flip_back(
                self._stages(feats_flip)[-1],
                batch_data_samples[0].metainfo['flip_indices'], test_cfg)
            heatmaps = (self._stages(feats)[-1] + flipped) * 0.5
        else:
            heatmaps = self._stages(feats)[-1]
        preds = self.decode(heatmaps)
        self._to_image(preds, batch_data_samples, test_cfg)
        if test_cfg.get('output_heatmaps', False):
            # Each its own: a view would drag the batch into every file.
            return preds, [PixelData(heatmaps=m.clone())
                           for m in heatmaps.detach()]
        return preds

    def _stages(self, feats):
        outputs = self.forward(feats)
        return outputs if isinstance(outputs, (list, tuple)) else [outputs]

    def _targets(self, samples):
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

    def _flip_back(self, heatmaps, flip_indices, test_cfg):
        if test_cfg.get('flip_mode', 'heatmap') != 'heatmap':
            raise ValueError("flip_mode must be 'heatmap', got "
                             f'{test_cfg["flip_mode"]!r}')
        exact = self.flip_shift == 'exact'
        if not self._alignment_checked:
            self._alignment_checked = True
            self._check_alignment(test_cfg.get('shift_heatmap'), exact)
        return F.flip_heatmaps(
            heatmaps, flip_indices,
            shift=self.decoder.merge_shift(test_cfg, exact))

    def _check_alignment(self, shift_heatmap, exact):
        if type(self.decoder) is DarkHeatmap:  # others may align otherwise
            warn_unless_aligned(
                set(), {self.decoder.use_udp},
                shift_heatmap if exact else bool(shift_heatmap))


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
