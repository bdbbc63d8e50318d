"""Pictures of what reproduce.py has measured, after those of the paper.

``python tools/reproduce_figures.py FOLDER`` draws them anew, of whatever is
finished.
"""
import argparse
import json
from pathlib import Path

import numpy as np

NETWORK, SIZE = 'SimpleBaseline', '128x96'
BASELINE, DARK = 'cyan', 'red'


def _kept(folder, encoding):
    import kept_heatmaps
    scores = folder / f'runs/{NETWORK}-{SIZE}-{encoding}-seed0/scores.json'
    path = scores.with_name('heatmaps.npz')
    if not scores.is_file():
        return None
    return kept_heatmaps.load(
        path, folder / 'data/val/person_keypoints.json')


def modulation(plt, biased):
    """Fig. 3: a predicted heatmap before and after modulation."""
    from mmpose_dark.functional import decode_heatmaps, modulate_heatmaps
    maps = biased.heatmaps.reshape(-1, *biased.heatmaps.shape[2:])
    sigma = biased.codec['sigma']
    raw = decode_heatmaps(maps, sigma, method='argmax')[0]
    dark = decode_heatmaps(maps, sigma)[0]
    # One whose peak is clear but ragged: modulation changes it most.
    smooth = modulate_heatmaps(maps, sigma)
    change = np.abs(smooth - maps).mean((1, 2)) / maps.max((1, 2))
    change[(maps.max((1, 2)) < .4) |
           (np.linalg.norm(raw - dark, axis=1) > 1)] = 0
    i = int(np.argmax(change))
    fig, axes = plt.subplots(1, 2, figsize=(6.4, 4.2))
    for axis, values, title in zip(axes, (maps[i], smooth[i]),
                                   ('predicted', 'modulated')):
        axis.imshow(values, cmap='inferno')
        axis.plot(*raw[i], 'o', mfc='none', color=BASELINE, label='maximum')
        axis.plot(*dark[i], '+', color='lime', ms=10, label='DARK')
        axis.set(title=title, xticks=[], yticks=[])
    axes[0].legend(loc='lower right', fontsize=8)
    return fig


def quantisation(plt):
    """Fig. 4: what the biased encoding does to a joint."""
    from mmpose_dark.functional import encode_heatmaps
    true = np.array([[5.4, 4.35]])
    fig, axes = plt.subplots(1, 2, figsize=(6.4, 3.4))
    for axis, quantise, title in zip(axes, ('round', None),
                                     ('biased encoding', 'unbiased')):
        axis.imshow(encode_heatmaps(true, (12, 9), 1., quantise=quantise)[0],
                    cmap='inferno')
        axis.plot(*true[0], '+', color='lime', ms=12, label='joint')
        if quantise:
            axis.plot(*np.floor(true[0] + .5), 'o', mfc='none',
                      color=BASELINE, label='drawn around')
        axis.set(title=title, xticks=[], yticks=[])
        axis.legend(loc='lower right', fontsize=8)
    return fig


def predictions(plt, folder, biased, unbiased, num=6):
    """Fig. 5: baseline and DARK on the same crops."""
    import cv2
    data = json.loads((folder / 'data/val/person_keypoints.json').read_text())
    names = {image['id']: image['file_name'] for image in data['images']}
    drawn = [(biased, dict(decoding='shift'), BASELINE, 'baseline'),
             (unbiased, {}, DARK, 'DARK')]
    points = [kept.to_image(kept.decode(kept.merged('exact'), **options)[0])
              for kept, options, *_ in drawn]
    truth, seen = biased.truth()
    whole = np.flatnonzero(seen.all(1))
    fig, axes = plt.subplots(1, num, figsize=(2.1 * num, 3.4))
    for axis, i in zip(axes, whole[::max(1, len(whole) // num)]):
        sample = biased.samples[i]
        axis.imshow(cv2.imread(str(
            folder / 'data/val/images' /
            names[sample['img_id']]))[..., ::-1])
        axis.plot(*truth[i].T, 'o', mfc='none', color='white', ms=3, mew=.5,
                  label='truth')
        for found, (*_, colour, name) in zip(points, drawn):
            for a, b in _skeleton(data):
                axis.plot(*found[i][[a, b]].T, color=colour, lw=.9)
            axis.plot([], [], color=colour, label=name)
        (cx, cy), (w, h) = sample['input_center'], sample['input_scale'] / 2
        axis.set(xlim=(cx - w, cx + w), ylim=(cy + h, cy - h), xticks=[],
                 yticks=[])
    fig.legend(*axes[0].get_legend_handles_labels(), ncol=3,
               loc='lower center', facecolor='lightgrey')
    fig.tight_layout(rect=(0, .08, 1, 1))
    return fig


def _skeleton(data):
    return [(a - 1, b - 1) for a, b in data['categories'][0]['skeleton']]


def sizes(plt, folder):
    """AP against the input size: DARK gains most where pixels are few."""
    from reproduce_report import load, values
    found = load(folder)
    heights, cases = ('64x48', '96x72', '128x96'), (
        ('baseline', 'biased', 'shift', 'tab:cyan'),
        ('DARK', 'unbiased', 'DARK', DARK))
    if any((NETWORK, size, encoding) not in found
           for size in heights for _, encoding, *_ in cases):
        return None
    fig, axis = plt.subplots(figsize=(4.6, 3.4))
    for name, encoding, decoder, colour in cases:
        ap = [values(found[NETWORK, size, encoding], decoder)[0][:, 0]
              for size in heights]
        axis.errorbar(heights, [a.mean() for a in ap],
                      [a.std(ddof=1) if len(a) > 1 else 0 for a in ap],
                      marker='o', capsize=3, color=colour, label=name)
    axis.set(xlabel='input size', ylabel='AP, mean and spread of seeds')
    axis.legend()
    axis.grid(alpha=.3)
    return fig


def phases(plt, biased, unbiased):
    """Where between the pixels the predictions fall."""
    fig, axes = plt.subplots(1, 3, figsize=(8, 2.6))
    stride = biased.codec['input_size'][0] / biased.codec['heatmap_size'][0]
    for axis, (kept, options, title) in zip(axes, (
            (biased, dict(decoding='argmax'), 'argmax, biased'),
            (biased, dict(decoding='shift'), 'standard shift, biased'),
            (unbiased, {}, 'DARK, unbiased'))):
        points = kept.decode(kept.heatmaps, **options)[0] / stride
        axis.hist((points[kept.truth()[1]] % 1).ravel(), 40, range=(0, 1),
                  density=True)
        axis.set(title=title, xlabel='fraction of a heatmap px')
    axes[0].set(ylabel='density')
    return fig


def write_figures(folder):
    """Draw what can be drawn.

    Returns:
        list[Path]: The pictures, in ``folder/figures``.
    """
    import matplotlib
    matplotlib.use('Agg')
    import matplotlib.pyplot as plt
    from mmpose_dark import DarkHeatmap  # noqa: F401  before MMPose
    folder = Path(folder)
    out = folder / 'figures'
    out.mkdir(exist_ok=True)
    biased, unbiased = (_kept(folder, e) for e in ('biased', 'unbiased'))
    drawn = {'quantisation': quantisation(plt), 'sizes': sizes(plt, folder)}
    if biased and unbiased:
        drawn.update(modulation=modulation(plt, biased),
                     predictions=predictions(plt, folder, biased, unbiased),
                     phases=phases(plt, biased, unbiased))
    paths = []
    for name, fig in drawn.items():
        if fig is not None:
            paths.append(out / f'{name}.png')
            fig.savefig(paths[-1], dpi=120, bbox_inches='tight')
            plt.close(fig)
    return paths


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('folder', help='--out of reproduce.py')
    args = parser.parse_args()
    print(*write_figures(args.folder), sep='\n')
