"""InterNet's volumes, by MMPose's own config, codec and head."""
import mmpose_dark  # noqa: F401  before any part of MMPose
import numpy as np
import pytest

pytest.importorskip('mmpose')
import torch  # noqa: E402
from mmpose_dark import DarkHand3DHeatmap, apply_dark, darkify  # noqa: E402
from mmengine.registry import init_default_scope  # noqa: E402
from mmengine.structures import InstanceData  # noqa: E402
from mmpose.registry import KEYPOINT_CODECS, MODELS  # noqa: E402
from mmpose.structures import PoseDataSample  # noqa: E402
from mmpose.utils import register_all_modules  # noqa: E402
from mmpose_dark.deploy import DarkDecoder  # noqa: E402

CONFIG = ('mmpose::hand_3d_keypoint/internet/interhand3d/'
          'internet_res50_4xb16-20e_interhand3d-256x256.py')
SMALL = dict(image_size=[64, 64], heatmap_size=[16, 16, 16], depth_size=16,
             sigma=1.5, max_bound=255)
K = 6
FLIP = [3, 4, 5, 0, 1, 2]
#: input px and mm per voxel
VOXEL = np.array([4, 4, 25.])


def drawn(codec, points):
    """The stock encoder's volumes (1, K, D, H, W) of points (1, K, 3)."""
    encoded = codec.encode(
        points.astype(np.float32), np.ones(points.shape[:2], np.float32),
        None, np.float32(0), 1., np.zeros(2), 1., None, None)
    return encoded['heatmaps'].reshape(1, K, 16, 16, 16)


@pytest.fixture
def points(rng):
    low, high = np.array([12, 12, -120]), np.array([48, 48, 120])
    return rng.uniform(low, high, (1, K, 3))


def head(**kwargs):
    cfg = dict(
        type='mmpose_dark.DarkInternetHead',
        keypoint_head_cfg=dict(
            in_channels=8, out_channels=3 * 16, depth_size=16,
            deconv_out_channels=None, deconv_kernel_sizes=None),
        root_head_cfg=dict(in_channels=8, heatmap_size=64, hidden_dims=(4, )),
        hand_type_head_cfg=dict(in_channels=8, num_labels=2,
                                hidden_dims=(4, )),
        decoder=dict(type='mmpose_dark.DarkHand3DHeatmap', **SMALL), **kwargs)
    register_all_modules()
    init_default_scope('mmpose')
    return MODELS.build(cfg).eval()


def sample(**instances):
    return PoseDataSample(
        metainfo=dict(flip_indices=FLIP, input_size=(64, 64),
                      input_scale=np.array([128., 192.])),
        gt_instances=InstanceData(**instances))


def test_positions_are_between_the_voxels(points):
    stock = KEYPOINT_CODECS.build(dict(type='Hand3DHeatmap', **SMALL))
    codec = DarkHand3DHeatmap(**SMALL)
    volumes = drawn(codec, points)
    np.testing.assert_array_equal(volumes, drawn(stock, points))
    args = volumes[0], np.array([40.]), np.array([1., -1.])
    found, expected = codec.decode(*args), stock.decode(*args)
    assert abs(found[0] - points).max() < .02 * VOXEL.min()
    assert abs(expected[0] - points).max() > .4 * VOXEL.min()
    for mine, its in zip(found[1:], expected[1:]):
        np.testing.assert_array_equal(mine, its)
    torch_found, *_ = codec.read(torch.from_numpy(volumes))
    np.testing.assert_allclose(torch_found[0], found[0][0], atol=1e-3)


def test_covariance_is_the_spread_in_px_and_mm(rng):
    """Of a volume that is the mean of its targets, joint by joint."""
    codec = DarkHand3DHeatmap(**SMALL)
    spread = np.array([4., 6., 30.])
    joints = rng.normal([32, 32, 0], spread, (400, K, 3))
    volumes = np.mean([drawn(codec, some[None]) for some in joints], 0)
    *_, found = codec.read(volumes, return_covariance=True)
    # The size is exact; a small spread comes out rounder than it is.
    size = np.linalg.det(found[0])**(1 / 6) / spread.prod()**(1 / 3)
    assert abs(size.mean() - 1) < .1
    root = np.sqrt(found[0, :, range(3), range(3)].T) / spread
    assert (abs(root - 1) < .3).all()
    assert (np.argsort(root * spread / VOXEL, 1) == [0, 2, 1]).mean() > .8


def test_stock_config_becomes_dark():
    cfg = darkify(CONFIG, head=True)
    assert cfg.model.head.type == 'mmpose_dark.DarkInternetHead'
    assert cfg.model.head.decoder.sigma == 2.5
    assert cfg.model.head.decoder.max_bound == 255
    with pytest.raises(ValueError, match='for heatmaps.*Hand3DHeatmap'):
        darkify(CONFIG, alignment='udp')
    with pytest.raises(ValueError, match='OKS constants'):
        darkify(CONFIG, head=True, score='similarity')


def test_flip_test_swaps_the_hands(points):
    """Volumes of the mirrored picture merge into those of the picture."""
    codec, net = DarkHand3DHeatmap(**SMALL), head(output_covariance=True)
    mirrored = points[:, FLIP].copy()
    mirrored[..., 0] = 63 - mirrored[..., 0]
    depth, types = torch.tensor([[40.]]), torch.tensor([[2., -3.]])
    straight, flipped = (torch.from_numpy(drawn(codec, some))
                         for some in (points, mirrored))
    net.forward = [(straight, depth, types),
                   (flipped, 64 - depth, types[:, [1, 0]])].__getitem__
    prediction, = net.predict([0, 1], [sample()], dict(flip_test=True))
    assert abs(prediction.keypoints - points).max() < .1
    np.testing.assert_allclose(prediction.rel_root_depth, [50.])
    np.testing.assert_array_equal(prediction.hand_type, [[1, 0]])
    # The image is twice and three times the input; a depth stays.
    found = codec.batch_decode(straight, depth, types, return_covariance=True)
    by = np.outer([2, 3, 1], [2, 3, 1])
    np.testing.assert_allclose(prediction.keypoint_covariances,
                               found[-1][0] * by, rtol=.1, atol=.5)


def test_built_head_becomes_dark(points):
    net = head()
    stock = MODELS.build(dict(
        type='InternetHead', keypoint_head_cfg=dict(
            in_channels=8, out_channels=3 * 16, depth_size=16,
            deconv_out_channels=None, deconv_kernel_sizes=None),
        root_head_cfg=dict(in_channels=8, heatmap_size=64, hidden_dims=(4, )),
        hand_type_head_cfg=dict(in_channels=8, num_labels=2,
                                hidden_dims=(4, )),
        decoder=dict(type='Hand3DHeatmap', **SMALL)))
    stock.load_state_dict(net.state_dict(), strict=True)
    model = torch.nn.Module()
    model.head = stock
    apply_dark(model)
    assert type(stock) is type(net)
    feats = torch.randn(2, 8, 16, 16),
    with torch.no_grad():
        mine, its = (of.eval().predict(feats, [sample()] * 2)
                     for of in (stock, net))
    for one, other in zip(mine, its):
        assert one.keypoints.shape == (1, K, 3)
        np.testing.assert_array_equal(one.keypoints, other.keypoints)
        assert 'keypoint_covariances' not in one


def test_what_cannot_be_is_refused(points):
    codec = DarkHand3DHeatmap(**SMALL)
    with pytest.raises(ValueError, match='no file can end.*depth of a wrist'):
        DarkDecoder.from_codec(codec)
    with pytest.raises(ValueError, match=r'volumes must be.*\(1, 6, 8, 16'):
        codec.read(np.zeros((1, K, 8, 16, 16)))
    with pytest.raises(ValueError, match='depth_size=8, got'):
        DarkHand3DHeatmap(**{**SMALL, 'depth_size': 8})
    with pytest.raises(ValueError, match="decoding='dark'"):
        DarkHand3DHeatmap(**SMALL, decoding='argmax').check_covariance()
    config = codec.config()
    assert config.pop('type') == 'DarkHand3DHeatmap'
    assert DarkHand3DHeatmap(**config).config() == codec.config()
