"""Codecs, registered with MMPose."""
from .heatmap import DarkHeatmap
from .megvii import DarkMegviiHeatmap

__all__ = ['DarkHeatmap', 'DarkMegviiHeatmap']
