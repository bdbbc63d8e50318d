"""Predictions that say how sure they are."""
from typing import Any, List, Mapping, Optional, Sequence

import numpy as np
from mmengine.structures import InstanceData

from .. import functional as F  # noqa: N812
from ..conventions import SCORES
from ..functional.checks import check_choice


class CovarianceMixin:
    """The half of a head that tells covariances, of any DARK codec."""

    decoder: Any
    # Of a built head whose class is changed, see mmpose_dark.model, too.
    output_covariance = False
    score = 'stock'
    sigmas: Optional[Sequence[float]] = None

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
            self._check_covariance()
        self.output_covariance = output_covariance
        self.score, self.sigmas = score, sigmas

    def _check_covariance(self) -> None:
        """Raise ``ValueError`` where positions have no covariance."""
        self.decoder.check_covariance()

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
        self._check_covariance()
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
            factor = sample.metainfo['input_scale'] / np.array(
                sample.metainfo['input_size'])
            pred.keypoint_covariances = (
                pred.keypoint_covariances * np.outer(factor, factor)
            ).astype(pred.keypoint_covariances.dtype)
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
            covariances[:, kept].astype(float), F.box_areas(boxes), sigmas)
        return out
