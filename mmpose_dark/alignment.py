"""Where pixels are: crop, codec and flip test must mean the same.

Either all align input and heatmap at pixel 0 (x / s; ``use_udp=False``), and a
flipped-back heatmap has to be shifted, or all at the centres of the corner
pixels (``use_udp=True``), and it has not. Nothing fails where they disagree;
every keypoint is only a little off.
"""
import warnings
from typing import Any, Dict, Iterator, Optional, Set, Tuple

from .conventions import HEADS

_ADVICE = (
    'These three must agree: either TopdownAffine(use_udp=False), '
    'a codec with use_udp=False and test_cfg.shift_heatmap=True, or '
    'TopdownAffine(use_udp=True), a codec with use_udp=True and '
    'test_cfg.shift_heatmap=False. Change the one that differs; a trained '
    'network keeps the alignment it was trained with')

#: codecs whose alignment is known; ``None``: as their ``use_udp`` says
_CODECS: Dict[str, Optional[bool]] = {
    'DarkHeatmap': None, 'MSRAHeatmap': False, 'UDPHeatmap': True,
    'DarkSimCC': False, 'SimCCLabel': False}
#: those of vectors, which have no ``shift_heatmap``
_VECTORS = 'DarkSimCC', 'SimCCLabel'


def mirror_offset(input_size: Tuple[float, float],
                  map_size: Tuple[float, float],
                  centre: float = 0.,
                  use_udp: bool = False) -> Tuple[float, float]:
    r"""How far a flipped-back map lies from where it should, (x, y).

    Flipping the input takes an input pixel x to w - 1 - x. It lies at :math:`x
    / s - c` on the map, s = w / W, and flipping the map back leads to
    :math:`x / s - c - (1 - 1 / s - 2 c)`.

    Args:
        input_size (tuple): Size of the input (w, h); px
        map_size (tuple): Size of the map (W, H); px, or bins of a vector
        centre (float): Where in a pixel of the map its index points; 0 for
            MMPose's usual codecs, .5 for ``MegviiHeatmap``. Defaults to 0
        use_udp (bool): Whether both are aligned at the centres of their corner
            pixels; then there is no offset. Defaults to ``False``

    Returns:
        tuple[float, float]: What to shift the flipped-back map by, towards
        higher indices; px of the map.
    """
    if use_udp:
        return 0., 0.
    x, y = (1 - of_map / of_input - 2 * centre
            for of_map, of_input in zip(map_size, input_size))
    return x, y


def check_map(input_size: Tuple[int, int], heatmap_size: Tuple[int, int],
              sigma: float) -> None:
    """Refuse sizes that were swapped, and a Gaussian wider than its map.

    Args:
        input_size (tuple): Size of the input (w, h); px
        heatmap_size (tuple): Size of the heatmap (W, H); px
        sigma (float): Of the Gaussian; heatmap px

    Raises:
        ValueError: One is wide and the other tall, or sigma is more than half
            a side of the heatmap.
    """
    (w, h), (width, height) = input_size, heatmap_size
    if (w - h) * (width - height) < 0:
        raise ValueError(
            f'input_size={(w, h)} is {"wide" if w > h else "tall"} and '
            f'heatmap_size={(width, height)} is not: both are (width, height)')
    if sigma > min(width, height) / 2:
        raise ValueError(
            f'sigma must be at most half a side of heatmap_size='
            f'{(width, height)}, in heatmap px, got {sigma}')


def check_alignment(cfg: Any) -> bool:
    """Warn where crop, codec and flip test of a config contradict each other.

    Looks at every ``TopdownAffine`` and codec in the model and the
    dataloaders, and, where there is a flip test, at ``shift_heatmap`` or, of
    SimCC, at whether the head merges it where it belongs.

    Args:
        cfg (Config): The config of a top-down heatmap or SimCC model.

    Returns:
        bool: Whether they agree.
    """
    parts = [cfg.get(name) for name in ('model', 'train_dataloader',
                                        'val_dataloader', 'test_dataloader')]
    built = [pair for part in parts for pair in entries(part)]
    crops = {bool(entry.get('use_udp', False)) for entry, name in built
             if name == 'TopdownAffine'}
    codecs = {bool(entry.get('use_udp', False))
              if _CODECS[name] is None else _CODECS[name]
              for entry, name in built if name in _CODECS}
    model = cfg.get('model') or {}
    test_cfg = model.get('test_cfg') or {}
    # Heads of ours need not be told, but must not be told wrong.
    exact = any(
        name in HEADS.values() and entry.get('flip_shift', 'exact') == 'exact'
        for entry, name in entries(model))
    shift = test_cfg.get('shift_heatmap', None if exact else False)
    ratios = {entry.get('simcc_split_ratio', 2.) for entry, name in built
              if name in _VECTORS}
    if ratios:
        agree = warn_unless_aligned(crops, codecs, None)
        return _warn_of_vectors(ratios, test_cfg, exact) and agree
    if not test_cfg.get('flip_test', False):
        shift = None
    if any(name == 'DarkPoseHeatmap' for _, name in built):
        return _warn_unless_darkpose(crops, shift)
    return warn_unless_aligned(crops, codecs, shift)


def warn_unless_aligned(crops: Set[bool], codecs: Set[Any],
                        shift_heatmap: Optional[bool]) -> bool:
    """Warn unless all of them mean the same alignment.

    Args:
        crops (set[bool]): ``use_udp`` of the crops; empty if not known.
        codecs (set[bool]): ``use_udp`` of the codecs.
        shift_heatmap (bool, optional): Of the flip test; ``None`` if there
            is none or it does not matter.

    Returns:
        bool: Whether they agree.
    """
    flip = set() if shift_heatmap is None else {not shift_heatmap}
    if not codecs or len(crops | codecs | flip) == 1:
        return True
    said_shift = '(not used)' if shift_heatmap is None else shift_heatmap
    warnings.warn(
        'crop, codec and flip test disagree on where pixels are: '
        f'TopdownAffine has use_udp={_said(crops)}, the codec has '
        f'use_udp={_said(codecs)}, shift_heatmap={said_shift}. {_ADVICE}.',
        stacklevel=3)
    return False


def _warn_of_vectors(ratios: Set[float], test_cfg: Any, exact: bool) -> bool:
    """Warn where a flip test of SimCC merges vectors that lie apart."""
    if exact or ratios == {1} or not test_cfg.get('flip_test', False):
        return True
    warnings.warn(
        'the flip test of MMPose\'s SimCC heads does not shift the '
        'flipped-back vectors, which lie simcc_split_ratio - 1 bins off '
        f'(here {_said({ratio - 1 for ratio in ratios})}): keypoints come out '
        'half of that to the right. Use darkify(..., head=True), or '
        'apply_dark on the built model', stacklevel=3)
    return False


def _warn_unless_darkpose(crops: Set[bool],
                          shift_heatmap: Optional[bool]) -> bool:
    if not any(crops) and not shift_heatmap:
        return True
    warnings.warn(
        'DarkPoseHeatmap goes with TopdownAffine(use_udp=False) and '
        f'shift_heatmap=False, got use_udp={_said(crops)}, '
        f'shift_heatmap={shift_heatmap}', stacklevel=3)
    return False


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
