"""Vectors of SimCC that are predicted once and decoded many times."""
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Tuple, Union

import numpy as np

from .. import functional as F  # noqa: N812
from ..codecs import DarkSimCC
from .heatmaps import MERGES, KeptHeatmaps

Pair = Tuple[np.ndarray, np.ndarray]


@dataclass
class KeptVectors(KeptHeatmaps):
    """Vectors of a test set, in place of its heatmaps.

    Attributes:
        heatmaps: Those over x and y, (N, K, W) and (N, K, H) float32.
        flipped: As predicted for the flipped inputs, not flipped back.
        codec: Arguments of ``DarkSimCC``.
        loss: What the network was trained by, if it is known: covariances
            of some are refused.
    """
    heatmaps: Pair
    flipped: Pair
    loss: Any = None

    def decoders(self) -> Dict[str, Dict[str, Any]]:
        """Name -> arguments of ``DarkSimCC``; as of RTMPose first."""
        return {
            'argmax': dict(decoding='argmax'),
            'shift': dict(decoding='shift'),
            'DARK, no modulation': dict(modulation=False),
            'DARK': {},
            'DARK, peak=raw': dict(peak='raw'),
        }

    def merged(self, merge: str) -> Any:
        """Vectors by a merge of the flip test, see :data:`MERGES`."""
        if merge not in MERGES:
            raise ValueError(f'merge must be one of {MERGES}, got {merge!r}')
        if merge == 'none':
            return self.heatmaps
        back = F.flip_simcc(
            *self.flipped, self.flip_indices,
            shift=DarkSimCC(**self.codec).merge_shift({}, merge == 'exact'))
        x, y = ((one + other) * np.float32(.5)
                for one, other in zip(self.heatmaps, back))
        return x, y

    @property
    def stride(self) -> np.ndarray:
        """1: errors of vectors are told in input px."""
        return np.ones(2)

    def decode(self, heatmaps: Any, return_covariance: bool = False,
               **options: Any) -> Tuple[np.ndarray, ...]:
        """As of :class:`KeptHeatmaps`."""
        codec = DarkSimCC(**{**self.codec, 'decode_visibility': False,
                             **options})
        if return_covariance and self.loss is not None:
            codec.check_loss(self.loss)
        x, y = heatmaps
        return codec.read(x, y, return_covariance)

    def save(self, path: Union[str, Path]) -> None:
        """Not of vectors: predicting them again is soon done."""
        raise ValueError(
            'save is for heatmaps; run predict again for vectors of SimCC')
