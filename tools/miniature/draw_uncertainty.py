"""Draw why a heatmap holds the covariance of its joint: docs/uncertainty.md.

A joint that may lie anywhere in an ellipse, the target of one position, the
heatmap of a network that knows no more, and what is read from it.
"""
import argparse
from pathlib import Path

import numpy as np
from mmpose_dark.functional import decode_heatmaps, encode_heatmaps

SIGMA = 2.
SIZE = 26, 26
JOINT = np.array([12.7, 12.4])
#: standard deviations along the long and the short axis, and its angle
LONG, SHORT, ANGLE = 3., 1., np.deg2rad(35)
TRUTH, READ = 'lime', 'cyan'


def gaussian(covariance):
    """Of peak 1 around the joint, as an array (H, W)."""
    x, y = np.meshgrid(*map(np.arange, SIZE))
    off = np.stack([x, y], -1) - JOINT
    return np.exp(-.5 * np.einsum('...i,ij,...j', off,
                                  np.linalg.inv(covariance), off))


def along(covariance, axis, distance):
    """The profile of a Gaussian through its middle."""
    return np.exp(-.5 * distance**2 * (axis @ np.linalg.inv(covariance)
                                       @ axis))


def draw(path):
    import matplotlib
    matplotlib.use('Agg')
    import matplotlib.pyplot as plt
    from mmpose_dark.visualization.uncertainty import ellipse

    axis = np.array([np.cos(ANGLE), np.sin(ANGLE)])
    across = np.array([-axis[1], axis[0]])
    spread = (LONG**2 * np.outer(axis, axis) +
              SHORT**2 * np.outer(across, across))
    blurred = SIGMA**2 * np.eye(2) + spread
    peak = SIGMA**2 / np.sqrt(np.linalg.det(blurred))
    heatmap = peak * gaussian(blurred)
    point, score, covariance = (array[0] for array in decode_heatmaps(
        heatmap[None], SIGMA, return_covariance=True))

    fig, axes = plt.subplots(1, 4, figsize=(13, 3.1),
                             gridspec_kw=dict(width_ratios=[1, 1, 1, 1.35]))
    maps = [
        (gaussian(spread), 'where the joint may be\n'
         r'$p(\mu)$: normal, covariance $P$'),
        (encode_heatmaps(JOINT[None], SIZE, SIGMA)[0],
         'target of one position\n' r'$G$: width $\sigma$, peak 1'),
        (heatmap, 'heatmap: the mean of targets\n'
         r'$h$: covariance $\sigma^2 I + P$'),
    ]
    for panel, (values, title) in zip(axes, maps):
        panel.imshow(values, cmap='inferno', vmin=0, vmax=1)
        panel.set(xticks=[], yticks=[])
        panel.set_title(title, fontsize=10)
    for sign, left, right in (('∗', *axes[:2]), ('=', *axes[1:3])):
        x = (left.get_position().x1 + right.get_position().x0) / 2
        fig.text(x, .49, sign, fontsize=22, ha='center', va='center')
    axes[0].plot(*ellipse(JOINT, spread).T, color=TRUTH, lw=1.8)
    axes[2].plot(*ellipse(JOINT, spread).T, color=TRUTH, lw=1.8,
                 label='95 %, true')
    axes[2].plot(*ellipse(point, covariance).T, color=READ, lw=1.8, ls='--',
                 label='95 %, read')
    axes[2].plot(*point, '+', color=READ, ms=10)
    axes[2].legend(loc='lower left', fontsize=8, framealpha=.8)

    profile = axes[3]
    distance = np.linspace(-9, 10.5, 200)
    profile.plot(distance, along(SIGMA**2 * np.eye(2), axis, distance), 'k:',
                 label='target')
    for direction, name, colour in ((across, 'short', 'tab:orange'),
                                    (axis, 'long', 'tab:red')):
        profile.plot(distance, peak * along(blurred, direction, distance),
                     color=colour, label=f'heatmap, {name} axis')
    profile.annotate(
        '', (0, peak), (0, 1), arrowprops=dict(arrowstyle='<->'))
    profile.text(2., .95, 'lower peak:\nthe size of $P$',
                 fontsize=9, va='center')
    profile.annotate(
        'flatter top:\nthe axes of $P$', (3.1, .36), (4.6, .62), fontsize=9,
        va='center', color='tab:red',
        arrowprops=dict(arrowstyle='->', color='tab:red'))
    profile.set(xlabel='px from the joint', ylim=(0, 1.5), xlim=(-9, 10.5),
                yticks=(0, .5, 1))
    profile.set_title('what the heatmap tells', fontsize=10)
    profile.legend(fontsize=8, loc='upper left')
    fig.savefig(path, dpi=100, bbox_inches='tight')
    print(f'{path}: peak {score:.2f}; true P {spread.round(1).tolist()}, '
          f'read {covariance.round(1).tolist()} px^2')


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        '--out', type=Path, default='docs/images/uncertainty_idea.png')
    draw(parser.parse_args().out)


if __name__ == '__main__':
    main()
