"""Covariances against posteriors that are known, and against hostile maps."""
import numpy as np
import pytest
from conftest import as_kind, noisy_gaussians, to_numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from mmpose_dark.functional import decode_heatmaps, encode_heatmaps

WIDTH, HEIGHT = 48, 64
#: chi-square of 2 degrees of freedom at 95 %
LIMIT = -2 * np.log(0.05)
PIXEL = 1 / 12


def covariances(maps, sigma=2., **options):
    return to_numpy(decode_heatmaps(
        maps, sigma, return_covariance=True, **options)[2])


def root_det(matrices):
    return np.sqrt(np.linalg.det(matrices))


def turned(variances, degrees):
    """A covariance of given variances along turned axes."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    axes = np.array([[c, -s], [s, c]])
    return axes @ np.diag(variances) @ axes.T


def posterior(mean, covariance, sigma, size=(WIDTH, HEIGHT)):
    """E[G(x - mu)] of mu ~ N(mean, covariance), in closed form."""
    whole = covariance + sigma**2 * np.eye(2)
    x, y = np.meshgrid(*map(np.arange, size))
    d = np.stack([x, y], -1) - mean
    square = np.einsum('hwi,ij,hwj->hw', d, np.linalg.inv(whole), d)
    return sigma**2 / root_det(whole) * np.exp(-square / 2)


def mahalanobis(error, matrices):
    return np.einsum('mi,mij,mj->m', error, np.linalg.inv(matrices), error)


@pytest.mark.parametrize('sigma, variance', [
    (1., .3), (1., 2.), (2., .3), (2., 2.), (2., 8.), (3., 4.)])
def test_a_round_spread_is_recovered(rng, sigma, variance):
    for mean in rng.uniform((20, 28), (26, 36), (10, 2)):
        cov = covariances(posterior(mean, variance * np.eye(2), sigma)[None],
                          sigma)[0]
        # The brightest pixel lies off the middle, which is corrected to first
        # order, and the map has an end.
        np.testing.assert_allclose(
            cov, variance * np.eye(2), rtol=0,
            atol=.03 * variance + .02 * sigma**2)


@pytest.mark.parametrize('degrees', [0, 30, 90, 135])
def test_of_a_long_spread_axes_and_peak_value_are_recovered(degrees):
    sigma = 2.
    spread = turned((9., 2.), degrees)
    cov = covariances(posterior((24., 31.), spread, sigma)[None])[0]
    assert root_det(cov + sigma**2 * np.eye(2)) == pytest.approx(
        root_det(spread + sigma**2 * np.eye(2)), rel=.03)
    values, axes = np.linalg.eigh(cov)
    along = turned((1., 0.), degrees)
    assert axes[:, 1] @ along @ axes[:, 1] > .999
    # rounder than it is, by as much as the shape is blurred
    assert 1.5 < values[1] / values[0] < 4.5
    assert values[1] / values[0] == pytest.approx((8 + 9) / (8 + 2), rel=.08)


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


def test_calibrated_over_posteriors_of_many_widths(rng):
    errors, covs = [], []
    for _ in range(600):
        spread = turned(np.exp(rng.uniform(-1, 2.5, 2)), rng.uniform(0, 180))
        mean = rng.uniform((18, 24), (30, 40))
        points, _, cov = decode_heatmaps(
            posterior(mean, spread, 2.)[None], 2., return_covariance=True)
        errors.append(points[0] - rng.multivariate_normal(mean, spread))
        covs.append(cov[0])
    d2 = mahalanobis(np.array(errors), np.array(covs))
    for level in (.5, .68, .9, .95):
        assert (d2 < -2 * np.log(1 - level)).mean() == pytest.approx(
            level, abs=.06)


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
    (2, (48, 64), .2, 7), (1, (24, 32), .3, 4)])
def test_holds_the_truth_of_noisy_gaussians(
        rng, kind, sigma, size, noise, margin):
    maps, points = noisy_gaussians(rng, sigma, size, 1500, noise, margin)
    found, _, cov = (to_numpy(a) for a in decode_heatmaps(
        as_kind(maps, kind), sigma, return_covariance=True))
    inside = mahalanobis(found - points, cov) < LIMIT
    assert inside.mean() >= .9
    # and does so without being as large as the map
    assert np.median(root_det(cov)) < .15


def test_never_below_what_pixel_noise_makes(rng):
    """The Cramer-Rao bound, 2 / pi of the noise's variance per axis."""
    for noise in (.1, .2, .4):
        maps, _ = noisy_gaussians(rng, 2, (48, 64), 500, noise, 12)
        area = np.median(root_det(covariances(maps)))
        assert area > PIXEL + .8 * 2 / np.pi * noise**2


def many_maps(rng, num=40):
    """Posteriors of all kinds with noise, not all of them on the map."""
    return np.array([
        rng.uniform(.2, 1) * posterior(
            rng.uniform((0, 0), (WIDTH - 1, HEIGHT - 1)),
            turned(np.exp(rng.uniform(-3, 2, 2)), rng.uniform(0, 180)), 2.)
        + .02 * rng.standard_normal((HEIGHT, WIDTH)) for _ in range(num)])


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
def test_torch_gives_the_same(rng, options, dtype):
    maps = many_maps(rng, 200).astype(dtype)
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


def valid(cov, height, width):
    assert np.isfinite(cov).all()
    np.testing.assert_array_equal(cov, cov.swapaxes(-1, -2))
    least, most = np.linalg.eigvalsh(cov).T
    assert (least > 0).all()
    # no wider than the map
    assert (cov[:, 0, 0] <= width**2 / 12 * (1 + 1e-5)).all()
    assert (cov[:, 1, 1] <= height**2 / 12 * (1 + 1e-5)).all()


@settings(max_examples=150, deadline=None)
@given(maps=hnp.arrays(
    np.float32, hnp.array_shapes(min_dims=3, max_dims=3, min_side=1,
                                 max_side=14),
    elements=st.floats(width=32, allow_nan=True, allow_infinity=True)),
    sigma=st.sampled_from([.001, .5, 1., 2., 3., 50.]),
    peak=st.sampled_from(['modulated', 'raw']))
def test_hostile_maps(maps, sigma, peak):
    for kind in ('numpy', 'torch'):
        valid(covariances(as_kind(maps, kind), sigma, peak=peak),
              *maps.shape[1:])


@pytest.mark.parametrize('scale', [1e-38, 1e-25, 1e-6, 1, 1e6, 1e25, 1e37])
@pytest.mark.parametrize('kind', ['numpy', 'torch'])
def test_any_scale(rng, kind, scale):
    for maps in (many_maps(rng), rng.standard_normal((500, 12, 12)) - 1):
        maps = (maps * scale).astype(np.float32)
        valid(covariances(as_kind(maps, kind)), *maps.shape[1:])


@pytest.mark.parametrize('kind', ['numpy', 'torch'])
def test_nothing_known_is_a_position_anywhere_on_the_map(rng, kind):
    whole = np.diag([24**2 / 12, 32**2 / 12])
    maps = np.zeros((5, 32, 24), np.float32)
    maps[1], maps[2], maps[3], maps[4] = np.nan, np.inf, -np.inf, -1
    np.testing.assert_allclose(
        covariances(as_kind(maps, kind)), [whole] * 5, rtol=1e-6)
    for height, width in ((1, 1), (1, 3), (3, 1), (2, 2)):
        cov = covariances(as_kind(rng.random((20, height, width)), kind))
        np.testing.assert_allclose(
            cov, [np.diag([width**2 / 12, height**2 / 12])] * 20, rtol=1e-6)


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


def test_another_modulation_is_no_other_covariance(rng):
    """It is of sigma, whatever kernel the position was read by."""
    maps = np.stack([posterior(mean, 2. * np.eye(2), 2.)
                     for mean in rng.uniform((20, 28), (26, 36), (5, 2))])
    np.testing.assert_allclose(covariances(maps, blur_kernel_size=17),
                               covariances(maps), rtol=.02, atol=.02)
