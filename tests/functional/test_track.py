"""Tracks smoothed and filtered: the model, the tail, gaps and input."""
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmpose_dark.functional import (
    TrackFilter,
    ellipse_limit,
    kalman,
    mahalanobis,
    smooth_track,
    track_acceleration,
)
from mmpose_dark.functional.readings import Readings
from mmpose_dark.functional.track import _forward

RATE = 25.


def spread(rng, *shape):
    """Covariances (*shape, 2, 2) of all orientations, px^2."""
    root = rng.normal(0, 2, (*shape, 2, 2))
    return root @ root.swapaxes(-1, -2) + .5 * np.eye(2)


def moving(rng, times, joints, acceleration=100.):
    """True positions (T, K, 2) of the model."""
    at = rng.uniform(50, 200, (joints, 2))
    speed = rng.normal(0, acceleration * (kalman.FADE / 2)**.5, (joints, 2))
    state = np.concatenate([at, speed], 1)
    out = []
    for seconds in np.diff(times, prepend=times[0]):
        moves = kalman.motion(seconds)
        jump = rng.multivariate_normal(
            np.zeros(4), acceleration**2 * moves.noise, joints, tol=1e-6)
        state = moves.forth(state.T).T + jump
        out.append(state[:, :2])
    return np.array(out)


def read(rng, truth, covariances, dof=3):
    """Readings whose errors follow the law of the covariances P."""
    worth = rng.gamma(dof / 2, 2 / dof, truth.shape[:-1])[..., None]
    root = np.linalg.cholesky(covariances / 2)
    return truth + np.einsum('...ij,...j->...i', root, rng.standard_normal(
        truth.shape)) / worth**.5


def live(keypoints, covariances, times, **more):
    """All frames by the filter, as :func:`smooth_track` has them."""
    track = TrackFilter(**more)
    found = [track.update(*frame) for frame in
             zip(keypoints, covariances, times)]
    return tuple(np.array(column) for column in zip(*found))


@pytest.fixture
def track(rng):
    times = np.arange(60) / RATE
    truth = moving(rng, times, 5)
    covariances = spread(rng, 60, 5)
    return read(rng, truth, covariances), covariances, times, truth


def rms(off):
    return np.sqrt((off**2).sum(-1).mean())


def test_smoother_is_the_posterior_of_the_model(rng):
    """Against all frames at once: one dense system of equations."""
    times = np.cumsum(rng.uniform(.01, .1, 12))
    truth, covariances = moving(rng, times, 1), spread(rng, 12, 1)
    keypoints = read(rng, truth, covariances)
    keypoints[[4, 5]] = np.nan
    readings = Readings.of(keypoints, covariances)
    noise, size = 2 * 100.**2, len(times)
    worth = rng.uniform(.3, 1.6, (size, 1))
    found, sure = kalman.smooth(_forward(
        readings, readings.columns[:, :1], worth, times, noise))

    precision, pull = np.zeros((4 * size, ) * 2), np.zeros(4 * size)
    reach = 1e4 * readings.size
    first = np.diag([reach**2] * 2 + [kalman.FADE / 2 * noise] * 2)
    precision[:4, :4] = np.linalg.inv(first)
    pull[:4] = precision[:4, :2] @ readings.middle
    for t in range(size):
        if t:
            moves = kalman.motion(times[t] - times[t - 1])
            both = np.hstack([-moves.forth(np.eye(4)), np.eye(4)])
            at = np.s_[4 * t - 4:4 * t + 4]
            precision[at, at] += both.T @ np.linalg.solve(
                noise * moves.noise, both)
        if readings.seen[t, 0]:
            certain = worth[t, 0] * np.linalg.inv(covariances[t, 0])
            at = np.s_[4 * t:4 * t + 2]
            precision[at, at] += certain
            pull[at] += certain @ keypoints[t, 0]
    want_sure = np.linalg.inv(precision)
    want = want_sure @ pull
    for t in range(size):
        at = np.s_[4 * t:4 * t + 2]
        np.testing.assert_allclose(found[:, 0, t, 0], want[at], rtol=1e-6)
        np.testing.assert_allclose(sure[:, :, t, 0], want_sure[at, at],
                                   rtol=1e-4, atol=1e-5)


def test_motion_of_two_steps_is_that_of_both_at_once():
    a, b, both = map(kalman.motion, (.03, .1, .13))
    unit = np.eye(4)
    np.testing.assert_allclose(b.forth(a.forth(unit)), both.forth(unit))
    np.testing.assert_allclose(b.back(unit), b.forth(unit).T)
    np.testing.assert_allclose(b.forth(b.forth(a.noise).T) + b.noise,
                               both.noise)
    short = kalman.motion(1e-4).noise[:3:2, :3:2]  # as nothing fades yet
    np.testing.assert_allclose(
        short, [[1e-12 / 3, 1e-8 / 2], [1e-8 / 2, 1e-4]], rtol=2e-3)


def test_it_is_closer_than_the_readings_and_than_the_filter(track):
    keypoints, covariances, times, truth = track
    raw = rms(keypoints - truth)
    filtered = rms(live(keypoints, covariances, times)[0] - truth)
    smoothed = rms(smooth_track(keypoints, covariances, times)[0] - truth)
    assert filtered < .75 * raw
    assert smoothed < .8 * filtered


def test_25_frames_a_second_unless_told(track):
    keypoints, covariances, times, _ = track
    for told, same in zip(smooth_track(keypoints, covariances, times),
                          smooth_track(keypoints, covariances)):
        np.testing.assert_allclose(told, same)


@pytest.mark.parametrize('correlation', [0, .8, 1])
def test_a_single_reading_is_handed_back(rng, correlation):
    keypoints, covariances = rng.uniform(0, 90, (1, 4, 2)), spread(rng, 1, 4)
    for found, sure in (
            smooth_track(keypoints, covariances, correlation=correlation),
            live(keypoints, covariances, [3.], correlation=correlation)):
        np.testing.assert_allclose(found, keypoints, atol=1e-4)
        np.testing.assert_allclose(sure, covariances, rtol=1e-5)


@settings(max_examples=10, deadline=None)
@given(scale=st.floats(.01, 100), turn=st.floats(0, 6.3),
       pace=st.floats(-5, 5))
def test_the_unit_and_the_axes_do_not_matter(scale, turn, pace):
    rng = np.random.default_rng(3)
    times = np.arange(25) / RATE
    covariances = spread(rng, 25, 3)
    keypoints = read(rng, moving(rng, times, 3), covariances)
    keypoints[8:11, 1] = np.nan
    cos, sin = np.cos(turn), np.sin(turn)
    moved = scale * np.array([[cos, -sin], [sin, cos]])
    shift = np.array([7., -40])
    other = keypoints @ moved.T + shift, moved @ covariances @ moved.T
    for function in (
            lambda *a: smooth_track(*a, times + pace),
            lambda *a: live(*a, times + pace)):
        found, sure = function(keypoints, covariances)
        again, unsure = function(*other)
        np.testing.assert_allclose(again, found @ moved.T + shift, rtol=1e-5,
                                   atol=1e-4 * scale)
        np.testing.assert_allclose(unsure, moved @ sure @ moved.T, rtol=1e-4,
                                   atol=1e-5 * scale**2)
    assert track_acceleration(*other) == pytest.approx(
        scale * track_acceleration(keypoints, covariances), rel=1e-4)


def test_frames_left_out_are_frames_without_a_reading(track):
    keypoints, covariances, times, _ = track
    kept = np.ones(60, bool)
    kept[[9, 10, 11, 30, 40, 41]] = False
    holes = np.where(kept[:, None, None], keypoints, np.nan)
    for whole, part in zip(
            smooth_track(holes, covariances, times, 100.),
            smooth_track(keypoints[kept], covariances[kept], times[kept],
                         100.)):
        np.testing.assert_allclose(whole[kept], part, rtol=1e-6, atol=1e-6)
    for whole, part in zip(
            live(holes, covariances, times, acceleration=100.),
            live(keypoints[kept], covariances[kept], times[kept],
                 acceleration=100.)):
        np.testing.assert_allclose(whole[kept], part, rtol=1e-6, atol=1e-6)


def test_a_gap_is_bridged_and_its_covariance_grows(track):
    keypoints, covariances, times, truth = track
    keypoints[20:40, 2] = np.nan
    found, sure = smooth_track(keypoints, covariances, times)
    size = np.trace(sure[18:42, 2], axis1=1, axis2=2)
    assert (np.diff(size[2:12]) > 0).all() and (np.diff(size[12:21]) < 0).all()
    assert size[11] > 5 * size[[0, 1, -2, -1]].max()
    far = mahalanobis(found[20:40, 2] - truth[20:40, 2], sure[20:40, 2])
    assert (far < ellipse_limit(.99)).all()
    filtered, unsure = live(keypoints, covariances, times)
    size = np.trace(unsure[19:40, 2], axis1=1, axis2=2)
    assert (np.diff(size) > 0).all()
    assert np.isfinite(filtered).all()


def test_readings_of_the_wrong_joint_are_passed_over(track):
    """Left for right: three frames of it, and later one."""
    keypoints, covariances, times, truth = track
    wrong = [12, 13, 14, 40]
    for joint, other in ((0, 1), (1, 0)):
        assert rms(truth[wrong, joint] - truth[wrong, other]) > 25
    swapped, spreads = keypoints.copy(), covariances.copy()
    for array in (swapped, spreads):
        array[wrong, 0], array[wrong, 1] = array[wrong, 1], array[wrong, 0]
    clean, _ = smooth_track(keypoints, covariances, times)
    found, _ = smooth_track(swapped, spreads, times)
    assert rms(swapped[wrong, :2] - truth[wrong, :2]) > 25
    assert rms(found[wrong, :2] - truth[wrong, :2]) < 4
    assert rms(found - clean) < 1
    # Not because it is stiff: the constant is that of the motion.
    assert track_acceleration(swapped, spreads, times) == pytest.approx(
        track_acceleration(keypoints, covariances, times), rel=.2)
    one = live(swapped, spreads, times)[0][40, :2] - truth[40, :2]
    assert rms(one) < 6


@pytest.mark.parametrize('acceleration', [10., 100., 600.])
def test_acceleration_is_found(rng, acceleration):
    times = np.cumsum(rng.uniform(.02, .06, 200))
    covariances = spread(rng, 200, 6)
    keypoints = read(rng, moving(rng, times, 6, acceleration), covariances)
    found = track_acceleration(keypoints, covariances, times)
    assert found == pytest.approx(acceleration, rel=.25)
    told = smooth_track(keypoints, covariances, times, found)
    for a, b in zip(told, smooth_track(keypoints, covariances, times)):
        np.testing.assert_array_equal(a, b)


def levels(off, covariances):
    return [(mahalanobis(off, covariances) < ellipse_limit(p)).mean()
            for p in (.5, .9, .99)]


def test_covariances_hold_where_errors_are_alike(rng):
    """Every joint keeps its error; all but a hundredth of it is in M."""
    times = np.arange(40) / RATE
    truth = moving(rng, times, 300, 60.)
    covariances = np.broadcast_to(spread(rng, 1, 300), (40, 300, 2, 2))
    off = read(rng, np.zeros((1, 300, 2)), covariances[:1])
    found, sure = smooth_track(truth + off, covariances, times,
                               correlation=1)
    held = levels(found - truth, sure)
    np.testing.assert_allclose(held, (.5, .9, .99), atol=.08)
    assert held[0] > .48 and held[1] > .88
    # Taken for independent they promise too much.
    _, less = smooth_track(truth + off, covariances, times, correlation=0)
    assert levels(found - truth, less)[1] < .6
    filtered, unsure = live(truth + off, covariances, times, correlation=1)
    assert levels(filtered[20:] - truth[20:], unsure[20:])[1] > .88


def test_covariances_hold_where_errors_are_independent(rng):
    times = np.arange(60) / RATE
    truth, covariances = moving(rng, times, 100), spread(rng, 60, 100)
    keypoints = read(rng, truth, covariances)
    found, sure = smooth_track(keypoints, covariances, times, correlation=0)
    held = levels(found - truth, sure)
    # Many long tails together make a short one.
    assert .47 < held[0] < .6 and held[1] > .9 and held[2] > .99
    share = rms(found - truth)**2 / np.trace(sure, axis1=2, axis2=3).mean()
    assert .4 < share < .8


def test_prediction_is_what_a_frame_without_reading_shows(track):
    keypoints, covariances, times, _ = track
    a, b = TrackFilter(), TrackFilter()
    for frame in zip(keypoints[:30], covariances, times):
        now = a.update(*frame)
        b.update(*frame)
    for want, got in zip(now, a.predict(times[29])):
        np.testing.assert_allclose(got, want)
    ahead = a.predict(times[29] + .2)
    blind = b.update(np.full((5, 2), np.nan), covariances[0], times[29] + .2)
    for want, got in zip(blind, ahead):
        np.testing.assert_allclose(got, want)
    assert (np.linalg.det(ahead[1]) > np.linalg.det(now[1])).all()


def test_prediction_goes_on_and_then_stops():
    track = TrackFilter(100.)
    for frame in range(50):
        now, _ = track.update(np.array([[4. * frame, 9]]), np.eye(2)[None],
                              frame / RATE)
    moved = [float(track.predict(49 / RATE + s)[0][0, 0] - now[0, 0])
             for s in (.04, .2, 1e3)]
    assert 2.5 < moved[0] < 4
    speed = moved[2] / kalman.FADE
    assert moved[1] == pytest.approx(
        speed * kalman.FADE * (1 - np.exp(-.2 / kalman.FADE)))


def test_live_filter_adapts(rng):
    """Still for four seconds, and then it moves."""
    times = np.arange(200) / RATE
    truth = moving(rng, times, 10, 400.)
    truth[:100] = truth[100]
    covariances = np.broadcast_to(4 * np.eye(2), (200, 10, 2, 2))
    keypoints = read(rng, truth, covariances)
    found, _ = live(keypoints, covariances, times)
    still = rms(found[50:100] - truth[50:100])
    moves = rms(found[125:] - truth[125:])
    for fixed, error, part in ((10., moves, np.s_[125:]),
                               (400., still, np.s_[50:100])):
        other, _ = live(keypoints, covariances, times, acceleration=fixed)
        assert error < .75 * rms(other[part] - truth[part])


def test_joints_never_read_are_finite_and_unsure(track):
    keypoints, covariances, times, _ = track
    keypoints[:, 3] = np.nan
    covariances[:, 3] = np.nan
    keypoints[:7] = np.nan  # nor anybody at first
    found, sure = smooth_track(keypoints, covariances, times)
    assert np.isfinite(found).all() and np.isfinite(sure).all()
    assert (np.linalg.eigvalsh(sure[:, 3]) > 1e6).all()
    assert (np.linalg.eigvalsh(sure) > 0).all()
    found, sure = live(keypoints[7:], covariances[7:], times[7:])
    assert np.isfinite(found).all()
    assert (np.linalg.eigvalsh(sure[:, 3]) > 1e6).all()


def test_extreme_covariances_stay_finite(rng):
    keypoints = rng.uniform(0, 1, (30, 3, 2))
    covariances = spread(rng, 30, 3) * 10.**rng.uniform(-9, 9, (30, 3, 1, 1))
    for found, sure in (
            smooth_track(keypoints, covariances),
            live(keypoints, covariances, np.arange(30.)),
            smooth_track(keypoints, covariances, np.arange(30) * 1e-5)):
        assert np.isfinite(found).all()
        assert (np.linalg.eigvalsh(sure) > 0).all()


def test_a_thousand_frames_of_a_whole_body_in_three_seconds(rng):
    """A fifth of them; the time is in proportion."""
    covariances = np.broadcast_to(4 * np.eye(2), (200, 133, 2, 2))
    keypoints = rng.normal(0, 2, (200, 133, 2))
    start = time.process_time()
    smooth_track(keypoints, covariances)
    assert time.process_time() - start < 3 / 5 * 2  # on slow machines too


@pytest.mark.parametrize('change, words', [
    (dict(keypoints=np.ones((4, 2))), r'keypoints must be in shape'),
    (dict(keypoints=np.ones((4, 3, 3))), r'keypoints must be in shape'),
    (dict(keypoints=np.full((4, 3, 2), np.nan)), 'must hold a reading'),
    (dict(keypoints=np.full((4, 3, 2), np.inf)), 'got infinity'),
    (dict(covariances=np.ones((4, 3, 2))),
     r'covariances must be in shape \(4, 3, 2, 2\)'),
    (dict(covariances=np.ones((4, 3, 2, 2))), 'positive definite'),
    (dict(covariances=np.full((4, 3, 2, 2), np.nan)), 'positive definite'),
    (dict(covariances=np.zeros((4, 3, 2, 2)) - np.eye(2)),
     'joint 0 of frame 0'),
    (dict(times=[0, 1, 1, 2]), 'times must be 4 rising numbers'),
    (dict(times=[0, 1, 2]), 'times must be 4 rising numbers'),
    (dict(times=[0, 1, 2, np.nan]), 'times must be 4 rising numbers'),
    (dict(acceleration=0), 'acceleration must be a positive number'),
    (dict(correlation=1.1), 'correlation must be a number from 0 to 1'),
])
def test_input_that_is_none_is_refused(change, words):
    args = dict(keypoints=np.ones((4, 3, 2)),
                covariances=np.broadcast_to(np.eye(2), (4, 3, 2, 2)))
    with pytest.raises(ValueError, match=words):
        smooth_track(**{**args, **change})


def test_a_filter_refuses_what_it_cannot_take():
    track = TrackFilter()
    one = np.ones((3, 2)), np.broadcast_to(np.eye(2), (3, 2, 2))
    with pytest.raises(ValueError, match='nothing was read yet'):
        track.predict(1.)
    with pytest.raises(ValueError, match='must hold a reading'):
        track.update(np.nan * one[0], one[1], 0.)
    for when in (np.nan, np.inf):
        with pytest.raises(ValueError, match='time must be finite'):
            track.update(*one, when)
    track.update(*one, 1.)
    for when in (1., .5):
        with pytest.raises(ValueError, match='time must be later than 1.0'):
            track.update(*one, when)
    with pytest.raises(ValueError, match='time must not be before 1.0'):
        track.predict(.5)
    with pytest.raises(ValueError, match='must be those of 3 joints'):
        track.update(one[0][:2], one[1][:2], 2.)
    with pytest.raises(ValueError, match='keypoints must be in shape'):
        track.update(np.ones((2, 3, 2)), one[1], 2.)
    with pytest.raises(ValueError, match='acceleration must be a positive'):
        TrackFilter(-1)
    with pytest.raises(ValueError, match='correlation must be a number'):
        TrackFilter(correlation=None)
