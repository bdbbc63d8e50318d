"""Poses on images, read by DARK and as the stock codec reads them."""
import copy
from typing import Any, Dict, List, Optional

import cv2
import mmcv
import numpy as np
from mmpose.apis import inference_topdown
from mmpose.registry import VISUALIZERS
from mmpose.structures import merge_data_samples

from ..codecs import DarkCodec
from ..heads import PromisingHead
from ..model import apply_dark, merge_exactly
from . import labels, magnify
from .uncertainty import draw_ellipses

#: longer side that a picture to compare on is enlarged to; px
COMPARE_SIZE = 960


def stock_reading(model: Any) -> Any:
    """A copy of a DARK model that decodes as the stock codec does.

    Heatmaps by the standard shift, vectors of SimCC by the highest bin; the
    flip test merged as by the stock head.
    """
    model = copy.deepcopy(model)
    head: Any = model.head
    head.decoder.decoding = (
        'argmax' if len(head.decoder.output_shapes) > 1 else 'shift')
    head.flip_shift = 'stock'
    head.output_covariance, head.score = False, 'stock'
    return model


class PoseReaders:
    """The models that read one image, by name: DARK and maybe stock.

    Args:
        model (TopdownPoseEstimator): As ``init_model`` returns it; it may be
            of a stock codec
        compare (bool): Whether to read by the stock codec, too. Defaults to
            ``False``
        uncertainty (bool): Whether DARK tells covariances, and their
            ellipses are drawn. Defaults to ``False``
        score (str): What DARK's keypoint scores are, see :func:`apply_dark`.
            Defaults to ``'stock'``

    Raises:
        ValueError: A model whose codec DARK cannot replace, or whose head
            tells no covariances.
    """

    def __init__(self, model: Any, compare: bool = False,
                 uncertainty: bool = False, score: str = 'stock') -> None:
        self.compare = compare
        self.uncertainty = uncertainty
        dark = isinstance(getattr(model.head, 'decoder', None), DarkCodec)
        self.models = {}
        if compare:
            self.models['stock'] = (
                stock_reading(model) if dark else copy.deepcopy(model))
        if not dark or score != 'stock':
            apply_dark(model, score=score)
        self.models['DARK'] = model
        if uncertainty:
            head = self.models['DARK'].head
            merge_exactly(head)  # a stock head becomes the DARK one
            if not isinstance(head, PromisingHead):
                raise ValueError(
                    'uncertainty needs a head that has a DARK version, got '
                    f'{type(head).__name__}')
            head.output_covariance = True
        self.visualizer = VISUALIZERS.build(dict(
            type='mmpose.PoseLocalVisualizer', name='mmpose_dark'))
        self.visualizer.set_dataset_meta(model.dataset_meta)

    @property
    def dataset_meta(self) -> Dict[str, Any]:
        """Names and links of the keypoints."""
        return self.models['DARK'].dataset_meta

    def predict(self, image: np.ndarray, boxes: np.ndarray) -> Dict[str, Any]:
        """A sample of all people by name; no names where nobody is.

        Args:
            image (np.ndarray): BGR, uint8, in shape (H, W, 3)
            boxes (np.ndarray): (left, top, right, bottom) in shape (N, 4);
                image px
        """
        if len(boxes) == 0:
            return {}
        return {name: merge_data_samples(
            inference_topdown(model, image, boxes))
            for name, model in self.models.items()}

    def draw(self, image: np.ndarray, samples: Dict[str, Any],
             threshold: float,
             truth: Optional[np.ndarray] = None) -> np.ndarray:
        """The image (BGR) with the poses, drawn by MMPose's visualizer.

        To compare, beside it the joints where both readings differ most.

        Args:
            image (np.ndarray): BGR, uint8, in shape (H, W, 3)
            samples (dict): As :meth:`predict` returns them
            threshold (float): The lowest score of what is drawn
            truth (np.ndarray, optional): x, y and whether they are labelled,
                in shape (N, K, 3); image px. To compare with
        """
        zoom = (max(1., COMPARE_SIZE / max(image.shape[:2]))
                if self.compare else 1.)
        picture = cv2.resize(image, None, fx=zoom, fy=zoom,
                             interpolation=cv2.INTER_CUBIC)
        people: Any = samples['DARK'].pred_instances if samples else {}
        if samples and self.uncertainty:
            picture = draw_ellipses(
                picture, people.keypoints * zoom + (zoom - 1) / 2,
                zoom**2 * people.keypoint_covariances, people.keypoint_scores,
                threshold, dof=self._dof)
        if samples:
            picture = self._with_poses(picture, samples['DARK'], threshold,
                                       zoom)
        entries = [magnify.ELLIPSE] if self.uncertainty else []
        if self.compare:
            places = magnify.places(
                samples['stock'].pred_instances, people, self._names,
                threshold, truth) if samples else []
            picture = magnify.beside(picture, image, places, zoom, self._dof)
            entries = magnify.entries(truth is not None) + entries
        if entries:
            picture = labels.with_legend(picture, entries)
        return picture

    def _with_poses(self, picture: np.ndarray, sample: Any, threshold: float,
                    zoom: float) -> np.ndarray:
        thick = max(1, round(min(picture.shape[:2]) / 400))
        self.visualizer.line_width = thick
        self.visualizer.radius = thick + 2
        sample = copy.deepcopy(sample)
        people = sample.pred_instances
        # Pixel i of the image is in the middle of those it becomes; the
        # visualizer cuts off fractions.
        people.keypoints = people.keypoints * zoom + zoom / 2
        people.bboxes = people.bboxes * zoom
        return mmcv.rgb2bgr(self.visualizer.add_datasample(
            'poses', mmcv.bgr2rgb(picture), sample, draw_gt=False,
            kpt_thr=threshold))

    @property
    def _dof(self) -> float:
        head = self.models['DARK'].head
        told = head if isinstance(head, PromisingHead) else head.decoder
        dof: float = told.dof
        return dof

    @property
    def _names(self) -> List[str]:
        names = self.models['DARK'].dataset_meta['keypoint_id2name']
        return [names[i].replace('_', ' ') for i in range(len(names))]
