"""Covariances drawn: ellipses on pictures, the reliability diagram."""
from typing import Any, Dict, Optional, Sequence

import cv2
import numpy as np

from ..functional import TAIL_DOF, ellipse_limit


def ellipse(keypoint: np.ndarray, covariance: np.ndarray, level: float = .95,
            dof: Optional[float] = TAIL_DOF) -> np.ndarray:
    """The outline of an ellipse.

    Args:
        keypoint (np.ndarray): (x, y); px
        covariance (np.ndarray): in shape (2, 2); squared px
        level (float): The share it is to hold. Defaults to .95
        dof (float, optional): As of
            :func:`mmpose_dark.functional.ellipse_limit`

    Returns:
        np.ndarray: Points (x, y) in shape (60, 2); px.
    """
    angle = np.linspace(0, 2 * np.pi, 60)
    circle = np.stack([np.cos(angle), np.sin(angle)], 1)
    root = np.linalg.cholesky(covariance.astype(float))
    return keypoint + ellipse_limit(level, dof)**.5 * circle @ root.T


def draw_ellipses(image: np.ndarray, keypoints: np.ndarray,
                  covariances: np.ndarray, scores: np.ndarray,
                  threshold: float = 0., colour: Sequence[int] = (0, 255, 255),
                  dof: Optional[float] = TAIL_DOF) -> np.ndarray:
    """An image with the 95 % ellipse of every keypoint.

    Args:
        image (np.ndarray): BGR, uint8, in shape (H, W, 3)
        keypoints (np.ndarray): in shape (N, K, 2); image px
        covariances (np.ndarray): in shape (N, K, 2, 2); squared image px
        scores (np.ndarray): in shape (N, K)
        threshold (float): The lowest score of what is drawn. Defaults to 0
        colour (Sequence[int]): BGR. Defaults to yellow
        dof (float, optional): As of :func:`ellipse`
    """
    image = image.copy()
    fraction = 4  # bits of OpenCV's points
    for keypoint, covariance in zip(keypoints[scores >= threshold],
                                    covariances[scores >= threshold]):
        outline = ellipse(keypoint, covariance, dof=dof) * 2**fraction
        # OpenCV's coordinates are 16 bits before the point.
        outline = np.clip(np.rint(outline), -2**18, 2**18).astype(np.int32)
        cv2.polylines(image, [outline], True, tuple(colour), 1, cv2.LINE_AA,
                      shift=fraction)
    return image


def plot_reliability(axis: Any, lines: Dict[str, np.ndarray]) -> None:
    """The reliability diagram: how much ellipses hold of what they should.

    Args:
        axis (matplotlib.axes.Axes): Where to
        lines (dict): Name -> for errors (n,) the level whose ellipse just
            holds each, 0 to 1
    """
    axis.plot([0, 100], [0, 100], color='k', lw=.8, ls=':', label='ideal')
    for name, levels in lines.items():
        share = 100 * (np.arange(len(levels)) + 1) / len(levels)
        axis.plot(100 * np.sort(levels), share, label=name)
    axis.set(xlabel='ellipse of, %', ylabel='true joints in it, %',
             xlim=(0, 100), ylim=(0, 100), aspect='equal')
    axis.legend(loc='upper left', fontsize=8)
