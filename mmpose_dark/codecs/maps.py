"""Reading heatmaps: one half of a codec that draws them."""
from typing import Any, Dict, Mapping, Optional, Sequence, Tuple

import numpy as np

from .. import functional as F  # noqa: N812
from ..conventions import official_kernel
from .base import DarkCodec


class MapCodec(DarkCodec):
    """A codec of heatmaps (B, K, H, W)."""

    heatmap_size: Tuple[int, int]
    sigma: float
    #: whether mmdeploy's SDK aligns maps and scores as this codec does
    SDK = True

    #: the maximum of a target, and what is added to a score
    PEAK, SCORE_OFFSET = 1., 0.

    def _decoded(self, outputs: Sequence[Any],
                 **switches: Any) -> Tuple[Any, ...]:
        heatmaps, = outputs
        self._check_heatmaps(heatmaps, 4, '(B, K, H, W)')
        keypoints, scores, *covariances = F.decode_heatmaps(
            heatmaps, self.sigma, target_peak=self.PEAK, **switches)
        if self.SCORE_OFFSET:
            scores = scores / self.PEAK + self.SCORE_OFFSET
        return (keypoints, scores, *covariances)

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
        keypoints, scores = self._on_host([encoded[None]])
        return keypoints, scores

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

    @property
    def output_shapes(self) -> Tuple[Tuple[int, ...], ...]:
        """(H, W) of the heatmaps."""
        return (self.heatmap_size[::-1], )

    @property
    def shift_heatmap(self) -> Optional[bool]:
        """Whether a flipped-back map is off."""
        return not self.use_udp

    def decodings(self) -> Dict[str, Dict[str, Any]]:
        """The official one as well, last."""
        return {**super().decodings(), 'DARK, official': dict(
            peak='raw', blur_kernel_size=official_kernel(self.sigma))}

    @classmethod
    def of_outputs(cls, input_size: Tuple[int, int],
                   shapes: Sequence[Sequence[int]]) -> Dict[str, Any]:
        """Size of input and heatmap."""
        return dict(input_size=tuple(input_size),
                    heatmap_size=tuple(shapes[0][::-1]))

    def sdk(self, test_cfg: Mapping[str, Any]) -> Dict[str, Any]:
        """The official algorithm, from the raw peak, or the shift."""
        if not self.SDK:
            return super().sdk(test_cfg)
        if self.decoding == 'shift' and not self.use_udp:
            how: Dict[str, Any] = dict(post_process='default', use_udp=False)
        elif self.decoding != 'dark' or not self.modulation:
            raise ValueError(
                "the SDK has decoding='dark' with modulation and, without "
                f"use_udp, decoding='shift', got decoding={self.decoding!r}, "
                f'modulation={self.modulation}, use_udp={self.use_udp}')
        else:
            # The odd size whose OpenCV kernel is closest to that of sigma.
            size = self.blur_kernel_size or (
                2 * max(1, round((self.sigma - 0.8) / 0.3 + 1)) + 1)
            how = dict(post_process='unbiased', modulate_kernel=size,
                       use_udp=self.use_udp)
        return dict(type='TopdownHeatmapSimpleHeadDecode',
                    params={**test_cfg, **how})
