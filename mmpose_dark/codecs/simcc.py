"""The codec of SimCC and RTMPose, distribution-aware."""
from typing import Any, Dict, List, Mapping, Optional, Tuple

import numpy as np
from mmpose.codecs import SimCCLabel
from mmpose.registry import KEYPOINT_CODECS

from .. import functional as F  # noqa: N812
from ..alignment import mirror_offset
from ..functional._checks import (
    check_choice,
    check_number,
    check_sigmas,
    check_size,
)
from ._decoding import Decoding, to_host, where_they_are


@KEYPOINT_CODECS.register_module()
class DarkSimCC(Decoding, SimCCLabel):
    r"""Represent keypoints as a vector for x and one for y, DARK both ways.

    A drop-in for :class:`mmpose.codecs.SimCCLabel`: the same keywords, the
    same encoded items, the same scores. A vector is a heatmap of one row: it
    is drawn around the true position instead of the nearest bin, and read by
    DARK along its one axis, see
    :func:`mmpose_dark.functional.decode_vectors`.

    Note:

        - batch size: B
        - instance number: N
        - keypoint number: K
        - image size: [w, h]
        - bins per input pixel: k (``simcc_split_ratio``)
        - lengths of the vectors: W = w * k and H = h * k, rounded

        What a network puts out are logits. One trained on labels whose peak
        is 1 (``normalize=False``, RTMPose) learns them up to a constant, so
        the logits are read as they are; what is below zero is background.
        One trained on labels that sum to 1 (``normalize=True``, SimCC) learns
        their logarithm, so its softmax is read. Labels are told from logits
        and read as they are. A ``'standard'`` label is no Gaussian: within
        sigma of the border it is read up to sigma too far out.

    Encoded:

        - keypoint_x_labels (np.ndarray): in shape (N, K, W)
        - keypoint_y_labels (np.ndarray): in shape (N, K, H)
        - keypoint_weights (np.ndarray): The target weights in shape (N, K)

    Args:
        input_size (tuple): Image size in [w, h]
        smoothing_type (str): ``'gaussian'``, or ``'standard'`` for a label on
            the bins at the position alone. Defaults to ``'gaussian'``
        sigma (float | tuple): The sigma of the Gaussian, or one for x and one
            for y; bins. Defaults to 6.0
        simcc_split_ratio (float): Bins per input pixel. Defaults to 2.0
        label_smooth_weight (float): What a ``'standard'`` label spreads over
            the other bins. Defaults to 0.0
        normalize (bool): Whether a Gaussian label sums to 1 instead of having
            a peak of 1. Defaults to ``True``
        use_dark (bool): Taken so that every stock entry fits, and not used:
            it is ``decoding`` that says how vectors are read
        decode_visibility (bool): Whether visibilities are decoded as well.
            Defaults to ``False``
        decode_beta (float): What logits are multiplied by for that, beside
            sigma. Defaults to 150.0
        unbiased (bool): Whether to draw a label around the true position; a
            ``'standard'`` one is then shared by the two nearest bins.
            ``False`` rounds to a bin, as the stock codec does. Defaults to
            ``True``
        blur_kernel_size, decoding, modulation, peak: As of
            :class:`DarkHeatmap`

    Raises:
        ValueError: An argument that makes no sense, or a switch of DARK
            decoding where that is not what is chosen.

    Example:
        >>> codec = DarkSimCC((192, 256), sigma=(4.9, 5.66), normalize=False)
        >>> encoded = codec.encode(np.array([[[100.3, 50.6]]]))
        >>> keypoints, scores = codec.decode(
        ...     encoded['keypoint_x_labels'], encoded['keypoint_y_labels'])
        >>> keypoints.round(2)
        array([[[100.3,  50.6]]], dtype=float32)
    """

    def __init__(self,
                 input_size: Tuple[int, int],
                 smoothing_type: str = 'gaussian',
                 sigma: Any = 6.0,
                 simcc_split_ratio: float = 2.0,
                 label_smooth_weight: float = 0.0,
                 normalize: bool = True,
                 use_dark: bool = False,
                 decode_visibility: bool = False,
                 decode_beta: float = 150.0,
                 unbiased: bool = True,
                 blur_kernel_size: Optional[int] = None,
                 decoding: str = 'dark',
                 modulation: bool = True,
                 peak: str = 'modulated') -> None:
        check_choice('smoothing_type', smoothing_type,
                     ('gaussian', 'standard'))
        for name, value in (('normalize', normalize), ('use_dark', use_dark),
                            ('decode_visibility', decode_visibility),
                            ('unbiased', unbiased)):
            check_choice(name, value, (True, False))
        check_number('simcc_split_ratio', simcc_split_ratio)
        check_number('decode_beta', decode_beta)
        check_number('label_smooth_weight', label_smooth_weight, 0, 1)
        super().__init__(
            check_size(input_size, 'input_size'), smoothing_type,
            check_sigmas(sigma), simcc_split_ratio, label_smooth_weight,
            normalize, use_dark)
        self.decode_visibility = decode_visibility  # new in MMPose 1.3,
        self.decode_beta = decode_beta  # and so is this
        self.unbiased = unbiased
        self._set_decoding(decoding, modulation, peak, blur_kernel_size)
        #: lengths of the vectors over x and y, as the stock codec rounds them
        self.num_bins = tuple(int(np.around(size * simcc_split_ratio))
                              for size in self.input_size)
        check_size(self.num_bins, 'input_size * simcc_split_ratio')
        #: how far to shift a flipped-back vector, over x by 1 - k bins
        self.flip_shift = mirror_offset((1, 1), (simcc_split_ratio, ) * 2)

    def merge_shift(self, test_cfg: Mapping[str, Any], exact: bool) -> float:
        """As of :class:`DarkHeatmap`; bins. MMPose does not move vectors."""
        return self.flip_shift[0] if exact else 0.

    def encode(self,
               keypoints: np.ndarray,
               keypoints_visible: Optional[np.ndarray] = None
               ) -> Dict[str, np.ndarray]:
        """Encode keypoints into SimCC labels.

        Args:
            keypoints (np.ndarray): Keypoint coordinates in the input image
                in shape (N, K, 2); units: input pixels
            keypoints_visible (np.ndarray, optional): Keypoint visibilities
                in shape (N, K). Defaults to ``None``: all visible

        Returns:
            dict: ``keypoint_x_labels``, ``keypoint_y_labels`` and
            ``keypoint_weights``, see the class. Labels of a joint that is not
            visible (below 0.5) or outside are empty, and outside the weight
            is 0: for Gaussian ones further than 3 sigma.

        Raises:
            ValueError: A wrong shape.
        """
        keypoints = np.asarray(keypoints)
        if keypoints.ndim != 3 or keypoints.shape[2] != 2:
            raise ValueError('keypoints must be in shape (N, K, 2), got '
                             f'{keypoints.shape}')
        if keypoints_visible is None:
            keypoints_visible = np.ones(keypoints.shape[:2], np.float32)
        if np.shape(keypoints_visible) != keypoints.shape[:2]:
            raise ValueError(
                f'keypoints_visible must be in shape {keypoints.shape[:2]} as '
                f'keypoints are, got {np.shape(keypoints_visible)}')
        if not self.unbiased:
            return super().encode(keypoints, keypoints_visible)
        weights = keypoints_visible.copy()
        points = keypoints.astype(np.float32) * np.float32(
            self.simcc_split_ratio)
        size = np.array(self.num_bins)
        low, high = np.full(2, -.5), size - .5
        if self.smoothing_type == 'gaussian':
            low, high = -1 - 3 * self.sigma, size + 3 * self.sigma
        visible = keypoints_visible >= 0.5
        inside = ((points >= low) & (points < high)).all(-1)
        weights[visible & ~inside] = 0
        drawn = (visible & inside)[..., None]
        points = np.where(drawn, points, 0)
        x, y = (np.where(drawn, self._draw(points[..., axis], axis), 0)
                for axis in (0, 1))
        return dict(keypoint_x_labels=x, keypoint_y_labels=y,
                    keypoint_weights=weights)

    def _draw(self, positions: np.ndarray, axis: int) -> np.ndarray:
        num, sigma = self.num_bins[axis], self.sigma[axis]
        if self.smoothing_type == 'standard':
            return F.encode_bins(positions, num, self.label_smooth_weight)
        labels = F.encode_vectors(positions, num, sigma)
        if self.normalize:
            labels = labels / np.float32(sigma * np.sqrt(np.pi * 2))
        return labels

    def read(self, simcc_x: Any, simcc_y: Any) -> Tuple[Any, ...]:
        """Read keypoints off vectors, where these are.

        What :meth:`decode`, :meth:`batch_decode` and
        :class:`mmpose_dark.DarkDecoder` have in common.

        Args:
            simcc_x (Tensor | np.ndarray): Vectors over x in shape (B, K, W)
            simcc_y (Tensor | np.ndarray): Vectors over y in shape (B, K, H)

        Returns:
            tuple:
            - keypoints (Tensor | np.ndarray): in shape (B, K, 2); units:
                input pixels
            - scores (Tensor | np.ndarray): in shape (B, K): as of the stock
                codec, the lower one of the two maxima. Where it is not
                positive there is no keypoint
            - visibilities (Tensor | np.ndarray): only with
                ``decode_visibility``: in shape (B, K)

            All of the kind of the vectors.

        Raises:
            ValueError: Vectors that are not of the codec's lengths.
        """
        self._check_vectors(simcc_x, simcc_y, 3, 'B, K')
        keypoints, scores = F.decode_simcc(
            simcc_x, simcc_y, self.sigma, log=self.normalize,
            **self._switches())
        keypoints = keypoints / self.simcc_split_ratio
        if not self.decode_visibility:
            return keypoints, scores
        return keypoints, scores, F.decode_visibility(
            simcc_x, simcc_y, self.decode_beta * self.sigma)

    def decode(self, simcc_x: np.ndarray,
               simcc_y: np.ndarray) -> Tuple[np.ndarray, Any]:
        """Decode keypoint coordinates from vectors.

        Args:
            simcc_x (np.ndarray): Vectors over x in shape (K, W) or (N, K, W)
            simcc_y (np.ndarray): Vectors over y in shape (K, H) or (N, K, H)

        Returns:
            tuple:
            - keypoints (np.ndarray): Decoded coordinates in the input image
                in shape (N, K, 2); units: input pixels
            - scores (np.ndarray): The keypoint scores in shape (N, K); with
                ``decode_visibility`` a tuple of them and the visibilities

        Raises:
            ValueError: Vectors that are not of the codec's lengths.
        """
        if getattr(simcc_x, 'ndim', 0) == 2:
            self._check_vectors(simcc_x, simcc_y, 2, 'K')
            simcc_x, simcc_y = simcc_x[None], simcc_y[None]
        return self._for_mmpose(simcc_x, simcc_y)

    def batch_decode(self, batch_simcc_x: Any,
                     batch_simcc_y: Any) -> Tuple[List[np.ndarray], Any]:
        """Decode a batch of vectors where they are.

        Args:
            batch_simcc_x (Tensor | np.ndarray): Vectors over x in shape
                (B, K, W), on any device
            batch_simcc_y (Tensor | np.ndarray): Vectors over y in shape
                (B, K, H)

        Returns:
            tuple:
            - batch_keypoints (List[np.ndarray]): B coordinate arrays in
                shape (1, K, 2); units: input pixels
            - batch_scores (List[np.ndarray]): B score arrays in shape (1, K);
                with ``decode_visibility`` a tuple of them and the
                visibilities

        Raises:
            ValueError: Vectors that are not of the codec's lengths.
        """
        keypoints, scores = self._for_mmpose(batch_simcc_x, batch_simcc_y)
        if self.decode_visibility:
            return (list(keypoints[:, None]),
                    tuple(list(part[:, None]) for part in scores))
        return list(keypoints[:, None]), list(scores[:, None])

    def _for_mmpose(self, simcc_x: Any, simcc_y: Any) -> Tuple[Any, Any]:
        """Keypoints and scores, or a tuple of scores and visibilities."""
        self._check_vectors(simcc_x, simcc_y, 3, 'B, K')
        keypoints, *scores = to_host(
            self.read(where_they_are(simcc_x), where_they_are(simcc_y)))
        return keypoints, tuple(scores) if len(scores) > 1 else scores[0]

    def _check_vectors(self, simcc_x: Any, simcc_y: Any, ndim: int,
                       lead: str) -> None:
        for name, vectors, size in (('simcc_x', simcc_x, self.num_bins[0]),
                                    ('simcc_y', simcc_y, self.num_bins[1])):
            found = tuple(getattr(vectors, 'shape', ()))
            if len(found) != ndim or found[-1] != size:
                raise ValueError(
                    f'{name} must be in shape ({lead}, {size}) for input_size='
                    f'{self.input_size} and simcc_split_ratio='
                    f'{self.simcc_split_ratio}, got '
                    f'{found or type(vectors).__name__}')
        if tuple(simcc_x.shape[:-1]) != tuple(simcc_y.shape[:-1]):
            raise ValueError(
                'simcc_x and simcc_y must be of the same persons and '
                f'keypoints, got {tuple(simcc_x.shape)} and '
                f'{tuple(simcc_y.shape)}')
