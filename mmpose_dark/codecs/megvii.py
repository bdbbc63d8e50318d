"""The codec of MSPN and RSN, distribution-aware."""
from typing import Any, Tuple

from ..functional.modulate import opencv_sigma
from .base import register
from .heatmap import DarkHeatmap


@register
class DarkMegviiHeatmap(DarkHeatmap):
    r"""A :class:`DarkHeatmap` in the conventions of ``MegviiHeatmap``.

    Two of them differ, and a network trained with the stock codec
    (:class:`mmpose.codecs.MegviiHeatmap`) is decoded right only where both
    are kept:

    - A joint at heatmap position :math:`u` is drawn on pixel
      :math:`\lfloor u\rfloor`: the centre of pixel i is at i + 0.5.
    - The maximum of a heatmap is 255, and a score is ``max / 255 + 0.5``.

    Args:
        input_size (tuple): Image size in [w, h]
        heatmap_size (tuple): Heatmap size in [W, H]
        kernel_size (int): The kernel size of the Gaussian, as OpenCV defines
            it: its standard deviation is :math:`0.3*((ks-1)*0.5-1)+0.8`
            heatmap pixels
        switches: ``unbiased``, ``decoding``, ``modulation``, ``peak`` and
            ``blur_kernel_size`` and ``calibration`` of :class:`DarkHeatmap`

    Raises:
        ValueError: A size or switch that makes no sense.
        TypeError: A sigma, which follows from ``kernel_size`` here.
    """

    STOCK = {'MegviiHeatmap': ('input_size', 'heatmap_size', 'kernel_size')}
    FOLLOWS = ('sigma', 'use_udp')
    SDK = False
    CENTRE = 0.5
    PEAK, SCORE_OFFSET = 255., 0.5

    def __init__(self, input_size: Tuple[int, int],
                 heatmap_size: Tuple[int, int], kernel_size: int,
                 **switches: Any) -> None:
        name = type(self).__name__
        if 'sigma' in switches:
            raise TypeError(
                f'{name} takes no sigma: it follows from kernel_size')
        if switches.get('use_udp'):
            raise ValueError(f'{name} has pixel centres at i + 0.5 and cannot '
                             'be aligned at the corners (use_udp=True)')
        self.kernel_size = kernel_size
        super().__init__(input_size, heatmap_size, opencv_sigma(kernel_size),
                         **switches)

    @property
    def shift_heatmap(self) -> bool:
        """MSPN and RSN do not shift it: a quarter of a pixel at stride 4."""
        return False
