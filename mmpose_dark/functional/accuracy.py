"""Accuracy of heatmaps against heatmaps: the number that training logs."""
import math
from typing import Tuple

from ._backend import Array, Backend, as_maps


def pck_accuracy(heatmaps: Array,
                 targets: Array,
                 weights: Array,
                 thr: float = 0.05) -> Array:
    """Share of joints whose brightest pixel is where it should be.

    The value of :func:`mmpose.evaluation.functional.pose_pck_accuracy`,
    computed where the heatmaps are and without waiting for them.

    Args:
        heatmaps (np.ndarray | Tensor): Predicted heatmaps in shape
            (B, K, H, W).
        targets (np.ndarray | Tensor): Target heatmaps in the same shape.
        weights (np.ndarray | Tensor): Target weights in shape (B, K). A
            joint counts where its weight is positive.
        thr (float): The largest distance, as a share of the size of the
            heatmap. As in MMPose, x is divided by H and y by W. Defaults to
            0.05.

    Returns:
        np.ndarray | Tensor: The accuracy, of no dimension: the mean over the
        keypoints that count in any sample of the share of samples in which
        they are closer than ``thr``. 0 where no joint counts.

    Raises:
        ValueError: Shapes that do not belong together.
    """
    xp, _ = as_maps(heatmaps)
    shape = tuple(heatmaps.shape)
    if (len(shape) != 4 or tuple(targets.shape) != shape
            or tuple(weights.shape) != shape[:2]):
        raise ValueError(
            'heatmaps and targets must be in shape (B, K, H, W) and weights '
            f'in shape (B, K), got {shape}, {tuple(targets.shape)} and '
            f'{tuple(weights.shape)}')
    height, width = shape[2:]
    (x, y), (true_x, true_y) = (_peaks(xp, maps)
                                for maps in (heatmaps, targets))
    # In whole numbers, so that a distance of exactly `thr` is no hit, however
    # it would be rounded.
    distance = ((x - true_x) * width)**2 + ((y - true_y) * height)**2
    limit = math.ceil((thr * height * width)**2 * (1 - 1e-9))
    counts = weights > 0
    like = xp.as_float(weights, 'weights')
    hits = xp.to_float(counts & (distance < limit), like).sum(0)
    total = xp.to_float(counts, like).sum(0)
    present = xp.to_float(total > 0, like)
    share = hits / xp.where(total > 0, total, 1.)
    return share.sum() / xp.clip(present.sum(), 1., None)


def _peaks(xp: Backend, maps: Array) -> Tuple[Array, Array]:
    """(B, K) x and y of every maximum; -1 where it is not positive."""
    flat = maps.reshape(*maps.shape[:2], -1)
    index = xp.argmax(flat)
    absent = xp.take_last(flat, index) <= 0
    return (xp.where(absent, -1, index % maps.shape[3]),
            xp.where(absent, -1, index // maps.shape[3]))
