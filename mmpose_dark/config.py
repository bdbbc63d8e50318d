"""DARK for every codec of a stock config."""
import copy
import itertools
import os
from typing import Any, List

from mmengine.config import Config
from mmengine.hub import get_config
from mmpose.registry import KEYPOINT_CODECS

from .alignment import CROPS, align_corners, entries
from .codecs import CODECS, DarkCodec, codec_class, dark_codec
from .consistency import is_dark, unused_codec
from .conventions import COUNTS, HEADS, MEAN_HEADS, SCORES
from .functional import oks_sigmas
from .functional.checks import check_choice
from .means import check_config, check_no_effect, mean_heads
from .shipped import CONFIGS


def darkify(cfg: Any, *, head: bool = False, device_targets: bool = False,
            alignment: str = 'keep', score: str = 'stock',
            **codec_overrides: Any) -> Config:
    """A config of a stock model, every codec made DARK.

    Every entry that builds a codec is swapped, wherever it is nested: in
    heads, pipelines, lists of encoders and the variables beside them.
    ``MSRAHeatmap`` and the Gaussian ``UDPHeatmap`` become
    :class:`DarkHeatmap` with their sizes and sigma, ``MegviiHeatmap`` becomes
    :class:`DarkMegviiHeatmap`, ``SimCCLabel`` becomes :class:`DarkSimCC`. How
    the stock codec would have drawn or decoded (``unbiased``,
    ``blur_kernel_size``, ``use_dark``) is not kept: a DARK codec is unbiased
    and its kernel follows sigma, unless overridden. A ``DWPoseDistiller``,
    whose networks are in configs of their own, becomes a
    :class:`DarkDWPoseDistiller`. A checkpoint of the stock
    config stays valid; only what it predicts is read better. Codecs that are
    DARK already keep their settings. Where positions are means, as of RLE,
    DSNT and RTMO, the codec stays and the head alone is swapped, for its
    covariances: see :class:`DarkMeanHead`.

    Args:
        cfg (Config | str | Path): A config, text or pure Python, the path of
            one, or a name like ``'mmpose::body_2d_keypoint/...'`` or
            ``'mmpose_dark::body_2d_keypoint/...'``. Not modified
        head (bool): Whether to swap the heads as well, see
            :data:`mmpose_dark.conventions.HEADS`. Defaults to ``False``
        device_targets (bool): Whether heatmaps to train on are drawn by the
            head, on the device; needs ``head=True``. Defaults to ``False``
        alignment (str): ``'keep'``, or ``'udp'`` to align crops and heatmaps
            at the corners, as the official code of DARK does. That changes
            what a network is trained on: not for existing checkpoints.
            Defaults to ``'keep'``
        score (str): ``'similarity'`` makes the ``keypoint_scores`` of the
            heads the OKS to expect of each joint, 0 to 1, see
            :class:`DarkHeatmapHead`; needs ``head=True``. The data set's OKS
            constants are written into their entries. Defaults to
            ``'stock'``: MMPose's
        codec_overrides: Arguments of :class:`DarkHeatmap` or
            :class:`DarkSimCC` for every codec, for example ``peak='raw'``

    Returns:
        Config: The new config. Dumped, MMPose's own tools can run it: its
        ``custom_imports`` name this package.

    Raises:
        ValueError: Not a top-down heatmap or SimCC config, or options that do
            not go together.
        TypeError: An override that the codec does not have.

    Example:
        >>> cfg = darkify('mmpose::body_2d_keypoint/topdown_heatmap/coco/'
        ...               'td-hm_hrnet-w32_8xb64-210e_coco-256x192.py')
        >>> cfg.model.head.decoder
        ...     # doctest: +NORMALIZE_WHITESPACE
        {'type': 'mmpose_dark.DarkHeatmap', 'input_size': (192, 256),
         'heatmap_size': (48, 64), 'sigma': 2}
    """
    if alignment not in ('keep', 'udp'):
        raise ValueError(
            f"alignment must be 'keep' or 'udp', got {alignment!r}")
    if device_targets and not head:
        raise ValueError('device_targets=True needs head=True: it is the head '
                         'that draws the heatmaps')
    if check_choice('score', score, SCORES) != 'stock' and not head:
        raise ValueError("score='similarity' needs head=True: it is the head "
                         'that scores')
    cfg = load_config(cfg)
    if mean_heads(cfg):
        check_no_effect(mean_heads(cfg)[0][1], [
            *(['alignment'] if alignment != 'keep' else []),
            *(['device_targets'] if device_targets else []),
            *codec_overrides])
        _check_means(cfg, head)
    else:
        _check_codecs(cfg, alignment, device_targets)
        _show_own_maps(cfg)
        _show_what_decodes(cfg)
        _swap_codecs(cfg, codec_overrides, alignment)
    _swap_distiller(cfg, head, codec_overrides)
    if alignment == 'udp':
        _align_corners(cfg)
    if head:
        _swap_heads(cfg)
    elif any(codec_class(name).NEEDS_HEAD for name in _codecs_of(cfg)):
        _swap_heads(cfg, flip_shift='stock')
    if score == 'similarity':
        _score_by_similarity(cfg)
    if device_targets:
        _swap_target_transforms(cfg)
    _import_us(cfg)
    return cfg


def load_config(cfg: Any) -> Config:
    """A config of its own from a Config, a path or a name, see darkify."""
    if isinstance(cfg, Config):
        return copy.deepcopy(cfg)
    if not isinstance(cfg, (str, os.PathLike)):
        raise TypeError('cfg must be an mmengine Config, a path or a name '
                        f'like "mmpose::...", got {type(cfg).__name__}')
    package, named, path = str(cfg).partition('::')
    if named and package == 'mmpose_dark':
        return Config.fromfile(CONFIGS / path)
    if named:
        return get_config(str(cfg))
    return Config.fromfile(cfg)


def _check_codecs(cfg: Any, alignment: str, device_targets: bool) -> None:
    for name in _codecs_of(cfg):
        codec = codec_class(name)
        if alignment == 'udp' and not codec.CORNERS:
            raise ValueError(
                f"alignment='udp' is for heatmaps: what {name} draws "
                "counts from pixel 0 of the input. Use alignment='keep'")
        if device_targets and not hasattr(codec, 'render'):
            raise ValueError(
                'device_targets=True is for heatmaps, which are drawn on the '
                f'device; those of {name} are not. Leave it out')


def _codecs_of(cfg: Any) -> List[str]:
    """Names of the codecs in a config that DARK knows."""
    known = {*CODECS, *(stock for codec in CODECS.values()
                        for stock in codec.STOCK)}
    return [name for _, name in entries(cfg._cfg_dict) if name in known]


def _show_what_decodes(cfg: Any) -> None:
    """A stock ``codec`` that nothing uses must not look used.

    Those of MMPose's UDP configs for DeepFashion do not reach the head.
    """
    if unused_codec(cfg) and not is_dark(cfg.codec):
        cfg.codec = copy.deepcopy(cfg.model.head.decoder)


def _show_own_maps(cfg: Any) -> None:
    """A decoder of maps that a stock head enlarges: it reads the network's."""
    test_cfg = cfg.get('model', {}).get('test_cfg') or {}
    if test_cfg.get('restore_heatmap_size') and 'heatmap_size' in cfg.get(
            'codec', {}):
        cfg.model.head.decoder.heatmap_size = cfg.codec.heatmap_size


def _swap_codecs(cfg: Any, overrides: Any, alignment: str) -> None:
    found = [(entry, name) for entry, name in entries(cfg._cfg_dict)
             if name in KEYPOINT_CODECS.module_dict]
    try:
        if not found:
            raise ValueError('it has no codec')
        for entry, name in found:
            if not name.startswith('Dark'):
                new = dark_codec(name, entry)
                entry.clear()
                entry.update(new)
            if alignment == 'udp':
                entry.update(codec_class(name).CORNERS)
            entry.update(overrides)
            KEYPOINT_CODECS.build(entry)  # complains about bad arguments
        _tell_of_losses(cfg)
    except ValueError as error:
        raise _cannot(cfg, error) from None


def _check_means(cfg: Any, head: bool) -> None:
    try:
        check_config(cfg, head)
    except ValueError as error:
        raise _cannot(cfg, error) from None


def _cannot(cfg: Any, error: ValueError) -> ValueError:
    return ValueError(
        f'this config of {_what_is_in(cfg)} cannot be made DARK: {error}')


def _tell_of_losses(cfg: Any) -> None:
    """A codec knows what follows from the loss beside it, as beta of SimCC."""
    for entry, _ in list(entries(cfg._cfg_dict)):
        loss, decoder = (entry.get(key) for key in ('loss', 'decoder'))
        if not (isinstance(loss, dict) and isinstance(decoder, dict)):
            continue
        (_, of_loss), (_, name) = (
            next(entries(part), (None, None)) for part in (loss, decoder))
        if name in CODECS:
            built = KEYPOINT_CODECS.build(decoder)
            told = {key: value for key, value in built.of_loss(
                str(of_loss), loss.get('beta', 1.)).items()
                if key not in decoder and value != getattr(built, key)}
            # A dict of its own: pipelines may share the other.
            entry['decoder'] = dict(decoder, **told) if told else decoder


def _what_is_in(cfg: Any) -> str:
    """Model and head of a config, for a message."""
    model = cfg.get('model') or {}
    names = (name for entry in (model, model.get('head') or {})
             for _, name in itertools.islice(entries(entry), 1))
    return ' with '.join(filter(None, names)) or 'no model'


def _align_corners(cfg: Any) -> None:
    for entry, name in entries(cfg._cfg_dict):
        if name in CROPS:
            align_corners(entry, name)
    # The flipped-back map of a corner-aligned model is where it should be.
    cfg.model.setdefault('test_cfg', {})['shift_heatmap'] = False


def _swap_heads(cfg: Any, **options: Any) -> None:
    heads = [(entry, name) for entry, name in entries(cfg.model)
             if name and name.endswith('Head') and (
                 'decoder' in entry or name.replace('Dark', '') in MEAN_HEADS)]
    for entry, name in heads:
        if name not in HEADS and name not in HEADS.values():
            raise ValueError(f'head=True: there is no DARK version of {name}, '
                             f'only of {", ".join(HEADS)}')
        entry['type'] = f'mmpose_dark.{HEADS.get(name, name)}'
        if name in HEADS:
            entry.update(options)


def _score_by_similarity(cfg: Any) -> None:
    from mmpose.apis.inference import dataset_meta_from_config
    meta = dataset_meta_from_config(cfg, 'test') or dataset_meta_from_config(
        cfg, 'train')
    heads = [(entry, name) for entry, name in entries(cfg.model)
             if name and name.rpartition('.')[2] in HEADS.values()]
    if not heads:
        raise ValueError("score='similarity' needs a head that has a DARK "
                         f'version, in {_what_is_in(cfg)} there is none')
    for entry, _ in heads:
        if 'decoder' in entry:
            codec = KEYPOINT_CODECS.build(entry['decoder'])
            if isinstance(codec, DarkCodec):
                codec.check_similarity()
        sigmas = oks_sigmas(
            (meta or {}).get('sigmas'), next(
                (entry[name] for name in COUNTS if name in entry), 0),
            (cfg.model.get('test_cfg') or {}).get('output_keypoint_indices'))
        # As they were written; metainfo has them as float32.
        entry.update(score='similarity',
                     sigmas=[round(sigma, 6) for sigma in sigmas.tolist()])


def _swap_distiller(cfg: Any, head: bool, overrides: Any) -> None:
    for entry, name in entries(cfg.get('model') or {}):
        if name in ('DWPoseDistiller', 'DarkDWPoseDistiller'):
            entry['type'] = 'mmpose_dark.DarkDWPoseDistiller'
            entry['dark'] = {
                'flip_shift': 'stock', **entry.get('dark', {}), **overrides,
                **(dict(flip_shift='exact') if head else {})}


def _import_us(cfg: Any) -> None:
    """Where the config is dumped, MMPose's own tools find our names by it."""
    theirs = cfg.get('custom_imports') or {}
    names = theirs.get('imports') or []
    names = [names] if isinstance(names, str) else names
    # Before MMPose's models, which do not import under mmcv-lite without.
    cfg.custom_imports = dict(theirs, imports=[
        *dict.fromkeys(['mmpose_dark', *names])])


def _swap_target_transforms(cfg: Any) -> None:
    for entry, name in entries(cfg._cfg_dict):
        if name == 'GenerateTarget':
            entry['type'] = 'mmpose_dark.GenerateDarkTarget'
