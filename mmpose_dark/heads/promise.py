"""What a head says of its own predictions: how far off, how similar."""
from typing import Any, Mapping, Optional, Sequence

import numpy as np
from mmengine.structures import InstanceData

from .. import functional as F  # noqa: N812
from ..conventions import SCORES
from ..functional.checks import check_choice


class PromisingHead:
    """A head that can tell covariances, and similarities by them.

    Whatever it reads these from, it gives predictions with
    ``keypoint_covariances`` in squared pixels of the input; here they become
    those of the image, and scores where these are asked for.
    """

    decoder: Any
    loss_module: Any
    # Of a built head whose class is changed, see mmpose_dark.model, too.
    output_covariance = False
    score = 'stock'
    sigmas: Optional[Sequence[float]] = None

    @property
    def dof(self) -> float:
        """Degrees of freedom of the tail of errors, see ``ellipse_limit``."""
        return F.TAIL_DOF

    def check_covariance(self) -> None:
        """Raise ``ValueError`` where there are no covariances."""
        raise NotImplementedError

    def check_similarity(self) -> None:
        """Raise ``ValueError`` where no OKS can be expected of a joint."""
        self.check_covariance()

    @property
    def promises(self) -> bool:
        """Whether predictions need covariances."""
        return self.output_covariance or self.score != 'stock'

    def promise(self, output_covariance: bool = False, score: str = 'stock',
                sigmas: Optional[Sequence[float]] = None) -> None:
        """Set what predictions say of themselves.

        Args:
            output_covariance, score, sigmas: As of the head

        Raises:
            ValueError: A score that does not exist, or without constants;
                covariances of a decoding or a loss that has none.
        """
        check_choice('score', score, SCORES)
        if score == 'similarity':
            self.check_similarity()
            if sigmas is None:
                raise ValueError(
                    "score='similarity' needs sigmas=[...] of the head, the "
                    "data set's OKS constants: darkify(cfg, head=True, "
                    "score='similarity') writes them")
            sigmas = F.oks_sigmas(sigmas, len(sigmas)).tolist()
        if output_covariance:
            self.check_covariance()
        self.output_covariance = output_covariance
        self.score, self.sigmas = score, sigmas

    def _to_image(self, preds: Sequence[InstanceData], samples: Sequence[Any],
                  test_cfg: Mapping[str, Any]) -> None:
        """Covariances from squared px of the input to those of the image.

        Estimators do so with keypoints and know nothing of covariances, nor
        of the similarities that follow from these.
        """
        if not self.promises:
            return
        for pred, sample in zip(preds, samples):
            covariances = pred.keypoint_covariances
            factor = sample.metainfo['input_scale'] / np.array(
                sample.metainfo['input_size'])
            # A depth is no pixel of the input.
            ones = (1., ) * (covariances.shape[-1] - 2)
            pred.keypoint_covariances = F.scale_covariances(
                covariances, (*factor, *ones))
            if self.score == 'similarity':
                pred.keypoint_scores = self._similarities(
                    pred.keypoint_covariances, self._boxes(pred, sample),
                    test_cfg.get('output_keypoint_indices'))
            if not self.output_covariance:
                del pred.keypoint_covariances

    def _boxes(self, pred: InstanceData, sample: Any) -> np.ndarray:
        """Those of N people as wide and high as in the image, (N, 4)."""
        return np.asarray(sample.gt_instances.bboxes, float)

    def _similarities(self, covariances: np.ndarray, boxes: np.ndarray,
                      indices: Optional[Sequence[int]]) -> np.ndarray:
        """To expect of the joints, in shape (N, K).

        Args:
            covariances (np.ndarray): in shape (N, K, 2, 2); squared image px
            boxes (np.ndarray): of N people; image px
            indices (Sequence[int], optional): Which of the K keypoints are
                those of the data set, where these are not all
        """
        num = covariances.shape[1]
        sigmas = F.oks_sigmas(self.sigmas, num, indices)
        kept = (list(range(num)) if indices is None or len(sigmas) == num
                else list(indices))
        out = np.zeros(covariances.shape[:2], covariances.dtype)
        out[:, kept] = F.expected_oks(
            covariances[:, kept, :2, :2].astype(float), F.box_areas(boxes),
            sigmas, self.dof)
        return out
