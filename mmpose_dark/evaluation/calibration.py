"""Do the promises of a network hold, and which ``calibration`` mends them?

:func:`calibration_report` measures, :func:`report_text` says it in words.
"""
from typing import Any, Callable, Dict, List, Optional, Sequence

import numpy as np

from ..markdown import markdown_table
from .heatmaps import KeptHeatmaps
from .ranking import ap_gain, evaluated, mmpose_scores, promised_scores
from .reliability import LEVELS, Reliability

#: how far off a share of :data:`LEVELS` may be where the defaults hold
TOLERANCES = (.03, .03, .03, .02, .02)
#: and the mean gap of similarities
GAP = .03
#: ways to halve the people, to fit to one half and test on the other
SPLITS = 100

Interval = List[float]  #: a number, and the ends of its 95 % interval


def calibration_report(kept: KeptHeatmaps, found: Reliability,
                       merge: str = 'exact', coco: Any = None,
                       rounds: int = 1000) -> Dict[str, Any]:
    """Whether ellipses, similarities and the order of people hold.

    Args:
        kept (KeptHeatmaps): What a network predicted, and the truth
        found (Reliability): Of its heatmaps by that merge
        merge (str): Of the flip test. Defaults to ``'exact'``
        coco (COCO, optional): The annotations, to rank people. Defaults to
            ``None``: these are not ranked
        rounds (int): Samples of each bootstrap. Defaults to 1000

    Returns:
        dict: Of plain numbers, lists of three of them being one and its 95 %
        interval: ``joints``, ``people``, ``levels``; ``ellipses`` (how many
        joints are in them, one for each level), ``nll``, ``calibration``,
        ``ellipses_calibrated`` and ``nll_calibrated`` (of people that it was
        not fitted to); ``gap``, ``gap_of_scores``, ``gap_calibrated``,
        ``bins`` of similarities, or ``None`` where the data set has no OKS
        constants; ``ap`` by MMPose's own rule and ``ap_gain``, or ``None``;
        ``holds``, whether the defaults do.
    """
    ellipses = np.stack([found.coverage(), *found.interval(
        lambda part: part.coverage(), rounds)], -1).tolist()
    told = np.isfinite(found.reaches).all()
    report: Dict[str, Any] = dict(
        joints=len(found.errors), people=len(np.unique(found.people)),
        levels=list(LEVELS), ellipses=ellipses, nll=found.nll(),
        calibration=list(found.calibrate()), **_calibrated(found, bool(told)),
        gap=None, gap_of_scores=None, bins=None, ap=None, ap_gain=None)
    if told:
        report.update(
            gap=gap_with_interval(
                found, lambda part: part.promised(), rounds),
            gap_of_scores=gap_with_interval(
                found, lambda part: np.clip(part.scores, 0, 1), rounds),
            bins=[list(row) for row in found.bins()])
    if told and coco is not None:
        points, scores, covariances = kept.decode(
            kept.merged(merge), return_covariance=True)
        stock, ours = (evaluated(kept, coco, points, by) for by in (
            mmpose_scores(scores),
            promised_scores(kept, scores, covariances)))
        base, gain, ends = ap_gain(stock, ours, rounds)
        report.update(ap=base, ap_gain=[gain, *ends])
    report['holds'] = not _off(ellipses) and not (
        told and report['gap'][1] > GAP)
    return report


def gap_with_interval(found: Reliability, promised: Callable[
        [Reliability], np.ndarray], rounds: int) -> Interval:
    """Of :meth:`Reliability.gap`.

    Few joints make a gap by chance alone. A bootstrap adds as much once more,
    so its ends are turned around the gap that was measured.
    """
    def gap(part: Reliability) -> float:
        return part.gap(promised(part))

    value = gap(found)
    low, high = (2 * value - float(end) for end in found.interval(
        gap, rounds)[::-1])
    return [value, max(0., min(low, value)), max(high, value)]


def _calibrated(found: Reliability, told: bool) -> Dict[str, Any]:
    """Each half of the people by the fit to the other half."""
    rows = []
    for seed in range(SPLITS):
        halves = found.halves(seed)
        for fitted, tested in (halves, halves[::-1]):
            scale, dof = fitted.calibrate()
            tested = tested.scaled(scale)
            rows.append([*tested.coverage(dof), tested.nll(dof),
                         tested.gap(tested.promised(dof)) if told
                         else np.nan])
    shares, nll, gap = np.split(np.stack([
        np.mean(rows, 0), *np.percentile(rows, (2.5, 97.5), axis=0)], -1),
        [len(LEVELS), len(LEVELS) + 1])
    return dict(ellipses_calibrated=shares.tolist(),
                nll_calibrated=float(nll[0, 0]),
                gap_calibrated=gap[0].tolist() if told else None)


def _off(ellipses: Sequence[Interval]) -> List[int]:
    """Of which levels the ellipses do not hold what they say."""
    return [i for i, (_, low, high) in enumerate(ellipses)
            if low > LEVELS[i] + TOLERANCES[i]
            or high < LEVELS[i] - TOLERANCES[i]]


def report_text(report: Dict[str, Any]) -> str:
    """A report in words and in tables of Markdown.

    Args:
        report (dict): As of :func:`calibration_report`
    """
    levels = [_percent(level) for level in report['levels']]
    shares = [
        ['as it is', *_row(report['ellipses'], 0), f'{report["nll"]:.2f}'],
        ['95 % interval', *_row(report['ellipses']), ''],
        ['calibrated', *_row(report['ellipses_calibrated'], 0),
         f'{report["nll_calibrated"]:.2f}'],
        ['95 % of halves', *_row(report['ellipses_calibrated']), '']]
    parts = [
        f'True joints in the ellipse, of {report["joints"]} of '
        f'{report["people"]} people. Calibrated: each half of the people by '
        f'the fit to the other half, {SPLITS} ways to halve.', '',
        markdown_table(['', *levels, 'nll'], shares)]
    if report['bins']:
        parts += ['', 'Similarity (OKS of a joint), by what is promised', '',
                  markdown_table(
                      ['promised', 'joints', 'mean promised', 'mean true'],
                      [[f'{low:.1f} to {low + .1:.1f}', n, f'{said:.3f}',
                        f'{came:.3f}'] for low, n, said, came
                       in report['bins']]), '',
                  f'Mean gap {_number(report["gap"], ".3f")}; of keypoint '
                  'scores taken for similarities '
                  f'{_number(report["gap_of_scores"], ".3f")}; calibrated '
                  f'{_number(report["gap_calibrated"], ".3f")}']
    else:
        parts += ['', 'No similarities: the data set has no OKS constants '
                  '(sigmas in its metainfo).']
    if report['ap'] is not None:
        parts += ['', "AP of people ranked by MMPose's rule, the mean of the "
                  f'scores above .2: {report["ap"]:.2f}. Ranked by the OKS '
                  f'to expect: {_number(report["ap_gain"], "+.2f")}']
    return '\n'.join([*parts, '', verdict(report)])


def verdict(report: Dict[str, Any]) -> str:
    """Whether the defaults hold, or what to write; in a sentence or two.

    Args:
        report (dict): As of :func:`calibration_report`
    """
    if report['holds']:
        gap = '' if report['gap'] is None else (
            f', and similarities by {report["gap"][0]:.3f}')
        worst = max(abs(share - level) for (share, *_), level in zip(
            report['ellipses'], report['levels']))
        return (f'The defaults hold, as far as {report["joints"]} joints can '
                f'tell: ellipses are off by {100 * worst:.1f} points at '
                f'most{gap}. No calibration is needed.')
    scale, dof = report['calibration']
    off = _off(report['ellipses'])
    found = ', '.join(f'the ellipse of {_percent(report["levels"][i])} holds '
                      f'{_percent(report["ellipses"][i][0], 1)}' for i in off)
    gap = '' if report['gap'] is None else (
        f'{", " if found else ""}similarities are off by '
        f'{report["gap"][0]:.3f}')
    then = '' if report['gap_calibrated'] is None else (
        '; similarities of people that it was not fitted to are then off by '
        f'{report["gap_calibrated"][0]:.3f}')
    return (f'The defaults do not hold here: {found}{gap}. Give the codec '
            f'calibration=({scale:.3f}, {dof:.2f}){then}.')


def _percent(share: float, digits: int = 0) -> str:
    return f'{100 * share:.{digits}f} %'


def _row(found: Sequence[Interval], which: Optional[int] = None) -> List[str]:
    """A cell for each level: the number, or its interval."""
    if which is not None:
        return [f'{100 * one[which]:.1f}' for one in found]
    return [f'{100 * low:.1f} to {100 * high:.1f}' for _, low, high in found]


def _number(found: Interval, style: str) -> str:
    value, low, high = found
    return f'{value:{style}} [{low:{style}}, {high:{style}}]'
