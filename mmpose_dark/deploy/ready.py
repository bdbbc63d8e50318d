"""Ready sets: how networks that people have were trained, and want crops.

What a file cannot tell: the codec that its targets were drawn by, and crop and
normalisation. The same for a whole family of networks. Read in mmpose 1.3.2,
mmdeploy 1.3.1, rtmlib 0.0.16, transformers 5.24 and easy_ViTPose (2024-03).
"""
import math
from typing import Any, Dict, NamedTuple, Sequence, Tuple

from .keypoint_sets import KEYPOINT_SETS

#: of ImageNet, R, G, B from 0 to 255; networks that expect them divided by
#: 255 first are told the same by other numbers
_IMAGENET = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375],
                 bgr_to_rgb=True)


class ReadySet(NamedTuple):
    """A family of networks.

    Attributes:
        codec (dict): Config of the codec, without sizes and sigma
        about (str): Which networks these are
    """
    codec: Dict[str, Any]
    about: str


_STOCK = dict(type='DarkHeatmap')
_UDP = dict(type='DarkHeatmap', use_udp=True)
_RTMPOSE = dict(type='DarkSimCC', normalize=False, beta=10.)

READY: Dict[str, ReadySet] = {
    'rtmpose': ReadySet(_RTMPOSE, 'RTMPose, by mmdeploy and for rtmlib'),
    'dwpose': ReadySet(_RTMPOSE, 'DWPose (dw-ll_ucoco), which is an RTMPose'),
    'rtmw': ReadySet({**_RTMPOSE, 'beta': 1.}, 'RTMW, by mmdeploy and for '
                     'rtmlib'),
    'heatmap': ReadySet(_STOCK, 'heatmap networks of MMPose (td-hm_*), by '
                        'mmdeploy'),
    'udp': ReadySet(_UDP, 'the same, of configs with UDP in their names'),
    'vitpose': ReadySet(_UDP, 'ViTPose, by transformers, by easy_ViTPose and '
                        'for rtmlib'),
}


def ready_codec(name: str, input_size: Sequence[int],
                shapes: Sequence[Tuple[int, ...]]) -> Dict[str, Any]:
    """The codec of a network of a family, by the sizes in its file.

    Args:
        name (str): One of :data:`READY`
        input_size (Sequence[int]): (w, h); px
        shapes (Sequence[tuple[int, ...]]): (K, H, W) of the heatmaps, or
            (K, W) and (K, H) of the vectors

    Returns:
        dict: Its config, with sizes and sigma.

    Raises:
        ValueError: Sizes that the family does not have.
    """
    codec = {**READY[name].codec, 'input_size': tuple(input_size)}
    if len(shapes) == 2:
        ratio = shapes[0][1] / input_size[0]
        if ratio != 2:
            raise ValueError(f'{name} networks have 2 bins for a pixel, this '
                             f'one has {ratio:g}: say its codec instead')
        # (4.9, 5.66) at 192x256, (6, 6.93) at 288x384
        return {**codec, 'simcc_split_ratio': 2., 'sigma': tuple(
            round(math.sqrt(size / 8), 2) for size in input_size)}
    _, height, width = shapes[0]
    stride = input_size[1] / height
    if not 3.5 < stride < 4.5:
        raise ValueError(f'{name} networks have one pixel of the heatmap for '
                         f'4 of the input, this one for {stride:g}: say its '
                         'codec instead')
    # MMPose's: 2 up to 256x320, 3 at 288x384 and 384x384
    return {**codec, 'heatmap_size': (width, height),
            'sigma': 2. if height < 96 else 3.}


def ready_metadata(num_keypoints: int) -> Dict[str, Any]:
    """Crop, normalisation and keypoints, the same for all families.

    Args:
        num_keypoints (int): 17 are taken for COCO's, 26 for Halpe's, 133 for
            COCO-WholeBody's, 21 for a hand's; others have no names
    """
    said = dict(_IMAGENET, padding=1.25)
    if num_keypoints in KEYPOINT_SETS:
        found = KEYPOINT_SETS[num_keypoints]
        said.update(keypoint_names=found.names, skeleton=found.skeleton,
                    sigmas=found.sigmas)
    return said
