"""The main job in a minute: one codec entry swapped, everything else stock.

Makes a small COCO-format data set of synthetic figures with exact joints and
runs MMPose's own test loop on it: the paper's Table 3 in small. Two networks,
trained with the stock biased and with unbiased targets, are each read by the
stock codec and by DARK; the last row has the head swapped as well, which
merges the flip test exactly. Prints the results side by side and draws what
both codecs read from the first network against the truth. The networks are
shipped beside the configs; reproduce.py trained them.
"""
import argparse
import contextlib
import io
import logging
import pickle
from functools import partial
from pathlib import Path

import numpy as np
from mmpose_dark._markdown import markdown_table
from mmpose_dark._tools import Progress, track

CONFIGS = (Path(__file__).resolve().parents[2] /
           'configs/body_2d_keypoint/topdown_heatmap/figures')
STOCK = 'td-hm_res18-thin_1xb64-8e_figures-128x96.py'
DARK = 'td-hm_res18-thin_dark-1xb64-8e_figures-128x96.py'
#: trained with each of the two
BIASED = 'td-hm_res18-thin_figures-128x96.pth'
UNBIASED = 'td-hm_res18-thin_dark_figures-128x96.pth'
#: (targets, read by) -> config, network, further settings, and the colour it
#: is drawn in
RUNS = {
    ('biased', 'MSRAHeatmap (stock)'): (STOCK, BIASED, {}, 'cyan'),
    ('biased', 'mmpose_dark.DarkHeatmap'): (DARK, BIASED, {}, 'red'),
    ('unbiased', 'MSRAHeatmap (stock)'): (STOCK, UNBIASED, {}, None),
    ('unbiased', 'mmpose_dark.DarkHeatmap'): (DARK, UNBIASED, {}, None),
    ('unbiased', '... and DarkHeatmapHead'): (DARK, UNBIASED, {
        'model.head.type': 'mmpose_dark.DarkHeatmapHead'}, None),
}


def run_test(config, options, checkpoint, data_root, work_dir, label):
    """MMPose's test loop.

    Returns:
        tuple[dict, list[dict]]: Metrics of the config and one dict per
        person as MMPose's ``DumpResults`` writes it.
    """
    from mmengine.config import Config
    from mmengine.hooks import Hook
    from mmpose_dark.evaluation import build_test_runner

    dump = work_dir / 'predictions.pkl'
    cfg = Config.fromfile(config)
    cfg.merge_from_dict({
        'experiment_name': label,
        'test_dataloader.dataset.data_root': str(data_root),
        'test_evaluator.ann_file':
            str(data_root / 'val/person_keypoints.json'),
        **options,
    })
    cfg.test_evaluator = [
        cfg.test_evaluator,
        dict(type='DumpResults', out_file_path=str(dump))
    ]
    # Data sets and the evaluation print what the table at the end sums up.
    with contextlib.redirect_stdout(io.StringIO()), Progress() as progress:
        runner = build_test_runner(cfg, checkpoint, work_dir)
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


def draw(results, path, num=5):
    """Crops with truth and predictions, and one joint of each close up."""
    import cv2
    from matplotlib.figure import Figure
    from mmpose_dark.visualization.plots import TRUTH, show_part

    first = next(iter(results.values()))
    whole = [i for i, sample in enumerate(first)
             if sample['raw_ann_info']['num_keypoints'] == 17]
    chosen = whole[::max(1, len(whole) // num)][:num]
    fig = Figure(figsize=(2.2 * num, 5))
    axes = fig.subplots(2, num, squeeze=False)
    for column, i in enumerate(chosen):
        sample = first[i]
        image = cv2.imread(sample['img_path'])
        truth = np.array(sample['raw_ann_info']['keypoints']).reshape(-1, 3)
        x, y, w, h = sample['raw_ann_info']['bbox']
        off = np.linalg.norm(
            sample['pred_instances']['keypoints'][0] - truth[:, :2], axis=1)
        joint = truth[np.argsort(off)[len(off) // 2], :2]
        close = 0.05 * max(w, h) + 2
        for axis, centre, radius, size in (
                (axes[0, column], (x + w / 2, y + h / 2), (.6 * w, .6 * h), 4),
                (axes[1, column], joint, (close, close), 12)):
            show_part(axis, image, centre, radius)
            axis.plot(*truth[:, :2].T, '+', color=TRUTH, ms=size, mew=1.5,
                      label='truth')
            for name, predictions in results.items():
                points = predictions[i]['pred_instances']['keypoints'][0]
                axis.plot(*points.T, 'x', color=RUNS[name][-1], ms=size,
                          mew=1.2, label=name[1])
    fig.suptitle('Same network, same heatmaps; below, one joint close up')
    fig.tight_layout(rect=(0, 0.05, 1, 1))
    fig.legend(*axes[0, 0].get_legend_handles_labels(), ncol=3,
               loc='lower center', fontsize=9)
    fig.savefig(path, dpi=130)


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

    rows, pictured = [], {}
    for name, (config, network, options, colour) in RUNS.items():
        metrics, predictions = run_test(
            CONFIGS / config, options, CONFIGS / network, data_root, args.out,
            ', '.join(name))
        error = errors(predictions)
        rows.append([
            *name, *(f'{100 * metrics[f"coco/{key}"]:.1f}'
                     for key in ('AP', 'AP .75', 'AR')),
            f'{np.median(error):.2f}', f'{error.mean():.2f}'])
        if colour:
            pictured[name] = predictions
    print(f'\n{args.images} synthetic figures, 128x96 input, flip test; '
          'errors in input px\n')
    print(markdown_table(
        ['targets', 'codec', 'AP', 'AP75', 'AR', 'median error',
         'mean error'], rows, text_columns=2))
    picture = args.out / 'quickstart.png'
    draw(pictured, picture)
    print(f'\nPicture: {picture}')


if __name__ == '__main__':
    main()
