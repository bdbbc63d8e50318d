"""One network, many decoders: what each makes of the same heatmaps."""
import contextlib
import io
from pathlib import Path
from typing import (
    Any,
    Callable,
    Dict,
    Iterator,
    List,
    Sequence,
    Tuple,
    Union,
)

import numpy as np
from mmpose.evaluation.metrics import CocoMetric
from scipy.stats import bootstrap

from ..markdown import markdown_table
from .heatmaps import MERGES, KeptHeatmaps


def compare(kept: KeptHeatmaps,
            metric: Any,
            merges: Sequence[str] = MERGES,
            progress: Callable[[Any], Any] = iter) -> List[Dict[str, Any]]:
    """Score every decoder under every merge.

    Args:
        kept (KeptHeatmaps): What a network predicted
        metric (BaseMetric): A metric of MMPose, with its ``dataset_meta``
        merges (Sequence[str]): Some of :data:`MERGES`. Defaults to all
        progress (callable): Wraps the cases, as ``rich.progress.track`` does

    Returns:
        list[dict]: Rows of merge, decoder, metrics (dict), median_px, mean_x
        and mean_y (input px), OKS (N, ). The first is what the config itself
        predicts, where there is one.
    """
    return list(compare_each(kept, metric, merges, progress))


def compare_each(kept: KeptHeatmaps,
                 metric: Any,
                 merges: Sequence[str] = MERGES,
                 progress: Callable[[Any], Any] = iter
                 ) -> Iterator[Dict[str, Any]]:
    """:func:`compare`, each row as soon as it is there."""
    cases = [(merge, name, options) for merge in merges
             for name, options in kept.codec.decodings().items()]
    if kept.configured:
        codec, merge = kept.configured
        yield _row(kept, metric, merge,
                   f'{type(codec).__name__}, as configured',
                   *kept.decode_as_configured())
    merged, outputs = 'none', kept.outputs
    for merge, name, options in progress(cases):
        if merge != merged:
            merged, outputs = merge, kept.merged(merge)
        points, scores = kept.decode(outputs, **options)[:2]
        yield _row(kept, metric, merge, name, points, scores)


def _row(kept: KeptHeatmaps, metric: Any, merge: str, name: str,
         points: np.ndarray, scores: np.ndarray) -> Dict[str, Any]:
    """One of :func:`compare`."""
    median, x, y = summary(kept, points)
    metrics = kept.score(points, scores, metric)
    if 'head_size' in kept.samples[0].get('raw_ann_info', {}):
        for threshold in (.5, .1):
            metrics[f'PCKh@{threshold}'] = kept.pckh(points, threshold)
    return dict(
        merge=merge, decoder=name,
        metrics={key.rpartition('/')[2]: float(value)
                 for key, value in metrics.items()},
        median_px=median, mean_x=x, mean_y=y, oks=kept.oks(points))


def add_intervals(rows: List[Dict[str, Any]],
                  base: Dict[str, Any],
                  seed: int = 0) -> None:
    """Give every row the mean OKS less that of ``base``, and its interval.

    95 %, by a paired bootstrap over people, in points, and the number of
    ``people``. Of ``base`` the gain is 0, as where nobody has an OKS, and the
    table leaves it out.
    """
    for row in rows:
        row['is_base'] = row is base
        row['gain'], row['interval'], row['people'] = gain_with_interval(
            row['oks'], base['oks'], seed)


def gain_with_interval(oks: np.ndarray, base: np.ndarray, seed: int = 0
                       ) -> Tuple[float, Tuple[float, float], int]:
    """The mean gain in OKS and its 95 % interval, in points, and of how many.

    Args:
        oks (np.ndarray): Of people in shape (N, ), NaN where nothing is
            labelled
        base (np.ndarray): Of the same people, read otherwise
        seed (int): Of the paired bootstrap. Defaults to 0

    Returns:
        tuple: The gain, (low, high) and the number of people. Of fewer than
        two people, and where nothing differs, both ends are the gain.
    """
    gain = oks - base
    gain = 100 * gain[np.isfinite(gain)]
    mean = float(gain.mean()) if len(gain) else 0.
    low, high = mean, mean
    if len(gain) > 1 and np.ptp(gain) > 0:
        low, high = map(float, bootstrap(
            (gain, ), np.mean, n_resamples=2000, method='percentile',
            random_state=seed).confidence_interval)
    return mean, (low, high), len(gain)


def comparison_table(rows: Sequence[Dict[str, Any]]) -> str:
    """The rows of :func:`compare`, with their intervals, in Markdown."""
    keys = [k for k in (
        'AP', 'AP .5', 'AP .75', 'AR', 'PCK', 'PCKh', 'PCKh@0.5', 'PCKh@0.1',
        'AUC') if k in rows[0]['metrics']] or list(rows[0]['metrics'])
    body = []
    for row in rows:
        low, high = row['interval']
        gain = '' if row['is_base'] or not row['people'] else (
            f'{row["gain"]:+.3f} [{low:+.3f}, {high:+.3f}]')
        body.append([
            row['merge'], row['decoder'],
            *(f'{100 * row["metrics"][k]:.2f}' for k in keys),
            f'{row["median_px"]:.3f}',
            f'{row["mean_x"]:+.3f}, {row["mean_y"]:+.3f}', gain])
    return markdown_table(
        ['flip test', 'decoder', *keys, 'median px', 'mean x, y px',
         'OKS gain x 100'], body, text_columns=2)


def summary(kept: KeptHeatmaps,
            points: np.ndarray) -> Tuple[float, float, float]:
    """Median error, and mean signed error (x, y) of the joints within 6 px.

    All in input px.
    """
    error = kept.errors(points)
    distance = np.linalg.norm(error, axis=2)
    near = distance < 6
    x, y = error[near].mean(0) if near.any() else (np.nan, np.nan)
    return float(np.nanmedian(distance)), float(x), float(y)


def coco_metric(ann_file: Union[str, Path], meta: Dict[str, Any]) -> Any:
    """MMPose's CocoMetric outside of a Runner.

    Args:
        ann_file (str | Path): Annotations in the COCO format
        meta (dict): ``CLASSES``, ``sigmas`` and ``num_keypoints``; names of
            the keypoints are those of the annotations, if these have them
    """
    with contextlib.redirect_stdout(io.StringIO()):
        metric = CocoMetric(ann_file=str(ann_file))
    names = [name for category in metric.coco.cats.values()
             for name in category.get('keypoints', ())]
    if len(names) == meta['num_keypoints']:
        meta = dict(meta, keypoint_id2name=dict(enumerate(names)))
    metric.dataset_meta = meta
    return metric
