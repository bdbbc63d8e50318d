"""Targets that travel as coordinates, beside those that travel as maps."""
import pickle

import numpy as np
import pytest
import torch
from mmpose_dark import DarkMegviiHeatmap, GenerateDarkTarget
from mmpose.codecs import MSRAHeatmap
from mmpose.datasets.transforms import PackPoseInputs
from mmpose.registry import KEYPOINT_CODECS, TRANSFORMS

CODEC = dict(type='mmpose_dark.DarkHeatmap', input_size=(192, 256),
             heatmap_size=(48, 64), sigma=2)
BIASED = dict(CODEC, unbiased=False)
UDP = dict(CODEC, use_udp=True)
MEGVII = dict(type='mmpose_dark.DarkMegviiHeatmap', input_size=(192, 256),
              heatmap_size=(48, 64), kernel_size=11)


def sample(rng, num=17):
    """What arrives at GenerateTarget: joints in, around and far out."""
    return dict(
        img=np.zeros((256, 192, 3), np.uint8),
        transformed_keypoints=(rng.uniform(-.3, 1.3, (1, num, 2)) *
                               (192, 256)).astype(np.float32),
        keypoints_visible=rng.choice([0, .3, .5, 1], (1, num)).astype(
            np.float32),
        dataset_keypoint_weights=rng.uniform(.2, 2, num).astype(np.float32))


def run(kind, data, encoder, **kwargs):
    """The sample that a pipeline ending in this target hands out."""
    data = dict(data)
    for step in (dict(type=kind, encoder=encoder, **kwargs),
                 dict(type='PackPoseInputs')):
        data = TRANSFORMS.build(step)(data)
    return data['data_samples']


@pytest.mark.parametrize('codec', [CODEC, BIASED, UDP, MEGVII])
@pytest.mark.parametrize('weighted', [False, True])
@pytest.mark.parametrize('with_weights', [False, True])
def test_labels_draw_the_heatmaps_of_the_host(rng, codec, weighted,
                                              with_weights):
    decoder = KEYPOINT_CODECS.build(codec)
    for _ in range(10):
        data = sample(rng)
        if with_weights:  # visibility and its weight, as some data sets have
            visible = data['keypoints_visible']
            data['keypoints_visible'] = np.stack([visible, visible], -1)
        host = run('GenerateTarget', data, codec,
                   use_dataset_keypoint_weights=weighted)
        ours = run('mmpose_dark.GenerateDarkTarget', data, codec,
                   use_dataset_keypoint_weights=weighted)
        labels = ours.gt_instance_labels
        torch.testing.assert_close(
            labels.keypoint_weights,
            host.gt_instance_labels.keypoint_weights, rtol=0, atol=0)
        drawn = decoder.render(
            labels.keypoint_labels, labels.keypoints_visible)
        # of 1, or of 255 for the codec of MSPN
        atol = 1e-6 * (255 if isinstance(decoder, DarkMegviiHeatmap) else 1)
        torch.testing.assert_close(
            drawn[0], host.gt_fields.heatmaps, rtol=0, atol=atol)
        np.testing.assert_array_equal(ours.gt_instances.keypoints_visible,
                                      host.gt_instances.keypoints_visible)


def test_carries_no_heatmap_and_little_else(rng):
    host = run('GenerateTarget', sample(rng), CODEC)
    ours = run('GenerateDarkTarget', sample(rng), CODEC)
    assert 'gt_fields' not in ours and 'gt_fields' in host
    labels = ours.gt_instance_labels
    assert all(value.dtype == torch.float32 for value in labels.values())
    assert sum(value.numel() * value.element_size()
               for value in labels.values()) == 17 * 16
    # the whole sample, metainfo and all: a few KB instead of 209
    assert len(pickle.dumps(host)) > 209e3 > 30 * len(pickle.dumps(ours))


def test_is_registered_and_prints(rng):
    built = TRANSFORMS.build(dict(type='GenerateDarkTarget', encoder=CODEC))
    assert type(built) is GenerateDarkTarget
    assert 'DarkHeatmap' in repr(built)


@pytest.mark.parametrize('kwargs, error, match', [
    (dict(encoder=[CODEC, CODEC], multilevel=True), ValueError,
     'one encoder'),
    (dict(encoder=[CODEC, BIASED]), ValueError, 'one encoder'),
    (dict(encoder=dict(CODEC, type='MSRAHeatmap')), TypeError,
     'MSRAHeatmap; use GenerateTarget'),
])
def test_refuses_other_encoders(kwargs, error, match):
    with pytest.raises(error, match=match):
        GenerateDarkTarget(**kwargs)


def test_stock_codec_is_another():
    assert not hasattr(MSRAHeatmap, 'encode_labels')
    assert PackPoseInputs.label_mapping_table.keys() >= {'keypoint_weights'}
