"""The spread that a peak tells where a map was learned by focal loss."""
import numpy as np
import pytest
from mmpose_dark import functional as F  # noqa: N812
from conftest import KINDS, as_kind, to_numpy

YS = np.linspace(1e-4, 1 - 1e-4, 4001)


def learned(values, positive, forgiven):
    """The value of least loss: what a network would learn there."""
    loss = (-positive * (1 - values)**2 * np.log(values)
            - forgiven * values**2 * np.log(1 - values))
    return values[loss.argmin()]


@pytest.mark.parametrize('sigma', [1., 2.5, 6.])
@pytest.mark.parametrize('share', [.3, .6, 1., 1.5])
def test_peak_of_the_loss_tells_the_spread(rng, sigma, share):
    """By the loss itself, and joints drawn around the pixel."""
    spread = share * sigma
    joints = rng.normal(0, spread, (400_000, 2))
    target = np.exp(-(joints**2).sum(1) / (2 * sigma**2))
    peak = learned(YS, 1 / (2 * np.pi * spread**2), ((1 - target)**4).mean())
    found = F.focal_spread(np.array([peak]), np.array([sigma]))
    np.testing.assert_allclose(found, spread, rtol=.02)


def test_higher_is_surer_and_any_value_has_an_answer():
    peaks = np.array([0, 1e-9, .01, .2, .5, .9, 1, 2])[:, None]
    sigmas = np.array([1 / 6, 1, 3, 100.])
    found = F.focal_spread(peaks, sigmas)
    assert np.isfinite(found).all() and (found > 0).all()
    assert (np.diff(found, axis=0) <= 0).all()
    # Newton has come to rest: the values lead back.
    a = (found / sigmas)**2
    w = 24 * a**4 / ((1 + a) * (1 + 2 * a) * (1 + 3 * a) * (1 + 4 * a))
    y = np.clip(peaks, 1e-4, 1 - 1e-4)
    odds = (y * y / (1 - y) - 2 * y * np.log(1 - y)) / (
        (1 - y)**2 / y - 2 * (1 - y) * np.log(y))
    np.testing.assert_allclose(
        2 * np.pi * found**2 * w * odds, np.ones_like(found), rtol=1e-9)


@pytest.mark.parametrize('kind', KINDS)
def test_shape_is_kept_and_size_is_told(rng, kind):
    roots = rng.normal(size=(5, 3, 2, 2))
    shapes = roots @ roots.swapaxes(2, 3) + .1 * np.eye(2)
    peaks = rng.uniform(.05, .95, (5, 3))
    peaks[0, 0], peaks[1, 1] = 1e-4, 1 - 1e-4
    sigmas = rng.uniform(.5, 3, (5, 1))
    found = to_numpy(F.focal_covariances(*(as_kind(array, kind) for array in (
        shapes, peaks, sigmas)), 40 * 30))
    size = np.linalg.det(found)**.5
    expected = F.focal_spread(peaks, sigmas)**2
    assert size.min() >= 1 / 12 - 1e-9 and size.max() <= 100 + 1e-6
    np.testing.assert_allclose(size, np.clip(expected, 1 / 12, 100))
    ratio = found / shapes
    np.testing.assert_allclose(ratio, ratio[..., :1, :1] * np.ones((2, 2)))
