r"""How far off a joint may be in a map that was learned by focal loss (CID).

Such a map is no mean of targets. The loss of CornerNet and CID calls one pixel
of each map positive, that of the joint :math:`\mu`, and forgives the others by
what the target :math:`t(d) = e^{-d^2 / 2 \sigma^2}` is there. A network that
gives a pixel the value y pays

.. math::
    -p\,(1 - y)^2 \log y - w\,y^2 \log(1 - y), \qquad
    w = E\left[(1 - t(x - \mu))^4\right],

p being the probability that the joint is in that pixel. The least of it is
where

.. math::
    \frac{p}{w} = \frac{y^2 / (1 - y) - 2 y \log(1 - y)}
                       {(1 - y)^2 / y - 2 (1 - y) \log y}.

For a joint that is normally distributed around the peak, of variance
:math:`s^2` along both axes, there :math:`p = 1 / 2 \pi s^2`, and with
:math:`a = s^2 / \sigma^2`

.. math::
    w = \frac{24\,a^4}{(1 + a)(1 + 2 a)(1 + 3 a)(1 + 4 a)},

so that the peak value and the target's sigma tell s. Nothing here was fitted.
The axes are those of the Hessian, as elsewhere.
"""
import math
from typing import Any

from .backends import Array, Backend, backend_of
from .covariance import PIXEL

#: TruncSigmoid of CID lets values be no closer to 0 and 1
CLAMP = 1e-4


def focal_covariances(covariances: Array, peaks: Array, sigmas: Array,
                      num_pixels: int) -> Array:
    """Covariances of the size that peak values tell.

    Args:
        covariances (np.ndarray | Tensor): Those of :func:`decode_heatmaps`
            in shape (..., 2, 2), of which the shape is kept.
        peaks (np.ndarray | Tensor): Maxima of the maps in shape (...).
        sigmas (np.ndarray | Tensor): Of the targets, in a shape that
            broadcasts with ``peaks``; heatmap pixels.
        num_pixels (int): Of a map. A joint is not spread wider than over it.

    Returns:
        np.ndarray | Tensor: in the shape of ``covariances``; squared heatmap
        pixels. The root of a determinant is at least the variance of a
        position uniform on a pixel.
    """
    xp = backend_of(covariances)
    size = xp.sqrt(covariances[..., 0, 0] * covariances[..., 1, 1]
                   - covariances[..., 0, 1] * covariances[..., 1, 0])
    spread = xp.clip(focal_spread(peaks, sigmas)**2, PIXEL,
                     PIXEL * num_pixels)
    return covariances * (spread / size)[..., None, None]


def focal_spread(peaks: Array, sigmas: Array) -> Array:
    """The standard deviation s along an axis, see the top of this module.

    Args:
        peaks (np.ndarray | Tensor): Values y of the maps at their peaks.
        sigmas (np.ndarray | Tensor): Of the targets; heatmap pixels.

    Returns:
        np.ndarray | Tensor: in the shape that both broadcast to; heatmap
        pixels.

    Example:
        >>> import numpy as np
        >>> focal_spread(np.array([.2, .5, .9]), np.array([3.])).round(2)
        array([4.12, 1.91, 0.87])
    """
    xp = backend_of(peaks)
    y = xp.clip(peaks, CLAMP, 1 - CLAMP)
    log_y, log_rest = xp.log(y), xp.log(1 - y)
    odds = ((y * y / (1 - y) - 2 * y * log_rest)
            / ((1 - y)**2 / y - 2 * (1 - y) * log_y))
    # log(2 pi a w(a)) is to be that; it is concave in log a, so Newton's
    # steps from the left end there and never beyond.
    wanted = -xp.log(odds * sigmas**2)
    log_a = (wanted - math.log(48 * math.pi)) / 5
    for _ in range(STEPS):
        value, slope = _curve(xp, log_a)
        log_a = log_a + (wanted - value) / slope
    return sigmas * xp.exp(log_a / 2)


#: more change nothing: from 1e-4 to 1 - 1e-4, sigmas from .1 to 100
STEPS = 12


def _curve(xp: Backend, log_a: Any) -> Any:
    """``log(2 pi a w(a))`` and its slope over ``log a``."""
    a = xp.exp(log_a)
    value, slope = math.log(48 * math.pi) + 5 * log_a, 5.
    for k in (1, 2, 3, 4):
        value = value - xp.log(1 + k * a)
        slope = slope - k * a / (1 + k * a)
    return value, slope
