"""Heatmaps read from a file."""
import contextlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any, Union

import mmpose
import numpy as np
from mmpose.datasets.datasets.utils import parse_pose_metainfo

from ..codecs import build_codec
from .heatmaps import KeptHeatmaps, output_names
from .matching import share_around_boxes


def load(path: Union[str, Path],
         ann_file: Union[str, Path],
         sigma: float = 2) -> KeptHeatmaps:
    """Heatmaps of :meth:`KeptHeatmaps.save`, or that came from elsewhere.

    Args:
        path (str | Path): An ``.npz`` with ``heatmaps`` and ``heatmaps_flip``
            in shape (N, K, H, W), floats or int16 of value * 4096, or of
            SimCC ``simcc_x``, ``simcc_y``, ``simcc_x_flip`` and
            ``simcc_y_flip``,
            ``input_center`` and ``input_scale`` (N, 2) as in MMPose's
            metainfo, ``ann_id`` (N, ). ``save`` adds ``codec`` and
            ``shift_heatmap`` (JSON), ``flip_indices`` and ``sigmas`` (K, );
            without them it is taken for a model of COCO's keypoints and
            stride 4, aligned as the stock codec.
        ann_file (str | Path): Annotations in the COCO format.
        sigma (float): What the network was trained with, where ``codec`` does
            not say; heatmap px.

    Returns:
        KeptHeatmaps: The same as were saved.

    Raises:
        OSError: A file that cannot be read.
        ValueError: A file of another kind, or annotations of other people.
    """
    file = _read_maps(path)
    names = output_names(1 if 'heatmaps' in file.files else 2)
    straight, flipped = (
        tuple(_floats(file[f'{name}{suffix}']) for name in names)
        for suffix in ('', '_flip'))
    if 'codec' in file.files:
        codec = build_codec({
            'type': 'DarkHeatmap', **json.loads(str(file['codec']))})
        flip_indices, sigmas = file['flip_indices'], file['sigmas']
    else:
        width, height = straight[0].shape[:1:-1]
        codec = build_codec(dict(
            type='DarkHeatmap', input_size=(4 * width, 4 * height),
            heatmap_size=(width, height), sigma=sigma))
        meta = parse_pose_metainfo(dict(from_file=str(
            Path(mmpose.__file__).parent /
            '.mim/configs/_base_/datasets/coco.py')))
        flip_indices, sigmas = meta['flip_indices'], meta['sigmas']
    coco = _read_annotations(ann_file)
    others = f'{path} and {ann_file} are not of the same people'
    missing = set(file['ann_id'].tolist()) - set(coco.anns)
    if missing:
        raise ValueError(f'{others}: the latter lacks annotations '
                         f'{sorted(missing)[:5]}')
    num = straight[0].shape[1]
    samples = []
    for i, (ann_id, centre, scale) in enumerate(zip(
            file['ann_id'].tolist(), file['input_center'],
            file['input_scale'])):
        ann = coco.anns[ann_id]
        box = np.array(ann['bbox'], np.float32)
        box[2:] += box[:2]
        labels = np.array(ann['keypoints'], float).reshape(1, -1, 3)
        if labels.shape[1] != num:
            raise ValueError(f'{others}: the former has {num} heatmaps each, '
                             f'the latter {labels.shape[1]} keypoints')
        samples.append(dict(
            id=i, img_id=ann['image_id'], raw_ann_info=ann,
            category_id=ann['category_id'], input_center=centre,
            input_scale=scale, input_size=codec.input_size,
            gt_instances=dict(
                bboxes=box[None], bbox_scores=np.ones(1),
                keypoints=labels[..., :2],
                keypoints_visible=labels[..., 2])))
    share = share_around_boxes(samples)
    if share < .5:
        raise ValueError(f'{others}: only {share:.0%} of the crops are around '
                         'the box of their ann_id')
    moved = (json.loads(str(file['shift_heatmap']))
             if 'shift_heatmap' in file.files else None)
    return KeptHeatmaps(straight, flipped, list(map(int, flip_indices)),
                        samples, codec, np.array(sigmas), moved)


def _floats(maps: np.ndarray) -> np.ndarray:
    """int16 holds value * 4096."""
    if maps.dtype == np.int16:
        return maps.astype(np.float32) / np.float32(4096)
    return maps


def _read_maps(path: Union[str, Path]) -> Any:
    """The arrays of a file, looked at for what is needed."""
    try:
        file = np.load(path)
        names = set(file.files)
    # of numpy: a text is taken for a pickle, an .npy has no names
    except (AttributeError, ValueError, zipfile.BadZipFile):
        raise ValueError(f'{path} is no .npz file') from None
    vectors = output_names(2)
    maps = vectors if set(vectors) <= names else output_names(1)
    need = {*maps, *(f'{name}_flip' for name in maps), 'input_center',
            'input_scale', 'ann_id'}
    if need - names:
        raise ValueError(f'{path} lacks {sorted(need - names)}')
    return file


def _read_annotations(path: Union[str, Path]) -> Any:
    """What COCO's own code makes of a file of people with keypoints."""
    from xtcocotools.coco import COCO
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            coco = COCO(str(path))
        kinds = [set(ann) for ann in coco.anns.values()]
    # of COCO's code, where it is JSON of another kind
    except (AssertionError, AttributeError, KeyError, TypeError, ValueError):
        kinds = []
    if not kinds or not all(
            {'bbox', 'keypoints'} <= kind for kind in kinds):
        raise ValueError(f"{path} is no file of COCO's: JSON with images, "
                         'categories and annotations with bbox and keypoints')
    return coco
