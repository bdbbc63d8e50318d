"""Predictions that say how sure they are."""
import numpy as np
from mmengine.structures import InstanceData


class CovarianceMixin:
    """The half of a head that tells covariances, of any DARK codec."""

    output_covariance = False

    def _check_covariance(self):
        """Raise ``ValueError`` where positions have no covariance."""
        self.decoder.check_covariance()

    def decode(self, batch_outputs):
        """Decode keypoints from heatmaps or vectors.

        Args:
            batch_outputs (Tensor | tuple[Tensor]): Heatmaps in shape
                (B, K, H, W), or vectors in shape (B, K, W) and (B, K, H).

        Returns:
            list[InstanceData]: B predictions in input pixels; covariances in
            squared input pixels.
        """
        if not self.output_covariance:
            return super().decode(batch_outputs)
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

    def _to_image(self, preds, samples):
        """Covariances from squared px of the input to those of the image.

        Estimators do so with keypoints and know nothing of covariances.
        """
        if not self.output_covariance:
            return
        for pred, sample in zip(preds, samples):
            factor = sample.metainfo['input_scale'] / np.array(
                sample.metainfo['input_size'])
            pred.keypoint_covariances = (
                pred.keypoint_covariances * np.outer(factor, factor)
            ).astype(pred.keypoint_covariances.dtype)
