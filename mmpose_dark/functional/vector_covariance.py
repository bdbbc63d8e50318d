r"""How far off a position on a vector of SimCC may be.

A network trained by the Kullback-Leibler divergence from
labels that are distributions :math:`q_\mu` over bins :math:`i` predicts their
mean, :math:`p = E[q_\mu]`: the distribution of the joint :math:`\mu`, given
the picture, blurred by the label, as a heatmap is by its Gaussian (see
:mod:`.covariance`). Unlike a heatmap it sums to one whatever its spread, so
the spread is read from it directly, along each axis, about the position
:math:`m`:

.. math:: \sum_i (p_i - q_{m,i}) (i - m)^2,

- of RTMPose with :math:`p = \mathrm{softmax}(\beta x)`, :math:`x` the logits,
  and :math:`q` the softmax of a label of peak 1 times 10
- of SimCC (labels that sum to 1) with :math:`p = \mathrm{softmax}(x)` and the
  label itself.

The far ends of a vector, where labels have next to nothing, weigh most in this
sum and may be less than that. So it is not taken below the width of the mode,
which DARK reads: modulated by a Gaussian of the label's :math:`\sigma`, the
logarithm of :math:`p` has the second derivative :math:`-1 / (\sigma^2 +
\mathrm{var}\,q + P)` at :math:`m`, :math:`P` the variance of the joint.

At least the variance of a position uniform on a bin, and that of one uniform
on the vector where there is no fit. x and y are not told to vary together.
"""
from ._backend import Array, Backend
from ._windows import on_map, row_windows
from .modulate import Kernel
from .vectors import checked, derivatives_of_log, encode_vectors

#: What ``KLDiscretLoss`` multiplies labels by before their softmax, its
#: ``label_beta``, which no stock config changes.
LABEL_BETA = 10.
#: Variance of a position uniform on a bin; squared bins.
BIN = 1 / 12


def vector_variance(vectors: Array, positions: Array, present: Array,
                          sigma: float, log: bool, beta: float) -> Array:
    """Of the joint along one axis, see the top of this module.

    Args:
        vectors (Array): in shape (..., W).
        positions (Array): Where the joint was read, in shape (...); bins.
        present (Array): Whether there is one, in shape (...).
        sigma (float): The training sigma; bins.
        log, beta: As of :func:`.decode_simcc`.

    Returns:
        Array: in shape (...); squared bins.
    """
    xp, vectors = checked(vectors)
    size = vectors.shape[-1]
    if 0 in tuple(vectors.shape):
        return 0. * positions
    with xp.guard(vectors):
        rows = probabilities(vectors) if log else softmax(
            xp, vectors, beta)
        rows, x = rows.reshape(-1, size), positions.reshape(-1)
        # The label around the position, and its variance there.
        label = encode_vectors(x[None], size, sigma)[0]
        label, narrow = (
            (label / label.sum(-1)[:, None], sigma**2) if log else
            (softmax(xp, label, LABEL_BETA), sigma**2 / LABEL_BETA))
        off = xp.arange(0, size, rows) - x[:, None]
        spread = ((rows - label) * off * off).sum(-1)
        mode = _width_of_mode(xp, rows, x, sigma) - narrow
        variance = xp.at_least(xp.maximum(spread, mode), BIN)
        found = present.reshape(-1) & xp.isfinite(variance)
        known = xp.where(found, 1 / variance, 0.)
        return (1 / (known + 12 / size**2)).reshape(positions.shape)


def _width_of_mode(xp: Backend, rows: Array, x: Array,
                   sigma: float) -> Array:
    """Variance (M,) of the mode at positions x; infinite where there is none.

    Squared bins.
    """
    size, reach = rows.shape[-1], Kernel.of(sigma).window
    nearest = xp.clip(xp.to_index(xp.floor(x + .5)), 0, size - 1)
    u = (xp.arange(-reach, reach + 1, rows) -
         (x - xp.to_float(nearest, rows))[:, None]) / sigma
    _, curvature = derivatives_of_log(
        xp, u, row_windows(xp, rows, nearest, reach),
        on_map(xp, rows, reach, size)[nearest])
    return xp.where(curvature < 0, -sigma**2 / curvature - sigma**2,
                    float('inf'))


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
        return xp.where(label[..., None], vectors, softmax(xp, vectors))


def softmax(xp: Backend, vectors: Array, beta: float = 1.) -> Array:
    """Of ``beta`` times vectors, over the last axis."""
    with xp.guard(vectors):
        weights = xp.exp(beta * (vectors - xp.amax(vectors)[..., None]))
        return weights / weights.sum(-1)[..., None]
