"""Modulation against OpenCV and the algebra of Gaussians."""
import cv2
import numpy as np
import oracle
import pytest
from conftest import SIZES, as_kind, noisy_gaussians, to_numpy
from mmpose_dark.functional import modulate_heatmaps


def eq_11(blurred, heatmap):
    """The range of a blurred map restored to that of the map."""
    blurred = blurred - blurred.min()
    return blurred / blurred.max() * heatmap.max()


@pytest.mark.parametrize('kind', ['numpy', 'torch'])
@pytest.mark.parametrize('kernel_size', [3, 5, 7, 9, 11, 17])
def test_equals_opencv(rng, kind, kernel_size):
    maps, _ = noisy_gaussians(rng, 2, (48, 64), 9, 0.1)
    ours = to_numpy(modulate_heatmaps(
        as_kind(maps, kind), 2., blur_kernel_size=kernel_size))
    for heatmap, out in zip(maps, ours):
        padded = np.pad(heatmap, kernel_size)  # with zeros, as DarkPose does
        blurred = cv2.GaussianBlur(padded, (kernel_size, kernel_size), 0)[
            kernel_size:-kernel_size, kernel_size:-kernel_size]
        np.testing.assert_allclose(out, eq_11(blurred, heatmap), atol=2e-6)
        np.testing.assert_allclose(
            oracle.blur(heatmap, kernel_size),
            blurred * (heatmap.max() / blurred.max()), atol=2e-6)


@pytest.mark.parametrize('sigma, size', SIZES)
def test_blurred_gaussian_is_a_wider_gaussian(sigma, size):
    centre = (size[0] / 2 + 0.3, size[1] / 2 - 0.4)
    heatmap = oracle.gaussian(centre, size, sigma)
    ours = modulate_heatmaps(heatmap, sigma)
    wider = oracle.gaussian(centre, size, sigma * 2**0.5)
    # within the 2.5 sigma at which the kernel is cut
    np.testing.assert_allclose(ours, eq_11(wider, heatmap), atol=0.01)


@pytest.mark.parametrize('kind', ['numpy', 'torch'])
def test_eq_11_restores_the_range(rng, kind):
    maps, _ = noisy_gaussians(rng, 2, (48, 64), 9, 0.1)
    ours = to_numpy(modulate_heatmaps(as_kind(maps, kind), 2.))
    np.testing.assert_allclose(
        ours.max((1, 2)), maps.max((1, 2)), rtol=1e-6)
    np.testing.assert_allclose(ours.min((1, 2)), 0, atol=1e-7)


@pytest.mark.parametrize('value', [0., 1., -2.])
def test_flat_maps_stay_finite(value):
    for size in ((1, 1), (1, 9), (5, 4)):
        out = modulate_heatmaps(np.full((2, *size), value, np.float32), 1.)
        assert np.isfinite(out).all()


@pytest.mark.parametrize('kind', ['numpy', 'torch'])
def test_without_a_positive_value_is_blurred_only(kind):
    """Eq. 11 with a negative maximum would turn the map upside down."""
    maps = oracle.gaussian((10, 12), (24, 32), 2.)[None] - 2
    out = to_numpy(modulate_heatmaps(as_kind(maps, kind), 2.))
    inner = out[0, 5:-5, 5:-5]
    assert np.unravel_index(inner.argmax(), inner.shape) == (7, 5)
    assert inner.max() < 0


def test_broken_pixels_count_as_zero(rng):
    maps, _ = noisy_gaussians(rng, 2, (20, 20), 1, 0.)
    broken = maps.copy()
    broken[0, 3, 3], broken[0, 4, 4], maps[0, 3, 3], maps[0, 4, 4] = (
        np.nan, np.inf, 0, 0)
    np.testing.assert_array_equal(
        modulate_heatmaps(broken, 2.), modulate_heatmaps(maps, 2.))


@pytest.mark.parametrize('change, words', [
    (dict(blur_kernel_size=4), 'blur_kernel_size .* got 4'),
    (dict(sigma=-1), 'sigma .* got -1'),
    (dict(heatmaps=np.zeros(3)), r'heatmaps .* got \(3,\)'),
])
def test_says_what_is_wrong(change, words):
    args = dict(heatmaps=np.zeros((9, 9)), sigma=1.)
    args.update(change)
    with pytest.raises(ValueError, match=words):
        modulate_heatmaps(**args)


@pytest.mark.parametrize('kind', ['numpy', 'torch'])
def test_the_largest_numbers_are_modulated(kind):
    maps = np.zeros((1, 9, 20), np.float32)
    maps[0, 4, 4], maps[0, 4, 14] = 3e38, -3e38
    found = to_numpy(modulate_heatmaps(as_kind(maps, kind), .5))
    assert np.isfinite(found).all()
    assert found.max() == found[0, 4, 4] == pytest.approx(3e38)
