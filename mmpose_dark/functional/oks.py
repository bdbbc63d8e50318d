r"""Object keypoint similarity (OKS), as COCO defines it, and what to expect.

A joint that is off by d px has the similarity :math:`\exp(-d^2 / (2
\kappa^2))`, :math:`\kappa^2 = (2 \sigma_k)^2 A`: :math:`\sigma_k` is the OKS
constant of joint k, A the area of the person.

Were its error normal with covariance C, the similarity to expect would be
:math:`1 / \sqrt{\det(I + C / \kappa^2)}`. By the law of :mod:`.coverage` it is
normal with :math:`C = P / 2 w`, w of the gamma distribution of shape and rate
:math:`\nu / 2`:

.. math:: E_w\left[\frac{1}{\sqrt{\det(I + P / 2 w \kappa^2)}}\right].

The mean over w is a sum over some of its values, a share of the joints each:
as of a mixture of normal distributions. For :math:`\nu = 3` three will do;
values and shares are those that are off the least for any P, by .0004. Others
are evenly spaced in log w, where a trapezoidal sum of a smooth bell is almost
exact.
"""
import math
from functools import lru_cache
from typing import Any, Optional, Sequence, Tuple

import numpy as np

from .backends import Array, backend_of
from .coverage import TAIL_DOF, check_dof

#: the share of its box that a person covers, which MMPose takes where a data
#: set tells no area
BOX_SHARE = .53

#: values of w, and the share of the joints that has each
MIXTURE = ((.0528, .0638), (.4352, .5152), (1.8, .4210))


@lru_cache(maxsize=32)
def mixture(dof: Optional[float]) -> Tuple[Tuple[float, float], ...]:
    """Values of w, and the share of the joints that has each.

    Args:
        dof (float, optional): As of :func:`.ellipse_limit`.

    Raises:
        ValueError: Degrees of freedom out of range.
    """
    if dof is None:
        return (.5, 1.),
    check_dof(dof)
    if dof == TAIL_DOF:
        return MIXTURE
    step = min(1., math.sqrt(2 / dof))
    # To where it is 1e-4 as likely as at its most, w = 1, or less.
    rare = 19 / dof
    first = -rare - math.sqrt(2 * rare)
    last = min(math.sqrt(2 * rare), math.log(2 + 2 * rare))
    values = [math.exp(i * step) for i in range(
        math.floor(first / step), math.ceil(last / step) + 1)]
    density = [math.exp(dof / 2 * (math.log(w) + 1 - w)) for w in values]
    return tuple((w, d / sum(density)) for w, d in zip(values, density))


def expected_oks(covariances: Array, areas: Array, sigmas: Array,
                 dof: Optional[float] = TAIL_DOF) -> Array:
    r"""The similarity to expect of joints of a given covariance.

    See the top of this module.

    Args:
        covariances (np.ndarray | Tensor): P in shape (N, K, 2, 2); squared
            image pixels.
        areas (np.ndarray | Tensor): Areas of the people in shape (N,);
            squared image pixels. See :func:`box_areas`.
        sigmas (np.ndarray | Tensor): OKS constants in shape (K,).
        dof (float, optional): As of :func:`.ellipse_limit`. Defaults to 3.

    Returns:
        np.ndarray | Tensor: Expected similarities in shape (N, K), 0 to 1.

    Raises:
        ValueError: Degrees of freedom out of range, shapes that do not
            belong together, or, in numpy arrays,
            an area or constant that is not positive. The values of tensors
            are not looked at: there these have similarity 0.
    """
    xp = backend_of(covariances)
    shape = tuple(covariances.shape)
    if len(shape) != 4 or shape[2:] != (2, 2):
        raise ValueError('covariances must be in shape (N, K, 2, 2), got '
                         f'{shape}')
    for name, array, length in (('areas', areas, shape[0]),
                                ('sigmas', sigmas, shape[1])):
        if tuple(array.shape) != (length, ):
            raise ValueError(f'{name} must be in shape ({length},) as '
                             f'covariances of shape {shape} ask for, got '
                             f'{tuple(array.shape)}')
        if xp.refutes(array > 0):
            raise ValueError(f'{name} must be positive, got {array!r}')
    reach = xp.at_least(2 * (2 * sigmas)**2 * areas[:, None], 1e-9)
    xx, xy, yy = (covariances[..., i, j] / reach
                  for i, j in ((0, 0), (0, 1), (1, 1)))
    trace, det = xx + yy, xx * yy - xy * xy
    total: Any = 0.
    for w, share in mixture(dof):
        total = total + share * w / xp.sqrt(w * (w + trace) + det)
    similarity: Array = total
    return similarity


def oks_sigmas(sigmas: Any, num_keypoints: int,
               indices: Optional[Sequence[int]] = None) -> np.ndarray:
    """The OKS constants of a data set, if it has them.

    Args:
        sigmas (Sequence[float]): What its metainfo has.
        num_keypoints (int): K, of the network.
        indices (Sequence[int], optional): Which of these are the data set's,
            MMPose's ``output_keypoint_indices``; then the constants of these
            alone will do. Defaults to ``None``: all.

    Returns:
        np.ndarray: in shape (K,), or as many as ``indices``; float64.

    Raises:
        ValueError: Not K positive numbers.
    """
    found = np.asarray([] if sigmas is None else sigmas, float)
    if indices is not None and len(found) != num_keypoints:
        num_keypoints = len(indices)
    if found.shape != (num_keypoints, ) or not found.size or not (
            np.isfinite(found) & (found > 0)).all():
        raise ValueError(
            f'similarities need the OKS constants of {num_keypoints or "all"} '
            "keypoints: give the data set's metainfo that many positive "
            f'sigmas, got {found.tolist()}')
    return found


def box_areas(boxes: Array) -> Array:
    """Areas of people of whom boxes are known, and no outline.

    COCO's OKS is by the area of a person's segment, and a box has more. Of
    data sets without segments MMPose takes .53 of it, in its readers and in
    its evaluation (``use_area=False``), and so does this. Of a person who
    fills .4 or .7 of the box a similarity is off by .04 on average, too high
    of the slim one.

    Args:
        boxes (np.ndarray | Tensor): (left, top, right, bottom) in shape
            (..., 4); image pixels.

    Returns:
        np.ndarray | Tensor: in shape (...); squared image pixels, at least 1.
    """
    size = boxes[..., 2:] - boxes[..., :2]
    return backend_of(boxes).at_least(
        BOX_SHARE * size[..., 0] * size[..., 1], 1.)
