"""Heatmaps that are predicted once and decoded many times.

Those of a test set, with and without flipping the input, and their scores by
any decoder and any merge of the flip test.
"""
import contextlib
import io
import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Tuple, Union

import numpy as np
import torch
from mmpose.codecs import SimCCLabel
from mmpose.evaluation.functional import keypoint_pck_accuracy

from .. import functional as F  # noqa: N812
from ..codecs import DarkHeatmap
from ..conventions import dark_codec, official_kernel

#: merges of a flip test: without one, as MMPose does, and where it belongs
MERGES = ('none', 'stock', 'exact')


def decoders(sigma: float) -> Dict[str, Dict[str, Any]]:
    """Name -> arguments of ``DarkHeatmap``; the official one last."""
    return {
        'argmax': dict(decoding='argmax'),
        'shift': dict(decoding='shift'),
        'DARK, no modulation': dict(modulation=False),
        'DARK': {},
        'DARK, peak=raw': dict(peak='raw'),
        'DARK, official': dict(peak='raw',
                               blur_kernel_size=official_kernel(sigma)),
    }


@dataclass
class KeptHeatmaps:
    """Heatmaps of a test set.

    Attributes:
        heatmaps: (N, K, H, W) float32.
        flipped: As predicted for the flipped inputs, not flipped back.
        flip_indices: The symmetric keypoint of each of the K.
        samples: N dicts as MMPose's metrics take them.
        codec: Sizes, sigma and alignment as arguments of ``DarkHeatmap``.
        sigmas: (K, ) the OKS constants of the data set.
        shift_heatmap: Whether MMPose's merge moves flipped-back heatmaps.
            ``None``: as it should, for the alignment of the codec.
        configured: The codec and the merge that the config predicts with,
            where there is one.
    """
    heatmaps: Any
    flipped: Any
    flip_indices: List[int]
    samples: List[dict]
    codec: dict
    sigmas: np.ndarray
    shift_heatmap: Optional[bool] = None
    configured: Optional[Tuple[Any, str]] = None

    def merged(self, merge: str) -> Any:
        """(N, K, H, W) by a merge of the flip test, see :data:`MERGES`."""
        if merge not in MERGES:
            raise ValueError(f'merge must be one of {MERGES}, got {merge!r}')
        if merge == 'none':
            return self.heatmaps
        codec = DarkHeatmap(**self.codec)
        moved = self.shift_heatmap
        shift = codec.merge_shift(
            dict(shift_heatmap=not codec.use_udp if moved is None else moved),
            exact=merge == 'exact')
        back = F.flip_heatmaps(self.flipped, self.flip_indices, shift=shift)
        return (self.heatmaps + back) * np.float32(.5)

    def decoders(self) -> Dict[str, Dict[str, Any]]:
        """Name -> arguments of ``DarkHeatmap``; the official one last."""
        return decoders(self.codec['sigma'])

    @property
    def stride(self) -> np.ndarray:
        """(x, y) input px per px that errors and covariances are told in."""
        return np.divide(self.codec['input_size'], self.codec['heatmap_size'])

    def decode(self, heatmaps: Any, return_covariance: bool = False,
               **options: Any) -> Tuple[np.ndarray, ...]:
        """(N, K, 2) input px, (N, K) scores and, if asked for, covariances.

        These are in shape (N, K, 2, 2); squared input px.
        """
        return DarkHeatmap(**{**self.codec, **options}).read(
            heatmaps, return_covariance)

    def decode_as_configured(self) -> Tuple[np.ndarray, np.ndarray]:
        """What the config itself predicts; (N, K, 2) input px and scores."""
        assert self.configured
        codec, merge = self.configured
        maps = self.merged(merge)
        points, scores = [], []
        for sample in zip(*(maps if isinstance(maps, tuple) else (maps, ))):
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
        return covariances * factor[..., None] * factor[..., None, :]

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

        def packed(maps):
            if abs(maps).max() >= 8:  # int16 of value * 4096 ends here
                return maps
            return np.rint(maps * 4096).astype(np.int16)

        np.savez_compressed(
            path, heatmaps=packed(self.heatmaps),
            heatmaps_flip=packed(self.flipped),
            codec=json.dumps(self.codec), flip_indices=self.flip_indices,
            sigmas=self.sigmas,
            shift_heatmap=json.dumps(self.shift_heatmap),
            input_center=[s['input_center'] for s in self.samples],
            input_scale=[s['input_scale'] for s in self.samples],
            ann_id=[s['raw_ann_info']['id'] for s in self.samples])


def _area(sample):
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
        KeptHeatmaps: What its head predicts; :class:`KeptVectors` of SimCC.

    Raises:
        TypeError: A head without a codec of Gaussian heatmaps or of SimCC.
        ValueError: Persons without labels.
    """
    model = runner.model.eval()
    codec = _codec_of(model.head)
    loader = runner.test_dataloader
    if 'keypoints' not in loader.dataset[0]['data_samples'].gt_instances:
        raise ValueError('the test set must have labelled keypoints, got a '
                         f'{type(loader.dataset).__name__} without')
    of_vectors = isinstance(model.head.decoder, SimCCLabel)
    passes: Tuple[List[Any], List[Any]] = ([], [])
    samples: List[dict] = []
    with torch.no_grad():
        for batch in progress(loader):
            data = model.data_preprocessor(batch, False)
            for out, inputs in zip(passes, (data['inputs'],
                                            data['inputs'].flip(-1))):
                maps = model.head.forward(model.extract_feat(inputs))
                maps = maps if isinstance(maps, (list, tuple)) else [maps]
                maps = maps if of_vectors else maps[-1:]
                out.append([m.float().cpu().numpy() for m in maps])
            samples += [s.cpu().numpy().to_dict()
                        for s in data['data_samples']]
    meta = loader.dataset.metainfo
    kind: Any = KeptHeatmaps
    straight: Any
    flipped: Any
    straight, flipped = (
        tuple(map(np.concatenate, zip(*batches))) for batches in passes)
    if of_vectors:
        from .vectors import KeptVectors  # which builds on this module
        kind = partial(KeptVectors, loss=model.head.loss_module)
    else:
        (straight, ), (flipped, ) = straight, flipped
    test_cfg = model.test_cfg or {}
    merge = ('none' if not test_cfg.get('flip_test', False) else
             'exact' if getattr(model.head, 'flip_shift', '') == 'exact' else
             'stock')
    return kind(straight, flipped, list(meta['flip_indices']), samples, codec,
                np.array(meta['sigmas']),
                # Where it does not matter, it need not be said.
                test_cfg.get('shift_heatmap',
                             False if merge == 'stock' else None),
                (model.head.decoder, merge))


def _codec_of(head: Any) -> Dict[str, Any]:
    """Sizes, sigma and alignment as arguments of the DARK codec."""
    name = type(head.decoder).__name__
    options = vars(head.decoder)
    if isinstance(head.decoder, SimCCLabel):
        codec = dark_codec('SimCCLabel', options)
        del codec['type']
        return dict(codec, beta=getattr(head.loss_module, 'beta', 10.))
    if name != 'DarkHeatmap':
        try:
            options = dark_codec(name, options)
        except ValueError as error:
            raise TypeError(str(error)) from None
    names = 'input_size', 'heatmap_size', 'sigma'
    if not set(names) <= set(options):
        raise TypeError('expected a head with MSRAHeatmap, a Gaussian '
                        f'UDPHeatmap or DarkHeatmap as codec, got {name}')
    return dict({key: options[key] for key in names},
                use_udp=options.get('use_udp', False))
