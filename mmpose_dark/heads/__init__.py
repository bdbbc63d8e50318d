"""Heads, registered with MMPose."""
from .associative_embedding import DarkAssociativeEmbeddingHead
from .base import DarkHead
from .cid import DarkCIDHead
from .hand import DarkInternetHead
from .heatmap import (
    DarkCPMHead,
    DarkHeadMixin,
    DarkHeatmapHead,
    DarkViPNASHead,
)
from .simcc import DarkRTMCCHead, DarkRTMWHead, DarkSimCCHead, DarkSimCCMixin

__all__ = ['DarkAssociativeEmbeddingHead', 'DarkCIDHead', 'DarkCPMHead',
           'DarkHead', 'DarkHeadMixin', 'DarkHeatmapHead', 'DarkInternetHead',
           'DarkRTMCCHead', 'DarkRTMWHead', 'DarkSimCCHead', 'DarkSimCCMixin',
           'DarkViPNASHead']
