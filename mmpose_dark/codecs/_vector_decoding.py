"""From vectors of SimCC to keypoints."""
from typing import Any, Mapping, Tuple

import numpy as np

from .. import functional as F  # noqa: N812
from ..functional.checks import check_vectors
from ._decoding import Decoding, to_host, where_they_are


class VectorDecoding(Decoding):
    """The half of a codec that reads vectors over x and y."""

    input_size: Tuple[int, int]
    simcc_split_ratio: float
    smoothing_type: str
    normalize: bool
    decode_visibility: bool
    decode_beta: float
    beta: float
    #: lengths of the vectors over x and y
    num_bins: Tuple[int, ...]

    def merge_shift(self, test_cfg: Mapping[str, Any], exact: bool) -> float:
        """As of :class:`DarkHeatmap`; bins. MMPose does not move vectors."""
        return self.flip_shift[0] if exact else 0.

    def check_covariance(self) -> None:
        """Raise ``ValueError`` where positions have no covariance."""
        super().check_covariance()
        if self.smoothing_type != 'gaussian':
            raise ValueError(
                "covariances need a codec with smoothing_type='gaussian', got "
                f'{self.smoothing_type!r}')

    def check_loss(self, loss: Any) -> None:
        """Raise where covariances are not derived for networks of a loss.

        Args:
            loss (nn.Module): What the network was trained by

        Raises:
            ValueError: They are not, or for another ``beta`` of the codec.
        """
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

    def read(self, simcc_x: Any, simcc_y: Any,
             return_covariance: bool = False) -> Tuple[Any, ...]:
        """Read keypoints off vectors, where these are.

        What :meth:`decode`, :meth:`batch_decode` and
        :class:`mmpose_dark.DarkDecoder` have in common.

        Args:
            simcc_x (Tensor | np.ndarray): Vectors over x in shape (B, K, W)
            simcc_y (Tensor | np.ndarray): Vectors over y in shape (B, K, H)
            return_covariance (bool): Also return the covariance of every
                position, see
                :mod:`mmpose_dark.functional.vector_covariance`. Defaults to
                ``False``

        Returns:
            tuple:
            - keypoints (Tensor | np.ndarray): in shape (B, K, 2); units:
                input pixels
            - scores (Tensor | np.ndarray): in shape (B, K): as of the stock
                codec, the lower one of the two maxima. Where it is not
                positive there is no keypoint
            - visibilities (Tensor | np.ndarray): only with
                ``decode_visibility``: in shape (B, K)
            - covariances (Tensor | np.ndarray): only with
                ``return_covariance``: in shape (B, K, 2, 2); units: squared
                input pixels

            All of the kind of the vectors.

        Raises:
            ValueError: Vectors that are not of the codec's lengths, or
                covariances of another decoding than DARK with modulation or
                of ``'standard'`` labels.
        """
        self._check_vectors(simcc_x, simcc_y, 3, 'B, K')
        if return_covariance:
            self.check_covariance()
        keypoints, scores, *covariances = F.decode_simcc(
            simcc_x, simcc_y, self.sigma, log=self.normalize,
            return_covariance=return_covariance, beta=self.beta,
            **self._switches())
        factor = (1 / self.simcc_split_ratio, ) * 2
        visibilities = [F.decode_visibility(
            simcc_x, simcc_y, self.decode_beta * self.sigma)
        ] if self.decode_visibility else []
        return (F.scale_keypoints(keypoints, factor), scores, *visibilities,
                *(F.scale_covariances(c, factor) * self._covariance_scale
                  for c in covariances))

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

        def listed(array):
            if isinstance(array, tuple):
                return tuple(map(listed, array))
            return list(array[:, None])

        return tuple(map(listed, (keypoints, scores, *covariances)))

    def _for_mmpose(self, simcc_x: Any, simcc_y: Any,
                    return_covariance: bool = False) -> Tuple[Any, ...]:
        """Keypoints and scores, or a tuple of scores and visibilities."""
        self._check_vectors(simcc_x, simcc_y, 3, 'B, K')
        keypoints, scores, *rest = to_host(self.read(
            where_they_are(simcc_x), where_they_are(simcc_y),
            return_covariance))
        if self.decode_visibility:
            return keypoints, (scores, rest[0]), *rest[1:]
        return keypoints, scores, *rest

    def _check_vectors(self, simcc_x: Any, simcc_y: Any, ndim: int,
                       lead: str) -> None:
        check_vectors(
            simcc_x, simcc_y, self.num_bins, ndim, lead,
            f'for input_size={self.input_size} and simcc_split_ratio='
            f'{self.simcc_split_ratio}')
