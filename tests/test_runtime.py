"""The runtime beside MMPose's pipeline, and where no MMPose is."""
import subprocess
import sys
import textwrap

import cv2
import numpy as np
import pytest
from conftest import needs_mmpose_1_3
from mmpose_dark.deploy.crop import check_boxes, crop, normalise


@pytest.fixture(scope='module')
def image():
    rng = np.random.default_rng(5)
    return rng.integers(0, 256, (240, 320, 3), np.uint8)


def some_boxes(dtype, num=60):
    """Inside, across and outside of the image, of every shape."""
    rng = np.random.default_rng(6)
    corner = rng.uniform(-60, 300, (num, 2))
    size = np.exp(rng.uniform(0, 6, (num, 2)))
    return np.concatenate([corner, corner + size + 1], 1).astype(dtype)


@needs_mmpose_1_3
@pytest.mark.parametrize('dtype', ['f4', 'f8', 'i8'])
@pytest.mark.parametrize('use_udp', [False, True])
@pytest.mark.parametrize('size', [(192, 256), (96, 128), (256, 256)])
def test_crop_is_that_of_mmpose_to_the_last_bit(image, dtype, use_udp, size):
    pytest.importorskip('mmpose')
    from mmpose_dark import DarkHeatmap  # noqa: F401, before mmpose.datasets
    from mmpose.datasets.transforms import GetBBoxCenterScale, TopdownAffine
    for padding in (1.25, 1.):
        steps = (GetBBoxCenterScale(padding),
                 TopdownAffine(size, use_udp=use_udp))
        for box in some_boxes(dtype):
            want = dict(img=image, bbox=box[None])
            for step in steps:
                want = step(want)
            got, center, scale = crop(image, box, size, padding, use_udp)
            np.testing.assert_array_equal(got, want['img'])
            np.testing.assert_array_equal(center, want['input_center'])
            np.testing.assert_array_equal(scale, want['input_scale'])


@pytest.mark.parametrize('bgr_to_rgb', [True, False])
def test_normalises_as_mmpose_does(image, bgr_to_rgb):
    torch = pytest.importorskip('torch')
    pytest.importorskip('mmpose')
    from mmpose_dark import DarkHeatmap  # noqa: F401, before mmpose.models
    from mmpose.models import PoseDataPreprocessor
    mean, std = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]
    crops = [image[:128, :96], image[100:228, 50:146]]
    want = PoseDataPreprocessor(mean, std, bgr_to_rgb=bgr_to_rgb)(dict(
        inputs=[torch.from_numpy(c.transpose(2, 0, 1).copy())
                for c in crops], data_samples=[]))['inputs']
    got = normalise(crops, mean, std, bgr_to_rgb)
    assert got.dtype == np.float32 and got.flags.c_contiguous
    np.testing.assert_array_equal(got, want.numpy())


def test_bad_boxes_are_named():
    for boxes in ([1, 2, 3, 4], [[1, 2, 3]], [['a'] * 4]):
        with pytest.raises(ValueError, match=r'shape \(N, 4\)'):
            check_boxes(boxes)
    for box in ([5, 5, 5, 9], [5, 9, 9, 5], [0, 0, np.nan, 1],
                [0, 0, np.inf, 1]):
        with pytest.raises(ValueError, match='right > left'):
            check_boxes([[0, 0, 1, 1], box])
    assert check_boxes([]).shape == (0, 4)
    # The sum of two corners does not fit into a byte.
    small = np.array([[100, 100, 200, 200]], np.uint8)
    np.testing.assert_array_equal(
        crop(np.zeros((300, 300, 3), np.uint8), check_boxes(small)[0],
             (8, 8))[1], (150, 150))


def tiny_network(path, num=3, size=(8, 6)):
    """A graph whose keypoints are means of its input, by onnx alone."""
    onnx = pytest.importorskip('onnx')
    from onnx import TensorProto, helper
    width, height = size
    node = [
        helper.make_node('ReduceMean', ['inputs', 'axes'], ['m'], keepdims=0),
        helper.make_node('Identity', ['m'], ['scores']),
        helper.make_node('Unsqueeze', ['m', 'last'], ['u']),
        helper.make_node('Concat', ['u', 'u'], ['keypoints'], axis=2),
    ]
    ints = [helper.make_tensor(name, TensorProto.INT64, [len(v)], v)
            for name, v in (('axes', [2, 3]), ('last', [2]))]
    info = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in (('inputs', ['b', 3, height, width]),
                                ('keypoints', ['b', 3, 2]),
                                ('scores', ['b', 3]))]
    model = helper.make_model(
        helper.make_graph(node, 'g', info[:1], info[1:], ints),
        opset_imports=[helper.make_opsetid('', 18)], ir_version=9)
    helper.set_model_props(model, {
        'mmpose_dark': '"0"', 'input_size': f'[{width}, {height}]',
        'padding': '1.0', 'use_udp': 'false', 'bgr_to_rgb': 'true',
        'mean': '[0, 0, 0]', 'std': '[1, 1, 1]',
        'keypoint_names': '["a", "b", "c"]', 'skeleton': '[[0, 1]]'})
    onnx.save(model, path)
    return path


def test_runs_batches_and_maps_back(tmp_path, image):
    pytest.importorskip('onnxruntime')
    from mmpose_dark.deploy.runtime import PoseRuntime
    path = tiny_network(tmp_path / 'tiny.onnx')
    boxes = np.array([[10, 20, 50, 50], [0, 0, 320, 240], [-5, -5, 75, 55]],
                     np.float32)
    got = PoseRuntime(path, batch_size=2)(image, boxes)
    assert [a.shape for a in got] == [(3, 3, 2), (3, 3)]
    for box, points, scores in zip(boxes, *got):
        patch = crop(image, box, (8, 6), 1.)[0]
        means = patch[..., ::-1].astype(np.float32).mean((0, 1))
        np.testing.assert_allclose(scores, means, rtol=1e-5)
        # all of these boxes have the shape of the input
        want = box[:2] + means[:, None] / (8, 6) * (box[2:] - box[:2])
        np.testing.assert_allclose(points, want, rtol=1e-4)
    pose = PoseRuntime(path)
    whole, nobody = pose(image), pose(image, [])
    np.testing.assert_allclose(whole[0], got[0][1:2], rtol=1e-5)
    assert [a.shape for a in nobody] == [(0, 3, 2), (0, 3)]
    for wrong in (image[..., 0], image.astype(np.float32), None):
        with pytest.raises(ValueError, match='uint8'):
            pose(wrong)


def test_a_file_of_another_tool_is_refused(tmp_path):
    pytest.importorskip('onnxruntime')
    onnx = pytest.importorskip('onnx')
    from mmpose_dark.deploy.runtime import PoseRuntime
    path = tiny_network(tmp_path / 'tiny.onnx')
    model = onnx.load(path)
    # as onnxruntime's quantiser does
    onnx.helper.set_model_props(model, {
        **{p.key: p.value for p in model.metadata_props},
        'onnx.infer': 'onnxruntime.quant'})
    onnx.save(model, path)
    metadata = PoseRuntime(path).metadata
    assert metadata['onnx.infer'] == 'onnxruntime.quant'
    assert metadata['input_size'] == [8, 6]
    for batch_size in (0, -1, 1.5, True):
        with pytest.raises(ValueError, match='batch_size must be a positive'):
            PoseRuntime(path, batch_size=batch_size)
        with pytest.raises(ValueError, match='threads must be a positive'):
            PoseRuntime(path, threads=batch_size)
    del model.metadata_props[:]
    onnx.save(model, path)
    with pytest.raises(ValueError, match='export_onnx'):
        PoseRuntime(path)


def test_needs_neither_torch_nor_mmpose(tmp_path, image):
    """With imports of both refused, the numbers are the same."""
    pytest.importorskip('onnxruntime')
    from mmpose_dark.deploy.runtime import PoseRuntime
    path = tiny_network(tmp_path / 'tiny.onnx')
    cv2.imwrite(str(tmp_path / 'image.png'), image)
    box = [[10, 20, 50, 50]]
    script = textwrap.dedent(f'''
        import sys

        class Refuse:
            def find_spec(self, name, path=None, target=None):
                top = name.split('.')[0]
                if top in ('torch', 'torchvision', 'scipy', 'onnx') or (
                        top.startswith('mm') and top != 'mmpose_dark'):
                    raise ImportError(name + ' is refused')

        sys.meta_path.insert(0, Refuse())
        import cv2
        from mmpose_dark.deploy.runtime import PoseRuntime
        pose = PoseRuntime({str(path)!r})
        points, scores = pose(cv2.imread({str(tmp_path / "image.png")!r}),
                              {box})
        print(points.tolist(), '|', scores.tolist())
    ''')
    done = subprocess.run([sys.executable, '-c', script], text=True,
                          capture_output=True)
    assert done.returncode == 0, done.stderr
    points, scores = PoseRuntime(path)(image, box)
    assert done.stdout.strip() == f'{points.tolist()} | {scores.tolist()}'
