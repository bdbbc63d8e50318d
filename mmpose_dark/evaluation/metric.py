"""COCO's metric with people ranked by what their covariances promise."""
from typing import Any, Sequence

import numpy as np
from mmpose.evaluation.metrics import CocoMetric
from mmpose.registry import METRICS

from .. import functional as F  # noqa: N812

EXPECTED_OKS = 'expected_oks'


@METRICS.register_module()
class DarkCocoMetric(CocoMetric):
    """:class:`mmpose.evaluation.CocoMetric` with one more ``score_mode``.

    ``'expected_oks'`` scores a person by the OKS to expect, see
    :mod:`mmpose_dark.functional.scores`, times the score of the box, as
    ``'bbox_keypoint'`` does with the mean of the scores above .2. It needs a
    head with ``output_covariance=True``.

    The OKS of a person is by its area, which is not known of a prediction: it
    is taken for .53 of the box, as MMPose does where a data set has none. A
    prediction without a box has that of its keypoints.

    Args:
        ann_file (str, optional): As of ``CocoMetric``, and so is all else
        score_mode (str): One of those of ``CocoMetric``, or
            ``'expected_oks'``, which is the default

    Raises:
        ValueError: Predictions without covariances, or a data set without
            OKS constants, for ``'expected_oks'``.
    """

    def __init__(self, ann_file: Any = None, *args: Any,
                 score_mode: str = EXPECTED_OKS, **kwargs: Any) -> None:
        self.by_expected_oks = score_mode == EXPECTED_OKS
        # What is expected takes the place of the score of the box.
        super().__init__(ann_file, *args, score_mode=(
            'bbox' if self.by_expected_oks else score_mode), **kwargs)

    def process(self, data_batch: Sequence[dict],
                data_samples: Sequence[dict]) -> None:
        """Take in a batch, see ``CocoMetric``."""
        before = len(self.results)
        super().process(data_batch, data_samples)
        if not self.by_expected_oks:
            return
        for (pred, _), sample in zip(self.results[before:], data_samples):
            pred['bbox_scores'] = np.asarray(
                pred['bbox_scores']) * self._scores(
                    pred, sample['pred_instances'])

    def _scores(self, pred: dict, instances: Any) -> np.ndarray:
        """Of the people of a sample, in shape (N,)."""
        if 'keypoint_covariances' not in instances:
            raise ValueError(
                "score_mode='expected_oks' needs predictions with "
                'keypoint_covariances: give the head (DarkHeatmapHead, '
                'DarkRTMCCHead and so on) output_covariance=True')
        keypoints = np.asarray(pred['keypoints'], float)
        boxes = instances['bboxes'] if 'bboxes' in instances else (
            np.concatenate([keypoints.min(1), keypoints.max(1)], 1))
        similarities = F.expected_oks(
            np.asarray(instances['keypoint_covariances'], float),
            F.box_areas(np.asarray(boxes, float)),
            F.oks_sigmas((self.dataset_meta or {}).get('sigmas'),
                         keypoints.shape[1]))
        return F.pose_scores(similarities,
                             np.asarray(pred['keypoint_scores'], float))
