"""A codec from its config, with MMPose or without."""
import inspect
from typing import Any, Dict, Mapping, Type, Union

from ..conventions import dark_codec
from .darkpose import DarkPoseHeatmap
from .heatmap import DarkHeatmap
from .megvii import DarkMegviiHeatmap
from .simcc import DarkSimCC

_CODECS: Dict[str, Type[Any]] = {codec.__name__: codec for codec in (
    DarkHeatmap, DarkMegviiHeatmap, DarkPoseHeatmap, DarkSimCC)}


def build_codec(config: Mapping[str, Any]) -> Union[DarkHeatmap, DarkSimCC]:
    """The DARK codec that a config builds, or that reads what it draws.

    Args:
        config (Mapping): ``type``, with or without its module, and the
            codec's arguments: of a codec of this package, or of a stock one
            that it replaces

    Returns:
        DarkHeatmap | DarkSimCC: The codec.

    Raises:
        ValueError: A codec that DARK cannot read, or arguments that it does
            not have.

    Example:
        >>> codec = build_codec(dict(
        ...     type='UDPHeatmap', input_size=(192, 256),
        ...     heatmap_size=(48, 64), sigma=2))
        >>> type(codec).__name__, codec.use_udp
        ('DarkHeatmap', True)
    """
    options = dict(config)
    kind = options.pop('type', None)
    name = (kind if isinstance(kind, str)
            else getattr(kind, '__name__', repr(kind))).rpartition('.')[2]
    if name not in _CODECS:
        options = dark_codec(name, options)
        name = options.pop('type').rpartition('.')[2]
    try:
        return _CODECS[name](**options)
    except TypeError as error:
        raise ValueError(
            f'{name}: {str(error).rpartition("() ")[2]}') from None


def codec_config(codec: Union[DarkHeatmap, DarkSimCC]) -> Dict[str, Any]:
    """The config that builds a DARK codec.

    Args:
        codec (DarkHeatmap | DarkSimCC): The codec

    Returns:
        dict: ``type`` and all arguments.
    """
    kind = DarkSimCC if isinstance(codec, DarkSimCC) else DarkHeatmap
    names = set(inspect.signature(kind).parameters)
    if isinstance(codec, DarkMegviiHeatmap):
        names = names - {'sigma', 'use_udp'} | {'kernel_size'}
    options = {name: getattr(codec, name) for name in sorted(names)}
    if isinstance(codec, DarkSimCC):
        options['sigma'] = codec.sigma.tolist()
    return dict(type=type(codec).__name__, **options)
