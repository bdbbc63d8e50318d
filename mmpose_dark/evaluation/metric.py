"""COCO's metric with people ranked by what their covariances promise."""
from typing import Any, Sequence

import numpy as np
from mmpose.evaluation.metrics import CocoMetric
from mmpose.registry import METRICS

from ..functional import expected_oks

EXPECTED_OKS = 'expected_oks'


@METRICS.register_module()
class DarkCocoMetric(CocoMetric):
    """:class:`mmpose.evaluation.CocoMetric` with one more ``score_mode``.

    ``'expected_oks'`` scores a person by the OKS to expect of its joints,
    each weighted by its score, times the score of the box, as
    ``'bbox_keypoint'`` does with the mean score alone. It needs a head with
    ``output_covariance=True``.

    The OKS of a person is by its area, which is not known of a prediction: it
    is taken for .53 of the box, as MMPose does where a data set has none.

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
        sigmas = (self.dataset_meta or {}).get('sigmas')
        num = pred['keypoints'].shape[1]
        if sigmas is None or len(sigmas) != num:
            raise ValueError(
                f"score_mode='expected_oks' needs the OKS constants of {num} "
                "keypoints: the data set's metainfo must have that many "
                f'sigmas, got {sigmas!r}')
        if 'bbox' in pred:
            width, height = np.asarray(pred['bbox'])[:, 2:].T
        else:
            width, height = np.ptp(pred['keypoints'], axis=1).T
        area = np.maximum(.53 * width * height, 1.)
        promised = expected_oks(
            np.asarray(instances['keypoint_covariances'], float), area,
            np.asarray(sigmas, float))
        return (pred['keypoint_scores'] * promised).mean(1)
