r"""How far off a position may be that is the mean of a distribution.

**Residual log-likelihood (RLE).** A network puts out a position
:math:`\hat\mu` and a scale :math:`\sigma` for each axis. Its loss is

.. math:: 2 \Big(\sum_a \log \sigma_a - \log \varphi(e)\Big) + \sum_a |e_a|,
    \qquad e_a = (\hat\mu_a - \mu_a) / \sigma_a,

:math:`\varphi` a normalizing flow that is learned along, one for all joints.
Only :math:`-\log\varphi(e)` depends on the flow, so it becomes the density of
the errors e, whatever else is in the loss; it is kept with the weights. How
large errors are is told by both together. :math:`\sigma` alone is in a unit
that is left open: to scale it up and the flow down changes nothing in the
brackets, and makes :math:`|e_a|` smaller. So it grows until the flow can be no
narrower, and :math:`2 \sigma^2`, the variance of the Laplace distribution that
the last term looks like, is a hundred times too large. True is

.. math:: P = \mathrm{diag}(\sigma)\,S\,\mathrm{diag}(\sigma),

S the covariance under which samples of the flow are likeliest, by the law of
:mod:`.coverage`: :func:`likeliest_covariance`. Nothing in it is fitted to
errors but what the training itself has fitted.

**A map whose mean is taken (DSNT)**, and which a loss draws to a Gaussian
:math:`G_\mu` of sum 1 around the joint by the Jensen-Shannon divergence. The
map p that loses the least, given that the picture leaves :math:`\mu` open,
solves

.. math:: E_\mu\big[\log(1 + G_\mu(x) / p(x))\big] = \mathrm{const.}

The mean of the targets, which the squared error leads to and
:mod:`.covariance` reads, has :math:`E_\mu[G_\mu(x)] / p(x)` constant: where
the logarithm is bent, rare places count for less, and p is sharper. Solved for
joints that are spread by the law of :mod:`.coverage`, with P from .1 to 4
:math:`\sigma^2`, its peak tells 2.2 to 2.8 times less of P than that of the
mean does. So what :mod:`.covariance` reads off p is multiplied by 2.4. The
position is not the peak: the square of what lies between is added.

Without such a loss the shape of a map is open: all that have the same mean
fare alike, and nothing is told by it.

**Bins whose mean is taken (RTMO)**, n of each axis, at :math:`x_i`, with
shares :math:`p_i` that sum to 1. The loss is minus the logarithm of

.. math:: \sum_i p_i \, \frac{1}{4 \sigma \sqrt A} \,
    \exp\Big({-\frac{|\mu - x_i|}{2 \sigma \sqrt A}}\Big)

for both axes, A the area of the person, :math:`\sigma` put out by a layer: a
density of the joint, in which each bin is spread by the law of Laplace with
:math:`b = 2 \sigma \sqrt A`. Its second moments are taken for P:

.. math:: P = \mathrm{diag}_a\Big(\sum_i p_i (x_i - \bar x)^2 + 2 b^2\Big).

Under the law of :mod:`.coverage` joints that are spread by a Laplace
distribution for each axis are likeliest with a P that is .98 of that. Spread
by bins alone whose shares are normal they are with 1.36 of it: the more of P
comes from the shares, the more are ellipses too small.
"""
import math
from typing import Sequence

from .backends import Array, backend_of
from .coverage import TAIL_DOF, mahalanobis, tail_weight
from .decode import decode_heatmaps

#: how many times less the Jensen-Shannon divergence widens a map, see above
SHARPENED = 2.4
#: what the loss of RTMO takes a smaller sigma for
SIGMA_FLOOR = 1e-3


def likeliest_covariance(errors: Array, dof: float = TAIL_DOF) -> Array:
    r"""The covariance P under which errors are likeliest.

    By the law of :mod:`.coverage`: each counts as much as its tail weight w
    says, :math:`P = 2\,\overline{w\,e e^T}`, and w follows from P. Steps from
    one to the other never make it less likely (Dempster et al., 1977).

    Args:
        errors (np.ndarray | Tensor): in shape (n, 2).
        dof (float): As of :func:`.ellipse_limit`. Defaults to 3.

    Returns:
        np.ndarray | Tensor: in shape (2, 2).

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> scale = np.sqrt(rng.gamma(1.5, 1 / 1.5, (10**5, 1)))
        >>> found = likeliest_covariance(
        ...     rng.normal(size=(10**5, 2)) / scale / 2**.5 * (3, 1))
        >>> found.diagonal().round(1)
        array([9., 1.])
    """
    xp, num = backend_of(errors), len(errors)
    found = xp.einsum('ni,nj->ij', errors, errors) / num
    for _ in range(40):
        weights = tail_weight(mahalanobis(errors, found[None]), dof)
        found = 2 * xp.einsum('n,ni,nj->ij', weights, errors, errors) / num
    return found


def map_covariance(maps: Array, positions: Array, sigma: float) -> Array:
    """How far off positions may be that are means of a map; see above.

    Args:
        maps (np.ndarray | Tensor): Shares of a pixel in shape (..., K, H, W);
            they sum to one.
        positions (np.ndarray | Tensor): in shape (..., K, 2); heatmap px.
        sigma (float): Of the Gaussian that a map is drawn to; heatmap px.

    Returns:
        np.ndarray | Tensor: in shape (..., K, 2, 2); squared heatmap px.

    Raises:
        ValueError, TypeError: As of :func:`.decode_heatmaps`.
    """
    peaks, _, covariances = decode_heatmaps(
        maps, sigma, return_covariance=True,
        target_peak=1 / (2 * math.pi * sigma**2))
    away = peaks - positions
    return SHARPENED * covariances + away[..., :, None] * away[..., None, :]


def bins_covariance(shares: Sequence[Array], bins: Sequence[Array],
                    sigmas: Array, areas: Array) -> Array:
    """How far off positions may be that are means of bins; see above.

    As in MMPose's loss, a sigma counts as .001 at least and an area as 1.

    Args:
        shares (Sequence[np.ndarray | Tensor]): Of the bins of x, and of y, in
            shape (N, K, n) each, of another n; they sum to one.
        bins (Sequence[np.ndarray | Tensor]): Where these are, in shape
            (N, n) each; input px.
        sigmas (np.ndarray | Tensor): in shape (N, K); roots of the area.
        areas (np.ndarray | Tensor): Of the people, in shape (N,); squared
            input px.

    Returns:
        np.ndarray | Tensor: in shape (N, K, 2, 2); squared input px.

    Raises:
        ValueError: Shapes that do not belong together.

    Example:
        >>> import numpy as np
        >>> bins_covariance([np.array([[[.5, .5]]])] * 2,
        ...                 [np.array([[1., 3.]]), np.array([[0., 4.]])],
        ...                 np.array([[.05]]), np.array([100.]))
        array([[[[3., 0.],
                 [0., 6.]]]])
    """
    for axis, (some, at) in enumerate(zip(shares, bins)):
        wanted = (*sigmas.shape, at.shape[-1])
        if tuple(some.shape) != wanted or len(at) != len(some):
            raise ValueError(
                f'shares of axis {axis} must be in shape {wanted} as sigmas '
                f'and bins ask for, got {tuple(some.shape)}')
    xp = backend_of(sigmas)
    widths = (2 * xp.at_least(sigmas, SIGMA_FLOOR)
              * xp.at_least(areas, 1.)[:, None]**.5)
    found = []
    for some, at in zip(shares, bins):
        means = (some * at[:, None]).sum(-1)
        found.append((some * (at[:, None] - means[..., None])**2).sum(-1)
                     + 2 * widths**2)
    x, y = found
    covariances: Array = xp.last_axis(
        [xp.last_axis([x, 0 * x]), xp.last_axis([0 * y, y])])
    return covariances
