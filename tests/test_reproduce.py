"""Heatmaps decoded many ways, and the paper's tables in miniature."""
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip('mmpose')
pytest.importorskip('matplotlib')

ROOT = Path(__file__).resolve().parents[1]
TOOLS = ROOT / 'tools'
FIGURES = ROOT / 'configs/body_2d_keypoint/topdown_heatmap/figures'
SIZE, STRIDE, SIGMA = (24, 32), 4, 1


@pytest.fixture(scope='module')
def tools():
    sys.path.insert(0, str(TOOLS))
    import compare_decoders
    import kept_heatmaps
    import reproduce_report
    from mmpose_dark import DarkHeatmap  # noqa: F401  first, see _compat
    yield compare_decoders, kept_heatmaps, reproduce_report
    sys.path.remove(str(TOOLS))


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
def rows(tools, data, perfect):
    compare_decoders, kept_heatmaps, _ = tools
    ann = data / 'val/person_keypoints.json'
    kept = kept_heatmaps.load(perfect, ann, SIGMA)
    metric = kept_heatmaps.coco_metric(ann, dict(
        CLASSES=['person'], sigmas=kept.sigmas, num_keypoints=17))
    rows = compare_decoders.compare(kept, metric, kept_heatmaps.MERGES)
    return {(row['merge'], row['decoder']): row for row in rows}


def test_perfect_heatmaps_score_perfectly(rows):
    row = rows['exact', 'DARK']
    assert row['metrics']['AP'] == pytest.approx(1)
    assert np.nanmin(row['oks']) > .999
    # Cubic interpolation of a Gaussian of sigma 1 leaves a hundredth of a px.
    assert row['median_px'] < .1
    assert rows['none', 'DARK']['median_px'] < 1e-3


def test_pckh_counts_what_is_near_enough(rows, tools, data, perfect):
    assert rows['exact', 'DARK']['metrics']['PCKh@0.1'] == 1
    kept = tools[1].load(perfect, data / 'val/person_keypoints.json', SIGMA)
    head = np.array([s['raw_ann_info']['head_size'] for s in kept.samples])
    scale = np.array([s['input_scale'] for s in kept.samples])
    points = kept.decode(kept.heatmaps)[0].astype(float)
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


def test_intervals_hold_the_mean_and_pair_persons(tools, rng):
    compare_decoders = tools[0]
    base = dict(oks=rng.uniform(.2, 1, 200))
    better = dict(oks=base['oks'] + rng.normal(.01, .001, 200))
    rows = [base, better]
    compare_decoders.add_intervals(rows, base)
    assert base['interval'] == (0, 0)
    low, high = better['interval']
    # Unpaired, the spread of the persons would be 100 times the difference's.
    assert .9 < low < better['gain'] < high < 1.1


def test_file_that_lacks_something_is_refused(tools, data, perfect, tmp_path):
    kept_heatmaps = tools[1]
    ann = data / 'val/person_keypoints.json'
    np.savez(tmp_path / 'less.npz', heatmaps=np.zeros((1, 17, 4, 4)))
    with pytest.raises(ValueError, match='lacks .*ann_id'):
        kept_heatmaps.load(tmp_path / 'less.npz', ann, SIGMA)
    with pytest.raises(ValueError, match='lacks annotations'):
        kept_heatmaps.load(
            perfect, data / 'train/person_keypoints.json', SIGMA)


@pytest.mark.parametrize('codec', [
    dict(input_size=(93, 125), use_udp=True),
    dict(input_size=(72, 96), sigma=1.5)])
def test_saved_heatmaps_are_loaded_as_they_were(
        tools, data, perfect, tmp_path, codec):
    kept_heatmaps = tools[1]
    ann = data / 'val/person_keypoints.json'
    kept = kept_heatmaps.load(perfect, ann, SIGMA)
    kept.codec.update(codec)
    kept.flip_indices, kept.sigmas = list(range(17)), kept.sigmas[::-1]
    kept.heatmaps[0, 0, 3, 4] = 9  # more than int16 of value * 4096 holds
    kept.save(tmp_path / 'maps.npz')
    again = kept_heatmaps.load(tmp_path / 'maps.npz', ann)
    np.testing.assert_array_equal(again.heatmaps, kept.heatmaps)
    np.testing.assert_allclose(again.flipped, kept.flipped, atol=2e-4)
    assert again.flip_indices == kept.flip_indices
    np.testing.assert_array_equal(again.sigmas, kept.sigmas)
    for a, b in zip(again.decode(again.heatmaps), kept.decode(kept.heatmaps)):
        np.testing.assert_array_equal(a, b)


def test_persons_without_an_area_have_that_of_their_box(tools, data, perfect):
    """The figures' areas are MMPose's stand-in, so that nothing changes."""
    kept = tools[1].load(perfect, data / 'val/person_keypoints.json', SIGMA)
    points = kept.decode(kept.heatmaps, decoding='argmax')[0]
    want = kept.oks(points)
    for sample in kept.samples:
        del sample['raw_ann_info']
    np.testing.assert_allclose(kept.oks(points), want, rtol=1e-4)
    assert want.max() < 1


def test_a_folder_of_other_settings_is_refused(tools, tmp_path):
    import reproduce
    args = SimpleNamespace(out=tmp_path / 'new', epochs=1, train=100, val=10)
    for _ in range(2):
        reproduce.check_settings(args)
    args.epochs = 8
    with pytest.raises(SystemExit, match="'epochs': 1.*'epochs': 8"):
        reproduce.check_settings(args)


def run(*args):
    return subprocess.run([sys.executable, *map(str, args)], check=True,
                          capture_output=True, text=True).stdout


@pytest.mark.slow
def test_compare_decoders_agrees_with_the_test_loop(
        data, tmp_path, tools, monkeypatch, capsys):
    """Kept maps, saved and read again, give what MMPose's own loop gives."""
    options = [f'test_dataloader.dataset.data_root={data}',
               f'test_evaluator.ann_file={data}/val/person_keypoints.json',
               'test_dataloader.num_workers=0',
               'test_dataloader.persistent_workers=False']
    network = FIGURES / 'td-hm_res18-thin_figures-128x96.pth'
    config = FIGURES / 'td-hm_res18-thin_dark-1xb64-8e_figures-128x96.py'
    saved = tmp_path / 'maps.npz'

    def compare(*args):
        monkeypatch.setattr(sys, 'argv', ['compare_decoders', *map(str, args)])
        tools[0].main()
        return capsys.readouterr().out

    # Detections, which stock configs of COCO name, are left out.
    table = compare(config, network, '--save', saved, '--merge', 'stock',
                    '--work-dir', tmp_path, '--cfg-options', *options,
                    'test_dataloader.dataset.bbox_file=none.json')
    again = compare('--heatmaps', saved, '--ann',
                    data / 'val/person_keypoints.json', '--sigma', 1,
                    '--merge', 'stock')

    def ap(table):
        line = next(x for x in table.splitlines() if '| DARK |' in x)
        return float(line.split('|')[3])

    assert ap(again) == pytest.approx(ap(table), abs=.3)  # maps are int16
    log = run(TOOLS / 'test.py', config, network, '--work-dir', tmp_path,
              '--cfg-options', *options)
    told = float(log.rpartition('coco/AP: ')[2].split()[0])
    assert ap(table) == pytest.approx(100 * told, abs=.01)


@pytest.mark.slow
def test_a_training_from_figures_to_table(data, tmp_path, tools):
    out = tmp_path / 'out'
    out.mkdir()
    (out / 'data').symlink_to(data)
    run(TOOLS / 'reproduce.py', '--out', out, '--epochs', 1, '--work',
        'SimpleBaseline-64x48-unbiased-seed0')
    folder = out / 'runs/SimpleBaseline-64x48-unbiased-seed0'
    scores = json.loads((folder / 'scores.json').read_text())
    assert {row['merge'] for row in scores['rows']} == {
        'none', 'stock', 'exact'}
    assert (folder / 'weights.pth').is_file()
    assert not list(folder.glob('epoch_*'))
    table = tools[2].write_report(out)
    assert '64x48, DARK' in table and '128x96, DARK' not in table
    assert (out / 'tables.md').read_text().strip() == table
    assert (out / 'tables.csv').read_text().startswith('table,row,seeds')


def test_tables_give_mean_spread_and_the_papers_figure(tools, tmp_path):
    for seed, ap in enumerate((.4, .5)):
        folder = tmp_path / f'runs/{seed}'
        folder.mkdir(parents=True)
        metrics = ('AP', 'AP .5', 'AP .75', 'AP (M)', 'AP (L)', 'AR',
                   'PCKh@0.5', 'PCKh@0.1')
        (folder / 'scores.json').write_text(json.dumps(dict(
            run=dict(network='SimpleBaseline', size=[96, 128],
                     encoding='biased', seed=seed),
            rows=[dict(merge=merge, decoder=name, median_px=2., metrics={
                key: ap + .02 * (seed + 1) * (name == 'DARK')
                for key in metrics})
                  for merge in tools[1].MERGES
                  for name in tools[1].decoders(1)])))
    table = tools[2].write_report(tmp_path)
    row = next(line for line in table.splitlines()
               if line.startswith('| standard shift'))
    assert row.startswith('| standard shift | 45.0 ± 7.1 |')
    assert row.endswith('| 2.00 |  | 66.9 |')
    # Seed by seed the gains are 2 and 4, however far the seeds lie apart.
    row = next(line for line in table.splitlines()
               if line.startswith('| biased, DARK'))
    assert row.endswith('| 2.00 | +3.0 ± 1.4 | 68.4 |')
    lines = (tmp_path / 'tables.csv').read_text().splitlines()
    assert '1,standard shift,2,AP,45.0,7.07,66.9' in lines
    # Each of the paper's figures stands beside a row of the table.
    for number, published in tools[2].PAPER.items():
        assert set(published) <= {row[0] for row in
                                  tools[2].TABLES[number][1]}
