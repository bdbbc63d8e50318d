"""Refining peaks that are given, many of which are of one map."""
import tracemalloc

import numpy as np
import pytest
from conftest import as_kind, to_numpy
from mmpose_dark.functional import (
    decode_heatmaps,
    encode_heatmaps,
    refine_keypoints,
)


@pytest.fixture
def people(rng):
    """Three people (3, 4, 2) at least 4 sigma apart, on maps 48x64."""
    left = rng.uniform((2, 2), (13, 61), (3, 4, 2))
    return left + np.array([0, 16, 32])[:, None, None] * [1, 0]


@pytest.mark.parametrize('kind', ['numpy', 'torch'])
def test_every_person_is_found(people, kind, rng):
    maps = encode_heatmaps(people, (48, 64), 1.5).max(0)
    wrong = people.round() + rng.integers(-1, 2, people.shape)
    found, covariance = refine_keypoints(
        as_kind(maps, kind), as_kind(wrong, kind), 1.5,
        return_covariance=True)
    assert abs(to_numpy(found) - people).max() < .05
    assert (np.linalg.eigvalsh(to_numpy(covariance)) > 0).all()


def test_one_peak_a_map_is_read_as_ever(rng):
    points = rng.uniform((1, 1), (46, 62), (1, 5, 2))
    maps = .7 * encode_heatmaps(points, (48, 64), 2.)[0]
    maps = maps + .01 * rng.standard_normal(maps.shape)
    keypoints, _, covariance = decode_heatmaps(
        maps, 2., return_covariance=True)
    found = refine_keypoints(maps, points.round(), 2., return_covariance=True)
    np.testing.assert_allclose(found[0][0], keypoints, atol=.02)
    np.testing.assert_allclose(found[1][0], covariance, rtol=.2)


@pytest.mark.parametrize('value', [0., -1., np.nan, np.inf])
def test_what_is_no_hill_stays(value):
    maps = np.full((1, 20, 30), value)
    given = np.array([[[4., 5.]], [[np.nan, 400.]]])
    found, covariance = refine_keypoints(
        maps, given, 2., return_covariance=True)
    np.testing.assert_array_equal(found[:, 0], [[4, 5], [0, 19]])
    assert np.isfinite(covariance).all()


@pytest.mark.parametrize('value', [0., -1., np.nan, np.inf, -np.inf])
def test_a_pixel_that_is_not_positive_is_no_peak(value):
    """Whatever hill it is in."""
    maps = encode_heatmaps(np.array([[10.3, 8.6]]), (30, 20), 2.)
    maps[0, 9, 11] = value
    found, covariance = refine_keypoints(
        maps, np.array([[[11., 9.]]]), 2., return_covariance=True)
    np.testing.assert_array_equal(found, [[[11, 9]]])
    assert np.isfinite(covariance).all()


def test_a_kernel_wider_than_the_map_costs_no_more_than_the_map(rng):
    """A window of a thousand pixels is not cut out of a map of 9."""
    maps = rng.random((1, 7, 9))
    tracemalloc.start()
    found, _ = refine_keypoints(
        maps, np.array([[[4., 3.]]]), 200., return_covariance=True)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.isfinite(found).all() and most < 2e6  # 8 MB a window


def test_nobody():
    found, covariance = refine_keypoints(
        np.ones((2, 20, 30)), np.zeros((0, 2, 2)), 2., return_covariance=True)
    assert found.shape == (0, 2, 2) and covariance.shape == (0, 2, 2, 2)


@pytest.mark.parametrize('shapes', [
    [(2, 8, 8), (1, 3, 2)], [(8, 8), (1, 1, 2)], [(2, 8, 8), (2, 2)]])
def test_shapes_that_do_not_belong_together(shapes):
    with pytest.raises(ValueError, match=r'keypoints in shape \(N, K, 2\)'):
        refine_keypoints(*map(np.zeros, shapes), 2.)
