"""Predictions that say how sure they are."""
import numpy as np
from mmengine.structures import InstanceData


def instances(keypoints, scores, covariances, visibilities=None):
    """Predictions of B samples, as ``BaseHead.decode`` returns them.

    Args:
        keypoints, scores, covariances (list[np.ndarray]): As of
            ``batch_decode``.
        visibilities (list[np.ndarray], optional): Of SimCC.
    """
    preds = [InstanceData(keypoints=points, keypoint_scores=score,
                          keypoint_covariances=covariance)
             for points, score, covariance in
             zip(keypoints, scores, covariances)]
    for pred, visible in zip(preds, visibilities or ()):
        pred.keypoints_visible = visible
    return preds


def covariances_to_image(preds, samples):
    """Covariances of predictions from squared px of the input to the image's.

    Estimators do so with keypoints and know nothing of covariances.
    """
    for pred, sample in zip(preds, samples):
        factor = sample.metainfo['input_scale'] / np.array(
            sample.metainfo['input_size'])
        pred.keypoint_covariances = (
            pred.keypoint_covariances * np.outer(factor, factor)
        ).astype(pred.keypoint_covariances.dtype)
