r"""Does a covariance hold? How often truth lies in its ellipses.

The ellipse of level p around a position holds the truth with probability p if
the error is normal with the covariance P: all e with :math:`e^T P^{-1} e` up
to :math:`-2 \ln(1 - p)`. Errors of real networks have longer tails, some
joints being on the wrong limb. Those of a Student distribution with the scale
matrix P and :math:`\nu` degrees of freedom have the limit :math:`\nu ((1 -
p)^{-2 / \nu} - 1)`, which for many degrees of freedom is the normal one.
"""
import math
from typing import Optional

from ._backend import Array, backend_of


def ellipse_limit(level: float, dof: Optional[float] = None) -> float:
    """The squared Mahalanobis distance up to which an ellipse reaches.

    Args:
        level (float): The share that the ellipse is to hold, 0 to 1.
        dof (float, optional): Degrees of freedom of a Student distribution.
            Defaults to ``None``: the normal distribution.

    Raises:
        ValueError: A level or degrees of freedom out of range.
    """
    if not 0 < level < 1:
        raise ValueError(f'level must be between 0 and 1, got {level!r}')
    if dof is None:
        return -2 * math.log(1 - level)
    if not 0 < dof < math.inf:
        raise ValueError(f'dof must be a positive number, got {dof!r}')
    return dof * ((1 - level)**(-2 / dof) - 1)


def mahalanobis(errors: Array, covariances: Array) -> Array:
    """Squared errors in units of their covariances: ``e^T P^-1 e``.

    Args:
        errors (np.ndarray | Tensor): Errors (x, y) in shape (..., 2).
        covariances (np.ndarray | Tensor): in shape (..., 2, 2), of the square
            of the same unit.

    Returns:
        np.ndarray | Tensor: in shape (...).
    """
    x, y = errors[..., 0], errors[..., 1]
    xx, xy, yy = (covariances[..., i, j]
                  for i, j in ((0, 0), (0, 1), (1, 1)))
    return (yy * x * x - 2 * xy * x * y + xx * y * y) / (xx * yy - xy * xy)


def log_likelihood(errors: Array, covariances: Array,
                   dof: Optional[float] = None) -> Array:
    """Of each error, normal or, with ``dof``, Student; see above.

    Args:
        errors (np.ndarray | Tensor): Errors (x, y) in shape (..., 2).
        covariances (np.ndarray | Tensor): in shape (..., 2, 2).
        dof (float, optional): As of :func:`ellipse_limit`.

    Returns:
        np.ndarray | Tensor: in shape (...); densities per square unit.
    """
    xp = backend_of(errors)
    square = mahalanobis(errors, covariances)
    det = (covariances[..., 0, 0] * covariances[..., 1, 1] -
           covariances[..., 0, 1] * covariances[..., 1, 0])
    tail = square / 2 if dof is None else (
        (dof / 2 + 1) * xp.log(1 + square / dof))
    return -math.log(2 * math.pi) - xp.log(det) / 2 - tail
