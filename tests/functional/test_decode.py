"""Decoding against the official algorithm, the truth and the limit."""
import math
import tracemalloc

import numpy as np
import oracle
import pytest
from conftest import (
    KINDS,
    SIZES,
    as_kind,
    decode,
    every_size,
    near_border,
    noisy_gaussians,
    to_numpy,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from mmpose_dark.functional import decode_heatmaps, encode_heatmaps
from mmpose_dark.functional.modulate import Kernel

#: of the official code and, of sigmas that it does not have, of as wide ones
KERNELS = {1: 3, 1.5: 7, 2: 11, 3: 17, 4.9: 27}
WAYS = [
    dict(), dict(peak='raw'), dict(modulation=False),
    dict(method='shift'), dict(method='argmax'),
    dict(blur_kernel_size=11)
]


def rmse(a, b):
    return float(np.sqrt(np.mean((a - b)**2)))


# ---- against the official algorithm


def compare_with_official(maps, sigma, kernel_size, **switches):
    """Wherever a step of the official code's makes sense it is ours.

    Returns:
        tuple: Positions and scores, of the last kind of array.
    """
    ours = [decode(as_kind(maps, kind), sigma, maps.ndim - 1, **switches)
            for kind in KINDS]
    compared = inside = 0
    for i, heatmap in enumerate(maps):
        theirs, hessian = oracle.official_dark(heatmap, kernel_size)
        inside += all(1 < i < n - 2 for i, n in zip(
            oracle.argmax(heatmap), heatmap.shape[::-1]))
        if oracle.makes_sense(theirs, hessian, heatmap, sigma):
            for points, _ in ours:
                np.testing.assert_allclose(points[i], theirs, atol=1e-3)
            compared += 1
    assert compared > .6 * inside > 0
    return ours[-1]


@pytest.mark.parametrize('noise', [0., 0.05, 0.2])
@every_size
def test_raw_peak_is_the_official_algorithm(rng, sigma, size, noise):
    maps, _ = noisy_gaussians(rng, sigma, size, 50, noise)
    kernel_size = KERNELS[sigma]
    _, scores = compare_with_official(
        maps, sigma, kernel_size, peak='raw', blur_kernel_size=kernel_size)
    np.testing.assert_array_equal(scores, maps.reshape(len(maps), -1).max(1))


@every_size
def test_without_modulation_is_the_official_algorithm(rng, sigma, size):
    maps, truth = noisy_gaussians(rng, sigma, size, 100, 0.01, margin=3)
    points, _ = compare_with_official(maps, sigma, None, modulation=False)
    # differences of pixels as they are: their noise over the curvature
    assert rmse(points, truth) < .015 * sigma**2 + .02


@every_size
def test_near_the_border_there_is_no_official_step(rng, sigma, size):
    """Without modulation it is the shift; with it, a fit as good as ever."""
    axes = len(size)
    maps, points = noisy_gaussians(rng, sigma, size, 400, .02, -.5)
    at = np.array([oracle.argmax(heatmap) for heatmap in maps])
    near = ((at < 2) | (at > np.array(size) - 3)).any(1)
    maps, points = maps[near], points[near]
    limit = .02 * np.array([
        oracle.cramer_rao(point, size, sigma) for point in points])
    for kind in KINDS:
        of_kind = as_kind(maps, kind)
        found, _ = decode(of_kind, sigma, axes, modulation=False)
        np.testing.assert_allclose(
            found, [oracle.shift(heatmap) for heatmap in maps], atol=1e-6)
        found, _ = decode(of_kind, sigma, axes, peak='raw')
        assert rmse((found - points) / limit, 0) < 1.25


@pytest.mark.parametrize('modulation', [True, False])
def test_small_numbers_are_no_zeros(rng, modulation):
    """The official code takes for 0 what is below 1e-10."""
    maps, _ = noisy_gaussians(rng, 2, (48, 64), 50, .01, 4, np.float64)
    kernel_size = KERNELS[2] if modulation else None
    compare_with_official(
        1e-7 * abs(maps), 2, kernel_size, modulation=modulation, peak='raw',
        blur_kernel_size=kernel_size)


@pytest.mark.parametrize('method', ['shift', 'argmax'])
@every_size
def test_the_other_methods_are_their_ports(rng, sigma, size, method):
    maps, _ = noisy_gaussians(rng, sigma, size, 200, 0.05)
    for kind in KINDS:
        points, _ = decode(
            as_kind(maps, kind), sigma, len(size), method=method)
        theirs = [getattr(oracle, method)(heatmap) for heatmap in maps]
        np.testing.assert_allclose(points, theirs, atol=1e-6)


# ---- against the truth and the limit


@every_size
def test_is_the_maximum_likelihood_position(rng, sigma, size):
    """At the border too, where the Gaussian is cut."""
    maps, points = noisy_gaussians(rng, sigma, size, 400, 0.02, margin=-.5)
    near = near_border(points, size)
    some = np.concatenate([maps[near][:8], maps[~near][:4]])
    ours = [decode(as_kind(some, kind), sigma, len(size))[0]
            for kind in KINDS]
    for i, heatmap in enumerate(some):
        best = oracle.likeliest(heatmap, sigma, ours[0][i])
        for found in ours:
            np.testing.assert_allclose(found[i], best, atol=0.02)


@every_size
def test_round_trip_of_a_clean_map(rng, sigma, size):
    for margin, off in ((0, 0.01), (2.5 * sigma + 1, 1e-3)):
        if 2 * margin < min(size) - 1:
            maps, points = noisy_gaussians(rng, sigma, size, 400, 0., margin)
            found, _ = decode(maps, sigma, len(size))
            assert np.abs(found - points).max() < off


@pytest.mark.parametrize('axes', [1, 2, 3])
def test_the_limit_is_what_the_algebra_says(axes):
    r"""Of a Gaussian that is not cut, sums being integrals.

    The root of 2 sigma^2 / (sqrt(pi) sigma)^D: the sum of g^2 is (sqrt(pi)
    sigma)^D, and of it u^2 has the mean 1 / 2.
    """
    for sigma in (1., 2.5):
        np.testing.assert_allclose(
            oracle.cramer_rao([20.3] * axes, [41] * axes, sigma),
            math.sqrt(2) * sigma / (math.sqrt(math.pi) * sigma)**(axes / 2),
            rtol=1e-3)


@every_size
def test_reaches_the_cramer_rao_limit(rng, sigma, size):
    """Up to the border, where less of the Gaussian is seen."""
    axes = len(size)
    clean, points = noisy_gaussians(
        rng, sigma, size, {1: 8000, 2: 3000, 3: 900}[axes], 0.)
    limit = np.array([
        oracle.cramer_rao(point, size, sigma) for point in points])
    near = near_border(points, size)
    # The roots of means of so many squares are themselves a sample.
    for noise, factor, at_border in (
            (.01, 1.06, 1.12), (.05, 1.06, 1.12), (.1, 1.06, 1.18),
            # Noise below zero counts as zero; what is left of it draws
            # inwards, the more pixels there are.
            (.2, 1.12, 1.4 if axes == 3 else 1.18)):
        noisy = clean + noise * rng.standard_normal(
            clean.shape, dtype=np.float32)
        found, _ = decode(noisy, sigma, axes)
        error = (found - points) / (noise * limit)
        assert .93 < rmse(error[~near], 0) < factor
        assert .85 < rmse(error[near], 0) < at_border


@pytest.mark.parametrize('way', WAYS, ids=str)
@every_size
def test_numpy_equals_torch(rng, sigma, size, way):
    for dtype in (np.float32, np.float64):
        maps, _ = noisy_gaussians(rng, sigma, size, 60, 0.1, -1, dtype)
        maps = maps.reshape(2, 5, 6, *maps.shape[1:])
        points, scores = decode(maps, sigma, len(size), **way)
        assert points.dtype == dtype
        assert points.shape == (2, 5, 6, len(size))
        same, as_high = decode(
            as_kind(maps, 'torch'), sigma, len(size), **way)
        np.testing.assert_allclose(points, same, atol=1e-4)
        np.testing.assert_array_equal(scores, as_high)


@pytest.mark.parametrize('sigma', [1, 2, 3])
def test_numpy_equals_torch_where_nothing_is_drawn(rng, sigma):
    """Numpy leaves out the expansions that would change nothing."""
    torch = pytest.importorskip('torch')
    maps = rng.random((5000, 33, 29))
    np.testing.assert_allclose(
        decode_heatmaps(maps, sigma)[0],
        decode_heatmaps(torch.from_numpy(maps), sigma)[0], atol=1e-4)


@pytest.mark.parametrize('way', WAYS, ids=str)
def test_scores_are_those_of_mmpose(rng, way):
    """Whatever peak is read: thresholds on scores stay what they were."""
    maps, _ = noisy_gaussians(rng, 2, (48, 64), 50, 0.3)
    np.testing.assert_array_equal(
        decode_heatmaps(maps, 2., **way)[1], maps.max((1, 2)))


@pytest.mark.parametrize('inside', [False, True])
def test_autocast_of_torch_before_2_4(monkeypatch, inside):
    """Whose questions name no device: there is one for each."""
    torch = pytest.importorskip('torch')
    if not hasattr(torch, 'get_autocast_dtype'):
        pytest.skip('this torch is before 2.4: the other tests show it')
    from mmpose_dark.functional.backends.torch import TorchBackend
    now = torch.is_autocast_enabled
    with monkeypatch.context() as patch:
        patch.setattr(torch, 'is_autocast_enabled', lambda: False)
        backend = TorchBackend()
    monkeypatch.setattr(torch, 'is_autocast_cpu_enabled', lambda: now('cpu'))
    with torch.autocast('cpu', torch.bfloat16, enabled=inside):
        with backend.guard(torch.zeros(1)):
            assert not now('cpu')
        assert now('cpu') == inside


def test_half_precision_is_computed_in_float32(rng):
    torch = pytest.importorskip('torch')
    maps, _ = noisy_gaussians(rng, 2, (48, 64), 50, 0.01)
    half = torch.from_numpy(maps).half()
    keypoints, scores = decode_heatmaps(half, 2.)
    assert keypoints.dtype == scores.dtype == torch.float32
    np.testing.assert_array_equal(keypoints,
                                  decode_heatmaps(half.float(), 2.)[0])
    np.testing.assert_array_equal(
        decode_heatmaps(maps.astype(np.float16), 2.)[0],
        decode_heatmaps(half.float().numpy(), 2.)[0])


def test_search_by_bounds_finds_the_peak_of_the_full_search(rng):
    """numpy looks further only where it must; torch computes it all."""
    for sigma, size in SIZES:
        for noise in (0.02, 0.3, 1.):
            a, _ = noisy_gaussians(rng, sigma, size, 150, noise)
            b, _ = noisy_gaussians(rng, sigma, size, 150, noise)
            two = a + rng.uniform(0, 2, (150, 1, 1)).astype(np.float32) * b
            np.testing.assert_allclose(
                decode_heatmaps(two, sigma)[0],
                decode_heatmaps(as_kind(two, 'torch'), sigma)[0], atol=1e-3)


@pytest.mark.parametrize('size', [(30, 36), (22, 24, 26)])
def test_a_peak_lies_on_the_map(rng, size):
    """Blurred, a bright end of dark lines is brighter beside the map."""
    shape = size[::-1]
    maps = .001 * rng.standard_normal((80, *shape))
    for heatmap in maps:
        axis = rng.integers(len(size))
        line = np.moveaxis(heatmap, axis, 0)
        if rng.random() < .5:
            line = line[::-1]
        at = tuple(rng.integers(6, n - 6) for n in line.shape[1:])
        line[(0, *at)] += 1
        line[(1, *at)] -= rng.uniform(.5, 1)
    points, _ = decode(maps, 2., len(size))
    np.testing.assert_allclose(
        points, decode(as_kind(maps, 'torch'), 2., len(size))[0], atol=1e-3)


@pytest.mark.parametrize('way', WAYS[:2], ids=str)
def test_parts_do_not_show(rng, way):
    """More maps than are decoded at a time; the tiny have tiny squares."""
    maps, _ = noisy_gaussians(rng, 2, (48, 64), 1500, 0.2)
    maps *= 10.**rng.uniform(-25, 15, (1500, 1, 1)).astype(np.float32)
    maps[7, 3, 3], maps[8, 3, 3], maps[9] = np.nan, np.inf, 0
    keypoints, scores = decode_heatmaps(maps, 2., **way)
    some = rng.choice(1500, 100, replace=False)
    alone = [decode_heatmaps(maps[i:i + 1], 2., **way) for i in some]
    np.testing.assert_allclose(
        keypoints[some], [points[0] for points, _ in alone], atol=1e-4)
    np.testing.assert_array_equal(scores[some], [v[0] for _, v in alone])
    same = decode_heatmaps(maps.astype(np.float64), 2., **way)[0]
    assert (np.abs(keypoints - same).max(1) < 1e-2).mean() > 0.99


@pytest.mark.parametrize('sigma, size', SIZES)
def test_two_equal_peaks_anywhere(rng, sigma, size):
    """On average over pairs, close ones too, better than the shift."""
    a, first = noisy_gaussians(rng, sigma, size, 1500, 0.02)
    b, second = noisy_gaussians(rng, sigma, size, 1500, 0.)

    def error(**way):
        points, _ = decode_heatmaps(a + b, sigma, **way)
        return np.minimum(np.linalg.norm(points - first, axis=1),
                          np.linalg.norm(points - second, axis=1)).mean()

    shift = error(method='shift')
    assert error() < 0.6 * shift and error(peak='raw') < 0.7 * shift


@pytest.mark.parametrize('peak, most', [('raw', 0.5), ('modulated', 2.)])
@pytest.mark.parametrize('num, noise', [(17, 0.02), (17, 0.3), (800, 0.3)])
def test_memory(rng, peak, most, num, noise):
    maps, _ = noisy_gaussians(rng, 2, (48, 64), num, noise)
    decode_heatmaps(maps, 2., peak=peak)
    tracemalloc.start()
    decode_heatmaps(maps, 2., peak=peak)
    extra = tracemalloc.get_traced_memory()[1] / maps.nbytes
    tracemalloc.stop()
    assert 0 < extra < most


def test_of_several_modes_the_clearly_higher_wins():
    def map_of(second, width):
        points = np.array([[12., 12.], [36., 50.]])
        one = encode_heatmaps(points[:1], (48, 64), 2.)[0]
        # narrower than the training Gaussian: bright, but little evidence
        return (second * encode_heatmaps(points[1:], (48, 64), width)[0] +
                one)[None]

    at = {peak: decode_heatmaps(map_of(1.2, 1.), 2., peak=peak)[0][0]
          for peak in ('modulated', 'raw')}
    np.testing.assert_allclose(at['modulated'], (12, 12), atol=0.1)
    np.testing.assert_allclose(at['raw'], (36, 50), atol=0.1)
    # of numbers whose squares are none, too
    tiny = (1e-25 * map_of(1.2, 1.)).astype(np.float32)
    np.testing.assert_allclose(
        decode_heatmaps(tiny, 2.)[0], [(12, 12)], atol=0.1)
    # The evidence of the wide one is (w^2 + 4) / (2 w^2) times that of the
    # bright one: it is taken where that is more than 1.1.
    for evidence, x in ((1.06, 36), (1.085, 36), (1.115, 12), (1.15, 12)):
        width = (4 / (2 * evidence - 1))**.5
        found = decode_heatmaps(map_of(1.001, width), 2.)[0][0]
        assert found[0] == pytest.approx(x, abs=.1), evidence


@pytest.mark.parametrize('kind', ['numpy', 'torch'])
@pytest.mark.parametrize('size', [(110, ), (110, 90)])
def test_a_mode_reaches_one_and_a_half_sigma(size, kind):
    """From a single bright pixel that far up its slope, back to its top."""
    sigma, axes = 10., len(size)
    centre = (60., 45.)[:axes]
    heatmap = oracle.gaussian(centre, size, sigma)
    spike = tuple(int(c) for c in centre[::-1][:-1]) + (60 - 15, )
    heatmap[spike] = 1.2
    assert oracle.argmax(heatmap)[0] == 45
    points, _ = decode(as_kind(heatmap[None], kind), sigma, axes)
    np.testing.assert_allclose(
        points[0], oracle.likeliest(heatmap, sigma, centre), atol=.05)


@pytest.mark.parametrize('kind', ['numpy', 'torch'])
@pytest.mark.parametrize('way', WAYS, ids=str)
@pytest.mark.parametrize('axes', [1, 2, 3])
def test_broken_maps_give_documented_finite_results(axes, way, kind):
    centre, size = (10.3, 12.4, 7.8)[:axes], (24, 32, 18)[:axes]
    base = oracle.gaussian(centre, size, 1.).astype(np.float32)
    cases = {name: base.copy() for name in
             ('zero', 'negative', 'nan', 'inf', 'all_nan', 'hole', 'good')}
    corner, beside = (3, ) * axes, (8, 13, 10)[-axes:]
    cases['zero'][:] = 0
    cases['negative'] -= 2
    cases['nan'][corner] = np.nan
    cases['inf'][corner] = np.inf
    cases['all_nan'][:] = np.nan
    cases['hole'][beside] = -np.inf
    maps = np.stack(list(cases.values()))
    points, scores = decode(as_kind(maps, kind), 1., axes, **way)
    result, score = dict(zip(cases, points)), dict(zip(cases, scores))
    assert np.isfinite(points).all() and np.isfinite(scores).all()
    for name in ('zero', 'negative', 'nan', 'inf', 'all_nan'):
        assert result[name].tolist() == [-1] * axes, name
    assert score['negative'] == cases['negative'].max()
    assert score['nan'] == score['inf'] == score['all_nan'] == 0
    # a hole beside the peak leaves the peak; a good map is not disturbed
    assert np.abs(result['hole'] - centre).max() < 1.5
    alone, _ = decode(as_kind(base[None], kind), 1., axes, **way)
    np.testing.assert_allclose(result['good'], alone[0], atol=1e-5)


@pytest.mark.parametrize('kind', ['numpy', 'torch'])
@pytest.mark.parametrize('sigma', [1, 2])
@pytest.mark.parametrize('way', WAYS[:2], ids=str)
def test_a_pixel_of_minus_infinity_counts_as_zero(rng, way, sigma, kind):
    """Far from the peak it changes nothing, beside it little."""
    maps, points = noisy_gaussians(rng, sigma, (48, 64), 100, .05, 8)
    far, near = maps.copy(), maps.copy()
    far[:, 0, 0], maps[:, 0, 0] = -np.inf, 0
    index = np.rint(points).astype(int)
    near[np.arange(100), index[:, 1] + 5, index[:, 0]] = -np.inf
    found, scores = (to_numpy(a) for a in decode_heatmaps(
        as_kind(far, kind), sigma, **way))
    want, want_scores = decode_heatmaps(maps, sigma, **way)
    np.testing.assert_allclose(found, want, atol=1e-4)
    np.testing.assert_array_equal(scores, want_scores)
    found, _, cov = (to_numpy(a) for a in decode_heatmaps(
        as_kind(near, kind), sigma, return_covariance=True, **way))
    assert rmse(found, points) < 1.5 * rmse(want, points)
    assert cov[:, 0, 0].max() < 2


@pytest.mark.parametrize('kind', ['numpy', 'torch'])
@pytest.mark.parametrize('axes', [2, 3])
def test_a_hessian_of_determinant_0_is_no_step(axes, kind):
    """The neighbours of a pixel weigh 1e-22: their squares are below float32.
    """
    maps = np.zeros((1, *[7] * axes), np.float32)
    maps[(0, *[3] * axes)] = 1
    found, _ = decode(as_kind(maps, kind), .1, axes)
    np.testing.assert_array_equal(found, [[3] * axes])


@pytest.mark.parametrize('way', WAYS, ids=str)
@settings(max_examples=60, deadline=None)
@given(
    size=st.lists(st.integers(1, 12), min_size=1, max_size=3),
    seed=st.integers(0, 10**6), scale=st.sampled_from([1e-8, 1., 1e6]),
    draw=st.sampled_from(['uniform', 'normal', 'constant', 'spike']),
    sigma=st.sampled_from([1.5, 4.]))
def test_never_leaves_the_neighbourhood_of_the_map(way, size, seed, scale,
                                                   draw, sigma):
    raw = 'peak' in way or 'modulation' in way
    most = .1 + max(3, 2 * sigma - 2 if raw else 0)
    rng, shape = np.random.default_rng(seed), (4, *size[::-1])
    maps = dict(
        uniform=rng.random(shape), normal=rng.standard_normal(shape),
        constant=np.ones(shape), spike=np.zeros(shape))[draw]
    if draw == 'spike':
        maps.reshape(4, -1)[:, seed % math.prod(size)] = 1
    maps = (maps * scale).astype(np.float32)
    for kind in KINDS:
        points, scores = decode(as_kind(maps, kind), sigma, len(size), **way)
        assert np.isfinite(points).all() and np.isfinite(scores).all()
        assert (points >= -most).all()
        assert (points <= np.array(size) - 1 + most).all()


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6), factor=st.floats(1e-3, 1e3),
    way=st.sampled_from(WAYS))
def test_scaling_the_map_does_not_move_the_joint(seed, factor, way):
    maps, _ = noisy_gaussians(
        np.random.default_rng(seed), 2, (24, 32), 5, 0.01, 6, np.float64)
    np.testing.assert_allclose(
        decode_heatmaps(maps * factor, 2., **way)[0],
        decode_heatmaps(maps, 2., **way)[0], atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_mirroring_the_map_mirrors_the_joint(seed):
    maps, _ = noisy_gaussians(
        np.random.default_rng(seed), 2, (24, 32), 5, 0.05, 0, np.float64)
    a = decode_heatmaps(maps, 2.)[0]
    b = decode_heatmaps(maps[:, ::-1, ::-1], 2.)[0]
    np.testing.assert_allclose(a, (23, 31) - b, atol=1e-6)


@pytest.mark.parametrize('scale', [1e-25, 1e-12, 1e12, 1e25])
def test_covariance_does_not_depend_on_the_scale(rng, scale):
    maps, _ = noisy_gaussians(rng, 2, (48, 64), 50, 0.1)
    one, other = (decode_heatmaps(
        (maps * factor).astype(np.float32), 2., return_covariance=True,
        target_peak=factor)[2] for factor in (1, scale))
    np.testing.assert_allclose(other, one, rtol=1e-3, atol=1e-7)


def test_variances_are_positive(rng):
    """Of whatever map, where the best Gaussian would be a hole as well."""
    maps = rng.standard_normal((20000, 12, 12)) - 1
    cov = decode_heatmaps(maps, 1., return_covariance=True)[2]
    assert np.isfinite(cov).all() and (np.linalg.eigvalsh(cov) > 0).all()


def test_covariance_of_few_pixels_is_that_of_the_whole_map(rng):
    for height, width in ((1, 1), (1, 3), (3, 1), (2, 2)):
        cov = decode_heatmaps(rng.random((50, height, width)), 2.,
                              return_covariance=True)[2]
        np.testing.assert_allclose(
            cov, [[[width**2 / 12, 0], [0, height**2 / 12]]] * 50)


def test_covariance_of_nothing_is_that_of_the_whole_map():
    cov = decode_heatmaps(
        np.zeros((1, 32, 24)), 2., return_covariance=True)[2]
    np.testing.assert_allclose(cov, [[[24**2 / 12, 0], [0, 32**2 / 12]]])


def test_nothing_in_nothing_out():
    for lead in ((0, ), (2, 0), (0, 17)):
        keypoints, scores = decode_heatmaps(np.zeros((*lead, 8, 8)), 1.)
        assert keypoints.shape == (*lead, 2) and scores.shape == lead


@pytest.mark.parametrize('change, words', [
    (dict(sigma=-1), 'sigma .* got -1'),
    (dict(sigma='2'), "sigma .* got '2'"),
    (dict(method='taylor'), "method .* got 'taylor'"),
    (dict(peak='max'), "peak .* got 'max'"),
    (dict(sigma=1e-200), 'sigma .* got 1e-200'),
    (dict(sigma=1e200), r'sigma .* got 1e\+200'),
    (dict(modulation='no'), "modulation .* got 'no'"),
    (dict(return_covariance=1), 'return_covariance .* got 1'),
    (dict(blur_kernel_size=10), 'blur_kernel_size .* got 10'),
    (dict(heatmaps=np.zeros(7)), r'heatmaps .* got \(7,\)'),
    (dict(heatmaps=np.zeros((1, 0, 7))), r'heatmaps .* got \(1, 0, 7\)'),
    (dict(method='shift', return_covariance=True),
     "covariances need .* got method='shift'"),
])
def test_says_what_is_wrong(change, words):
    args = dict(heatmaps=np.zeros((1, 9, 9)), sigma=1.)
    args.update(change)
    with pytest.raises(ValueError, match=words):
        decode_heatmaps(**args)


def test_maps_of_other_kinds():
    for wrong in (np.zeros((1, 9, 9), complex), None, 'maps'):
        with pytest.raises(TypeError, match='heatmaps must be real numbers'):
            decode_heatmaps(wrong, 1.)
    maps = encode_heatmaps(np.array([[10.3, 20.6]]), (48, 64), 2.)
    found = decode_heatmaps(maps.astype('>f8'), 2.)[0]
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, decode_heatmaps(maps, 2.)[0])


@pytest.mark.parametrize('kind', ['numpy', 'torch'])
@pytest.mark.parametrize('way', [dict(), dict(peak='raw')], ids=str)
def test_a_kernel_wider_than_the_map_costs_no_more_than_the_map(
        rng, kind, way, monkeypatch):
    """A window of 50 sigma is not cut out of a map of 9 pixels."""
    maps = rng.random((3, 7, 9))
    want = to_numpy(decode_heatmaps(as_kind(maps, kind), 50., **way,
                                    return_covariance=True)[0])
    monkeypatch.setattr(Kernel, 'within', lambda self, size: self)
    found = to_numpy(decode_heatmaps(as_kind(maps, kind), 50., **way,
                                     return_covariance=True)[0])
    np.testing.assert_allclose(found, want, atol=1e-5)
