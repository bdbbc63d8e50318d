"""Where people are in an image, by a detector of MMDet's."""
import warnings
from pathlib import Path
from typing import Any, Sequence, Union

import numpy as np
from mmengine.config import Config
from mmpose.evaluation.functional import nms
from mmpose.utils import adapt_mmdet_pipeline

from ..checkpoints import load_weights


class PersonDetector:
    """Boxes of people, as MMPose's own inferencer takes them from MMDet.

    Args:
        cfg (Config): Of a detector of MMDet's
        checkpoint (str | Path): Path or URL of its weights
        device (str): Where to compute
        categories (Sequence[int]): Those of its classes that are people.
            Defaults to ``(0, )``

    Raises:
        ImportError: MMDet is not installed.
        OSError, ValueError: As of :func:`mmpose_dark.checkpoints.load_weights`
    """

    #: lowest score of a box, and most overlap of two, as in MMPose
    BBOX_THR, NMS_THR = .3, .3

    def __init__(self, cfg: Config, checkpoint: Union[str, Path], device: str,
                 categories: Sequence[int] = (0, )) -> None:
        from mmdet.apis import init_detector
        with warnings.catch_warnings():
            # that it has no weights, nor the names and colours of classes
            warnings.simplefilter('ignore')
            self.model: Any = init_detector(cfg, None, device=device)
        load_weights(self.model, checkpoint, cfg)
        self.model.cfg = adapt_mmdet_pipeline(self.model.cfg)
        self.categories = categories

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Boxes (left, top, right, bottom) in shape (N, 4); image px.

        Args:
            image (np.ndarray): BGR, uint8, in shape (H, W, 3)
        """
        from mmdet.apis import inference_detector
        found: Any = inference_detector(self.model, image)
        found = found.pred_instances.cpu().numpy()
        found = found[np.isin(found.labels, self.categories)
                      & (found.scores > self.BBOX_THR)]
        boxes = np.column_stack([found.bboxes, found.scores])
        return boxes[nms(boxes, self.NMS_THR), :4]
