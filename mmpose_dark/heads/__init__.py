"""Heads, registered with MMPose."""
from .associative_embedding import DarkAssociativeEmbeddingHead
from .base import DarkHead
from .hand import DarkInternetHead
from .heatmap import (
    DarkCPMHead,
    DarkHeadMixin,
    DarkHeatmapHead,
    DarkViPNASHead,
)
from .simcc import DarkRTMCCHead, DarkRTMWHead, DarkSimCCHead, DarkSimCCMixin

__all__ = ['DarkAssociativeEmbeddingHead', 'DarkCPMHead', 'DarkHead',
           'DarkHeadMixin', 'DarkHeatmapHead', 'DarkInternetHead',
           'DarkRTMCCHead', 'DarkRTMWHead', 'DarkSimCCHead', 'DarkSimCCMixin',
           'DarkViPNASHead']
