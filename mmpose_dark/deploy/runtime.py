"""A network that ends in keypoints at work, without MMPose and torch.

:class:`PoseRuntime` runs the files of ``mmpose-dark export`` with numpy,
OpenCV and onnxruntime alone.

Symbols: N boxes, K keypoints, (w, h) input size in px.
"""
import json
import numbers
from pathlib import Path
from typing import (
    Any,
    Dict,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    Union,
)

import numpy as np

from .. import functional as F  # noqa: N812
from ..conventions import SCORES
from ..functional.checks import check_choice
from .crop import check_boxes, check_image, crop, normalise

#: what a file has to say
_NEEDED = 'input_size', 'padding', 'use_udp', 'mean', 'std', 'bgr_to_rgb'


class Keypoint(NamedTuple):
    """A keypoint of a person.

    Attributes:
        x, y (float): Where it is; image px
        score (float): Its score
        covariance (np.ndarray, optional): in shape (2, 2); squared image px;
            ``None`` where the file has none
    """
    x: float
    y: float
    score: float
    covariance: Optional[np.ndarray] = None


class PoseRuntime:
    """Run a file of ``mmpose-dark export`` on boxes of an image.

    Args:
        path (str | Path): The ONNX file, of
            :func:`mmpose_dark.deploy.export_onnx` or
            :func:`mmpose_dark.deploy.darkify_onnx`
        providers (list[str], optional): Execution providers of onnxruntime.
            Defaults to ``None``: the CPU
        batch_size (int): Most crops at a time, where the network takes any
            number. Defaults to 32
        threads (int, optional): How many threads onnxruntime computes with.
            Defaults to ``None``: one for each core
        score (str, optional): ``'similarity'``: scores are the OKS to expect
            of each joint, 0 to 1, by the size of its box, see
            :mod:`mmpose_dark.functional.oks`. It needs a file of such scores,
            or one with covariances and ``sigmas`` in its metadata. Defaults
            to ``None``: what the file was written for

    Attributes:
        metadata (dict): What the file says of itself: ``input_size``,
            ``keypoint_names``, ``skeleton`` and so on, see
            :func:`mmpose_dark.deploy.onnx.metadata`

    Raises:
        ValueError: A file of another tool or one that does not say how to
            crop, a number that makes no sense, or a score that the file
            does not have.

    Example:
        >>> pose = PoseRuntime('pose.onnx')  # doctest: +SKIP
        >>> image = cv2.imread('people.jpg')  # doctest: +SKIP
        >>> keypoints, scores = pose(  # doctest: +SKIP
        ...     image, [[10, 20, 110, 220]])
        >>> pose.people(image)[0]['left_wrist'].x  # doctest: +SKIP
    """

    def __init__(self,
                 path: Union[str, Path],
                 providers: Optional[Sequence[Any]] = None,
                 batch_size: int = 32,
                 threads: Optional[int] = None,
                 score: Optional[str] = None) -> None:
        import onnxruntime
        options = onnxruntime.SessionOptions()
        if threads is not None:
            options.intra_op_num_threads = _positive('threads', threads)
        self.session = onnxruntime.InferenceSession(
            str(path), options, providers=providers or ['CPUExecutionProvider']
        )
        found = self.session.get_modelmeta().custom_metadata_map
        self.metadata = {key: _read(value) for key, value in found.items()}
        _check_described(path, self.metadata)
        self.batch_size = _positive('batch_size', batch_size)
        fixed = self.session.get_inputs()[0].shape[0]
        self._fixed_batch = fixed if isinstance(fixed, int) else None
        self._takes_areas = 'areas' in [
            put.name for put in self.session.get_inputs()]
        self._sigmas: Optional[np.ndarray] = None
        if score is not None:
            self._choose(path, score)

    @property
    def dof(self) -> float:
        """Degrees of freedom of the tail of errors, see ``ellipse_limit``."""
        calibration = self.metadata.get('codec', {}).get('calibration')
        return calibration[1] if calibration else F.TAIL_DOF

    def _choose(self, path: Union[str, Path], score: str) -> None:
        """Have scores of a kind, or raise where the file has none."""
        if check_choice('score', score, SCORES) == self.metadata.get(
                'score', 'stock'):
            return
        sigmas = self.metadata.get('sigmas')
        names = [put.name for put in self.session.get_outputs()]
        if score == 'stock' or 'covariances' not in names or not sigmas:
            raise ValueError(
                f'{path} has no score={score!r}: write it again by mmpose-dark'
                f' export --score {score}')
        self._sigmas = F.oks_sigmas(sigmas, len(sigmas))

    def __call__(self, image: np.ndarray,
                 boxes: Any = None) -> Tuple[np.ndarray, ...]:
        """Find the keypoints of the person in each box.

        Args:
            image (np.ndarray): uint8 BGR image in shape (H, W, 3), as
                ``cv2.imread`` returns it
            boxes (np.ndarray, optional): Boxes (left, top, right, bottom) in
                shape (N, 4); units: image pixels. Defaults to ``None``: the
                whole image is one

        Returns:
            tuple:
            - keypoints (np.ndarray): (x, y) in shape (N, K, 2); units: image
              pixels
            - scores (np.ndarray): in shape (N, K)
            - covariances (np.ndarray): if exported with ``--covariance``: in
              shape (N, K, 2, 2); units: squared image pixels

        Raises:
            ValueError: An image or boxes of another kind.
        """
        image = check_image(image)
        meta = self.metadata
        if boxes is None:
            boxes = np.array([[0, 0, *image.shape[1::-1]]], np.float32)
        boxes = check_boxes(boxes)
        crops, centers, scales = [], [], []
        for box in boxes:
            patch, center, scale = crop(image, box, meta['input_size'],
                                        meta['padding'], meta['use_udp'])
            crops.append(patch)
            centers.append(center)
            scales.append(scale)
        center = np.reshape(centers, (-1, 1, 2))
        scale = np.reshape(scales, (-1, 1, 2))
        size = np.array(meta['input_size'])
        factor = scale / size
        areas = F.box_areas(boxes)
        keypoints, scores, *covariances = self._in_batches(
            crops, areas / factor.prod((1, 2)))
        # Each covariance times the outer product of the factor with itself.
        squared = factor[..., None] * factor[..., None, :]
        covariances = [covariance * squared for covariance in covariances]
        if self._sigmas is not None:
            scores = F.expected_oks(
                covariances[0], areas, self._sigmas,
                self.dof).astype(np.float32)
        return (keypoints / size * scale + center - 0.5 * scale, scores,
                *covariances)

    def people(self, image: np.ndarray,
               boxes: Any = None) -> List[Dict[str, Keypoint]]:
        """The same by name: for each box its keypoints.

        Args:
            image, boxes: As of calling it

        Returns:
            list[dict[str, Keypoint]]: One dict a box.
        """
        found = self(image, boxes)
        names = self.metadata.get('keypoint_names') or range(
            found[1].shape[1])
        return [{str(name): Keypoint(float(x), float(y), float(score), *rest)
                 for name, (x, y), score, *rest in zip(names, *person)}
                for person in zip(*found)]

    def infer(self, batch: np.ndarray,
              areas: Optional[np.ndarray] = None) -> List[np.ndarray]:
        """Run the network on normalised crops.

        Args:
            batch (np.ndarray): Crops (N, 3, h, w), float32
            areas (np.ndarray, optional): Of the people in shape (N,), which a
                file of similarities needs; squared input pixels

        Returns:
            list[np.ndarray]: keypoints (N, K, 2) in input pixels, scores
            (N, K) and, if exported, covariances (N, K, 2, 2).
        """
        given = dict(inputs=batch)
        if self._takes_areas and areas is not None:
            given['areas'] = areas.astype(np.float32)
        return self.session.run(None, given)

    def _in_batches(self, crops: Sequence[np.ndarray],
                    areas: np.ndarray) -> List[np.ndarray]:
        """What :meth:`infer` finds in any number of crops."""
        meta = self.metadata
        step = self._fixed_batch or self.batch_size
        found = []
        for start in range(0, len(crops), step):
            part = list(crops[start:start + step])
            num, size = len(part), areas[start:start + step]
            if self._fixed_batch:
                part += part[:1] * (self._fixed_batch - num)
                size = np.resize(size, self._fixed_batch)
            batch = normalise(part, meta['mean'], meta['std'],
                              meta['bgr_to_rgb'])
            found.append([output[:num] for output in self.infer(
                batch, size)])
        if not found:
            return [np.empty((0, *output.shape[1:]), np.float32)
                    for output in self.session.get_outputs()]
        return [np.concatenate(parts) for parts in zip(*found)]


def _positive(name: str, value: Any) -> int:
    if (not isinstance(value, numbers.Integral) or isinstance(value, bool)
            or value < 1):
        raise ValueError(f'{name} must be a positive integer, got {value!r}')
    return int(value)


def _check_described(path: Union[str, Path],
                     metadata: Dict[str, Any]) -> None:
    """Raise where a file does not say how to crop."""
    if 'mmpose_dark' not in metadata:
        raise ValueError(
            f'{path} was not written by mmpose-dark export (export_onnx, '
            'darkify_onnx): it does not say how to crop')
    missing = [key for key in _NEEDED if key not in metadata]
    if missing:
        raise ValueError(
            f'{path} does not say {", ".join(missing)}: write it again by '
            'darkify_onnx with metadata= or the name of a ready set')


def _read(value: str) -> Any:
    """JSON; what another tool has added to a file may be plain text."""
    try:
        return json.loads(value)
    except ValueError:
        return value
