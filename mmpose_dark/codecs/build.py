"""A codec from its config, with MMPose or without."""
from typing import Any, Dict, Mapping, Optional, Type

from ..conventions import OTHER_CODECS
from .base import CODECS, DarkCodec


def codec_class(name: str) -> Type[DarkCodec]:
    """The codec of that name, or the one in place of a stock codec.

    Args:
        name (str): Of a class, with or without its module

    Raises:
        ValueError: A codec that DARK cannot read.
    """
    name = name.rpartition('.')[2]
    for codec in CODECS.values():
        if name == codec.__name__ or name in codec.STOCK:
            return codec
    stock = [stock for codec in CODECS.values() for stock in codec.STOCK]
    _, why = OTHER_CODECS.get(name, (
        '', 'is a codec of another kind, not one of ' + ', '.join(stock)))
    raise ValueError(f'{name} {why}')


def dark_codec(name: str, options: Mapping[str, Any]) -> Dict[str, Any]:
    """The config of the DARK codec in place of a stock one.

    Args:
        name (str): Name of the stock codec's class
        options (Mapping): Its keywords, or attributes

    Raises:
        ValueError: A codec that DARK cannot read.
    """
    codec = codec_class(name)
    return dict(type=f'mmpose_dark.{codec.__name__}',
                **codec.in_place_of(name, options))


def build_codec(config: Mapping[str, Any]) -> DarkCodec:
    """The DARK codec that a config builds, or that reads what it draws.

    Args:
        config (Mapping): ``type``, with or without its module, and the
            codec's keywords: of a codec of this package, or of a stock one
            that it replaces

    Returns:
        DarkCodec: The codec.

    Raises:
        ValueError: A codec that DARK cannot read, or keywords that it does
            not have.

    Example:
        >>> codec = build_codec(dict(
        ...     type='UDPHeatmap', input_size=(192, 256),
        ...     heatmap_size=(48, 64), sigma=2))
        >>> type(codec).__name__, codec.use_udp
        ('DarkHeatmap', True)
    """
    options = dict(config)
    name = codec_name(options.pop('type', None))
    codec: Any = codec_class(name)
    if name != codec.__name__:
        options = codec.in_place_of(name, options)
    try:
        found: DarkCodec = codec(**options)
        return found
    except TypeError as error:
        raise ValueError(
            f'{codec.__name__}: {str(error).rpartition("() ")[2]}') from None


def codec_name(kind: Any) -> str:
    """Name of the class that ``type`` of a config is or names."""
    name = kind if isinstance(kind, str) else getattr(
        kind, '__name__', repr(kind))
    return name.rpartition('.')[2]


def read_by(decoder: Any, loss: Any = None,
            overrides: Optional[Mapping[str, Any]] = None) -> DarkCodec:
    """The DARK codec in place of a built one, as its head was trained.

    Args:
        decoder (BaseKeypointCodec): Any codec; one of ours stays as it is,
            unless the loss contradicts it
        loss (nn.Module, optional): What the head was trained by. Defaults to
            ``None``: not known
        overrides (Mapping, optional): Keywords of the DARK codec

    Raises:
        ValueError: A codec that DARK cannot read, or an override that it does
            not have.
    """
    codec: DarkCodec = decoder
    if not isinstance(decoder, DarkCodec):
        codec = build_codec({**vars(decoder), 'type': type(decoder).__name__})
    told = {} if loss is None else codec.of_loss(
        type(loss).__name__, getattr(loss, 'beta', 1.))
    config = codec.config()
    wanted = {**config, **told, **(overrides or {})}
    return codec if wanted == config else build_codec(wanted)
