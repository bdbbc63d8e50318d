"""The decoder as a module, and exported networks beside the models."""
import copy
import json
import sys
from pathlib import Path

import mmpose_dark
import numpy as np
import pytest
import torch
from mmpose_dark import (
    DarkDecoder,
    DarkHeatmap,
    DarkMegviiHeatmap,
    DarkPoseHeatmap,
    darkify,
)
from conftest import TOOLS, needs_export, run_command, run_tool
from mmengine.dataset import pseudo_collate
from mmpose.codecs import MSRAHeatmap
from mmpose_dark.synthetic import make_figures

FIGURES = TOOLS.parent / 'configs/body_2d_keypoint/topdown_heatmap/figures'
GEOMETRY = dict(input_size=(96, 128), heatmap_size=(24, 32), sigma=1)
SWITCHES = [
    {},
    dict(peak='raw'),
    dict(peak='raw', blur_kernel_size=11),
    dict(modulation=False),
    dict(decoding='shift'),
    dict(decoding='argmax'),
    dict(use_udp=True),
]
#: kinds of ONNX nodes that TensorRT's parser takes (its operators.md)
KNOWN = set('''
    Abs Add And ArgMax BatchNormalization Cast Ceil Clip Concat
    Constant Conv ConvTranspose Div Einsum Equal Exp Expand Floor
    Gather GatherElements GatherND Gemm GlobalAveragePool Greater
    GreaterOrEqual Identity IsInf IsNaN Less LessOrEqual Log MatMul
    Max MaxPool Min Mod Mul Neg Not Or Pow Range Reciprocal ReduceMax
    ReduceSum Relu Reshape Shape Sigmoid Sign Slice Softmax Split Sqrt
    Squeeze Sub Transpose Unsqueeze Where'''.split())


def maps_with_peaks(batch=4, num=9, seed=0, size=(24, 32)):
    """Noisy Gaussians, at the border too, and maps that hold no keypoint."""
    rng = np.random.default_rng(seed)
    width, height = size
    x, y = rng.uniform(-1, 1, (2, batch, num, 1, 1)) * .55 + .5
    maps = np.exp(-((np.arange(width) - x * width)**2 +
                    (np.arange(height)[:, None] - y * height)**2) / 2)
    maps = maps + .03 * rng.standard_normal(maps.shape)
    maps[0, 0] = 0
    maps[0, 1] = -1
    maps[0, 2, 3, 3] = np.nan
    maps[0, 3, 3, 3] = np.inf
    maps[0, 4] = np.nan
    return torch.from_numpy(maps.astype(np.float32))


def stacked(codec, maps, **kwargs):
    return [np.concatenate(part) for part in
            codec.batch_decode(maps.numpy(), **kwargs)]


@pytest.mark.parametrize('switches', SWITCHES, ids=str)
def test_returns_what_the_codec_returns(switches):
    codec = DarkHeatmap(**GEOMETRY, **switches)
    maps = maps_with_peaks()
    for decoder in (DarkDecoder(**GEOMETRY, **switches),
                    DarkDecoder.from_codec(codec)):
        keypoints, scores = decoder(maps)
        want = stacked(codec, maps)
        np.testing.assert_allclose(keypoints, want[0], atol=2e-3)
        np.testing.assert_allclose(scores, want[1], atol=1e-6)
        assert not list(decoder.parameters()) and not decoder.state_dict()
    absent = keypoints[0, :5] / np.divide(
        codec.input_size, np.subtract(codec.heatmap_size, codec.use_udp))
    np.testing.assert_allclose(absent, -1, rtol=1e-6)
    halves = decoder(maps.half().float()), decoder(maps.half())
    torch.testing.assert_close(halves[0], halves[1], rtol=0, atol=0)


def test_covariances_are_those_of_the_codec():
    maps = maps_with_peaks()
    got = DarkDecoder(**GEOMETRY, return_covariance=True)(maps)
    want = stacked(DarkHeatmap(**GEOMETRY), maps, return_covariance=True)
    assert got[2].shape == (4, 9, 2, 2)
    np.testing.assert_allclose(got[2], want[2], rtol=2e-3, atol=1e-5)


def test_of_megvii():
    codec = DarkMegviiHeatmap((192, 256), (48, 64), kernel_size=11)
    maps = 255 * maps_with_peaks(size=(48, 64))
    keypoints, scores = DarkDecoder.from_codec(codec)(maps)
    want = stacked(codec, maps)
    np.testing.assert_allclose(keypoints, want[0], atol=2e-3)
    np.testing.assert_allclose(scores, want[1], atol=1e-5)


def test_codec_config_builds_the_codec_again():
    from mmpose.registry import KEYPOINT_CODECS
    for codec in (DarkHeatmap(**GEOMETRY, peak='raw', blur_kernel_size=5),
                  DarkMegviiHeatmap((192, 256), (48, 64), kernel_size=11,
                                    decoding='shift')):
        config = json.loads(json.dumps(codec.config()))
        again = KEYPOINT_CODECS.build(dict(config))
        assert type(again) is type(codec)
        assert again.config() == codec.config()
        assert again.sigma == codec.sigma


def test_bad_arguments_are_named():
    with pytest.raises(TypeError, match='got a MSRAHeatmap'):
        DarkDecoder.from_codec(MSRAHeatmap(**GEOMETRY))
    with pytest.raises(ValueError, match="decoding='shift'"):
        DarkDecoder(**GEOMETRY, decoding='shift', return_covariance=True)
    with pytest.raises(ValueError, match='heatmap_size'):
        DarkDecoder(**GEOMETRY)(torch.zeros(1, 2, 24, 32))
    with pytest.raises(TypeError, match='sigmoid'):
        DarkDecoder(**GEOMETRY, sigmoid=True)


@needs_export
@pytest.mark.slow
@pytest.mark.parametrize('switches', [{}, dict(peak='raw')], ids=str)
def test_exports_and_compiles_whole(switches):
    """Without a graph break; any batch size, by a program for one."""
    decoder = DarkDecoder(**GEOMETRY, return_covariance=True, **switches)
    program = torch.export.export(
        decoder, (maps_with_peaks(2), ),
        dynamic_shapes=dict(heatmaps={0: torch.export.Dim('batch', min=1)}))
    # refuses every graph break
    compiled = torch.compile(decoder, fullgraph=True, backend='aot_eager')
    for run, batch in ((program.module(), 1), (program.module(), 5),
                       (compiled, 5)):
        maps = maps_with_peaks(batch, seed=batch)
        for got, want in zip(run(maps), decoder(maps)):
            torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-4)


# ---- whole networks


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp('figures')
    make_figures(root / 'val', 24, seed=3)
    return root


STOCK = str(FIGURES / 'td-hm_res18-thin_1xb64-8e_figures-128x96.py')
CHECKPOINT = str(FIGURES / 'td-hm_res18-thin_figures-128x96.pth')


class Case:
    """A model, its file, and both on the same crops."""

    def __init__(self, data, path, flip_test, by_tool=False, **kwargs):
        from mmpose.apis import init_model
        from mmpose.registry import DATASETS
        from mmpose_dark.config import load_config
        from mmpose_dark.deploy import PoseNetwork, export_onnx
        cfg = darkify(load_config(STOCK), head=True)
        cfg.model.test_cfg.flip_test = flip_test
        self.model = init_model(cfg, CHECKPOINT, 'cpu')
        self.path = path
        if by_tool:
            assert run_command('export', STOCK, CHECKPOINT, path,
                               '--flip-test') == 0
        else:
            export_onnx(PoseNetwork(self.model, flip_test, **kwargs), path)
        dataset = DATASETS.build(dict(
            cfg.test_dataloader.dataset, data_root=str(data),
            ann_file='val/person_keypoints.json',
            data_prefix=dict(img='val/images/')))
        self.batch = pseudo_collate(
            [dataset[i] for i in range(len(dataset))])
        self.inputs = self.model.data_preprocessor(
            dict(self.batch), False)['inputs'].numpy()

    def predicted(self):
        """What tools/test.py predicts: keypoints in input px, scores."""
        with torch.no_grad():
            samples = self.model.test_step(self.batch)
        points = [
            (s.pred_instances.keypoints[0] - s.input_center) / s.input_scale *
            s.input_size + np.array(s.input_size) / 2 for s in samples]
        return np.array(points), np.array(
            [s.pred_instances.keypoint_scores[0] for s in samples])


def run_onnx(path, inputs):
    ort = pytest.importorskip('onnxruntime')
    session = ort.InferenceSession(
        str(path), providers=['CPUExecutionProvider'])
    return session.run(None, {'inputs': inputs})


@pytest.fixture(scope='module')
def single(data, tmp_path_factory):
    pytest.importorskip('onnxscript')
    return Case(data, tmp_path_factory.mktemp('single') / 'pose.onnx', False,
                return_covariance=True)


@pytest.fixture(scope='module')
def flipped(data, tmp_path_factory):
    """A stock config, exported from the command line."""
    pytest.importorskip('onnxscript')
    folder = tmp_path_factory.mktemp('flip') / 'new folder'
    return Case(data, folder / 'pose.onnx', True, by_tool=True)


@pytest.mark.slow
@pytest.mark.parametrize('name', ['single', 'flipped'])
def test_predicts_what_the_model_predicts(name, request):
    case = request.getfixturevalue(name)
    want, want_scores = case.predicted()
    for batch in (1, 7, len(want)):
        got, scores = run_onnx(case.path, case.inputs[:batch])[:2]
        assert np.linalg.norm(got - want[:batch], axis=-1).max() < 0.01
        np.testing.assert_allclose(scores, want_scores[:batch], atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize('name', ['single', 'flipped'])
def test_openvino_predicts_what_the_model_predicts(name, request):
    openvino = pytest.importorskip('openvino')
    case = request.getfixturevalue(name)
    core = openvino.Core()
    # Its default on CPUs that have bfloat16 is to compute in that.
    network = core.compile_model(core.read_model(str(case.path)), 'CPU',
                                 {'INFERENCE_PRECISION_HINT': 'f32'})
    want, want_scores = case.predicted()
    result = network(case.inputs)
    got, scores = (result[network.outputs[i]] for i in (0, 1))
    assert np.linalg.norm(got - want, axis=-1).max() < 0.01
    np.testing.assert_allclose(scores, want_scores, atol=1e-4)


@pytest.mark.slow
def test_the_flip_test_is_merged_exactly(flipped, data, tmp_path):
    """And not where the config's head does not do so."""
    from mmpose_dark.deploy import PoseNetwork
    network = PoseNetwork(flipped.model, flip_test=True)
    assert network.exact
    with torch.no_grad():
        exact = network(torch.from_numpy(flipped.inputs))[0].numpy()
    want, _ = flipped.predicted()
    assert np.abs(exact - want).max() < 0.01
    stock = PoseNetwork(flipped.model, flip_test=True)
    stock.exact = False  # and as the stock config says
    stock.model.test_cfg['shift_heatmap'] = True
    with torch.no_grad():
        whole = stock(torch.from_numpy(flipped.inputs))[0].numpy()
    # half of a quarter of a heatmap pixel, at stride 4
    assert np.median((whole - exact)[..., 0]) == pytest.approx(.5, abs=.1)


@pytest.mark.slow
def test_float16(data, tmp_path):
    pytest.importorskip('onnxscript')
    case = Case(data, tmp_path / 'pose.onnx', False, half=True)
    # Whoever normalises for it does not know of float16.
    onnx = pytest.importorskip('onnx')
    meta = {p.key: json.loads(p.value)
            for p in onnx.load(case.path).metadata_props}
    assert meta['half'] is True
    for key, want in (('mean', [123.675, 116.28, 103.53]),
                      ('std', [58.395, 57.12, 57.375])):
        np.testing.assert_array_equal(np.float32(meta[key]), np.float32(want))
    want, scores = case.predicted()
    got, _ = run_onnx(case.path, case.inputs)
    apart = np.linalg.norm(got - want, axis=-1)
    # A faint map may have two maxima that rounding ranks otherwise.
    assert apart[scores > .3].max() < 0.05
    assert (scores > .3).mean() > .5 and np.median(apart) < 0.01
    assert apart.max() > 1e-4  # it is another network


@pytest.mark.slow
def test_a_network_is_where_its_model_is(single):
    from mmpose_dark.deploy import PoseNetwork, metadata
    model = copy.deepcopy(single.model).to('meta')
    network = PoseNetwork(model, flip_test=True)
    assert {tensor.device.type for tensor in (
        *network.parameters(), *network.buffers())} == {'meta'}
    del model.cfg, model.dataset_meta
    with pytest.raises(ValueError, match='dataset_meta.*init_model'):
        PoseNetwork(model, flip_test=True)
    with pytest.raises(ValueError, match='cfg.*init_model'):
        metadata(PoseNetwork(model))


@pytest.mark.slow
def test_batch_norms_are_folded_where_they_belong(single):
    """A norm listed after another convolution's is left alone."""
    from mmpose_dark.deploy.network import PoseNetwork, _with_norms_folded
    from torch.nn import BatchNorm2d

    def norms(model):
        return sum(isinstance(m, BatchNorm2d) for m in model.modules())

    model = single.model
    inputs = torch.from_numpy(single.inputs[:2])
    assert norms(model) > 10
    folded = _with_norms_folded(model, (96, 128))
    assert norms(folded) < norms(model) / 2
    assert norms(PoseNetwork(model, half=True)) == norms(folded)
    assert norms(PoseNetwork(model)) == norms(model)
    with torch.no_grad():
        torch.testing.assert_close(
            folded._forward(inputs), model._forward(inputs), rtol=0, atol=1e-4)

    class Crossed(torch.nn.Module):
        """The norm runs first and is listed last."""

        def __init__(self, between):
            super().__init__()
            self.conv = torch.nn.Conv2d(3, between, 1)
            self.norm = torch.nn.BatchNorm2d(3)
            torch.nn.init.constant_(self.norm.bias, 1.)

        def _forward(self, inputs):
            return self.conv(self.norm(inputs))

    for between in (3, 5):
        crossed = Crossed(between).eval()
        assert _with_norms_folded(crossed, (8, 8)) is crossed


@pytest.mark.slow
def test_the_file_does_not_say_where_it_was_made(single, flipped):
    """No folder of this machine, no lines of code, no notes of torch."""
    import mmpose
    onnx = pytest.importorskip('onnx')
    places = [Path(module.__file__).parents[1]
              for module in (torch, mmpose, mmpose_dark)]
    for case in (single, flipped):
        content = case.path.read_bytes()
        for told in (*map(str, places), str(Path.home()), 'site-packages',
                     'Traceback', 'File "', 'pkg.torch'):
            assert told.encode() not in content
        # nothing is said beside the graph but what says how to use it
        file = onnx.load(case.path)
        assert not any(node.metadata_props or node.doc_string
                       for node in file.graph.node)
        assert 'input_size' in {p.key for p in file.metadata_props}


@pytest.mark.slow
def test_the_file_is_whole_and_says_what_it_is(single, flipped):
    onnx = pytest.importorskip('onnx')
    for case in (single, flipped):
        assert [p.name for p in case.path.parent.iterdir()] == ['pose.onnx']
        file = onnx.load(case.path)
        onnx.checker.check_model(file, full_check=True)
        assert {node.op_type for node in file.graph.node} <= KNOWN
        assert [(o.domain, o.version) for o in file.opset_import
                if o.domain in ('', 'ai.onnx')] == [('', 18)]
        dims = file.graph.input[0].type.tensor_type.shape.dim
        assert dims[0].dim_param and [d.dim_value for d in dims[1:]] == [
            3, 128, 96]
    assert [o.name for o in onnx.load(single.path).graph.output] == [
        'keypoints', 'scores', 'covariances']
    meta = {p.key: json.loads(p.value) for p in file.metadata_props}
    assert meta['input_size'] == [96, 128] and meta['padding'] == 1.25
    np.testing.assert_allclose(meta['mean'], [123.675, 116.28, 103.53])
    np.testing.assert_allclose(meta['std'], [58.395, 57.12, 57.375])
    assert meta['bgr_to_rgb'] is True and meta['use_udp'] is False
    assert meta['keypoint_names'][:2] == ['nose', 'left_eye']
    assert len(meta['keypoint_names']) == 17 and [15, 13] in meta['skeleton']
    assert meta['codec']['type'] == 'DarkHeatmap'
    assert meta['codec']['sigma'] == 1 and meta['flip_test'] is True


@pytest.mark.slow
def test_runtime_finds_what_mmpose_finds(single, data):
    import cv2
    from mmpose.apis import inference_topdown
    from mmpose_dark.deploy import PoseRuntime
    pytest.importorskip('onnxruntime')
    pose = PoseRuntime(single.path)
    image = cv2.imread(str(sorted((data / 'val/images').iterdir())[0]))
    height, width = image.shape[:2]
    boxes = np.array([[0, 0, width, height], [20.5, 10, 90, 120]], np.float32)
    single.model.head.output_covariance = True
    for given in (boxes, None):
        want = inference_topdown(single.model, image, given)
        keypoints, scores, covariances = pose(image, given)
        for i, sample in enumerate(want):
            people = sample.pred_instances
            factor = sample.input_scale / sample.input_size
            off = (keypoints[i] - people.keypoints[0]) / factor
            assert np.linalg.norm(off, axis=-1).max() < 0.01
            np.testing.assert_allclose(
                scores[i], people.keypoint_scores[0], atol=1e-4)
            np.testing.assert_allclose(
                covariances[i], people.keypoint_covariances[0],
                rtol=.02, atol=1e-3)
    single.model.head.output_covariance = False


@pytest.mark.slow
def test_check_export(flipped, data, capsys):
    def check(checkpoint):
        return run_command(
            'check-export', STOCK, flipped.path, checkpoint, '--cfg-options',
            f'test_dataloader.dataset.data_root={data}',
            'test_dataloader.num_workers=0',
            'test_dataloader.persistent_workers=False',
            f'test_evaluator.ann_file={data}/val/person_keypoints.json')

    assert check(CHECKPOINT) == 0
    said = capsys.readouterr().out
    rows = (line.strip('| ').split('|') for line in said.splitlines())
    (_, *aps), = (row for row in rows
                  if row[0].strip() == 'coco/AP' and len(row) == 4)
    stock, dark, exported = (float(ap) for ap in aps)
    assert min(stock, dark) > .2 and stock != dark
    assert exported == pytest.approx(dark, abs=2e-4)
    assert '24 persons, with flip test' in said
    apart = float(said.rpartition(' at most')[0].split()[-1])
    assert apart < .01
    assert said.endswith(f'is the same as {CHECKPOINT}.\n')
    # and of another network
    other = FIGURES / 'td-hm_res18-thin_dark_figures-128x96.pth'
    assert check(other) == 1
    assert 'IS NOT the same' in capsys.readouterr().out


@pytest.mark.slow
def test_benchmark(tmp_path):
    """One round of the tool that writes the table in docs/deploy.md.

    Of the decoder that is exported soonest.
    """
    pytest.importorskip('onnxscript')
    config, out = tmp_path / 'shift.py', tmp_path / 'times.json'
    darkify(STOCK, decoding='shift').dump(config)
    run_tool('benchmark/exported.py', config, '--batch', 2, '--rounds', 1,
             '--out', out)
    rows = json.loads(out.read_text())['rows']
    assert [row['part'] for row in rows] == ['network', 'decoding']
    assert all(row['ratio'] == pytest.approx(
        row['ms']['stock'] / row['ms']['exported']) for row in rows)


# ---- mmdeploy


def test_what_the_sdk_is_told():
    def told(**options):
        found = DarkHeatmap((192, 256), (48, 64), **options).sdk({})
        assert found['type'] == 'TopdownHeatmapSimpleHeadDecode'
        return found['params']

    for options, kernel in ((dict(sigma=2), 11), (dict(sigma=3), 17),
                            (dict(sigma=1), 5), (dict(sigma=.1), 3),
                            (dict(sigma=2, blur_kernel_size=7), 7)):
        assert told(**options) == dict(
            post_process='unbiased', modulate_kernel=kernel, use_udp=False)
    assert told(sigma=2, decoding='shift') == dict(
        post_process='default', use_udp=False)
    assert told(sigma=2, use_udp=True)['use_udp'] is True
    # With use_udp the SDK decodes by DARK whatever it is told.
    for options in (dict(decoding='argmax'), dict(modulation=False),
                    dict(decoding='shift', use_udp=True)):
        with pytest.raises(ValueError, match='the SDK has'):
            told(sigma=2, **options)
    # Its alignment is not that of the SDK, nor its scores.
    for codec in (DarkPoseHeatmap((96, 128), (24, 32), sigma=1),
                  DarkMegviiHeatmap((192, 256), (48, 64), kernel_size=11)):
        with pytest.raises(ValueError, match='the SDK cannot read'):
            codec.sdk({})


def test_register_adds_to_what_mmdeploy_has(monkeypatch):
    """With a module of the shape of mmdeploy's; the next test has the real."""
    from types import ModuleType, SimpleNamespace

    from mmengine.config import Config
    from mmengine.registry import Registry
    from mmpose_dark.deploy.mmdeploy import register
    registry = Registry('mmpose tasks')

    @registry.register_module('PoseDetection')
    class PoseDetection:

        def __init__(self, model_cfg):
            self.model_cfg = model_cfg

        def get_postprocess(self):
            return 'of mmdeploy'

    name = 'mmdeploy.codebase.mmpose.deploy'
    module = ModuleType(name)
    module.pose_detection = SimpleNamespace(
        MMPOSE_TASK=registry, PoseDetection=PoseDetection)
    monkeypatch.setitem(sys.modules, name, module)
    for parent in ('mmdeploy', 'mmdeploy.codebase',
                   'mmdeploy.codebase.mmpose'):
        monkeypatch.setitem(sys.modules, parent, ModuleType(parent))
    register()
    task = registry.get('PoseDetection')
    stock = Config.fromfile(STOCK)
    assert task(stock).get_postprocess() == 'of mmdeploy'
    assert task(darkify(STOCK)).get_postprocess() == dict(
        type='TopdownHeatmapSimpleHeadDecode',
        params=dict(stock.model.test_cfg, post_process='unbiased',
                    modulate_kernel=5, use_udp=False))


def test_mmdeploy_writes_sdk_files():
    pytest.importorskip('mmdeploy')
    from mmdeploy.apis.utils import build_task_processor
    from mmengine.config import Config
    from mmpose_dark.deploy.mmdeploy import register
    register()
    cfg = darkify(STOCK)
    deploy = Config(dict(
        codebase_config=dict(type='mmpose', task='PoseDetection'),
        onnx_config=dict(input_shape=[96, 128]),
        backend_config=dict(type='onnxruntime')))
    task = build_task_processor(cfg, deploy, 'cpu')
    told = task.get_postprocess()
    assert told['type'] == 'TopdownHeatmapSimpleHeadDecode'
    assert told['params']['post_process'] == 'unbiased'
    stock = Config.fromfile(STOCK)
    told = build_task_processor(stock, deploy, 'cpu').get_postprocess()
    assert told['params']['post_process'] == 'default'
