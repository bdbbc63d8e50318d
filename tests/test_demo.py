"""mmpose-dark demo, on files good and bad."""
import json
import os
import shutil
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import cv2
import numpy as np
import pytest
from conftest import needs_detectors, run_command, run_tool
from mmpose_dark.cli import networks
from mmpose_dark.shipped import CONFIGS, FIGURES
from mmpose_dark.synthetic import make_figures
from mmpose_dark.visualization import files, magnify, results
from mmpose_dark.visualization.uncertainty import ellipse

DARK = FIGURES / 'td-hm_res18-thin_dark-1xb64-8e_figures-128x96.py'
CHECKPOINT = FIGURES / 'td-hm_res18-thin_dark_figures-128x96.pth'


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp('figures')
    make_figures(root, 4, seed=2)
    return root


@pytest.fixture
def truth(data):
    return json.loads((data / 'person_keypoints.json').read_text())


@pytest.fixture
def demo(tmp_path, monkeypatch):
    """Run it; its status, predictions.json and the names of its pictures."""
    monkeypatch.setattr('socket.setdefaulttimeout', lambda seconds: None)

    def go(*args):
        out = tmp_path / 'out'
        status = run_command('demo', *args, '--device', 'cpu', '--out', out)
        result = out / 'predictions.json'
        content = json.loads(result.read_text()) if result.exists() else None
        return status, content, sorted(
            p.relative_to(out / 'visualizations').as_posix()
            for p in (out / 'visualizations').rglob('*') if p.is_file())

    return go


@pytest.fixture
def figures(demo):
    """It, with the network that comes with the package."""
    return lambda *args: demo(*args, '--figures')


@pytest.fixture
def server(tmp_path):
    """A host that hands out the files of a folder."""

    class Quiet(SimpleHTTPRequestHandler):

        def log_message(self, *args):
            pass

    folder = tmp_path / 'server'
    folder.mkdir()
    host = ThreadingHTTPServer(
        ('127.0.0.1', 0), partial(Quiet, directory=str(folder)))
    Thread(target=host.serve_forever, daemon=True).start()
    yield folder, f'http://127.0.0.1:{host.server_port}'
    host.shutdown()
    host.server_close()


def picture(tmp_path, name):
    return cv2.imread(str(tmp_path / 'out/visualizations' / name))


def names(content):
    return [image['file_name'] for image in content['images']]


@pytest.mark.slow
def test_boxes_of_a_coco_file(figures, data, truth, tmp_path):
    status, content, pictures = figures(
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
    _, second, _ = figures(data / 'images', '--bboxes', again)
    for a, b in zip(content['annotations'], second['annotations']):
        np.testing.assert_allclose(a['keypoints'], b['keypoints'], atol=.05)


@pytest.mark.slow
def test_a_broken_file_is_skipped(figures, data, tmp_path, capsys):
    folder = tmp_path / 'in'
    (folder / 'sub').mkdir(parents=True)
    good = sorted((data / 'images').iterdir())
    (folder / 'a.jpg').write_bytes(good[0].read_bytes()[:200])
    (folder / 'b.jpg').write_bytes(good[1].read_bytes())
    (folder / 'c.mp4').write_text('no video')
    (folder / 'd.txt').write_text('not asked for')
    (folder / 'sub' / 'b.png').write_bytes(
        cv2.imencode('.png', cv2.imread(str(good[2])))[1].tobytes())
    status, content, pictures = figures(folder, '--compare')
    assert status == 1
    assert names(content) == pictures == ['b.jpg', 'sub/b.png']
    said = capsys.readouterr().err
    assert 'a.jpg' in said and 'c.mp4' in said
    assert '2 of 4 files skipped' in said
    # an image that --bboxes does not know is not taken for a whole person
    boxes = tmp_path / 'boxes.json'
    boxes.write_text(json.dumps(dict(
        images=[dict(id=7, file_name='b.jpg')], annotations=[])))
    status, content, _ = figures(folder / '**' / 'b.*', '--bboxes', boxes)
    assert status == 1 and names(content) == ['b.jpg']
    assert content['annotations'] == []
    assert '--bboxes says that nobody is there' in capsys.readouterr().err


@pytest.mark.slow
def test_where_nothing_is_read_nothing_is_lost(figures, data, tmp_path,
                                               capsys):
    kept, content, _ = figures(sorted((data / 'images').iterdir())[0])
    broken = tmp_path / 'broken.jpg'
    broken.write_text('no image')
    status, after, _ = figures(broken)
    assert status == 1 and after == content
    assert 'is left as it was' in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize('error, ends', [
    (KeyboardInterrupt(), 130), (OSError('no space left'), 2)])
def test_what_is_done_is_kept(figures, data, monkeypatch, error, ends):
    """Stopped by a person or by a full disk in the third image."""
    write, written = results.Pictures.write, []

    def writes(self, picture):
        if len(written) == 2:
            raise error
        written.append(self.path.name)
        write(self, picture)

    monkeypatch.setattr(results.Pictures, 'write', writes)
    status, content, pictures = figures(data / 'images')
    assert status == ends
    assert names(content) == pictures == written
    assert len(content['annotations']) == 2


@pytest.mark.slow
def test_a_video_is_its_frames(figures, data, tmp_path):
    first = cv2.imread(str(sorted((data / 'images').iterdir())[0]))
    path = tmp_path / 'walk.avi'
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'MJPG'), 8,
                             first.shape[1::-1])
    for shift in range(3):
        writer.write(np.roll(first, 4 * shift, 1))
    writer.release()
    status, content, pictures = figures(path, '--compare', '--uncertainty')
    assert status == 0 and pictures == ['walk.avi.mp4']
    assert [i['frame_id'] for i in content['images']] == [0, 1, 2]
    drawn = cv2.VideoCapture(str(tmp_path / 'out/visualizations' /
                                 pictures[0]))
    assert drawn.get(cv2.CAP_PROP_FRAME_COUNT) == 3
    assert drawn.get(cv2.CAP_PROP_FPS) == pytest.approx(8)


@pytest.mark.slow
def test_several_inputs_and_one_on_the_web(figures, data, server, tmp_path,
                                           capsys):
    folder, url = server
    one, two, three = sorted((data / 'images').iterdir())[:3]
    shutil.copy(one, folder / 'photo.jpg')
    (tmp_path / 'a').mkdir()
    (tmp_path / 'b').mkdir()
    shutil.copy(two, tmp_path / 'a/photo.jpg')
    shutil.copy(three, tmp_path / 'b/photo.jpg')
    status, content, pictures = figures(
        tmp_path / 'a', tmp_path / 'b/photo.jpg', tmp_path / 'a/photo.jpg',
        f'{url}/photo.jpg?size=large', f'{url}/none.jpg')
    assert status == 1
    assert names(content) == ['a/photo.jpg', 'b/photo.jpg', 'photo.jpg']
    assert sorted(names(content)) == pictures
    assert [(i['width'], i['height']) for i in content['images']] == [
        cv2.imread(str(path)).shape[1::-1] for path in (two, three, one)]
    assert f'skipped {url}/none.jpg: it cannot be fetched' in (
        capsys.readouterr().err)


def test_names_of_files_on_the_web_are_told_apart(tmp_path):
    (tmp_path / 'a.jpg').touch()
    found = files.find_sources([
        'https://x.org/a.jpg', str(tmp_path), 'http://y.org/a.jpg?b=1',
        'https://z.org/'])
    assert [source.name for source in found] == [
        'a.jpg', 'again-a.jpg', 'again-again-a.jpg', 'image']


@pytest.mark.slow
def test_figures_of_its_own(demo, tmp_path, capsys):
    """A picture without a file, a network connection or an argument more."""
    status, content, pictures = demo('--figures')
    assert status == 0 and len(pictures) == 6 == len(content['annotations'])
    truth = json.loads((tmp_path / 'out/figures/person_keypoints.json')
                       .read_text())
    assert [a['bbox'] for a in content['annotations']] == [
        pytest.approx(a['bbox'], abs=.01) for a in truth['annotations']]
    assert 'Note' not in capsys.readouterr().err


@pytest.mark.slow
def test_make_demo_leaves_little_behind(tmp_path, capsys):
    """Five rows, two pictures, and no heatmaps of a megabyte a person."""
    assert not run_tool('miniature/quickstart.py', '--images', 6, '--out',
                        tmp_path)
    said = capsys.readouterr().out
    rows = [line.split('|') for line in said.splitlines()
            if line.startswith(('| biased', '| unbiased'))]
    assert len(rows) == 5 and all(float(row[3]) > 20 for row in rows)
    found = [path for path in tmp_path.rglob('*') if path.is_file()]
    assert {'quickstart.png', 'places.png'} <= {path.name for path in found}
    assert sum(path.stat().st_size for path in found) < 1e6


# ---- what is drawn


def share(image, points, colour):
    """Of points (x, y), how many are of a colour (BGR)."""
    at = np.rint(points).astype(int)
    at = at[((at >= 0) & (at < image.shape[1::-1])).all(1)]
    return (image[at[:, 1], at[:, 0]] == colour).all(1).mean()


CYAN, RED, LIME, YELLOW = (255, 255, 0), (0, 0, 255), (0, 255, 0), (
    0, 255, 255)


@pytest.mark.slow
def test_compare_shows_where_both_differ_most(figures, data, truth, tmp_path):
    """Stock in cyan, which is the codec's shift, DARK in red, truth green."""
    from mmpose.apis import inference_topdown, init_model
    from mmpose_dark.config import load_config
    image = cv2.imread(str(data / 'images' / truth['images'][2]['file_name']))
    cv2.imwrite(str(tmp_path / 'a.png'), image)
    boxes = tmp_path / 'boxes.json'
    boxes.write_text(json.dumps(dict(
        images=[dict(id=1, file_name='a.png')],
        annotations=[dict(truth['annotations'][2], image_id=1)])))
    status, content, pictures = figures(
        tmp_path / 'a.png', '--compare', '--bboxes', boxes)
    assert status == 0
    drawn = picture(tmp_path, pictures[0])
    height, width = image.shape[:2]
    zoom = 960 / max(height, width)
    assert zoom > 1 and drawn.shape[0] > round(zoom * height)

    cfg = load_config(str(DARK))
    codec = dict(cfg.codec, type='MSRAHeatmap')
    cfg.model.head.update(decoder=codec, type='HeatmapHead')
    person = content['annotations'][0]
    x, y, w, h = person['bbox']
    stock = inference_topdown(
        init_model(cfg, str(CHECKPOINT), 'cpu'), image,
        np.float32([[x, y, x + w, y + h]]))[0].pred_instances.keypoints[0]
    dark, true = (np.reshape(a['keypoints'], (-1, 3))
                  for a in (person, truth['annotations'][2]))
    apart = np.linalg.norm(stock - dark[:, :2], axis=1)
    radius = np.maximum(2.5 * apart, max(w, h) / 24)
    middle = (stock + dark[:, :2]) / 2
    seen = (dark[:, 2] >= .3) & (true[:, 2] > 0) & (
        abs(true[:, :2] - middle).max(1) <= radius)
    order = np.argsort(-np.where(seen, apart, -1))[:min(6, seen.sum())]
    assert len(order) >= 4
    # each in a tile of its own to the right, in that order
    tile = round(zoom * height) // 3
    for i, k in enumerate(order):
        row, column = divmod(i, 2)
        corner = (round(zoom * width) + column * tile + 2, row * tile + 2)
        scale = (tile - 4) / (2 * radius[k])
        where = {
            colour: corner + scale * (point[k, :2] - middle[k])
            + (tile - 5) / 2
            for colour, point in ((LIME, true), (CYAN, stock), (RED, dark))}
        size = tile / 24
        for colour, at in where.items():
            # in the middle of the mark, unless a later one is on it
            hidden = colour != RED and np.linalg.norm(
                at - where[RED]) < 2 * size
            hidden |= colour == CYAN and np.linalg.norm(
                at - where[LIME]) < 2 * size
            assert hidden or share(drawn, [at], colour) == 1


def people(apart, bboxes, scores=None, covariances=None):
    from mmengine.structures import InstanceData
    stock, dark = (InstanceData(bboxes=np.float32(bboxes)) for _ in range(2))
    stock.keypoints = np.full((*np.shape(apart), 2), 50.)
    dark.keypoints = stock.keypoints + np.array(apart)[..., None] * (.6, .8)
    dark.keypoint_scores = (np.ones_like(np.array(apart)) if scores is None
                            else np.array(scores))
    return stock, dark


def test_places_are_those_that_differ_most_and_can_be_seen():
    box = [[0, 0, 48, 96], [0, 0, 48, 96]]
    stock, dark = people(
        [[1, 2, 30], [4, 3, 5]], box, [[.9, .9, .1], [.9, .9, .9]])
    found = magnify.places(stock, dark, 'abc', .3)
    assert [place.name for place in found] == ['c', 'a', 'b', 'b', 'a']
    np.testing.assert_allclose([place.radius for place in found],
                               [12.5, 10, 7.5, 5, 4])
    assert found[0].words == '5.0 px apart'
    np.testing.assert_allclose(found[0].centre, (51.5, 52))
    truth = np.concatenate([stock.keypoints, np.ones((2, 3, 1))], -1)
    truth[1, 2, 2] = 0  # not labelled
    truth[1, 0, 0] += 40  # found elsewhere
    found = magnify.places(stock, dark, 'abc', .3, truth)
    assert [place.name for place in found] == ['b', 'b', 'a']
    assert found[0].words == 'off by: stock 0.0, DARK 3.0 px'


def test_a_frame_is_around_its_place():
    """Pixel i of the image becomes pixels 16 i to 16 i + 15."""
    image = np.full((30, 40, 3), 80, np.uint8)
    point = np.array([20., 10.])
    place = magnify.Place('a', point, point, None, None, 5.)
    picture = cv2.resize(image, None, fx=16, fy=16)
    whole = magnify.beside(picture, image, [place], 16)
    y, x = np.nonzero((whole[:480, :640] == 255).all(-1))
    # its number is beyond the upper left corner, its line 7 px wide
    assert abs(x.max() - (20 * 16 + 7.5 + 80 + 3.5)) <= 1
    assert abs(y.max() - (10 * 16 + 7.5 + 80 + 3.5)) <= 1


@pytest.mark.slow
def test_uncertainty_is_drawn_and_kept(figures, data, truth, tmp_path):
    shutil.copy(data / 'images' / truth['images'][0]['file_name'],
                tmp_path / 'a.jpg')
    image = cv2.imread(str(tmp_path / 'a.jpg'))
    boxes = tmp_path / 'boxes.json'
    boxes.write_text(json.dumps(dict(
        images=[dict(id=1, file_name='a.jpg')],
        annotations=[dict(truth['annotations'][0], image_id=1)])))
    drawn = []
    for more in ((), ('--uncertainty', )):
        _, content, pictures = figures(
            tmp_path / 'a.jpg', '--kpt-thr', 0, '--bboxes', boxes, *more)
        drawn.append(picture(tmp_path, pictures[0]).astype(int))
    person = content['annotations'][0]
    found = np.array(person['keypoint_covariances'])
    assert found.shape == (17, 2, 2) and (np.linalg.eigvalsh(found) > 0).all()
    # of the box's size, not of the 128 px that the network sees
    assert np.sqrt(found[:, 0, 0]).max() < person['bbox'][3]
    # the picture keeps its size, and a legend is below it
    height, width = image.shape[:2]
    assert drawn[0].shape == image.shape
    assert drawn[1].shape[0] > height and drawn[1].shape[1] == width
    # yellow where the ellipses of 95 % of the long-tailed law are
    points = np.reshape(person['keypoints'], (-1, 3))[:, :2]
    change = (drawn[1][:height] - drawn[0]) @ (-1, 1, 1)
    yellow = {dof: share((change > 60)[..., None], np.concatenate([
        ellipse(*joint, dof=dof) for joint in zip(points, found)]), (True, ))
        for dof in (3, None)}
    assert yellow[3] > .6 and yellow[None] < .4
    blue, green, red = drawn[1][height:].reshape(-1, 3).T
    assert ((blue < 80) & (green > 170) & (red > 170)).sum() > 10


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


# ---- networks that are fetched


def test_public_networks_by_default():
    """What MMPose publishes, and what its own inferencer takes."""
    poses = networks.pose_network(None, None)
    assert poses.checkpoint.startswith('https://download.openmmlab.com/')
    assert 'td-hm_hrnet-w32_8xb64-210e_coco-256x192' in poses.checkpoint
    people = networks.detector(None, None, poses.cfg)
    assert people.checkpoint.startswith('https://download.openmmlab.com/')
    assert 'rtmdet_m' in people.checkpoint and people.categories == (0, )
    rtmpose = networks.pose_network(
        'mmpose::body_2d_keypoint/rtmpose/coco/'
        'rtmpose-m_8xb256-420e_coco-256x192.py', None)
    assert 'rtmpose-m_simcc-coco' in rtmpose.checkpoint
    assert networks.pose_network(None, 'own.pth').checkpoint == 'own.pth'


@pytest.mark.parametrize('config', [
    DARK, f'mmpose_dark::{DARK.relative_to(CONFIGS).as_posix()}',
    'mmpose::body_2d_keypoint/topdown_heatmap/jhmdb/'
    'td-hm_cpm_8xb32-40e_jhmdb-sub1-368x368.py'])
def test_a_config_without_published_weights_needs_them(config):
    with pytest.raises(networks.CannotRun, match='--config .*--checkpoint'):
        networks.pose_network(str(config), None)


def test_other_kinds_have_detectors_or_say_so():
    from mmengine.config import Config
    assert 'hand' in networks.detector(None, None, Config(dict(
        dataset_type='CocoWholeBodyHandDataset'))).checkpoint
    animals = networks.detector(None, None, Config(dict(
        dataset_type='AP10KDataset')))
    assert 'rtmdet_m_8xb32-300e_coco' in animals.checkpoint
    assert len(animals.categories) > 5
    for kind in ('DeepFashionDataset', None):
        with pytest.raises(networks.CannotRun, match='--det-config'):
            networks.detector(None, None, Config(dict(dataset_type=kind)))


def thin_rtmdet(folder, options):
    """A config and weights drawn at random, which are sure of many boxes."""
    pytest.importorskip('mmdet')
    import torch
    from mmdet.apis import init_detector
    from mmengine.config import Config
    from mmpose.apis.inferencers.utils import default_det_models
    cfg = Config.fromfile(Path(default_det_models['hand']['model']).with_name(
        'rtmdet_nano_320-8xb32_coco-person.py'))
    cfg.merge_from_dict(options)
    cfg.dump(str(folder / 'rtmdet.py'))
    torch.manual_seed(0)
    model = init_detector(cfg, None, device='cpu')
    for branch in model.bbox_head.rtm_reg:  # strides to the sides of a box
        torch.nn.init.constant_(branch.bias, 2.)
    torch.save(dict(state_dict=model.state_dict()), folder / 'rtmdet.pth')
    return folder / 'rtmdet.py', folder / 'rtmdet.pth'


@needs_detectors
def test_boxes_are_of_people_and_apart(rng, tmp_path):
    """Of two classes one, and of boxes that overlap the surest."""
    from mmengine.config import Config
    config, weights = thin_rtmdet(
        tmp_path, {'model.bbox_head.num_classes': 2})
    from mmdet.apis import inference_detector
    from mmpose_dark.visualization.people import PersonDetector
    detector = PersonDetector(Config.fromfile(config), weights, 'cpu', (1, ))
    image = rng.integers(0, 255, (200, 300, 3), dtype=np.uint8)
    found = inference_detector(detector.model, image).pred_instances.numpy()
    people = found.bboxes[found.labels == 1]
    assert 0 < len(people) < len(found.bboxes)
    boxes = detector(image)
    assert 0 < len(boxes) < len(people)
    assert {tuple(box) for box in boxes} <= {tuple(box) for box in people}

    def overlaps(one, others):
        size = np.minimum(one[2:], others[:, 2:]) - np.maximum(
            one[:2], others[:, :2]) + 1
        both = np.maximum(size, 0).prod(1)
        areas = [(box[..., 2:] - box[..., :2] + 1).prod(-1)
                 for box in (one, others)]
        return both / (sum(areas) - both)

    assert all((overlaps(box, boxes) > .3).sum() == 1 for box in boxes)
    assert all((overlaps(box, boxes) > .3).any() for box in people)


@pytest.fixture
def public(server, tmp_path, monkeypatch):
    """What is public, on a host of this machine, and thin."""
    folder, url = server
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'cache'))
    config, _ = thin_rtmdet(folder, {'model.test_cfg.max_per_img': 3})
    from mmpose.apis.inferencers.utils import default_det_models
    shutil.move(str(config), str(tmp_path / 'rtmdet.py'))
    monkeypatch.setitem(default_det_models, 'body', dict(
        model=str(tmp_path / 'rtmdet.py'), weights=f'{url}/rtmdet.pth',
        cat_ids=(0, )))
    shutil.copy(CHECKPOINT, folder / 'poses.pth')
    stock = FIGURES / 'td-hm_res18-thin_1xb64-8e_figures-128x96.py'
    monkeypatch.setattr(networks, 'DEFAULT', str(stock))
    monkeypatch.setattr(networks, '_published',
                        lambda *args: f'{url}/poses.pth')
    return folder


@needs_detectors
@pytest.mark.slow
def test_weights_are_fetched_once(demo, data, public, tmp_path):
    path = sorted((data / 'images').iterdir())[0]
    status, content, _ = demo(path, '--kpt-thr', 0)
    assert status == 0
    kept = tmp_path / 'cache/hub/checkpoints'
    assert sorted(p.name for p in kept.iterdir()) == [
        'poses.pth', 'rtmdet.pth']
    height, width = cv2.imread(str(path)).shape[:2]
    assert 1 <= len(content['annotations']) <= 3
    assert [0, 0, width, height] not in [
        a['bbox'] for a in content['annotations']]
    shutil.rmtree(public)
    again, second, _ = demo(path, '--kpt-thr', 0)
    assert again == 0 and second == content


@needs_detectors
@pytest.mark.slow
def test_without_a_connection_it_says_what_to_fetch(demo, data, public,
                                                    tmp_path, capsys):
    """Which files, and two ways to hand them over, which do."""
    path = sorted((data / 'images').iterdir())[0]
    shutil.rmtree(public)
    assert demo(path)[0] == 2
    said = capsys.readouterr().err
    said = said[said.index('mmpose-dark demo: error'):].splitlines()
    assert '127.0.0.1' in said[0] and '404' in said[0]
    assert said[1].startswith('Fetch these two files')
    assert said[2].endswith('/poses.pth') and said[3].endswith('/rtmdet.pth')
    cache = str(tmp_path / 'cache/hub/checkpoints')
    assert cache in said[4]
    assert said[5] == ('or add --checkpoint poses.pth '
                       '--det-checkpoint rtmdet.pth')
    status, content, _ = demo(path, '--checkpoint', CHECKPOINT,
                              '--whole-image')
    assert status == 0 and len(content['annotations']) == 1
    os.makedirs(cache, exist_ok=True)
    shutil.copy(CHECKPOINT, cache + '/poses.pth')
    assert demo(path)[0] == 2
    said = capsys.readouterr().err.splitlines()
    assert 'Fetch this file where there is a network connection:' in said
    assert said[-1] == 'or add --det-checkpoint rtmdet.pth'


@pytest.mark.slow
def test_a_network_that_sees_nothing_says_so(demo, tmp_path, capsys):
    """Grey is nobody: what the detector, the boxes or the network say."""
    path = tmp_path / 'grey.png'
    cv2.imwrite(str(path), np.full((40, 30, 3), 127, np.uint8))
    network = '--config', DARK, '--checkpoint', CHECKPOINT
    status, content, _ = demo(path, *network, '--whole-image')
    assert status == 1 and len(content['annotations']) == 1
    said = capsys.readouterr().err
    assert 'no pose to see: nobody has 3 joints' in said
    assert 'leave --whole-image away' in said
    assert demo(path, '--figures')[0] == 1
    assert 'Leave --figures away for photographs' in capsys.readouterr().err


@pytest.mark.parametrize('args, said', [
    ((), 'give an INPUT'),
    (('none*', '--figures'), 'no image or video in none*'),
    (('x.jpg', '--config', 'x.py', '--figures'), '--figures has a network'),
    (('x.jpg', '--whole-image', '--det-checkpoint', 'x.pth'), 'of no use'),
    (('--figures', '--whole-image'), 'knows where its people are'),
    (('x.jpg', '--bboxes', 'x.json', '--whole-image'), 'not allowed with'),
    (('.', '--config', 'none.py'), 'no image or video'),
    (('a.jpg', '--config', 'none.py', '--whole-image'),
     'there is no config none.py'),
    (('a.jpg', '--config', str(DARK), '--whole-image'), 'its --checkpoint'),
    (('a.jpg', '--config', 'mmpose::body_2d_keypoint/associative_embedding/'
      'coco/ae_hrnet-w32_8xb24-300e_coco-512x512.py'), 'apply_dark, and run'),
    (('a.jpg', '--figures', '--bboxes', 'boxes.json'), 'COCO file'),
    (('a.jpg', '--figures', '--out', 'a.jpg/out'), 'nothing can be written'),
])
def test_bad_arguments_are_told(tmp_path, monkeypatch, capsys, args, said):
    monkeypatch.chdir(tmp_path)
    if 'a.jpg' in args:
        cv2.imwrite('a.jpg', np.zeros((9, 9, 3), np.uint8))
    (tmp_path / 'boxes.json').write_text('[1, 2]')
    assert run_command('demo', *args) == 2
    assert said in capsys.readouterr().err.splitlines()[-1]


def test_nothing_overwrites_its_input(tmp_path, capsys):
    folder = tmp_path / 'visualizations'
    folder.mkdir()
    cv2.imwrite(str(folder / 'a.jpg'), np.zeros((9, 9, 3), np.uint8))
    before = (folder / 'a.jpg').read_bytes()
    assert run_command('demo', folder, '--figures', '--out', tmp_path) == 2
    assert 'nothing overwrites its input' in capsys.readouterr().err
    assert (folder / 'a.jpg').read_bytes() == before
    boxes = tmp_path / 'predictions.json'
    boxes.write_text('{}')
    assert run_command('demo', folder, '--figures', '--bboxes', boxes,
                       '--out', tmp_path) == 2
    assert 'nothing overwrites its input' in capsys.readouterr().err


def test_kind_of_a_file():
    """By its name, whatever types of files the host knows."""
    for name, kind in (('a/b.JPG', 'image'), ('b.webp', 'image'),
                       ('c.mkv', 'video'), ('d.json', None), ('e', None),
                       ('f.svg', None)):
        assert files.kind_of(name) == kind
    assert set(results.WRITABLE) <= set(files.IMAGES)


def test_boxes_are_read_by_name_and_frame(tmp_path):
    path = tmp_path / 'boxes.json'
    path.write_text(json.dumps(dict(
        images=[dict(id=1, file_name='a.jpg'),
                dict(id=2, file_name='v.mp4', frame_id=3),
                dict(id=3, file_name='b.jpg')],
        annotations=[dict(image_id=1, bbox=[1, 2, 3, 4]),
                     dict(image_id=1, bbox=[1, 2, 0, 4]),
                     dict(image_id=2, bbox=[0, 0, 5, 6],
                          keypoints=[1, 2, 2, 3, 4, 0]),
                     dict(image_id=3, bbox=[0, 0, 5, 6], score=.5,
                          keypoints=[1, 2, .5])])))
    people = files.load_people(path)
    np.testing.assert_array_equal(people['a.jpg', 0].boxes, [[1, 2, 4, 6]])
    np.testing.assert_array_equal(people['v.mp4', 3].boxes, [[0, 0, 5, 6]])
    np.testing.assert_array_equal(people['v.mp4', 3].joints,
                                  [[[1, 2, 2], [3, 4, 0]]])
    assert people['a.jpg', 0].joints is None
    assert people['b.jpg', 0].joints is None  # predicted: no truth
