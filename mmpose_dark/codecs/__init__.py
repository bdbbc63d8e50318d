"""Codecs, registered with MMPose."""
from .heatmap import DarkHeatmap
from .megvii import DarkMegviiHeatmap
from .simcc import DarkSimCC

__all__ = ['DarkHeatmap', 'DarkMegviiHeatmap', 'DarkSimCC']
