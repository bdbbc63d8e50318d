"""The codec beside MMPose's own."""
import numpy as np
import pytest
import torch
from mmpose_dark import DarkHeatmap
from conftest import noisy_gaussians
from hypothesis import given, settings
from hypothesis import strategies as st
from mmpose.codecs import MSRAHeatmap, UDPHeatmap
from mmpose.registry import KEYPOINT_CODECS

GEOMETRY = dict(input_size=(192, 256), heatmap_size=(48, 64), sigma=2)
SIZES = [
    dict(input_size=(96, 128), heatmap_size=(24, 32), sigma=1), GEOMETRY,
    dict(input_size=(288, 384), heatmap_size=(72, 96), sigma=3),
    # strides that differ and a sigma that is no whole number
    dict(input_size=(100, 256), heatmap_size=(40, 64), sigma=1.7)
]


def sample(rng, codec, num=17):
    """Joints in and around the image, some not labelled."""
    size = np.array(codec['input_size'])
    keypoints = rng.uniform(-0.3, 1.3, (1, num, 2)) * size
    visible = rng.choice([0., 0.3, 0.5, 1.], (1, num))
    return keypoints.astype(np.float32), visible.astype(np.float32)


def build(**kwargs):
    return KEYPOINT_CODECS.build(
        dict(type='mmpose_dark.DarkHeatmap', **kwargs))


@pytest.mark.parametrize('geometry', SIZES)
def test_encodes_as_the_unbiased_stock_codec(rng, geometry):
    stock = MSRAHeatmap(unbiased=True, **geometry)
    ours = build(**geometry)
    for _ in range(20):
        keypoints, visible = sample(rng, geometry)
        a = stock.encode(keypoints, visible)
        b = ours.encode(keypoints, visible)
        assert b['heatmaps'].dtype == np.float32
        np.testing.assert_allclose(a['heatmaps'], b['heatmaps'], atol=1e-5)
        np.testing.assert_array_equal(a['keypoint_weights'],
                                      b['keypoint_weights'])


@pytest.mark.parametrize('geometry', SIZES[:3])
def test_encodes_as_the_biased_stock_codec(rng, geometry):
    stock = MSRAHeatmap(**geometry)
    ours = build(unbiased=False, **geometry)
    for _ in range(20):
        keypoints, visible = sample(rng, geometry)
        a = stock.encode(keypoints, visible)
        b = ours.encode(keypoints, visible)
        np.testing.assert_allclose(a['heatmaps'], b['heatmaps'], atol=1e-5)
        np.testing.assert_array_equal(a['keypoint_weights'],
                                      b['keypoint_weights'])


@pytest.mark.parametrize('blur_kernel_size', [7, 11])
def test_decodes_as_the_stock_codec(rng, blur_kernel_size):
    """Where its step is a maximum's; see test_decode for the conditions."""
    stock = MSRAHeatmap(
        unbiased=True, blur_kernel_size=blur_kernel_size, **GEOMETRY)
    ours = build(
        peak='raw', blur_kernel_size=blur_kernel_size, **GEOMETRY)
    maps, _ = noisy_gaussians(rng, 2, (48, 64), 300, 0.03, margin=3)
    theirs, their_scores = stock.decode(maps)
    points, scores = ours.decode(maps)
    assert points.shape == theirs.shape and scores.shape == (1, 300)
    # heatmap px, as the bound of 1e-3 px is
    np.testing.assert_allclose(points / 4, theirs / 4, atol=1e-3)
    np.testing.assert_array_equal(scores, their_scores)
    shifted, _ = build(decoding='shift', **GEOMETRY).decode(maps)
    np.testing.assert_array_equal(
        shifted, MSRAHeatmap(**GEOMETRY).decode(maps)[0])


@pytest.mark.parametrize('switches', [
    dict(), dict(peak='raw'), dict(decoding='shift'),
    dict(decoding='argmax'), dict(modulation=False), dict(unbiased=False),
    dict(use_udp=True)
], ids=str)
def test_batch_decode_is_decode(rng, switches):
    codec = build(**GEOMETRY, **switches)
    maps, _ = noisy_gaussians(rng, 2, (48, 64), 34, 0.05)
    maps = maps.reshape(2, 17, 64, 48)
    for batch in (maps, torch.from_numpy(maps),
                  torch.from_numpy(maps).requires_grad_(),
                  torch.from_numpy(maps).to(
                      memory_format=torch.channels_last)):
        keypoints, scores = codec.batch_decode(batch)
        assert len(keypoints) == len(scores) == 2
        for one, a, b in zip(maps, keypoints, scores):
            assert a.shape == (1, 17, 2) and b.shape == (1, 17)
            assert type(a) is type(b) is np.ndarray
            np.testing.assert_allclose(a, codec.decode(one)[0], atol=1e-4)
            np.testing.assert_array_equal(b, codec.decode(one)[1])


def test_batch_decode_off_the_host_moves_only_the_result(rng, monkeypatch):
    """The code that runs on a device, here with a tensor in host memory."""
    codec = build(**GEOMETRY)
    maps, _ = noisy_gaussians(rng, 2, (48, 64), 34, 0.05)
    moved, cpu = [], torch.Tensor.cpu
    monkeypatch.setattr(
        'mmpose_dark.codecs.base.where_they_are', lambda maps: maps)
    monkeypatch.setattr(
        torch.Tensor, 'cpu', lambda t: (moved.append(t.numel()), cpu(t))[1])
    keypoints, scores = codec.batch_decode(
        torch.from_numpy(maps.reshape(2, 17, 64, 48)))
    assert moved == [2 * 17 * 3]
    monkeypatch.undo()
    for ours, theirs in zip((keypoints, scores), codec.decode(maps)):
        np.testing.assert_allclose(
            np.concatenate(ours, 1), theirs, atol=1e-3)


def test_batch_decode_takes_bfloat16_and_half(rng):
    codec = build(**GEOMETRY)
    maps, points = noisy_gaussians(rng, 2, (48, 64), 34, 0., 8)
    for dtype, bound in ((torch.half, 0.02), (torch.bfloat16, 0.2)):
        batch = torch.from_numpy(maps).to(dtype).reshape(2, 17, 64, 48)
        keypoints, _ = codec.batch_decode(batch)
        error = np.concatenate(keypoints, 1)[0] / 4 - points
        assert np.abs(error).max() < bound


@settings(max_examples=50, deadline=None)
@given(
    x=st.floats(0, 191), y=st.floats(0, 255), udp=st.booleans(),
    sigma=st.floats(1, 3))
def test_round_trip(x, y, udp, sigma):
    codec = build(
        input_size=(192, 256), heatmap_size=(48, 64), sigma=sigma,
        use_udp=udp)
    point = np.array([[[x, y]]])
    decoded, scores = codec.decode(codec.encode(point)['heatmaps'])
    # What a model's post-processing expects of a corner-aligned codec.
    size = np.array([192, 256])
    expected = point / (size - 1) * size if udp else point
    # 0.05 px of the input: joints between the last pixel's centre and the
    # edge of the image lie outside the heatmap's pixel centres.
    np.testing.assert_allclose(decoded, expected, atol=0.15)
    assert scores[0, 0] > 0.3


def test_udp_has_the_conventions_of_udpheatmap(rng):
    stock, ours = UDPHeatmap(**GEOMETRY), build(use_udp=True, **GEOMETRY)
    np.testing.assert_allclose(ours.scale_factor, stock.scale_factor)
    keypoints, visible = sample(rng, GEOMETRY)
    # UDPHeatmap cuts its Gaussians at 3 sigma; above that they agree.
    a, b = (c.encode(keypoints, visible) for c in (stock, ours))
    drawn = a['heatmaps'] > 0.012
    np.testing.assert_allclose(
        a['heatmaps'][drawn], b['heatmaps'][drawn], atol=1e-5)
    clean, _ = noisy_gaussians(rng, 2, (48, 64), 17, 0., 8)
    np.testing.assert_allclose(
        ours.decode(clean)[0], stock.decode(clean.copy())[0], atol=0.02)


def test_accepts_every_keyword_of_the_stock_codec():
    import inspect
    theirs = inspect.signature(MSRAHeatmap).parameters
    assert set(theirs) <= set(inspect.signature(DarkHeatmap).parameters)
    codec = build(unbiased=True, blur_kernel_size=11, **GEOMETRY)
    assert codec.support_batch_decoding
    assert codec.label_mapping_table == MSRAHeatmap.label_mapping_table
    assert codec.field_mapping_table == MSRAHeatmap.field_mapping_table


@pytest.mark.parametrize('change, words', [
    (dict(sigma=0), 'sigma .* got 0'),
    (dict(input_size=(192, -1)), r'input_size .* got \(192, -1\)'),
    (dict(heatmap_size=48), 'heatmap_size .* got 48'),
    (dict(heatmap_size='48'), "heatmap_size .* got '48'"),
    (dict(heatmap_size=(48, 64.5)), 'heatmap_size .* got'),
    (dict(blur_kernel_size=10), 'blur_kernel_size .* got 10'),
    (dict(decoding='taylor'), "decoding .* got 'taylor'"),
    (dict(peak='top'), "peak .* got 'top'"),
    (dict(unbiased='yes'), "unbiased .* got 'yes'"),
    (dict(use_udp=True, heatmap_size=(1, 64)), 'use_udp=True .* at least 2'),
    (dict(decoding='shift', peak='raw'), "peak='raw' has no effect"),
    (dict(decoding='argmax', modulation=False), 'modulation=False has no eff'),
    (dict(decoding='shift', blur_kernel_size=11), 'blur_kernel_size=11 has'),
    (dict(modulation=False, peak='raw'), "peak='raw' has no effect"),
    (dict(modulation=False, blur_kernel_size=11), 'with modulation=False'),
])
def test_bad_configs_say_what_is_wrong(change, words):
    with pytest.raises(ValueError, match=words):
        build(**{**GEOMETRY, **change})


def test_bad_input_says_what_is_wrong():
    codec = build(**GEOMETRY)
    with pytest.raises(ValueError, match='one instance .* got 2'):
        codec.encode(np.zeros((2, 17, 2)))
    with pytest.raises(ValueError, match=r'keypoints .* got \(17, 2\)'):
        codec.encode(np.zeros((17, 2)))
    with pytest.raises(ValueError, match='keypoints_visible'):
        codec.encode(np.zeros((1, 17, 2)), np.zeros((1, 16)))
    with pytest.raises(ValueError, match=r'H=64 and W=48 .* \(17, 48, 64\)'):
        codec.decode(np.zeros((17, 48, 64)))
    with pytest.raises(ValueError, match=r'\(B, K, H, W\)'):
        codec.batch_decode(torch.zeros(17, 64, 48))
    with pytest.raises(ValueError, match='heatmaps must be .* got list'):
        codec.decode([[[1.]]])
