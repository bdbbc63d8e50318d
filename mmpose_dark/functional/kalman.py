r"""The Kalman filter and smoother of joints that move, many at once.

The state of a joint is (x, y, vx, vy). Its velocity is pushed at random, by a
white noise of the density q (px^2 / s^3), and fades within :math:`\tau` =
:data:`FADE`, as limbs turn back again and people stop:

.. math:: dv = -\frac{v}{\tau} dt + \sqrt{q}\, dW

Covariances are two-dimensional throughout: x and y of a reading belong
together. Arrays have the joints, of any shape, last, so that a step is a
handful of operations for all of them: means (4, M, ...), covariances (4, 4,
...), readings (2, M, ...) of covariances (2, 2, ...). The M columns of a
reading are weighed alike.
"""
from typing import Any, List, NamedTuple, Tuple

import numpy as np

FADE = .25  # s


class State(NamedTuple):
    """What is known of the joints at a time."""
    mean: np.ndarray  # (4, M, ...)
    covariance: np.ndarray  # (4, 4, ...)


class Motion(NamedTuple):
    """What a time does to a state: the transition F and the noise."""
    far: float = 0.  # s, how far a velocity goes
    kept: float = 1.  # of a velocity
    noise: np.ndarray = np.zeros((4, 4))  # of q = 1

    def forth(self, rows: np.ndarray) -> np.ndarray:
        """F times rows (4, ...)."""
        return np.concatenate([rows[:2] + self.far * rows[2:],
                               self.kept * rows[2:]])

    def back(self, rows: np.ndarray) -> np.ndarray:
        """The transpose of F times rows (4, ...)."""
        return np.concatenate([rows[:2], self.far * rows[:2] +
                               self.kept * rows[2:]])


class Step(NamedTuple):
    """What the readings of a frame did to the state."""
    state: State  # after it
    motion: Motion  # from the frame before
    gain: np.ndarray  # (4, 2, ...)
    precision: np.ndarray  # (2, 2, ...), of the residual
    residual: np.ndarray  # (2, M, ...), reading less what was foreseen


def product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Matrices (i, j, ...) times matrices (j, k, ...)."""
    return np.einsum('ij...,jk...->ik...', a, b)


def transposed(a: np.ndarray) -> np.ndarray:
    """Matrices (i, j, ...) as (j, i, ...)."""
    return np.swapaxes(a, 0, 1)


def squares(residual: np.ndarray, precision: np.ndarray) -> np.ndarray:
    """The first column's squared Mahalanobis distance, (...)."""
    first = residual[:, 0]
    return np.einsum('i...,ij...,j...->...', first, precision, first)


def inverse(a: np.ndarray) -> np.ndarray:
    """Of symmetric matrices (2, 2, ...)."""
    (xx, xy), (_, yy) = a
    return np.array([[yy, -xy], [-xy, xx]]) / (xx * yy - xy * xy)


def root(a: np.ndarray) -> np.ndarray:
    """The symmetric square root of symmetric matrices (2, 2, ...)."""
    (xx, xy), (_, yy) = a
    det = np.sqrt(xx * yy - xy * xy)
    return np.array([[xx + det, xy], [xy, yy + det]]) / np.sqrt(
        xx + yy + 2 * det)


def motion(seconds: float) -> Motion:
    """Of a velocity that fades and is pushed."""
    lost = -np.expm1(-seconds / FADE)
    far, kept = FADE * lost, 1 - lost
    both, faster = far**2 / 2, far / 2 * (1 + kept)
    moved = FADE**2 * (seconds - 2 * far + faster)
    return Motion(far, kept, np.array([
        [moved, 0, both, 0], [0, moved, 0, both],
        [both, 0, faster, 0], [0, both, 0, faster]]))


def start(middle: np.ndarray, reach: float, noise: Any, columns: int,
          shape: Tuple[int, ...]) -> State:
    """The state before anything is read.

    Args:
        middle (np.ndarray): (2,), where joints are, roughly; px.
        reach (float): How roughly; px.
        noise (float | np.ndarray): The density q, broadcasts with ``shape``.
        columns (int): M.
        shape (tuple): Of the joints.
    """
    mean = np.zeros((4, columns, *shape))
    mean[:2, 0] = np.reshape(middle, (2, *[1] * len(shape)))
    covariance = np.zeros((4, 4, *shape))
    for i in (0, 1):
        covariance[i, i] = reach**2
        covariance[i + 2, i + 2] = FADE / 2 * noise  # in the long run
    return State(mean, covariance)


def predict(state: State, moves: Motion, noise: Any) -> State:
    """The state after a time, pushed by noise of the density q."""
    covariance = moves.forth(transposed(moves.forth(state.covariance)))
    pushed = moves.noise.reshape(4, 4, *[1] * (covariance.ndim - 2))
    return State(moves.forth(state.mean), covariance + noise * pushed)


def update(state: State, moves: Motion, residual: np.ndarray,
           covariance: np.ndarray, seen: np.ndarray) -> Step:
    """Take in the readings of a frame.

    Args:
        state (State): As predicted.
        moves (Motion): As predicted with; is passed on.
        residual (np.ndarray): (2, M, ...), reading less what was predicted.
        covariance (np.ndarray): (2, 2, ...), of the reading.
        seen (np.ndarray): (...), bool: whether there is a reading.
    """
    precision = seen * inverse(state.covariance[:2, :2] + covariance)
    reach = state.covariance[:, :2]
    gain = product(reach, precision)
    return Step(
        State(state.mean + product(gain, residual),
              state.covariance - product(gain, transposed(reach))),
        moves, gain, precision, residual)


def smooth(steps: List[Step]) -> Tuple[np.ndarray, np.ndarray]:
    """What all readings together say about each frame.

    The smoother of Bryson and Frazier: it goes back with what the later
    readings pull at the state, and how hard, which takes no inverse of a
    covariance.

    Returns:
        tuple: Positions (2, M, T, ...) and their covariances (2, 2, T, ...).
    """
    pull = np.zeros_like(steps[-1].state.mean)
    force = np.zeros_like(steps[-1].state.covariance)
    positions, covariances = [], []
    for state, moves, gain, precision, residual in reversed(steps):
        reach = state.covariance[:2]
        positions.append(state.mean[:2] + product(reach, pull))
        covariances.append(reach[:, :2] - product(
            product(reach, force), transposed(reach)))
        # Before this frame's reading, ...
        pull[:2] += product(precision, residual) - product(
            transposed(gain), pull)
        force[:2] -= product(transposed(gain), force)
        force[:, :2] -= product(force, gain)
        force[:2, :2] += precision
        # ... and at the frame before.
        pull = moves.back(pull)
        force = moves.back(transposed(moves.back(force)))
    return np.stack(positions[::-1], 2), np.stack(covariances[::-1], 2)

