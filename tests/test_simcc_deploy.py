"""SimCC: exported networks beside the models, and decoders compared."""
import numpy as np
import pytest
import torch
from mmpose_dark import DarkDecoder, DarkSimCC, apply_dark
from conftest import needs_export
from mmengine.registry import DefaultScope
from mmpose.apis import init_model
from mmpose.registry import KEYPOINT_CODECS
from mmpose.structures import PoseDataSample
from mmpose_dark.deploy import PoseNetwork
from mmpose_dark.deploy.mmdeploy import postprocess
from mmpose_dark.deploy.onnx import export_onnx, metadata
from mmpose_dark.evaluation import (
    Reliability,
    build_test_runner,
    compare,
    predict,
)
from mmpose_dark.synthetic import make_figures
from test_simcc import ENTRIES, RTMPOSE, SIZE, config, joints, labels

SWITCHES = [{}, dict(peak='raw'), dict(modulation=False),
            dict(decoding='shift'), dict(decoding='argmax'),
            dict(normalize=True), dict(decode_visibility=True)]


def noisy(rng, codec):
    """Vectors with and without a peak, and with what is no number."""
    x, y = labels(codec.encode(joints(rng, 0, 1, 20)[0]))
    x, y = (v + .05 * rng.standard_normal(v.shape) for v in (x, y))
    x[0, 0], y[0, 1], x[0, 2, 3], y[0, 3, 5] = 0, -1, np.nan, np.inf
    return [torch.from_numpy(v.astype(np.float32)) for v in (x, y)]


@pytest.mark.parametrize('switches', SWITCHES, ids=str)
def test_decoder_returns_what_the_codec_returns(rng, switches):
    codec = DarkSimCC(**{**RTMPOSE, **switches})
    vectors = noisy(rng, codec)
    keypoints, scores = DarkDecoder.from_codec(codec)(*vectors)
    want, want_scores = codec.batch_decode(*vectors)
    if codec.decode_visibility:
        want_scores, _ = want_scores
    np.testing.assert_allclose(keypoints, np.concatenate(want), atol=2e-3)
    np.testing.assert_allclose(scores, np.concatenate(want_scores), atol=1e-6)
    assert (keypoints[0, :4] == -.5).all()


@needs_export
@pytest.mark.parametrize('switches', [{}, dict(normalize=True)], ids=str)
def test_decoder_is_exported_whole(rng, switches):
    codec = DarkSimCC(**{**RTMPOSE, **switches})
    decoder = DarkDecoder.from_codec(codec)
    vectors = noisy(rng, codec)
    batch = torch.export.Dim('batch', min=1)
    program = torch.export.export(
        decoder, tuple(vectors), strict=False,
        dynamic_shapes=({0: batch}, {0: batch}))
    for num in (1, 2):
        part = [v[:num] for v in vectors]
        for got, want in zip(program.module()(*part), decoder(*part)):
            torch.testing.assert_close(got, want, rtol=0, atol=1e-4)


@pytest.mark.parametrize('entry', ENTRIES, ids=str)
def test_codec_config_builds_the_codec_again(entry):
    codec = DarkSimCC(**entry, peak='raw')
    other = KEYPOINT_CODECS.build(codec.config())
    assert type(other) is DarkSimCC
    for name, value in vars(codec).items():
        np.testing.assert_array_equal(getattr(other, name), value)


def test_what_the_sdk_is_told():
    cfg = config()
    cfg.codec.update(type='mmpose_dark.DarkSimCC', decoding='argmax')
    told = postprocess(cfg)
    assert told['type'] == 'SimCCLabelDecode'
    assert told['params']['simcc_split_ratio'] == 2
    assert told['params']['flip_test'] is True
    del cfg.codec['decoding']
    with pytest.raises(ValueError, match="export.* got decoding='dark'"):
        postprocess(cfg)


# ---- a model on drawn people


@pytest.fixture(scope='module')
def model(tmp_path_factory):
    """A small RTMPose with random weights, and its config."""
    root = tmp_path_factory.mktemp('figures')
    make_figures(root, 6)
    with DefaultScope.overwrite_default_scope('mmpose'):
        cfg = config()
        head = cfg.model.head
        head.out_channels = 17
        pipeline = [
            dict(type='LoadImage'), dict(type='GetBBoxCenterScale'),
            dict(type='TopdownAffine', input_size=SIZE),
            dict(type='PackPoseInputs')]
        cfg.model.data_preprocessor.update(
            mean=[123.7, 116.3, 103.5], std=[58.4, 57.1, 57.4],
            bgr_to_rgb=True)
        cfg.test_dataloader = dict(
            batch_size=3, num_workers=0,
            sampler=dict(type='DefaultSampler', shuffle=False),
            dataset=dict(type='CocoDataset', data_root=str(root),
                         data_mode='topdown', test_mode=True,
                         ann_file='person_keypoints.json',
                         data_prefix=dict(img='images/'),
                         pipeline=pipeline))
        cfg.test_evaluator = dict(
            type='CocoMetric', ann_file=str(root / 'person_keypoints.json'))
        cfg.test_cfg, cfg.default_scope = dict(), 'mmpose'
        torch.manual_seed(0)
        network = init_model(cfg, device='cpu')
        for parameter in network.head.parameters():
            torch.nn.init.normal_(parameter, std=.3)
        yield network


def crops():
    return torch.randn(3, 3, *SIZE[::-1],
                       generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def predicted(model, inputs, flip_test):
    """Keypoints, scores and covariances in input px, by the head itself."""
    feats = model.extract_feat(inputs)
    if flip_test:
        feats = [feats, model.extract_feat(inputs.flip(-1))]

    sample = PoseDataSample(metainfo=dict(
        flip_indices=model.dataset_meta['flip_indices'],
        input_scale=np.array(SIZE), input_size=SIZE))
    found = model.head.predict(feats, [sample] * len(inputs),
                               dict(flip_test=flip_test))
    return (np.concatenate([getattr(p, name) for p in found])
            for name in ('keypoints', 'keypoint_scores',
                         'keypoint_covariances'))


@pytest.mark.slow
@pytest.mark.parametrize('flip_test', [False, True])
def test_network_and_file_predict_what_the_model_does(
        model, flip_test, tmp_path):
    network = PoseNetwork(model, flip_test=flip_test, return_covariance=True)
    assert type(model.head).__name__ == 'RTMCCHead'  # a copy was made DARK
    assert not flip_test or network.exact
    dark = network.model
    dark.head.output_covariance = True
    want, scores, covariances = predicted(dark, crops(), flip_test)
    with torch.no_grad():
        found = network(crops())
    assert np.linalg.norm(found[0] - want, axis=-1).max() < .01
    np.testing.assert_allclose(found[1], scores, atol=1e-4)
    np.testing.assert_allclose(found[2], covariances, rtol=2e-3)
    assert (scores > 0).mean() > .5

    pytest.importorskip('onnxscript')
    runtime = pytest.importorskip('onnxruntime')
    path = tmp_path / 'pose.onnx'
    # One file with covariances and one without, half as long to write
    network.decoder.return_covariance = flip_test
    export_onnx(network, path)
    session = runtime.InferenceSession(str(path))
    assert len(session.get_outputs()) == 2 + flip_test
    for num in (1, 3):
        found = session.run(None, dict(inputs=crops()[:num].numpy()))
        apart = np.linalg.norm(found[0] - want[:num], axis=-1)
        assert apart.max() < .01
        np.testing.assert_allclose(found[1], scores[:num], atol=1e-4)
        if flip_test:
            np.testing.assert_allclose(found[2], covariances[:num], rtol=2e-3)
    assert metadata(network)['codec']['type'] == 'DarkSimCC'

    core = pytest.importorskip('openvino').Core()
    compiled = core.compile_model(core.read_model(str(path)), 'CPU',
                                  {'INFERENCE_PRECISION_HINT': 'f32'})
    found = compiled(crops().numpy())
    got, tops = (found[compiled.outputs[i]] for i in (0, 1))
    assert np.linalg.norm(got - want, axis=-1).max() < .01
    np.testing.assert_allclose(tops, scores, atol=1e-4)


def test_covariances_of_another_loss_are_not_exported(model, monkeypatch):
    monkeypatch.setattr(model.head.loss_module, 'label_beta', 5.,
                        raising=False)
    with pytest.raises(ValueError, match='label_beta=10'):
        PoseNetwork(model, return_covariance=True)
    PoseNetwork(model)


def test_decoders_are_compared(model, tmp_path):
    cfg = model.cfg
    cfg.env_cfg = dict(dist_cfg=dict(backend='nccl'))
    runner = build_test_runner(cfg, None, tmp_path)
    kept = predict(runner)
    assert isinstance(kept.codec, DarkSimCC)
    stock = kept.merged('stock')
    swap = kept.flip_indices
    np.testing.assert_allclose(
        stock[0], (kept.outputs[0] +
                   kept.flipped[0][:, swap, ::-1]) / 2, atol=1e-6)
    np.testing.assert_allclose(
        stock[1], (kept.outputs[1] + kept.flipped[1][:, swap]) / 2,
        atol=1e-6)
    found = Reliability.of(kept, kept.merged('exact'))
    assert np.isfinite(found.nll())
    # told in input px, whatever a bin is
    points, _, covariances = kept.decode(kept.merged('exact'), True)
    seen = found.people, found.joints
    np.testing.assert_allclose(found.covariances, covariances[seen])
    np.testing.assert_allclose(found.errors, kept.errors(points)[seen])
    rows = compare(kept, runner.test_evaluator.metrics[0])
    assert len(rows) == 16
    # The first is the config's own, here the highest bin as MMPose merges it.
    assert (rows[0]['merge'], rows[0]['decoder']) == (
        'stock', 'SimCCLabel, as configured')
    same = next(row for row in rows if row['decoder'] == 'argmax'
                and row['merge'] == 'stock')
    assert rows[0]['metrics'] == same['metrics']
    assert all(np.isfinite(row['median_px']) for row in rows)
    # those of the model as it is: the stock merge, the highest bin
    apply_dark(runner.model, flip_shift='stock', decoding='argmax')
    (batch, *_) = runner.test_dataloader
    with torch.no_grad():
        out = runner.model.test_step(batch)
    points, _ = kept.decode(stock, decoding='argmax')
    np.testing.assert_allclose(
        [sample.pred_instances.keypoints[0] for sample in out],
        kept.to_image(points)[:len(out)], rtol=1e-4, atol=1e-2)
