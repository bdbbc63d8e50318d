"""Covariances of vectors against posteriors that are known."""
import numpy as np
import pytest
from mmpose_dark import functional as F  # noqa: N812
from conftest import KINDS, as_kind, to_numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

NUM, SIGMA = 192, 3.46


def label(positions, log, num=NUM, sigma=SIGMA):
    """What a network is to predict for a joint that is known, (..., W)."""
    drawn = np.exp(-.5 * ((np.arange(num) - positions[..., None]) / sigma)**2)
    drawn = drawn if log else np.exp(10 * drawn)
    return drawn / drawn.sum(-1, keepdims=True)


def logits(mean, variance, log, beta=10., **size):
    """Of the network that has learned E[label] of mu ~ N(mean, variance)."""
    at = np.linspace(-4, 4, 401)
    weights = np.exp(-.5 * at**2)
    mixed = np.einsum('k,kw->w', weights / weights.sum(),
                      label(mean + np.sqrt(variance) * at, log, **size))
    # They are known to a constant; below 0 there would be no keypoint.
    return (np.log(np.maximum(mixed, 1e-300)) + 20) / (1 if log else beta)


def variances(x, log, y=None, **options):
    covariances = to_numpy(F.decode_simcc(
        x, x if y is None else y, (SIGMA, SIGMA), log=log,
        return_covariance=True, **options)[2])
    assert np.all(covariances[..., [0, 1], [1, 0]] == 0)
    return covariances[..., [0, 1], [0, 1]]


@pytest.mark.parametrize('log', [False, True])
@pytest.mark.parametrize('variance', [1., 9., 60.])
@pytest.mark.parametrize('kind', ['numpy', 'torch'])
def test_the_variance_of_the_joint_is_recovered(rng, log, variance, kind):
    for mean in rng.uniform(70, 120, 5):
        x = as_kind(logits(mean, variance, log)[None], kind)
        # RTMPose's label is a little wider than the Gaussian taken for it.
        np.testing.assert_allclose(variances(x, log), variance,
                                   rtol=.06, atol=.5)


def test_the_temperature_of_the_loss_is_undone():
    x = logits(90.3, 16., False, beta=1.)[None]
    np.testing.assert_allclose(variances(x, False, beta=1.), 16, rtol=.05)
    assert variances(x, False, beta=10.).max() < 1


def test_a_second_mode_counts():
    one, two = (logits(mean, 4., False) for mean in (60., 130.))
    mixed = np.log(.9 * np.exp(10 * one) + .1 * np.exp(10 * two)) / 10
    # Of a joint that is 70 bins off in a tenth of the cases, about the mode,
    # and no more than that of one anywhere.
    want = 1 / (1 / (4 + .1 * 70**2) + 12 / NUM**2)
    np.testing.assert_allclose(variances(mixed[None], False), want, rtol=.02)


def test_a_vector_with_less_at_its_ends_than_a_label_has_the_modes_width():
    x = logits(60.3, 9., False)
    x[abs(np.arange(NUM) - 60.3) > 18] = -3.
    np.testing.assert_allclose(variances(x[None], False), 9., rtol=.2)


@pytest.mark.parametrize('log', [False, True])
def test_a_joint_that_is_known_is_known_to_a_bin(log):
    x = logits(50.2, 0., log)[None]
    assert (variances(x, log) < .6).all()
    assert (variances(x, log) > .08).all()


@settings(max_examples=60, deadline=None)
@given(
    hnp.arrays(np.float32, st.tuples(st.integers(1, 3), st.integers(2, 40)),
               elements=st.floats(width=32)),
    st.booleans(), st.sampled_from(F.PEAKS))
def test_variances_are_finite_whatever_comes(vectors, log, peak):
    size = vectors.shape[1]
    for kind in KINDS:
        array = variances(as_kind(vectors, kind), log, peak=peak)
        assert np.isfinite(array).all()
        assert (array > 0).all() and (array <= size**2 / 12 + 1e-3).all()


@pytest.mark.parametrize('options, words', [
    (dict(method='argmax'), "need method='dark' with modulation"),
    (dict(modulation=False), "need method='dark' with modulation"),
    (dict(beta=0.), 'beta must be'), (dict(beta='10'), 'beta must be')],
    ids=str)
def test_what_has_no_covariance_is_refused(options, words):
    with pytest.raises(ValueError, match=words):
        variances(np.ones((1, 40)), False, **options)
