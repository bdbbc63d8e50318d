"""Heads, registered with MMPose."""
from .heatmap import (
    DarkCPMHead,
    DarkHeadMixin,
    DarkHeatmapHead,
    DarkViPNASHead,
)

__all__ = ['DarkCPMHead', 'DarkHeadMixin', 'DarkHeatmapHead',
           'DarkViPNASHead']
