"""Checkpoints of the code that came with DARK, HRNet and SimpleBaseline.

Three repositories share two networks, ``pose_resnet`` and ``pose_hrnet``:
ilovepose/DarkPose, leoxiaobin/deep-high-resolution-net.pytorch and
microsoft/human-pose-estimation.pytorch. MMPose's ResNet and HRNet with a
HeatmapHead are the same networks, their layers named alike, below
``backbone`` and ``head``. So a checkpoint is renamed, never computed with;
how the network is to be fed and read goes into a config.
"""
import re
from typing import Any, Dict, Mapping, NamedTuple, Tuple

import torch
from mmengine.config import Config
from torch import Tensor

from .alignment import entries
from .config import darkify
from .conventions import OFFICIAL_CODES
from .functional.checks import check_choice

#: blocks of the four stages, whether they are bottlenecks -> name
_RESNETS: Dict[Tuple[Tuple[int, ...], bool], str] = {
    ((2, 2, 2, 2), False): 'res18',
    ((3, 4, 6, 3), False): 'res34',
    ((3, 4, 6, 3), True): 'res50',
    ((3, 4, 23, 3), True): 'res101',
    ((3, 8, 36, 3), True): 'res152',
}
#: those without the layers in which Caffe's style differs
_BASIC = tuple(name for (_, bottlenecks), name in _RESNETS.items()
               if not bottlenecks)
_HEAD = ('deconv_layers.', 'final_layer.')
_COUNT = 'num_batches_tracked'


class Network(NamedTuple):
    """What the names and shapes of the weights say about a network.

    Attributes:
        name (str): As in the names of configs: ``'res50'``, ``'hrnet-w32'``
        num_keypoints (int): The number of heatmaps
    """

    name: str
    num_keypoints: int


def weights_of(checkpoint: Any) -> Dict[str, Tensor]:
    """The weights in what the official code saves.

    Args:
        checkpoint (Mapping): The weights themselves (``final_state.pth``,
            ``model_best.pth``) or a dict with them under ``state_dict``
            (``checkpoint.pth``), with or without the ``module.`` of
            DataParallel

    Returns:
        dict: name -> Tensor, without ``module.``

    Raises:
        ValueError: Something else.
    """
    weights = checkpoint
    if isinstance(weights, Mapping):
        weights = weights.get('state_dict', weights)
    if not isinstance(weights, Mapping) or not weights:
        raise ValueError('expected weights by name, or a dict with them under '
                         f'state_dict, got {_said(checkpoint)}')
    others = [name for name, value in weights.items()
              if not isinstance(name, str) or not isinstance(value, Tensor)]
    if others:
        raise ValueError('expected weights only, got other things under '
                         f'{_listed(map(str, others))}')
    prefix = 'module.'
    if all(name.startswith(prefix) for name in weights):
        return {name[len(prefix):]: value for name, value in weights.items()}
    return dict(weights)


def recognise(weights: Mapping[str, Tensor]) -> Network:
    """Which network the weights belong to.

    Args:
        weights (Mapping): Of :func:`weights_of`

    Returns:
        Network: Its name and number of keypoints.

    Raises:
        ValueError: Neither ``pose_resnet`` nor ``pose_hrnet``. DarkPose's
            Hourglass is told apart: MMPose has no such network.
    """
    if 'hg.0.hg.0.0.0.conv1.weight' in weights:
        stacks = _count(weights, r'hg\.(\d+)\.')
        raise ValueError(
            f'this is an Hourglass of {stacks} stacks in the form of '
            'pytorch-pose (blocks that normalise first, biases, heatmaps fed '
            "back), and MMPose's HourglassNet is another network with other "
            'layers: it cannot be converted')
    if 'final_layer.weight' not in weights:
        raise ValueError(
            'this is neither pose_resnet nor pose_hrnet: there is no '
            f'final_layer.weight among {_listed(weights)}')
    stem = 'stage4.0.branches.0.0.conv1.weight'
    if stem in weights:
        name = f'hrnet-w{len(weights[stem])}'
    elif any(name.startswith('deconv_layers.') for name in weights):
        blocks = tuple(_count(weights, rf'layer{stage}\.(\d+)\.')
                       for stage in range(1, 5))
        bottlenecks = 'layer1.0.conv3.weight' in weights
        name = _RESNETS.get((blocks, bottlenecks), '')
        if not name:
            kind = 'bottlenecks' if bottlenecks else 'basic blocks'
            raise ValueError(f'this is a ResNet of {blocks} {kind}, which is '
                             f'none of {", ".join(_RESNETS.values())}')
    else:
        raise ValueError(
            'this is neither pose_resnet (no deconv_layers) nor pose_hrnet '
            f'(no stage4) but has {_listed(weights)}')
    return Network(name, len(weights['final_layer.weight']))


def to_mmpose(weights: Mapping[str, Tensor]) -> Tuple[Dict[str, Tensor], int]:
    """The weights under the names that they have in MMPose.

    torch 0.4.0 and before did not count the batches that a normalisation has
    seen, and no published layer uses the count. Where a file has none at all,
    zeros are filled in.

    Args:
        weights (Mapping): Of :func:`weights_of`

    Returns:
        tuple:
        - state_dict (dict): name -> Tensor, the same tensors
        - filled (int): How many counts were filled in
    """
    state_dict = {
        ('head.' if name.startswith(_HEAD) else 'backbone.') + name: value
        for name, value in weights.items()
    }
    filled = {}
    if not any(name.endswith(_COUNT) for name in state_dict):
        filled = {
            re.sub('running_var$', _COUNT, name): torch.tensor(0)
            for name in state_dict if name.endswith('.running_var')
        }
    return {**state_dict, **filled}, len(filled)


def check_fit(state_dict: Mapping[str, Tensor],
              expected: Mapping[str, Tensor]) -> None:
    """Check that weights are all of a model's, and of its shapes.

    Args:
        state_dict (Mapping): Of :func:`to_mmpose`
        expected (Mapping): The ``state_dict()`` of the model

    Raises:
        ValueError: They are not. The message lists what is unknown, missing
            or of another shape.
    """
    shapes = [
        f'{name} {tuple(value.shape)} for {tuple(expected[name].shape)}'
        for name, value in state_dict.items()
        if name in expected and value.shape != expected[name].shape
    ]
    problems = [
        f'{len(found)} {what}: {_listed(found)}' for what, found in (
            ('unknown', [name for name in state_dict if name not in expected]),
            ('missing', [name for name in expected if name not in state_dict]),
            ('of another shape', shapes)) if found
    ]
    if problems:
        raise ValueError('; '.join(problems))


def official_config(cfg: Any, network: Network, code: str,
                    caffe: bool = False) -> Config:
    """A config that feeds and reads a network as its own code did.

    - Channels: RGB for HRNet, BGR for ResNet (``COLOR_RGB`` of the published
      experiments), then the same mean and std, those of torchvision, in
      either order.
    - Alignment: of DarkPose by :class:`DarkPoseHeatmap`; of the other two
      codes it is MMPose's own.

    Decoding is DARK by default, see :class:`DarkHeatmap`.

    Args:
        cfg (Config | str | Path): A config of this network, of ours or a
            stock one. Not modified
        network (Network): Of :func:`recognise`
        code (str): Whose code it is, one of
            :data:`mmpose_dark.conventions.OFFICIAL_CODES`
        caffe (bool): Whether it is one of SimpleBaseline's Caffe-style
            ResNets, which reduce the resolution in the first layer of a
            bottleneck. Their weights look the same. Defaults to ``False``

    Returns:
        Config: The new config.

    Raises:
        ValueError: A code that is not one of them, an HRNet or a style that
            it has not, or a config that is not of a top-down heatmap model.
    """
    check_choice('code', code, tuple(OFFICIAL_CODES))
    hrnet = network.name.startswith('hrnet')
    if code == 'simplebaseline' and hrnet:
        raise ValueError("code='simplebaseline' has ResNets only, this is a "
                         f'{network.name}')
    if caffe and (code != 'simplebaseline' or network.name in _BASIC):
        raise ValueError(
            "caffe=True is for ResNets of code='simplebaseline' from res50 "
            f'on, this is a {network.name} of {code!r}')
    cfg = darkify(cfg, head=True)
    model = cfg.model
    model.data_preprocessor.update(
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=hrnet)
    if caffe:
        model.backbone.style = 'caffe'
    aligned = code == 'darkpose'
    model.test_cfg.shift_heatmap = not aligned
    for entry, name in entries(cfg._cfg_dict):
        if name == 'TopdownAffine':
            entry.pop('use_udp', None)
        elif name == 'DarkHeatmap':
            entry.pop('use_udp', None)
            if aligned:
                entry['type'] = 'mmpose_dark.DarkPoseHeatmap'
    return cfg


def _count(weights: Any, pattern: str) -> int:
    return len({match.group(1) for match in map(
        re.compile(pattern).match, weights) if match})


def _listed(names: Any, most: int = 8) -> Any:
    names = list(names)
    rest = f' and {len(names) - most} more' if len(names) > most else ''
    return ', '.join(names[:most]) + rest


def _said(value: Any) -> str:
    if isinstance(value, Mapping):
        return 'a dict of ' + (_listed(map(str, value)) or 'nothing')
    return f'a {type(value).__name__}'
