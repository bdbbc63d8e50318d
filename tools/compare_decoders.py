"""One checkpoint, many decoders: what each makes of the same heatmaps.

Runs the network of a top-down heatmap config once over its test set, as it is
and flipped, and scores every decoder under every merge of the flip test on the
heatmaps that it keeps, with the config's own metric. The persons are the
labelled ones: a ``bbox_file`` of detections is left out. Beside the metric:
the median error, the mean signed error of the joints within 6 px (both in
input px), and the mean OKS less that of the base (stock shift) with its 95 %
interval by a paired bootstrap over persons.

Maps that came from elsewhere: ``--heatmaps FILE.npz --ann FILE.json --sigma
S`` in place of config and checkpoint; see kept_heatmaps.load for the format.
"""
import argparse
import logging
from functools import partial
from pathlib import Path

import numpy as np


def compare(kept, metric, merges, progress=iter):
    """Score every decoder under every merge.

    Returns:
        list[dict]: Rows of merge, decoder, metrics (dict), median_px, mean_x
        and mean_y (input px), OKS (N, ).
    """
    from kept_heatmaps import decoders, summary
    cases = [(merge, name, options) for merge in merges
             for name, options in decoders(kept.codec['sigma']).items()]
    rows, merged, heatmaps = [], None, None
    for merge, name, options in progress(cases):
        if merge != merged:
            merged, heatmaps = merge, kept.merged(merge)
        points, scores = kept.decode(heatmaps, **options)
        median, x, y = summary(kept, points)
        metrics = kept.score(points, scores, metric)
        if 'head_size' in kept.samples[0].get('raw_ann_info', {}):
            for threshold in (.5, .1):
                metrics[f'PCKh@{threshold}'] = kept.pckh(points, threshold)
        rows.append(dict(
            merge=merge, decoder=name,
            metrics={key.rpartition('/')[2]: float(value)
                     for key, value in metrics.items()},
            median_px=median, mean_x=x, mean_y=y, oks=kept.oks(points)))
    return rows


def add_intervals(rows, base, seed=0):
    """Give every row the mean OKS less that of ``base``, and its interval."""
    from scipy.stats import bootstrap
    for row in rows:
        gain = row['oks'] - base['oks']
        gain = 100 * gain[np.isfinite(gain)]
        row['gain'] = float(gain.mean())
        row['interval'] = (row['gain'], ) * 2
        if gain.any():
            row['interval'] = tuple(map(float, bootstrap(
                (gain, ), np.mean, n_resamples=2000, method='percentile',
                random_state=seed).confidence_interval))


def markdown(rows):
    """The table of ``compare``."""
    keys = [k for k in (
        'AP', 'AP .5', 'AP .75', 'AR', 'PCK', 'PCKh', 'PCKh@0.5', 'PCKh@0.1',
        'AUC')
            if k in rows[0]['metrics']]
    keys = keys or list(rows[0]['metrics'])
    lines = ['| flip test | decoder | ' + ' | '.join(keys) +
             ' | median px | mean x, y px | OKS gain x 100 |',
             '|---|---|' + '--:|' * (len(keys) + 3)]
    for row in rows:
        figures = ' | '.join(f'{100 * row["metrics"][k]:.2f}' for k in keys)
        low, high = row['interval']
        lines.append(
            f'| {row["merge"]} | {row["decoder"]} | {figures} | '
            f'{row["median_px"]:.3f} | {row["mean_x"]:+.3f}, '
            f'{row["mean_y"]:+.3f} | {row["gain"]:+.3f} '
            f'[{low:+.3f}, {high:+.3f}] |')
    return '\n'.join(lines)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', nargs='?', help='any top-down config')
    parser.add_argument('checkpoint', nargs='?')
    parser.add_argument('--heatmaps', type=Path, metavar='NPZ')
    parser.add_argument('--ann', type=Path, metavar='JSON',
                        help='COCO annotations for --heatmaps')
    parser.add_argument('--sigma', type=float, default=2,
                        help='training sigma of --heatmaps that another tool '
                        'wrote (default: 2)')
    parser.add_argument('--merge', nargs='+',
                        choices=('none', 'stock', 'exact'),
                        default=['none', 'stock', 'exact'])
    parser.add_argument('--save', type=Path, metavar='NPZ',
                        help='keep the heatmaps for --heatmaps')
    parser.add_argument('--out', type=Path, help='write the table here too')
    parser.add_argument('--work-dir', default='work_dirs/compare_decoders')
    parser.add_argument('--cfg-options', nargs='+', metavar='KEY=VALUE',
                        action=_dict_action(), default={})
    args = parser.parse_args()
    if (args.heatmaps is None) == (args.checkpoint is None):
        parser.error('give either CONFIG and CHECKPOINT or --heatmaps')
    if args.heatmaps and not args.ann:
        parser.error('--heatmaps needs --ann')

    import kept_heatmaps
    from mmpose.utils import register_all_modules
    from mmpose_dark.config import load_config  # before MMPose
    from test_runner import build_runner
    from tqdm import tqdm
    logging.captureWarnings(True)
    register_all_modules()
    if args.heatmaps:
        kept = kept_heatmaps.load(args.heatmaps, args.ann, args.sigma)
        metric = kept_heatmaps.coco_metric(
            args.ann, dict(CLASSES=['person'], sigmas=kept.sigmas,
                           num_keypoints=len(kept.sigmas)))
    else:
        cfg = load_config(args.config)
        cfg.merge_from_dict(args.cfg_options)
        # Detections have no labels beside them to measure errors by.
        cfg.test_dataloader.dataset.pop('bbox_file', None)
        runner = build_runner(cfg, args.checkpoint, args.work_dir)
        try:
            kept = kept_heatmaps.predict(
                runner, partial(tqdm, desc='network', unit='batch'))
        except (TypeError, ValueError) as error:
            parser.error(str(error))
        metric = runner.test_evaluator.metrics[0]
    if args.save:
        kept.save(args.save)
    rows = compare(kept, metric, args.merge,
                   partial(tqdm, desc='decoders'))
    base = next(row for row in rows if row['decoder'] == 'shift'
                and row['merge'] == ('stock' if 'stock' in args.merge
                                     else args.merge[0]))
    add_intervals(rows, base)
    table = markdown(rows)
    print(table)
    if args.out:
        args.out.write_text(table + '\n')


def _dict_action():
    from mmengine.config import DictAction
    return DictAction


if __name__ == '__main__':
    main()
