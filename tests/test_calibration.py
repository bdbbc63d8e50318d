"""What is measured of promises, and what is said of it."""
import json

import numpy as np
import pytest
from mmpose_dark.evaluation import (
    Reliability,
    calibration_report,
    reliability_table,
    report_text,
)
from mmpose_dark.evaluation.calibration import verdict

P = np.array([[4., 1.], [1., 2.]])


def reliability(rng, num, scale, dof):
    """Errors of the law of real networks, told covariances as if it were P.

    Joints of many sizes, five of each person.
    """
    sizes = np.exp(rng.normal(0, 1, (num, 1)))
    errors = sizes * rng.multivariate_normal([0, 0], scale * P / 2, num)
    errors /= np.sqrt(rng.chisquare(dof, (num, 1)) / dof)
    reaches = np.array([[5., 6.]]) * rng.uniform(.5, 2, (num, 1))
    similarities = np.exp(-((errors / reaches)**2).sum(1) / 2)
    return Reliability(
        errors, sizes[..., None]**2 * P, rng.random(num),
        np.arange(num) // 5, np.arange(num) % 5, similarities, reaches)


def test_calibration_finds_scale_and_tail(rng):
    first, second = reliability(rng, 40000, .4, 3.).halves()
    assert not set(first.people) & set(second.people)
    scale, dof = first.calibrate()
    assert scale == pytest.approx(.4, rel=.1)
    assert dof == pytest.approx(3, rel=.2)
    np.testing.assert_allclose(
        second.scaled(scale).coverage(dof)[:4], (.5, .68, .9, .95), atol=.01)
    assert second.scaled(scale).nll(dof) < second.nll()
    # tails that are not longer than normal ones
    scale, dof = reliability(rng, 40000, 2., 1e6).calibrate()
    assert scale == pytest.approx(2, rel=.05) and dof > 50


def test_similarities_are_as_promised(rng):
    found = reliability(rng, 40000, 1., 3.)
    assert found.gap() < .006
    assert found.scaled(3.).gap() > .05
    rows = found.bins()
    assert sum(n for _, n, _, _ in rows) == 40000 and len(rows) == 10
    for low, _, said, _ in rows:
        assert low <= said <= low + .1
    assert found.gap(np.clip(found.scores, 0, 1)) > .2


def test_intervals_hold_the_truth_and_know_whose_a_joint_is(rng):
    found = reliability(rng, 3000, 1., 3.)
    low, high = found.interval(lambda part: part.coverage(), rounds=200)
    assert (low < np.array([.5, .68, .9, .95, .99]) + .003).all()
    assert (high > np.array([.5, .68, .9, .95, .99]) - .003).all()
    # Half of sqrt(p (1 - p) / n) either way
    assert high[0] - low[0] == pytest.approx(4 * (.25 / 3000)**.5, rel=.2)
    # Five times the same joint is not five joints.
    same = found.part(np.repeat(np.arange(0, 3000, 5), 5))
    low, high = same.interval(lambda part: part.coverage(), rounds=200)
    assert high[0] - low[0] == pytest.approx(4 * (.25 / 600)**.5, rel=.2)


def test_a_report_says_that_the_defaults_hold(rng):
    found = reliability(rng, 4000, 1., 3.)
    report = calibration_report(None, found, rounds=50)
    assert report['holds'] and report['joints'] == 4000
    assert json.loads(json.dumps(report)) == report
    assert verdict(report).startswith('The defaults hold, as far as 4000')
    for value, low, high in (*report['ellipses'], report['gap']):
        assert low <= value <= high
    assert report['ap'] is None
    text = report_text(report)
    assert '| 95 % interval' in text and '0.9 to 1.0' in text
    assert 'AP of people' not in text


@pytest.mark.parametrize('scale, dof', [(.4, 3.), (1., 1.), (2., 8.)])
def test_a_report_says_what_to_write(rng, scale, dof):
    report = calibration_report(
        None, reliability(rng, 10000, scale, dof), rounds=50)
    said = verdict(report)
    assert said.startswith('The defaults do not hold here: ')
    assert not report['holds']
    assert report['calibration'] == pytest.approx([scale, dof], rel=.25)
    assert 'calibration=({:.3f}, {:.2f});'.format(
        *report['calibration']) in said
    for level, (share, low, high) in zip(
            report['levels'], report['ellipses_calibrated']):
        assert abs(share - level) < .01 and low < level < high
    assert report['gap_calibrated'][0] < .02
    assert scale == 1 or report['gap'][0] > .025


def test_similarities_alone_can_fail(rng):
    found = reliability(rng, 4000, 1., 3.)
    report = calibration_report(None, found._replace(
        similarities=found.similarities - .2), rounds=50)
    assert not report['holds']
    assert 'here: similarities are off by ' in verdict(report)


def test_a_few_joints_cannot_tell(rng):
    report = calibration_report(
        None, reliability(rng, 100, .9, 3.), rounds=200)
    assert report['holds'] and report['gap'][0] > .03
    assert 'as far as 100 joints can tell' in verdict(report)


def test_a_data_set_without_oks_constants_has_no_similarities(rng):
    found = reliability(rng, 4000, 1., 3.)
    report = calibration_report(None, found._replace(
        similarities=found.similarities * np.nan,
        reaches=found.reaches * np.nan), rounds=50)
    assert report['holds'] and report['gap'] is None
    text = report_text(report)
    assert 'No similarities: the data set has no OKS constants' in text
    assert 'nan' not in text


def test_table_has_a_row_for_each_part(rng):
    found = reliability(rng, 500, 1., 5.)
    table = reliability_table(
        {**found.by_score(), **found.by_joint('abcde')})
    rows = [line.split('|')[1].strip() for line in table.splitlines()[2:]]
    assert rows[0] == 'score 0.0 to 0.2' and rows[-5:] == list('abcde')
