r"""A track through time: each reading counts as much as its covariance says.

The readings of a joint, one a frame, are off by errors of the covariances P
that come with them, under the long-tailed law of :mod:`.coverage`: an error
is normal with covariance P / 2 w, where w says how good that reading is. Where
the joint is between them says a model of motion, see :mod:`.kalman`. Its one
constant, how much a joint accelerates, is the one under which the readings of
all joints together are most likely.

:class:`TrackFilter` takes one frame at a time and knows the past only,
:func:`smooth_track` the whole track. Both find w along with the position: a
left joint for a right one has a low w, and is passed over.

**Errors of neighbouring frames are alike.** A network that is off by three
pixels at one frame is so at the next, and the mean of ten such readings is no
better than one. A filter that takes them for independent, as this one does
to find positions, ends with covariances :math:`\Sigma` that are far too
small. So of the errors a share c, ``correlation``, is taken to be the same in
all readings that a position is made of. If each is off by
:math:`P_t^{1/2} u`, with one u, the position is off by :math:`M u`, where M
is what the filter makes of the columns of :math:`P_t^{1/2}` in place of the
readings. The covariance that is told is

.. math:: \Sigma + c (M M^T - \Sigma R^{-1} \Sigma),\quad R = P / w

where the last term is what :math:`\Sigma` has counted of the frame's own
reading already. It follows the law of P, so that :func:`.ellipse_limit` holds
for it: a single reading is handed back with its P.
"""
from typing import List, Optional, Sequence, Union

import numpy as np

from .checks import check_number, check_positive
from .kalman import Motion, Step, motion, predict, smooth, update
from .readings import Readings, told
from .track_filter import (
    CORRELATION,
    Track,
    candidates,
    first_state,
    noise_of,
    take_in,
)

Times = Union[Sequence[float], np.ndarray]
FRAME_RATE = 25.  # Hz, where no times are given
#: rounds in which positions and the worth of readings find each other, and
#: the share of the noise in each: a stiff track first, which nothing that
#: stands out can bend
_ROUNDS = .01, .1, 1, 1, 1


def smooth_track(keypoints: np.ndarray,
                 covariances: np.ndarray,
                 times: Optional[Times] = None,
                 acceleration: Optional[float] = None,
                 correlation: float = CORRELATION) -> Track:
    """The keypoints of one person through time, smoothed.

    See the top of this module. Frames without a reading, NaN, are bridged;
    the covariance grows there.

    Args:
        keypoints (np.ndarray): Readings (x, y) in shape (T, K, 2); px. NaN
            where there is none.
        covariances (np.ndarray): Of these in shape (T, K, 2, 2); squared px.
        times (Sequence[float], optional): Of the frames in shape (T,),
            rising; seconds. Defaults to 25 frames a second.
        acceleration (float, optional): The root mean square change, in px/s
            and along each axis, of a joint's velocity within a second; over
            a time t it is sqrt(t) of that. Defaults to what
            :func:`track_acceleration` finds.
        correlation (float): The share of the errors that neighbouring frames
            have in common, 0 to 1: the larger it is, the larger are the
            covariances. Positions do not depend on it. Defaults to .8.

    Returns:
        tuple:
        - keypoints (np.ndarray): in shape (T, K, 2); px. A joint that is
          read in no frame is somewhere among the others, which its
          covariance says.
        - covariances (np.ndarray): in shape (T, K, 2, 2); squared px, under
          the law of those handed in.

    Raises:
        ValueError: Arrays that do not belong together, no reading at all,
            covariances that are none, times that do not rise.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> t = np.arange(100) / 25
        >>> truth = np.stack([90 * np.sin(t), 40 * t], 1)[:, None]
        >>> readings = truth + 3 * rng.standard_normal(truth.shape)
        >>> covariances = np.broadcast_to(9 * np.eye(2), (100, 1, 2, 2))
        >>> smoothed, _ = smooth_track(readings, covariances)
        >>> bool(abs(smoothed - truth).mean() <
        ...      .7 * abs(readings - truth).mean())
        True
    """
    check_number('correlation', correlation, 0, 1)
    seconds = _check_times(times, len(keypoints))
    readings = Readings.of(keypoints, covariances)
    readings.check_seen()
    if acceleration is None:
        acceleration = _acceleration(readings, seconds)
    noise = noise_of(check_positive(acceleration, 'acceleration'))
    worth = np.ones(readings.seen.shape)
    positions = readings.columns[:, :1]
    for share in _ROUNDS:
        found, sure = smooth(_forward(readings, positions, worth, seconds,
                                      share * noise))
        worth = readings.worth(positions - found, sure)
    found, sure = smooth(_forward(readings, readings.columns, worth, seconds,
                                  noise))
    return told(found, sure, readings.counted(sure, worth), correlation)


def track_acceleration(keypoints: np.ndarray,
                       covariances: np.ndarray,
                       times: Optional[Times] = None) -> float:
    """How much the joints of a track accelerate, by maximum likelihood.

    Args:
        keypoints (np.ndarray): As of :func:`smooth_track`.
        covariances (np.ndarray): As of :func:`smooth_track`.
        times (Sequence[float], optional): As of :func:`smooth_track`.

    Returns:
        float: As :func:`smooth_track` takes it.

    Raises:
        ValueError: As of :func:`smooth_track`.
    """
    seconds = _check_times(times, len(keypoints))
    readings = Readings.of(keypoints, covariances)
    readings.check_seen()
    return _acceleration(readings, seconds)


def _acceleration(readings: Readings, times: np.ndarray) -> float:
    tried = candidates(readings)
    state = first_state(readings, noise_of(tried), 1,
                        (len(tried), *readings.seen.shape[1:]))
    likely = np.zeros(len(tried))
    for t, time in enumerate(times):
        if t:
            state = predict(state, motion(time - times[t - 1]),
                            noise_of(tried))
        step, _, more = take_in(state, Motion(), readings.frame(t), 1)
        state, likely = step.state, likely + more.sum(1)
    return _top(np.log(tried[:, 0]), likely)


def _top(at: np.ndarray, likely: np.ndarray) -> float:
    """Exp of the top of a parabola through the best and its neighbours."""
    best = min(max(int(likely.argmax()), 1), len(at) - 2)
    before, top, after = likely[best - 1:best + 2]
    bend = max(2 * top - before - after, 1e-9)
    off = np.clip((after - before) / bend / 2, -1, 1)
    return float(np.exp(at[best] + off * (at[1] - at[0])))


def _forward(readings: Readings, columns: np.ndarray, worth: np.ndarray,
             times: np.ndarray, noise: float) -> List[Step]:
    """The filter, with readings of known worth."""
    seen = readings.seen
    state = first_state(readings, noise, columns.shape[1], seen.shape[1:])
    moves = Motion()
    steps = []
    for t, time in enumerate(times):
        if t:
            moves = motion(time - times[t - 1])
            state = predict(state, moves, noise)
        residual = seen[t] * (columns[:, :, t] - state.mean[:2])
        steps.append(update(state, moves, residual,
                            readings.covariances[:, :, t] / worth[t],
                            seen[t]))
        state = steps[-1].state
    return steps


def _check_times(times: Optional[Times], num: int) -> np.ndarray:
    if times is None:
        return np.arange(num) / FRAME_RATE
    found = np.asarray(times, float)
    if found.shape != (num, ) or not (
            np.isfinite(found).all() and (np.diff(found) > 0).all()):
        raise ValueError(f'times must be {num} rising numbers, one for each '
                         f'frame of keypoints, got {times!r}')
    return found
