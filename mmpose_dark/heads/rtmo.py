"""The head of RTMO, which finds all people of an image."""
from contextlib import contextmanager
from typing import Any, Iterator, List, Mapping, Sequence

import mmpose.models.heads as stock_heads
import numpy as np
import torch
from mmengine.structures import InstanceData
from mmpose.models import losses as stock_losses
from mmpose.registry import MODELS
from torch import Tensor

from .. import functional as F  # noqa: N812
from .means import DarkMeanHead

# MMPose 1.2 has neither.
RTMOHead: Any = getattr(stock_heads, 'RTMOHead', object)
MLECCLoss: Any = getattr(stock_losses, 'MLECCLoss', ())


@MODELS.register_module()
class DarkRTMOHead(DarkMeanHead, RTMOHead):
    """A :class:`mmpose.models.RTMOHead` that says how far off it may be.

    Its positions are means of bins, and its loss makes of the bins a density
    of the joint: see :mod:`mmpose_dark.functional.means`. That is in units of
    the root of a person's area, which training takes from the labels; here
    it is .53 of the box that is predicted. That the covariances hold was
    measured on drawn people and of the classifier alone, not of a whole RTMO.

    ``keypoint_covariances`` are in shape (N, K, 2, 2), of N people; squared
    pixels of the image. ``score='similarity'`` is by the same areas; MMPose's
    scores stay in ``keypoints_visible``.

    Needs MMPose 1.3. Takes and raises what :class:`DarkMeanHead` does.
    """

    LOSS = 'loss_mle', 'loss_mle'

    @classmethod
    def check_loss(cls, loss: Any) -> None:
        """Raise ``ValueError`` unless it is a likelihood, and at work."""
        if not isinstance(loss, MLECCLoss) or loss.mode != 'log' or (
                not loss.loss_weight > 0):
            said = ', '.join(
                f'{name}={getattr(loss, name)!r}'
                for name in ('mode', 'loss_weight') if hasattr(loss, name))
            raise ValueError(
                "covariances need an MLECCLoss of mode='log' and a weight "
                'above 0 as loss_mle, which makes a density of the bins, got '
                f'{type(loss).__name__ if loss else None}({said}). Use a '
                'config of RTMO')

    @torch.no_grad()
    def predict(self, feats: Any, batch_data_samples: Sequence[Any],
                test_cfg: Mapping[str, Any] = {}) -> Any:  # noqa: B006
        """Predict results from features, see ``RTMOHead``."""
        if not self.promises:
            return super().predict(feats, batch_data_samples, test_cfg)
        self.check_covariance()
        with listened_to(self.dcc) as heard:
            preds = super().predict(feats, batch_data_samples, test_cfg)
        found = iter(heard)
        for pred in preds:
            if not len(pred.keypoints):  # it was not asked
                pred.keypoint_covariances = np.empty(
                    (*pred.keypoints.shape, 2), np.float32)
                continue
            boxes, shares, sigmas = next(found)
            areas = F.box_areas(torch.from_numpy(pred.bboxes).to(sigmas))
            pred.keypoint_covariances = dcc_covariances(
                self.dcc, boxes, shares, sigmas, areas).cpu().numpy()
        self._to_image(preds, batch_data_samples, test_cfg)
        return preds

    def _boxes(self, pred: InstanceData, sample: Any) -> np.ndarray:
        """Those predicted, as wide and high as in the image, (N, 4)."""
        factor = sample.metainfo['input_scale'] / np.array(
            sample.metainfo['input_size'])
        return pred.bboxes.astype(float) * np.tile(factor, 2)


@contextmanager
def listened_to(dcc: Any) -> Iterator[List[Any]]:
    """What a classifier makes of bins on the way to positions, call by call.

    Args:
        dcc (DCC): Of MMPose, which gives positions alone

    Yields:
        list: Of each call, boxes as centre and scale (N, 4), shares of the
        bins of x and of y, (N, K, n) each, and sigmas (N, K).
    """
    heard: List[Any] = []

    def forward_test(*args: Any) -> Tensor:
        # That of training does the same, and says more.
        positions, shares, sigmas = dcc.forward_train(*args)
        heard.append((args[1], shares, sigmas))
        found: Tensor = positions
        return found

    dcc.forward_test = forward_test
    try:
        yield heard
    finally:
        del dcc.forward_test


def dcc_covariances(dcc: Any, boxes: Tensor, shares: Sequence[Tensor],
                    sigmas: Tensor, areas: Tensor) -> Tensor:
    """Covariances of what a classifier was heard to say.

    Args:
        dcc (DCC): Of MMPose
        boxes, shares, sigmas: As of :func:`listened_to`
        areas (Tensor): Of the people, in shape (N,); squared input px

    Returns:
        Tensor: in shape (N, K, 2, 2); squared input px.
    """
    # From the centre of the box: where that is changes nothing.
    bins = dcc.x_bins * boxes[:, 2:3], dcc.y_bins * boxes[:, 3:4]
    return F.bins_covariance(shares, bins, sigmas, areas)
