"""Codecs, registered with MMPose where there is one.

A new codec is a file, a line here and a test.
"""
from .associative_embedding import (
    DarkAssociativeEmbedding as DarkAssociativeEmbedding,
)
from .base import CODECS as CODECS
from .base import DarkCodec as DarkCodec
from .base import where_they_are as where_they_are
from .build import build_codec as build_codec
from .build import codec_class as codec_class
from .build import codec_name as codec_name
from .build import dark_codec as dark_codec
from .build import read_by as read_by
from .darkpose import DarkPoseHeatmap as DarkPoseHeatmap
from .decoupled import DarkDecoupledHeatmap as DarkDecoupledHeatmap
from .hand import DarkHand3DHeatmap as DarkHand3DHeatmap
from .heatmap import DarkHeatmap as DarkHeatmap
from .megvii import DarkMegviiHeatmap as DarkMegviiHeatmap
from .simcc import DarkSimCC as DarkSimCC
