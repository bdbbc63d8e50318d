"""What DARK does for every stock config: writes docs/models.md.

Every config of the installed MMPose is converted, and what came of it is built
and run: backbones hold nearly all the weights and none of what darkify touches.
They run on PyTorch's meta device, which computes shapes but no numbers, so that
269 layers cost what 18 do; the head, its codec and the flip test are real and
get random features of exactly the shapes that the backbone has for an image.
"""
import argparse
import importlib.util
import json
import re
import tempfile
import warnings
from collections import Counter
from contextlib import nullcontext
from functools import lru_cache
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Sequence, Tuple

import mmpose_dark
import mmpose
import numpy as np
import torch
from mmengine.config import Config
from mmengine.config.utils import ConfigParsingError
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData
from mmpose.registry import KEYPOINT_CODECS, MODELS
from mmpose.structures import PoseDataSample
from mmpose.utils import register_all_modules
from mmpose_dark.alignment import check_alignment, entries
from mmpose_dark.consistency import contradictions
from mmpose_dark.conventions import HEADS, STOCK_CODECS, refusal
from rich.progress import track

PACKAGE = Path(mmpose.__file__).parent
#: a wheel carries the configs inside the package, a clone beside it
ROOT = next(folder for folder in (PACKAGE / '.mim/configs',
                                  PACKAGE.parent / 'configs')
            if folder.is_dir())
CONFIGS = sorted(path.relative_to(ROOT) for path in ROOT.rglob('*.py')
                 if '_base_' not in path.parts)
PAGE = Path(__file__).resolve().parents[1] / 'docs/models.md'
#: the homes of VisionTransformer, patches of 16 px, if not installed
MISSING = {name for name in ('mmpretrain', 'mmcls')
           if importlib.util.find_spec(name) is None}

#: what the words of the last column mean, in the order of the page
REASONS = {
    'alignment': 'crop, codec and flip test of the stock config disagree on '
                 'where pixels are, and what is made of it does too; '
                 '`check_alignment` says what to change in a new training',
    'offsets': 'joints are where a centre, or a pixel of a disc, plus a '
               'predicted offset is. The maps that there are find people or '
               'pixels, and the offset is as exact as it was learned',
    'queries': 'a decoder of queries puts out coordinates; there is no map',
    'numbers': 'a fully connected layer puts out coordinates, and nothing of '
               'how sure they are',
    'lifting': 'poses are lifted from keypoints to space; there is no image. '
               'Make the network before it DARK',
    'means': 'the position is the mean of a map of any shape; there is no '
             'peak to refine',
    'grids': 'joints are numbers in the cells of a grid (YOLOX-Pose) or the '
             'means of bins (RTMO)',
    'groups': 'peaks of one map belong to several people',
}


class Found(NamedTuple):
    """What DARK does for a config.

    Attributes:
        codec (str): What MMPose reads it by.
        reads (str): What reads its positions now; empty: MMPose.
        head (str): The head that is swapped in; empty: none.
        covariance (bool): Whether there are covariances and similarities.
        why (str): One of :data:`REASONS`, or empty.
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
    name, options = codec_of(stock)
    try:
        dark, head = darkified(stock)
    except ValueError as error:
        word = refusal(name, options)
        assert word and word[0] in REASONS, error
        return Found(name, why=word[0])
    assert complete(dark, head)
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


def codec_of(cfg: Config) -> Tuple[str, Dict[str, Any]]:
    """Name and arguments of the codec that the model is read by, or, where
    a head reads by itself, of the one that its targets are made by.
    """
    for part in (cfg.model, cfg):
        for entry, name in entries(part if part is cfg.model
                                   else cfg._cfg_dict):
            if name in KEYPOINT_CODECS.module_dict:
                return name, entry
    raise AssertionError(f'no codec in {cfg.filename}')


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
    left = {*STOCK_CODECS, *(HEADS if head else ())} & {
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
    decoder = pose_head.decoder
    feats = features(model, pose_head)
    if model.test_cfg.get('flip_test'):
        feats = [feats, features(model, pose_head)]
    size = np.array(decoder.input_size)
    sample = PoseDataSample(metainfo=dict(
        flip_indices=list(range(pose_head.out_channels))[::-1],
        input_size=decoder.input_size, input_scale=size / 2))
    sample.gt_instances = InstanceData(bboxes=np.array([[0, 0, *size / 2]]))
    found = built.predict(feats, [sample], model.test_cfg)
    if isinstance(found, tuple):  # VisPredictHead
        found = found[0]
    (found, ) = found
    shape = 1, pose_head.out_channels, 2
    assert found.keypoints.shape == shape
    assert np.isfinite(found.keypoints).all()
    assert np.isfinite(found.keypoint_scores).all()
    assert covariance == ('keypoint_covariances' in found)
    if covariance:
        axes = np.linalg.eigvalsh(found.keypoint_covariances)
        assert axes.shape == shape and (axes > 0).all()
    return type(decoder).__name__, head, covariance


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
        head.decoder.input_size)


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
    height, width = feats.shape[-2:]
    return torch.randn(*feats.shape[:2], height * input_size[1] // 256,
                       width * input_size[0] // 256)


# ---- the page


def page(found: Dict[Path, Found]) -> str:
    """The page of these configs, in MyST."""
    kinds = {kind(what) for what in found.values()}
    numbers = Counter(kind(what) for what in found.values())
    total = '\n'.join(f'| {name} | {numbers[name]} |'
                      for name in KINDS if name in kinds)
    body = '\n'.join(rows(found))
    words = '\n'.join(
        f'- **{word}**: {text}.' for word, text in REASONS.items()
        if any(what.why == word for what in found.values()))
    return TEMPLATE.format(
        version=mmpose.__version__, count=len(found), total=total, body=body,
        words=words)


KINDS = ('positions and covariances', 'positions', 'covariances only',
         'nothing to gain')


def kind(what: Found) -> str:
    """Which of :data:`KINDS` it is."""
    if what.reads:
        return KINDS[0] if what.covariance else KINDS[1]
    return KINDS[2] if what.covariance else KINDS[3]


def rows(found: Dict[Path, Found]) -> List[str]:
    """Of the table: configs of one task and method that fare alike."""
    groups = Counter((method(path), what) for path, what in found.items())
    return [f'| {groups[group]} {row(*group)}' for group in sorted(
        groups, key=lambda group: (KINDS.index(kind(group[1])), group))]


def method(path: Path) -> str:
    """Task and method, which are the folders that a config is in."""
    return '/'.join(path.parts[:2])


def row(where: str, what: Found) -> str:
    """Of the table, but for how many configs it stands."""
    names = [f'`{name}`' if name else ''
             for name in (what.codec, what.reads, what.head)]
    cells = [where, *names, 'yes' if what.covariance else '', what.why]
    return f'| {" | ".join(cells)} |'


TEMPLATE = """\
# Which models

What DARK does for each of the {count} configs that come with MMPose {version}.
Every one of them was converted by `darkify(cfg, head=True)`, or without
`head=True` where its head has no DARK version. Of what came out, codec, head
and flip test were built and run, with covariances where there are any, on
random features of the shapes that the config's backbone has for an image. One
that is refused is refused by `darkify`, in words. Made by

```bash
python tools/stock_models.py
```

and tested, config by config, by `tests/test_stock_configs.py`.

| gains | configs |
|:--|--:|
{total}

*Positions*: joints are read to a fraction of a pixel, from any checkpoint.
*Covariances*: the head's `output_covariance=True` and `score='similarity'`,
see [uncertainty](uncertainty.md). A head merges the flip test where it
belongs.

| | configs in | MMPose reads by | DARK reads by | head | covariances | |
|--:|:--|:--|:--|:--|:--|:--|
{body}

The words of the last column:

{words}
"""


def main() -> None:
    """Write the page."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    register_all_modules()
    init_default_scope('mmpose')
    text = page({path: examine(path)
                 for path in track(CONFIGS, description='')})
    PAGE.write_text(text)
    print(text)


if __name__ == '__main__':
    main()
