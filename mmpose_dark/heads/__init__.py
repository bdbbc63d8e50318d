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
from .means import DarkDSNTHead, DarkMeanHead, DarkRLEHead
from .promise import PromisingHead
from .rtmo import DarkRTMOHead
from .simcc import DarkRTMCCHead, DarkRTMWHead, DarkSimCCHead, DarkSimCCMixin

__all__ = ['DarkAssociativeEmbeddingHead', 'DarkCIDHead', 'DarkCPMHead',
           'DarkDSNTHead', 'DarkHead', 'DarkHeadMixin', 'DarkHeatmapHead',
           'DarkInternetHead', 'DarkMeanHead', 'DarkRLEHead', 'DarkRTMCCHead',
           'DarkRTMOHead', 'DarkRTMWHead', 'DarkSimCCHead', 'DarkSimCCMixin',
           'DarkViPNASHead', 'PromisingHead']
