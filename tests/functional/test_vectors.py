"""SimCC's vectors: read one at a time and in pairs."""
import numpy as np
import pytest
from mmpose_dark import functional as F  # noqa: N812
from conftest import KINDS, as_kind, to_numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp


@pytest.mark.parametrize('switches', [
    dict(method='shift'), dict(modulation=False), dict(peak='raw'),
    dict(blur_kernel_size=11), dict(peak='raw', blur_kernel_size=11)],
    ids=str)
def test_switches_refine_the_highest_bin(rng, switches):
    truth = rng.uniform(12, 83, 200)
    vectors = np.exp(-(np.arange(96) - truth[:, None])**2 / 8)
    errors = [np.abs(F.decode_vectors(vectors, 2., **options)[0] - truth)
              for options in (switches, dict(method='argmax'))]
    exact = switches.get('method') != 'shift'
    assert errors[0].mean() < (1e-3 if exact else .6 * errors[1].mean())
    assert errors[1].mean() == pytest.approx(.25, abs=.03)
    of_torch = F.decode_vectors(as_kind(vectors, 'torch'), 2., **switches)
    np.testing.assert_allclose(
        of_torch[0], F.decode_vectors(vectors, 2., **switches)[0], atol=1e-9)


@settings(max_examples=60, deadline=None)
@given(
    hnp.arrays(np.float32, st.tuples(st.integers(1, 3), st.integers(1, 40)),
               elements=st.floats(width=32)),
    st.sampled_from([.3, 2., 6.]), st.sampled_from(F.PEAKS), st.booleans())
def test_positions_are_finite_whatever_comes(vectors, sigma, peak, log):
    for kind in KINDS:
        array = as_kind(vectors, kind)
        for method in F.METHODS:
            points, scores = F.decode_simcc(
                array, array, (sigma, sigma), log=log, method=method,
                peak=peak)
            points, scores = to_numpy(points), to_numpy(scores)
            assert np.isfinite(points).all() and np.isfinite(scores).all()
            assert (points > -5).all() and (points < 45).all()


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('size', [255, 256, 257, 300, 401])
def test_vectors_of_any_length_are_read(rng, kind, size):
    """Long ones are convolved block by block, and need not be full blocks."""
    truth = np.append(rng.uniform(0, size - 1, 30), [0, size - 1])
    vectors = as_kind(F.encode_vectors(truth, size, 6.), kind)
    found = to_numpy(F.decode_vectors(vectors, 6.)[0])
    np.testing.assert_allclose(found, truth, atol=.01)
