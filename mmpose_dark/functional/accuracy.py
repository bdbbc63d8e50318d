"""Accuracy of heatmaps against heatmaps: the number that training logs."""
import math
from typing import Any, Sequence, Tuple

from .backends import Array, Backend, backend_of_all
from .checks import check_number


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
        ValueError: Shapes that do not belong together, or another ``thr`` than
            a number from 0.
    """
    xp = backend_of_all(heatmaps=heatmaps, targets=targets, weights=weights)
    heatmaps, targets, weights = (
        xp.as_float(array, name) for name, array in (
            ('heatmaps', heatmaps), ('targets', targets),
            ('weights', weights)))
    shape = tuple(heatmaps.shape)
    if (len(shape) != 4 or tuple(targets.shape) != shape
            or tuple(weights.shape) != shape[:2]):
        raise ValueError(
            'heatmaps and targets must be in shape (B, K, H, W) and weights '
            f'in shape (B, K), got {shape}, {tuple(targets.shape)} and '
            f'{tuple(weights.shape)}')
    return _share_of_hits(
        xp, [_peaks(xp, maps) for maps in (heatmaps, targets)],
        (shape[3], shape[2]), weights, thr)


def vector_accuracy(vectors: Tuple[Array, Array],
                    targets: Tuple[Array, Array],
                    weights: Array,
                    thr: float = 0.05) -> Array:
    """Share of joints whose highest bins are where they should be.

    The value of :func:`mmpose.evaluation.functional.simcc_pck_accuracy`,
    computed where the vectors are and without waiting for them.

    Args:
        vectors (tuple[np.ndarray | Tensor]): Predictions over x and y, in
            shape (B, K, W) and (B, K, H).
        targets (tuple[np.ndarray | Tensor]): Labels in the same shapes.
        weights (np.ndarray | Tensor): Target weights in shape (B, K).
        thr (float): As of :func:`pck_accuracy`; also here x is divided by H
            and y by W. Defaults to 0.05.

    Returns:
        np.ndarray | Tensor: As of :func:`pck_accuracy`.

    Raises:
        ValueError: Shapes that do not belong together, or another ``thr`` than
            a number from 0.
    """
    shapes = [tuple(part.shape) for part in (*vectors, *targets)]
    batch = tuple(weights.shape)
    if (len(batch) != 2 or shapes[:2] != shapes[2:]
            or any(len(shape) != 3 or shape[:2] != batch
                   for shape in shapes)):
        raise ValueError(
            'vectors and targets must be in shape (B, K, W) and (B, K, H) and '
            f'weights in shape (B, K), got {shapes[:2]}, {shapes[2:]} and '
            f'{batch}')
    xp = backend_of_all(weights=weights, vectors=vectors[0],
                        targets=targets[0])
    return _share_of_hits(
        xp, [_bins(xp, *pair) for pair in (vectors, targets)],
        (shapes[0][2], shapes[1][2]), weights, thr)


def _share_of_hits(xp: Backend, places: Sequence[Any], size: Tuple[int, int],
                   weights: Any, thr: float) -> Any:
    """The mean over the keypoints of the share of joints that are hit.

    Args:
        xp: The backend.
        places (Sequence): x and y, (B, K) each: found, and as they should be.
        size (tuple[int, int]): (W, H)
        weights, thr: As of :func:`pck_accuracy`.
    """
    check_number('thr', thr, 0)
    (x, y), (true_x, true_y) = places
    width, height = size
    # In whole numbers, so that a distance of exactly `thr` is no hit, however
    # it would be rounded.
    distance = ((x - true_x) * width)**2 + ((y - true_y) * height)**2
    hit = distance < math.ceil((thr * height * width)**2 * (1 - 1e-9))
    counts = weights > 0
    like = xp.as_float(weights, 'weights')
    hits = xp.to_float(counts & hit, like).sum(0)
    total = xp.to_float(counts, like).sum(0)
    present = xp.to_float(total > 0, like)
    share = hits / xp.where(total > 0, total, 1.)
    return share.sum() / xp.at_least(present.sum(), 1.)


def _bins(xp: Backend, *vectors: Any) -> Sequence[Any]:
    """(B, K) x and y of the maxima; -1 where not both are positive."""
    x_top, y_top = map(xp.amax, vectors)
    absent = (x_top <= 0) | (y_top <= 0)
    return [xp.where(absent, -1, xp.argmax(part)) for part in vectors]


def _peaks(xp: Backend, maps: Any) -> Sequence[Any]:
    """(B, K) x and y of every maximum; -1 where it is not positive."""
    flat = maps.reshape(*maps.shape[:2], maps.shape[2] * maps.shape[3])
    index = xp.argmax(flat)
    absent = xp.amax(flat) <= 0
    return (xp.where(absent, -1, index % maps.shape[3]),
            xp.where(absent, -1, index // maps.shape[3]))
