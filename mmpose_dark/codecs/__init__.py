"""Codecs, registered with MMPose."""
from .darkpose import DarkPoseHeatmap
from .heatmap import DarkHeatmap
from .megvii import DarkMegviiHeatmap
from .simcc import DarkSimCC

__all__ = ['DarkHeatmap', 'DarkMegviiHeatmap', 'DarkPoseHeatmap', 'DarkSimCC']
