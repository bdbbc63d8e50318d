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

    Attributes:
        metadata (dict): What the file says of itself: ``input_size``,
            ``keypoint_names``, ``skeleton`` and so on, see
            :func:`mmpose_dark.deploy.onnx.metadata`

    Raises:
        ValueError: A file of another tool or one that does not say how to
            crop, or a number that makes no sense.

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
                 threads: Optional[int] = None) -> None:
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
        crops, centers, scales = [], [], []
        for box in check_boxes(boxes):
            patch, center, scale = crop(image, box, meta['input_size'],
                                        meta['padding'], meta['use_udp'])
            crops.append(patch)
            centers.append(center)
            scales.append(scale)
        keypoints, scores, *covariances = self._in_batches(crops)
        center = np.reshape(centers, (-1, 1, 2))
        scale = np.reshape(scales, (-1, 1, 2))
        size = np.array(meta['input_size'])
        # Each covariance times the outer product of the factor with itself.
        factor = scale / size
        squared = factor[..., None] * factor[..., None, :]
        return (keypoints / size * scale + center - 0.5 * scale, scores,
                *(covariance * squared for covariance in covariances))

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

    def infer(self, batch: np.ndarray) -> List[np.ndarray]:
        """Run the network on normalised crops (N, 3, h, w), float32.

        Returns:
            list[np.ndarray]: keypoints (N, K, 2) in input pixels, scores
            (N, K) and, if exported, covariances (N, K, 2, 2).
        """
        return self.session.run(None, {'inputs': batch})

    def _in_batches(self, crops: Sequence[np.ndarray]) -> List[np.ndarray]:
        """What :meth:`infer` finds in any number of crops."""
        meta = self.metadata
        step = self._fixed_batch or self.batch_size
        found = []
        for start in range(0, len(crops), step):
            part = list(crops[start:start + step])
            num = len(part)
            if self._fixed_batch:
                part += part[:1] * (self._fixed_batch - num)
            batch = normalise(part, meta['mean'], meta['std'],
                              meta['bgr_to_rgb'])
            found.append([output[:num] for output in self.infer(batch)])
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
