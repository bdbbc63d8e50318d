"""Codecs, registered with MMPose where there is one."""
from .build import build_codec, codec_config
from .darkpose import DarkPoseHeatmap
from .heatmap import DarkHeatmap
from .megvii import DarkMegviiHeatmap
from .simcc import DarkSimCC

__all__ = ['DarkHeatmap', 'DarkMegviiHeatmap', 'DarkPoseHeatmap', 'DarkSimCC',
           'build_codec', 'codec_config']
