"""What all heads of this package do otherwise than MMPose's."""
from typing import Any, List, Mapping, Optional, Sequence, Tuple, Type

import numpy as np
from mmengine.structures import InstanceData, PixelData

from .. import functional as F  # noqa: N812
from ..alignment import warn_unless_aligned
from ..codecs import DarkCodec
from ..conventions import SCORES
from ..functional.checks import check_choice


class DarkHead:
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

    decoder: Any
    loss_module: Any
    # Of a built head whose class is changed, see mmpose_dark.model, too.
    flip_shift = 'exact'
    output_covariance = False
    score = 'stock'
    sigmas: Optional[Sequence[float]] = None
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

    def promise(self, output_covariance: bool = False, score: str = 'stock',
                sigmas: Optional[Sequence[float]] = None) -> None:
        """Set what predictions say of themselves.

        Args:
            output_covariance, score, sigmas: As of the head

        Raises:
            ValueError: A score that does not exist, or without constants;
                covariances of a decoding or a loss that has none.
        """
        check_choice('score', score, SCORES)
        if score == 'similarity':
            if sigmas is None:
                raise ValueError(
                    "score='similarity' needs sigmas=[...] of the head, the "
                    "data set's OKS constants: darkify(cfg, head=True, "
                    "score='similarity') writes them")
            sigmas = F.oks_sigmas(sigmas, len(sigmas)).tolist()
        if output_covariance or score == 'similarity':
            self.decoder.check_covariance(self.loss_module)
        self.output_covariance = output_covariance
        self.score, self.sigmas = score, sigmas

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
        exact = self.flip_shift == 'exact'
        if not self._alignment_checked:
            self._alignment_checked = True
            said = test_cfg.get('shift_heatmap')
            warn_unless_aligned(set(), [self.decoder],
                                said if exact else bool(said))
        merged: Tuple[Any, ...] = self.decoder.merge(
            straight, mirrored, flip_indices, test_cfg, exact)
        return merged

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
        if not self.output_covariance and self.score == 'stock':
            parent: Any = super()
            return parent.decode(batch_outputs)
        self.decoder.check_covariance(self.loss_module)
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

    def _to_image(self, preds: Sequence[InstanceData], samples: Sequence[Any],
                  test_cfg: Mapping[str, Any]) -> None:
        """Covariances from squared px of the input to those of the image.

        Estimators do so with keypoints and know nothing of covariances, nor
        of the similarities that follow from these.
        """
        if not self.output_covariance and self.score == 'stock':
            return
        for pred, sample in zip(preds, samples):
            covariances = pred.keypoint_covariances
            factor = sample.metainfo['input_scale'] / np.array(
                sample.metainfo['input_size'])
            # A depth is no pixel of the input.
            ones = (1., ) * (covariances.shape[-1] - 2)
            pred.keypoint_covariances = F.scale_covariances(
                covariances, (*factor, *ones))
            if self.score == 'similarity':
                pred.keypoint_scores = self._similarities(
                    pred.keypoint_covariances, sample,
                    test_cfg.get('output_keypoint_indices'))
            if not self.output_covariance:
                del pred.keypoint_covariances

    def _similarities(self, covariances: np.ndarray, sample: Any,
                      indices: Optional[Sequence[int]]) -> np.ndarray:
        """To expect of the joints, in shape (1, K).

        Args:
            covariances (np.ndarray): in shape (1, K, 2, 2); squared image px
            sample (PoseDataSample): Has the box
            indices (Sequence[int], optional): Which of the K keypoints are
                those of the data set, where these are not all
        """
        num = covariances.shape[1]
        sigmas = F.oks_sigmas(self.sigmas, num, indices)
        kept = (list(range(num)) if indices is None or len(sigmas) == num
                else list(indices))
        boxes = np.asarray(sample.gt_instances.bboxes, float)
        out = np.zeros(covariances.shape[:2], covariances.dtype)
        out[:, kept] = F.expected_oks(
            covariances[:, kept, :2, :2].astype(float), F.box_areas(boxes),
            sigmas, self.decoder.dof)
        return out
