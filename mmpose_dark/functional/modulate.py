r"""Distribution modulation: smoothing a heatmap by its own Gaussian.

Eq. 10 of the paper blurs the predicted map :math:`h` with a Gaussian kernel
:math:`K` of the training sigma, Eq. 11 restores its range:

.. math::
    h' = K \circledast h, \qquad
    h'' = \frac{h' - \min h'}{\max h' - \min h'} \max h

For a map that is a Gaussian plus white noise, :math:`h'` is also the matched
filter: the correlation of the map with the shape that was drawn into it.
"""
import math

from ._backend import backend_of
from ._checks import (check_blur_kernel_size, check_choice, check_maps,
                      check_sigma)


def kernel_of(sigma, blur_kernel_size=None):
    """Standard deviation and radius of the modulation kernel.

    Args:
        sigma (float): The training sigma; heatmap pixels.
        blur_kernel_size (int, optional): Size of an OpenCV kernel instead,
            as the official code and the stock codecs have it: its standard
            deviation is ``0.3 * ((size - 1) * 0.5 - 1) + 0.8``.

    Returns:
        tuple[float, int]: Standard deviation and radius; heatmap pixels. The
        kernel of the training sigma is cut at 2.5 sigma, which for sigma 2
        is OpenCV's kernel of 11 taps.
    """
    if blur_kernel_size is None:
        return sigma, math.ceil(2.5 * sigma)
    radius = (blur_kernel_size - 1) // 2
    return 0.3 * (radius - 1) + 0.8, radius


def kernel_matrix(xp, like, size, sigma, radius):
    """The kernel as a banded (size, size) matrix: row i looks at pixel i.

    Multiplying by it from both sides is the zero-padded convolution with the
    two-dimensional kernel, before any normalisation.
    """
    index = xp.arange(0, size, like)
    offset = index[None, :] - index[:, None]
    kernel = xp.exp(offset * offset * (-0.5 / sigma**2))
    return xp.where(xp.abs(offset) <= radius, kernel, 0.)


def kernel_mass(sigma, radius):
    """Sum of the one-dimensional kernel's taps."""
    return sum(math.exp(-0.5 * (i / sigma)**2)
               for i in range(-radius, radius + 1))


def modulate_heatmaps(heatmaps,
                      sigma,
                      *,
                      rescale='minmax',
                      blur_kernel_size=None):
    """Modulate heatmaps by a Gaussian of the training sigma (Eq. 10-11).

    Args:
        heatmaps (np.ndarray | Tensor): Heatmaps in shape (..., H, W).
            Pixels that are not finite count as 0.
        sigma (float): The training sigma; heatmap pixels.
        rescale (str): ``'minmax'`` is Eq. 11; ``'max'`` is what the official
            code and MMPose do, ``h' * max(h) / max(h')``. Defaults to
            ``'minmax'``.
        blur_kernel_size (int, optional): See :func:`kernel_of`. Defaults to
            ``None``: the kernel follows ``sigma``.

    Returns:
        np.ndarray | Tensor: Modulated heatmaps in the shape of ``heatmaps``.
        The maximum of every map is that of the input. A map that is flat
        after the blur stays flat; with ``'max'`` a map without a positive
        value is blurred only.

    Raises:
        ValueError: A shape, sigma, kernel size or choice that makes no sense.
        TypeError: ``heatmaps`` are not real numbers.

    Example:
        >>> import numpy as np
        >>> maps = np.zeros((1, 9, 9), dtype=np.float32)
        >>> maps[0, 4, 4] = 0.5
        >>> float(modulate_heatmaps(maps, 1.0)[0, 4, 4])
        0.5
    """
    xp = backend_of(heatmaps)
    maps = xp.as_float(heatmaps)
    check_maps(maps)
    check_choice('rescale', rescale, ('minmax', 'max'))
    sigma, radius = kernel_of(
        check_sigma(sigma), check_blur_kernel_size(blur_kernel_size))
    if 0 in tuple(maps.shape):
        return maps
    with xp.guard(maps):
        maps = xp.where(xp.isfinite(maps), maps, 0.)
        height, width = maps.shape[-2:]
        mass = kernel_mass(sigma, radius)
        blurred = (
            kernel_matrix(xp, maps, height, sigma, radius) / mass @ maps
            @ kernel_matrix(xp, maps, width, sigma, radius).T / mass)

        def extreme(array):
            flat = array.reshape(*array.shape[:-2], height * width)
            return xp.amax(flat)[..., None, None]

        peak, top = extreme(maps), extreme(blurred)
        if rescale == 'max':
            usable = top > 0
            return xp.where(
                usable, blurred * (peak / xp.where(usable, top, 1.)), blurred)
        low = -extreme(-blurred)
        span = top - low
        # Rounding leaves a flat map with a span of a few units in the last
        # place: that is still flat.
        flat = span <= 1e-6 * abs(top)
        return xp.where(flat, peak,
                        (blurred - low) * (peak / xp.where(flat, 1., span)))
