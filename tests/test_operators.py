"""mmcv's operators under mmcv-lite, and MMDet's detectors on top of them."""
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import needs_detectors
from mmpose_dark._compat import operators

mmcv_ext = pytest.importorskip('mmcv._ext')
if 'placeholder' not in str(mmcv_ext.__spec__.origin):
    pytest.skip('the full mmcv is installed', allow_module_level=True)
pytest.importorskip('torchvision')


def suppressed(boxes, scores, iou_threshold, offset):
    """Non-maximum suppression by the book: one box after the other."""
    kept = []
    for i in np.argsort(-scores, kind='stable'):
        for j in kept:
            low = np.maximum(boxes[i, :2], boxes[j, :2])
            high = np.minimum(boxes[i, 2:], boxes[j, 2:])
            overlap = np.prod(np.maximum(high - low + offset, 0))
            areas = [np.prod(boxes[k, 2:] - boxes[k, :2] + offset)
                     for k in (i, j)]
            if overlap > iou_threshold * (sum(areas) - overlap):
                break
        else:
            kept.append(i)
    return kept


@pytest.mark.parametrize('offset', [0, 1])
@pytest.mark.parametrize('threshold', [.2, .5, .8])
def test_nms_keeps_what_the_book_keeps(rng, offset, threshold):
    from mmcv.ops import nms
    # a few pixels wide, so that an offset of one pixel matters
    low = rng.uniform(0, 6, (200, 2))
    boxes = np.hstack([low, low + rng.uniform(1, 8, (200, 2))]).astype('f4')
    scores = rng.uniform(.1, 1, 200).astype('f4')
    want = suppressed(boxes.astype(float), scores, threshold, offset)
    assert 1 < len(want) < 200
    other = suppressed(boxes.astype(float), scores, threshold, 1 - offset)
    assert want != other
    dets, kept = nms(boxes, scores, threshold, offset=offset)
    np.testing.assert_array_equal(kept, want)
    np.testing.assert_array_equal(
        dets, np.hstack([boxes, scores[:, None]])[want])
    # as detectors call it: the best only, and those of a minimum score
    _, kept = nms(torch.from_numpy(boxes), torch.from_numpy(scores),
                  threshold, offset=offset, score_threshold=.4, max_num=5)
    assert kept.tolist() == [i for i in want if scores[i] > .4][:5]


def test_nms_of_several_kinds_and_of_nothing(rng):
    from mmcv.ops import batched_nms, nms
    boxes = np.tile(np.float32([[1, 1, 5, 9]]), (4, 1))
    scores = np.float32([.3, .9, .5, .7])
    found, kept = batched_nms(
        torch.from_numpy(boxes), torch.from_numpy(scores),
        torch.tensor([0, 0, 1, 1]), dict(type='nms', iou_threshold=.5))
    assert kept.tolist() == [1, 3] and found.shape == (2, 5)
    dets, kept = nms(torch.zeros(0, 4), torch.zeros(0), .5)
    assert dets.shape == (0, 5) and kept.shape == (0, )


def sampled(image, roi, size, ratio, aligned):
    """Means of bilinear samples on a regular grid in each of size^2 bins."""
    (height, width), half = image.shape, .5 if aligned else 0.
    left, top, right, bottom = roi - half
    steps = (np.arange(size * ratio) + .5) / (size * ratio)
    x = np.clip(left + steps * (right - left), 0, width - 1)
    y = np.clip(top + steps * (bottom - top), 0, height - 1)
    one = [np.maximum(0, 1 - abs(at[:, None] - np.arange(n)))
           for at, n in ((y, height), (x, width))]
    samples = one[0] @ image @ one[1].T
    return samples.reshape(size, ratio, size, ratio).mean((1, 3))


@pytest.mark.parametrize('aligned', [True, False])
def test_roi_align_is_a_mean_of_samples(rng, aligned):
    from mmcv.ops import RoIAlign
    image = rng.standard_normal((20, 24))
    roi = np.array([7.25, 4.5, 18.5, 15.])
    got = RoIAlign(4, .5, sampling_ratio=2, aligned=aligned)(
        torch.from_numpy(image)[None, None].float(),
        torch.tensor([[0, *(2 * roi)]]).float())
    np.testing.assert_allclose(got[0, 0], sampled(image, roi, 4, 2, aligned),
                               atol=1e-5)


@pytest.mark.parametrize('call', [
    lambda: mmcv_ext.softnms(1, 2),
    lambda: mmcv_ext.roi_align_backward(1),
    lambda: pytest.importorskip('mmcv.ops').RoIAlign(2, pool_mode='max')(
        torch.ones(1, 1, 4, 4), torch.tensor([[0., 0, 0, 3, 3]])),
])
def test_what_torchvision_lacks_needs_the_full_mmcv(call):
    with pytest.raises(RuntimeError, match='needs the full mmcv'):
        call()


def test_without_torchvision_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, 'torchvision', None)
    with pytest.raises(RuntimeError, match='nms needs the full mmcv, or a '
                       'torchvision that fits'):
        operators.operator('nms')(torch.ones(1, 4), torch.ones(1), .5, 0)


@needs_detectors
def test_the_person_detector_of_mmpose_runs(rng):
    """The thin one of MMPose's two RTMDets, as its inferencer calls it."""
    pytest.importorskip('mmdet')
    import mmpose
    from mmdet.apis import DetInferencer
    from mmengine.config import Config
    from mmengine.dataset import pseudo_collate
    folder = Path(mmpose.__file__).parent / '.mim/demo/mmdetection_cfg'
    cfg = Config.fromfile(folder / 'rtmdet_nano_320-8xb32_coco-person.py')
    torch.manual_seed(0)
    detector = DetInferencer(cfg, device='cpu', scope='mmdet',
                             show_progress=False)
    image = rng.integers(0, 255, (60, 90, 3), dtype=np.uint8)
    batch = detector.model.data_preprocessor(pseudo_collate(
        [detector.pipeline(dict(img=image, img_id=0))]))
    raw = detector.model.bbox_head.predict_by_feat(
        *detector.model._forward(batch['inputs']),
        batch_img_metas=[batch['data_samples'][0].metainfo],
        rescale=True, with_nms=False)[0]
    found = detector(image, return_datasamples=True)['predictions'][0]
    found = found.pred_instances
    config = detector.model.test_cfg
    keep = suppressed(raw.bboxes.detach().numpy().astype(float),
                      raw.scores.detach().numpy(),
                      config.nms.iou_threshold, 0)[:config.max_per_img]
    assert 10 < len(keep) < len(raw)
    np.testing.assert_allclose(found.bboxes, raw.bboxes[keep].detach(),
                               atol=1e-3)
