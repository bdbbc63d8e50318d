"""The demo with an exported file: no network of MMPose's is built."""
import json

import cv2
import numpy as np
import pytest

pytest.importorskip('onnxruntime')
pytest.importorskip('mmcv')

import mmpose_dark  # noqa: F401  before any part of MMPose
from mmpose_dark.cli import main
from mmpose_dark.deploy import PoseRuntime
from mmpose_dark.visualization.exported import ExportedReader, Found
from test_runtime import tiny_network


@pytest.fixture
def network(tmp_path):
    """Whose keypoints are the mean colours of a crop."""
    return tiny_network(tmp_path / 'tiny.onnx')


@pytest.fixture
def picture(tmp_path, rng):
    image = rng.integers(0, 256, (60, 80, 3), np.uint8)
    (tmp_path / 'in').mkdir()
    cv2.imwrite(str(tmp_path / 'in/one.png'), image)
    return image


def predictions(tmp_path):
    return json.loads((tmp_path / 'out/predictions.json').read_text())


def demo(tmp_path, network, *arguments):
    try:
        return main(['demo', str(tmp_path / 'in'), '--onnx', str(network),
                     '--out', str(tmp_path / 'out'), *map(str, arguments)])
    except SystemExit as end:
        return end.code


def test_each_image_is_one_person(tmp_path, network, picture):
    assert demo(tmp_path, network) == 0
    found = predictions(tmp_path)
    assert found['categories'][0]['keypoints'] == ['a', 'b', 'c']
    assert found['categories'][0]['skeleton'] == [[1, 2]]
    person, = found['annotations']
    points, scores = PoseRuntime(network)(picture)
    want = np.column_stack([points[0], scores[0]])
    np.testing.assert_allclose(
        np.reshape(person['keypoints'], (3, 3)), want, atol=1e-3)
    assert person['bbox'] == [0, 0, 80, 60]
    drawn = cv2.imread(str(tmp_path / 'out/visualizations/one.png'))
    assert drawn.shape == picture.shape


def test_a_function_of_the_users_finds_people(tmp_path, network, picture,
                                              monkeypatch, capsys):
    (tmp_path / 'my_boxes.py').write_text(
        'import numpy as np\n'
        'def find(image):\n'
        '    h, w = image.shape[:2]\n'
        '    return np.array([[0, 0, w / 2, h, .9], [w / 2, 0, w, h, .8]])\n'
        'def wrong(image):\n'
        '    return [[5, 5, 1, 1]]\n'
        'number = 3\n')
    monkeypatch.chdir(tmp_path)
    assert demo(tmp_path, network, '--detector', 'my_boxes:find') == 0
    boxes = [p['bbox'] for p in predictions(tmp_path)['annotations']]
    assert boxes == [[0, 0, 40, 60], [40, 0, 40, 60]]
    for name, said in (('my_boxes:number', 'is a int'),
                       ('my_boxes:none', "no attribute 'none'"),
                       ('no_such_module:find', 'No module named'),
                       ('my_boxes', 'takes MODULE:FUNCTION'),
                       ('my_boxes:wrong', 'right > left')):
        assert demo(tmp_path, network, '--detector', name) == 2
        error = capsys.readouterr().err
        assert said in error and 'Traceback' not in error


def test_boxes_of_a_file_and_a_video(tmp_path, network):
    (tmp_path / 'in').mkdir()
    video = cv2.VideoWriter(str(tmp_path / 'in/some.avi'),
                            cv2.VideoWriter_fourcc(*'MJPG'), 10, (80, 60))
    for level in (40, 120, 200):
        video.write(np.full((60, 80, 3), level, np.uint8))
    video.release()
    boxes = tmp_path / 'boxes.json'
    boxes.write_text(json.dumps(dict(
        images=[dict(id=1, file_name='some.avi')],
        annotations=[dict(image_id=1, bbox=[0, 0, 80, 60]),
                     dict(image_id=1, bbox=[20, 15, 40, 30])])))
    assert demo(tmp_path, network, '--bboxes', boxes) == 0
    found = predictions(tmp_path)
    assert [image['frame_id'] for image in found['images']] == [0, 1, 2]
    assert len(found['annotations']) == 6
    scores = [person['keypoints'][2] for person in found['annotations'][::2]]
    np.testing.assert_allclose(scores, [40, 120, 200], atol=4)
    assert (tmp_path / 'out/visualizations/some.avi.mp4').stat().st_size > 100


@pytest.mark.parametrize('arguments, said', [
    ('--compare', '--compare is for networks of MMPose, not for --onnx'),
    ('--config a.py', '--config is for networks of MMPose'),
    ('--figures', '--figures is for networks of MMPose'),
    ('--uncertainty', 'tiny.onnx has no covariances: write it again'),
    ('--score similarity', "has no score='similarity': write it again"),
])
def test_what_a_file_cannot_do_is_said(arguments, said, tmp_path, network,
                                       picture, capsys):
    assert demo(tmp_path, network, *arguments.split()) == 2
    assert said in capsys.readouterr().err


def test_a_file_that_is_none(tmp_path, picture, capsys):
    (tmp_path / 'text.onnx').write_text('no network')
    for name in ('text.onnx', 'nowhere.onnx'):
        assert demo(tmp_path, tmp_path / name) == 2
        error = capsys.readouterr().err
        assert name in error and 'Traceback' not in error
        assert len(error.splitlines()) <= 2


def test_what_is_drawn(network, monkeypatch):
    reader = ExportedReader(network)
    reader.pose.metadata['keypoint_names'] = ['left', 'right', 'middle']
    people = Found(
        bboxes=np.array([[0., 0, 80, 60]]),
        keypoints=np.array([[[20., 30], [60., 30], [40., 50]]]),
        keypoint_scores=np.array([[.9, .8, .2]]),
        keypoint_covariances=np.array([[[[30., 0], [0, 9]]] * 3]))
    sample = type('Sample', (), dict(pred_instances=people))
    image = np.zeros((60, 80, 3), np.uint8)
    picture = reader.draw(image, dict(DARK=sample), .3)
    assert not image.any()
    assert picture[30, 20].tolist() == [0, 255, 0]  # BGR
    assert picture[30, 60].tolist() == [0, 128, 255]
    assert picture[30, 40].any()  # the link between them
    assert not picture[45:].any()  # not sure enough
    reader.uncertainty = True
    with_ellipses = reader.draw(image, dict(DARK=sample), .3)
    assert len(with_ellipses) > 60  # a legend
    reach = int(np.sqrt(30 * 1.5 * (.05**(-2 / 3) - 1)))
    assert with_ellipses[30, 20 - reach:23 - reach].any()
    assert not with_ellipses[30, :18 - reach].any()
    assert (reader.draw(image, {}, .3)[:60] == 0).all()
