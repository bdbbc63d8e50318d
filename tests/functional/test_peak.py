"""Where decoding starts, and the bound that spares a look at whole maps."""
import numpy as np
import oracle
import pytest
from conftest import as_kind, decode
from mmpose_dark.functional.backends import backend_of
from mmpose_dark.functional.modulate import Kernel
from mmpose_dark.functional.peak import _bound, highest


def evidence(heatmap, kernel):
    """The modulated map, each sum over its kernel's energy on the map."""
    reach = np.arange(-kernel.radius, kernel.radius + 1)
    taps = np.exp(-reach**2 / (2 * kernel.sigma**2))
    for axis, size in enumerate(heatmap.shape):
        matrix = np.zeros((size, size))
        for row in range(size):
            for tap, column in zip(taps, row + reach):
                if 0 <= column < size:
                    matrix[row, column] = tap
        matrix /= np.sqrt((matrix**2).sum(1))[:, None]
        heatmap = np.moveaxis(
            np.tensordot(matrix, heatmap, (1, axis)), 0, axis)
    # taps of the package sum to one, which scales all of it alike
    return heatmap


@pytest.mark.parametrize('kind', ['numpy', 'torch'])
@pytest.mark.parametrize('sigma', [.6, 1., 2.])
@pytest.mark.parametrize('size', [(34, 40), (20, 26, 22)])
def test_no_pixel_far_off_exceeds_the_bound(rng, size, sigma, kind):
    """A second mode just too far off, along each axis, and noise."""
    kernel, axes = Kernel.of(sigma), len(size)
    maps = []
    for far in range(axes):
        for by in (1, 2, 3):
            raw = np.array([n // 2 for n in size])
            # off that far along one axis, within reach along the others
            mode = raw + rng.integers(0, kernel.mode + 1, axes)
            mode[far] = raw[far] + kernel.mode + by
            # Shaped as the kernel, a line has no more than its bound.
            heatmap = oracle.gaussian(mode, size, sigma)
            heatmap[tuple(raw[::-1])] = 3.
            maps.append(heatmap)
    maps = np.array(maps)
    noisy = maps + .1 * rng.standard_normal(maps.shape)
    maps = np.concatenate([maps, noisy, rng.random(maps.shape)])
    of_kind = as_kind(maps, kind)
    xp = backend_of(of_kind)
    at, _ = highest(xp, of_kind)
    bound = np.asarray(_bound(xp, of_kind, at, kernel))
    for i, heatmap in enumerate(maps):
        raw = oracle.argmax(heatmap)
        index = np.indices(heatmap.shape)[::-1]
        away = np.max([abs(place - pixel)
                       for place, pixel in zip(index, raw)], 0)
        most = evidence(heatmap, kernel)[away > kernel.mode].max()
        assert bound[i] >= most * (1 - 1e-9)
        assert bound[i] < 10 * most


@pytest.mark.parametrize('kind', ['numpy', 'torch'])
@pytest.mark.parametrize('axes', [1, 2, 3])
def test_numbers_too_large_to_modulate_are_read_at_the_raw_peak(axes, kind):
    size, centre = (30, 33, 28)[:axes], (12.2, 17.7, 9.)[:axes]
    heatmap = oracle.gaussian(centre, size, 2.)
    huge = (3e38 * heatmap).astype(np.float32)[None]
    points, _ = decode(as_kind(huge, kind), 2., axes)
    assert np.abs(points[0] - oracle.argmax(heatmap)).max() <= .25


@pytest.mark.parametrize('scale', [1e-12, 1e-25, 1e-30])
def test_faint_maps_are_searched_as_bright_ones_are(scale):
    """Their squares may be 0: then nothing is shown by a bound."""
    y, x = np.indices((64, 48), dtype=np.float32)
    heatmap = .8 * np.exp(-((x - 35)**2 + (y - 50)**2) / 8)
    heatmap[12, 10] = 1.  # the brightest pixel, alone
    maps = heatmap[None].astype(np.float32)
    bright, faint = (decode(maps * np.float32(by), 2., 2)[0]
                     for by in (1, scale))
    np.testing.assert_allclose(bright, [[35, 50]], atol=.05)
    np.testing.assert_allclose(faint, bright, atol=.05)
