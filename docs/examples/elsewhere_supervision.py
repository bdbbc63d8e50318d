"""Keypoints and covariances as supervision has them, drawn by it."""
import numpy as np
import supervision as sv
from mmpose_dark.functional import ellipse_limit


def key_points(keypoints, scores, covariances, threshold=.3):
    """``sv.KeyPoints`` of what ``PoseRuntime`` finds.

    Args:
        keypoints (np.ndarray): in shape (N, K, 2); image px
        scores (np.ndarray): in shape (N, K)
        covariances (np.ndarray): in shape (N, K, 2, 2); squared image px
        threshold (float): The lowest score of what is visible
    """
    return sv.KeyPoints(
        xy=keypoints.astype(np.float32),
        keypoint_confidence=scores.astype(np.float32),
        visible=scores > threshold,
        class_id=np.zeros(len(keypoints), int),
        data=dict(covariance=covariances.astype(np.float32)))


def draw(image, found, levels=(.68, .95)):
    """The image with ellipses that hold these shares of the joints."""
    return sv.VertexEllipseAreaAnnotator(
        sigma=[float(np.sqrt(ellipse_limit(level))) for level in levels],
        color=[sv.Color.GREEN, sv.Color.RED]).annotate(image.copy(), found)
