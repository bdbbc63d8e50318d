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

from .backends import Array, backend_of
from .covariance import PIXEL
from .fit import derivatives_of_log, look
from .modulate import Kernel
from .peak import nearest_pixel

#: What ``KLDiscretLoss`` multiplies logits, its ``beta``, and labels, its
#: ``label_beta``, by before their softmax to train RTMPose.
LABEL_BETA = 10.


def vector_variance(shares: Array, positions: Array, present: Array,
                    sigma: float, log: bool) -> Array:
    """Of the joint along one axis, see the top of this module.

    Args:
        shares (np.ndarray | Tensor): p in shape (..., W).
        positions (np.ndarray | Tensor): Where the joint was read, in shape
            (...); bins.
        present (np.ndarray | Tensor): Whether there is one, in shape (...).
        sigma (float): The training sigma; bins.
        log (bool): Whether labels sum to one, as SimCC's do.

    Returns:
        np.ndarray | Tensor: in shape (...); squared bins.
    """
    xp, size = backend_of(shares), shares.shape[-1]
    if 0 in tuple(shares.shape):
        return 0. * positions
    with xp.guard(shares):
        rows, x = shares.reshape(-1, size), positions.reshape(-1)
        off = xp.arange(0, size, rows) - x[:, None]
        # The label around the position, and its variance there.
        label, narrow = xp.exp(off * off * (-.5 / sigma**2)), sigma**2
        if not log:
            label = xp.exp(LABEL_BETA * label)
            narrow = sigma**2 / LABEL_BETA
        label = label / label.sum(-1)[:, None]
        spread = ((rows - label) * off * off).sum(-1)
        # The mode's own width, where there is one.
        seen = look(xp, rows, *nearest_pixel(xp, rows, x[None]),
                    Kernel.of(sigma))
        curved = derivatives_of_log(seen.sums)[1][0]
        mode = xp.where(curved > 0, sigma**2 / curved - sigma**2 - narrow,
                        float('inf'))
        variance = xp.at_least(xp.maximum(spread, mode), PIXEL)
        found = present.reshape(-1) & xp.isfinite(variance)
        known = xp.where(found, 1 / variance, 0.)
        return (1 / (known + 12 / size**2)).reshape(positions.shape)
