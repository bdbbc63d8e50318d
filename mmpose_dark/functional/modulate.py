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
from typing import Any, NamedTuple, Optional, Tuple

from .backends import Array, Backend, as_maps, table
from .checks import check_blur_kernel_size, check_sigma

#: OpenCV takes its smallest kernels from a table: half of each, middle first.
_OPENCV_TAPS = {
    3: (0.5, 0.25),
    5: (0.375, 0.25, 0.0625),
    7: (0.28125, 0.21875, 0.109375, 0.03125),
    9: (0.234375, 0.19921875, 0.1171875, 0.05078125, 0.015625),
}


def opencv_sigma(kernel_size: int) -> float:
    """Standard deviation that OpenCV gives a Gaussian kernel of a size."""
    return 0.3 * ((kernel_size - 1) * 0.5 - 1) + 0.8


class Kernel(NamedTuple):
    """A one-dimensional modulation kernel.

    Attributes:
        sigma (float): Standard deviation; heatmap pixels.
        radius (int): Number of taps on each side.
        window (int): Pixels that the fit sees on each side of a peak: the
            taps and a margin of 1.
        mode (int): Pixels around the raw peak that belong to its mode, on
            each side.
        half (tuple[float], optional): The taps from the middle outwards,
            where they are not those of a Gaussian.
    """
    sigma: float
    radius: int
    window: int
    mode: int
    half: Optional[Tuple[float, ...]] = None

    @classmethod
    def of(cls, sigma: float,
           blur_kernel_size: Optional[int] = None) -> 'Kernel':
        """The kernel of the training sigma, or OpenCV's of a given size.

        Cut at 2.5 sigma, which for sigma 2 is OpenCV's kernel of 11 taps.
        """
        half = None
        radius = math.ceil(2.5 * sigma)
        if blur_kernel_size is not None:
            sigma = opencv_sigma(blur_kernel_size)
            radius = (blur_kernel_size - 1) // 2
            half = _OPENCV_TAPS.get(blur_kernel_size)
        return cls(sigma, radius, radius + 1, math.ceil(1.5 * sigma), half)

    def within(self, size: int) -> 'Kernel':
        """The same as far as maps of at most ``size`` pixels a side tell."""
        if self.window <= size + 1:
            return self
        return self._replace(radius=min(self.radius, size), window=size + 1,
                             mode=min(self.mode, size))

    def at(self, xp: Backend, offset: Any) -> Any:
        """The taps, summing to one, at whole-pixel offsets; 0 beyond."""
        if self.half is None:
            mass = sum(math.exp(-0.5 * (i / self.sigma)**2)
                       for i in range(-self.radius, self.radius + 1))
            taps = xp.exp(offset * offset * (-0.5 / self.sigma**2)) / mass
            return xp.where(abs(offset) <= self.radius, taps, 0.)
        taps = 0. * offset
        for i, tap in enumerate(self.half):
            taps = xp.where(abs(offset) == i, tap, taps)
        return taps

    def matrix(self, xp: Backend, like: Any, size: int) -> Any:
        """The kernel around each of ``size`` pixels, (size, size)."""
        return _matrix(xp, like, self, size)


@table
def _matrix(xp: Backend, like: Any, kernel: Kernel, size: int) -> Any:
    index = xp.arange(0, size, like)
    return kernel.at(xp, index[None, :] - index[:, None])


def filtered(xp: Backend, maps: Any, kernel: Kernel) -> Any:
    """Maps (M, ...) convolved along every axis, outside of them 0 (Eq. 10).

    The kernel of several axes is the product of those of one.
    """
    shape = tuple(maps.shape[1:])
    out = xp.convolve(maps.reshape(-1, shape[-1]), kernel)
    behind = shape[-1]
    for size in shape[-2::-1]:
        out = kernel.matrix(xp, maps, size) @ out.reshape(-1, size, behind)
        behind *= size
    return out.reshape(-1, *shape)


def modulate_heatmaps(heatmaps: Array,
                      sigma: float,
                      *,
                      blur_kernel_size: Optional[int] = None) -> Array:
    """Modulate heatmaps by a Gaussian of the training sigma (Eq. 10-11).

    Args:
        heatmaps (np.ndarray | Tensor): Heatmaps in shape (..., H, W).
            Pixels that are not finite count as 0.
        sigma (float): The training sigma; heatmap pixels.
        blur_kernel_size (int, optional): Size of an OpenCV kernel to use
            instead. Defaults to ``None``: the kernel follows ``sigma``.

    Returns:
        np.ndarray | Tensor: Modulated heatmaps in the shape of ``heatmaps``.
        The maximum of every map is that of the input. A map that is flat
        after the blur stays flat; one without a positive value is blurred
        only.

    Raises:
        ValueError: A shape, sigma or kernel size that makes no sense.
        TypeError: ``heatmaps`` are not real numbers.

    Example:
        >>> import numpy as np
        >>> maps = np.zeros((1, 9, 9), dtype=np.float32)
        >>> maps[0, 4, 4] = 0.5
        >>> float(modulate_heatmaps(maps, 1.0)[0, 4, 4])
        0.5
    """
    xp, maps = as_maps(heatmaps)
    kernel = Kernel.of(
        check_sigma(sigma), check_blur_kernel_size(blur_kernel_size))
    if 0 in tuple(maps.shape):
        return maps
    with xp.guard(maps):
        maps = xp.where(xp.isfinite(maps), maps, 0.)
        height, width = maps.shape[-2:]
        blurred = filtered(xp, maps.reshape(-1, height, width),
                           kernel).reshape(maps.shape)

        def extreme(array: Any) -> Any:
            flat = array.reshape(*array.shape[:-2], height * width)
            return xp.amax(flat)[..., None, None]

        # Halves: no number is as large as the span of the largest ones.
        half = .5 * blurred
        peak, top, low = extreme(maps), extreme(half), -extreme(-half)
        usable = (peak > 0) & (top > 0)
        span = top - low
        # Rounding leaves a flat map with a span of a few units in the last
        # place: that is still flat.
        flat = span <= 1e-6 * abs(top)
        scaled = (half - low) * (peak / xp.where(flat, 1., span))
        modulated: Array = xp.where(
            usable, xp.where(flat, peak, scaled), blurred)
        return modulated
