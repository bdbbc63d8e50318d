"""From heatmaps to keypoints, the same for all codecs."""
import math
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from .. import functional as F  # noqa: N812
from ..functional.checks import (
    check_blur_kernel_size,
    check_calibration,
    check_choice,
)


class Decoding:
    """What a codec decodes by."""

    flip_shift: Tuple[float, float]
    sigma: Any  # a float, or one for each axis

    def _set_decoding(self, decoding: str, modulation: bool, peak: str,
                      blur_kernel_size: Optional[int],
                      calibration: Optional[Sequence[float]] = None) -> None:
        self.decoding = check_choice('decoding', decoding, F.METHODS)
        self.modulation = check_choice('modulation', modulation,
                                       (True, False))
        self.peak = check_choice('peak', peak, F.PEAKS)
        self.blur_kernel_size = check_blur_kernel_size(blur_kernel_size)
        self.calibration = check_calibration(calibration)
        if decoding != 'dark':
            self._refuse(f'decoding={decoding!r}', 'modulation', 'peak',
                         'blur_kernel_size')
        elif not modulation:
            self._refuse('modulation=False', 'peak', 'blur_kernel_size')

    def _refuse(self, where: str, *names: str) -> None:
        """Switches that would be ignored."""
        defaults = dict(modulation=True, peak='modulated',
                        blur_kernel_size=None)
        for name in names:
            value = getattr(self, name)
            if value != defaults[name]:
                raise ValueError(f'{name}={value!r} has no effect with '
                                 f'{where}: leave it out')

    def _switches(self) -> Dict[str, Any]:
        """As arguments of the functions that decode."""
        return dict(
            method=self.decoding,
            modulation=self.modulation,
            peak=self.peak,
            blur_kernel_size=self.blur_kernel_size)

    def check_covariance(self) -> None:
        """Raise ``ValueError`` where positions have no covariance."""
        if self.decoding != 'dark' or not self.modulation:
            raise ValueError(
                "covariances need a codec with decoding='dark' and "
                f'modulation=True, got decoding={self.decoding!r}, '
                f'modulation={self.modulation}')

    @property
    def _covariance_scale(self) -> float:
        return 1. if self.calibration is None else self.calibration[0]

    def merge_shift(self, test_cfg: Mapping[str, Any], exact: bool) -> float:
        """How far a flip test moves the flipped-back map; heatmap px.

        Args:
            test_cfg (Mapping): The runtime config for testing
            exact (bool): Whether to move it where it belongs; otherwise as
                MMPose does, one whole pixel with ``shift_heatmap``
        """
        if exact:
            return self.flip_shift[0]
        return 1. if test_cfg.get('shift_heatmap', False) else 0.


class MapDecoding(Decoding):
    """The half of a codec that reads heatmaps."""

    input_size: Tuple[int, int]
    heatmap_size: Tuple[int, int]
    sigma: float

    #: input px per px of the heatmap, and what is added before, (x, y)
    decode_factor: Tuple[float, float]
    centre: Tuple[float, float]
    #: the maximum of a target, and what is added to a score
    PEAK, SCORE_OFFSET = 1., 0.

    def read(self,
             heatmaps: Any,
             return_covariance: bool = False) -> Tuple[Any, ...]:
        """Read keypoints off heatmaps, where these are.

        What :meth:`decode`, :meth:`batch_decode` and
        :class:`mmpose_dark.DarkDecoder` have in common.

        Args:
            heatmaps (Tensor | np.ndarray): Heatmaps in shape (B, K, H, W)
            return_covariance (bool): Also return the covariance of every
                position, see :func:`mmpose_dark.functional.decode_heatmaps`.
                Defaults to ``False``

        Returns:
            tuple:
            - keypoints (Tensor | np.ndarray): in shape (B, K, 2); units:
                input pixels
            - scores (Tensor | np.ndarray): in shape (B, K)
            - covariances (Tensor | np.ndarray): only with
                ``return_covariance``: in shape (B, K, 2, 2); units: squared
                input pixels

            All of the kind of ``heatmaps``.

        Raises:
            ValueError: Heatmaps that are not of the codec's heatmap size, or
                covariances of another decoding than DARK with modulation.
        """
        self._check_heatmaps(heatmaps, 4, '(B, K, H, W)')
        if return_covariance:
            self.check_covariance()
        keypoints, scores, *covariances = F.decode_heatmaps(
            heatmaps,
            self.sigma,
            return_covariance=return_covariance,
            target_peak=self.PEAK,
            **self._switches())
        factor = self.decode_factor
        if self.SCORE_OFFSET:
            scores = scores / self.PEAK + self.SCORE_OFFSET
        return (F.scale_keypoints(keypoints, factor, self.centre), scores,
                *(F.scale_covariances(c, factor) * self._covariance_scale
                  for c in covariances))

    def decode(self, encoded: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        """Decode keypoint coordinates from heatmaps.

        Args:
            encoded (np.ndarray): Heatmaps in shape (K, H, W)

        Returns:
            tuple:
            - keypoints (np.ndarray): Decoded coordinates in the input image
                in shape (1, K, 2); units: input pixels
            - scores (np.ndarray): The keypoint scores in shape (1, K)

        Raises:
            ValueError: Heatmaps that are not of the codec's heatmap size.
        """
        self._check_heatmaps(encoded, 3, '(K, H, W)')
        keypoints, scores = to_host(self.read(where_they_are(encoded[None])))
        return keypoints, scores

    def batch_decode(self,
                     batch_encoded: Any,
                     return_covariance: bool = False
                     ) -> Tuple[List[np.ndarray], ...]:
        """Decode a batch of heatmaps where they are.

        Args:
            batch_encoded (Tensor | np.ndarray): Heatmaps in shape
                (B, K, H, W), on any device. What is transferred to the host
                is the result: B * K * 3 floats in one copy
            return_covariance (bool): Also return the covariance of every
                position, see :func:`mmpose_dark.functional.decode_heatmaps`.
                Defaults to ``False``

        Returns:
            tuple:
            - batch_keypoints (List[np.ndarray]): B coordinate arrays in
                shape (1, K, 2); units: input pixels
            - batch_scores (List[np.ndarray]): B score arrays in shape (1, K)
            - batch_covariances (List[np.ndarray]): only with
                ``return_covariance``: B arrays in shape (1, K, 2, 2);
                units: squared input pixels

        Raises:
            ValueError: Heatmaps that are not of the codec's heatmap size, or
                covariances of another decoding than DARK with modulation.
        """
        decoded = to_host(
            self.read(where_they_are(batch_encoded), return_covariance))
        return tuple(list(array[:, None]) for array in decoded)

    def _check_heatmaps(self, heatmaps: Any, ndim: int, shape: str) -> None:
        width, height = self.heatmap_size
        try:
            found = tuple(heatmaps.shape)
        except AttributeError:
            found = ()
        if len(found) != ndim or found[-2:] != (height, width):
            raise ValueError(
                f'heatmaps must be in shape {shape} with H={height} and '
                f'W={width} (heatmap_size={self.heatmap_size}), got '
                f'{found or type(heatmaps).__name__}')


def where_they_are(heatmaps: Any) -> Any:
    """Tensors in host memory as numpy sees them; others as they are."""
    if isinstance(heatmaps, np.ndarray):
        return heatmaps
    heatmaps = heatmaps.detach()
    if heatmaps.device.type != 'cpu':
        return heatmaps
    # numpy's code may skip work where the data allows, and has no bfloat16.
    if heatmaps.element_size() < 4:
        heatmaps = heatmaps.float()
    return heatmaps.numpy()


def to_host(arrays: Sequence[Any]) -> Sequence[np.ndarray]:
    """Arrays in shape (B, K, ...) as numpy arrays; tensors by one copy."""
    if isinstance(arrays[0], np.ndarray):
        return arrays
    import torch
    packed = torch.cat(
        [t.reshape(*t.shape[:2], -1) for t in arrays], -1).cpu().numpy()
    ends = np.cumsum([math.prod(t.shape[2:]) for t in arrays])
    return [part.reshape(t.shape) for part, t in
            zip(np.split(packed, ends[:-1], -1), arrays)]
