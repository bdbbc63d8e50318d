"""Reading vectors of SimCC: one half of a codec that draws them."""
from typing import Any, Dict, Mapping, Sequence, Tuple

import numpy as np

from .. import functional as F  # noqa: N812
from .base import DarkCodec


class VectorCodec(DarkCodec):
    """A codec of vectors over x (B, K, W) and over y (B, K, H)."""

    OUTPUTS = 2

    input_size: Tuple[int, int]
    simcc_split_ratio: float
    smoothing_type: str
    normalize: bool
    decode_visibility: bool
    decode_beta: float
    beta: float
    #: lengths of the vectors over x and y
    num_bins: Tuple[int, ...]

    @property
    def output_shapes(self) -> Tuple[Tuple[int, ...], ...]:
        """(W,) and (H,) of the vectors."""
        return (self.num_bins[0], ), (self.num_bins[1], )

    @classmethod
    def of_outputs(cls, input_size: Tuple[int, int],
                   shapes: Sequence[Sequence[int]]) -> Dict[str, Any]:
        """Size of the input, and bins per px of it."""
        return dict(input_size=tuple(input_size),
                    simcc_split_ratio=shapes[0][0] / input_size[0])

    def of_loss(self, name: str, beta: float) -> Dict[str, Any]:
        """What a ``KLDiscretLoss`` multiplies logits by.

        Of labels that sum to one it does not matter.
        """
        if self.normalize or name != 'KLDiscretLoss':
            return {}
        return dict(beta=float(beta))

    def sdk(self, test_cfg: Mapping[str, Any]) -> Dict[str, Any]:
        """By the highest bins, which is all that it has."""
        if self.decoding != 'argmax':
            raise ValueError(
                'the SDK reads vectors of SimCC by their highest bins: use '
                "decoding='argmax', or the file of mmpose-dark export, which "
                f'has DARK inside, got decoding={self.decoding!r}')
        return dict(type='SimCCLabelDecode', params=dict(
            test_cfg, **{**self.config(), 'type': 'SimCCLabel'},
            export_postprocess=False))

    def check_covariance(self, loss: Any = None) -> None:
        """Raise ``ValueError`` where positions have no covariance.

        Args:
            loss (nn.Module, optional): What the network was trained by:
                covariances are derived for some, of the codec's ``beta``.
                Defaults to ``None``: not known
        """
        super().check_covariance()
        if self.smoothing_type != 'gaussian':
            raise ValueError(
                "covariances need a codec with smoothing_type='gaussian', got "
                f'{self.smoothing_type!r}')
        if loss is None:
            return
        name, softmax = type(loss).__name__, getattr(
            loss, 'label_softmax', None)
        if name != 'KLDiscretLoss' or softmax == self.normalize or (
                softmax and getattr(loss, 'label_beta', loss.beta)
                != F.LABEL_BETA):
            raise ValueError(
                'covariances need a KLDiscretLoss with label_softmax and '
                f'label_beta={F.LABEL_BETA:g}, or with neither for labels '
                f'that sum to 1 (normalize=True of the codec), got a {name} '
                f'with label_softmax={softmax} and normalize={self.normalize}')
        if loss.beta != (1. if self.normalize else self.beta):
            raise ValueError(
                f'the loss has beta={loss.beta:g}, covariances need the same '
                f"of the codec: beta={loss.beta:g} in the DarkSimCC's entry")

    def _decoded(self, outputs: Sequence[Any],
                 **switches: Any) -> Tuple[Any, ...]:
        """The score is as of the stock codec the lower one of the two maxima.

        Where it is not positive there is no keypoint.
        """
        simcc_x, simcc_y = outputs
        self._check_vectors(simcc_x, simcc_y, 3, 'B, K')
        return F.decode_simcc(simcc_x, simcc_y, self.sigma,
                              log=self.normalize, beta=self.beta, **switches)

    def _visibilities(self, *outputs: Any) -> Any:
        x, y = outputs
        return F.decode_visibility(x, y, self.decode_beta * self.sigma)

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
        self._check_vectors(simcc_x, simcc_y, 3, 'N, K')
        keypoints, *scores = self._on_host((simcc_x, simcc_y))
        return keypoints, tuple(scores) if self.decode_visibility else (
            scores[0])

    def _check_vectors(self, simcc_x: Any, simcc_y: Any, ndim: int,
                       lead: str) -> None:
        """Raise unless they have so many dimensions, ``lead`` before bins."""
        for name, vectors, size in (('simcc_x', simcc_x, self.num_bins[0]),
                                    ('simcc_y', simcc_y, self.num_bins[1])):
            found = tuple(getattr(vectors, 'shape', ()))
            if len(found) != ndim or found[-1] != size:
                raise ValueError(
                    f'{name} must be in shape ({lead}, {size}) for '
                    f'input_size={self.input_size} and simcc_split_ratio='
                    f'{self.simcc_split_ratio}, got '
                    f'{found or type(vectors).__name__}')
        if tuple(simcc_x.shape[:-1]) != tuple(simcc_y.shape[:-1]):
            raise ValueError(
                'simcc_x and simcc_y must be of the same persons and '
                'keypoints, got '
                f' {tuple(simcc_x.shape)} and {tuple(simcc_y.shape)}')
