"""Do the promises of a network hold, and what mends them?

Runs the network of a top-down config once over its labelled test set and
prints, with 95 % intervals, how often the 50, 68, 90, 95 and 99 % ellipses
hold the true joints, how far the similarities that are promised are from the
truth, and the AP of people ranked by them beside AP by MMPose's own rule. Ends
with a sentence: whether the defaults hold, or the ``calibration`` to give the
codec. These two numbers, a scale and the degrees of freedom of the tail, are
fitted to one half of the people and tested on the other half.

Writes the reliability diagram and ellipses on pictures to --out. Maps that
came from elsewhere: ``--heatmaps FILE.npz --ann FILE.json``, as of
the command ``compare``.
"""
import logging
from pathlib import Path
from typing import Any, List, Sequence

import numpy as np

from .arguments import new_parser
from .outputs import check_folder, check_output
from .report import STDOUT, add_json, write_json
from .source import add_source, check_source, kept_heatmaps


def main(argv: List[str], prog: str) -> int:
    """Print the tables, and draw."""
    parser = new_parser(prog, __doc__)
    add_source(parser, 'calibrate')
    parser.add_argument('--merge', choices=('none', 'stock', 'exact'),
                        default='exact', help='of the flip test')
    parser.add_argument('--out', type=Path, default='calibrate_out',
                        help='folder for the pictures')
    add_json(parser)
    args = parser.parse_args(argv)
    check_source(parser, args)

    logging.captureWarnings(True)
    from .. import evaluation
    check_folder(args.out)
    if args.json != STDOUT:
        check_output(args.json, args.config, args.checkpoint, args.heatmaps,
                     args.ann)
    kept, metric = kept_heatmaps(args)
    found = evaluation.Reliability.of(kept, kept.merged(args.merge))
    names = joint_names(metric, found)
    report = evaluation.calibration_report(
        kept, found, args.merge, coco_of(metric))
    if args.json:
        write_json(report, args.json)
    if args.json != STDOUT:
        print(evaluation.reliability_table(found.by_score()),
              evaluation.reliability_table(found.by_joint(names)),
              evaluation.report_text(report), sep='\n\n')
    draw_diagram(found, report['calibration'], args.out / 'reliability.png')
    draw_people(kept, args.merge, args.out)
    if args.json != STDOUT:
        print(f'Pictures: {args.out}')
    return 0


def joint_names(metric: Any, found: Any) -> List[str]:
    """Names of the joints; their numbers where the metric has none."""
    names = (metric.dataset_meta or {}).get('keypoint_id2name', {})
    return [names.get(i, str(i)) for i in range(found.joints.max() + 1)]


def coco_of(metric: Any) -> Any:
    """The annotations of a COCO metric; ``None`` of another."""
    from mmpose.evaluation.metrics import CocoMetric
    return metric.coco if isinstance(metric, CocoMetric) else None


def draw_diagram(found: Any, calibration: Sequence[float],
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

    from ..visualization import labels
    from ..visualization.plots import DARK, TRUTH
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
        for point in (truth[i][seen[i]] - origin + .5) * zoom - .5:
            labels.mark(image, point, labels.PLUS, TRUTH, 8)
        for point in at:
            labels.mark(image, point, labels.CROSS, DARK, 6)
        image = labels.with_legend(image, [
            (labels.CROSS, DARK, 'DARK'), (labels.PLUS, TRUTH, 'truth'),
            (labels.RING, 'yellow', '95 % ellipse')])
        cv2.imwrite(str(folder / f'ellipses_{i:04d}.png'), image)
