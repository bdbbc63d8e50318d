"""Heads, registered with MMPose."""
from .heatmap import (
    DarkCPMHead,
    DarkHeadMixin,
    DarkHeatmapHead,
    DarkViPNASHead,
)
from .simcc import DarkRTMCCHead, DarkRTMWHead, DarkSimCCHead, DarkSimCCMixin

__all__ = ['DarkCPMHead', 'DarkHeadMixin', 'DarkHeatmapHead', 'DarkRTMCCHead',
           'DarkRTMWHead', 'DarkSimCCHead', 'DarkSimCCMixin',
           'DarkViPNASHead']
