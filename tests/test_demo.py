"""tools/demo.py, on files good and bad."""
import copy
import json
import shutil

import cv2
import numpy as np
import pytest
from conftest import TOOLS, needs_detectors, run_command
from mmpose_dark.synthetic import make_figures
from mmpose_dark.visualization import files

FIGURES = (TOOLS.parent /
           'configs/body_2d_keypoint/topdown_heatmap/figures')
DARK = FIGURES / 'td-hm_res18-thin_dark-1xb64-8e_figures-128x96.py'
CHECKPOINT = FIGURES / 'td-hm_res18-thin_dark_figures-128x96.pth'


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp('figures')
    make_figures(root, 4, seed=2)
    return root


@pytest.fixture
def run(tmp_path):
    def go(*args):
        status = run_command('demo', *args, '--device', 'cpu', '--out',
                          tmp_path / 'out')
        assert status in (0, 1)
        content = json.loads((tmp_path / 'out/predictions.json').read_text())
        pictures = sorted(
            p.relative_to(tmp_path / 'out/visualizations').as_posix()
            for p in (tmp_path / 'out/visualizations').rglob('*')
            if p.is_file())
        return status, content, pictures

    return go


def names(content):
    return [image['file_name'] for image in content['images']]


@pytest.mark.slow
def test_boxes_of_a_coco_file(run, data, tmp_path):
    truth = json.loads((data / 'person_keypoints.json').read_text())
    status, content, pictures = run(
        data / 'images', '--bboxes', data / 'person_keypoints.json')
    assert status == 0 and names(content) == pictures and len(pictures) == 4
    assert len(content['annotations']) == len(truth['annotations'])
    off = []
    for got, want in zip(content['annotations'], truth['annotations']):
        np.testing.assert_allclose(got['bbox'], want['bbox'], atol=.01)
        a, b = (np.reshape(x['keypoints'], (-1, 3)) for x in (got, want))
        off += list(np.linalg.norm(a - b, axis=1)[b[:, 2] > 0] /
                    max(want['bbox']))
        assert got['score'] == pytest.approx(a[:, 2].mean(), abs=1e-3)
    assert np.median(off) < .1  # of the person: it has found them
    # pycocotools takes it, and so does the demo itself
    from xtcocotools.coco import COCO
    again = tmp_path / 'again.json'
    again.write_text(json.dumps(content))
    assert len(COCO(str(again)).getCatIds()) == 1
    _, second, _ = run(data / 'images', '--bboxes', again)
    for a, b in zip(content['annotations'], second['annotations']):
        np.testing.assert_allclose(a['keypoints'], b['keypoints'], atol=.05)


@pytest.mark.slow
def test_a_broken_file_is_skipped(run, data, tmp_path, capsys):
    folder = tmp_path / 'in'
    (folder / 'sub').mkdir(parents=True)
    good = sorted((data / 'images').iterdir())
    (folder / 'a.jpg').write_bytes(good[0].read_bytes()[:200])
    (folder / 'b.jpg').write_bytes(good[1].read_bytes())
    (folder / 'c.mp4').write_text('no video')
    (folder / 'd.txt').write_text('not asked for')
    (folder / 'sub' / 'b.png').write_bytes(
        cv2.imencode('.png', cv2.imread(str(good[2])))[1].tobytes())
    status, content, pictures = run(folder, '--compare')
    assert status == 1
    assert names(content) == pictures == ['b.jpg', 'sub/b.png']
    said = capsys.readouterr()
    assert 'a.jpg' in said.err and 'c.mp4' in said.err
    assert '2 files skipped' in said.out
    # an image that --bboxes does not know is not taken for a whole person
    boxes = tmp_path / 'boxes.json'
    boxes.write_text(json.dumps(dict(
        images=[dict(id=7, file_name='b.jpg')], annotations=[])))
    status, content, _ = run(str(folder / '**' / 'b.*'), '--bboxes', boxes)
    assert status == 1 and names(content) == ['b.jpg']
    assert content['annotations'] == []


@pytest.mark.slow
def test_a_video_is_its_frames(run, data, tmp_path):
    first = cv2.imread(str(sorted((data / 'images').iterdir())[0]))
    path = tmp_path / 'walk.avi'
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'MJPG'), 8,
                             first.shape[1::-1])
    for shift in range(3):
        writer.write(np.roll(first, 4 * shift, 1))
    writer.release()
    status, content, pictures = run(path)
    assert status == 0 and pictures == ['walk.avi.mp4']
    assert [i['frame_id'] for i in content['images']] == [0, 1, 2]
    drawn = cv2.VideoCapture(str(tmp_path / 'out/visualizations' /
                                 pictures[0]))
    assert drawn.get(cv2.CAP_PROP_FRAME_COUNT) == 3
    assert drawn.get(cv2.CAP_PROP_FPS) == pytest.approx(8)


@pytest.mark.slow
def test_compare_draws_both_readings(run, data, tmp_path):
    """Stock in cyan, which is the codec's shift, and DARK in red."""
    from mmpose.apis import inference_topdown, init_model
    truth = json.loads((data / 'person_keypoints.json').read_text())
    image = cv2.imread(str(data / 'images' / truth['images'][0]['file_name']))
    path, boxes = tmp_path / 'a.png', tmp_path / 'boxes.json'
    cv2.imwrite(str(path), image)
    boxes.write_text(json.dumps(dict(
        images=[dict(id=1, file_name='a.png')],
        annotations=[dict(truth['annotations'][0], image_id=1)])))
    status, content, pictures = run(
        path, '--compare', '--kpt-thr', .1, '--bboxes', boxes)
    assert status == 0
    drawn = cv2.imread(str(tmp_path / 'out/visualizations' / pictures[0]))
    zoom = drawn.shape[0] // image.shape[0]
    assert zoom > 1 and drawn.shape[0] == zoom * image.shape[0]
    person = content['annotations'][0]
    x, y, w, h = person['bbox']
    box = np.float32([[x, y, x + w, y + h]])

    from mmpose_dark.config import load_config
    cfg = load_config(str(DARK))
    codec = dict(cfg.codec, type='MSRAHeatmap')
    cfg.model.head.update(decoder=codec, type='HeatmapHead')
    stock = init_model(cfg, str(CHECKPOINT), 'cpu')
    points = inference_topdown(stock, image, box)[0].pred_instances
    dark = np.reshape(person['keypoints'], (-1, 3))

    def share(points, colour):
        at = np.int64(points * zoom + zoom / 2)
        at = at[((at >= 0) & (at < drawn.shape[1::-1])).all(1)]
        return (drawn[at[:, 1], at[:, 0]] == colour).all(1).mean()

    sure = points.keypoint_scores[0] > .3
    red, cyan = (0, 0, 255), (255, 255, 0)
    assert share(dark[dark[:, 2] > .3, :2], red) == 1
    # where DARK lies elsewhere, its disc does not hide the other
    seen = sure & (np.linalg.norm(
        points.keypoints[0] - dark[:, :2], axis=1) * zoom > 8)
    assert seen.any() and share(points.keypoints[0][seen], cyan) > .8


@pytest.mark.slow
def test_uncertainty_is_drawn_and_kept(run, data, tmp_path):
    truth = json.loads((data / 'person_keypoints.json').read_text())
    shutil.copy(data / 'images' / truth['images'][0]['file_name'],
                tmp_path / 'a.jpg')
    boxes = tmp_path / 'boxes.json'
    boxes.write_text(json.dumps(dict(
        images=[dict(id=1, file_name='a.jpg')],
        annotations=[dict(truth['annotations'][0], image_id=1)])))
    drawn = []
    for more in ((), ('--uncertainty', )):
        _, content, pictures = run(
            tmp_path / 'a.jpg', '--kpt-thr', 0, '--bboxes', boxes, *more)
        drawn.append(cv2.imread(
            str(tmp_path / 'out/visualizations' / pictures[0])).astype(int))
    person = content['annotations'][0]
    found = np.array(person['keypoint_covariances'])
    assert found.shape == (17, 2, 2) and (np.linalg.eigvalsh(found) > 0).all()
    # of the box's size, not of the 128 px that the network sees
    assert np.sqrt(found[:, 0, 0]).max() < person['bbox'][3]
    blue, _, red = (drawn[1] - drawn[0]).reshape(-1, 3).T
    assert (abs(blue) + abs(red) > 60).sum() > 50  # yellow outlines


def test_stock_reading_is_that_of_the_stock_codec(data):
    from mmpose.apis import inference_topdown, init_model
    from mmpose_dark.config import darkify, load_config
    from mmpose_dark.visualization.poses import stock_reading
    image = cv2.imread(str(sorted((data / 'images').iterdir())[1]))
    stock_cfg = load_config(str(
        FIGURES / 'td-hm_res18-thin_1xb64-8e_figures-128x96.py'))
    dark_cfg = darkify(stock_cfg, head=True)
    stock = init_model(stock_cfg, str(CHECKPOINT), 'cpu')
    dark = init_model(dark_cfg, str(CHECKPOINT), 'cpu')
    want, got, other = (
        inference_topdown(model, image)[0].pred_instances.keypoints
        for model in (stock, stock_reading(dark), dark))
    np.testing.assert_array_equal(got, want)
    assert np.abs(other - want).max() > .01


@needs_detectors
@pytest.mark.slow
def test_boxes_of_a_detector(run, data, tmp_path):
    """MMPose's detector inferencer with a network of mmdet: a small DETR,
    which needs no compiled operators.
    """
    pytest.importorskip('mmdet')
    import torch
    from mmdet.registry import MODELS
    from mmdet.utils import register_all_modules
    from mmengine.config import Config
    from mmengine.hub import get_config
    register_all_modules(init_default_scope=False)
    cfg = get_config('mmdet::detr/detr_r50_8xb2-150e_coco.py')
    cfg.model.backbone.update(depth=18, base_channels=8, stem_channels=8,
                              init_cfg=None)
    cfg.model.neck.in_channels = [64]
    cfg.model.num_queries = cfg.model.test_cfg.max_per_img = 5
    cfg.model.encoder.num_layers = cfg.model.decoder.num_layers = 1
    torch.manual_seed(0)
    model = MODELS.build(copy.deepcopy(dict(cfg.model, _scope_='mmdet')))
    # sure of persons, so that there is something to see
    torch.nn.init.constant_(model.bbox_head.fc_cls.bias[:1], 9.)
    config, weights = tmp_path / 'detr.py', tmp_path / 'detr.pth'
    Config(cfg._cfg_dict).dump(str(config))
    torch.save(dict(state_dict=model.state_dict(), meta=dict(
        dataset_meta=dict(classes=('person', )))), weights)
    path = sorted((data / 'images').iterdir())[0]
    status, content, _ = run(path, '--det', config, '--det-weights', weights)
    assert status == 0 and 1 <= len(content['annotations']) <= 5
    height, width = cv2.imread(str(path)).shape[:2]
    assert [0, 0, width, height] not in [
        a['bbox'] for a in content['annotations']]


def test_bad_arguments_are_told(data, tmp_path, capsys):
    text = tmp_path / 'boxes.json'
    text.write_text('[1, 2]')
    path = data / 'images'
    for args, said in (([tmp_path / 'none*'], 'no image or video'),
                       ([path, '--config', 'x.py'], '--checkpoint'),
                       ([path, '--det', 'x.py'], '--det-weights'),
                       ([path, '--bboxes', text], 'COCO file')):
        assert run_command('demo', *args) == 2
        assert said in capsys.readouterr().err.splitlines()[-1]


def test_kind_of_a_file():
    """By its name, whatever types of files the host knows."""
    for name, kind in (('a/b.JPG', 'image'), ('b.webp', 'image'),
                       ('c.mkv', 'video'), ('d.json', None), ('e', None),
                       ('f.svg', None)):
        assert files.kind_of(name) == kind
    assert set(files.WRITABLE) <= set(files.IMAGES)


def test_boxes_are_read_by_name_and_frame(tmp_path):
    path = tmp_path / 'boxes.json'
    path.write_text(json.dumps(dict(
        images=[dict(id=1, file_name='a.jpg'),
                dict(id=2, file_name='v.mp4', frame_id=3)],
        annotations=[dict(image_id=1, bbox=[1, 2, 3, 4]),
                     dict(image_id=1, bbox=[1, 2, 0, 4]),
                     dict(image_id=2, bbox=[0, 0, 5, 6])])))
    boxes = files.load_boxes(path)
    np.testing.assert_array_equal(boxes['a.jpg', 0], [[1, 2, 4, 6]])
    np.testing.assert_array_equal(boxes['v.mp4', 3], [[0, 0, 5, 6]])
