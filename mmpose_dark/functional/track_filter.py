"""The filter of a track, a frame at a time; its maths is in :mod:`.track`."""
from typing import Any, Optional, Tuple

import numpy as np

from .checks import check_number, check_positive
from .coverage import log_likelihood
from .kalman import (
    Motion,
    State,
    Step,
    motion,
    predict,
    product,
    start,
    update,
)
from .readings import Readings, told

#: of the errors in one frame, the share that is the same in the next
CORRELATION = .8
#: how long it counts for an acceleration that the joints moved by it, s
_REMEMBERED = 1.
#: what the others' motion says of a joint's acceleration, beside its own
_OTHERS = .05
#: rounds in which a position and the worth of its reading find each other
_ROUNDS = 2
#: accelerations to choose from; times the readings' errors in px
_TRIED = np.logspace(-1, 4, 16)
#: where a joint may be that was not read yet; times the readings' errors
_ANYWHERE = 1e4

Track = Tuple[np.ndarray, np.ndarray]


class TrackFilter:
    """The keypoints of one person filtered live, a frame at a time.

    The model of :func:`smooth_track`, see the top of this module.

    Args:
        acceleration (float, optional): As of :func:`smooth_track`. Defaults
            to what fits the latest second of each joint best: several are
            tried side by side.
        correlation (float): As of :func:`smooth_track`.

    Example:
        >>> live = TrackFilter()
        >>> for frame in range(25):
        ...     keypoints, covariances = live.update(
        ...         np.array([[4. * frame, 50]]), np.eye(2)[None], frame / 25)
        >>> ahead, _ = live.predict(25 / 25)
        >>> bool(abs(ahead - (100, 50)).max() < 2)
        True
    """

    def __init__(self, acceleration: Optional[float] = None,
                 correlation: float = CORRELATION) -> None:
        check_number('correlation', correlation, 0, 1)
        self._correlation = correlation
        # Of A accelerations and K joints, whose axes come last: (A, K).
        self._tried = None if acceleration is None else np.array(
            [[check_positive(acceleration, 'acceleration')]])
        self._state: Optional[State] = None
        self._time = -np.inf
        self._likely: Any = 0.
        self._counted: Any = 0.

    def update(self, keypoints: np.ndarray, covariances: np.ndarray,
               time: float) -> Track:
        """Take in the readings of a frame.

        Args:
            keypoints (np.ndarray): Readings (x, y) in shape (K, 2); px. NaN
                where there is none.
            covariances (np.ndarray): Of these in shape (K, 2, 2); squared px.
            time (float): Of the frame, later than that before; seconds.

        Returns:
            tuple: Keypoints (K, 2) and covariances (K, 2, 2) by what was
            read up to now.

        Raises:
            ValueError: Arrays that do not belong together, covariances that
                are none, a time that is not later, a first frame without any
                reading.
        """
        if not np.isfinite(time):
            raise ValueError(f'time must be finite, got {time!r}')
        readings = Readings.of(np.asarray(keypoints)[None],
                               np.asarray(covariances)[None]).frame(0)
        if self._state is None:
            readings.check_seen()
            if self._tried is None:
                self._tried = candidates(readings)
            state = first_state(
                readings, noise_of(self._tried), readings.columns.shape[1],
                (len(self._tried), len(readings.seen)))
        else:
            self._check(readings, time)
            state = self._ahead(time)
        step, worth, likely = take_in(state, Motion(), readings,
                                      readings.columns.shape[1])
        likely += np.exp((self._time - time) / _REMEMBERED) * self._likely
        counted = readings.counted(step.state.covariance[:2, :2], worth)
        self._state, self._time = step.state, time
        self._likely = np.where(readings.seen, likely, self._likely)
        self._counted = np.where(readings.seen, counted, self._counted)
        return self._told(step.state)

    def predict(self, time: float) -> Track:
        """Where the joints will be.

        Args:
            time (float): Not before the latest frame; seconds.

        Returns:
            tuple: Keypoints (K, 2) and covariances (K, 2, 2).

        Raises:
            ValueError: An earlier time, or nothing was read yet.
        """
        if self._state is None:
            raise ValueError('nothing was read yet to predict from')
        if not self._time <= time < np.inf:
            raise ValueError(f'time must not be before {self._time}, that of '
                             f'the latest frame, got {time!r}')
        return self._told(self._ahead(time))

    def _ahead(self, time: float) -> State:
        assert self._state is not None
        return predict(self._state, motion(time - self._time),
                       noise_of(self._tried))

    def _check(self, readings: Readings, time: float) -> None:
        assert self._state is not None
        before, joints = self._state.mean.shape[-1], len(readings.seen)
        if joints != before:
            raise ValueError(f'keypoints must be those of {before} joints, as '
                             f'in the frame before, got {joints}')
        if time <= self._time:
            raise ValueError(f'time must be later than {self._time}, that of '
                             f'the frame before, got {time!r}')

    def _told(self, state: State) -> Track:
        """What the accelerations say, each as likely as it is."""
        likely = self._likely + _OTHERS * self._likely.sum(1, keepdims=True)
        share = np.exp(likely - likely.max(0))
        share /= share.sum(0)
        return told((share * state.mean[:2]).sum(-2),
                    (share * state.covariance[:2, :2]).sum(-2),
                    (share * self._counted).sum(-2), self._correlation)


def candidates(readings: Readings) -> np.ndarray:
    """Accelerations (A, 1) of all sizes, where errors are as large as here."""
    return readings.size * _TRIED[:, None]


def noise_of(accelerations: Any) -> Any:
    """The density of the noise that pushes joints, see :mod:`.kalman`.

    In units of the covariances P of readings, which are twice those of the
    normal errors that they stand for.
    """
    return 2 * np.square(accelerations)


def first_state(readings: Readings, noise: Any, columns: int,
                shape: Tuple[int, ...]) -> State:
    """Before any reading; these say roughly where, and what rough means."""
    return start(readings.middle, _ANYWHERE * readings.size, noise, columns,
                 shape)


def take_in(state: State, moves: Motion, readings: Readings, columns: int
            ) -> Tuple[Step, np.ndarray, np.ndarray]:
    """A frame whose readings (K,) count for what they seem worth.

    Returns:
        tuple: The step, and the worth and the log-likelihood (A, K) of each
        reading.
    """
    residual = readings.seen * (readings.columns[:, :columns, None] -
                                state.mean[:2])
    covariance = readings.covariances[:, :, None]
    ahead = state.covariance[:2, :2] + covariance
    likely = readings.seen * log_likelihood(
        np.moveaxis(residual[:, 0], 0, -1),
        np.moveaxis(ahead, (0, 1), (-2, -1)))
    worth: Any = 1.
    for _ in range(_ROUNDS):
        step = update(state, moves, residual, covariance / worth,
                      readings.seen)
        worth = readings.worth(residual - product(step.gain[:2], residual),
                               step.state.covariance[:2, :2])
    step = update(state, moves, residual, covariance / worth,
                  readings.seen)
    return step, worth, likely
