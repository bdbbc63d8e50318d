"""Poses on images, read by DARK and as the stock codec reads them."""
import copy
from typing import Any, Dict

import cv2
import mmcv
import numpy as np
from mmpose.apis import inference_topdown
from mmpose.structures import merge_data_samples

from ..codecs import DarkHeatmap, DarkSimCC
from ..functional import TAIL_DOF
from ..heads import DarkHeadMixin, DarkSimCCMixin
from ..model import apply_dark, merge_exactly
from .plots import DARK, STOCK
from .uncertainty import draw_ellipses

#: what a picture to compare on is enlarged to, by a whole number; px
COMPARE_SIZE = 1600


def stock_reading(model: Any) -> Any:
    """A copy of a DARK model that decodes as the stock codec does.

    Heatmaps by the standard shift, vectors of SimCC by the highest bin; the
    flip test merged as by the stock head.
    """
    model = copy.deepcopy(model)
    head: Any = model.head
    head.decoder.decoding = (
        'argmax' if isinstance(head.decoder, DarkSimCC) else 'shift')
    head.flip_shift = 'stock'
    head.output_covariance = False
    return model


class PoseReaders:
    """The models that read one image, by name: DARK and maybe stock.

    Args:
        inferencer (Pose2DInferencer): Has the model, which may be of a stock
            codec, the detector of people and the visualizer
        compare (bool): Whether to read by the stock codec, too. Defaults to
            ``False``
        uncertainty (bool): Whether DARK tells covariances, and their
            ellipses are drawn. Defaults to ``False``

    Raises:
        ValueError: A model whose codec DARK cannot replace, or whose head
            tells no covariances.
    """

    def __init__(self, inferencer: Any, compare: bool = False,
                 uncertainty: bool = False) -> None:
        self.inferencer = inferencer
        self.compare = compare
        model = inferencer.model
        dark = isinstance(model.head.decoder, (DarkHeatmap, DarkSimCC))
        self.models = {}
        if compare:
            self.models['stock'] = (
                stock_reading(model) if dark else copy.deepcopy(model))
        self.models['DARK'] = model if dark else apply_dark(model)
        if uncertainty:
            head = self.models['DARK'].head
            merge_exactly(head)  # a stock head becomes the DARK one
            if not isinstance(head, (DarkHeadMixin, DarkSimCCMixin)):
                raise ValueError(
                    'uncertainty needs a head that has a DARK version, got '
                    f'{type(head).__name__}')
            head.output_covariance = True

    def boxes(self, image: np.ndarray) -> np.ndarray:
        """Those of the detector (N, 4); without one, the whole image."""
        data = self.inferencer.preprocess_single(image, index=0)
        return np.concatenate(
            [d['data_samples'].gt_instances.bboxes for d in data])

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
             threshold: float) -> np.ndarray:
        """The image (BGR) with the poses, drawn by MMPose's visualizer.

        Args:
            image (np.ndarray): BGR, uint8, in shape (H, W, 3); enlarged to
                compare on
            samples (dict): As :meth:`predict` returns them
            threshold (float): The lowest score of what is drawn
        """
        zoom = COMPARE_SIZE // max(image.shape[:2]) if self.compare else 1
        zoom = max(1, zoom)
        picture = cv2.resize(image, None, fx=zoom, fy=zoom)
        visualizer = self.inferencer.visualizer
        thick = max(1, round(min(picture.shape[:2]) / 400))
        colours = dict(stock=STOCK, DARK=DARK)
        picture = mmcv.bgr2rgb(picture)
        for name, sample in samples.items():
            # Where both agree, DARK's disc lies on the wider one.
            visualizer.line_width = 1 if self.compare else thick
            visualizer.radius = thick + (3 if name == 'stock' else 1)
            sample = copy.deepcopy(sample)
            people = sample.pred_instances
            # Pixel i of the image is in the middle of those it becomes; the
            # visualizer cuts off fractions.
            people.keypoints = people.keypoints * zoom + zoom / 2
            people.bboxes = people.bboxes * zoom
            if self.compare:
                visualizer.kpt_color = colours[name]
                visualizer.link_color = colours[name]
            picture = visualizer.add_datasample(
                name, picture, sample, draw_gt=False, kpt_thr=threshold,
                draw_bbox=not self.compare)
        picture = mmcv.rgb2bgr(picture)
        picture = self._with_ellipses(picture, samples, threshold, zoom)
        if self.compare:
            for row, (name, colour) in enumerate(colours.items()):
                _label(picture, row, name, colour)
        return picture


    def _with_ellipses(self, picture: np.ndarray, samples: Dict[str, Any],
                       threshold: float, zoom: int) -> np.ndarray:
        people: Any = samples['DARK'].pred_instances if samples else {}
        if 'keypoint_covariances' not in people:
            return picture
        calibration = self.models['DARK'].head.decoder.calibration
        return draw_ellipses(
            picture, people.keypoints * zoom + (zoom - 1) / 2,
            zoom**2 * people.keypoint_covariances, people.keypoint_scores,
            threshold, dof=TAIL_DOF if calibration is None else calibration[1])


def _label(picture, row, name, colour):
    """What is drawn in which colour, in the upper left corner."""
    at = 10, 30 + 34 * row
    for paint, width in ((0, 0, 0), 6), (mmcv.color_val(colour), 2):
        cv2.putText(picture, name, at, cv2.FONT_HERSHEY_SIMPLEX, 1, paint,
                    width, cv2.LINE_AA)
