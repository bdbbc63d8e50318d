"""DARK for MMPose: distribution-aware encoding and decoding of heatmaps.

Importing the package is light. The registered parts, which know MMPose, load
on first use (PEP 562) or when MMPose looks for them, see :mod:`._compat`;
:mod:`mmpose_dark.functional` works where no mm* package is installed.
"""
from importlib import import_module
from typing import Any, List

from ._compat import install
from .version import __version__

#: public name -> the module that defines it; codecs name themselves
_PARTS = {
    'DarkAssociativeEmbeddingHead': '.heads',
    'DarkCIDHead': '.heads',
    'DarkCPMHead': '.heads',
    'DarkCocoMetric': '.evaluation',
    'DarkDSNTHead': '.heads',
    'DarkDWPoseDistiller': '.distiller',
    'DarkDecoder': '.deploy',
    'DarkHeatmapHead': '.heads',
    'DarkInternetHead': '.heads',
    'DarkRLEHead': '.heads',
    'DarkRTMCCHead': '.heads',
    'DarkRTMOHead': '.heads',
    'DarkRTMWHead': '.heads',
    'DarkSimCCHead': '.heads',
    'DarkViPNASHead': '.heads',
    'GenerateDarkTarget': '.transforms',
    'apply_dark': '.model',
    'check_alignment': '.alignment',
    'darkify': '.config',
    'functional': '.functional',
}

install()

__all__ = ['__version__', *_PARTS]


def __getattr__(name: str) -> Any:
    if name in _PARTS:
        module = import_module(_PARTS[name], __name__)
        value = module if name == 'functional' else getattr(module, name)
    else:
        codecs = (import_module('.codecs', __name__).CODECS
                  if name.startswith('Dark') else {})
        if name not in codecs:
            raise AttributeError(
                f'module {__name__!r} has no attribute {name!r}')
        value = codecs[name]
    globals()[name] = value
    return value


def __dir__() -> List[str]:
    codecs = import_module('.codecs', __name__).CODECS
    return sorted({*globals(), *__all__, *codecs})
