"""Readings of a track, checked, and what each of them is worth."""
from typing import Any, NamedTuple, Tuple

import numpy as np

from .coverage import tail_weight
from .kalman import inverse, root, squares


class Readings(NamedTuple):
    """Of T frames and K joints, in the layout of :mod:`.kalman`."""
    columns: np.ndarray  # (2, 3, T, K): keypoints; a root of the covariances
    covariances: np.ndarray  # (2, 2, T, K)
    inverses: np.ndarray  # (2, 2, T, K), of the covariances
    seen: np.ndarray  # (T, K), bool: there is a reading

    @classmethod
    def of(cls, keypoints: Any, covariances: Any) -> 'Readings':
        """Of (T, K, 2) and (T, K, 2, 2).

        Raises:
            ValueError: They do not belong together, or are no readings.
        """
        keypoints = np.asarray(keypoints, float)
        covariances = np.asarray(covariances, float)
        if keypoints.ndim != 3 or keypoints.shape[2] != 2:
            raise ValueError('keypoints must be in shape (T, K, 2), (K, 2) of '
                             f'a frame, got {keypoints.shape}')
        if covariances.shape != (*keypoints.shape, 2):
            raise ValueError(
                f'covariances must be in shape {(*keypoints.shape, 2)} as '
                f'keypoints are, got {covariances.shape}')
        seen = ~np.isnan(keypoints).any(2)
        if np.isinf(keypoints).any():
            raise ValueError('keypoints must be finite, or NaN where there is '
                             'no reading, got infinity')
        covariances = np.where(seen[..., None, None], covariances, np.eye(2))
        good = np.isfinite(covariances).all((2, 3))
        known = np.where(good[..., None, None], covariances, 0)
        good &= (np.linalg.det(known) > 0) & (known[..., 0, 0] > 0)
        if not good.all():
            frame, joint = np.argwhere(~good)[0]
            raise ValueError(
                'covariances must be positive definite where there is a '
                f'reading, got {covariances[frame, joint].tolist()} for joint '
                f'{joint} of frame {frame}')
        covariances = np.moveaxis(covariances, (2, 3), (0, 1))
        points = np.moveaxis(np.nan_to_num(keypoints), 2, 0)
        return cls(np.concatenate([points[:, None], root(covariances)], 1),
                   covariances, inverse(covariances), seen)

    def check_seen(self) -> None:
        """Raise ``ValueError`` unless there is any reading."""
        if not self.seen.any():
            raise ValueError('keypoints must hold a reading to start from, '
                             'all are NaN')

    @property
    def size(self) -> float:
        """The usual error along an axis, px."""
        variance = np.trace(self.covariances)[self.seen] / 2
        return float(np.sqrt(np.median(variance)))

    @property
    def middle(self) -> np.ndarray:
        """The mean of all keypoints, (2,); px."""
        return self.columns[:, 0, self.seen].mean(1)

    def frame(self, number: int) -> 'Readings':
        """One frame of them, without the axis of T."""
        return Readings(*(array[..., number, :] for array in self))

    def worth(self, residual: np.ndarray, sure: np.ndarray) -> np.ndarray:
        """How much each reading counts: the mean of w, see :mod:`.track`.

        Half of the position's covariance, as it is in units of P: that of
        its own normal errors.

        Args:
            residual (np.ndarray): (2, M, ...), reading less position.
            sure (np.ndarray): (2, 2, ...), the position's covariance.
        """
        unsure = np.einsum('ij...,ji...->...', self.inverses, sure)
        return tail_weight(squares(residual, self.inverses) + unsure / 2)

    def counted(self, sure: np.ndarray, worth: np.ndarray) -> np.ndarray:
        """What of a position's covariance is its own frame's reading."""
        own = np.einsum('ij...,jk...,kl...->il...', sure, self.inverses, sure)
        return worth * self.seen * own


def told(found: np.ndarray, sure: np.ndarray, counted: np.ndarray,
         correlation: float) -> Tuple[np.ndarray, np.ndarray]:
    """Positions and covariances as they are handed out, see :mod:`.track`.

    Args:
        found (np.ndarray): (2, 3, ...), positions and M.
        sure (np.ndarray): (2, 2, ...)
        counted (np.ndarray): As of :meth:`Readings.counted`.
        correlation (float): c

    Returns:
        tuple: (..., 2) and (..., 2, 2).
    """
    alike = found[:, 1:]
    covariances = sure + correlation * (
        np.einsum('ik...,jk...->ij...', alike, alike) - counted)
    return (np.moveaxis(found[:, 0], 0, -1),
            np.moveaxis(covariances, (0, 1), (-2, -1)))
