"""DARK for a model that is built already."""
from mmpose.codecs.base import BaseKeypointCodec
from mmpose.registry import KEYPOINT_CODECS

from . import heads as dark_heads
from .codecs import DarkHeatmap, DarkSimCC
from .conventions import HEADS, dark_codec
from .functional._checks import check_choice


def apply_dark(model, *, flip_shift='exact', **codec_overrides):
    """Make a built top-down model predict with DARK, in place.

    Any checkpoint will do. What the network computes stays the same bit for
    bit; keypoints are read from it better, and the two passes of a flip test
    are merged where they agree.

    Args:
        model (nn.Module): A pose estimator, as ``init_model`` returns it
        flip_shift (str): ``'exact'``, or ``'stock'`` to merge the flip test
            as before; see :class:`DarkHeatmapHead` and
            :class:`DarkRTMCCHead`. Heads that have no DARK version (MSPN,
            RSN) always do. Defaults to ``'exact'``
        codec_overrides: Arguments of :class:`DarkHeatmap` or
            :class:`DarkSimCC`, for example ``peak='raw'``

    Returns:
        nn.Module: ``model``.

    Raises:
        ValueError: The model has no codec of top-down heatmaps or of SimCC,
            or has been made DARK before and there are overrides.
        TypeError: An override that the codec does not have, or no model.

    Example:
        >>> from mmpose.apis import MMPoseInferencer  # doctest: +SKIP
        >>> inferencer = MMPoseInferencer(  # doctest: +SKIP
        ...     'td-hm_hrnet-w32_8xb64-210e_coco-256x192')
        >>> apply_dark(inferencer.inferencer.model)  # doctest: +SKIP
    """
    check_choice('flip_shift', flip_shift, ('exact', 'stock'))
    if not hasattr(model, 'modules'):
        raise TypeError(
            f'model must be a pose estimator, got {model!r:.60}; that of an '
            'MMPoseInferencer is its inferencer.model')
    heads = [module for module in model.modules() if isinstance(
        getattr(module, 'decoder', None), BaseKeypointCodec)]
    if not heads:
        raise ValueError(f'{type(model).__name__} has no head with a codec')
    # Before anything is changed: it may be refused.
    decoders = [_dark(head, codec_overrides) for head in heads]
    for head, decoder in zip(heads, decoders):
        head.decoder = decoder
        if flip_shift == 'exact':
            merge_exactly(head)
    return model


def _dark(head, overrides):
    decoder = head.decoder
    name = type(decoder).__name__
    if not isinstance(decoder, (DarkHeatmap, DarkSimCC)):
        cfg = dark_codec(name, vars(decoder))
        if name == 'SimCCLabel':
            cfg['beta'] = getattr(head.loss_module, 'beta', 10.)
        return KEYPOINT_CODECS.build({**cfg, **overrides})
    if overrides:
        raise ValueError(f'the decoder is a {name} already; overrides '
                         f'({", ".join(overrides)}) would be lost')
    return decoder


def merge_exactly(head):
    """Swap a stock head's methods for those of its DARK version.

    Both have the same modules and keys of the state dict, so the class of a
    built head can be changed.
    """
    dark = getattr(dark_heads, HEADS.get(type(head).__name__, ''), None)
    if dark and type(head) in dark.__bases__:
        head.__class__ = dark
