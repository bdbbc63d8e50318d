"""Bringing flipped heatmaps back."""
import numpy as np
import pytest
from conftest import KINDS, SIZES, as_kind, to_numpy
from hypothesis import given
from hypothesis import strategies as st
from mmpose_dark.functional import (
    decode_heatmaps,
    encode_heatmaps,
    flip_heatmaps,
)


def mirrored_gaussians(rng, sigma, size, shift, num=200):
    """Positions, their maps, and the maps of the mirrored positions."""
    margin = 5 * sigma
    points = rng.uniform(margin, np.array(size) - 1 - margin, (num, 2))
    mirrored = points.copy()
    mirrored[:, 0] = size[0] - 1 - (points[:, 0] - shift)
    return (points, encode_heatmaps(points, size, sigma),
            encode_heatmaps(mirrored, size, sigma))


@pytest.mark.parametrize('kind', ['numpy', 'torch'])
@pytest.mark.parametrize('sigma,size', SIZES)
@pytest.mark.parametrize('shift', [0, 0.5, 0.75, 0.875, 1, -0.25])
def test_moves_gaussians_to_where_they_belong(rng, kind, sigma, size, shift):
    """Strides 2, 4 and 8, the corners, and pixel centres at i + 0.5."""
    points, maps, flipped = mirrored_gaussians(rng, sigma, size, shift)
    back = to_numpy(flip_heatmaps(as_kind(flipped, kind), shift=shift))
    assert back.dtype == np.float64
    np.testing.assert_allclose(back, maps, atol={1: .05, 2: .005, 3: .005}[
        sigma])
    decoded, _ = decode_heatmaps((maps + back) / 2, sigma)
    # 1 - 1/s or 1 px: the merge with the stock shift is 0.125 px off
    np.testing.assert_allclose(decoded, points, atol=0.006)


@given(seed=st.integers(0, 2**32 - 1), width=st.integers(1, 12),
       height=st.integers(1, 12), shift=st.floats(-20, 20))
def test_properties(seed, width, height, shift):
    rng = np.random.default_rng(seed)
    maps = rng.standard_normal((3, height, width))
    indices = rng.permutation(3)
    once = flip_heatmaps(maps, indices, shift=shift)
    for kind in KINDS:
        again = flip_heatmaps(as_kind(maps, kind), indices, shift=shift)
        np.testing.assert_allclose(to_numpy(again), once, atol=1e-9)
    # a flat map stays, and what comes in at the border is the border
    flat = np.broadcast_to(maps[:, :, :1], maps.shape)
    np.testing.assert_allclose(
        flip_heatmaps(flat, shift=shift), flat, atol=1e-9)
    if shift >= width:
        np.testing.assert_allclose(
            once, np.broadcast_to(maps[indices][:, :, -1:], maps.shape),
            atol=1e-9)
    # flipping twice without a shift is nothing
    back = flip_heatmaps(flip_heatmaps(maps, indices), np.argsort(indices))
    np.testing.assert_array_equal(back, maps)


def test_half_precision_is_computed_in_full():
    torch = pytest.importorskip('torch')
    half = torch.rand(1, 1, 4, 4).half()
    assert flip_heatmaps(half, shift=0.75).dtype == torch.float32


@pytest.mark.parametrize('kwargs, match', [
    (dict(shift=np.nan), 'shift must be'),
    (dict(flip_indices=[0, 1]), 'flip_indices must name'),
    (dict(flip_indices=[0, 1, 1]), 'flip_indices must name'),
    (dict(flip_indices=5), 'flip_indices must name .* got 5'),
    (dict(flip_indices=[0., 1., 2.]), 'flip_indices must name'),
    (dict(shift='a'), "shift must be .* got 'a'"),
    (dict(shift=1e300), r'shift must be .* got 1e\+300'),
])
def test_errors_name_the_argument(kwargs, match):
    with pytest.raises(ValueError, match=match):
        flip_heatmaps(np.zeros((3, 4, 4)), **kwargs)
