"""Heatmaps predicted once and decoded many ways."""
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from conftest import TOOLS, run_command

pytest.importorskip('mmpose')
from mmpose_dark import evaluation  # noqa: E402
from mmpose_dark.codecs import build_codec

FIGURES = TOOLS.parent / 'configs/body_2d_keypoint/topdown_heatmap/figures'
SIZE, STRIDE, SIGMA = (24, 32), 4, 1


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    from mmpose_dark.synthetic import make_figures
    root = tmp_path_factory.mktemp('figures')
    make_figures(root / 'train', 8, seed=0)
    make_figures(root / 'val', 12, seed=1)
    return root


@pytest.fixture(scope='module')
def perfect(data, tmp_path_factory):
    """An npz of a network that is never wrong, aligned as the stock codec."""
    from mmpose.structures.bbox import bbox_xywh2cs
    from mmpose_dark.functional import encode_heatmaps
    anns = json.loads(
        (data / 'val/person_keypoints.json').read_text())['annotations']
    input_size = STRIDE * np.array(SIZE)
    flip = [0, *(i + 1 if i % 2 else i - 1 for i in range(1, 17))]
    heatmaps, flipped, centres, scales = [], [], [], []
    for ann in anns:
        centre, scale = bbox_xywh2cs(np.array(ann['bbox']), padding=1.25)
        w, h = scale
        scale = np.array([max(w, h * .75), max(h, w / .75)])
        truth = np.reshape(ann['keypoints'], (17, 3))[:, :2]
        points = (truth - centre + scale / 2) / scale * input_size
        mirrored = points * (-1, 1) + (input_size[0] - 1, 0)
        heatmaps.append(encode_heatmaps(points / STRIDE, SIZE, SIGMA))
        flipped.append(encode_heatmaps(mirrored[flip] / STRIDE, SIZE, SIGMA))
        centres.append(centre)
        scales.append(scale)
    path = tmp_path_factory.mktemp('maps') / 'perfect.npz'
    np.savez(path, heatmaps=np.float32(heatmaps),
             heatmaps_flip=np.float32(flipped), input_center=centres,
             input_scale=scales, ann_id=[a['id'] for a in anns])
    return path


@pytest.fixture(scope='module')
def rows(data, perfect):
    ann = data / 'val/person_keypoints.json'
    kept = evaluation.load(perfect, ann, SIGMA)
    metric = evaluation.coco_metric(ann, dict(
        CLASSES=['person'], sigmas=kept.sigmas, num_keypoints=17))
    rows = evaluation.compare(kept, metric)
    return {(row['merge'], row['decoder']): row for row in rows}


@pytest.mark.parametrize('num, names', [
    (17, {0: 'nose'}), (16, None)])
def test_a_metric_has_the_names_of_its_annotations(data, num, names):
    """Unless they are of other keypoints."""
    meta = evaluation.coco_metric(data / 'val/person_keypoints.json', dict(
        CLASSES=['person'], sigmas=np.ones(num),
        num_keypoints=num)).dataset_meta
    found = meta.get('keypoint_id2name')
    assert found is names or found.items() >= names.items()


def test_perfect_heatmaps_score_perfectly(rows):
    row = rows['exact', 'DARK']
    assert row['metrics']['AP'] == pytest.approx(1)
    assert np.nanmin(row['oks']) > .999
    # Cubic interpolation of a Gaussian of sigma 1 leaves a hundredth of a px.
    assert row['median_px'] < .1
    assert rows['none', 'DARK']['median_px'] < 1e-3


def test_pckh_counts_what_is_near_enough(rows, data, perfect):
    assert rows['exact', 'DARK']['metrics']['PCKh@0.1'] == 1
    kept = evaluation.load(perfect, data / 'val/person_keypoints.json', SIGMA)
    head = np.array([s['raw_ann_info']['head_size'] for s in kept.samples])
    scale = np.array([s['input_scale'] for s in kept.samples])
    points = kept.decode(kept.outputs)[0].astype(float)
    points[:, ::2, 0] += (.3 * head / scale[:, 0] * 96)[:, None]
    assert kept.pckh(points, .5) == 1
    assert kept.pckh(points, .1) == pytest.approx(8 / 17)


def test_only_the_stock_merge_is_biased(rows):
    """(1 - 1 / s) px instead of one: half an input px after the average."""
    assert rows['stock', 'DARK']['mean_x'] == pytest.approx(.5, abs=.05)
    for merge in ('none', 'exact'):
        assert abs(rows[merge, 'DARK']['mean_x']) < .03
    assert abs(rows['stock', 'DARK']['mean_y']) < .03


def test_the_order_of_the_paper(rows):
    median = [rows['none', name]['median_px']
              for name in ('argmax', 'shift', 'DARK, official', 'DARK')]
    assert median == sorted(median, reverse=True)


def test_intervals_hold_the_mean_and_pair_persons(rng):
    base = dict(oks=rng.uniform(.2, 1, 200))
    better = dict(oks=base['oks'] + rng.normal(.01, .001, 200))
    rows = [base, better]
    evaluation.add_intervals(rows, base)
    assert base['interval'] == (0, 0) and base['is_base']
    low, high = better['interval']
    # Unpaired, the spread of the persons would be 100 times the difference's.
    assert .9 < low < better['gain'] < high < 1.1


def test_file_that_lacks_something_is_refused(data, perfect, tmp_path):
    ann = data / 'val/person_keypoints.json'
    np.savez(tmp_path / 'less.npz', heatmaps=np.zeros((1, 17, 4, 4)))
    with pytest.raises(ValueError, match='lacks .*ann_id'):
        evaluation.load(tmp_path / 'less.npz', ann, SIGMA)
    with pytest.raises(ValueError, match='lacks annotations'):
        evaluation.load(
            perfect, data / 'train/person_keypoints.json', SIGMA)


@pytest.mark.parametrize('codec', [
    dict(input_size=(93, 125), use_udp=True),
    dict(input_size=(72, 96), sigma=1.5)])
def test_saved_heatmaps_are_loaded_as_they_were(
        data, perfect, tmp_path, codec):
    ann = data / 'val/person_keypoints.json'
    kept = evaluation.load(perfect, ann, SIGMA)
    kept.codec = build_codec({**kept.codec.config(), **codec})
    kept.flip_indices, kept.sigmas = list(range(17)), kept.sigmas[::-1]
    kept.outputs[0][0, 0, 3, 4] = 9.123456  # not in 1/4096
    kept.save(tmp_path / 'maps.npz')
    again = evaluation.load(tmp_path / 'maps.npz', ann)
    for ours, theirs in zip(again.outputs + again.flipped,
                            kept.outputs + kept.flipped):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)
    assert again.flip_indices == kept.flip_indices
    np.testing.assert_array_equal(again.sigmas, kept.sigmas)
    for a, b in zip(again.decode(again.outputs), kept.decode(kept.outputs)):
        np.testing.assert_array_equal(a, b)


def test_how_a_config_merges_is_saved(data, perfect, tmp_path):
    ann = data / 'val/person_keypoints.json'
    kept = evaluation.load(perfect, ann, SIGMA)
    for moved in (False, True, None):
        kept.shift_heatmap = moved
        kept.save(tmp_path / 'kept.npz')
        assert evaluation.load(
            tmp_path / 'kept.npz', ann).shift_heatmap is moved


def test_persons_without_an_area_have_that_of_their_box(data, perfect):
    """The figures' areas are MMPose's stand-in, so that nothing changes."""
    kept = evaluation.load(perfect, data / 'val/person_keypoints.json', SIGMA)
    points = kept.decode(kept.outputs, decoding='argmax')[0]
    want = kept.oks(points)
    for sample in kept.samples:
        del sample['raw_ann_info']
    np.testing.assert_allclose(kept.oks(points), want, rtol=1e-4)
    assert want.max() < 1


def test_a_runner_does_not_write_to_the_folder_of_an_earlier_one(tmp_path):
    """As commands run one after the other in a process and a notebook."""
    from mmpose_dark.config import load_config
    cfg = load_config(
        FIGURES / 'td-hm_res18-thin_dark-1xb64-8e_figures-128x96.py')
    for name in 'first', 'second':
        runner = evaluation.build_test_runner(cfg, None, tmp_path / name)
        logs = [handler.baseFilename for handler in runner.logger.handlers
                if hasattr(handler, 'baseFilename')]
        assert logs and all(str(tmp_path / name) in log for log in logs)
        shutil.rmtree(tmp_path / name)


@pytest.mark.slow
def test_compare_decoders_agrees_with_the_test_loop(
        data, tmp_path, capsys):
    """Kept maps, saved and read again, give what MMPose's own loop gives."""
    options = [f'test_dataloader.dataset.data_root={data}',
               f'test_evaluator.ann_file={data}/val/person_keypoints.json',
               'test_dataloader.num_workers=0',
               'test_dataloader.persistent_workers=False']
    network = FIGURES / 'td-hm_res18-thin_figures-128x96.pth'
    config = FIGURES / 'td-hm_res18-thin_dark-1xb64-8e_figures-128x96.py'
    saved = tmp_path / 'maps.npz'

    def compare(*args):
        assert run_command('compare', *args) == 0
        return capsys.readouterr().out

    def ap(table, name='DARK  '):
        line = next(x for x in table.splitlines() if f'| {name}' in x)
        return float(line.split('|')[3])

    # What the test loop is to say is the first row, and what is odd is said.
    # Detections, which stock configs of COCO name, are left out.
    table = compare(config, network, '--save', saved, '--merge', 'stock',
                    '--work-dir', tmp_path, '--cfg-options', *options,
                    'test_dataloader.dataset.bbox_file=none.json')
    again = compare('--heatmaps', saved, '--ann',
                    data / 'val/person_keypoints.json', '--sigma', 1,
                    '--merge', 'stock')

    assert ap(again) == pytest.approx(ap(table), abs=.3)  # maps are int16
    log = subprocess.run(
        [sys.executable, *map(str, (
            TOOLS / 'test.py', config, network, '--work-dir', tmp_path,
            '--cfg-options', *options))],
        check=True, capture_output=True, text=True).stdout
    told = float(log.rpartition('coco/AP: ')[2].split()[0])
    assert ap(table) == pytest.approx(100 * told, abs=.01)
    assert ap(table, 'DarkHeatmap, as configured') == pytest.approx(
        100 * told, abs=.01)


def test_what_a_config_predicts_itself_is_the_first_row(data, tmp_path):
    """A UDP codec already reads by DARK: that is what there is to beat."""
    from mmpose_dark.config import load_config
    cfg = load_config(
        FIGURES / 'td-hm_res18-thin_1xb64-8e_figures-128x96.py')
    cfg.model.head.decoder = dict(type='UDPHeatmap', input_size=(96, 128),
                                  heatmap_size=(24, 32), sigma=1)
    cfg.test_dataloader.update(num_workers=0, persistent_workers=False)
    cfg.test_dataloader.dataset.data_root = str(data)
    cfg.test_evaluator.ann_file = str(data / 'val/person_keypoints.json')
    runner = evaluation.build_test_runner(
        cfg, FIGURES / 'td-hm_res18-thin_figures-128x96.pth', tmp_path)
    kept = evaluation.predict(runner)
    first, *rows = evaluation.compare(
        kept, runner.test_evaluator.metrics[0], ['stock'])
    assert first['decoder'] == 'UDPHeatmap, as configured'
    want = runner.test()
    assert first['metrics']['AP'] == pytest.approx(want['coco/AP'], abs=1e-9)
    # Its flip test shifts by a whole pixel, as this config has it.
    shift = next(row for row in rows if row['decoder'] == 'shift')
    assert shift['mean_x'] == pytest.approx(first['mean_x'], abs=.2)
    assert kept.shift_heatmap is True
    kept.shift_heatmap = None
    (stock, ), (exact, ) = kept.merged('stock'), kept.merged('exact')
    assert np.abs(stock - exact).max() < 1e-6


def test_the_stock_merge_of_a_config_that_does_not_say(data, tmp_path):
    """Of our heads, which need not be told, it is what MMPose should do."""
    from mmpose_dark.config import load_config
    cfg = load_config(
        FIGURES / 'td-hm_res18-thin_dark-1xb64-8e_figures-128x96.py')
    cfg.model.head.type = 'mmpose_dark.DarkHeatmapHead'
    cfg.model.test_cfg = dict(flip_test=True)
    cfg.test_dataloader.update(num_workers=0, persistent_workers=False)
    cfg.test_dataloader.dataset.data_root = str(data)
    cfg.test_evaluator.ann_file = str(data / 'val/person_keypoints.json')
    kept = evaluation.predict(
        evaluation.build_test_runner(cfg, None, tmp_path))
    assert kept.configured[1] == 'exact' and kept.shift_heatmap is None
    want = kept.merged('stock')
    kept.shift_heatmap = True
    np.testing.assert_array_equal(kept.merged('stock'), want)


def test_a_checkpoint_is_loaded_whole_or_refused(data, tmp_path):
    import torch
    from mmpose_dark.config import load_config
    network = FIGURES / 'td-hm_res18-thin_figures-128x96.pth'
    cfg = load_config(
        FIGURES / 'td-hm_res18-hypercolumn_1xb16-2e_figures-128x96.py')
    with pytest.raises(ValueError, match='does not fit .*hypercolumn'):
        evaluation.build_test_runner(cfg, network, tmp_path)
    cfg = load_config(FIGURES / 'td-hm_res18-thin_1xb64-8e_figures-128x96.py')
    # A hook of training that cannot load weights outside of its loop.
    cfg.custom_hooks = [dict(type='EMAHook')]
    model = evaluation.build_test_runner(cfg, network, tmp_path).model
    state = torch.load(network, weights_only=True)['state_dict']
    for key, value in model.state_dict().items():
        torch.testing.assert_close(value, state[key])


def test_workers_end_with_their_epoch(tmp_path):
    """Those that persist keep whoever drops the Runner waiting for 5 s."""
    from mmpose_dark.config import load_config
    cfg = load_config(FIGURES / 'td-hm_res18-thin_1xb64-8e_figures-128x96.py')
    assert cfg.test_dataloader.persistent_workers
    runner = evaluation.build_test_runner(cfg, None, tmp_path)
    assert not runner.cfg.test_dataloader.persistent_workers


def test_what_is_odd_about_a_config_is_said(capsys):
    from mmpose_dark.cli.configs import check_config
    from mmpose_dark.config import load_config
    cfg = load_config(
        FIGURES / 'td-hm_res18-thin_1xb64-8e_figures-128x96.py')
    check_config(cfg)
    assert capsys.readouterr().err == ''
    cfg.model.test_cfg.shift_heatmap = False
    check_config(cfg)
    assert capsys.readouterr().err.startswith(
        'Warning: crop, codec and flip test disagree')


# ---- what it says in words


def rows_of(rng, people=100, **gains):
    """Rows of (merge, decoder), whose OKS is better by so much on average."""
    oks = rng.uniform(.3, .9, people)
    return {name: dict(
        merge=name.partition('_')[0],
        decoder=name.partition('_')[2].replace('_', ' '),
        oks=oks + gain / 100 + (gain != 0) * .01 * rng.standard_normal(people))
        for name, gain in gains.items()}


def words(rows, base):
    steps = evaluation.verdict(list(rows.values()), rows[base])
    return steps, evaluation.verdict_text(steps).splitlines()


def test_each_step_is_told_on_top_of_the_one_before(rng):
    rows = rows_of(rng, stock_shift=0, stock_DARK=1., exact_DARK=3.)
    (codec, head), (first, second) = words(rows, 'stock_shift')
    assert (codec['step'], head['step']) == ('codec', 'head')
    assert codec['gain'] == pytest.approx(1, abs=.3)
    assert head['gain'] == pytest.approx(2, abs=.4)
    for step, line in ((codec, first), (head, second)):
        low, high = step['interval']
        assert 0 < low < step['gain'] < high and step['sure']
        assert f'{step["gain"]:+.2f} OKS x 100' in line
        assert line.endswith(f'[{low:+.2f}, {high:+.2f}], sure.')
    assert first.startswith('Swap the codec: +')
    assert second.startswith('Swap the head too: +') and ' more [' in second


def test_what_is_not_sure_or_does_not_help_is_said(rng):
    rows = rows_of(rng, stock_shift=0, stock_DARK=.01, exact_DARK=-2)
    _, (first, second) = words(rows, 'stock_shift')
    assert first.endswith('], not sure.')
    assert second.endswith('], sure, and it does not help.')
    rows = rows_of(rng, stock_shift=0, stock_DARK=0, exact_DARK=0)
    assert words(rows, 'stock_shift')[1] == [
        'Swap the codec: changes nothing.',
        'Swap the head too: changes nothing.']
    rows = rows_of(rng, people=19, stock_shift=0, stock_DARK=5)
    (step, ), (line, ) = words(rows, 'stock_shift')
    assert not step['sure'] and line.endswith('not sure: too few people.')


def test_a_config_that_is_dark_is_told_so(rng):
    name = 'DarkHeatmap, as configured'
    rows = rows_of(rng, stock_shift=0, stock_DARK=2, exact_DARK=2)
    base = dict(rows['stock_DARK'], decoder=name)
    (codec, head), (first, second) = words(
        dict(mine=base, **rows), 'mine')
    assert codec['done'] and codec['gain'] == pytest.approx(2, abs=.3)
    assert first.startswith('The codec is DARK, against the standard shift: ')
    # its merge is exact already, or there is no flip test
    for merge in ('exact', 'none'):
        rows = rows_of(rng, **{f'{merge}_shift': 0, f'{merge}_DARK': 1})
        steps, _ = words(rows, f'{merge}_shift')
        assert [step['step'] for step in steps] == ['codec']


def test_nothing_is_said_of_what_was_not_measured(rng):
    rows = rows_of(rng, exact_shift=0, stock_shift=0)
    assert words(rows, 'stock_shift') == ([], [])
    rows = rows_of(rng, stock_shift=0, stock_DARK=1)
    for row in rows.values():
        row['oks'] = np.full(100, np.nan)
    assert words(rows, 'stock_shift') == ([], [])
    listed = [dict(row, metrics=dict(PCK=.5), median_px=1., mean_x=0.,
                   mean_y=0.) for row in rows.values()]
    evaluation.add_intervals(listed, listed[0])
    assert 'nan' not in evaluation.comparison_table(listed)


def test_compare_ends_in_words_and_json(perfect, data, tmp_path, capsys):
    ann = data / 'val/person_keypoints.json'
    args = ['compare', '--heatmaps', perfect, '--ann', ann, '--sigma', SIGMA]
    assert run_command(*args, '--json', tmp_path / 'a.json',
                       '--out', tmp_path / 'a.md') == 0
    said = capsys.readouterr().out
    assert (tmp_path / 'a.md').read_text() == said
    content = json.loads((tmp_path / 'a.json').read_text())
    assert said.endswith(f'\n\n{content["verdict"]}\n')
    assert [step['step'] for step in content['steps']] == ['codec', 'head']
    assert len(content['rows']) == 18
    assert content['rows'][0]['metrics']['AP'] > .5
    # The same on stdout, and nothing beside it.
    assert run_command(*args, '--json') == 0
    assert json.loads(capsys.readouterr().out) == content


def test_decoders_that_are_done_are_not_lost(
        perfect, data, capsys, monkeypatch):
    from mmpose_dark.evaluation import comparison
    row, done = comparison._row, []

    def stopped(*args):
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(row(*args))
        return done[-1]

    monkeypatch.setattr(comparison, '_row', stopped)
    assert run_command('compare', '--heatmaps', perfect, '--ann',
                       data / 'val/person_keypoints.json') == 130
    said = capsys.readouterr()
    assert said.out.count('| none ') == 3
    assert said.err.endswith('mmpose-dark compare: stopped\n')


@pytest.fixture
def saved(data, tmp_path):
    """Kept maps of two people, and their annotations, as files to spoil."""
    path = data / 'val/person_keypoints.json'
    content = json.loads(path.read_text())
    people = content['annotations'][:2]
    boxes = np.array([person['bbox'] for person in people], float)
    maps = np.zeros((2, 17, 8, 6), np.float32)

    def write(**changes):
        arrays = dict(
            heatmaps=maps, heatmaps_flip=maps,
            ann_id=np.array([person['id'] for person in people]),
            input_center=boxes[:, :2] + boxes[:, 2:] / 2,
            input_scale=1.25 * boxes[:, 2:])
        np.savez(tmp_path / 'maps.npz', **{
            key: value for key, value in {**arrays, **changes}.items()
            if value is not None})
        return tmp_path / 'maps.npz', path

    write.content = content
    return write


def test_maps_of_other_people_are_refused(saved, tmp_path):
    assert len(evaluation.load(*saved()).samples) == 2
    for changes, said in (
            (dict(ann_id=np.array([1, 10**6])), r'annotations \[1000000\]'),
            (dict(ann_id=np.array([2, 1])), 'only 0% of the crops'),
            (dict(heatmaps=np.zeros((2, 16, 8, 6)), heatmaps_flip=np.zeros(
                (2, 16, 8, 6))), 'has 16 heatmaps each, the latter 17'),
            (dict(input_scale=None), 'lacks .*input_scale')):
        with pytest.raises(ValueError, match=said):
            evaluation.load(*saved(**changes))
    path, ann = saved()
    with pytest.raises(ValueError, match='is no .npz file'):
        evaluation.load(ann, ann)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(ValueError, match='is no .npz file'):
        evaluation.load(path, ann)


@pytest.mark.parametrize('content', [
    'a text', '[1]', '{}',
    '{"images": [], "annotations": [{"id": 1}], "categories": []}'])
def test_a_file_that_is_not_of_coco(saved, tmp_path, content):
    (tmp_path / 'some.json').write_text(content)
    with pytest.raises(ValueError, match="no file of COCO's"):
        evaluation.load(saved()[0], tmp_path / 'some.json')


def test_boxes_of_a_detector_are_near_enough(saved, rng):
    from mmpose_dark.evaluation.matching import share_around_boxes
    people = saved.content['annotations'] * 5
    boxes = np.array([person['bbox'] for person in people], float)
    corners = np.hstack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]])

    def share(off, labels=corners):
        seen = boxes + off * rng.standard_normal(boxes.shape) * np.tile(
            boxes[:, 2:], 2)
        return share_around_boxes([
            dict(input_center=box[:2] + box[2:] / 2,
                 input_scale=1.25 * np.maximum(
                     box[2:], box[:1:-1] * [.75, 1 / .75]),
                 gt_instances=dict(bboxes=label[None]))
            for box, label in zip(seen, labels)])

    assert share(0) == 1
    assert share(.08) > .9
    assert share(0, np.roll(corners, 1, 0)) < .3


def test_a_split_of_no_figures_is_left_as_it_is(tmp_path):
    for _ in range(2):
        assert run_command('figures', '--out', tmp_path, '--train', 0,
                           '--val', 2) == 0
        (tmp_path / 'train').mkdir(exist_ok=True)
    assert not list((tmp_path / 'train').iterdir())


KEPT_CODECS = [
    dict(type='MSRAHeatmap', sigma=2), dict(type='UDPHeatmap', sigma=2),
    dict(type='MegviiHeatmap', kernel_size=11),
    dict(type='DarkHeatmap', sigma=2, peak='raw'),
    dict(type='DarkPoseHeatmap', sigma=2),
    dict(type='DarkMegviiHeatmap', kernel_size=11)]


@pytest.mark.parametrize('entry', KEPT_CODECS, ids=lambda e: e['type'])
def test_heatmaps_of_every_codec_are_kept_read_and_saved(
        rng, entry, data, perfect, tmp_path):
    """Also those that `convert` writes: nothing is known by its name."""
    ann = data / 'val/person_keypoints.json'
    kept = evaluation.load(perfect, ann, SIGMA)
    size = dict(input_size=kept.codec.input_size,
                heatmap_size=kept.codec.heatmap_size)
    codec = build_codec({**entry, **size})
    points = rng.uniform(20, 60, (1, 17, 2))
    maps = codec.encode(points)['heatmaps'][None].astype(np.float32)
    mirrored = codec.encode(
        np.array([codec.input_size[0] - 1, 0]) + points * [-1, 1])['heatmaps']
    kept.codec, kept.flip_indices = codec, list(range(17))
    kept.samples = kept.samples[:1]
    kept.outputs = maps,
    kept.flipped = mirrored[None].astype(np.float32),
    kept.save(tmp_path / 'maps.npz')
    again = evaluation.load(tmp_path / 'maps.npz', ann)
    assert again.codec.config() == codec.config()
    for merge in ('none', 'exact'):
        found, scores, covariances = again.decode(
            again.merged(merge), return_covariance=True)
        np.testing.assert_allclose(found[0], points[0] * np.divide(
            codec.input_size, np.array(codec.input_size) -
            getattr(codec, 'use_udp', False)), atol=.05)
        assert covariances.shape == (1, 17, 2, 2)
    assert set(codec.decodings()) >= {'DARK', 'DARK, official', 'shift'}


def test_vectors_are_saved(rng, data, perfect, tmp_path):
    ann = data / 'val/person_keypoints.json'
    kept = evaluation.load(perfect, ann, SIGMA)
    codec = build_codec(dict(type='SimCCLabel', sigma=4.9, normalize=False,
                             input_size=kept.codec.input_size))
    num = len(kept.samples)
    kept.codec, kept.outputs = codec, tuple(
        rng.random((num, 17, *shape)).astype(np.float32)
        for shape in codec.output_shapes)
    kept.flipped = kept.outputs[::1]
    kept.save(tmp_path / 'vectors.npz')
    again = evaluation.load(tmp_path / 'vectors.npz', ann)
    for ours, theirs in zip(again.merged('exact'), kept.merged('exact')):
        np.testing.assert_array_equal(ours, theirs)
    assert again.codec.config() == codec.config()
