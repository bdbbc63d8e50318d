"""What a map of several axes says, one of fewer says as well."""
import numpy as np
import pytest
from conftest import KINDS, as_kind, decode
from hypothesis import given, settings
from hypothesis import strategies as st
from mmpose_dark.functional import METHODS, PEAKS

switches = st.fixed_dictionaries(dict(
    method=st.sampled_from(METHODS), peak=st.sampled_from(PEAKS),
    modulation=st.booleans(),
    blur_kernel_size=st.sampled_from([None, 3, 11])))


@st.composite
def maps_of(draw, axes, longest):
    """A few of these, (4, ...): peaks in noise, flat, broken or huge."""
    shape = (4, *(draw(st.integers(1, longest)) for _ in range(axes)))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    maps = draw(st.sampled_from([0., .05, 1.])) * rng.standard_normal(shape)
    for heatmap in maps[:3]:
        peak = 1.
        for axis, n in enumerate(heatmap.shape):
            line = np.exp(-(np.arange(n) - rng.uniform(-1, n))**2 / 8)
            spread = [1] * axes
            spread[axis] = n
            peak = peak * line.reshape(spread)
        heatmap += peak
    maps[2].flat[rng.integers(maps[2].size)] = draw(st.sampled_from(
        [0., np.nan, np.inf, -np.inf]))
    return (maps * draw(st.sampled_from([1., 1e-20, 1e6]))).astype(
        draw(st.sampled_from([np.float32, np.float64])))


def same(found, wanted, rtol=0.):
    for a, b in zip(found, wanted):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-5)


@settings(max_examples=150, deadline=None)
@given(vectors=maps_of(1, 60), sigma=st.sampled_from([.8, 2., 5.66]),
       switches=switches)
def test_a_vector_is_a_map_of_one_row_and_one_of_one_column(
        vectors, sigma, switches):
    for kind in KINDS:
        at, scores = decode(as_kind(vectors, kind), sigma, 1, **switches)
        # Where there is no keypoint it is (-1, -1).
        beside = np.where(scores[:, None] > 0, 0., -1.)
        row, of_row = decode(
            as_kind(vectors[:, None], kind), sigma, 2, **switches)
        column, of_column = decode(
            as_kind(vectors[:, :, None], kind), sigma, 2, **switches)
        same(row.T[:, :, None], (at, beside))
        same(column.T[:, :, None], (beside, at))
        np.testing.assert_array_equal([of_row, of_column], [scores, scores])


@settings(max_examples=60, deadline=None)
@given(maps=maps_of(2, 16), sigma=st.sampled_from([.8, 2.]),
       switches=switches, axis=st.integers(0, 2))
def test_a_map_is_a_volume_of_one_slice(maps, sigma, switches, axis):
    """Whichever way it stands."""
    volumes = np.expand_dims(maps, 3 - axis)
    others = [i for i in range(3) if i != axis]
    for kind in KINDS:
        points, scores = decode(as_kind(maps, kind), sigma, 2, **switches)
        found, as_high = decode(as_kind(volumes, kind), sigma, 3, **switches)
        same([found[:, others], found[:, axis]],
             [points, np.where(scores > 0, 0., -1.)])
        np.testing.assert_array_equal(as_high, scores)


@settings(max_examples=60, deadline=None)
@given(maps=maps_of(2, 16), sigma=st.sampled_from([.8, 2.]),
       peak=st.sampled_from(PEAKS), axis=st.integers(0, 2))
def test_covariances_of_one_slice_are_those_of_the_map(
        maps, sigma, peak, axis):
    """And along the axis of one pixel, that of a pixel."""
    volumes = np.expand_dims(maps, 3 - axis)
    others = np.ix_([0, 1, 2, 3], *[[i for i in range(3) if i != axis]] * 2)
    for kind in KINDS:
        _, _, cov = decode(as_kind(maps, kind), sigma, 2, peak=peak,
                           return_covariance=True)
        _, _, found = decode(as_kind(volumes, kind), sigma, 3, peak=peak,
                             return_covariance=True)
        np.testing.assert_allclose(found[others], cov, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(found[:, axis, axis], 1 / 12, rtol=1e-6)
        assert not np.delete(found[:, axis], axis, 1).any()
        assert not np.delete(found[:, :, axis], axis, 1).any()


@pytest.mark.parametrize('kind', ['numpy', 'torch'])
@pytest.mark.parametrize('axis', [0, 1, 2])
def test_a_volume_of_one_line_is_a_vector(rng, axis, kind):
    truth = rng.uniform(0, 30, 50)
    lines = np.exp(-(np.arange(31) - truth[:, None])**2 / 8)
    lines = lines + .02 * rng.standard_normal(lines.shape)
    shape = [50, 1, 1, 1]
    shape[3 - axis] = 31
    want, scores = decode(as_kind(lines, kind), 2., 1)
    points, same_scores, cov = decode(
        as_kind(lines.reshape(shape), kind), 2., 3, return_covariance=True)
    np.testing.assert_allclose(points[:, axis], want[:, 0], atol=1e-9)
    np.testing.assert_array_equal(same_scores, scores)
    assert not np.delete(points, axis, 1).any()
    np.testing.assert_allclose(
        np.delete(np.diagonal(cov, 0, 1, 2), axis, 1), 1 / 12)
    # that of a map of one row
    *_, of_row = decode(as_kind(lines[:, None], kind), 2., 2,
                        return_covariance=True)
    np.testing.assert_allclose(cov[:, axis, axis], of_row[:, 0, 0])


@pytest.mark.parametrize('axes, words', [
    (1, r'vectors must be in shape \(..., W\) with W of at least 1, got \('),
    (2, r'heatmaps must be in shape \(..., H, W\) with H and W of at least'),
    (3, r'volumes must be in shape \(..., D, H, W\) with D and H and W of')])
def test_axes_that_are_missing_are_named(axes, words):
    for shape in ((5, ) * (axes - 1), (2, *[5] * (axes - 1), 0)):
        with pytest.raises(ValueError, match=words):
            decode(np.zeros(shape), 2., axes)


@pytest.mark.parametrize('kind', ['numpy', 'torch'])
@pytest.mark.parametrize('axes', [1, 2, 3])
def test_leading_dimensions_are_kept_and_may_be_empty(axes, kind):
    options = {} if axes == 1 else dict(return_covariance=True)
    for lead in ((), (3, ), (2, 0), (0, 2), (2, 3, 2)):
        maps = as_kind(np.zeros((*lead, *[5] * axes)), kind)
        found = decode(maps, 2., axes, **options)
        shapes = [(*lead, axes), lead, (*lead, axes, axes)]
        assert [part.shape for part in found] == shapes[:len(found)]
