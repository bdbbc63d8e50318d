"""The codec of networks trained by DarkPose, the official code of DARK."""
from typing import Any, Tuple

import numpy as np

from .base import register
from .heatmap import DarkHeatmap


@register
class DarkPoseHeatmap(DarkHeatmap):
    r"""A :class:`DarkHeatmap` with the alignment of DarkPose.

    DarkPose takes the image to the input (w, h) and to the heatmap (W, H) by
    one rule: centre to centre, and both axes scaled by width - 1 (its
    ``get_affine_transform``). So input and heatmap are related by

    .. math::
        x - (w - 1) / 2 = f (X - (W - 1) / 2), \quad
        y - (h - 1) / 2 = f (Y - (H - 1) / 2), \quad f = (w - 1) / (W - 1)

    In x that is the alignment at the corners (``use_udp=True``), in y only
    where input and heatmap are square: at 128x96, :math:`f` is 95/23 where
    corner to corner is 127/31, half an input pixel apart at the top and at
    the bottom. Pair with the stock crop, ``TopdownAffine(use_udp=False)``,
    which scales both axes alike as that of DarkPose does, and with
    ``shift_heatmap=False``: a flipped-back heatmap is where it should be.

    Args:
        input_size (tuple): Image size in [w, h]
        heatmap_size (tuple): Heatmap size in [W, H]
        sigma (float): The sigma value of the Gaussian heatmap, in heatmap
            pixels
        switches: Of :class:`DarkHeatmap`, without ``use_udp``. The official
            decoding is ``peak='raw'`` with ``blur_kernel_size=11``, 3 for
            some experiments at 128x96

    Raises:
        ValueError: A size or switch that makes no sense.

    Example:
        >>> codec = DarkPoseHeatmap((96, 128), (24, 32), sigma=1)
        >>> keypoints = np.array([[[20.3, 100.6]]])
        >>> codec.decode(codec.encode(keypoints)['heatmaps'])[0].round(2)
        array([[[ 20.3, 100.6]]], dtype=float32)
    """

    STOCK = {}
    FOLLOWS = ('use_udp', )
    SDK = False

    def __init__(self, input_size: Tuple[int, int],
                 heatmap_size: Tuple[int, int], sigma: float,
                 **switches: Any) -> None:
        if switches.get('use_udp'):
            raise ValueError(
                'DarkPoseHeatmap has an alignment of its own and takes no '
                'use_udp=True')
        super().__init__(input_size, heatmap_size, sigma, **switches)
        (w, h), (width, height) = self.input_size, self.heatmap_size
        if width < 2:
            raise ValueError('DarkPoseHeatmap divides by (width - 1), got '
                             f'heatmap_size={self.heatmap_size}')
        factor = (w - 1) / (width - 1)
        self.scale_factor = np.full(2, factor, np.float32)
        self.decode_factor = factor, factor
        self.centre = ((w - 1) / factor - (width - 1)) / 2, (
            (h - 1) / factor - (height - 1)) / 2
        self.flip_shift = 0., 0.

    @property
    def shift_heatmap(self) -> bool:
        """The centres coincide: a flipped-back map is where it should be."""
        return False
