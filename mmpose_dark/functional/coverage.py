r"""Does a covariance hold? How often truth lies in its ellipses.

Errors of real networks have longer tails than the normal distribution, some
joints being on the wrong limb. On three real networks of heatmaps, whose
covariances P are read as :mod:`.covariance` has it, the squared distance
:math:`e^T P^{-1} e` of the true joint follows an **F distribution** of 2 and
:math:`\nu = 3` degrees of freedom, of which a share p lies below

.. math:: \frac{\nu}{2} \left((1 - p)^{-2 / \nu} - 1\right).

That of a normal distribution of covariance P, as a simulation draws it, is
:math:`-2 \ln(1 - p)`. The ellipse of level p is what lies below the limit.

So the error e is one of a Student distribution of :math:`\nu` degrees of
freedom and of the scale matrix :math:`P / 2`: normal with covariance :math:`P
/ 2 w`, where w is drawn anew for each joint, from a gamma distribution of
shape and rate :math:`\nu / 2`. Most joints are known better than P says,
a few much worse. Its second moment is :math:`\frac{P}{2} \frac{\nu}{\nu - 2}
= 1.5 P`; of those errors that lie in the ellipse of 99 % it is :math:`1.03
P`.
"""
import math
from typing import Optional

from .backends import Array, backend_of

#: degrees of freedom that real networks were found to have
TAIL_DOF = 3.


def ellipse_limit(level: float, dof: Optional[float] = TAIL_DOF) -> float:
    """The squared Mahalanobis distance up to which an ellipse reaches.

    See the top of this module.

    Args:
        level (float): The share that the ellipse is to hold, 0 to 1.
        dof (float, optional): The second degrees of freedom of the F
            distribution: few mean a long tail. ``None`` is the normal
            distribution of that covariance, of a simulation. Defaults to 3.

    Returns:
        float: The limit of :func:`mahalanobis`.

    Raises:
        ValueError: A level or degrees of freedom out of range.

    Example:
        >>> f'{ellipse_limit(.95):.3f}, {ellipse_limit(.95, None):.3f}'
        '9.552, 5.991'
    """
    if not 0 < level < 1:
        raise ValueError(f'level must be between 0 and 1, got {level!r}')
    if dof is None:
        return -2 * math.log(1 - level)
    check_dof(dof)
    return dof / 2 * ((1 - level)**(-2 / dof) - 1)


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


def ellipse_level(squares: Array, dof: Optional[float] = TAIL_DOF) -> Array:
    """The level of the ellipse that just reaches as far.

    The inverse of :func:`ellipse_limit`.

    Args:
        squares (np.ndarray | Tensor): As of :func:`mahalanobis`.
        dof (float, optional): As of :func:`ellipse_limit`.

    Returns:
        np.ndarray | Tensor: 0 to 1, in the shape of ``squares``.

    Raises:
        ValueError: Degrees of freedom out of range.
    """
    if dof is None:
        return 1 - backend_of(squares).exp(-squares / 2)
    check_dof(dof)
    return 1 - (1 + 2 * squares / dof)**(-dof / 2)


def tail_weight(squares: Array, dof: float = TAIL_DOF) -> Array:
    """What an error of that size says of its w, see above: the mean of w.

    The long tail, as filters and fits by least squares use it: a reading
    whose error is large counts as one of the covariance P / w.

    Args:
        squares (np.ndarray | Tensor): As of :func:`mahalanobis`.
        dof (float): As of :func:`ellipse_limit`. Defaults to 3.

    Returns:
        np.ndarray | Tensor: in the shape of ``squares``: 5 / 3 for an error
        of 0, 1 for that of the mean, then falling to 0.
    """
    return (dof + 2) / (dof + 2 * squares)


def log_likelihood(errors: Array, covariances: Array,
                   dof: Optional[float] = TAIL_DOF) -> Array:
    """Of each error: Student, or normal with ``dof=None``; see above.

    Args:
        errors (np.ndarray | Tensor): Errors (x, y) in shape (..., 2).
        covariances (np.ndarray | Tensor): in shape (..., 2, 2).
        dof (float, optional): As of :func:`ellipse_limit`.

    Returns:
        np.ndarray | Tensor: in shape (...); densities per square unit.

    Raises:
        ValueError: Degrees of freedom out of range.
    """
    xp = backend_of(errors)
    square = mahalanobis(errors, covariances)
    det = (covariances[..., 0, 0] * covariances[..., 1, 1] -
           covariances[..., 0, 1] * covariances[..., 1, 0])
    if dof is None:
        return -math.log(2 * math.pi) - xp.log(det) / 2 - square / 2
    check_dof(dof)
    return (-math.log(math.pi) - xp.log(det) / 2 -
            (dof / 2 + 1) * xp.log(1 + 2 * square / dof))


def check_dof(dof: float) -> None:
    """Raise ``ValueError`` unless it is a positive, finite number."""
    if not 0 < dof < math.inf:
        raise ValueError(
            f'dof must be a positive number, or None, got {dof!r}')
