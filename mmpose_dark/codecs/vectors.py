"""Reading vectors of SimCC: one half of a codec that draws them."""
from typing import Any, Dict, Mapping, Sequence, Tuple

import numpy as np

from .. import functional as F  # noqa: N812
from ..functional.checks import check_vectors
from .base import DarkCodec, instances, to_host, where_they_are


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

    @classmethod
    def of_loss(cls, name: str, beta: float) -> Dict[str, Any]:
        """What a ``KLDiscretLoss`` multiplies logits by."""
        return dict(beta=float(beta)) if name == 'KLDiscretLoss' else {}

    def flip_back(self, outputs: Sequence[Any], flip_indices: Sequence[int],
                  shift: float) -> Tuple[Any, ...]:
        """See :meth:`DarkCodec.flip_back`."""
        x, y = outputs
        return F.flip_simcc(x, y, flip_indices, shift=shift)

    def merge_shift(self, test_cfg: Mapping[str, Any], exact: bool) -> float:
        """As of :class:`DarkHeatmap`; bins. MMPose does not move vectors."""
        return self.flip_shift[0] if exact else 0.

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

    def read(self, *outputs: Any,
             return_covariance: bool = False) -> Tuple[Any, ...]:
        """Read keypoints off vectors in shape (B, K, W) and (B, K, H), see
        :meth:`DarkCodec.read`.

        The score is as of the stock codec the lower one of the two maxima.
        Where it is not positive there is no keypoint.
        """
        simcc_x, simcc_y = outputs
        self._check_vectors(simcc_x, simcc_y, 3, 'B, K')
        if return_covariance:
            self.check_covariance()
        found = F.decode_simcc(
            simcc_x, simcc_y, self.sigma, log=self.normalize,
            return_covariance=return_covariance, beta=self.beta,
            **self._switches())
        return self._scaled(found, (1 / self.simcc_split_ratio, ) * 2)

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

    def batch_decode(self, batch_simcc_x: Any, batch_simcc_y: Any,
                     return_covariance: bool = False) -> Tuple[Any, ...]:
        """Decode a batch of vectors where they are.

        Args:
            batch_simcc_x (Tensor | np.ndarray): Vectors over x in shape
                (B, K, W), on any device
            batch_simcc_y (Tensor | np.ndarray): Vectors over y in shape
                (B, K, H)
            return_covariance (bool): As of :meth:`read`. Defaults to
                ``False``

        Returns:
            tuple:
            - batch_keypoints (List[np.ndarray]): B coordinate arrays in
                shape (1, K, 2); units: input pixels
            - batch_scores (List[np.ndarray]): B score arrays in shape (1, K);
                with ``decode_visibility`` a tuple of them and the
                visibilities
            - batch_covariances (List[np.ndarray]): only with
                ``return_covariance``: B arrays in shape (1, K, 2, 2);
                units: squared input pixels

        Raises:
            ValueError: As of :meth:`read`.
        """
        keypoints, scores, *covariances = self._for_mmpose(
            batch_simcc_x, batch_simcc_y, return_covariance)
        listed = (instances(scores) if self.decode_visibility
                  else instances([scores])[0])
        keypoints, *covariances = instances([keypoints, *covariances])
        return keypoints, listed, *covariances

    def _for_mmpose(self, simcc_x: Any, simcc_y: Any,
                    return_covariance: bool = False) -> Tuple[Any, ...]:
        """Keypoints and scores, or a tuple of scores and visibilities."""
        self._check_vectors(simcc_x, simcc_y, 3, 'B, K')
        vectors = where_they_are(simcc_x), where_they_are(simcc_y)
        found = list(self.read(*vectors, return_covariance=return_covariance))
        if self.decode_visibility:
            found.append(F.decode_visibility(
                *vectors, self.decode_beta * self.sigma))
        keypoints, scores, *rest = to_host(found)
        if self.decode_visibility:
            return keypoints, (scores, rest[-1]), *rest[:-1]
        return keypoints, scores, *rest

    def _check_vectors(self, simcc_x: Any, simcc_y: Any, ndim: int,
                       lead: str) -> None:
        check_vectors(
            simcc_x, simcc_y, self.num_bins, ndim, lead,
            f'for input_size={self.input_size} and simcc_split_ratio='
            f'{self.simcc_split_ratio}')
