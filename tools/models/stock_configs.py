"""Every config of the installed MMPose converted, and what came of it run.

Backbones hold nearly all the weights and none of what darkify touches. They
run on PyTorch's meta device, which computes shapes but no numbers, so that
269 layers cost what 18 do; the head, its codec and the flip test are real,
with thin deconvolutions, and get random features of exactly the shapes that
the backbone has for an image.
"""
import importlib.util
import json
import re
import tempfile
import warnings
from contextlib import nullcontext
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, Sequence, Tuple

import mmpose_dark
import mmpose
import numpy as np
import torch
from mmengine.config import Config
from mmengine.config.utils import ConfigParsingError
from mmengine.structures import InstanceData
from mmpose.registry import KEYPOINT_CODECS, MODELS
from mmpose.structures import PoseDataSample
from mmpose_dark.alignment import check_alignment, entries
from mmpose_dark.codecs import CODECS
from mmpose_dark.consistency import contradictions
from mmpose_dark.conventions import HEADS, MEAN_HEADS, OTHER_CODECS

PACKAGE = Path(mmpose.__file__).parent
#: a wheel carries the configs inside the package, a clone beside it
ROOT = next(folder for folder in (PACKAGE / '.mim/configs',
                                  PACKAGE.parent / 'configs')
            if folder.is_dir())
CONFIGS = sorted(path.relative_to(ROOT) for path in ROOT.rglob('*.py')
                 if '_base_' not in path.parts)
#: the homes of VisionTransformer, patches of 16 px, if not installed
MISSING = {name for name in ('mmpretrain', 'mmcls')
           if importlib.util.find_spec(name) is None}

#: heads of wide deconvolutions -> channels that do as well
WIDE, THIN = ('DarkHeatmapHead', 'DarkSimCCHead'), 32
#: head of poses in space -> the shape of one
OF_SPACE = {'DarkInternetHead': (1, 42, 3)}


class Found(NamedTuple):
    """What DARK does for a config.

    Attributes:
        codec (str): What MMPose reads it by.
        reads (str): What reads its positions now; empty: MMPose.
        head (str): The head that is swapped in; empty: none.
        covariance (bool): Whether there are covariances and similarities.
        why (str): One of the reasons of the page, or empty.
    """
    codec: str
    reads: str = ''
    head: str = ''
    covariance: bool = False
    why: str = ''


# ---- one config


@lru_cache(maxsize=None)
def examine(path: Path) -> Found:
    """Convert a config, build what came of it and run that.

    Args:
        path (Path): Below :data:`ROOT`.

    Raises:
        AssertionError: What was converted does not predict.
    """
    stock = load(path)
    name = codec_of(stock)
    try:
        dark, head = darkified(stock)
    except ValueError as error:
        # Of those that DARK reads, UDP's may have offsets.
        assert name in OTHER_CODECS or 'discs and offsets' in str(error)
        return Found(name, why=OTHER_CODECS.get(name, ('offsets', ))[0])
    assert complete(dark, head)
    if head.replace('Dark', '') in MEAN_HEADS:
        # Positions are MMPose's own.
        _, head, covariance = predicts(dark, head)
        return Found(name, '', head, covariance, 'no peak')
    student = dark.model.get('student_cfg')
    if student:  # a network in a config of its own
        assert dark.model.type == 'mmpose_dark.DarkDWPoseDistiller'
        return examine(Path(*Path(student).parts[1:]))
    with warnings.catch_warnings():
        warnings.filterwarnings('ignore', 'crop, codec and flip test')
        why = '' if check_alignment(dark) else 'alignment'
        return Found(name, *predicts(dark, head), why)


def load(path: Path) -> Config:
    """A config of the installed MMPose."""
    try:
        return Config.fromfile(ROOT / path)
    except ConfigParsingError:
        text = (ROOT / path).read_text()
        if 'from mmpose.configs.' not in text:
            raise
        # It imports from where the configs are in a clone.
        up = '.' * len(path.parts)
        with tempfile.TemporaryDirectory() as folder:
            base = '_base_/default_runtime.py'
            for name, content in ((base, (ROOT / base).read_text()),
                                  (path, re.sub(r'from mmpose\.configs\.',
                                                f'from {up}', text))):
                file = Path(folder) / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(content)
            return Config.fromfile(Path(folder) / path)


def codec_of(cfg: Config) -> str:
    """The codec that the model is read by or, where a head reads by itself,
    the one that its targets are made by.
    """
    names = [name for part in (cfg.model, cfg._cfg_dict)
             for _, name in entries(part)]
    return next(name for name in names if name in KEYPOINT_CODECS.module_dict)


def darkified(stock: Config) -> Tuple[Config, str]:
    """The DARK config, and the name of its head, if there is one."""
    try:
        dark = mmpose_dark.darkify(stock, head=True)
    except ValueError as error:
        if 'head=True' not in str(error):
            raise
        return mmpose_dark.darkify(stock), ''
    heads = [name for _, name in entries(dark.model)
             if name and re.fullmatch('Dark.*Head', name)]
    return dark, heads[-1] if heads else ''


def complete(cfg: Config, head: str) -> bool:
    """Whether all of a config was converted, to parts that agree."""
    stock = {name for codec in CODECS.values() for name in codec.STOCK}
    left = {*stock, *(HEADS if head else ())} & {
        name for _, name in entries(cfg._cfg_dict)}
    return not left and not contradictions(cfg, True)


# ---- run it


@torch.no_grad()
def predicts(cfg: Config, head: str) -> Tuple[str, str, bool]:
    """What reads the config's head, its name, and whether with covariances.

    Raises:
        AssertionError: Predictions of a wrong shape or that are not finite.
    """
    torch.manual_seed(0)
    model = cfg.model
    # Of random numbers RTMO makes people in thousands.
    model.setdefault('test_cfg', {}).setdefault('nms_pre', 100)
    for entry, name in entries(model.head):
        if (name in WIDE and 'deconv_num_groups' not in entry
                and entry.get('deconv_out_channels', True)):
            wide = entry.get('deconv_out_channels', (256, 256, 256))
            entry['deconv_out_channels'] = [THIN] * len(wide)
    parts = [entry for entry, name in entries(model.head)
             if name == head and head]
    covariance = bool(parts)
    for part in parts:
        part['output_covariance'] = True
    try:
        built = MODELS.build(model.head).eval()
    except ValueError as error:  # a loss that covariances are not derived for
        assert 'covariance' in str(error)
        covariance = False
        parts[-1]['output_covariance'] = False
        built = MODELS.build(model.head).eval()
    pose_head = getattr(built, 'pose_head', built)  # of VisPredictHead
    decoder = decoder_of(pose_head, model)
    feats = features(model, pose_head)
    if model.test_cfg.get('flip_test'):
        feats = [feats, features(model, pose_head)]
    size = np.array(decoder.input_size)
    counts = [getattr(pose_head, name, None) for name in (
        'num_keypoints', 'num_joints', 'out_channels')]
    shape = OF_SPACE.get(head) or (1, next(filter(None, counts)), 2)
    sample = PoseDataSample(metainfo=dict(
        flip_indices=list(range(shape[1]))[::-1],
        input_size=decoder.input_size, input_scale=size / 2))
    sample.gt_instances = InstanceData(bboxes=np.array([[0, 0, *size / 2]]))
    found = built.predict(feats, [sample], model.test_cfg)
    if isinstance(found, tuple):  # VisPredictHead
        found = found[0]
    (found, ) = found
    if model.type.endswith('BottomupPoseEstimator'):  # of any number of people
        shape = len(found.keypoints), *shape[1:]
        assert shape[0] > 1
    assert found.keypoints.shape == shape
    assert np.isfinite(found.keypoints).all()
    assert np.isfinite(found.keypoint_scores).all()
    assert covariance == ('keypoint_covariances' in found)
    if covariance:
        axes = np.linalg.eigvalsh(found.keypoint_covariances)
        assert axes.shape == shape and (axes > 0).all()
    return type(decoder).__name__, head, covariance


def decoder_of(head: Any, model: Config) -> Any:
    """What decodes; of integral regression that is inside of another.

    RTMO reads by itself: what is tested with knows the size of the input.
    """
    decoder = getattr(head, 'decoder', model.test_cfg)
    return getattr(decoder, 'keypoint_codec', decoder)


def features(model: Config, head: Any) -> Any:
    """What the head gets for an image, but random numbers."""
    if hasattr(head, 'in_featuremap_size'):  # of SimCC: the size is known
        width, height = head.in_featuremap_size
        channels = head.in_channels
        if type(head).__name__ == 'DarkRTMWHead':
            return (torch.randn(1, channels // 2, 2 * height, 2 * width),
                    torch.randn(1, channels, height, width))
        return torch.randn(1, channels, height, width),
    parts = [without(model[name].to_dict(), 'init_cfg')
             for name in ('backbone', 'neck') if name in model]
    return random_like(
        features_on_meta(json.dumps(parts, sort_keys=True),
                         model.head.get('in_channels')),
        decoder_of(head, model).input_size)


def without(node: Any, *keys: str) -> Any:
    """A config without some keys, at any depth."""
    if isinstance(node, dict):
        return {key: without(value, *keys) for key, value in node.items()
                if key not in keys}
    if isinstance(node, (list, tuple)):
        return type(node)(without(value, *keys) for value in node)
    return node


@lru_cache(maxsize=None)
def features_on_meta(text: str, in_channels: Any) -> Any:
    """Features of one image of 256x256 px, without numbers."""
    feats: Any = torch.empty(1, 3, 256, 256, device='meta')
    for cfg in json.loads(text):
        if cfg['type'].split('.')[0] in MISSING:
            feats = (feats.new_empty(1, in_channels, 16, 16), )
            continue
        try:
            with on_meta():
                part = MODELS.build(cfg)
        except RuntimeError:  # it computes with tensors while it is built
            part = MODELS.build(cfg)
        part.to('meta').eval()
        for norm in part.modules():
            if isinstance(norm, torch.nn.BatchNorm2d):
                norm.forward = lambda x: x  # type: ignore
        feats = part(feats)
    return feats


def on_meta() -> Any:
    """Where models are built without weights; torch 1 builds them whole."""
    device = torch.device('meta')
    return device if hasattr(device, '__enter__') else nullcontext()


def random_like(feats: Any, input_size: Sequence[int]) -> Any:
    """Random numbers in the nest of some features, for an input size."""
    if not isinstance(feats, torch.Tensor):
        return type(feats)(random_like(part, input_size) for part in feats)
    if feats.ndim == 2:  # averaged over the image
        return torch.randn(feats.shape)
    height, width = feats.shape[-2:]
    return torch.randn(*feats.shape[:2], height * input_size[1] // 256,
                       width * input_size[0] // 256)
