"""What is promised of joints and people: ellipses, similarities, scores."""
import inspect

import numpy as np
import pytest
from conftest import as_kind, needs_export, to_numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from mmpose_dark.functional import (
    box_areas,
    ellipse_level,
    ellipse_limit,
    expected_oks,
    log_likelihood,
    mahalanobis,
    pose_scores,
)
from mmpose_dark.functional.oks import MIXTURE
from scipy import integrate, optimize, stats

P = np.array([[4., 1.], [1., 2.]])
KINDS = pytest.mark.parametrize('kind', ['numpy', 'torch'])


def student(rng, num, dof):
    """Errors (num, 2) of the law that real networks follow; of P."""
    errors = rng.multivariate_normal([0, 0], P / 2, num)
    return errors / np.sqrt(rng.chisquare(dof, (num, 1)) / dof)


# ---- ellipses


@pytest.mark.parametrize('dof', [.7, 3., 40.])
@pytest.mark.parametrize('level', [.5, .68, .9, .95, .99])
def test_limits_are_those_of_the_f_distribution(level, dof):
    assert ellipse_limit(level, dof) == pytest.approx(
        stats.f.ppf(level, 2, dof), rel=1e-9)
    assert ellipse_limit(level, None) == pytest.approx(
        stats.chi2.ppf(level, 2), rel=1e-9)


def test_the_default_is_what_real_networks_follow(rng):
    assert ellipse_limit(.9) == pytest.approx(stats.f.ppf(.9, 2, 3))
    squares = mahalanobis(student(rng, 100000, 3.),
                          np.broadcast_to(P, (100000, 2, 2)))
    for level in (.5, .95):
        assert (squares < ellipse_limit(level)).mean() == pytest.approx(
            level, abs=.006)


@KINDS
@pytest.mark.parametrize('dof', [None, 2.5, 3.])
def test_a_level_is_the_inverse_of_its_limit(kind, dof):
    levels = np.linspace(.01, .99, 50)
    squares = np.array([ellipse_limit(level, dof) for level in levels])
    np.testing.assert_allclose(
        to_numpy(ellipse_level(as_kind(squares, kind), dof)), levels,
        rtol=1e-9)


@KINDS
@pytest.mark.parametrize('dof', [None, 2.5, 3.])
def test_likelihood_is_scipys(rng, kind, dof):
    errors = rng.normal(0, 2, (50, 2))
    truth = (stats.multivariate_normal([0, 0], P) if dof is None else
             stats.multivariate_t([0, 0], P / 2, dof)).logpdf(errors)
    many = np.broadcast_to(P, (50, 2, 2)).copy()
    args = as_kind(errors, kind), as_kind(many, kind)
    got = to_numpy(log_likelihood(*args, dof))
    np.testing.assert_allclose(got, truth, atol=1e-9)
    if dof == 3:
        np.testing.assert_array_equal(got, to_numpy(log_likelihood(*args)))


@pytest.mark.parametrize('call', [
    lambda dof: ellipse_limit(.5, dof),
    lambda dof: ellipse_level(np.ones(2), dof),
    lambda dof: log_likelihood(np.ones((1, 2)), P[None], dof),
    lambda dof: expected_oks(P[None, None], np.ones(1), np.ones(1), dof)])
@pytest.mark.parametrize('dof', [0., -1, np.inf, np.nan])
def test_a_tail_that_makes_no_sense_is_named(call, dof):
    with pytest.raises(ValueError, match='dof must be a positive number'):
        call(dof)


@pytest.mark.parametrize('level', [0., 1., -.5, np.nan])
def test_a_level_that_makes_no_sense_is_named(level):
    with pytest.raises(ValueError, match='level must be between 0 and 1'):
        ellipse_limit(level)


def test_second_moments_are_those_of_the_page():
    """docs/uncertainty.md: 1.5 P, and 1.03 P within the ellipse of 99 %."""
    law = stats.f(2, 3)
    assert law.mean() / 2 == pytest.approx(1.5)
    assert law.expect(ub=ellipse_limit(.99), conditional=True) / 2 == (
        pytest.approx(1.03, abs=.005))


# ---- similarities


def integrated(a, b, dof=3.):
    """The similarity to expect, eigenvalues a and b of P / kappa^2."""
    def integrand(log_w):
        w = np.exp(log_w)
        return stats.gamma.pdf(w, dof / 2, scale=2 / dof) * w / np.sqrt(
            (1 + a / w / 2) * (1 + b / w / 2))
    low = max(-25 - 40 / dof, -700)
    return integrate.quad(integrand, low, 5, limit=400, points=[0])[0]


@settings(max_examples=60, deadline=None)
@given(st.floats(-6, 6), st.floats(-6, 6), st.floats(0, np.pi))
def test_similarities_are_integrals(log_a, log_b, angle):
    kappa = np.array([3., .25])
    turn = np.array([[np.cos(angle), -np.sin(angle)],
                     [np.sin(angle), np.cos(angle)]])
    values = 10**np.array([log_a, log_b])
    covariance = turn @ np.diag(values) @ turn.T
    covariances = covariance * kappa[None, :, None, None]**2
    got = expected_oks(covariances, np.array([100.]), kappa / 20)
    assert np.isfinite(got).all() and (0 <= got).all() and (got <= 1).all()
    np.testing.assert_allclose(got, integrated(*values), atol=1e-3)


@pytest.mark.parametrize('dof', [.2, 1., 1.64, 3.001, 8., 30., 500.])
def test_other_tails_are_integrals(dof):
    values = 10.**np.array([[a, b] for a in range(-5, 6) for b in (-2, 0, a)])
    covariances = np.zeros((len(values), 1, 2, 2))
    covariances[:, 0, [0, 1], [0, 1]] = values
    got = expected_oks(covariances, np.ones(len(values)), np.array([.5]), dof)
    np.testing.assert_allclose(
        got[:, 0], [integrated(*pair, dof) for pair in values], atol=1e-3)


def test_without_a_tail_they_are_of_the_normal_law():
    covariances = np.tile(P, (1, 2, 1, 1))
    got = expected_oks(covariances, np.array([100.]), np.array([.05, .1]),
                       None)
    want = [np.linalg.det(np.eye(2) + P / kappa**2)**-.5 for kappa in (1, 2)]
    np.testing.assert_allclose(got[0], want)


@KINDS
def test_similarities_are_means_of_oks(rng, kind):
    areas, sigmas = np.array([400., 2500.]), np.array([.05, .1, .03])
    scales = rng.uniform(.1, 3, (2, 3, 1, 1))
    got = to_numpy(expected_oks(*(
        as_kind(a, kind) for a in (P * scales, areas, sigmas))))
    square = (student(rng, 200000, 3.)**2).sum(1)
    for i, k in np.ndindex(2, 3):
        oks = np.exp(-scales[i, k, 0, 0] * square / (
            2 * (2 * sigmas[k])**2 * areas[i]))
        assert got[i, k] == pytest.approx(oks.mean(), abs=4e-3)


def test_the_mixture_is_the_best_of_three():
    """No other three values of w are off by less, whatever P is."""
    ends = np.concatenate([[-9], np.linspace(-4, 4, 17)])
    values = 10.**np.array([(a, b) for a in ends for b in ends if b <= a])
    truth = np.array([integrated(*pair) for pair in values])

    def worst(theta):
        w, share = np.exp(theta[:3]), np.abs(theta[3:])
        share = share / share.sum()
        return abs((share * w / np.sqrt(
            (w + values[:, :1] / 2) * (w + values[:, 1:] / 2))).sum(1)
            - truth).max()

    w, share = np.array(MIXTURE).T
    start = np.concatenate([np.log(w), share])
    assert worst(start) < 4e-4 and share.sum() == pytest.approx(1)
    best = optimize.minimize(worst, start, method='Nelder-Mead',
                             options=dict(maxiter=300))
    assert best.fun > worst(start) - 3e-5


def test_certain_joints_and_lost_ones(rng):
    sigmas = np.full(3, .05)
    sure, lost = (expected_oks(scale * np.tile(P, (2, 3, 1, 1)),
                               np.full(2, 900.), sigmas)
                  for scale in (1e-12, 1e12))
    np.testing.assert_allclose(sure, 1)
    np.testing.assert_allclose(lost, 0, atol=1e-6)


@pytest.mark.parametrize('change, words', [
    (dict(covariances=np.ones((2, 3, 2))), 'covariances must be in shape'),
    (dict(areas=np.ones(3)), r'areas must be in shape \(2,\)'),
    (dict(sigmas=np.ones(2)), r'sigmas must be in shape \(3,\)'),
    (dict(areas=np.array([1., 0.])), 'areas must be positive'),
    (dict(sigmas=np.array([.1, .1, -.1])), 'sigmas must be positive'),
])
def test_expected_oks_says_what_is_wrong(change, words):
    args = dict(covariances=np.ones((2, 3, 2, 2)), areas=np.ones(2),
                sigmas=np.ones(3))
    with pytest.raises(ValueError, match=words):
        expected_oks(**{**args, **change})


def test_tensors_without_reach_have_no_similarity():
    torch = pytest.importorskip('torch')
    got = expected_oks(torch.eye(2).expand(2, 3, 2, 2),
                       torch.tensor([900., 0.]), torch.tensor([.1, .1, 0.]))
    assert torch.isfinite(got).all() and got[0, 0] > .5
    assert got[1].max() < 1e-3 and got[:, 2].max() < 1e-3


def test_areas_are_mmposes():
    boxes = np.array([[10., 20., 30., 60.], [5., 5., 5.5, 5.5]])
    np.testing.assert_allclose(box_areas(boxes), [.53 * 20 * 40, 1.])
    # where it comes from
    body = pytest.importorskip('mmpose.datasets.datasets.body')
    assert '0.53' in inspect.getsource(body.MpiiDataset)


# ---- people


def rows(low, high):
    return st.lists(st.lists(st.floats(low, high), min_size=5, max_size=5),
                    min_size=3, max_size=3).map(np.array)


@given(st.tuples(rows(0, 1), rows(-1, 4)))
@settings(max_examples=100, deadline=None)
def test_people_are_means_of_their_joints(both):
    t, s = both
    got = pose_scores(t, s)
    assert got.shape == (len(t), )
    some = (s > 1e-3).any(1) & (t > 1e-3).all(1)
    assert (got[some] >= t.min(1)[some] - 1e-6).all()
    assert (got <= t.max(1) + 1e-6).all() and np.isfinite(got).all()


def test_people_are_weighted_by_what_will_be_labelled():
    t, s = np.array([[.9, .5, .2]]), np.array([[.8, .4, .1]])
    odds = 2 * s * t / (1 - t)
    w = odds / (1 + odds)
    np.testing.assert_allclose(pose_scores(t, s), (w * t).sum(1) / w.sum(1))


def test_a_joint_that_is_out_of_sight_says_little():
    seen = pose_scores(np.array([[.9] * 4]), np.array([[.8] * 4]))
    half = pose_scores(np.array([[.9, .9, .1, .1]]),
                       np.array([[.8, .8, .05, .05]]))
    assert .8 * seen < half < seen


@pytest.mark.parametrize('score', [0., -3.])
def test_people_without_a_score_are_last(score):
    t = np.array([[0., .5, 1.]])
    assert pose_scores(t, np.full((1, 3), score)) == 0


@pytest.mark.parametrize('t, s', [
    (np.ones(3), np.ones(3)), (np.ones((2, 3)), np.ones((2, 4)))])
def test_pose_scores_says_what_is_wrong(t, s):
    with pytest.raises(ValueError, match=r'must be in shape \(N, K\), got'):
        pose_scores(t, s)


@pytest.mark.parametrize('exported', [
    False, pytest.param(True, marks=needs_export)])
def test_scores_are_the_same_in_torch_and_exported(rng, exported):
    torch = pytest.importorskip('torch')

    class Scores(torch.nn.Module):
        """All of this module's functions of tensors."""

        def forward(self, covariances, boxes, sigmas, scores):
            t = expected_oks(covariances, box_areas(boxes), sigmas)
            return t, pose_scores(t, scores)

    arrays = [P * rng.uniform(.1, 30, (4, 5, 1, 1)),
              rng.uniform((0, 0, 40, 40), (9, 9, 90, 99), (4, 4)),
              rng.uniform(.02, .1, 5), rng.uniform(0, 1, (4, 5))]
    tensors = tuple(map(torch.from_numpy, arrays))
    of_tensors = Scores()
    if exported:
        of_tensors = torch.export.export(of_tensors, tensors).module()
    for got, want in zip(of_tensors(*tensors), Scores()(*arrays)):
        np.testing.assert_allclose(got.numpy(), want, rtol=1e-9)
