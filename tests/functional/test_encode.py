"""Encoding against the formula, the stock codec and itself."""
import math
from functools import partial

import numpy as np
import oracle
import pytest
from conftest import SIZES, as_kind, to_numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from mmpose_dark.functional import encode_heatmaps, keypoint_weights


@pytest.mark.parametrize('kind', ['numpy', 'torch'])
@pytest.mark.parametrize('dtype', [np.float32, np.float64])
def test_follows_the_formula(kind, dtype):
    points = np.array([[10.3, 20.6], [0., 31.], [23.49, -1.2]], dtype)
    maps = to_numpy(encode_heatmaps(as_kind(points, kind), (24, 32), 1.7))
    assert maps.dtype == dtype and maps.shape == (3, 32, 24)
    for heatmap, (x, y) in zip(maps, points):
        np.testing.assert_allclose(
            heatmap, oracle.gaussian((x, y), (24, 32), 1.7), atol=1e-6)


@pytest.mark.parametrize('sigma, size', SIZES)
def test_numpy_equals_torch(rng, sigma, size):
    points = rng.uniform(-10, 90, (3, 17, 2)).astype(np.float32)
    for unbiased in (True, False):
        a = encode_heatmaps(points, size, sigma, unbiased=unbiased)
        b = encode_heatmaps(
            as_kind(points, 'torch'), size, sigma, unbiased=unbiased)
        np.testing.assert_allclose(a, b.numpy(), atol=1e-6)


def test_biased_peak_and_cut():
    heatmap = encode_heatmaps(
        np.array([[10.3, 20.6]]), (48, 64), 2., unbiased=False)[0]
    x, y = oracle.argmax(heatmap)
    assert (x, y) == (10, 21)
    assert heatmap[y, x] == 1
    assert heatmap[y, x + 6] == pytest.approx(math.exp(-4.5))
    assert heatmap[y, x + 7] == 0 and heatmap[y - 7, x] == 0


@pytest.mark.parametrize('sigma, last', [(1.5, 4), (1.3, 3), (2.9, 8)])
def test_a_biased_map_of_a_broken_sigma_is_cut_within_3_sigma(sigma, last):
    heatmap = encode_heatmaps(
        np.array([[15., 15.]]), (31, 31), sigma, unbiased=False)[0]
    want = oracle.gaussian((15, 15), (31, 31), sigma)
    far = np.abs(np.arange(31) - 15) > last
    want[far], want[:, far] = 0, 0
    np.testing.assert_allclose(heatmap, want, atol=1e-12)


def test_invisible_and_lost_joints_are_empty():
    points = np.array([[5., 5.], [5., 5.], [-40., 5.], [np.nan, 5.],
                       [5., np.inf]], np.float32)
    visible = np.array([1., 0.3, 1., 1., 1.], np.float32)
    maps = encode_heatmaps(points, (24, 32), 2., keypoints_visible=visible)
    assert maps[0].max() > 0.9 and not maps[1:].any()
    np.testing.assert_array_equal(
        keypoint_weights(points, visible, (24, 32), 2.),
        np.array([1, 0.3, 0, 0, 0], np.float32))
    # What lies far off is nowhere, and no warning (an error here) is due.
    assert not encode_heatmaps(
        np.array([[1e20, 1.]], np.float32), (9, 9), 2.).any()
    for wrong, got in ((visible[:4], r'got \(4,\)'),
                       (visible.tolist(), 'got list')):
        for call in (partial(encode_heatmaps, points, (24, 32), 2.,
                             keypoints_visible=wrong),
                     partial(keypoint_weights, points, wrong, (24, 32), 2.)):
            with pytest.raises(ValueError, match=r'visible must be.*' + got):
                call()


@settings(max_examples=60, deadline=None)
@given(
    x=st.floats(-30, 60), y=st.floats(-30, 60), dx=st.integers(-3, 3),
    sigma=st.floats(0.3, 8))
def test_moves_with_the_keypoint(x, y, dx, sigma):
    """A whole-pixel move of the joint is a whole-pixel move of the map."""
    a = encode_heatmaps(np.array([[x, y]]), (30, 30), sigma)[0]
    b = encode_heatmaps(np.array([[x + dx, y]]), (30, 30), sigma)[0]
    if a.any() and b.any():
        left, right = max(0, dx), min(30, 30 + dx)
        np.testing.assert_allclose(
            b[:, left:right], a[:, left - dx:right - dx], atol=1e-9)


def test_leading_dimensions_are_free(rng):
    points = rng.uniform(0, 20, (2, 3, 4, 5, 2))
    maps = encode_heatmaps(points, (20, 20), 1.)
    assert maps.shape == (2, 3, 4, 5, 20, 20)
    np.testing.assert_array_equal(
        maps[1, 2, 3], encode_heatmaps(points[1, 2, 3], (20, 20), 1.))
    assert encode_heatmaps(np.zeros((0, 2)), (20, 20), 1.).shape == (0, 20,
                                                                     20)


@pytest.mark.parametrize('change, words', [
    (dict(sigma=0), 'sigma .* got 0'),
    (dict(sigma=float('nan')), 'sigma .* got nan'),
    (dict(heatmap_size=(0, 5)), r'heatmap_size .* got \(0, 5\)'),
    (dict(heatmap_size=7), 'heatmap_size .* got 7'),
    (dict(unbiased='yes'), "unbiased .* got 'yes'"),
    (dict(heatmap_size=[9, 0]), r'heatmap_size .* got \[9, 0\]'),
    (dict(sigma=[1]), r'sigma .* got \[1\]'),
    (dict(keypoints=np.zeros((3, 3))), r'keypoints .* got \(3, 3\)'),
])
def test_says_what_is_wrong(change, words):
    args = dict(keypoints=np.zeros((3, 2)), heatmap_size=(9, 9), sigma=1.)
    args.update(change)
    with pytest.raises(ValueError, match=words):
        encode_heatmaps(**args)
