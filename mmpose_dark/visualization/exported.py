"""Poses by an exported file, drawn without MMPose."""
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Dict, Iterator, List, Optional, Tuple, Union

import numpy as np

from ..deploy.runtime import PoseRuntime
from . import labels, magnify
from .uncertainty import draw_ellipses

#: what is left, right and in the middle of a person, in MMPose's colours
LEFT, RIGHT, MIDDLE = '#00ff00', '#ff8000', '#3399ff'


class Found:
    """The people of an image, as MMPose's ``pred_instances`` has them."""

    def __init__(self, **arrays: np.ndarray) -> None:
        self._arrays = arrays
        vars(self).update(arrays)

    def __len__(self) -> int:
        return len(next(iter(self._arrays.values())))

    def __contains__(self, name: str) -> bool:
        return name in self._arrays


class ExportedReader:
    """The poses that an exported file finds; does what ``PoseReaders`` does.

    Args:
        path (str | Path): A file of ``mmpose-dark export``
        uncertainty (bool): Whether ellipses are drawn. Defaults to ``False``
        score (str, optional): As of :class:`mmpose_dark.deploy.PoseRuntime`

    Raises:
        ValueError: As of ``PoseRuntime``, or ellipses of a file without
            covariances.
    """

    def __init__(self, path: Union[str, Path], uncertainty: bool = False,
                 score: Optional[str] = None) -> None:
        self.pose = PoseRuntime(path, score=score)
        self.uncertainty = uncertainty
        names = [put.name for put in self.pose.session.get_outputs()]
        if uncertainty and 'covariances' not in names:
            raise ValueError(f'{path} has no covariances: write it again by '
                             'mmpose-dark export --covariance')

    @property
    def dataset_meta(self) -> Dict[str, Any]:
        """Names, links and OKS constants of the keypoints, as MMPose's."""
        said = self.pose.metadata
        names = said.get('keypoint_names') or [
            str(i) for i in range(self.pose.session.get_outputs()[1].shape[1])]
        return dict(keypoint_id2name=dict(enumerate(names)),
                    skeleton_links=said.get('skeleton', []),
                    sigmas=said.get('sigmas'))

    def predict(self, image: np.ndarray, boxes: np.ndarray) -> Dict[str, Any]:
        """The people in an image; nothing where nobody is.

        Args:
            image (np.ndarray): BGR, uint8, in shape (H, W, 3)
            boxes (np.ndarray): (left, top, right, bottom) in shape (N, 4);
                image px
        """
        if len(boxes) == 0:
            return {}
        arrays = dict(zip(
            ('keypoints', 'keypoint_scores', 'keypoint_covariances'),
            self.pose(image, boxes)))
        return dict(DARK=SimpleNamespace(pred_instances=Found(
            bboxes=np.asarray(boxes), **arrays)))

    def draw(self, image: np.ndarray, samples: Dict[str, Any],
             threshold: float, truth: Any = None) -> np.ndarray:
        """The image (BGR) with the poses.

        Args:
            image (np.ndarray): BGR, uint8, in shape (H, W, 3)
            samples (dict): As :meth:`predict` returns them
            threshold (float): The lowest score of what is drawn
            truth: Not drawn
        """
        picture = image.copy()
        if samples:
            people = samples['DARK'].pred_instances
            if self.uncertainty:
                picture = draw_ellipses(
                    picture, people.keypoints, people.keypoint_covariances,
                    people.keypoint_scores, threshold, dof=self._dof)
            for points, scores in zip(people.keypoints,
                                      people.keypoint_scores):
                self._draw_person(picture, points, scores >= threshold)
        if self.uncertainty:
            picture = labels.with_legend(picture, [magnify.ELLIPSE])
        return picture

    def _draw_person(self, picture: np.ndarray, points: np.ndarray,
                     seen: np.ndarray) -> None:
        thick = max(1, round(min(picture.shape[:2]) / 400))
        for first, second, colour in self._links():
            if seen[first] and seen[second]:
                labels.line(picture, points[first], points[second], colour,
                            thick)
        for name, point, visible in zip(self._names, points, seen):
            if visible:
                labels.mark(picture, point, labels.DISC, _side(name),
                            thick + 1)

    @property
    def _names(self) -> List[str]:
        return list(self.dataset_meta['keypoint_id2name'].values())

    def _links(self) -> Iterator[Tuple[int, int, str]]:
        """Both ends, and the colour of the side that they share."""
        names = self._names
        for first, second in self.dataset_meta['skeleton_links']:
            sides = {_side(names[i]) for i in (first, second)}
            yield first, second, sides.pop() if len(sides) == 1 else MIDDLE

    @property
    def _dof(self) -> float:
        return self.pose.dof


def _side(name: str) -> str:
    """The colour of a keypoint."""
    return LEFT if 'left' in name else RIGHT if 'right' in name else MIDDLE
