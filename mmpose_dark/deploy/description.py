"""What a file says of itself: crop, normalisation, keypoints, codec."""
import numbers
from typing import Any, Dict, Mapping, Optional

from ..codecs import DarkCodec
from ..functional import oks_sigmas
from ..functional.checks import check_choice, check_positive
from ..version import __version__

#: what ``metadata`` may say
KEYS = ('mean', 'std', 'bgr_to_rgb', 'padding', 'use_udp', 'keypoint_names',
        'skeleton', 'sigmas')


def describe(codec: DarkCodec, num_keypoints: int,
             flip_test: bool,
             metadata: Optional[Mapping[str, Any]] = None,
             score: str = 'stock') -> Dict[str, Any]:
    """The metadata of a file.

    Args:
        codec (DarkCodec): What reads its maps
        num_keypoints (int): K
        flip_test (bool): Whether the flip test is inside
        metadata (Mapping, optional): ``mean`` and ``std`` of the channels in
            the network's order, from 0 to 255; ``bgr_to_rgb``, whether that
            order is R, G, B (``True``); ``padding``, what the box is
            multiplied by (1.25); ``use_udp``, which has to be the codec's;
            ``keypoint_names`` (K), ``skeleton``, pairs of their indices, and
            ``sigmas``, their OKS constants (K).
            Defaults to ``None``: not known, and
            :class:`mmpose_dark.deploy.PoseRuntime` cannot run it
        score (str): What its scores are, one of
            :data:`mmpose_dark.conventions.SCORES`. Defaults to ``'stock'``

    Returns:
        dict: As of :func:`mmpose_dark.deploy.metadata`.

    Raises:
        ValueError: A value that makes no sense, or another alignment than the
            codec's.
    """
    described = dict(
        input_size=list(codec.input_size), codec=codec.config(),
        flip_test=flip_test, half=False, score=score, sigmas=_sigmas(
            (metadata or {}).get('sigmas'), num_keypoints, score),
        mmpose_dark=__version__)
    if metadata is None:
        return described
    unknown = sorted(set(metadata) - set(KEYS))
    if unknown:
        raise ValueError(f'metadata must be of {", ".join(KEYS)}, got '
                         f'{", ".join(unknown)}')
    use_udp = codec.use_udp
    if metadata.get('use_udp', use_udp) != use_udp:
        raise ValueError(
            f'metadata has use_udp={metadata["use_udp"]}, the codec '
            f'use_udp={use_udp}: crop and codec must mean the same pixels')
    names = _names(metadata.get('keypoint_names'), num_keypoints)
    return dict(
        described,
        mean=_channels('mean', metadata.get('mean')),
        std=_channels('std', metadata.get('std')),
        bgr_to_rgb=check_choice('bgr_to_rgb', metadata.get('bgr_to_rgb', True),
                                (True, False)),
        padding=check_positive(metadata.get('padding', 1.25), 'padding'),
        use_udp=use_udp, keypoint_names=names,
        skeleton=_links(metadata.get('skeleton', []), num_keypoints))


def _channels(name: str, values: Any) -> Any:
    try:
        found = [float(value) for value in values]
        good = len(found) == 3 and (name != 'std' or min(found) > 0)
    except (TypeError, ValueError):
        good = False
    if not good:
        raise ValueError(
            f'metadata must have {name}, three {"positive " * (name == "std")}'
            f'numbers from 0 to 255, got {values!r}')
    return found


def _sigmas(sigmas: Any, num: int, score: str) -> Any:
    """The OKS constants; none where there are none and none are needed."""
    if score == 'stock' and (sigmas is None or not len(sigmas)):
        return []
    return oks_sigmas(sigmas, num).tolist()


def _names(names: Any, num: int) -> Any:
    if names is None:
        return [str(i) for i in range(num)]
    found = [names] if isinstance(names, str) else list(names)
    if len(found) != num or len(set(map(str, found))) != num:
        raise ValueError(f'keypoint_names must be {num} different names, one '
                         f'for each keypoint, got {len(found)}')
    return [str(name) for name in found]


def _links(skeleton: Any, num: int) -> Any:
    links = [tuple(link) for link in skeleton]
    for link in links:
        if len(link) != 2 or not all(
                isinstance(end, numbers.Integral) and 0 <= int(end) < num
                for end in link):
            raise ValueError('skeleton must be pairs of indices below '
                             f'{num}, got {link!r}')
    return [[int(end) for end in link] for link in links]
