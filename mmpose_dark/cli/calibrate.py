"""Do the covariances of a network hold, and what mends them?

Runs the network of a top-down config once over its labelled test set and
prints how often the 50, 68, 90, 95 and 99 % ellipses hold the true joints, and
the mean negative log-likelihood of these: of all joints, by score and by
joint. Fits two numbers on one half of the people, a scale and the degrees of
freedom of a Student distribution, and tests them on the other half: what to
give the codec as ``calibration``. Where the metric is COCO's, AP of people
ranked by the OKS to expect is compared with AP by the mean score.

Writes the reliability diagram and ellipses on pictures to --out. Maps that
came from elsewhere: ``--heatmaps FILE.npz --ann FILE.json``, as of
the command ``compare``.
"""
import logging
from functools import partial
from pathlib import Path
from typing import Any, List, Tuple

import numpy as np

from .arguments import new_parser
from .outputs import check_folder
from .source import add_source, check_source, kept_heatmaps

SPLITS = 100


def main(argv: List[str], prog: str) -> int:
    """Print the tables, and draw."""
    parser = new_parser(prog, __doc__)
    add_source(parser, 'calibrate')
    parser.add_argument('--merge', choices=('none', 'stock', 'exact'),
                        default='exact', help='of the flip test')
    parser.add_argument('--out', type=Path, default='calibrate_out',
                        help='folder for the pictures')
    args = parser.parse_args(argv)
    check_source(parser, args)

    logging.captureWarnings(True)
    from .. import evaluation
    check_folder(args.out)
    kept, metric = kept_heatmaps(args)
    found = evaluation.Reliability.of(kept, kept.merged(args.merge))
    names = joint_names(metric, found)
    print(evaluation.reliability_table({'all joints': found}), '',
          evaluation.reliability_table(found.by_score()), '',
          evaluation.reliability_table(found.by_joint(names)), '', sep='\n')
    calibration = calibrate(found)
    rank(kept, metric, args.merge)
    draw_diagram(found, calibration, args.out / 'reliability.png')
    draw_people(kept, args.merge, args.out)
    print(f'Pictures: {args.out}')
    return 0


def joint_names(metric: Any, found: Any) -> List[str]:
    """Names of the joints; their numbers where the metric has none."""
    names = (metric.dataset_meta or {}).get('keypoint_id2name', {})
    return [names.get(i, str(i)) for i in range(found.joints.max() + 1)]


def calibrate(found: Any) -> Tuple[float, float]:
    """Fit on one half, test on the other; print, and return the fit to all."""
    from .. import evaluation
    found_shares = []
    for seed in range(SPLITS):
        halves = found.halves(seed)
        for fitted, tested in (halves, halves[::-1]):
            scale, dof = fitted.calibrate()
            tested = tested.scaled(scale)
            found_shares.append([*tested.coverage(dof), tested.nll(dof)])
    shares = np.reshape(found_shares, (SPLITS, 2, -1))
    *both, nll = shares.mean(1).mean(0)
    print('Calibrated: each half of the people by the fit to the other half, '
          f'mean of {SPLITS} ways to halve', '', evaluation.markdown_table(
              ['', *(f'{100 * level:.0f} %' for level in evaluation.LEVELS),
               'nll'],
              [['both halves', *(f'{100 * share:.1f}' for share in both),
                f'{nll:.2f}'],
               ['spread of one half', *(f'{100 * share:.1f}' for share in
                                        shares.std((0, 1))[:-1]), '']]),
          '', sep='\n')
    scale, dof = found.calibrate()
    print(f'For the codec, from all people: calibration=({scale:.3f}, '
          f'{dof:.2f})', '', sep='\n')
    return scale, dof


def rank(kept: Any, metric: Any, merge: str) -> None:
    """AP by the mean score, and by the OKS to expect."""
    from mmpose.evaluation.metrics import CocoMetric

    from .. import evaluation
    if not isinstance(metric, CocoMetric) or metric.coco is None:
        return
    points, scores, covariances = kept.decode(
        kept.merged(merge), return_covariance=True)
    evaluate = partial(evaluation.evaluated, kept, metric.coco, points)
    base, gain, (low, high) = evaluation.ap_gain(
        evaluate(scores.mean(1)), evaluate(
            evaluation.promised_scores(kept, scores, covariances)))
    print(f'AP of people ranked by their mean score {base:.2f}, by the OKS to '
          f'expect {gain:+.2f} [{low:+.2f}, {high:+.2f}]', '', sep='\n')


def draw_diagram(found: Any, calibration: Tuple[float, float],
                 path: Path) -> None:
    """As it is, and calibrated, the likelihood of what is drawn beside it."""
    import matplotlib
    matplotlib.use('Agg')
    import matplotlib.pyplot as plt

    from ..functional import ellipse_level, mahalanobis
    from ..visualization.uncertainty import plot_reliability
    square = mahalanobis(found.errors, found.covariances)
    scale, dof = calibration
    fig, axis = plt.subplots(figsize=(4.5, 4.5))
    plot_reliability(axis, {
        'as it is': ellipse_level(square),
        'calibrated': ellipse_level(square / scale, dof)})
    fig.tight_layout()
    fig.savefig(path, dpi=120)
    plt.close(fig)


def draw_people(kept: Any, merge: str, folder: Path, num: int = 8) -> None:
    """The ellipses of some people, beside the true joints."""
    import cv2

    from ..visualization.uncertainty import draw_ellipses
    points, scores, covariances = kept.decode(
        kept.merged(merge), return_covariance=True)
    image_points = kept.to_image(points)
    image_covariances = kept.covariances_in_image(covariances)
    truth, seen = kept.truth()
    drawn = [i for i, s in enumerate(kept.samples) if s.get('img_path')]
    for i in drawn[::max(1, len(drawn) // num)][:num]:
        image = cv2.imread(str(kept.samples[i]['img_path']))
        if image is None:
            continue
        left, top, right, bottom = np.asarray(
            kept.samples[i]['gt_instances']['bboxes'][0]).astype(int)
        zoom = max(1, 800 // max(right - left, bottom - top))
        origin = np.maximum([left - 10, top - 10], 0)
        image = image[origin[1]:bottom + 10, origin[0]:right + 10]
        image = cv2.resize(image, None, fx=zoom, fy=zoom)
        # Pixel i of the image is in the middle of those it becomes.
        at = (image_points[i] - origin + .5) * zoom - .5
        image = draw_ellipses(image, at[None],
                              zoom**2 * image_covariances[i][None],
                              scores[i][None])
        for x, y in (truth[i][seen[i]] - origin + .5) * zoom - .5:
            cv2.drawMarker(image, (round(x), round(y)), (0, 255, 0),
                           cv2.MARKER_CROSS, 8)
        for x, y in at:
            cv2.circle(image, (round(x), round(y)), 2, (0, 0, 255), -1)
        cv2.imwrite(str(folder / f'ellipses_{i:04d}.png'), image)
