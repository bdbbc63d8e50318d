"""Heatmaps or vectors in, keypoints out, as a module."""
from typing import Any, Optional, Sequence, Tuple

import torch
from torch import nn

from .. import functional as F  # noqa: N812
from ..codecs import DarkCodec, DarkHeatmap
from ..conventions import SCORES
from ..functional.checks import check_choice


class DarkDecoder(nn.Module):
    """Heatmaps in, keypoints out, as a module to export or compile.

    The decoding of :class:`DarkHeatmap` by torch operators alone. No shape
    follows the data and nothing is copied to the host, so that
    ``torch.export``, ``torch.compile(fullgraph=True)`` and
    ``torch.onnx.export`` take it whole, with a batch of any size.

    Args:
        input_size (tuple): Image size in [w, h]
        heatmap_size (tuple): Heatmap size in [W, H]
        sigma (float): The training sigma; heatmap pixels
        return_covariance (bool): Whether to return the covariance of every
            keypoint as well. Defaults to ``False``
        score (str): ``'similarity'``: scores are the OKS to expect of each
            joint, as of :class:`DarkHeatmapHead`; then the areas of the
            people are an input as well. Defaults to ``'stock'``
        sigmas (Sequence[float], optional): The data set's OKS constants in
            shape (K,), for ``score='similarity'``. Defaults to ``None``
        switches: The other arguments of :class:`DarkHeatmap`

    Raises:
        ValueError: An argument that makes no sense, covariances or
            similarities of another decoding than DARK with modulation, or
            similarities without OKS constants.

    Example:
        >>> decoder = DarkDecoder((192, 256), (48, 64), sigma=2)
        >>> keypoints, scores = decoder(torch.rand(8, 17, 64, 48))
        >>> keypoints.shape, scores.shape
        (torch.Size([8, 17, 2]), torch.Size([8, 17]))
    """

    def __init__(self,
                 input_size: Tuple[int, int],
                 heatmap_size: Tuple[int, int],
                 sigma: float,
                 *,
                 return_covariance: bool = False,
                 score: str = 'stock',
                 sigmas: Optional[Sequence[float]] = None,
                 **switches: Any) -> None:
        super().__init__()
        self._follow(DarkHeatmap(input_size, heatmap_size, sigma, **switches),
                     return_covariance, score, sigmas)

    @classmethod
    def from_codec(cls, codec: DarkCodec,
                   return_covariance: bool = False, score: str = 'stock',
                   sigmas: Optional[Sequence[float]] = None) -> 'DarkDecoder':
        """The decoder of a codec.

        Args:
            codec (DarkCodec): The codec
            return_covariance, score, sigmas: As of the class

        Returns:
            DarkDecoder: It returns what ``codec.batch_decode`` does, without
            visibilities. That of SimCC takes vectors over x and y.

        Raises:
            TypeError: Another codec.
            ValueError: As of the class.
        """
        if not isinstance(codec, DarkCodec):
            raise TypeError('codec must be one of this package, got a '
                            f'{type(codec).__name__}')
        self = cls.__new__(cls)
        nn.Module.__init__(self)
        self._follow(codec, return_covariance, score, sigmas)
        return self

    def _follow(self, codec: DarkCodec,
                return_covariance: bool, score: str,
                sigmas: Optional[Sequence[float]]) -> None:
        check_choice('score', score, SCORES)
        if codec.NO_FILE:
            raise ValueError(f'no file can end in the keypoints of a '
                             f'{type(codec).__name__}: {codec.NO_FILE}')
        if return_covariance or score == 'similarity':
            codec.check_covariance()
        self.codec = codec
        self.return_covariance = return_covariance
        self.score = score
        if score == 'similarity':
            found = F.oks_sigmas(sigmas, 0 if sigmas is None else len(sigmas))
            self.register_buffer('sigmas', torch.tensor(
                found, dtype=torch.float32), persistent=False)

    def forward(self, heatmaps: torch.Tensor, simcc_y: Any = None,
                areas: Optional[torch.Tensor] = None
                ) -> Tuple[torch.Tensor, ...]:
        """Decode what a network puts out.

        Args:
            heatmaps (Tensor): Heatmaps in shape (B, K, H, W), or of SimCC the
                vectors over x in shape (B, K, W); of any floating type
            simcc_y (Tensor, optional): Of SimCC the vectors over y in shape
                (B, K, H)
            areas (Tensor, optional): For ``score='similarity'`` the areas of
                the people in shape (B,); units: squared input pixels. That of
                the box (:func:`mmpose_dark.functional.box_areas`), times the
                square of the input's size over the crop's

        Returns:
            tuple:
            - keypoints (Tensor): Positions (x, y) in shape (B, K, 2); units:
                input pixels, as of the codec
            - scores (Tensor): The keypoint scores in shape (B, K)
            - covariances (Tensor): only with ``return_covariance``: in
                shape (B, K, 2, 2); units: squared input pixels

            All float32.

        Raises:
            ValueError: Heatmaps or vectors that are not of the codec's size,
                or similarities without areas.
        """
        similar = self.score == 'similarity'
        covariance = self.return_covariance or similar
        outputs = [heatmaps] if simcc_y is None else [heatmaps, simcc_y]
        keypoints, scores, *rest = self.codec.read(
            *map(_finite, outputs), return_covariance=covariance)
        if similar:
            if areas is None:
                raise ValueError("score='similarity' needs the areas of the "
                                 'people, (B,) in squared input px, got None')
            scores = F.expected_oks(rest[0], areas.float(), self.sigmas,
                                    self.codec.dof)
        return (keypoints, scores, *rest[:self.return_covariance])


def _finite(output: torch.Tensor) -> torch.Tensor:
    """float32, with infinity for what is not a number.

    Runtimes differ in what the maximum of a map with a NaN is. Neither NaN
    nor infinity is a keypoint.
    """
    return torch.nan_to_num(
        output.float(), nan=float('inf'), posinf=float('inf'),
        neginf=-float('inf'))
