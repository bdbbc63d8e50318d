"""How well scores rank people: AP by one score against another."""
import contextlib
import io
from typing import Any, Sequence, Tuple

import numpy as np

from .. import functional as F  # noqa: N812
from .heatmaps import KeptHeatmaps


def mmpose_scores(scores: np.ndarray, threshold: float = .2) -> np.ndarray:
    """What MMPose's :class:`CocoMetric` ranks people by, in shape (N,).

    Its ``score_mode='bbox_keypoint'``, the default: the mean of the scores
    above ``keypoint_score_thr``, 0 where there is none.

    Args:
        scores (np.ndarray): of the joints in shape (N, K)
        threshold (float): Defaults to .2, as there
    """
    above = scores > threshold
    return np.where(above, scores, 0.).sum(1) / np.maximum(above.sum(1), 1)


def promised_scores(kept: KeptHeatmaps, scores: np.ndarray,
                    covariances: np.ndarray) -> np.ndarray:
    """What :class:`DarkCocoMetric` ranks people by, in shape (N,).

    Args:
        kept (KeptHeatmaps): Whose people they are
        scores (np.ndarray): of the joints in shape (N, K)
        covariances (np.ndarray): in shape (N, K, 2, 2); squared input px

    Raises:
        ValueError: A data set without OKS constants.
    """
    return F.pose_scores(promised_similarities(kept, covariances), scores)


def promised_similarities(kept: KeptHeatmaps,
                          covariances: np.ndarray) -> np.ndarray:
    """What a head with ``score='similarity'`` says of joints, (N, K).

    Args:
        kept (KeptHeatmaps): Whose people they are
        covariances (np.ndarray): in shape (N, K, 2, 2); squared input px

    Raises:
        ValueError: A data set without OKS constants.
    """
    boxes = np.array([s['gt_instances']['bboxes'][0] for s in kept.samples],
                     float)
    return F.expected_oks(
        kept.covariances_in_image(covariances).astype(float),
        F.box_areas(boxes), F.oks_sigmas(kept.sigmas, covariances.shape[1]))


def evaluated(kept: KeptHeatmaps, coco: Any, points: np.ndarray,
              scores: np.ndarray) -> Any:
    """COCO's evaluation of people ranked by ``scores`` (N,).

    Args:
        kept (KeptHeatmaps): Whose people they are
        coco (COCO): The annotations
        points (np.ndarray): Keypoints in shape (N, K, 2); input px
        scores (np.ndarray): in shape (N,)

    Returns:
        COCOeval: With the matches of every image.
    """
    return evaluated_in_image(
        coco, [s['img_id'] for s in kept.samples], kept.to_image(points),
        scores, kept.sigmas)


def evaluated_in_image(coco: Any, image_ids: Sequence[int],
                       keypoints: np.ndarray, scores: np.ndarray,
                       sigmas: np.ndarray) -> Any:
    """:func:`evaluated`, of keypoints in pixels of the image.

    Args:
        coco (COCO): The annotations
        image_ids (Sequence[int]): Whose image each of the N people is in
        keypoints (np.ndarray): in shape (N, K, 2); image px
        scores (np.ndarray): of people in shape (N,)
        sigmas (np.ndarray): OKS constants in shape (K,)

    Returns:
        COCOeval: With the matches of every image.
    """
    from xtcocotools.cocoeval import COCOeval
    ones = np.ones((*keypoints.shape[:2], 1))
    results = [
        dict(image_id=image, category_id=1, score=float(score),
             keypoints=points.ravel().tolist())
        for image, score, points in zip(
            image_ids, scores, np.concatenate([keypoints, ones], 2))]
    with contextlib.redirect_stdout(io.StringIO()):
        found = COCOeval(coco, coco.loadRes(results), 'keypoints', sigmas)
        found.evaluate()
    return found


def ap_gain(first: Any, second: Any, rounds: int = 300,
            seed: int = 0) -> Tuple[float, float, Tuple[float, float]]:
    """AP of the first, what the second adds, and its 95 % interval.

    By a paired bootstrap over images; all in points.

    Args:
        first, second (COCOeval): As of :func:`evaluated`
        rounds (int): Samples of the bootstrap. Defaults to 300
        seed (int): Of these. Defaults to 0
    """
    num = len(first.params.imgIds)
    rng = np.random.default_rng(seed)
    base, other = (_ap(found, np.arange(num)) for found in (first, second))
    gains = []
    for _ in range(rounds):
        which = rng.integers(0, num, num)
        gains.append(_ap(second, which) - _ap(first, which))
    low, high = np.percentile(gains, (2.5, 97.5))
    return base, other - base, (float(low), float(high))


def _ap(found: Any, which: np.ndarray) -> float:
    """AP over some of the images, in the largest range of areas."""
    num = len(found.params.imgIds)
    kept = found.evalImgs
    try:
        # In order of area, then image.
        found.evalImgs = [kept[start + i]
                          for start in range(0, len(kept), num)
                          for i in which]
        with contextlib.redirect_stdout(io.StringIO()):
            found.accumulate()
    finally:
        found.evalImgs = kept
    precision = found.eval['precision'][:, :, :, 0]
    return 100 * float(precision[precision > -1].mean())
