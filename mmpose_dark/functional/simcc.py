"""SimCC: a keypoint from its two vectors, which may be logits."""
from functools import lru_cache
from typing import Any, List, Sequence, Tuple, Union

from .backends import Array, Backend, as_maps, backend_of, backend_of_all
from .checks import (
    check_bins,
    check_choice,
    check_has_covariance,
    check_number,
    check_positive,
    check_sigmas,
    check_size,
)
from .decode import decode_vectors
from .encode import encode_vectors
from .vector_covariance import LABEL_BETA, vector_variance


def encode_bins(positions: Array, num_bins: int,
                spread: float = 0.) -> Array:
    """Share every position between its two nearest bins.

    Args:
        positions (np.ndarray | Tensor): in shape (..., K); units: bins. The
            mean of a vector is the position, clipped to the bins; one that
            is not finite has an empty vector.
        num_bins (int): Length W of a vector.
        spread (float): What all bins share beside that (label smoothing).
            Defaults to 0.

    Returns:
        np.ndarray | Tensor: Vectors in shape (..., K, W) that sum to 1, of
        the kind of ``positions``.

    Raises:
        ValueError: A number of bins or a spread that makes no sense.
        TypeError: ``positions`` are not real numbers.

    Example:
        >>> import numpy as np
        >>> encode_bins(np.array([1.25]), 4)
        array([[0.  , 0.75, 0.25, 0.  ]])
    """
    xp, num_bins = backend_of(positions), check_bins(num_bins)
    check_number('spread', spread, 0., 1.)
    x = xp.as_float(positions, 'positions')
    apart = abs(xp.arange(0, num_bins, x)
                - xp.clip(x, 0, num_bins - 1)[..., None])
    floor = spread / max(num_bins - 1, 1)
    vectors = floor + (1 - spread - floor) * xp.at_least(1 - apart, 0.)
    return xp.where(xp.isfinite(x)[..., None], vectors, 0.)


def encode_simcc(points: Array, num_bins: Sequence[int],
                 sigma: Union[float, Sequence[float], None] = None, *,
                 spread: float = 0.) -> Tuple[Array, Array, Array]:
    """Draw keypoints as vectors over x and y.

    Args:
        points (np.ndarray | Tensor): (x, y) in shape (..., 2); bins.
        num_bins (Sequence[int]): Lengths (W, H) of the vectors.
        sigma (float | Sequence[float], optional): Of Gaussians over x and
            over y; bins.
            Defaults to ``None``: shared by two bins, :func:`encode_bins`.
        spread (float): As of :func:`encode_bins`. Defaults to 0.

    Returns:
        tuple: Vectors in shape (..., W) and (..., H), and in shape (...)
        whether the point is close enough to be seen: on the bins, or for
        Gaussians at most 3 sigma beside them.

    Raises:
        ValueError, TypeError: As of :func:`encode_vectors`.
    """
    num_bins = check_size(num_bins, 'num_bins')
    points = backend_of(points).as_float(points, 'points')
    if points.ndim < 1 or points.shape[-1] != 2:
        raise ValueError('points must be in shape (..., 2), got '
                         f'{tuple(points.shape)}')
    low, high = [-.5, -.5], [size - .5 for size in num_bins]
    if sigma is not None:
        sigma = check_sigmas(sigma)
        low = [-1 - 3 * s for s in sigma]
        high = [size + 3 * s for size, s in zip(num_bins, sigma)]
    inside: Any = True
    vectors: List[Array] = []
    for axis in (0, 1):
        at = points[..., axis]
        inside = inside & (at >= low[axis]) & (at < high[axis])
        vectors.append(
            encode_bins(at, num_bins[axis], spread) if sigma is None else
            encode_vectors(at, num_bins[axis], sigma[axis]))
    return vectors[0], vectors[1], inside


def decode_simcc(simcc_x: Array, simcc_y: Array,
                 sigma: Union[float, Sequence[float]], *,
                 log: bool = False, return_covariance: bool = False,
                 beta: float = LABEL_BETA,
                 **switches: Any) -> Tuple[Array, ...]:
    """Read keypoints off vectors over x and y.

    Args:
        simcc_x (np.ndarray | Tensor): Vectors over x in shape (..., W).
        simcc_y (np.ndarray | Tensor): Vectors over y in shape (..., H).
        sigma (float | Sequence[float]): The training sigma, or one over x
            and one over y; bins.
        log (bool): Whether vectors are the logarithm of what is to be read,
            up to a constant, see :func:`probabilities`. Defaults to
            ``False``.
        return_covariance (bool): Also return the covariance of every
            position, ``'dark'`` with modulation only; derived at the top of
            :mod:`.vector_covariance`. Defaults to ``False``.
        beta (float): What the loss multiplies logits by before their softmax
            (``beta`` of ``KLDiscretLoss``); only covariances without ``log``
            depend on it. Defaults to :data:`LABEL_BETA`, as of RTMPose.
        switches: As of :func:`decode_vectors`.

    Returns:
        tuple:
        - keypoints (np.ndarray | Tensor): (x, y) in shape (..., 2); bins.
          (-1, -1) where the score is not positive, as in MMPose
        - scores (np.ndarray | Tensor): The lower one of the maxima of the
          two vectors as they are, as in MMPose, in shape (...); 0 where
          one is not finite
        - covariances (np.ndarray | Tensor): only with ``return_covariance``:
          in shape (..., 2, 2), diagonal; squared bins

        All of the kind and dtype of ``simcc_x``.

    Raises:
        ValueError, TypeError: As of :func:`decode_vectors`; vectors that do
            not belong together, covariances of another decoding than DARK
            with modulation.

    Example:
        >>> from mmpose_dark.functional import encode_vectors
        >>> import numpy as np
        >>> x = encode_vectors(np.array([30.3]), 96, 4.9)
        >>> y = encode_vectors(np.array([70.6]), 128, 5.66)
        >>> decode_simcc(x, y, (4.9, 5.66))[0].round(3)
        array([[30.3, 70.6]])
    """
    xp = backend_of_all(simcc_x=simcc_x, simcc_y=simcc_y)
    widths, beta = _settings(
        sigma, log, return_covariance, beta, switches.get('method', 'dark'),
        switches.get('modulation', True))
    _, x_vectors = as_maps(simcc_x, 1, 'simcc_x')
    y_vectors = xp.to_float(as_maps(simcc_y, 1, 'simcc_y')[1], x_vectors)
    if tuple(x_vectors.shape[:-1]) != tuple(y_vectors.shape[:-1]):
        raise ValueError(
            'simcc_x and simcc_y must be in shape (..., W) and (..., H), got '
            f'{tuple(x_vectors.shape)} and {tuple(y_vectors.shape)}')
    read, tops, positions = [], [], []
    for vectors, width in zip((x_vectors, y_vectors), widths):
        tops.append(xp.amax(vectors))
        read.append(probabilities(vectors) if log else vectors)
        positions.append(decode_vectors(read[-1], width, **switches)[0])
    finite = xp.isfinite(tops[0]) & xp.isfinite(tops[1])
    scores = xp.where(finite, -xp.maximum(-tops[0], -tops[1]), 0.)
    present = scores > 0
    keypoints = xp.where(present[..., None], xp.last_axis(positions), -1.)
    if not return_covariance:
        return keypoints, scores
    x, y = (vector_variance(
        vectors if log else softmax(xp, vectors, beta), keypoints[..., axis],
        present, width, log)
        for axis, (vectors, width) in enumerate(zip(read, widths)))
    rows = xp.last_axis([x, 0. * x]), xp.last_axis([0. * y, y])
    # Each row of a diagonal matrix is a column of it.
    return keypoints, scores, xp.last_axis(rows)


def _settings(sigma: Any, *others: Any) -> Tuple[Tuple[float, float], float]:
    """Sigma over x and over y, and beta, checked."""
    arguments = (tuple(sigma) if hasattr(sigma, '__len__') else sigma, *others)
    try:
        return _checked(*arguments)
    except TypeError:  # one that cannot be looked up; it will be complained of
        return _checked.__wrapped__(*arguments)


@lru_cache(maxsize=64, typed=True)
def _checked(sigma: Any, log: Any, return_covariance: Any, beta: Any,
             method: Any, modulation: Any
             ) -> Tuple[Tuple[float, float], float]:
    check_choice('log', log, (True, False))
    check_choice('return_covariance', return_covariance, (True, False))
    if return_covariance:
        check_has_covariance(method, modulation, 'method')
    return check_sigmas(sigma), check_positive(beta, 'beta')


def decode_visibility(simcc_x: Array, simcc_y: Array,
                      beta: Sequence[float]) -> Array:
    """How sure a pair of vectors is, as MMPose has it.

    Args:
        simcc_x, simcc_y (np.ndarray | Tensor): As of :func:`decode_simcc`.
        beta (Sequence[float]): What logits over x and y are multiplied by.

    Returns:
        np.ndarray | Tensor: The largest probability under a softmax over x
        or over y, the lower one, in shape (...); 0 where a maximum is not
        finite.
    """
    xp = backend_of_all(simcc_x=simcc_x, simcc_y=simcc_y)
    x, y = (_softmax_peak(vectors, float(factor))
            for vectors, factor in zip((simcc_x, simcc_y), beta))
    return -xp.maximum(-x, -y)


def _softmax_peak(vectors: Array, beta: float) -> Array:
    xp, vectors = as_maps(vectors, 1, 'vectors')
    with xp.guard(vectors):
        share = xp.amax(softmax(xp, vectors, beta))
        finite = xp.isfinite(share) & xp.isfinite(xp.amax(vectors))
        return xp.where(finite, share, 0.)


def probabilities(vectors: Array) -> Array:
    """What a network trained on labels that sum to one says of each bin.

    Args:
        vectors (np.ndarray | Tensor): Logits in shape (..., W), or labels.

    Returns:
        np.ndarray | Tensor: Their softmax. Labels, which are not negative and
        sum to at most one, stay as they are.

    Raises:
        ValueError, TypeError: As of :func:`decode_vectors`.
    """
    xp, vectors = as_maps(vectors, 1, 'vectors')
    with xp.guard(vectors):
        low = -xp.amax(-vectors)
        label = (low >= 0) & (vectors.sum(-1) <= 1.01)
        return xp.where(label[..., None], vectors, softmax(xp, vectors))


def softmax(xp: Backend, vectors: Array, beta: float = 1.) -> Array:
    """Of ``beta`` times vectors, over the last axis."""
    with xp.guard(vectors):
        weights = xp.exp(beta * (vectors - xp.amax(vectors)[..., None]))
        return weights / weights.sum(-1)[..., None]
