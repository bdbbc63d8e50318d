"""DARK for a model that is built already."""
from typing import Any, Dict

from mmpose.codecs.base import BaseKeypointCodec

from . import heads as dark_heads
from .codecs import DarkCodec, read_by
from .conventions import COUNTS, HEADS, SCORES
from .functional import oks_sigmas
from .functional.checks import check_choice
from .means import check_model, is_mean_head, is_of_means


def apply_dark(model: Any, *, flip_shift: str = 'exact',
               score: str = 'stock', **codec_overrides: Any) -> Any:
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
        score (str): ``'similarity'`` makes the ``keypoint_scores`` that are
            predicted the OKS to expect of each joint, 0 to 1, by the OKS
            constants in ``model.dataset_meta``; see
            :class:`DarkHeatmapHead`. Defaults to ``'stock'``: MMPose's
        codec_overrides: Arguments of :class:`DarkHeatmap` or
            :class:`DarkSimCC`, for example ``peak='raw'``

    Returns:
        nn.Module: ``model``.

    Raises:
        ValueError: The model has no codec of top-down heatmaps or of SimCC,
            or has been made DARK before and there are overrides, or an
            override is none of the codec's; for similarities it has no head
            with a DARK version, no OKS constants or a codec without
            covariances.
        TypeError: No model.

    Example:
        >>> from mmpose.apis import MMPoseInferencer  # doctest: +SKIP
        >>> inferencer = MMPoseInferencer(  # doctest: +SKIP
        ...     'td-hm_hrnet-w32_8xb64-210e_coco-256x192')
        >>> apply_dark(inferencer.inferencer.model)  # doctest: +SKIP
    """
    check_choice('flip_shift', flip_shift, ('exact', 'stock'))
    check_choice('score', score, SCORES)
    if not hasattr(model, 'modules'):
        raise TypeError(
            f'model must be a pose estimator, got {model!r:.60}; that of an '
            'MMPoseInferencer is its inferencer.model')
    heads = [module for module in model.modules() if isinstance(
        getattr(module, 'decoder', None), BaseKeypointCodec)
        or is_mean_head(module)]
    if not heads:
        raise ValueError(f'{type(model).__name__} has no head with a codec')
    # Before anything is changed: it may be refused.
    decoders = [_dark(head, codec_overrides) for head in heads]
    if score == 'similarity':
        sigmas = _sigmas(model, heads, decoders)
    for head, decoder in zip(heads, decoders):
        if decoder is not None:
            head.decoder = decoder
        is_stock = not isinstance(head, dark_heads.DarkHead)
        # A stock decoder stays where the head is all that changes.
        if (flip_shift == 'exact' or score == 'similarity'
                or getattr(decoder, 'NEEDS_HEAD', True)):
            merge_exactly(head)
        if is_stock and isinstance(head, dark_heads.DarkHead):
            head.flip_shift = flip_shift
        if score == 'similarity':
            head.promise(head.output_covariance, score, sigmas)
    return model


def _dark(head: Any, overrides: Dict[str, Any]) -> Any:
    # RTMO reads by itself.
    decoder, kind = getattr(head, 'decoder', None), _dark_class(head)
    if kind and is_of_means(kind):
        check_model(head, kind, overrides)
        return decoder
    if isinstance(decoder, DarkCodec) and overrides:
        raise ValueError(
            f'the decoder is a {type(decoder).__name__} already; overrides '
            f'({", ".join(overrides)}) would be lost')
    found = read_by(decoder, head.loss_module, overrides)
    if found.NEEDS_HEAD and not kind:
        raise ValueError(
            f'{type(found).__name__} reads in the hands of its own head, and '
            f'there is no DARK version of {type(head).__name__}')
    return found


def _sigmas(model: Any, heads: Any, decoders: Any) -> Any:
    """The data set's OKS constants, if similarities can be told by all."""
    for head, decoder in zip(heads, decoders):
        if not _dark_class(head):
            raise ValueError("score='similarity' needs a head that has a DARK "
                             f'version, got {type(head).__name__}')
        if isinstance(decoder, DarkCodec):
            decoder.check_similarity(head.loss_module)
    if not hasattr(model, 'dataset_meta'):
        raise ValueError(
            "score='similarity' needs model.dataset_meta, as init_model gives "
            f'it, got a {type(model).__name__} without')
    return oks_sigmas(
        (model.dataset_meta or {}).get('sigmas'),
        next((getattr(heads[0], name) for name in COUNTS
              if hasattr(heads[0], name)), 0),
        (model.test_cfg or {}).get('output_keypoint_indices'))


def merge_exactly(head: Any) -> None:
    """Swap a stock head's methods for those of its DARK version.

    Both have the same modules and keys of the state dict, so the class of a
    built head can be changed.
    """
    head.__class__ = _dark_class(head) or type(head)


def _dark_class(head: Any) -> Any:
    """That of a stock or DARK head; ``None`` where there is none."""
    if isinstance(head, dark_heads.PromisingHead):
        return type(head)
    dark = getattr(dark_heads, HEADS.get(type(head).__name__, ''), None)
    return dark if dark and type(head) in dark.__bases__ else None
