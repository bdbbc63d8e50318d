"""The codec of SimCC and RTMPose, distribution-aware."""
from typing import Any, Dict, Optional, Sequence, Tuple

import numpy as np

from .. import functional as F  # noqa: N812
from ..functional.checks import (
    check_choice,
    check_number,
    check_sigmas,
    check_size,
)
from ..functional.flip import mirror_offset
from ._mmpose import SimCCLabel
from .base import register
from .checks import check_keypoints
from .vectors import VectorCodec


@register
class DarkSimCC(VectorCodec, SimCCLabel):
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
        blur_kernel_size, decoding, modulation, peak, calibration: As of
            :class:`DarkHeatmap`
        beta (float): ``beta`` of the ``KLDiscretLoss`` that the network was
            trained by: 10 of RTMPose, 1 of RTMW. Only covariances depend on
            it, and with ``normalize`` not even they. Defaults to 10.

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

    STOCK = {'SimCCLabel': (
        'input_size', 'smoothing_type', 'sigma', 'simcc_split_ratio',
        'label_smooth_weight', 'normalize', 'decode_visibility',
        'decode_beta')}

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
                 peak: str = 'modulated',
                 beta: float = F.LABEL_BETA,
                 calibration: Optional[Sequence[float]] = None) -> None:
        check_choice('smoothing_type', smoothing_type,
                     ('gaussian', 'standard'))
        for name, value in (('normalize', normalize), ('use_dark', use_dark),
                            ('decode_visibility', decode_visibility),
                            ('unbiased', unbiased)):
            check_choice(name, value, (True, False))
        check_number('simcc_split_ratio', simcc_split_ratio)
        check_number('decode_beta', decode_beta)
        check_number('beta', beta)
        check_number('label_smooth_weight', label_smooth_weight, 0, 1)
        super().__init__(
            check_size(input_size, 'input_size'), smoothing_type,
            check_sigmas(sigma), simcc_split_ratio, label_smooth_weight,
            normalize, use_dark)
        self.decode_visibility = decode_visibility  # new in MMPose 1.3,
        self.decode_beta = decode_beta  # and so is this
        self.unbiased = unbiased
        self.beta = beta
        self._set_decoding(decoding, modulation, peak, blur_kernel_size,
                           calibration)
        #: lengths of the vectors over x and y, as the stock codec rounds them
        self.num_bins = tuple(int(np.around(size * simcc_split_ratio))
                              for size in self.input_size)
        check_size(self.num_bins, 'input_size * simcc_split_ratio')
        self.decode_factor = (1 / simcc_split_ratio, ) * 2
        #: how far to shift a flipped-back vector, over x by 1 - k bins
        self.flip_shift = mirror_offset((1, 1), (simcc_split_ratio, ) * 2)

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
        keypoints, keypoints_visible = check_keypoints(
            keypoints, keypoints_visible)
        if not self.unbiased:
            return super().encode(keypoints, keypoints_visible)
        weights = keypoints_visible.copy()
        points = keypoints.astype(np.float32) * np.float32(
            self.simcc_split_ratio)
        visible = keypoints_visible >= 0.5
        gaussian = self.smoothing_type == 'gaussian'
        *labels, inside = F.encode_simcc(
            np.where(visible[..., None], points, 0), self.num_bins,
            self.sigma if gaussian else None, spread=self.label_smooth_weight)
        weights[visible & ~inside] = 0
        drawn = (visible & inside)[..., None]
        # Sums of Gaussians of peak 1, far from the ends.
        total = (self.sigma * np.sqrt(np.pi * 2)
                 if gaussian and self.normalize else (1, 1))
        x, y = (np.where(drawn, label / np.float32(by), 0)
                for label, by in zip(labels, total))
        return dict(keypoint_x_labels=x, keypoint_y_labels=y,
                    keypoint_weights=weights)
