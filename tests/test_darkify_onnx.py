"""Files that others wrote, made to end in keypoints."""
import json
import re
import subprocess
import sys
import textwrap
from functools import partial

import numpy as np
import pytest
from mmpose_dark import functional as F
from conftest import needs_export
from mmpose_dark.codecs import build_codec

onnx = pytest.importorskip('onnx')
runtime = pytest.importorskip('onnxruntime')
pytest.importorskip('onnxscript')
pytest.importorskip('torch')

from mmpose_dark.deploy import PoseRuntime, darkify_onnx  # noqa: E402
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

pytestmark = needs_export

K, FLIP = 4, [0, 2, 1, 3]
SIZE, MAP = (48, 64), (12, 16)  # (w, h), (W, H)
CODEC = dict(type='MSRAHeatmap', sigma=1)
VECTORS = dict(type='SimCCLabel', sigma=(2.5, 2.8), normalize=False)
METADATA = dict(mean=[120, 110, 100], std=[60, 55, 50],
                keypoint_names=['nose', 'left', 'right', 'tail'])


def value(name, shape, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def weight(name, array):
    return numpy_helper.from_array(np.ascontiguousarray(array), name)


def kernel(stride=4, num=K, seed=0):
    """Convolutions that blur, so that the maps have wide peaks."""
    rng = np.random.default_rng(seed)
    at = np.arange(4 * stride + 1) - 2 * stride
    row = np.exp(-at**2 / (2. * stride**2)) / stride
    colours = rng.normal(size=(num, 3)).astype(np.float32)
    return (colours[:, :, None, None] * row[:, None] * row).astype('f4')


def conv(stride=4, source='data', to='conv', weights='w', pads=None):
    return helper.make_node(
        'Conv', [source, weights], [to], kernel_shape=[4 * stride + 1] * 2,
        strides=[stride] * 2, pads=pads or [2 * stride] * 4)


def save(path, nodes, outputs, weights, batch=1, opset=18, ir=8,
         weights_as_inputs=False, kind=TensorProto.FLOAT, shape=None):
    """A network of an image of 48x64, written node by node."""
    inputs = [value('data', shape or [batch, 3, *SIZE[::-1]], kind)]
    if weights_as_inputs:
        inputs += [value(w.name, list(w.dims), w.data_type) for w in weights]
    graph = helper.make_graph(nodes, 'net', inputs, outputs, weights)
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid('', opset)], ir_version=ir)
    for part in (model, model.graph, *model.graph.node):
        part.doc_string = 'made in /home/somebody'
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    return path


def old(path):
    """As exporters of 2018 wrote: opset 7, every weight among the inputs."""
    nodes = [
        conv(), helper.make_node(
            'BatchNormalization', ['conv', 'gamma', 'beta', 'mean', 'var'],
            ['norm'], epsilon=1e-5),
        helper.make_node('Upsample', ['norm'], ['heat'], mode='nearest',
                         scales=[1.] * 4)]
    ones = np.ones(K, np.float32)
    weights = [weight('w', kernel()), weight('gamma', ones),
               weight('beta', .5 * ones), weight('mean', 0 * ones),
               weight('var', ones)]
    return save(path, nodes, [value('heat', [1, K, *MAP[::-1]])], weights,
                opset=7, ir=3, weights_as_inputs=True)


def fixed(path, batch=1):
    """Whose sizes, that of the batch too, are written into its nodes."""
    shape = [batch, K, *MAP[::-1]]
    nodes = [conv(), helper.make_node('Reshape', ['conv', 's'], ['heat'])]
    return save(path, nodes, [value('heat', shape)],
                [weight('w', kernel()), weight('s', np.array(shape))], batch)


def functional(path):
    """Of a function of its own, as exporters write them."""
    ours = [helper.make_opsetid('', 18), helper.make_opsetid('own', 1)]
    blur = helper.make_function(
        'own', 'Blur', ['x', 'w'], ['y'], [conv(source='x', to='y')], ours)
    graph = helper.make_graph(
        [helper.make_node('Blur', ['data', 'w'], ['heat'], domain='own')],
        'net', [value('data', ['n', 3, *SIZE[::-1]])],
        [value('heat', ['n', K, *MAP[::-1]])], [weight('w', kernel())])
    onnx.save(helper.make_model(graph, opset_imports=ours, ir_version=8,
                                functions=[blur]), str(path))
    return path


def mixing(path):
    """Which runs two crops at once, and finds in one what is in the other."""
    nodes = [conv(), helper.make_node('ReduceMean', ['conv', 'first'],
                                      ['mean']),
             helper.make_node('Add', ['conv', 'mean'], ['heat'])]
    return save(path, nodes, [value('heat', [1, K, *MAP[::-1]])],
                [weight('w', kernel()), weight('first', np.array([0]))])


def plain(path, batch='batch', opset=18, **options):
    nodes = [conv(to='heat')]
    return save(path, nodes, [value('heat', [batch, K, *MAP[::-1]])],
                [weight('w', kernel())], batch=batch, opset=opset, **options)


def half(path):
    """Of float16, input and output too."""
    nodes = [conv(to='heat')]
    kind = TensorProto.FLOAT16
    return save(path, nodes, [value('heat', ['n', K, *MAP[::-1]], kind)],
                [weight('w', kernel().astype(np.float16))], 'n', kind=kind)


def branched(path):
    """With a graph inside of a node, whose names are of the outer one."""
    inner = [helper.make_graph(
        [helper.make_node(kind, ['conv', 'conv'], [f'{kind}_of_it'])], kind,
        [], [value(f'{kind}_of_it', ['n', K, *MAP[::-1]])])
        for kind in ('Add', 'Sub')]
    nodes = [conv(), helper.make_node('If', ['yes'], ['heat'],
                                      then_branch=inner[0],
                                      else_branch=inner[1])]
    return save(path, nodes, [value('heat', ['n', K, *MAP[::-1]])],
                [weight('w', kernel()), weight('yes', np.array(True))], 'n')


def stages(path):
    """Two stages of heatmaps."""
    nodes = [conv(to='first'),
             helper.make_node('Neg', ['first'], ['second'])]
    outputs = [value(name, ['n', K, *MAP[::-1]])
               for name in ('first', 'second')]
    return save(path, nodes, outputs, [weight('w', kernel())], 'n')


def vectors(path, names=('simcc_y', 'simcc_x'), batch='n'):
    """Of two bins for a pixel; that over y comes first."""
    scale = weight('by', np.array([1, 1, 2], np.float32))
    nodes = [conv(1, to='maps')]
    for name, axis in zip(names, (3, 2)):
        nodes += [helper.make_node('ReduceMean', ['maps', f'a{axis}'],
                                   [f'm{axis}'], keepdims=0),
                  helper.make_node('Resize', [f'm{axis}', '', 'by'], [name],
                                   mode='linear')]
    outputs = [value(name, [batch, K, length])
               for name, length in zip(names, (128, 96))]
    return save(path, nodes, outputs, [
        weight('w', kernel(1)), scale,
        *(weight(f'a{axis}', np.array([axis])) for axis in (2, 3))], batch)


def crops(num=3, seed=1):
    """Crops in which the maps have some peaks."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(num, 3, *SIZE[::-1])).astype(np.float32)


def run(path, inputs, name='inputs', outputs=None):
    session = runtime.InferenceSession(str(path))
    return session.run(outputs, {name: inputs})


def by_hand(path, codec, inputs, outputs, flip=False):
    """The numpy decoder, on what the file puts out crop by crop."""
    def maps(crops):
        kind = onnx.load(str(path)).graph.input[0].type.tensor_type.elem_type
        kind = helper.tensor_dtype_to_np_dtype(kind)
        found = [run(path, crop[None].astype(kind), 'data', outputs)
                 for crop in crops]
        return [np.concatenate(part).astype(np.float32)
                for part in zip(*found)]

    found = maps(inputs)
    if flip:
        how = dict(flip_indices=FLIP, shift=codec.flip_shift[0])
        mirror = maps(np.ascontiguousarray(inputs[..., ::-1]))
        back = (F.flip_simcc(*mirror, **how) if len(mirror) == 2 else
                [F.flip_heatmaps(*mirror, **how)])
        found = [(one + other) / 2 for one, other in zip(found, back)]
    return codec.read(*found, return_covariance=True)


MAPS = build_codec(dict(CODEC, input_size=SIZE, heatmap_size=MAP))
SIMCC = build_codec(dict(VECTORS, input_size=SIZE))
CASES = {
    'old': (old, CODEC, MAPS, ['heat']),
    'fixed': (fixed, CODEC, MAPS, ['heat']),
    'functional': (functional, CODEC, MAPS, ['heat']),
    'mixing': (mixing, CODEC, MAPS, ['heat']),
    'plain': (plain, CODEC, MAPS, ['heat']),
    'half': (half, CODEC, MAPS, ['heat']),
    'branched': (branched, CODEC, MAPS, ['heat']),
    'stages': (stages, CODEC, MAPS, ['second']),
    'vectors': (vectors, VECTORS, SIMCC, ['simcc_x', 'simcc_y']),
}


def agree(got, want):
    """Positions within .01 px, scores and covariances as near."""
    assert np.isfinite(want[0]).all() and (want[1] > 0).mean() > .8
    np.testing.assert_allclose(got[0], want[0], atol=.01)
    np.testing.assert_allclose(got[1], want[1], rtol=1e-3)
    np.testing.assert_allclose(got[2], want[2], rtol=.02, atol=1e-3)


@pytest.mark.parametrize('flip', [False, True], ids=['', 'flip'])
@pytest.mark.parametrize('case', CASES)
def test_ends_in_what_numpy_reads(case, flip, tmp_path):
    make, config, codec, outputs = CASES[case]
    source, target = make(tmp_path / 'in.onnx'), tmp_path / 'out.onnx'
    darkify_onnx(source, target, config, covariance=True,
                 flip_indices=FLIP if flip else None)
    onnx.checker.check_model(str(target), full_check=True)
    want = by_hand(source, codec, crops(), outputs, flip)
    sides = onnx.load(str(target)).graph.input[0].type.tensor_type.shape.dim
    one_by_one = case in ('fixed', 'mixing')
    assert sides[0].dim_value == one_by_one
    for num in (1, ) if one_by_one else (1, 3):
        got = [np.concatenate(part) for part in zip(*(
            run(target, crops()[i:i + num]) for i in range(0, 3, num)))]
        assert [array.shape for array in got] == [
            (3, K, 2), (3, K), (3, K, 2, 2)]
        agree(got, want)


@pytest.mark.parametrize('case', ['old', 'fixed', 'vectors'])
def test_openvino_finds_the_same(case, tmp_path):
    core = pytest.importorskip('openvino').Core()
    make, config, codec, outputs = CASES[case]
    source, target = make(tmp_path / 'in.onnx'), tmp_path / 'out.onnx'
    darkify_onnx(source, target, config, covariance=True, flip_indices=FLIP)
    network = core.compile_model(core.read_model(str(target)), 'CPU',
                                 {'INFERENCE_PRECISION_HINT': 'f32'})
    got = [[found[output] for output in network.outputs] for found in (
        network(crop[None]) for crop in crops())]
    agree([np.concatenate(part) for part in zip(*got)],
          by_hand(source, codec, crops(), outputs, True))


def test_a_newer_opset_stays(tmp_path):
    source = plain(tmp_path / 'in.onnx', opset=21, ir=10)
    target = tmp_path / 'out.onnx'
    darkify_onnx(source, target, CODEC, covariance=True)
    model = onnx.load(str(target))
    assert model.opset_import[0].version == 21 and model.ir_version >= 10
    agree(run(target, crops()), by_hand(source, MAPS, crops(), ['heat']))


def test_a_network_of_torch(tmp_path):
    """Whose output has a name in place of a size that it cannot tell."""
    import torch

    class Network(torch.nn.Module):

        def forward(self, data):
            maps = torch.nn.functional.conv2d(
                data, torch.from_numpy(kernel()), stride=4, padding=8)
            return maps.flatten(2).unflatten(2, MAP[::-1])

    source, target = tmp_path / 'in.onnx', tmp_path / 'out.onnx'
    program = torch.onnx.export(
        Network().eval(), (torch.zeros(2, 3, *SIZE[::-1]), ), dynamo=True,
        input_names=['data'], output_names=['heat'], verbose=False,
        dynamic_shapes=({0: torch.export.Dim('batch', min=1)}, ))
    model = program.model_proto
    for name, at in (('columns', 3), ('rows', 2)):
        model.graph.output[0].type.tensor_type.shape.dim[at].dim_param = name
    del model.graph.value_info[:]
    onnx.save(model, str(source))
    darkify_onnx(source, target, CODEC, covariance=True, flip_indices=FLIP)
    agree(run(target, crops()),
          by_hand(source, MAPS, crops(), ['heat'], True))


def test_what_the_file_says(tmp_path):
    source, target = plain(tmp_path / 'in.onnx'), tmp_path / 'out.onnx'
    darkify_onnx(source, target, CODEC, covariance=True, flip_indices=FLIP,
                 metadata=dict(METADATA, skeleton=[(0, 1)], padding=1.1,
                               bgr_to_rgb=False))
    model = onnx.load(str(target))
    said = {entry.key: json.loads(entry.value)
            for entry in model.metadata_props}
    assert said['codec']['heatmap_size'] == list(MAP)
    assert said['codec']['sigma'] == 1 and said['flip_test'] is True
    assert said['input_size'] == list(SIZE) and said['use_udp'] is False
    assert said['mean'] == [120, 110, 100] and said['skeleton'] == [[0, 1]]
    assert said['padding'] == 1.1 and said['bgr_to_rgb'] is False
    assert said['keypoint_names'] == METADATA['keypoint_names']
    assert b'somebody' not in target.read_bytes()


@pytest.mark.parametrize('make', [plain, fixed, partial(fixed, batch=2)],
                         ids=['any', 'one', 'two'])
def test_runs_on_boxes_of_an_image(make, tmp_path):
    from mmpose_dark.deploy.crop import crop, normalise
    source, target = make(tmp_path / 'in.onnx'), tmp_path / 'out.onnx'
    darkify_onnx(source, target, CODEC, covariance=True, metadata=METADATA)
    rng = np.random.default_rng(3)
    image = rng.integers(0, 256, (90, 120, 3), np.uint8)
    boxes = np.array([[10, 20, 50, 70], [0, 0, 120, 90], [60, 5, 80, 85]])
    pose = PoseRuntime(target, threads=1)
    assert pose.session.get_session_options().intra_op_num_threads == 1
    keypoints, scores, covariances = pose(image, boxes)
    same = plain(tmp_path / 'same.onnx')  # whatever the batch
    for i, box in enumerate(boxes):
        patch, center, scale = crop(image, box, SIZE, 1.25)
        batch = normalise([patch], METADATA['mean'], METADATA['std'])
        want, score, covariance = by_hand(same, MAPS, batch, ['heat'])
        factor = scale / SIZE
        np.testing.assert_allclose(
            keypoints[i], want[0] * factor + center - scale / 2, atol=.03)
        np.testing.assert_allclose(scores[i], score[0], rtol=1e-3)
        np.testing.assert_allclose(
            covariances[i], covariance[0] * factor[0] * factor[1], rtol=.02)
    people = pose.people(image, boxes)
    assert [list(person) for person in people] == 3 * [
        METADATA['keypoint_names']]
    tail = people[2]['tail']
    assert (tail.x, tail.y) == tuple(keypoints[2, 3])
    assert tail.score == scores[2, 3]
    np.testing.assert_array_equal(tail.covariance, covariances[2, 3])
    assert pose.people(image, []) == [] and len(pose(image, [])) == 3


def test_without_a_crop_the_runtime_says_what_lacks(tmp_path):
    source, target = plain(tmp_path / 'in.onnx'), tmp_path / 'out.onnx'
    darkify_onnx(source, target, CODEC, covariance=True)
    assert len(run(target, crops())) == 3
    with pytest.raises(ValueError, match='does not say padding.*darkify_onnx'):
        PoseRuntime(target)


def test_a_ready_set_says_all(tmp_path, monkeypatch):
    """Of a network of the size of those that people have."""
    from mmpose_dark.deploy import darkify
    # What the file says is looked at; another decoder would take its time.
    monkeypatch.setattr(darkify, '_decoder', lambda *options: None)
    monkeypatch.setattr(darkify, '_joined', lambda network, *parts:
                        network.model)
    source, target = tmp_path / 'in.onnx', tmp_path / 'out.onnx'
    save(source, [conv(to='heat')], [value('heat', ['n', 17, 64, 48])],
         [weight('w', kernel(num=17))], shape=['n', 3, 256, 192])
    darkify_onnx(source, target, 'vitpose', flip_indices='names',
                 metadata=dict(padding=1.))
    said = PoseRuntime(target).metadata
    assert said['codec']['use_udp'] is said['use_udp'] is True
    assert said['codec']['heatmap_size'] == [48, 64]
    assert said['codec']['sigma'] == 2 and said['padding'] == 1
    assert said['keypoint_names'][16] == 'right_ankle'
    assert said['sigmas'][11] == .107 and said['skeleton'][0] == [15, 13]
    assert said['mean'][2] == 103.53 and said['flip_test'] is True


# ---- from the command line


def test_the_command_writes_the_same(tmp_path, capsys):
    from mmpose_dark.cli import main
    source = plain(tmp_path / 'in.onnx')
    files = [tmp_path / 'a.onnx', tmp_path / 'b.onnx']
    assert main([
        'export', str(source), '--codec', 'type=MSRAHeatmap', 'sigma=1',
        '--covariance', '--flip-test', '--metadata', 'mean=[120, 110, 100]',
        'std=[60, 55, 50]', "keypoint_names=['nose','left','right','tail']",
        '--outputs', 'heat', '--', str(files[0])]) == 0
    assert 'outputs keypoints, scores, covariances' in capsys.readouterr().out
    darkify_onnx(source, files[1], CODEC, covariance=True, flip_indices=FLIP,
                 metadata=METADATA)
    one, other = (onnx.load(str(path)) for path in files)
    assert one.graph == other.graph
    assert list(one.metadata_props) == list(other.metadata_props)


@pytest.mark.parametrize('arguments, said', [
    ('', 'needs either --like or --codec'),
    ('--like udp --codec sigma=1', 'needs either --like or --codec'),
    ('--like heatmaps', 'invalid choice'),
    ('--codec sigma', "'sigma' is not KEY=VALUE"),
    ('--codec type=MSRAHeatmap', "missing 1 required .*'sigma'"),
    ('--like heatmap --fp16', '--fp16 is for a config'),
    ('--like rtmpose', 'no output has the shape of two vectors'),
    ('--codec type=MSRAHeatmap sigma=1 --flip-test', 'have left and right'),
])
def test_the_command_says_what_is_wrong(arguments, said, tmp_path, capsys):
    from mmpose_dark.cli import main
    source, target = plain(tmp_path / 'in.onnx'), tmp_path / 'out.onnx'
    try:
        status = main(['export', str(source), str(target),
                       *arguments.split()])
    except SystemExit as end:
        status = end.code
    err = capsys.readouterr().err
    assert status == 2 and re.search(said, err.splitlines()[-1])
    assert not target.exists() and 'Traceback' not in err


@pytest.mark.parametrize('case', ['fixed', 'vectors'])
def test_scores_may_be_the_oks_to_expect(case, tmp_path):
    make, config, codec, outputs = CASES[case]
    source, target = make(tmp_path / 'in.onnx'), tmp_path / 'out.onnx'
    sigmas = [.05, .08, .03, .1]
    darkify_onnx(source, target, config, score='similarity',
                 metadata=dict(METADATA, sigmas=sigmas))
    onnx.checker.check_model(str(target), full_check=True)
    areas = np.array([300., 900., 2000.], np.float32)
    session = runtime.InferenceSession(str(target))
    assert len(session.get_outputs()) == 2
    points, _, covariances = by_hand(source, codec, crops(), outputs)
    want = F.expected_oks(covariances.astype(float), areas, np.array(sigmas))
    for i in range(3):
        found = session.run(None, dict(inputs=crops()[i:i + 1],
                                       areas=areas[i:i + 1]))
        np.testing.assert_allclose(found[0][0], points[i], atol=.01)
        np.testing.assert_allclose(found[1][0], want[i], atol=2e-3)
    assert want.max() > .3
    # and by the runtime, of boxes
    pose = PoseRuntime(target)
    assert (pose.metadata['score'], pose.metadata['sigmas']) == (
        'similarity', sigmas)
    image = np.random.default_rng(0).integers(0, 256, (90, 80, 3), np.uint8)
    boxes = np.array([[5., 5., 70., 80.], [20., 10., 60., 50.]])
    scores = pose(image, boxes)[1]
    assert scores.shape == (2, K) and (scores >= 0).all()
    assert (scores <= 1).all()


def test_similarities_need_constants(tmp_path):
    source, target = plain(tmp_path / 'in.onnx'), tmp_path / 'out.onnx'
    for metadata in (None, METADATA, dict(METADATA, sigmas=[.1] * 3)):
        with pytest.raises(ValueError, match='OKS constants of 4 keypoints'):
            darkify_onnx(source, target, CODEC, score='similarity',
                         metadata=metadata)
    with pytest.raises(ValueError, match='OKS constants of 4 keypoints'):
        darkify_onnx(source, target, CODEC,
                     metadata=dict(METADATA, sigmas=[.1] * 3))
    with pytest.raises(ValueError, match='score must be one of'):
        darkify_onnx(source, target, CODEC, score='oks')
    assert not target.exists()


# ---- what is refused


@pytest.mark.parametrize('make, codec, said', [
    (vectors, CODEC, r'no output .*heatmaps.*48x64.*simcc_y \(\?, 4, 128\).*'
     'It has vectors, which a codec of vectors reads'),
    (plain, VECTORS, r'no output .*vectors.*heat \(\?, 4, 16, 12\).*It has '
     'heatmaps'),
    (plain, dict(CODEC, heatmap_size=(24, 32)),
     r'heatmap_size=\(24, 32\), the file heatmap_size=\(12, 16\)'),
    (plain, dict(CODEC, input_size=(64, 48)), 'the file input_size='),
    (vectors, dict(VECTORS, simcc_split_ratio=3.), 'simcc_split_ratio=2'),
    (plain, dict(type='RegressionLabel'), 'no map to read'),
    (plain, dict(type='UDPHeatmap', heatmap_type='combined'), 'combined'),
    (plain, dict(type='MSRAHeatmap', sigma=-1), 'sigma must be'),
    (plain, 'vitpos', 'one of rtmpose, dwpose.*vitpos'),
    (plain, 'rtmpose', 'no output has the shape of two vectors'),
])
def test_a_codec_that_does_not_fit(make, codec, said, tmp_path):
    source, target = make(tmp_path / 'in.onnx'), tmp_path / 'out.onnx'
    with pytest.raises(ValueError, match=said):
        darkify_onnx(source, target, codec)
    assert not target.exists()


def test_inputs_that_are_no_crops(tmp_path):
    target = tmp_path / 'out.onnx'
    maps = value('heat', ['n', K, *MAP[::-1]])
    weights = [weight('w', kernel())]
    for shape, kind, said in (
            (['n', 3, 'h', 'w'], TensorProto.FLOAT,
             r'fixed sizes.*data \(\?, 3, \?, \?\).*make_dynamic_shape_fixed'),
            (['n', 64, 48, 3], TensorProto.FLOAT,
             r'\(B, 3, h, w\), got data \(\?, 64, 48, 3\) of float'),
            (['n', 3, 64, 48], TensorProto.UINT8, 'of uint8')):
        nodes = [conv(to='heat')]
        if kind != TensorProto.FLOAT:
            nodes = [helper.make_node('Cast', ['data'], ['float'], to=1),
                     conv(source='float', to='heat')]
        elif shape[1] != 3:
            nodes = [helper.make_node('Transpose', ['data'], ['t'],
                                      perm=[0, 3, 1, 2]),
                     conv(source='t', to='heat')]
        source = save(tmp_path / 'in.onnx', nodes, [maps], weights,
                      shape=shape, kind=kind)
        with pytest.raises(ValueError, match=said):
            darkify_onnx(source, target, CODEC)
    two = onnx.load(str(plain(tmp_path / 'in.onnx')))
    two.graph.input.append(value('other', [1]))
    onnx.save(two, str(source))
    with pytest.raises(ValueError, match=r'one input.*other \(1\)'):
        darkify_onnx(source, target, CODEC)


def test_several_that_may_be_meant_are_named(tmp_path):
    source, target = tmp_path / 'in.onnx', tmp_path / 'out.onnx'
    nodes = [conv(to='one'), conv(2, to='fine', weights='v')]
    save(source, nodes, [value('one', ['n', K, *MAP[::-1]]),
                         value('fine', ['n', 7, 32, 24])],
         [weight('w', kernel()), weight('v', kernel(2, 7))], 'n')
    with pytest.raises(ValueError, match=r'several.*one .*fine .*outputs='):
        darkify_onnx(source, target, CODEC)
    for wrong in (['none'], ['one', 'fine'], 'data'):
        with pytest.raises(ValueError, match='outputs must name the heatmaps'):
            darkify_onnx(source, target, CODEC, outputs=wrong)
    darkify_onnx(source, target, CODEC, covariance=True, outputs=['one'])
    agree(run(target, crops()), by_hand(source, MAPS, crops(), ['one']))


def test_files_that_are_none(tmp_path):
    target, text = tmp_path / 'out.onnx', tmp_path / 'text.onnx'
    with pytest.raises(OSError):
        darkify_onnx(tmp_path / 'nowhere.onnx', target, CODEC)
    text.write_text('no network')
    with pytest.raises(ValueError, match='text.onnx is no ONNX file'):
        darkify_onnx(text, target, CODEC)
    source = plain(tmp_path / 'in.onnx')
    before = source.read_bytes()
    with pytest.raises(ValueError, match='another file than source'):
        darkify_onnx(source, source, CODEC)
    assert source.read_bytes() == before


@pytest.mark.parametrize('said, metadata', [
    ('metadata must be of mean, .*, got men', dict(METADATA, men=[1])),
    ('must have mean, three numbers', dict(std=[1, 1, 1])),
    ('must have std, three positive', dict(METADATA, std=[1, 0, 1])),
    ('crop and codec must mean', dict(METADATA, use_udp=True)),
    ('4 different names, one for each keypoint, got 2',
     dict(METADATA, keypoint_names=['a', 'b'])),
    ('indices below 4, got', dict(METADATA, skeleton=[(0, 4)])),
    ('bgr_to_rgb must be one of', dict(METADATA, bgr_to_rgb=1)),
    ('padding must be', dict(METADATA, padding=0)),
])
def test_metadata_that_makes_no_sense(said, metadata, tmp_path):
    source = plain(tmp_path / 'in.onnx')
    with pytest.raises(ValueError, match=said):
        darkify_onnx(source, tmp_path / 'out.onnx', CODEC, metadata=metadata)


def test_flip_indices_and_covariances_that_make_no_sense(tmp_path):
    source, target = plain(tmp_path / 'in.onnx'), tmp_path / 'out.onnx'
    for wrong in ([0, 1], [0, 0, 1, 2], 3):
        with pytest.raises(ValueError, match='flip_indices must name each'):
            darkify_onnx(source, target, CODEC, flip_indices=wrong)
    with pytest.raises(ValueError, match="covariances need .*'argmax'"):
        darkify_onnx(source, target, dict(
            type='DarkHeatmap', sigma=1, decoding='argmax'), covariance=True)


# ---- without MMPose


def test_needs_no_mmpose(tmp_path):
    source, target = plain(tmp_path / 'in.onnx'), tmp_path / 'out.onnx'
    script = textwrap.dedent(f'''
        import sys
        for name in ('mmcv', 'mmengine', 'mmpose'):
            sys.modules[name] = None
        from mmpose_dark.deploy import darkify_onnx
        darkify_onnx({str(source)!r}, {str(target)!r},
                     dict(type='DarkHeatmap', sigma=1, decoding='argmax'))
    ''')
    done = subprocess.run([sys.executable, '-c', script], text=True,
                          capture_output=True)
    assert done.returncode == 0, done.stderr
    heat, = run(source, crops(), 'data')
    codec = build_codec(dict(type='DarkHeatmap', sigma=1, decoding='argmax',
                             input_size=SIZE, heatmap_size=MAP))
    for got, want in zip(run(target, crops()), codec.read(heat)):
        np.testing.assert_allclose(got, want, rtol=1e-5)
