"""Heads of SimCC and RTMPose whose vectors stay on the device."""
import torch
from mmengine.structures import PixelData
from mmpose.codecs.utils import get_simcc_normalized
from mmpose.models.heads import RTMCCHead, RTMWHead, SimCCHead
from mmpose.registry import MODELS
from mmpose.utils.tensor_utils import to_numpy

from .. import functional as F  # noqa: N812
from ..codecs import DarkSimCC
from ..codecs._decoding import where_they_are
from ..functional.checks import check_choice
from ._covariance import CovarianceMixin


class DarkSimCCMixin(CovarianceMixin):
    """What the SimCC heads of this package do otherwise than MMPose's.

    To be put before a head whose ``forward`` returns vectors over x and y.
    Parameters and keys of the state dict are those of the head.

    - Flip test: the flipped-back vectors over x are moved by 1 - k bins, to
      where they belong. MMPose does not move them.
    - Accuracy: computed on the device, and only with
      ``train_cfg['compute_acc']`` (default ``True``).

    Note:

        - batch size: B
        - keypoint number: K
        - lengths of the vectors: W and H, k bins per input px

    Args:
        flip_shift (str): ``'exact'`` merges the flip test at the offset of
            the codec, :attr:`DarkSimCC.flip_shift`; ``'stock'`` without, as
            MMPose does. Defaults to ``'exact'``
        output_covariance (bool): As of :class:`DarkHeatmapHead`; see
            :mod:`mmpose_dark.functional.vector_covariance` for what they are
            true of. Defaults to ``False``
        score, sigmas: As of :class:`DarkHeatmapHead`. The stock scores are
            logits, those of ``'similarity'`` 0 to 1
        decoder (dict): The config of a :class:`DarkSimCC`

    Raises:
        TypeError: A decoder that is no :class:`DarkSimCC`.
        ValueError: A decoder of vectors of other lengths, covariances or
            similarities of a decoding or a loss that they are not derived
            for, or similarities without OKS constants.
    """

    # Of a built head whose class is changed, see mmpose_dark.model, too.
    flip_shift = 'exact'
    #: whether ``output_heatmaps`` divides by the peak of a normalised label
    SCALE_BY_SIGMA = False

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
        if not isinstance(self.decoder, DarkSimCC):
            raise TypeError(
                f'{type(self).__name__} needs a DarkSimCC as decoder, to '
                f'merge and read vectors, got {self.decoder!r}')
        self.promise(output_covariance, score, sigmas)
        mine, its = ((tuple(part.input_size), part.simcc_split_ratio)
                     for part in (self, self.decoder))
        if mine != its:
            raise ValueError(
                'input_size and simcc_split_ratio of head and decoder must '
                f'be the same, got {mine} and {its}')

    def loss(self, feats, batch_data_samples, train_cfg={}):  # noqa: B006
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
        vectors = self.forward(feats)
        losses = dict(loss_kpt=self.loss_module(vectors, targets, weights))
        if train_cfg.get('compute_acc', True):
            accuracy = F.vector_accuracy(
                tuple(map(where_they_are, vectors)),
                tuple(map(where_they_are, targets)), where_they_are(weights))
            losses['acc_pose'] = torch.as_tensor(
                accuracy, device=weights.device)
        return losses

    def predict(self, feats, batch_data_samples, test_cfg={}):  # noqa: B006
        """Predict results from features.

        Args:
            feats (tuple[Tensor] | list[tuple[Tensor]]): The features, or
                those of the input and of the flipped input.
            batch_data_samples (list[PoseDataSample]): B samples.
            test_cfg (dict): The runtime config for testing: ``flip_test``
                and ``output_heatmaps`` of MMPose. Defaults to {}.

        Returns:
            list[InstanceData] | tuple[list[InstanceData], list[PixelData]]:
            The pose predictions, and with ``output_heatmaps`` what MMPose's
            heads give to draw: the outer products of the vectors, normalised,
            which are in the predictions as well.
        """
        if test_cfg.get('flip_test', False):
            feats, feats_flip = feats
            flipped = F.flip_simcc(
                *self.forward(feats_flip),
                batch_data_samples[0].metainfo['flip_indices'],
                shift=self.decoder.merge_shift(
                    test_cfg, self.flip_shift == 'exact'))
            vectors = tuple((straight + back) * 0.5 for straight, back in
                            zip(self.forward(feats), flipped))
        else:
            vectors = self.forward(feats)
        preds = self.decode(vectors)
        self._to_image(preds, batch_data_samples, test_cfg)
        if not test_cfg.get('output_heatmaps', False):
            return preds
        sigma = self.decoder.sigma if self.SCALE_BY_SIGMA else (None, None)
        x, y = map(get_simcc_normalized, vectors, sigma)
        for pred, of_x, of_y in zip(preds, to_numpy(x), to_numpy(y)):
            pred.keypoint_x_labels = of_x[None]
            pred.keypoint_y_labels = of_y[None]
        return preds, [
            PixelData(heatmaps=(of_y[:, :, None] * of_x[:, None, :]).detach())
            for of_x, of_y in zip(x, y)]

    def _check_covariance(self):
        super()._check_covariance()
        self.decoder.check_loss(self.loss_module)


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
