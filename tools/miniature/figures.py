"""Pictures of what reproduce.py has measured, after those of the paper.

Draws whatever is finished, into FOLDER/figures; report.py comes first.
"""
import argparse
import csv
import json
from pathlib import Path

import mmpose_dark  # noqa: F401  before any part of MMPose
import numpy as np

NETWORK, SIZE = 'SimpleBaseline', '128x96'


def kept_heatmaps(folder, encoding):
    run = folder / f'runs/{NETWORK}-{SIZE}-{encoding}-seed0'
    if not (run / 'scores.json').is_file():
        return None
    from mmpose_dark.evaluation import load
    return load(run / 'heatmaps.npz',
                folder / 'data/val/person_keypoints.json')


def modulation(fig, biased):
    """Fig. 3: a predicted heatmap before and after modulation."""
    from mmpose_dark.functional import decode_heatmaps, modulate_heatmaps
    from mmpose_dark.visualization.plots import STOCK, TRUTH, show_map
    maps = biased.outputs[0]
    maps = maps.reshape(-1, *maps.shape[2:])
    sigma = biased.codec.sigma
    raw = decode_heatmaps(maps, sigma, method='argmax')[0]
    dark = decode_heatmaps(maps, sigma)[0]
    # One whose peak is clear but ragged: modulation changes it most.
    smooth = modulate_heatmaps(maps, sigma)
    change = np.abs(smooth - maps).mean((1, 2)) / maps.max((1, 2))
    change[(maps.max((1, 2)) < .4) |
           (np.linalg.norm(raw - dark, axis=1) > 1)] = 0
    i = int(np.argmax(change))
    fig.set_size_inches(6.4, 4.2)
    axes = fig.subplots(1, 2)
    for axis, values, title in zip(axes, (maps[i], smooth[i]),
                                   ('predicted', 'modulated')):
        show_map(axis, values, title)
        axis.plot(*raw[i], 'o', mfc='none', color=STOCK, label='maximum')
        axis.plot(*dark[i], '+', color=TRUTH, ms=10, label='DARK')
    axes[0].legend(loc='lower right', fontsize=8)


def quantisation(fig):
    """Fig. 4: what the biased encoding does to a joint."""
    from mmpose_dark.functional import encode_heatmaps
    from mmpose_dark.visualization.plots import STOCK, TRUTH, show_map
    true = np.array([[5.4, 4.35]])
    fig.set_size_inches(6.4, 3.4)
    for axis, unbiased, title in zip(fig.subplots(1, 2), (False, True),
                                     ('biased encoding', 'unbiased')):
        show_map(axis, encode_heatmaps(
            true, (12, 9), 1., unbiased=unbiased)[0], title)
        axis.plot(*true[0], '+', color=TRUTH, ms=12, label='joint')
        if not unbiased:
            axis.plot(*np.floor(true[0] + .5), 'o', mfc='none', color=STOCK,
                      label='drawn around')
        axis.legend(loc='lower right', fontsize=8)


def predictions(fig, folder, biased, unbiased, num=6):
    """Fig. 5: baseline and DARK on the same crops."""
    import cv2
    from mmpose_dark.visualization.plots import DARK, STOCK, show_part
    data = json.loads((folder / 'data/val/person_keypoints.json').read_text())
    names = {image['id']: image['file_name'] for image in data['images']}
    bones = np.array(data['categories'][0]['skeleton']) - 1
    drawn = [(biased, dict(decoding='shift'), STOCK, 'baseline'),
             (unbiased, {}, DARK, 'DARK')]
    points = [kept.to_image(kept.decode(kept.merged('exact'), **options)[0])
              for kept, options, *_ in drawn]
    truth, seen = biased.truth()
    whole = np.flatnonzero(seen.all(1))
    fig.set_size_inches(2.1 * num, 3.4)
    axes = fig.subplots(1, num)
    for axis, i in zip(axes, whole[::max(1, len(whole) // num)]):
        sample = biased.samples[i]
        image = cv2.imread(str(folder / 'data/val/images' /
                               names[sample['img_id']]))
        show_part(axis, image, sample['input_center'],
                  sample['input_scale'] / 2)
        axis.plot(*truth[i].T, 'o', mfc='none', color='white', ms=3, mew=.5,
                  label='truth')
        for found, (*_, colour, name) in zip(points, drawn):
            for bone in bones:
                axis.plot(*found[i][bone].T, color=colour, lw=.9)
            axis.plot([], [], color=colour, label=name)
    fig.legend(*axes[0].get_legend_handles_labels(), ncol=3,
               loc='lower center', facecolor='lightgrey')
    fig.tight_layout(rect=(0, .08, 1, 1))


def sizes(fig, rows):
    """AP against the input size: DARK gains most where pixels are few."""
    ap = {row['row']: (float(row['mean']), float(row['std'] or 0))
          for row in rows if row['table'] == '4' and row['metric'] == 'AP'}
    heights = '64x48', '96x72', '128x96'
    fig.set_size_inches(4.6, 3.4)
    axis = fig.subplots()
    for name, colour in (('baseline', 'tab:cyan'), ('DARK', 'red')):
        means, spreads = zip(*(ap[f'{size}, {name}'] for size in heights))
        axis.errorbar(heights, means, spreads, marker='o', capsize=3,
                      color=colour, label=name)
    axis.set(xlabel='input size', ylabel='AP, mean and spread of seeds')
    axis.legend()
    axis.grid(alpha=.3)


def phases(fig, biased, unbiased):
    """Where between the pixels the predictions fall."""
    fig.set_size_inches(8, 2.6)
    axes = fig.subplots(1, 3)
    stride = biased.codec.stride[0]
    for axis, (kept, options, title) in zip(axes, (
            (biased, dict(decoding='argmax'), 'argmax, biased'),
            (biased, dict(decoding='shift'), 'standard shift, biased'),
            (unbiased, {}, 'DARK, unbiased'))):
        points = kept.decode(kept.outputs, **options)[0] / stride
        axis.hist((points[kept.truth()[1]] % 1).ravel(), 40, range=(0, 1),
                  density=True)
        axis.set(title=title, xlabel='fraction of a heatmap px')
    axes[0].set(ylabel='density')


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('folder', type=Path, help='--out of reproduce.py')
    args = parser.parse_args()
    try:
        with (args.folder / 'tables.csv').open(newline='') as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        parser.error(str(error))

    from matplotlib.figure import Figure
    drawings = {'quantisation': quantisation}
    if sum(row['table'] == '4' and row['metric'] == 'AP'
           for row in rows) == 6:
        drawings['sizes'] = lambda fig: sizes(fig, rows)
    biased, unbiased = (kept_heatmaps(args.folder, encoding)
                        for encoding in ('biased', 'unbiased'))
    if biased and unbiased:
        drawings.update(
            modulation=lambda fig: modulation(fig, biased),
            predictions=lambda fig: predictions(fig, args.folder, biased,
                                                unbiased),
            phases=lambda fig: phases(fig, biased, unbiased))
    out = args.folder / 'figures'
    out.mkdir(exist_ok=True)
    for name, draw in drawings.items():
        fig = Figure()
        draw(fig)
        fig.savefig(out / f'{name}.png', dpi=120, bbox_inches='tight')
        print(out / f'{name}.png')


if __name__ == '__main__':
    main()
