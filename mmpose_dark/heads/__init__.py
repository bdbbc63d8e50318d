"""Heads, registered with MMPose."""
from ._covariance import CovarianceMixin
from .heatmap import (
    DarkCPMHead,
    DarkHeadMixin,
    DarkHeatmapHead,
    DarkViPNASHead,
)
from .simcc import DarkRTMCCHead, DarkRTMWHead, DarkSimCCHead, DarkSimCCMixin

__all__ = ['CovarianceMixin', 'DarkCPMHead', 'DarkHeadMixin',
           'DarkHeatmapHead', 'DarkRTMCCHead', 'DarkRTMWHead', 'DarkSimCCHead',
           'DarkSimCCMixin', 'DarkViPNASHead']
