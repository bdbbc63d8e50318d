"""SimCC: a keypoint from its two vectors, which may be logits."""
from typing import Any, Sequence, Tuple

from ._backend import Array, backend_of
from .vectors import checked, decode_vectors, flip_vectors


def encode_bins(positions: Array, num_bins: int,
                spread: float = 0.) -> Array:
    """Share every position between its two nearest bins.

    Args:
        positions (np.ndarray | Tensor): in shape (..., K); units: bins. The
            mean of a vector is the position, clipped to the bins.
        num_bins (int): Length W of a vector.
        spread (float): What all bins share beside that (label smoothing).
            Defaults to 0.

    Returns:
        np.ndarray | Tensor: Vectors in shape (..., K, W) that sum to 1, of
        the kind of ``positions``.

    Raises:
        TypeError: ``positions`` are not real numbers.

    Example:
        >>> import numpy as np
        >>> encode_bins(np.array([1.25]), 4)
        array([[0.  , 0.75, 0.25, 0.  ]])
    """
    xp = backend_of(positions)
    x = xp.clip(xp.as_float(positions, 'positions'), 0, num_bins - 1)
    apart = abs(xp.arange(0, num_bins, x) - x[..., None])
    floor = spread / max(num_bins - 1, 1)
    return floor + (1 - spread - floor) * xp.at_least(1 - apart, 0.)


def decode_simcc(simcc_x: Array, simcc_y: Array, sigma: Sequence[float], *,
                 log: bool = False, **switches: Any) -> Tuple[Array, Array]:
    """Read keypoints off vectors over x and y.

    Args:
        simcc_x (np.ndarray | Tensor): Vectors over x in shape (..., W).
        simcc_y (np.ndarray | Tensor): Vectors over y in shape (..., H).
        sigma (Sequence[float]): The training sigma over x and y; bins.
        log (bool): Whether vectors are the logarithm of what is to be read,
            up to a constant, see :func:`probabilities`. Defaults to
            ``False``.
        switches: As of :func:`decode_vectors`.

    Returns:
        tuple:
        - keypoints (np.ndarray | Tensor): (x, y) in shape (..., 2); bins.
          (-1, -1) where the score is not positive, as in MMPose
        - scores (np.ndarray | Tensor): The lower one of the maxima of the
          two vectors as they are, as in MMPose, in shape (...); 0 where
          one is not finite

    Raises:
        ValueError, TypeError: As of :func:`decode_vectors`.

    Example:
        >>> from mmpose_dark.functional import encode_vectors
        >>> import numpy as np
        >>> x = encode_vectors(np.array([30.3]), 96, 4.9)
        >>> y = encode_vectors(np.array([70.6]), 128, 5.66)
        >>> decode_simcc(x, y, (4.9, 5.66))[0].round(3)
        array([[30.3, 70.6]])
    """
    xp = backend_of(simcc_x)
    found = [_decode(vectors, width, log, switches)
             for vectors, width in zip((simcc_x, simcc_y), sigma)]
    positions, (top_x, top_y) = zip(*found)
    finite = xp.isfinite(top_x) & xp.isfinite(top_y)
    scores = xp.where(finite, -xp.maximum(-top_x, -top_y), 0.)
    keypoints = xp.where((scores > 0)[..., None],
                         xp.last_axis(positions), -1.)
    return keypoints, scores


def _decode(vectors, sigma, log, switches):
    """Positions in bins, and the maxima of the vectors as they are."""
    xp, vectors = checked(vectors)
    if not log:
        return decode_vectors(vectors, sigma, **switches)
    position, _ = decode_vectors(probabilities(vectors), sigma, **switches)
    return position, xp.amax(vectors)


def probabilities(vectors: Array) -> Array:
    """What a network trained on labels that sum to one says of each bin.

    Args:
        vectors (np.ndarray | Tensor): Logits in shape (..., W), or labels.

    Returns:
        np.ndarray | Tensor: Their softmax. Labels, which are not negative and
        sum to at most one, stay as they are.
    """
    xp, vectors = checked(vectors)
    with xp.guard(vectors):
        low = -xp.amax(-vectors)
        label = (low >= 0) & (vectors.sum(-1) <= 1.01)
        top = xp.amax(vectors)[..., None]
        weights = xp.exp(vectors - top)
        softmax = weights / weights.sum(-1)[..., None]
        return xp.where(label[..., None], vectors, softmax)


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
    xp = backend_of(simcc_x)
    x, y = (_softmax_peak(vectors, float(factor))
            for vectors, factor in zip((simcc_x, simcc_y), beta))
    return -xp.maximum(-x, -y)


def flip_simcc(simcc_x: Array, simcc_y: Array, flip_indices: Sequence[int], *,
               shift: float = 0.) -> Tuple[Array, Array]:
    """Bring the vectors of a flipped input back.

    Args:
        simcc_x, simcc_y (np.ndarray | Tensor): in shape (..., K, W) and
            (..., K, H).
        flip_indices (Sequence[int]): The symmetric keypoint of each of the K.
        shift (float): What to move those over x by, see
            :func:`flip_vectors`; bins. Defaults to 0, as MMPose does.

    Returns:
        tuple: Those over x and y, in the same shapes.

    Raises:
        ValueError, TypeError: As of :func:`flip_heatmaps`.
    """
    return (flip_vectors(simcc_x, flip_indices, shift=shift),
            simcc_y[..., list(flip_indices), :])


def _softmax_peak(vectors, beta):
    xp, vectors = checked(vectors)
    with xp.guard(vectors):
        top = xp.amax(vectors)
        share = 1 / xp.exp(beta * (vectors - top[..., None])).sum(-1)
        return xp.where(xp.isfinite(share) & xp.isfinite(top), share, 0.)
