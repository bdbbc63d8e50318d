"""The main job in a minute: one codec entry swapped, everything else stock.

Makes a small COCO-format data set of synthetic figures with exact joints and
runs MMPose's own test loop on it: the paper's Table 3 in small. Two networks,
trained with the stock biased and with unbiased targets, are each read by the
stock codec and by DARK; the last row has the head swapped as well, which
merges the flip test exactly. Prints the results side by side and draws one
heatmap, what is read from it, and where in a pixel joints are found. The
networks are shipped beside the configs.
"""
import argparse
import contextlib
import io
import logging
import pickle
import tempfile
from functools import partial
from pathlib import Path
from typing import Any, Dict, List, Tuple

import numpy as np
from mmpose_dark.cli.progress import Progress, track
from mmpose_dark.markdown import markdown_table

CONFIGS = (Path(__file__).resolve().parents[2] /
           'configs/body_2d_keypoint/topdown_heatmap/figures')
STOCK = 'td-hm_res18-hypercolumn_1xb16-2e_figures-128x96.py'
DARK = 'td-hm_res18-hypercolumn_dark-1xb16-2e_figures-128x96.py'
#: trained with each of the two
BIASED = 'td-hm_res18-hypercolumn_figures-128x96.pth'
UNBIASED = 'td-hm_res18-hypercolumn_dark_figures-128x96.pth'
SIGMA = 1  # heatmap px, of both
#: (targets, read by) -> config, network and further settings
RUNS = {
    ('biased', 'MSRAHeatmap (stock)'): (STOCK, BIASED, {}),
    ('biased', 'mmpose_dark.DarkHeatmap'): (DARK, BIASED, {}),
    ('unbiased', 'MSRAHeatmap (stock)'): (STOCK, UNBIASED, {}),
    ('unbiased', 'mmpose_dark.DarkHeatmap'): (DARK, UNBIASED, {}),
    ('unbiased', '... and DarkHeatmapHead'): (DARK, UNBIASED, {
        'model.head.type': 'mmpose_dark.DarkHeatmapHead',
        # for the picture
        'model.head.output_covariance': True,
        'model.test_cfg.output_heatmaps': True}),
}


def run_test(config, options, checkpoint, data_root, work_dir, label):
    """MMPose's test loop.

    Returns:
        tuple[dict, list[dict]]: Metrics of the config and one dict per
        person as MMPose's ``DumpResults`` writes it.
    """
    import torch
    from mmengine.config import Config
    from mmengine.hooks import Hook
    from mmpose_dark.evaluation import build_test_runner

    cfg = Config.fromfile(config)
    cfg.merge_from_dict({
        'experiment_name': label,
        'test_dataloader.dataset.data_root': str(data_root),
        'test_evaluator.ann_file':
            str(data_root / 'val/person_keypoints.json'),
        **options,
    })
    # Data sets and the evaluation print what the table at the end sums up.
    with contextlib.redirect_stdout(io.StringIO()), Progress() as progress, \
            tempfile.TemporaryDirectory() as folder:
        dump = Path(folder) / 'predictions.pkl'
        cfg.test_evaluator = [
            cfg.test_evaluator,
            dict(type='DumpResults', out_file_path=str(dump))
        ]
        runner = build_test_runner(cfg, checkpoint, work_dir)
        # The same sums in an order that CPUs convolve faster.
        runner.model.to(memory_format=torch.channels_last)
        task = progress.add_task(label, total=len(runner.test_dataloader))

        class Advance(Hook):

            def after_test_iter(self, *args, **kwargs):
                progress.advance(task)

        runner.register_hook(Advance())
        metrics = runner.test()
        return metrics, pickle.loads(dump.read_bytes())


def errors(predictions):
    """Distance of each labelled joint to the truth, in input pixels."""
    out = []
    for sample in predictions:
        truth = np.array(sample['raw_ann_info']['keypoints']).reshape(-1, 3)
        offset = (sample['pred_instances']['keypoints'][0] - truth[:, :2])
        offset = offset / sample['input_scale'] * sample['input_size']
        out.append(np.linalg.norm(offset, axis=1)[truth[:, 2] > 0])
    return np.concatenate(out)


def draw(predictions: List[Dict[str, Any]], folder: Path) -> None:
    """The pictures: quickstart.png, and of its two parts places.png alone.

    One heatmap and what is read from it; where in a pixel joints are found.

    Args:
        predictions (list[dict]): One a person, with heatmaps and covariances.
        folder (Path): Where to write
    """
    from matplotlib.figure import Figure
    from mmpose_dark.functional import decode_heatmaps
    heatmaps = np.stack([p['pred_fields']['heatmaps'] for p in predictions])
    truth, seen = labels_in_heatmap(predictions, heatmaps)
    (shift, scores), (dark, _) = (
        decode_heatmaps(heatmaps, SIGMA, method=method)
        for method in ('shift', 'dark'))
    # A joint that the network is sure of, so that its place in a pixel is
    # what is left, and for which the readings differ enough to be told apart;
    # of these DARK's error is the median.
    sure = seen & (scores > np.quantile(scores[seen], .8))
    apart = np.linalg.norm(shift - dark, axis=-1)
    sure &= apart > np.quantile(apart[sure], .9)
    error = np.where(sure, np.linalg.norm(dark - truth, axis=-1), np.nan)
    best = np.unravel_index(
        np.nanargmin(abs(error - np.nanmedian(error))), seen.shape)

    fig = Figure(figsize=(11, 4.6))
    left, right = fig.subplots(1, 2, gridspec_kw=dict(width_ratios=(1, 1.7)))
    draw_heatmap(left, heatmaps[best], truth[best], shift[best], dark[best])
    draw_places(right, truth[seen], shift[seen], dark[seen])
    fig.tight_layout(w_pad=3)
    fig.savefig(folder / 'quickstart.png', dpi=110)

    fig = Figure(figsize=(8, 4.2))
    draw_places(fig.subplots(), truth[seen], shift[seen], dark[seen])
    fig.tight_layout()
    fig.savefig(folder / 'places.png', dpi=110)


def labels_in_heatmap(predictions: List[Dict[str, Any]],
                      heatmaps: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """True joints (N, K, 2) in heatmap px, and which are labelled."""
    height, width = heatmaps.shape[2:]
    found = []
    for sample in predictions:
        truth = np.reshape(sample['raw_ann_info']['keypoints'], (-1, 3))
        scale = sample['input_scale']
        truth[:, :2] = (truth[:, :2] - sample['input_center'] + scale / 2
                        ) / scale * (width, height)
        found.append(truth)
    labels = np.array(found)
    return labels[..., :2], labels[..., 2] > 0


def draw_heatmap(axis: Any, heatmap: np.ndarray, truth: np.ndarray,
                 shift: np.ndarray, dark: np.ndarray, reach: int = 3) -> None:
    """The pixels around a joint, and what is read from them."""
    from matplotlib.patches import Rectangle
    from mmpose_dark.functional import decode_heatmaps
    from mmpose_dark.visualization.plots import DARK, STOCK, TRUTH
    from mmpose_dark.visualization.uncertainty import ellipse
    _, _, covariance = decode_heatmaps(
        heatmap[None], SIGMA, return_covariance=True)
    y, x = np.unravel_index(heatmap.argmax(), heatmap.shape)
    axis.imshow(heatmap, cmap='gray', interpolation='nearest')
    axis.add_patch(Rectangle((x - .5, y - .5), 1, 1, fill=False, lw=2,
                             ec='orange', label='brightest pixel'))
    axis.plot(*ellipse(dark, covariance[0]).T, color='gold', lw=2,
              label='95 % ellipse')
    edge = dict(mec='black', mew=1, ls='')
    axis.plot(*shift, 'o', color=STOCK, ms=9, label='stock decoding', **edge)
    axis.plot(*dark, 'X', color=DARK, ms=10, label='DARK', **edge)
    axis.plot(*truth, 'P', color=TRUTH, ms=10, label='truth', **edge)
    axis.set(xlim=(x - reach - .5, x + reach + .5),
             ylim=(y + reach + .5, y - reach - .5), xticks=[], yticks=[])
    axis.legend(fontsize=8, loc='upper center', ncol=3, frameon=False,
                bbox_to_anchor=(.5, 0))
    axis.set_title('The heatmap of one joint', fontsize=11)


def draw_places(axis: Any, truth: np.ndarray, shift: np.ndarray,
                dark: np.ndarray) -> None:
    """Where in a pixel joints are found: the true ones lie anywhere."""
    from mmpose_dark.visualization.plots import DARK, STOCK
    for points, name, style in (
            (shift, 'stock decoding (quarter shift)', dict(color=STOCK)),
            (dark, 'DARK', dict(color=DARK, alpha=.6)),
            (truth, 'the true joints', dict(histtype='step', color='k',
                                            lw=1.2))):
        places = np.mod(points.ravel(), 1)
        axis.hist(places, np.arange(41) / 40, label=name,
                  weights=np.full(len(places), 100 / len(places)), **style)
    axis.set(xlabel='place in a heatmap pixel, in x and y', xlim=(0, 1),
             ylabel='% of joints, by 1/40 px', ylim=(0, 56))
    for side in ('top', 'right'):
        axis.spines[side].set_visible(False)
    axis.legend(fontsize=9, loc='upper center', ncol=3, frameon=False,
                bbox_to_anchor=(.5, -.16))
    axis.set_title('Stock decoding knows two places in a pixel, '
                   'DARK all of them', fontsize=11)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.split('\n\n')[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument('--out', type=Path, default='demo_out',
                        help='folder for data, logs and the picture')
    parser.add_argument('--images', type=int, default=500,
                        help='number of synthetic test images')
    args = parser.parse_args()

    print('Loading MMPose ...')
    logging.captureWarnings(True)
    from mmpose_dark.synthetic import make_figures

    data_root = args.out / f'figures-{args.images}'
    if not (data_root / 'val/person_keypoints.json').is_file():
        # Seed 1: the networks were trained on seed 0.
        make_figures(data_root / 'val', args.images, seed=1, progress=partial(
            track, description='making figures'))

    rows = []
    for name, (config, network, options) in RUNS.items():
        metrics, predictions = run_test(
            CONFIGS / config, options, CONFIGS / network, data_root, args.out,
            ', '.join(name))
        error = errors(predictions)
        rows.append([
            *name, *(f'{100 * metrics[f"coco/{key}"]:.1f}'
                     for key in ('AP', 'AP .75', 'AR')),
            f'{np.median(error):.2f}', f'{error.mean():.2f}'])
    print(f'\n{args.images} synthetic figures, 128x96 input, flip test; '
          'errors in input px\n')
    print(markdown_table(
        ['targets', 'codec', 'AP', 'AP75', 'AR', 'median error',
         'mean error'], rows, text_columns=2))
    print('\nRows of one kind of targets are one network: only the reading '
          'of its heatmaps\ndiffers. Read from the first row to the last: '
          'one codec entry, unbiased targets,\nthe exact flip merge.')
    draw(predictions, args.out)
    print(f'\nPicture: {args.out / "quickstart.png"}')


if __name__ == '__main__':
    main()
