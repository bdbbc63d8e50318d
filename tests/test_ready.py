"""Ready sets and keypoint sets beside what MMPose's own configs say."""
import numpy as np
import pytest
from mmpose_dark.codecs import build_codec
from mmpose_dark.deploy.keypoint_sets import KEYPOINT_SETS, mirrored
from mmpose_dark.deploy.ready import ready_codec, ready_metadata

BODY = 'body_2d_keypoint/'
CONFIGS = {
    BODY + 'rtmpose/coco/rtmpose-m_8xb256-420e_coco-256x192.py': 'rtmpose',
    BODY + 'rtmpose/body8/rtmpose-x_8xb256-700e_body8-halpe26-384x288.py':
    'rtmpose',
    'hand_2d_keypoint/rtmpose/hand5/rtmpose-m_8xb256-210e_hand5-256x256.py':
    'rtmpose',
    'wholebody_2d_keypoint/rtmpose/ubody/'
    'rtmpose-l_8xb32-270e_coco-ubody-wholebody-384x288.py': 'dwpose',
    'wholebody_2d_keypoint/rtmpose/cocktail14/'
    'rtmw-x_8xb320-270e_cocktail14-384x288.py': 'rtmw',
    BODY + 'topdown_heatmap/coco/td-hm_hrnet-w48_8xb32-210e_coco-384x288.py':
    'heatmap',
    BODY + 'topdown_heatmap/coco/td-hm_hrnet-w32_8xb64-210e_coco-256x192.py':
    'heatmap',
    BODY + 'topdown_heatmap/coco/'
    'td-hm_hrnet-w32_udp-8xb64-210e_coco-256x192.py': 'udp',
    BODY + 'topdown_heatmap/coco/'
    'td-hm_ViTPose-small_8xb64-210e_coco-256x192.py': 'vitpose',
}


@pytest.mark.parametrize('config', CONFIGS)
def test_a_ready_set_says_what_the_config_does(config):
    pytest.importorskip('mmpose')
    from mmpose_dark.alignment import entries
    from mmpose_dark.config import darkify, load_config
    cfg = load_config(f'mmpose::{config}')
    dark = darkify(cfg)
    wanted = build_codec(dark.codec)
    maps = hasattr(wanted, 'heatmap_size')
    shapes = ([(17, *wanted.heatmap_size[::-1])] if maps else
              [(17, bins) for bins in wanted.num_bins])
    found = build_codec(
        ready_codec(CONFIGS[config], wanted.input_size, shapes))
    assert type(found) is type(wanted)
    assert found.input_size == wanted.input_size
    np.testing.assert_allclose(found.sigma, wanted.sigma, atol=5e-3)
    if maps:
        assert found.heatmap_size == wanted.heatmap_size
        assert found.use_udp == wanted.use_udp
    else:
        assert found.num_bins == wanted.num_bins
        assert found.normalize is wanted.normalize is False
        assert found.beta == cfg.model.head.loss.beta
    said, norm = ready_metadata(17), cfg.model.data_preprocessor
    assert (said['mean'], said['std']) == (norm.mean, norm.std)
    assert said['bgr_to_rgb'] is norm.bgr_to_rgb is True
    crops, = (entry for entry, name in entries(
        cfg.test_dataloader.dataset.pipeline) if name == 'TopdownAffine')
    assert crops.get('use_udp', False) == getattr(found, 'use_udp', False)


@pytest.mark.parametrize('name, num', [
    ('coco', 17), ('halpe26', 26), ('coco_wholebody', 133),
    ('coco_wholebody_hand', 21)])
def test_keypoints_are_those_of_the_data_set(name, num):
    pytest.importorskip('mmpose')
    import mmpose_dark  # noqa: F401  before any part of MMPose
    from mmengine.config import Config
    from mmengine.utils import get_installed_path
    from mmpose.datasets.datasets.utils import parse_pose_metainfo
    folder = get_installed_path('mmpose')
    meta = parse_pose_metainfo(Config.fromfile(
        f'{folder}/.mim/configs/_base_/datasets/{name}.py').dataset_info)
    found = KEYPOINT_SETS[num]
    assert found.names == [meta['keypoint_id2name'][i] for i in range(num)]
    assert set(found.skeleton) == set(meta['skeleton_links'])
    assert mirrored(found.names) == meta['flip_indices']
    np.testing.assert_allclose(found.sigmas, meta['sigmas'], atol=1e-7)


def test_sizes_that_a_family_does_not_have_are_said():
    with pytest.raises(ValueError, match='2 bins for a pixel.*this one has 3'):
        ready_codec('rtmpose', (192, 256), [(17, 576), (17, 768)])
    with pytest.raises(ValueError, match='for 4 of the input, this one for 8'):
        ready_codec('vitpose', (192, 256), [(17, 32, 24)])
