"""Whether all parts of a config mean the same codec.

In a config with ``_base_`` a new ``codec`` does not reach what the base built
of its own, the head's decoder and the targets of the pipelines, and nothing
fails: the network is trained and read by another codec than the config shows.
"""
from typing import Any, Dict, Iterator, List, Tuple

from .alignment import entries

#: where pixels are and how wide a target is -> what it is where unsaid
_MEANING: Dict[str, Any] = dict(
    input_size=None, heatmap_size=None, sigma=None, kernel_size=None,
    simcc_split_ratio=2., use_udp=False, decode_center_shift=0.)
#: codec -> where it is another than that
_UNSAID: Dict[str, Dict[str, Any]] = dict(
    UDPHeatmap=dict(sigma=2, use_udp=True),
    SimCCLabel=dict(sigma=6), DarkSimCC=dict(sigma=6))
#: where pipelines for training are; in a hook that of a later stage
_TRAINING = 'train_dataloader', 'custom_hooks'


def contradictions(cfg: Any, training: bool = False) -> List[str]:
    """What a config of a DARK codec says and does not do.

    Args:
        cfg (Config): Any config. One whose parts are all of MMPose's is left
            alone
        training (bool): Whether targets are looked at too. To read a network
            that was trained on stock targets is fine. Defaults to ``False``

    Returns:
        list[str]: Each in two lines: what it is, and what mends it.
    """
    found = []
    unused = unused_codec(cfg)
    if unused and is_dark(cfg.codec):
        found.append(
            f'{unused}, and that one is used. Add to the config:\n'
            'model = dict(head=dict(decoder=dict(_delete_=True, **codec)))')
    for decoder in _dark_decoders(cfg):
        found += _other_crops(cfg, decoder, training)
        if training:
            found += _other_targets(cfg, decoder)
    return found


def unused_codec(cfg: Any) -> str:
    """How ``codec`` differs from what the head decodes by.

    Args:
        cfg (Config): Any config

    Returns:
        str: In words; empty where they are the same or there are no two.
    """
    codec = cfg.get('codec')
    decoder = cfg
    for name in ('model', 'head', 'decoder'):
        decoder = decoder.get(name) if hasattr(decoder, 'get') else None
    if not isinstance(codec, dict) or not isinstance(decoder, dict):
        return ''
    return _difference('codec', codec, 'model.head.decoder', decoder)


def _other_targets(cfg: Any, decoder: Dict[str, Any]) -> List[str]:
    """The network learns other maps than its decoder reads."""
    found = []
    for name, encoder in _encoders(cfg):
        several = encoder if isinstance(encoder, (list, tuple)) else [encoder]
        told = [_difference(f'the encoder of {name}', one,
                            'model.head.decoder', decoder)
                for one in several if isinstance(one, dict)]
        # Of several, for the stages of a network, the last one is read.
        if told and all(told):
            found.append(f'{told[-1]}. A config in which both are the same is '
                         f'written by:\n{_darkify(cfg, several[-1], decoder)}')
    return list(dict.fromkeys(found))


def _darkify(cfg: Any, encoder: Dict[str, Any],
             decoder: Dict[str, Any]) -> str:
    """The command that writes a config whose targets are the decoder's."""
    values = _meaning(decoder)
    told = [f"'{key}={values[key]}'".replace(' ', '')
            for key, value in _meaning(encoder).items()
            if value != values[key]]
    return ' '.join([
        'mmpose-dark darkify',
        str(getattr(cfg, 'filename', None) or 'CONFIG'), 'OUT.py',
        *(['--codec', *told] if told else [])])


def _other_crops(cfg: Any, decoder: Dict[str, Any],
                 training: bool) -> List[str]:
    """The network sees crops of another size than its decoder knows of."""
    reading = 'test_dataloader', 'val_dataloader'
    found = []
    for name in reading + _TRAINING if training else reading[:1]:
        sizes = {_plain(entry['input_size'])
                 for entry, kind in entries(cfg.get(name))
                 if kind == 'TopdownAffine' and 'input_size' in entry}
        # Of hands it is called image_size.
        wanted = _plain(decoder.get('input_size', decoder.get('image_size')))
        if sizes and wanted is not None and wanted not in sizes:
            found.append(
                f'TopdownAffine of {name} has input_size={sorted(sizes)[0]}, '
                f'but model.head.decoder has input_size={wanted}.\nGive both '
                'the same, (width, height)')
    return found


def _difference(name: str, one: Dict[str, Any], other_name: str,
                other: Dict[str, Any]) -> str:
    """In what two codecs differ that should be the same; empty: nothing."""
    kinds = _kind(one), _kind(other)
    if kinds[0] != kinds[1]:
        return f'{name} is a {kinds[0]}, but {other_name} is a {kinds[1]}'
    values = _meaning(other)
    for key, value in _meaning(one).items():
        if value != values[key]:
            return (f'{name} has {key}={value}, but {other_name} has '
                    f'{key}={values[key]}')
    return ''


def _meaning(codec: Dict[str, Any]) -> Dict[str, Any]:
    """What :data:`_MEANING` has for a codec."""
    unsaid = {**_MEANING, **_UNSAID.get(_kind(codec), {})}
    return {key: _plain(codec.get(key, default))
            for key, default in unsaid.items()}


def _dark_decoders(cfg: Any) -> Iterator[Dict[str, Any]]:
    for entry, _ in entries(cfg.get('model') or {}):
        decoder = entry.get('decoder')
        if isinstance(decoder, dict) and is_dark(decoder):
            yield decoder


def _encoders(cfg: Any) -> Iterator[Tuple[str, Any]]:
    for name in _TRAINING:
        for entry, kind in entries(cfg.get(name)):
            if kind in ('GenerateTarget', 'GenerateDarkTarget'):
                yield name, entry.get('encoder')


def is_dark(codec: Dict[str, Any]) -> bool:
    """Whether a codec's config is of this package."""
    return str(_kind(codec)).startswith('Dark')


def _kind(codec: Dict[str, Any]) -> str:
    return next(entries(codec))[1]


def _plain(value: Any) -> Any:
    """A number or a tuple of them: files of configs have lists as well."""
    if isinstance(value, (list, tuple)):
        numbers: Tuple[Any, ...] = tuple(value)
        # One sigma stands for x and y.
        return numbers[0] if len(set(numbers)) == 1 < len(numbers) else numbers
    return value
