"""Covariances against posteriors that are known, and against hostile maps."""
import itertools

import numpy as np
import oracle
import pytest
from conftest import KINDS, as_kind, decode, noisy_gaussians
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from mmpose_dark.functional import decode_heatmaps, encode_heatmaps
from mmpose_dark.functional.backends import backend_of
from mmpose_dark.functional.covariance import _size
from scipy import stats

WIDTH, HEIGHT = 48, 64
#: sizes of maps with room around their middle
ROOMY = {1: (60, ), 2: (WIDTH, HEIGHT), 3: (36, 44, 40)}
PIXEL = 1 / 12


def covariances(maps, sigma=2., **options):
    """Of heatmaps or volumes (M, ...)."""
    return decode(maps, sigma, maps.ndim - 1, return_covariance=True,
                  **options)[2]


def root_det(matrices):
    return np.sqrt(np.linalg.det(matrices))


def turned(variances, degrees):
    """A covariance of given variances along turned axes."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    axes = np.array([[c, -s], [s, c]])
    return axes @ np.diag(variances) @ axes.T


def posterior(mean, covariance, sigma, size=(WIDTH, HEIGHT)):
    """E[G(x - mu)] of mu ~ N(mean, covariance), in closed form."""
    whole = covariance + sigma**2 * np.eye(len(size))
    d = np.stack(np.meshgrid(*map(np.arange, size), indexing='ij'), -1) - mean
    square = np.einsum('...i,ij,...j', d, np.linalg.inv(whole), d)
    return (sigma**len(size) / root_det(whole) * np.exp(-square / 2)).T


def rotation(rng, axes):
    return np.linalg.qr(rng.standard_normal((axes, axes)))[0]


def mahalanobis(error, matrices):
    return np.einsum('mi,mij,mj->m', error, np.linalg.inv(matrices), error)


def of_posterior(mean, spread, sigma, axes):
    """The covariance that is read; along one axis, of a map of one row."""
    heatmap = posterior(mean, spread, sigma, ROOMY[axes])
    if axes == 1:
        return covariances(heatmap[None, None], sigma)[0, :1, :1]
    return covariances(heatmap[None], sigma)[0]


def in_the_middle(rng, axes):
    return np.array(ROOMY[axes]) / 2 + rng.uniform(-3, 3, axes)


@pytest.mark.parametrize('axes', [1, 2, 3])
@pytest.mark.parametrize('sigma, variance', [
    (1., .3), (1., 2.), (2., .3), (2., 2.), (2., 8.), (3., 4.)])
def test_a_round_spread_is_recovered(rng, sigma, variance, axes):
    for _ in range(6):
        cov = of_posterior(in_the_middle(rng, axes), variance * np.eye(axes),
                           sigma, axes)
        # The map has an end, and the brightest pixel lies off the middle,
        # which is corrected to first order. What a wider map than the
        # target's leaves over looks like noise, of few pixels like more.
        want = 1 / (1 / variance + 12 / np.array(ROOMY[axes])**2)
        np.testing.assert_allclose(
            cov, np.diag(want), rtol=0,
            atol=(.055 if axes == 1 else .02) * variance + .035 * sigma**2)


@pytest.mark.parametrize('axes, variances', [
    (1, (9., )), (2, (9., 2.)), (3, (9., 4., 1.)), (3, (6., 6., 2.)),
    (3, (5., 1., 1.))])
def test_of_a_long_spread_axes_and_peak_value_are_recovered(
        rng, axes, variances):
    sigma, one = 2., np.eye(axes)
    for turn in (one, one[::-1], rotation(rng, axes), rotation(rng, axes)):
        spread = turn @ np.diag(variances) @ turn.T
        cov = of_posterior(in_the_middle(rng, axes), spread, sigma, axes)
        # the peak value: det(sigma^2 I + P)
        assert root_det(cov + sigma**2 * one) == pytest.approx(
            root_det(spread + sigma**2 * one), rel=.03)
        # the shape: axes are kept, rounder by as much as the map is blurred
        along = turn.T @ cov @ turn
        shape = 2 * sigma**2 + np.array(variances)
        np.testing.assert_allclose(
            np.diag(along) / along[0, 0], shape / shape[0], rtol=.08)
        assert np.abs(along - np.diag(np.diag(along))).max() < (
            .03 * along.max())


def test_the_mean_of_drawn_targets_is_a_posterior(rng):
    spread = turned((4., 1.5), 30)
    drawn = rng.multivariate_normal((23.4, 30.7), spread, 4000)
    maps = encode_heatmaps(drawn[:, None], (WIDTH, HEIGHT), 2.).mean(0)
    cov = covariances(maps)[0]
    whole = 4 * np.eye(2)
    assert root_det(cov + whole) == pytest.approx(
        root_det(spread + whole), rel=.05)
    # It holds the truth as often as it says.
    d2 = mahalanobis(drawn - (23.4, 30.7), np.repeat(cov[None], 4000, 0))
    for level in (.5, .68, .9, .95):
        assert (d2 < -2 * np.log(1 - level)).mean() == pytest.approx(
            level, abs=.03)


@pytest.mark.parametrize('axes, num', [(2, 600), (3, 250)])
def test_calibrated_over_posteriors_of_many_widths(rng, axes, num):
    errors, covs = [], []
    for _ in range(num):
        turn, mean = rotation(rng, axes), in_the_middle(rng, axes)
        spread = turn @ np.diag(np.exp(rng.uniform(-1, 2.5, axes))) @ turn.T
        points, _, cov = decode(posterior(mean, spread, 2., ROOMY[axes])[None],
                                2., axes, return_covariance=True)
        errors.append(points[0] - rng.multivariate_normal(mean, spread))
        covs.append(cov[0])
    d2 = mahalanobis(np.array(errors), np.array(covs))
    for level in (.5, .68, .9, .95):
        assert (d2 < stats.chi2.ppf(level, axes)).mean() == pytest.approx(
            level, abs=.06)


@pytest.mark.parametrize('axes', [1, 2, 3])
def test_noise_is_what_the_gaussian_leaves_over(axes):
    """Of a peak as sharp as its target, pixels and noise are all there is.

    A draughtboard of share e, which no sum with a Gaussian sees, leaves e^2
    times the energy of the Gaussian, for as many pixels as there are in the
    window less D + 1 parameters: each adds 2 sigma^2 to the covariance.
    """
    sigma, share, size = 2., .9, (41, 40, 39)[:axes]
    board = 1. - 2 * (np.indices(size[::-1]).sum(0) % 2)
    heatmap = oracle.gaussian((20., ) * axes, size, sigma) * (
        1 + share * board)
    if axes == 1:
        heatmap = heatmap[None]
    cov = covariances(heatmap[None], sigma, target_peak=.1)[0, :axes, :axes]
    pixels = 13**axes
    known = PIXEL + 2 * sigma**2 * share**2 / (pixels - axes - 1)
    np.testing.assert_allclose(
        cov, np.diag(1 / (1 / known + 12 / np.array(size)**2)), rtol=3e-3,
        atol=1e-9)


def test_what_is_known_exactly_is_known_to_a_pixel():
    cov = covariances(posterior((24., 31.), 1e-4 * np.eye(2), 2.)[None])[0]
    # the map adds its own information, 1e-4 of it
    np.testing.assert_allclose(cov, PIXEL * np.eye(2), rtol=2e-3, atol=1e-6)


def test_a_lower_peak_of_the_same_shape_is_less_sure():
    one = posterior((24., 31.), .5 * np.eye(2), 2.)
    areas = [root_det(covariances(share * one[None])[0])
             for share in (1, .8, .6, .4, .2, .05)]
    assert (np.diff(areas) > 0).all() and areas[-1] > 20 * areas[0]


def test_a_second_mode_makes_it_less_sure():
    one = posterior((14., 20.), .5 * np.eye(2), 2.)
    two = .7 * one + .3 * posterior((36., 45.), .5 * np.eye(2), 2.)
    assert root_det(covariances(two[None])[0]) > 4 * root_det(
        covariances(one[None])[0])


@pytest.mark.parametrize('kind', ['numpy', 'torch'])
@pytest.mark.parametrize('sigma, size, noise, margin', [
    (1, (24, 32), .05, 0), (2, (48, 64), .05, 0), (3, (72, 96), .05, 0),
    (2, (48, 64), .2, 7), (1, (24, 32), .3, 4), (2, (24, 28, 20), .05, 0),
    (1, (12, 14, 10), .2, 2)])
def test_holds_the_truth_of_noisy_gaussians(
        rng, kind, sigma, size, noise, margin):
    axes = len(size)
    maps, points = noisy_gaussians(
        rng, sigma, size, 1500 if axes == 2 else 400, noise, margin)
    found, _, cov = decode(
        as_kind(maps, kind), sigma, axes, return_covariance=True)
    inside = mahalanobis(found - points, cov) < stats.chi2.ppf(.95, axes)
    assert inside.mean() >= .9
    # and does so without being as large as the map
    assert np.median(np.linalg.det(cov)**(1 / axes)) < .15


@pytest.mark.parametrize('size', [(48, 64), (32, 36, 30)])
def test_never_below_what_pixel_noise_makes(rng, size):
    """The Cramer-Rao bound, 2 / pi of the noise's variance on a map."""
    limit = oracle.cramer_rao(np.array(size) / 2, size, 2.)[0]
    for noise in (.1, .2, .4):
        maps, _ = noisy_gaussians(rng, 2, size, 200, noise, 12)
        cov = covariances(maps)
        variance = np.median(np.linalg.det(cov)**(1 / len(size)))
        assert variance > PIXEL + .8 * (limit * noise)**2


def many_maps(rng, num=40, size=(WIDTH, HEIGHT)):
    """Posteriors of all kinds with noise, not all of them on the map."""
    maps, axes = [], len(size)
    for _ in range(num):
        turn = rotation(rng, axes)
        spread = turn @ np.diag(np.exp(rng.uniform(-3, 2, axes))) @ turn.T
        mean = rng.uniform(0, np.array(size) - 1)
        maps.append(rng.uniform(.2, 1) * posterior(mean, spread, 2., size) +
                    .02 * rng.standard_normal(size[::-1]))
    return np.array(maps)


#: as of many_maps, that of maps and that of small volumes
BOTH = pytest.mark.parametrize('size', [(WIDTH, HEIGHT), (15, 18, 13)])


@pytest.mark.parametrize('peak', ['modulated', 'raw'])
def test_turning_and_mirroring_the_map_turns_the_covariance(rng, peak):
    maps = many_maps(rng)
    cov = covariances(maps, peak=peak)
    turn, swap = np.array([[0., 1], [-1, 0]]), np.array([[0., 1], [1, 0]])
    mirror = np.diag([-1., 1])
    for change, matrix in ((np.rot90(maps, 1, (1, 2)), turn),
                           (maps.swapaxes(1, 2), swap),
                           (maps[:, :, ::-1], mirror)):
        np.testing.assert_allclose(
            covariances(change, peak=peak), matrix @ cov @ matrix.T,
            rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize('peak', ['modulated', 'raw'])
def test_turning_and_mirroring_a_volume_turns_the_covariance(rng, peak):
    maps = many_maps(rng, 20, (15, 18, 13))
    cov = covariances(maps, peak=peak)
    for order in itertools.permutations(range(3)):
        mirror = rng.choice([-1, 1], 3)
        change = maps[(slice(None), *(slice(None, None, by)
                                      for by in mirror[::-1]))]
        change = change.transpose(0, *(3 - i for i in order[::-1]))
        matrix = np.diag(mirror)[list(order)]
        np.testing.assert_allclose(
            covariances(change, peak=peak), matrix @ cov @ matrix.T,
            rtol=1e-6, atol=1e-8)


def test_moving_the_map_by_whole_pixels_changes_nothing(rng):
    maps = np.zeros((6, HEIGHT, WIDTH))
    maps[:, 18:45, 14:35] = many_maps(rng, 6)[:, 18:45, 14:35]
    for sigma in (1., 2.):
        moved = np.roll(maps, (4, -3), (1, 2))
        np.testing.assert_allclose(
            covariances(moved, sigma), covariances(maps, sigma), rtol=1e-9)


@pytest.mark.parametrize('options', [
    {}, dict(peak='raw'), dict(peak='raw', blur_kernel_size=11),
    dict(blur_kernel_size=17), dict(target_peak=.7)])
@pytest.mark.parametrize('dtype', [np.float32, np.float64])
@BOTH
def test_torch_gives_the_same(rng, options, dtype, size):
    maps = many_maps(rng, 100, size).astype(dtype)
    one, other = (covariances(as_kind(maps, kind), **options)
                  for kind in ('numpy', 'torch'))
    np.testing.assert_allclose(
        other, one, rtol=1e-4, atol=1e-4 * root_det(one).max())
    np.testing.assert_allclose(root_det(other), root_det(one), rtol=1e-4)


@pytest.mark.parametrize('dtype', ['float16', 'bfloat16'])
def test_halves_are_computed_in_float32(rng, dtype):
    torch = pytest.importorskip('torch')
    maps = torch.from_numpy(many_maps(rng)).to(getattr(torch, dtype))
    half = decode_heatmaps(maps, 2., return_covariance=True)[2]
    whole = decode_heatmaps(maps.float(), 2., return_covariance=True)[2]
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, whole, rtol=0, atol=0)


def test_targets_of_another_peak(rng):
    maps = many_maps(rng)
    np.testing.assert_allclose(covariances(255 * maps, target_peak=255.),
                               covariances(maps), rtol=1e-9)
    # Taken for targets of peak 1, nothing is known better than a pixel.
    assert root_det(covariances(255 * maps)).max() < 2 * PIXEL


@pytest.mark.parametrize('value', [0, -1, np.nan, np.inf, '1', True])
def test_target_peak_must_be_positive(value):
    with pytest.raises(ValueError, match='target_peak .* got'):
        decode_heatmaps(np.ones((1, 8, 8)), 2., target_peak=value)


def valid(cov, size):
    assert np.isfinite(cov).all()
    np.testing.assert_array_equal(cov, cov.swapaxes(-1, -2))
    assert (np.linalg.eigvalsh(cov) > 0).all()
    # no wider than the map
    assert (np.diagonal(cov, 0, 1, 2) <= np.array(size)**2 / 12 *
            (1 + 1e-5)).all()


@settings(max_examples=150, deadline=None)
@given(maps=hnp.arrays(
    np.float32, hnp.array_shapes(min_dims=3, max_dims=4, min_side=1,
                                 max_side=14),
    elements=st.floats(width=32, allow_nan=True, allow_infinity=True)),
    sigma=st.sampled_from([.001, .5, 1., 2., 3., 50.]),
    peak=st.sampled_from(['modulated', 'raw']))
def test_hostile_maps(maps, sigma, peak):
    if maps.ndim == 4:
        sigma = min(sigma, 2.)  # windows of 253^3 voxels
    for kind in KINDS:
        valid(covariances(as_kind(maps, kind), sigma, peak=peak),
              maps.shape[:0:-1])


@pytest.mark.parametrize('scale', [1e-38, 1e-25, 1e-6, 1, 1e6, 1e25, 1e37])
@pytest.mark.parametrize('kind', ['numpy', 'torch'])
def test_any_scale(rng, kind, scale):
    for maps in (many_maps(rng), rng.standard_normal((500, 12, 12)) - 1,
                 many_maps(rng, 10, (15, 18, 13)),
                 rng.standard_normal((200, 7, 7, 7)) - 1):
        maps = (maps * scale).astype(np.float32)
        valid(covariances(as_kind(maps, kind)), maps.shape[:0:-1])


@pytest.mark.parametrize('kind', ['numpy', 'torch'])
@pytest.mark.parametrize('size', [(24, 32), (9, 14, 11)])
def test_nothing_known_is_a_position_anywhere_on_the_map(rng, size, kind):
    maps = np.zeros((5, *size[::-1]), np.float32)
    maps[1], maps[2], maps[3], maps[4] = np.nan, np.inf, -np.inf, -1
    np.testing.assert_allclose(
        covariances(as_kind(maps, kind)),
        [np.diag(np.array(size)**2 / 12)] * 5, rtol=1e-6)


@pytest.mark.parametrize('kind', ['numpy', 'torch'])
@pytest.mark.parametrize('size', [
    (1, 1), (3, 1), (1, 3), (2, 2), (1, 1, 1), (1, 2, 2), (1, 1, 3)])
def test_no_more_pixels_than_parameters_tell_nothing(rng, size, kind):
    cov = covariances(as_kind(rng.random((20, *size[::-1])), kind))
    np.testing.assert_allclose(
        cov, [np.diag(np.array(size)**2 / 12)] * 20, rtol=1e-6)


@pytest.mark.parametrize('kind', ['numpy', 'torch'])
def test_along_an_axis_of_one_pixel_the_pixel_is_all_that_is_known(rng, kind):
    row = as_kind(many_maps(rng)[:, :1, :], kind)
    along_x, along_y = covariances(row), covariances(row.swapaxes(1, 2))
    np.testing.assert_allclose(along_x[:, 1, 1], 1 / 12)
    np.testing.assert_allclose(along_x[:, 0, 1], 0)
    np.testing.assert_allclose(along_y, along_x[:, ::-1, ::-1], rtol=1e-5)
    assert len(np.unique(along_x[:, 0, 0])) > len(along_x) / 2


def test_a_pixel_of_minus_infinity_counts_as_nothing():
    maps = posterior((24., 31.), 1.5 * np.eye(2), 2.)[None]
    hole = maps.copy()
    hole[0, 0, 0] = hole[0, 35, 27] = -np.inf
    maps[0, 35, 27] = 0
    np.testing.assert_allclose(covariances(hole), covariances(maps),
                               rtol=1e-6)


def test_what_a_low_and_narrow_peak_leaves_out_lies_elsewhere():
    """Height .6 and the shape of a target: a share of .4 is missing."""
    maps = .6 * encode_heatmaps(np.array([[24., 32.]]), (WIDTH, HEIGHT), 2.)
    spread = (2 - .6) * 2.**2 * (1 / .6 - 1)
    want = [1 / (1 / spread + 12 / size**2) for size in (WIDTH, HEIGHT)]
    np.testing.assert_allclose(
        np.diag(covariances(maps)[0]), want, rtol=.02)


@pytest.mark.parametrize('kind', ['numpy', 'torch'])
@pytest.mark.parametrize('axes', [2, 3])
def test_a_peak_within_a_ring_tells_nothing(axes, kind):
    """By a small kernel a peak, seen by a target it is a hole: in all
    directions, or in two of three.
    """
    index = np.indices((31, 31, 31)[:axes]) - 15
    radius = np.hypot(*index[:2])
    heatmap = np.exp(-radius**2) + .9 * (abs(radius - 5) < .8)
    if axes == 3:
        heatmap = heatmap * np.exp(-index[2]**2 / 2)
    cov = covariances(as_kind(heatmap[None], kind), peak='raw',
                      blur_kernel_size=3)
    np.testing.assert_allclose(cov[0], np.eye(axes) * 31**2 / 12, atol=1e-6)


def test_a_wide_and_high_peak_holds_all_there_is():
    """No more than that: its size is that of the peak value."""
    share = 2.5
    heatmap = share * posterior((24., 31.), 9 * np.eye(2), 2.)
    variance = 2.**2 * (1 / (share * 4 / 13) - 1)
    values = np.linalg.eigvalsh(covariances(heatmap[None])[0])
    assert (.9 * variance < values).all() and (values < 2 * variance).all()


def test_another_modulation_is_no_other_covariance(rng):
    """It is of sigma, whatever kernel the position was read by."""
    maps = np.stack([posterior(mean, 2. * np.eye(2), 2.)
                     for mean in rng.uniform((20, 28), (26, 36), (5, 2))])
    np.testing.assert_allclose(covariances(maps, blur_kernel_size=17),
                               covariances(maps), rtol=.02, atol=.02)


@pytest.mark.parametrize('axes', [1, 2, 3])
def test_the_size_of_a_spread_solves_its_equation(rng, axes):
    """det(sigma^2 I + lambda C) is sigma^(2 D) / peak^2, for any peak."""
    root = rng.uniform(-2, 2, (500, axes, axes))
    inverse = root @ root.swapaxes(1, 2) + .01 * np.eye(axes)
    det, peak = np.linalg.det(inverse), 10**rng.uniform(-6, 0, 500)
    trace = np.trace(inverse, axis1=1, axis2=2)
    minors = (trace**2 - np.trace(inverse @ inverse, axis1=1, axis2=2)) / 2
    size = _size(backend_of(det), peak, [minors, trace][3 - axes:], det, 1.5)
    found = np.linalg.det(1.5**2 * np.eye(axes) + size[:, None, None] *
                          np.linalg.inv(inverse))
    np.testing.assert_allclose(found, 1.5**(2 * axes) / peak**2, rtol=1e-3)
