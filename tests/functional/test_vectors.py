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


X, Y = np.zeros((2, 5, 9)), np.zeros((2, 5, 12))


@pytest.mark.parametrize('call, words', [
    (lambda: F.decode_simcc(X, Y, (2., )), r'sigma must be .* got \(2.0,\)'),
    (lambda: F.decode_simcc(X, Y, (2., 2., 2.)), 'sigma must be a number'),
    (lambda: F.decode_simcc(X, Y, [[2.], 2.]), r'sigma must .*got \(\[2.0\]'),
    (lambda: F.decode_simcc(X, Y, 'ab'), 'sigma must be a number'),
    (lambda: F.decode_simcc(X, Y, (2., 2.), log='x'), "log must .* got 'x'"),
    (lambda: F.decode_simcc(X, Y, (2., 2.), beta=0.), 'beta must be a posi'),
    (lambda: F.decode_simcc(X, Y[:1], (2., 2.)),
     r'shape \(\.\.\., W\) and .* got \(2, 5, 9\) and \(1, 5, 12\)'),
    (lambda: F.encode_bins(X[..., 0], 0), 'num_bins must be a posi.* got 0'),
    (lambda: F.encode_bins(X[..., 0], 5.5), 'num_bins must be .* got 5.5'),
    (lambda: F.encode_vectors(X[..., 0], '5', 2.), "num_bins .* got '5'"),
    (lambda: F.encode_bins(X[..., 0], 5, np.nan), 'spread must be a number'),
    (lambda: F.encode_bins(X[..., 0], 5, 2), 'spread must be .* got 2'),
    (lambda: F.encode_simcc(X, (9, 12)), r'points must be .*got \(2, 5, 9\)'),
    (lambda: F.encode_simcc(X[..., :2], (9, )), 'num_bins must be two'),
    (lambda: F.encode_simcc(X[..., :2], (9, 12), (None, 1.)), 'sigma must be'),
    (lambda: F.flip_simcc(X, Y[:, :3], [0, 1, 2, 3, 4]), 'flip_indices must'),
    (lambda: F.flip_simcc(X, Y, [0, 1, 2]), 'flip_indices must'),
])
def test_what_makes_no_sense_is_refused(call, words):
    with pytest.raises(ValueError, match=words) as error:
        call()
    assert len(str(error.value).splitlines()) <= 2


@pytest.mark.parametrize('call', [
    lambda a, b: F.decode_simcc(a, b, (2., 2.)),
    lambda a, b: F.decode_visibility(a, b, (2., 2.)),
    lambda a, b: F.refine_keypoints(a, b[:, :, :2], 2.),
    lambda a, b: F.pck_accuracy(a[None], b[None], b[..., 0]),
    lambda a, b: F.vector_accuracy((a, a), (b, b), a[..., 0]),
    lambda a, b: F.vector_accuracy((a, a), (a, a), b[..., 0]),
    lambda a, b: F.encode_heatmaps(a[..., :2], (9, 9), 2.,
                                   keypoints_visible=b[..., 0]),
    lambda a, b: F.keypoint_weights(a[..., :2], b[..., 0], (9, 9), 2.)])
def test_arrays_of_two_frameworks_are_refused(call):
    torch = pytest.importorskip('torch')
    maps = np.zeros((5, 5, 9))
    for pair in ((maps, torch.zeros(5, 5, 9)), (torch.zeros(5, 5, 9), maps)):
        with pytest.raises(TypeError, match='must be of the framework of'):
            call(*pair)


@pytest.mark.parametrize('kind', KINDS)
def test_one_sigma_stands_for_both_and_the_first_dtype_counts(kind):
    x, y = (F.encode_vectors(np.array([[8.3, 4.7]]), n, 2.) for n in (24, 30))
    x, y = as_kind(x.astype(np.float32), kind), as_kind(y, kind)
    for sigma in (2., [2., 2.], np.array([2., 2.])):
        found = F.decode_simcc(x, y, sigma, return_covariance=True)
        assert {part.dtype for part in found} == {x.dtype}
        np.testing.assert_allclose(
            to_numpy(found[0]), [[[8.3, 8.3], [4.7, 4.7]]], atol=.01)


@pytest.mark.parametrize('sigma', [None, 2.])
@pytest.mark.parametrize('kind', KINDS)
def test_a_joint_that_is_nowhere_has_empty_labels(kind, sigma):
    points = as_kind(np.array([[np.nan, 4.], [np.inf, 4.], [3., 4.]]), kind)
    x, _, inside = map(to_numpy, F.encode_simcc(points, (9, 12), sigma))
    assert x.sum(1).round(2).tolist()[:2] == [0, 0] and x[2].sum() > .99
    assert inside.tolist() == [False, False, True]
