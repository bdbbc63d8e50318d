"""mmpose-dark demo VIDEO --smooth: of a model, and of an exported file."""
import json
from functools import partial

import cv2
import numpy as np
import pytest

pytest.importorskip('mmpose')

import mmpose_dark  # noqa: F401  before any part of MMPose
from mmpose_dark import synthetic
from conftest import run_command
from mmpose_dark.cli import video
from mmpose_dark.visualization import files
from test_runtime import tiny_network

FRAMES = 16


@pytest.fixture(scope='module')
def drawn(tmp_path_factory):
    """A video of one person, and where the person is: not in frames 5 to 7."""
    folder = tmp_path_factory.mktemp('drawn')
    path = synthetic.make_video(folder, FRAMES, 1, seed=3)
    content = json.loads(path.read_text())
    content['annotations'] = [one for one in content['annotations']
                              if not 6 <= one['image_id'] <= 8]
    assert len(content['annotations']) == FRAMES - 3
    path.write_text(json.dumps(content))
    return folder


@pytest.fixture
def demo(drawn, tmp_path, monkeypatch):
    """Run it on the video; its status and predictions.json."""
    monkeypatch.setattr('socket.setdefaulttimeout', lambda seconds: None)

    def go(*args):
        out = tmp_path / 'out'
        status = run_command(
            'demo', drawn / 'people.mp4', '--bboxes',
            drawn / 'person_keypoints.json', '--smooth', *args, '--out', out)
        result = out / 'predictions.json'
        return status, (json.loads(result.read_text())
                        if result.exists() else None)

    return go


@pytest.fixture
def network(tmp_path):
    """A file that finds the mean colours, unsure by a pixel."""
    onnx = pytest.importorskip('onnx')
    from onnx import TensorProto, helper, numpy_helper
    path = tiny_network(tmp_path / 'tiny.onnx')
    model = onnx.load(path)
    spread = numpy_helper.from_array(np.eye(2, dtype='f4')[None, None], 'eye')
    none = numpy_helper.from_array(np.zeros((1, 1, 1, 1), 'f4'), 'none')
    ends = helper.make_tensor('ends', TensorProto.INT64, [2], [2, 3])
    model.graph.initializer.extend([spread, none, ends])
    model.graph.node.extend([
        helper.make_node('Unsqueeze', ['m', 'ends'], ['four']),
        helper.make_node('Mul', ['four', 'none'], ['zeros']),
        helper.make_node('Add', ['zeros', 'eye'], ['covariances'])])
    model.graph.output.append(helper.make_tensor_value_info(
        'covariances', TensorProto.FLOAT, ['b', 3, 2, 2]))
    said = {one.key: one.value for one in model.metadata_props}
    # Colours from 0 to 1: so far from the corner of a crop, in its pixels.
    del model.metadata_props[:]
    helper.set_model_props(model, {**said, 'std': '[255, 255, 255]',
                                   'codec': '{}'})
    onnx.save(model, path)
    return path


def first_frame(path):
    """It, and how many there are."""
    with files.opened(files.Source(str(path), path.name)) as images:
        return next(iter(images)), len(images)


def check(content, joints):
    """One person all the way, bridged where nobody was found."""
    assert [i['frame_id'] for i in content['images']] == list(range(FRAMES))
    people = content['annotations']
    assert sorted(p['image_id'] for p in people) == list(range(1, FRAMES + 1))
    assert {p['track_id'] for p in people} == {0}
    assert sorted(p['id'] for p in people) == list(range(1, FRAMES + 1))
    for person in people:
        smoothed = np.reshape(person['smoothed_keypoints'], (joints, 3))
        spread = np.array(person['smoothed_covariances'])
        assert np.isfinite(smoothed).all()
        assert (np.linalg.eigvalsh(spread) > 0).all()
        missed = 6 <= person['image_id'] <= 8
        assert ('keypoint_covariances' in person) != missed
        assert person['num_keypoints'] == (0 if missed else joints)
    x = {p['image_id']: p['bbox'][0] for p in people}
    assert min(x[5], x[9]) <= x[7] <= max(x[5], x[9])


def test_a_model(demo, drawn, tmp_path):
    status, content = demo('--figures', '--compare', '--uncertainty')
    assert status == 0
    check(content, 17)
    truth = {one['image_id']: np.reshape(one['keypoints'], (17, 3))
             for one in json.loads((drawn / 'person_keypoints.json')
                                   .read_text())['annotations']}
    off = {name: np.concatenate([
        np.linalg.norm(np.reshape(one[name], (17, 3))[:, :2] -
                       truth[one['image_id']][:, :2], axis=1)[
                           truth[one['image_id']][:, 2] > 0]
        for one in content['annotations'] if one['image_id'] in truth])
        for name in ('keypoints', 'smoothed_keypoints')}
    assert np.median(off['smoothed_keypoints']) < 4
    assert 0 < np.abs(off['smoothed_keypoints'] - off['keypoints']).mean() < 4
    # Both side by side, each with a legend of the ellipse.
    (before, num), (after, drawn_on) = map(first_frame, (
        drawn / 'people.mp4', tmp_path / 'out/visualizations/people.mp4'))
    assert num == drawn_on == FRAMES
    assert after.shape[1] == 2 * before.shape[1]
    assert after.shape[0] > before.shape[0]


def test_an_exported_file(demo, network, tmp_path):
    pytest.importorskip('onnxruntime')
    status, content = demo('--onnx', network, '--kpt-thr', .1)
    assert status == 0
    check(content, 3)
    status, again = demo('--onnx', network, '--kpt-thr', .1, '--compare')
    assert again == content


def test_a_file_without_covariances_says_so(demo, tmp_path, capsys):
    pytest.importorskip('onnxruntime')
    status, content = demo('--onnx', tiny_network(tmp_path / 'tiny.onnx'))
    assert status == 2 and content is None
    assert 'export --covariance' in capsys.readouterr().err


def test_a_picture_is_no_video(tmp_path, capsys):
    cv2.imwrite(str(tmp_path / 'one.png'), np.zeros((9, 9, 3), np.uint8))
    status = run_command('demo', tmp_path / 'one.png', '--figures',
                         '--smooth', '--out', tmp_path / 'out')
    assert status == 2
    assert '--smooth is for videos' in capsys.readouterr().err


def test_what_was_read_is_kept_where_it_is_stopped(demo, network,
                                                   monkeypatch):
    pytest.importorskip('onnxruntime')

    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(video, 'draw', stopped)
    status, content = demo('--onnx', network, '--kpt-thr', .1)
    assert status == 130
    check(content, 3)


def test_a_video_is_drawn_where_none_is_given(tmp_path, monkeypatch):
    monkeypatch.setattr('socket.setdefaulttimeout', lambda seconds: None)
    monkeypatch.setattr(synthetic, 'make_video', partial(
        synthetic.make_video, num_frames=4))
    assert run_command('demo', '--figures', '--smooth', '--out',
                       tmp_path / 'out') == 0
    found = json.loads((tmp_path / 'out/predictions.json').read_text())
    assert {p['track_id'] for p in found['annotations']} == {0, 1}
