"""Where pixels are: crop, codec and flip test must mean the same.

Either all align input and heatmap at pixel 0 (x / s; ``use_udp=False``), and a
flipped-back heatmap has to be shifted, or all at the centres of the corner
pixels (``use_udp=True``), and it has not. Nothing fails where they disagree;
every keypoint is only a little off.
"""
import inspect
import warnings
from typing import Any, Iterable, Iterator, Optional, Sequence, Set, Tuple

from .codecs import DarkCodec, build_codec
from .conventions import HEADS

#: transforms that say where a pixel of the input is in the image
CROPS = 'TopdownAffine', 'BottomupResize', 'BottomupRandomAffine'


def check_alignment(cfg: Any) -> bool:
    """Warn where crop, codec and flip test of a config contradict each other.

    Looks at every crop (``TopdownAffine`` or, of whole images,
    ``BottomupResize`` and ``BottomupRandomAffine``) and codec in the model
    and the dataloaders, and, where there is a flip test, at ``shift_heatmap``
    or, of SimCC, at whether the head merges it where it belongs.

    Args:
        cfg (Config): The config of a heatmap or SimCC model.

    Returns:
        bool: Whether they agree.
    """
    parts = [cfg.get(name) for name in ('model', 'train_dataloader',
                                        'val_dataloader', 'test_dataloader')]
    built = [pair for part in parts for pair in entries(part)]
    crops = {crop_udp(entry, name) for entry, name in built if name in CROPS}
    codecs = list(_codecs(built))
    model = cfg.get('model') or {}
    test_cfg = model.get('test_cfg') or {}
    # Heads of ours need not be told, but must not be told wrong.
    exact = any(
        name in HEADS.values() and entry.get('flip_shift', 'exact') == 'exact'
        for entry, name in entries(model))
    shift = test_cfg.get('shift_heatmap', None if exact else False)
    flip_test = test_cfg.get('flip_test', False)
    agree = warn_unless_aligned(crops, codecs, shift if flip_test else None)
    if not flip_test or exact:
        return agree
    return _warn_of_merge(codecs) and agree


def crop_udp(entry: Any, name: str) -> bool:
    """Whether a crop, one of :data:`CROPS`, aligns corner pixels."""
    if _by_mode(name):
        return bool(entry.get('transform_mode') == 'affine_udp')
    return bool(entry.get('use_udp', False))


def align_corners(entry: Any, name: str) -> None:
    """Make a crop, one of :data:`CROPS`, align corner pixels."""
    if _by_mode(name):
        entry['transform_mode'] = 'affine_udp'
    else:
        entry['use_udp'] = True


def _by_mode(name: str) -> bool:
    """Since MMPose 1.3 ``BottomupRandomAffine`` ignores ``use_udp``."""
    if name != 'BottomupRandomAffine':
        return False
    from mmpose.datasets.transforms import BottomupRandomAffine
    return 'transform_mode' in inspect.signature(
        BottomupRandomAffine).parameters


def _codecs(built: Iterable[Tuple[Any, Any]]) -> Iterator[DarkCodec]:
    """The codecs of a config, as those of this package."""
    for entry, name in built:
        try:
            yield build_codec({**entry, 'type': name})
        except (TypeError, ValueError):
            continue  # no codec, or one of which nothing is known here


def warn_unless_aligned(crops: Set[bool], codecs: Sequence[DarkCodec],
                        shift_heatmap: Optional[bool]) -> bool:
    """Warn unless all of them mean the same alignment.

    Args:
        crops (set[bool]): ``use_udp`` of the crops; empty if not known.
        codecs (Sequence[DarkCodec]): What maps are drawn and read by.
        shift_heatmap (bool, optional): Of the flip test; ``None`` if there
            is none or it does not matter.

    Returns:
        bool: Whether they agree.
    """
    wanted = {codec.use_udp for codec in codecs}
    shifts = {codec.shift_heatmap for codec in codecs} - {None}
    flip = set() if shift_heatmap is None or not shifts else {shift_heatmap}
    if not codecs or (len(crops | wanted) == 1 and len(flip | shifts) < 2):
        return True
    names = sorted({type(codec).__name__ for codec in codecs})
    warnings.warn(
        'crop, codec and flip test disagree on where pixels are: '
        f'the crop has use_udp={_said(crops)}, shift_heatmap='
        f'{"(not used)" if shift_heatmap is None else shift_heatmap}, and '
        f'{" and ".join(names)} goes with use_udp={_said(wanted)} and '
        f'shift_heatmap={_said(shifts)}. Change the one that differs; a '
        'trained network keeps the alignment it was trained with.',
        stacklevel=3)
    return False


def _warn_of_merge(codecs: Sequence[DarkCodec]) -> bool:
    """Warn where a flip test of MMPose merges what lies apart."""
    off = {codec.flip_shift[0]: type(codec).__name__ for codec in codecs
           if codec.shift_heatmap is None and codec.flip_shift[0]}
    for shift, name in off.items():
        warnings.warn(
            'the flip test of MMPose\'s head moves nothing of what a flipped '
            f'input gives, which for {name} lies {abs(shift):g} px or bins '
            'off: keypoints come out half of that to the '
            f'{"left" if shift > 0 else "right"}. '
            'Use darkify(..., head=True), or apply_dark on the built model',
            stacklevel=3)
    return not off


def _said(values: Set[Any]) -> str:
    return ' and '.join(str(v) for v in sorted(values)) or '(not known here)'


def entries(node: Any) -> Iterator[Tuple[Any, Any]]:
    """Every dict in a config, and the name of the class that it builds.

    Text configs name a class by a string, with or without its module; pure
    Python configs have the class itself.
    """
    if isinstance(node, dict):
        kind = node.get('type')
        if isinstance(kind, str):
            yield node, kind.rpartition('.')[2]
        else:
            yield node, getattr(kind, '__name__', None)
        node = node.values()
    elif not isinstance(node, (list, tuple)):
        return
    for child in node:
        yield from entries(child)
