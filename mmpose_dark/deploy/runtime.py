"""An exported network at work, with numpy, OpenCV and onnxruntime alone.

Neither torch nor any mm* package is imported. :class:`PoseRuntime` runs the
files of ``mmpose-dark export``; crops and normalisation are, to
the last bit, those of MMPose's ``GetBBoxCenterScale``, ``TopdownAffine`` and
``PoseDataPreprocessor``.

Symbols: N boxes, K keypoints, (w, h) input size in px.
"""
import json
import math
import numbers

import cv2
import numpy as np


class PoseRuntime:
    """Run a file of ``mmpose-dark export`` on boxes of an image.

    Args:
        path (str | Path): The ONNX file
        providers (list[str], optional): Execution providers of onnxruntime.
            Defaults to ``None``: the CPU
        batch_size (int): Most crops at a time. Defaults to 32

    Attributes:
        metadata (dict): What the file says of itself: ``input_size``,
            ``keypoint_names``, ``skeleton`` and so on, see
            :func:`mmpose_dark.deploy.onnx.metadata`

    Raises:
        ValueError: A file of another tool, or a batch size that makes no
            sense.

    Example:
        >>> pose = PoseRuntime('pose.onnx')  # doctest: +SKIP
        >>> image = cv2.imread('people.jpg')  # doctest: +SKIP
        >>> keypoints, scores = pose(  # doctest: +SKIP
        ...     image, [[10, 20, 110, 220]])
    """

    def __init__(self, path, providers=None, batch_size=32):
        import onnxruntime
        self.session = onnxruntime.InferenceSession(
            str(path), providers=providers or ['CPUExecutionProvider'])
        found = self.session.get_modelmeta().custom_metadata_map
        if 'mmpose_dark' not in found:
            raise ValueError(
                f'{path} was not written by mmpose-dark export: it '
                'does not say how to crop')
        if (not isinstance(batch_size, numbers.Integral)
                or isinstance(batch_size, bool) or batch_size < 1):
            raise ValueError(
                f'batch_size must be a positive integer, got {batch_size!r}')
        self.metadata = {key: _read(value) for key, value in found.items()}
        self.batch_size = batch_size

    def __call__(self, image, boxes=None):
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
        image = _check_image(image)
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
        num = len(meta['keypoint_names'])
        outputs = [[np.empty((0, num, 2), np.float32)],
                   [np.empty((0, num), np.float32)],
                   [np.empty((0, num, 2, 2), np.float32)]]
        for start in range(0, len(crops), self.batch_size):
            batch = normalise(crops[start:start + self.batch_size],
                              meta['mean'], meta['std'], meta['bgr_to_rgb'])
            for parts, part in zip(outputs, self.infer(batch)):
                parts.append(part)
        keypoints, scores, *covariances = [
            np.concatenate(parts)
            for parts in outputs[:len(self.session.get_outputs())]]
        centers = np.reshape(centers, (-1, 1, 2))
        scales = np.reshape(scales, (-1, 1, 2))
        size = np.array(meta['input_size'])
        # Each covariance times the outer product of the factor with itself.
        factor = scales / size
        squared = factor[..., None] * factor[..., None, :]
        return (keypoints / size * scales + centers - 0.5 * scales, scores,
                *(covariance * squared for covariance in covariances))

    def infer(self, batch):
        """Run the network on normalised crops (N, 3, h, w), float32.

        Returns:
            list[np.ndarray]: keypoints (N, K, 2) in input pixels, scores
            (N, K) and, if exported, covariances (N, K, 2, 2).
        """
        return self.session.run(None, {'inputs': batch})


def crop(image, box, input_size, padding=1.25, use_udp=False):
    """Cut a box out of an image as MMPose does for top-down models.

    Args:
        image (np.ndarray): The image in shape (H, W, 3)
        box (np.ndarray): (left, top, right, bottom); units: image pixels
        input_size (tuple): Size of the crop in (w, h)
        padding (float): What the sides of the box are multiplied by. Defaults
            to 1.25
        use_udp (bool): Whether the corners of box and crop are the centres
            of pixels, as of ``TopdownAffine``. Defaults to ``False``

    Returns:
        tuple:
        - crop (np.ndarray): in shape (h, w, 3)
        - center, scale (np.ndarray): of what was cut, in shape (2, ). A
          keypoint p in the crop lies at ``p / input_size * scale + center -
          0.5 * scale`` in the image.
    """
    box = np.asarray(box)
    width, height = (int(v) for v in input_size)
    center = (box[2:] + box[:2]) * 0.5
    scale = (box[2:] - box[:2]) * padding
    box_w, box_h = scale[:1], scale[1:]  # arrays: a scalar would be promoted
    aspect = width / height
    scale = np.where(box_w > box_h * aspect,
                     np.hstack([box_w, box_w / aspect]),
                     np.hstack([box_h * aspect, box_h]))
    matrix = (_corner_matrix if use_udp else _matrix)(
        center, scale, (width, height))
    patch = cv2.warpAffine(image, matrix, (width, height),
                           flags=cv2.INTER_LINEAR)
    return patch, center, scale


def normalise(crops, mean, std, bgr_to_rgb=True):
    """A batch for the network from uint8 crops.

    Args:
        crops (Sequence[np.ndarray]): N crops in shape (h, w, 3)
        mean, std (Sequence[float]): Of the channels, in the network's order
        bgr_to_rgb (bool): Whether the order of channels is reversed. Defaults
            to ``True``

    Returns:
        np.ndarray: float32 in shape (N, 3, h, w).
    """
    batch = np.stack(crops)
    if bgr_to_rgb:
        batch = batch[..., ::-1]
    batch = batch.transpose(0, 3, 1, 2).astype(np.float32, order='C')
    batch -= np.float32(mean)[:, None, None]
    batch /= np.float32(std)[:, None, None]
    return batch


def _read(value):
    """JSON; what another tool has added to a file may be plain text."""
    try:
        return json.loads(value)
    except ValueError:
        return value


def check_boxes(boxes):
    """Return boxes as floats (N, 4), finite and with a positive area.

    Raises:
        ValueError: Anything else.
    """
    boxes = np.asarray(boxes)
    if boxes.size == 0:
        boxes = np.empty((0, 4), np.float32)
    if boxes.ndim != 2 or boxes.shape[1] != 4 or boxes.dtype.kind not in 'fiu':
        raise ValueError('boxes must be (left, top, right, bottom) in shape '
                         f'(N, 4), got shape {boxes.shape}, {boxes.dtype}')
    if boxes.dtype not in (np.float32, np.float64):  # sums of bytes would wrap
        boxes = boxes.astype(np.float64)
    wrong = ~(np.isfinite(boxes).all(1) & (boxes[:, 2:] > boxes[:, :2]).all(1))
    if wrong.any():
        raise ValueError(
            'boxes must be finite (left, top, right, bottom) with right > '
            f'left and bottom > top, got {boxes[wrong][0].tolist()}')
    return boxes


def _check_image(image):
    if (not isinstance(image, np.ndarray) or image.dtype != np.uint8
            or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape):
        got = (f'shape {image.shape}, {image.dtype}'
               if isinstance(image, np.ndarray) else repr(image))
        raise ValueError('image must be a BGR array in shape (H, W, 3), '
                         f'uint8, as cv2.imread returns it, got {got}')
    return image


def _matrix(center, scale, size):
    """MMPose's ``get_warp_matrix`` without rotation: pixel 0 to pixel 0."""
    width, height = size
    source, target = np.zeros((2, 3, 2), np.float32)
    source[0] = center
    source[1] = center + np.array([scale[0] * -0.5, 0.])
    target[0] = width * 0.5, height * 0.5
    target[1] = 0., height * 0.5
    for points in (source, target):
        x, y = points[0] - points[1]
        points[2] = points[1] + np.array([-y, x])
    return cv2.getAffineTransform(source, target)


def _corner_matrix(center, scale, size):
    """MMPose's ``get_udp_warp_matrix`` without rotation."""
    matrix = np.zeros((2, 3), np.float32)
    for axis in (0, 1):
        factor = (size[axis] - 1) / scale[axis]
        matrix[axis, axis] = math.cos(0) * factor
        matrix[axis, 2] = factor * (
            -0.5 * (center[axis] * 2) * math.cos(0) + 0.5 * scale[axis])
    return matrix
