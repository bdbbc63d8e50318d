"""score='similarity': keypoint scores that are the OKS to expect."""
from pathlib import Path

import numpy as np
import pytest
import torch
from mmpose_dark import DarkDecoder, DarkHeatmap, apply_dark, darkify
from conftest import needs_export
from mmengine.structures import InstanceData
from mmpose.apis import inference_topdown, init_model
from mmpose.apis.inference import dataset_meta_from_config
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from mmpose_dark.config import load_config
from mmpose_dark.functional import box_areas, encode_heatmaps, expected_oks
from mmpose_dark.synthetic import draw_scene
from test_heads import CODEC, FLIP, HEADS, K
from test_simcc_covariance import head_of

FIGURES = (Path(__file__).resolve().parents[1] /
           'configs/body_2d_keypoint/topdown_heatmap/figures')
STOCK = str(FIGURES / 'td-hm_res18-thin_1xb64-8e_figures-128x96.py')
CHECKPOINT = str(FIGURES / 'td-hm_res18-thin_figures-128x96.pth')
SIGMAS = np.linspace(.03, .1, K)
SCALE = np.array([300., 400.])
BOX = np.array([[40., 30., 280., 350.]])


def sample():
    found = PoseDataSample(metainfo=dict(
        flip_indices=FLIP, input_size=(96, 128), input_scale=SCALE,
        input_center=SCALE / 2))
    found.gt_instances = InstanceData(bboxes=BOX, bbox_scores=np.ones(1))
    return found


def estimator(**options):
    torch.manual_seed(0)
    test_cfg = options.pop('test_cfg', {})
    model = MODELS.build(dict(
        type='TopdownPoseEstimator',
        backbone=dict(type='ResNet', depth=18, num_stages=1, strides=(1, ),
                      dilations=(1, ), out_indices=(0, ), base_channels=8,
                      stem_channels=8),
        head=dict(dict(type='DarkHeatmapHead', out_channels=K, decoder=CODEC,
                       **HEADS['HeatmapHead']), **options),
        test_cfg=dict(flip_test=True, **test_cfg)))
    return model.eval()


@torch.no_grad()
def predicted(model):
    inputs = torch.randn(1, 3, 128, 96,
                         generator=torch.Generator().manual_seed(1))
    return model.predict(inputs, [sample()])[0].pred_instances


def test_scores_are_the_oks_to_expect():
    told = predicted(estimator(output_covariance=True))
    got = predicted(estimator(score='similarity', sigmas=SIGMAS.tolist()))
    want = expected_oks(told.keypoint_covariances.astype(float),
                        np.array([.53 * 240 * 320]), SIGMAS)
    np.testing.assert_allclose(got.keypoint_scores, want, rtol=1e-6)
    assert got.keypoint_scores.shape == (1, K)
    assert got.keypoint_scores.dtype == told.keypoint_scores.dtype
    np.testing.assert_array_equal(got.keypoints, told.keypoints)
    assert 'keypoint_covariances' not in got
    both = predicted(estimator(score='similarity', sigmas=SIGMAS,
                               output_covariance=True))
    np.testing.assert_array_equal(both.keypoint_covariances,
                                  told.keypoint_covariances)


@pytest.mark.parametrize('sigmas', [SIGMAS, SIGMAS[[3, 0]]], ids=len)
def test_of_selected_keypoints_the_constants_are_theirs(sigmas):
    some = dict(output_keypoint_indices=[3, 0])
    all_of_them = predicted(estimator(score='similarity', sigmas=SIGMAS))
    got = predicted(estimator(score='similarity', sigmas=sigmas,
                              test_cfg=some))
    np.testing.assert_allclose(got.keypoint_scores,
                               all_of_them.keypoint_scores[:, [3, 0]])


def test_they_follow_a_calibration():
    codec = dict(CODEC, calibration=(.5, 8.))
    told = predicted(estimator(output_covariance=True))
    got = predicted(estimator(score='similarity', sigmas=SIGMAS,
                              decoder=codec))
    np.testing.assert_allclose(got.keypoint_scores, expected_oks(
        told.keypoint_covariances.astype(float) / 2, box_areas(BOX), SIGMAS,
        8.), rtol=1e-5)


def test_scores_of_rtmpose_are_the_oks_to_expect():
    head = head_of(score='similarity', sigmas=SIGMAS[:5],
                   output_covariance=True)
    feats = (torch.randn(2, 8, 4, 3), )
    with torch.no_grad():
        preds = head.predict(feats, [sample(), sample()])
        stock = head_of().predict(feats, [sample(), sample()])
    for pred, logits in zip(preds, stock):
        np.testing.assert_allclose(
            pred.keypoint_scores, expected_oks(
                pred.keypoint_covariances.astype(float), box_areas(BOX),
                SIGMAS[:5]), rtol=1e-6)
        assert (pred.keypoint_scores != logits.keypoint_scores).all()


@pytest.mark.parametrize('options, words', [
    (dict(score='oks'), "score must be one of ('stock', 'similarity')"),
    (dict(score='similarity'), "needs sigmas=[...] of the head"),
    (dict(score='similarity', sigmas=[.1, -.1]), 'OKS constants of 2 keyp'),
    (dict(score='similarity', sigmas=[.1] * K, decoder=dict(
        CODEC, decoding='shift')), "decoding='dark'")])
def test_a_head_says_what_is_missing(options, words):
    import re
    with pytest.raises(ValueError, match=re.escape(words)):
        MODELS.build(dict(dict(
            type='DarkHeatmapHead', out_channels=K, decoder=CODEC,
            **HEADS['HeatmapHead']), **options))


def test_another_number_of_constants_is_named():
    with pytest.raises(ValueError, match=f'OKS constants of {K} keypoints.*'
                       r'got \[0.1, 0.1, 0.1\]'):
        predicted(estimator(score='similarity', sigmas=[.1] * 3))


# ---- models that are built, and configs


@pytest.fixture(scope='module')
def stock():
    return init_model(STOCK, CHECKPOINT, 'cpu')


@pytest.fixture(scope='module')
def image():
    return draw_scene(np.random.default_rng(4))[::2]


@pytest.mark.parametrize('flip_shift', ['exact', 'stock'])
def test_a_built_model(stock, image, flip_shift):
    import copy
    model = apply_dark(copy.deepcopy(stock), score='similarity',
                       flip_shift=flip_shift)
    assert model.head.flip_shift == flip_shift
    model.head.output_covariance = True
    picture, box = image
    box = np.array([[box[0], box[1], box[0] + box[2], box[1] + box[3]]])
    pred = inference_topdown(model, picture, box)[0].pred_instances
    want = expected_oks(pred.keypoint_covariances.astype(float),
                        box_areas(box), stock.dataset_meta['sigmas'])
    np.testing.assert_allclose(pred.keypoint_scores, want, rtol=1e-5)
    assert .2 < pred.keypoint_scores.mean() < 1
    dark = apply_dark(copy.deepcopy(stock), flip_shift=flip_shift)
    before = inference_topdown(dark, picture, box)[0].pred_instances
    np.testing.assert_allclose(before.keypoints, pred.keypoints, atol=1e-3)
    # a model that is DARK already
    apply_dark(dark, score='similarity', flip_shift=flip_shift)
    again = inference_topdown(dark, picture, box)[0].pred_instances
    np.testing.assert_allclose(again.keypoint_scores, pred.keypoint_scores,
                               rtol=1e-5)
    assert dark.head.flip_shift == flip_shift


@pytest.mark.parametrize('change, options, words', [
    (lambda m: m.dataset_meta.update(sigmas=np.empty(0)), {},
     "give the data set's metainfo that many positive sigmas"),
    (lambda m: delattr(m, 'dataset_meta'), {}, 'needs model.dataset_meta'),
    (lambda m: None, dict(decoding='argmax'), "need decoding='dark'"),
    (lambda m: setattr(m.head, '__class__', type(
        'MSPNHead', (type(m.head), ), {})), {}, 'got MSPNHead')])
def test_a_model_that_cannot_is_left_as_it_was(stock, change, options, words):
    import copy
    model = copy.deepcopy(stock)
    model.dataset_meta = dict(model.dataset_meta)
    change(model)
    decoder, kind = model.head.decoder, type(model.head)
    with pytest.raises(ValueError, match=words):
        apply_dark(model, score='similarity', **options)
    assert model.head.decoder is decoder and type(model.head) is kind


RTMPOSE_M = ('mmpose::body_2d_keypoint/rtmpose/coco/'
             'rtmpose-m_8xb256-420e_coco-256x192.py')


@pytest.mark.parametrize('name', [STOCK, RTMPOSE_M], ids=['map', 'vector'])
def test_a_config_gets_the_constants_of_its_data_set(name):
    cfg = darkify(name, head=True, score='similarity')
    head = cfg.model.head
    assert head.score == 'similarity'
    np.testing.assert_allclose(
        head.sigmas, dataset_meta_from_config(cfg, 'test')['sigmas'],
        atol=1e-7)
    assert str(head.sigmas[0]) == '0.026'
    assert 'score' not in darkify(name, head=True).model.head


def test_a_config_without_them_says_what_to_give():
    cfg = load_config(STOCK)
    cfg.test_dataloader.dataset.metainfo = dict(
        from_file='configs/_base_/datasets/wflw.py')
    with pytest.raises(ValueError, match=r'needs? the OKS constants of 17 '
                       r"keypoints: give the data set's metainfo that many"):
        darkify(cfg, head=True, score='similarity')
    with pytest.raises(ValueError, match='needs head=True'):
        darkify(STOCK, score='similarity')


# ---- exported


def spread_maps(rng, num):
    points = rng.uniform(8, 16, (num, K, 40, 2))
    return torch.from_numpy(np.stack([
        encode_heatmaps(p.swapaxes(0, 1), (24, 32), 1.).mean(0)
        for p in points])).float()


SIZES = dict(input_size=(96, 128), heatmap_size=(24, 32), sigma=1)


@needs_export
def test_the_decoder_takes_areas(rng):
    maps, areas = spread_maps(rng, 3), torch.tensor([900., 4000., 2500.])
    decoder = DarkDecoder(**SIZES, score='similarity', sigmas=SIGMAS)
    keypoints, scores = decoder(maps, areas=areas)
    calibrated = DarkDecoder(**SIZES, calibration=(.7, 5.),
                             score='similarity', sigmas=SIGMAS)
    want, _, covariances = DarkHeatmap(**SIZES).read(
        maps, return_covariance=True)
    np.testing.assert_allclose(keypoints, want, atol=1e-4)
    np.testing.assert_allclose(scores, expected_oks(
        covariances.numpy().astype(float), areas.numpy(), SIGMAS), rtol=1e-4)
    np.testing.assert_allclose(
        calibrated(maps, areas=areas)[1], expected_oks(
            .7 * covariances.numpy().astype(float), areas.numpy(), SIGMAS,
            5.), rtol=1e-4)
    assert 0 < scores.min() < .9 * scores.max() < 1
    with pytest.raises(ValueError, match='needs the areas of the people'):
        decoder(maps)
    batch = torch.export.Dim('batch', min=1)
    program = torch.export.export(
        decoder, (maps, None, areas), strict=False,
        dynamic_shapes=({0: batch}, None, {0: batch}))
    for num in (1, 3):
        np.testing.assert_allclose(program.module()(
            maps[:num], None, areas[:num])[1], scores[:num], rtol=1e-5)
    with pytest.raises(ValueError, match='OKS constants'):
        DarkDecoder(**SIZES, score='similarity')


@pytest.fixture(scope='module')
def files(stock, tmp_path_factory):
    """A model of similarities; its files, one with covariances alone."""
    import copy
    onnx = pytest.importorskip('onnx')
    pytest.importorskip('onnxscript')
    pytest.importorskip('onnxruntime')
    from mmpose_dark.deploy import PoseNetwork, export_onnx
    folder = tmp_path_factory.mktemp('files')
    model = apply_dark(copy.deepcopy(stock), score='similarity')
    export_onnx(PoseNetwork(model, flip_test=True, return_covariance=True),
                folder / 'pose.onnx')
    # As another tool writes it that knows of covariances only
    file = onnx.load(str(folder / 'pose.onnx'))
    for entry in file.metadata_props:
        if entry.key == 'score':
            entry.value = '"stock"'
    onnx.save(file, str(folder / 'covariance.onnx'))
    return model, folder


def boxes_around(box, num=5):
    x, y, w, h = box
    rng = np.random.default_rng(0)
    corner = np.array([x, y]) + rng.uniform(-.2, .2, (num, 2)) * (w, h)
    return np.concatenate([corner, corner + (w, h) * rng.uniform(
        .7, 1.3, (num, 2))], 1)


@needs_export
@pytest.mark.slow
def test_files_say_what_the_model_says(files, image):
    from mmpose_dark.deploy import PoseRuntime
    model, folder = files
    picture, box = image
    boxes = boxes_around(box)
    found = [s.pred_instances for s in inference_topdown(
        model, picture, boxes)]
    want = np.concatenate([people.keypoint_scores for people in found])
    pose = PoseRuntime(folder / 'pose.onnx', batch_size=2)
    assert pose.metadata['score'] == 'similarity'
    assert pose.metadata['sigmas'][0] == .026
    keypoints, scores, _ = pose(picture, boxes)
    np.testing.assert_allclose(scores, want, atol=2e-4)
    np.testing.assert_allclose(keypoints, np.concatenate(
        [people.keypoints for people in found]), atol=.05)
    assert [put.name for put in pose.session.get_inputs()] == [
        'inputs', 'areas']
    assert pose(picture, np.empty((0, 4)))[1].shape == (0, 17)
    # covariances and the constants in a file will do
    told = PoseRuntime(folder / 'covariance.onnx', score='similarity')
    told.infer = lambda batch, areas: [
        part if i != 1 else part * np.nan for i, part in enumerate(
            pose.infer(batch, areas))]
    np.testing.assert_allclose(told(picture, boxes)[1], want, atol=2e-4)


@needs_export
@pytest.mark.slow
def test_a_file_without_such_scores_says_so(files):
    from mmpose_dark.deploy import PoseRuntime
    _, folder = files
    with pytest.raises(ValueError, match="has no score='stock': write it"):
        PoseRuntime(folder / 'pose.onnx', score='stock')
    with pytest.raises(ValueError, match='score must be one of'):
        PoseRuntime(folder / 'pose.onnx', score='oks')


def test_readers_of_pictures_take_it(stock, image):
    import copy

    from mmpose_dark.visualization.poses import PoseReaders

    readers = PoseReaders(copy.deepcopy(stock), compare=True,
                          score='similarity')
    picture, box = image
    found = readers.predict(picture, boxes_around(box, 1))
    assert readers.models['DARK'].head.score == 'similarity'
    ours, others = (found[name].pred_instances.keypoint_scores
                    for name in ('DARK', 'stock'))
    assert (ours <= 1).all() and abs(ours - others).max() > .1


def test_batches_are_scored_by_their_own_boxes(stock, image):
    """One crop in a batch after another, each with a box of its own."""
    import copy
    model = apply_dark(copy.deepcopy(stock), score='similarity')
    picture, box = image
    boxes = boxes_around(box, 3)
    together = inference_topdown(model, picture, boxes)
    for one, single in zip(together, boxes):
        alone, = inference_topdown(model, picture, single[None])
        np.testing.assert_allclose(one.pred_instances.keypoint_scores,
                                   alone.pred_instances.keypoint_scores,
                                   atol=1e-5)

