"""What all heads with a DARK codec do otherwise than MMPose's."""
from typing import Any, List, Mapping, Optional, Sequence, Tuple, Type

import numpy as np
from mmengine.structures import InstanceData, PixelData

from .. import functional as F  # noqa: N812
from ..alignment import warn_unless_aligned
from ..codecs import DarkCodec
from ..functional.checks import check_choice
from .promise import PromisingHead


class DarkHead(PromisingHead):
    """To be put before a head of MMPose's whose decoder is a DARK codec.

    Parameters and keys of the state dict are those of the head.

    Note:

        - batch size: B
        - keypoint number: K

    Args:
        flip_shift (str): ``'exact'`` merges the flip test at the sub-pixel
            offset of the codec, ``flip_shift``, whatever
            ``test_cfg['shift_heatmap']`` is. ``'stock'`` does what MMPose
            does: a whole pixel if ``test_cfg['shift_heatmap']``, and vectors
            of SimCC not at all. Defaults to ``'exact'``
        output_covariance (bool): Whether ``pred_instances`` get
            ``keypoint_covariances`` in shape (1, K, 2, 2); units: squared
            pixels of the image, as ``keypoints`` are in its pixels once the
            estimator has mapped them. See
            :mod:`mmpose_dark.functional.covariance`, of SimCC
            :mod:`mmpose_dark.functional.vector_covariance`, for what they are
            true of. Defaults to ``False``
        score (str): ``'similarity'`` makes ``keypoint_scores`` the OKS to
            expect of each joint, 0 to 1, see
            :func:`mmpose_dark.functional.expected_oks`. The person's area,
            which COCO's OKS takes from the outline, is taken for .53 of the
            box, as MMPose does. Defaults to ``'stock'``: MMPose's scores
        sigmas (Sequence[float], optional): The data set's OKS constants in
            shape (K,), for ``score='similarity'``: ``sigmas`` of its
            metainfo; ``darkify`` and ``apply_dark`` fill them in. Defaults to
            ``None``
        decoder (dict): The config of a codec of this package

    Raises:
        TypeError: A decoder of another kind.
        ValueError: Covariances or similarities of a decoding or a loss that
            they are not derived for, or similarities without OKS constants.
    """

    #: what the decoder has to be
    CODEC: Type[DarkCodec] = DarkCodec

    # Of a built head whose class is changed, see mmpose_dark.model, too.
    flip_shift = 'exact'
    _alignment_checked = False

    def __init__(self, *args: Any, flip_shift: str = 'exact',
                 output_covariance: bool = False, score: str = 'stock',
                 sigmas: Optional[Sequence[float]] = None,
                 **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.flip_shift = check_choice('flip_shift', flip_shift,
                                       ('exact', 'stock'))
        if not isinstance(self.decoder, self.CODEC):
            raise TypeError(
                f'{type(self).__name__} needs a {self.CODEC.__name__} as '
                f'decoder, to merge and read what it predicts, got '
                f'{self.decoder!r}')
        self.promise(output_covariance, score, sigmas)

    @property
    def dof(self) -> float:
        """Degrees of freedom of the tail of errors: of the codec."""
        return float(self.decoder.dof)

    def check_covariance(self) -> None:
        """Raise ``ValueError`` where the codec has no covariances."""
        self.decoder.check_covariance(self.loss_module)

    def check_similarity(self) -> None:
        """Raise ``ValueError`` where the codec has no similarities."""
        self.decoder.check_similarity(self.loss_module)

    def predict(self, feats: Any, batch_data_samples: Sequence[Any],
                test_cfg: Mapping[str, Any] = {}) -> Any:  # noqa: B006
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
            The pose predictions, and with ``output_heatmaps`` what the stock
            heads give to draw: the heatmaps that were read, or of SimCC the
            outer products of the normalised vectors, which are in the
            predictions as well.
        """
        if test_cfg.get('flip_test', False):
            feats, feats_flip = feats
            outputs = self._merged(
                self._outputs(feats), self._outputs(feats_flip),
                batch_data_samples[0].metainfo['flip_indices'], test_cfg)
        else:
            outputs = self._outputs(feats)
        preds = self.decode(outputs if len(outputs) > 1 else outputs[0])
        self._to_image(preds, batch_data_samples, test_cfg)
        if test_cfg.get('output_heatmaps', False):
            return preds, self._drawn(outputs, preds)
        return preds

    def _outputs(self, feats: Any) -> Tuple[Any, ...]:
        """What ``forward`` gives; of several stages the last."""
        outputs = self.forward(feats)  # type: ignore[attr-defined]
        if not isinstance(outputs, (list, tuple)):
            outputs = (outputs, )
        return tuple(outputs[-self.CODEC.OUTPUTS:])

    def _drawn(self, outputs: Tuple[Any, ...],
               preds: Sequence[InstanceData]) -> List[PixelData]:
        """Heatmaps for ``output_heatmaps``."""
        raise NotImplementedError

    def _merged(self, straight: Tuple[Any, ...], mirrored: Tuple[Any, ...],
                flip_indices: Sequence[int],
                test_cfg: Mapping[str, Any]) -> Tuple[Any, ...]:
        """The mean of both passes, the mirrored one brought back."""
        if test_cfg.get('flip_mode', 'heatmap') != 'heatmap':
            raise ValueError("flip_mode must be 'heatmap', got "
                             f'{test_cfg["flip_mode"]!r}')
        self._check_alignment(test_cfg)
        merged: Tuple[Any, ...] = self.decoder.merge(
            straight, mirrored, flip_indices, test_cfg,
            self.flip_shift == 'exact')
        return merged

    def _check_alignment(self, test_cfg: Mapping[str, Any]) -> None:
        """Warn once where the flip test and the codec disagree."""
        if not self._alignment_checked:
            self._alignment_checked = True
            said = test_cfg.get('shift_heatmap')
            warn_unless_aligned(
                set(), [self.decoder],
                said if self.flip_shift == 'exact' else bool(said))

    def decode(self, batch_outputs: Any) -> List[InstanceData]:
        """Decode keypoints from heatmaps or vectors.

        Args:
            batch_outputs (Tensor | tuple[Tensor]): Heatmaps in shape
                (B, K, H, W), or vectors in shape (B, K, W) and (B, K, H).

        Returns:
            list[InstanceData]: B predictions in input pixels; covariances in
            squared input pixels. Scores are those of the stock head: a
            similarity needs the person's box, which :meth:`predict` has.
        """
        if not self.promises:
            parent: Any = super()
            return parent.decode(batch_outputs)
        self.check_covariance()
        if not isinstance(batch_outputs, tuple):
            batch_outputs = (batch_outputs, )
        keypoints, scores, covariances = self.decoder.batch_decode(
            *batch_outputs, return_covariance=True)
        visibilities = None
        if isinstance(scores, tuple):
            scores, visibilities = scores
        preds = [InstanceData(keypoints=points, keypoint_scores=score,
                              keypoint_covariances=covariance)
                 for points, score, covariance in
                 zip(keypoints, scores, covariances)]
        for pred, visible in zip(preds, visibilities or ()):
            pred.keypoints_visible = visible
        return preds

    def _for_estimator(self, pred: InstanceData, sample: Any) -> None:
        """Make the estimator's way to a whole image right at the corners.

        It takes the image for as large as the padded input. That is so for
        ``BottomupResize``, but not for its ``use_udp``, which takes the image
        to as much less than the input as there is padding, and a pixel.
        """
        if not self.decoder.use_udp:
            return
        size = np.array(sample.metainfo['input_size'], float)
        image = np.array(sample.metainfo['input_scale'], float)
        factor = size / (image * (size / image).min() - 1)
        pred.keypoints = F.scale_keypoints(pred.keypoints, factor)
        if 'keypoint_covariances' in pred:
            pred.keypoint_covariances = F.scale_covariances(
                pred.keypoint_covariances, factor)
