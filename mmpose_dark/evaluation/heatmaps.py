"""Heatmaps that are predicted once and decoded many times.

Those of a test set, with and without flipping the input, and their scores by
any decoder and any merge of the flip test.
"""
import contextlib
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Tuple, Union

import numpy as np
import torch
from mmpose.evaluation.functional import keypoint_pck_accuracy

from .. import functional as F  # noqa: N812
from ..codecs import DarkCodec, build_codec, read_by

Outputs = Tuple[np.ndarray, ...]

#: merges of a flip test: without one, as MMPose does, and where it belongs
MERGES = ('none', 'stock', 'exact')


@dataclass
class KeptHeatmaps:
    """What a network puts out for a test set: heatmaps or vectors.

    Attributes:
        outputs: Each in shape (N, K, ...), as the codec reads them.
        flipped: As predicted for the flipped inputs, not flipped back.
        flip_indices: The symmetric keypoint of each of the K.
        samples: N dicts as MMPose's metrics take them.
        codec: What they are read by.
        sigmas: (K, ) the OKS constants of the data set.
        shift_heatmap: Whether MMPose's merge moves flipped-back heatmaps.
            ``None``: as it should, for the alignment of the codec.
        configured: The codec and the merge that the config predicts with,
            where there is one.
        loss: What the network was trained by, if it is known: covariances
            of some are refused.
    """
    outputs: Outputs
    flipped: Outputs
    flip_indices: List[int]
    samples: List[dict]
    codec: DarkCodec
    sigmas: np.ndarray
    shift_heatmap: Optional[bool] = None
    configured: Optional[Tuple[Any, str]] = None
    loss: Any = None

    def merged(self, merge: str) -> Outputs:
        """Outputs by a merge of the flip test, see :data:`MERGES`."""
        if merge not in MERGES:
            raise ValueError(f'merge must be one of {MERGES}, got {merge!r}')
        if merge == 'none':
            return self.outputs
        moved = self.shift_heatmap
        if moved is None:
            moved = bool(self.codec.shift_heatmap)
        return self.codec.merge(
            self.outputs, self.flipped, self.flip_indices,
            dict(shift_heatmap=moved), exact=merge == 'exact')

    def decode(self, outputs: Outputs, return_covariance: bool = False,
               **options: Any) -> Tuple[np.ndarray, ...]:
        """Read keypoints off outputs.

        Args:
            outputs (tuple): As of :meth:`merged`
            return_covariance (bool): Defaults to ``False``
            options: Keywords in which the codec differs

        Returns:
            tuple: (N, K, 2) input px, (N, K) scores and, if asked for,
            covariances (N, K, 2, 2); squared input px.

        Raises:
            ValueError: Covariances of a decoding or loss that has none.
        """
        codec = build_codec({**self.codec.config(), **options})
        if return_covariance:
            codec.check_covariance(self.loss)
        found: Tuple[np.ndarray, ...] = codec.read(
            *outputs, return_covariance=return_covariance)
        return found

    def decode_as_configured(self) -> Tuple[np.ndarray, np.ndarray]:
        """What the config itself predicts; (N, K, 2) input px and scores."""
        assert self.configured
        codec, merge = self.configured
        points, scores = [], []
        for sample in zip(*self.merged(merge)):
            # Stock codecs work on the array that they are given.
            found, score = codec.decode(*(part.copy() for part in sample))
            points.append(found[0])
            scores.append((score[0] if isinstance(score, tuple) else score)[0])
        return np.stack(points), np.stack(scores)

    def to_image(self, points: np.ndarray) -> np.ndarray:
        """Input px (N, K, 2) to image px, as MMPose's estimators do."""
        size, scale, centre = (
            np.array([s[key] for s in self.samples], float)[:, None]
            for key in ('input_size', 'input_scale', 'input_center'))
        return points / size * scale + centre - .5 * scale

    def errors(self, points: np.ndarray) -> np.ndarray:
        """Signed errors (N, K, 2) in input px; NaN where not labelled."""
        size, scale = (np.array([s[key] for s in self.samples], float)[:, None]
                       for key in ('input_size', 'input_scale'))
        truth, seen = self.truth()
        out = (self.to_image(points) - truth) / scale * size
        out[~seen] = np.nan
        return out

    def truth(self) -> Tuple[np.ndarray, np.ndarray]:
        """Labelled positions (N, K, 2) in image px, and which are labelled."""
        truth, seen = (np.array(
            [s['gt_instances'][key][0] for s in self.samples], float)
            for key in ('keypoints', 'keypoints_visible'))
        return truth, seen > 0

    def similarities(self, points: np.ndarray) -> np.ndarray:
        """Of the joints (N, K) to the truth, NaN where not labelled."""
        truth, seen = self.truth()
        area = np.array([_area(s) for s in self.samples])
        square = ((self.to_image(points) - truth)**2).sum(2)
        variance = (2 * self.sigmas)**2
        like = np.exp(-square / (2 * variance * area[:, None] + 1e-12))
        like[~seen] = np.nan
        return like

    def oks(self, points: np.ndarray) -> np.ndarray:
        """Object keypoint similarity (N, ), NaN where nothing is labelled."""
        like = self.similarities(points)
        seen = np.isfinite(like)
        with np.errstate(invalid='ignore'):
            return np.where(seen, like, 0.).sum(1) / seen.sum(1)

    def pckh(self, points: np.ndarray, threshold: float) -> float:
        """PCKh as MPII has it: the share of labelled joints whose error is
        within a threshold of the head's size; the mean over the joints.
        """
        truth, seen = self.truth()
        head = np.array([s['raw_ann_info']['head_size']
                         for s in self.samples])
        return float(keypoint_pck_accuracy(
            self.to_image(points), truth, seen, threshold,
            np.stack([head, head], 1))[1])

    def covariances_in_image(self, covariances: np.ndarray) -> np.ndarray:
        """Squared input px (N, K, 2, 2) to squared image px."""
        factor = np.array([np.divide(s['input_scale'], s['input_size'])
                           for s in self.samples])[:, None]
        return F.scale_covariances(covariances, factor)

    def score(self, points: np.ndarray, scores: np.ndarray,
              metric: Any) -> Dict[str, float]:
        """Metrics of an MMPose metric on decoded keypoints."""
        image = self.to_image(points)
        for i, sample in enumerate(self.samples):
            sample['pred_instances'] = dict(
                keypoints=image[i][None], keypoint_scores=scores[i][None])
        metric.results.clear()
        # COCO's evaluation prints a page.
        with contextlib.redirect_stdout(io.StringIO()):
            metric.process(None, self.samples)
            return metric.evaluate(len(self.samples))

    def save(self, path: Union[str, Path]) -> None:
        """Write them as :func:`load` reads them."""
        maps: Dict[str, Any] = {}
        for name, straight, flipped in zip(output_names(len(self.outputs)),
                                           self.outputs, self.flipped):
            maps.update({name: straight, f'{name}_flip': flipped})
        np.savez_compressed(
            path, **maps,
            codec=json.dumps(self.codec.config()),
            flip_indices=self.flip_indices,
            sigmas=self.sigmas,
            shift_heatmap=json.dumps(self.shift_heatmap),
            input_center=[s['input_center'] for s in self.samples],
            input_scale=[s['input_scale'] for s in self.samples],
            ann_id=[s['raw_ann_info']['id'] for s in self.samples])


def output_names(num: int) -> Tuple[str, ...]:
    """What one output, or two, are called in a file."""
    return ('heatmaps', ) if num == 1 else ('simcc_x', 'simcc_y')


def _area(sample: Any) -> float:
    """Image px^2 of a person, as labelled or else as MMPose takes it."""
    x, y, right, bottom = sample['gt_instances']['bboxes'][0]
    return sample.get('raw_ann_info', {}).get(
        'area', max(1., .53 * (right - x) * (bottom - y)))


def predict(runner: Any,
            progress: Callable[[Any], Any] = iter) -> KeptHeatmaps:
    """Run the network once over the test set, as it is and flipped.

    Args:
        runner (Runner): Its model and test data.
        progress (callable): Wraps the data loader, as
            ``rich.progress.track`` does.

    Returns:
        KeptHeatmaps: What its head predicts.

    Raises:
        TypeError: A head without a codec of Gaussian heatmaps or of SimCC,
            or one that reads more than joints of a person in an image.
        ValueError: Persons without labels.
    """
    model = runner.model.eval()
    head = model.head
    try:
        codec = read_by(head.decoder, head.loss_module)
        codec.check_comparison()
    except ValueError as error:
        raise TypeError(str(error)) from None
    loader = runner.test_dataloader
    if 'keypoints' not in loader.dataset[0]['data_samples'].gt_instances:
        raise ValueError('the test set must have labelled keypoints, got a '
                         f'{type(loader.dataset).__name__} without')
    passes: Tuple[List[Any], List[Any]] = ([], [])
    samples: List[dict] = []
    with torch.no_grad():
        for batch in progress(loader):
            data = model.data_preprocessor(batch, False)
            for out, inputs in zip(passes, (data['inputs'],
                                            data['inputs'].flip(-1))):
                maps = model.head.forward(model.extract_feat(inputs))
                maps = maps if isinstance(maps, (list, tuple)) else [maps]
                # Of several stages the last one.
                out.append([m.float().cpu().numpy()
                            for m in maps[-codec.OUTPUTS:]])
            samples += [s.cpu().numpy().to_dict()
                        for s in data['data_samples']]
    meta = loader.dataset.metainfo
    straight, flipped = (
        tuple(map(np.concatenate, zip(*batches))) for batches in passes)
    test_cfg = model.test_cfg or {}
    merge = ('none' if not test_cfg.get('flip_test', False) else
             'exact' if getattr(head, 'flip_shift', '') == 'exact' else
             'stock')
    return KeptHeatmaps(
        straight, flipped, list(meta['flip_indices']), samples, codec,
        np.array(meta['sigmas']),
        # Where it does not matter, it need not be said.
        test_cfg.get('shift_heatmap', False if merge == 'stock' else None),
        (head.decoder, merge), head.loss_module)
