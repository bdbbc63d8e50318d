"""The paper's tables in miniature."""
import csv
import json
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import TOOLS, run_tool
from mmpose_dark.synthetic import make_figures

torch = pytest.importorskip('torch')
pytest.importorskip('mmpose')
pytest.importorskip('matplotlib')


def alone(name, *args):
    """Run a tool in a process of its own, as a user does; what it said."""
    return subprocess.run(
        [sys.executable, *map(str, (TOOLS / 'miniature' / name, *args))],
        check=True, capture_output=True, text=True).stdout


@pytest.fixture
def here(capsys):
    """The same in this process, which has imported MMPose."""
    def run(name, *args):
        capsys.readouterr()
        assert not run_tool(f'miniature/{name}', *args)
        return capsys.readouterr().out

    threads = torch.get_num_threads()
    yield run
    torch.set_num_threads(threads)  # a training takes one


def test_a_folder_of_other_settings_is_refused(tmp_path, capsys):
    (tmp_path / 'settings.json').write_text(
        json.dumps(dict(epochs=8, train=100, val=10)))
    assert run_tool('miniature/reproduce.py', '--out', tmp_path, '--epochs',
                    1, '--train', 100, '--val', 10) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.index("'epochs': 8") < said.index("'epochs': 1,")
    assert not (tmp_path / 'data').exists()


@pytest.mark.slow
@pytest.mark.parametrize('names', [
    ['SimpleBaseline-128x96-biased', 'SimpleBaseline-128x96-unbiased'],
    ['HRNet-128x96-unbiased'], ['Hourglass-128x96-unbiased'],
    ['SimpleBaseline-64x48-unbiased']], ids=lambda names: names[-1])
def test_a_training_from_figures_to_table_and_pictures(here, tmp_path, names):
    run = alone if names[0].startswith('SimpleBaseline-64') else here
    out = tmp_path / 'out'
    for split, number, seed in (('train', 8, 0), ('val', 12, 1)):
        make_figures(out / 'data' / split, number, seed)
    for name in names:
        run('reproduce.py', '--out', out, '--epochs', 1, '--work',
            f'{name}-seed0')
        folder = out / f'runs/{name}-seed0'
        scores = json.loads((folder / 'scores.json').read_text())
        shares = [row[0] for row in scores['promises']['ellipses']]
        assert len(shares) == 5 and shares == sorted(shares)
        assert {row['merge'] for row in scores['rows']} == {
            'none', 'stock', 'exact'}
        assert (folder / 'weights.pth').is_file()
        assert not list(folder.glob('epoch_*'))
    table = run('report.py', out)
    network, size, encoding = names[-1].split('-')
    assert ('| 64x48, DARK' in table) == (size == '64x48')
    assert ('| 128x96, DARK' in table) == (len(names) == 2)
    assert f'| {network}, DARK' in table or size == '64x48'
    assert (out / 'tables.md').read_text() == table
    assert (out / 'tables.csv').read_text().startswith('table,row,seeds')
    drawn = {Path(line).stem for line in run('figures.py', out).splitlines()}
    assert drawn == {'quantisation'} | ({
        'modulation', 'predictions', 'phases'} if len(names) == 2 else set())


@pytest.mark.slow
def test_an_rtmpose_from_figures_to_table(here, tmp_path):
    out = tmp_path / 'out'
    for split, number, seed in (('train', 8, 0), ('val', 12, 1)):
        make_figures(out / 'data' / split, number, seed)
    for name in ('RTMPose_k2-128x96-biased', 'RTMPose_k1-128x96-unbiased'):
        here('reproduce.py', '--out', out, '--epochs', 1, '--work',
             f'{name}-seed0')
    table = re.sub(' +', ' ', here('report.py', out))
    rows = {line.split('|')[1].strip(): line.split('|')[2:-1]
            for line in table.splitlines() if line.startswith('| k = ')}
    assert list(rows) == [
        'k = 2, rounded: stock', 'k = 2, rounded: DARK',
        'k = 2, rounded: DARK, exact merge', 'k = 1, unbiased: stock',
        'k = 1, unbiased: DARK']
    # The first is the base of all gains; fewer bins are fewer parameters.
    assert [not cells[4].strip() for cells in rows.values()] == [
        True, False, False, False, False]
    sizes = [float(cells[5]) for cells in rows.values()]
    assert sizes[0] == sizes[2] > sizes[3] == sizes[4]
    assert 'of RTMPose,"k = 2, rounded: DARK",1,AP' in (
        out / 'tables.csv').read_text()


def test_tables_give_mean_spread_and_the_papers_figure(tmp_path):
    from mmpose_dark import DarkHeatmap
    from mmpose_dark.evaluation import MERGES
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
                  for merge in MERGES
                  for name in DarkHeatmap(
                      (96, 128), (24, 32), 1).decodings()])))
    table = re.sub(' +', ' ', alone('report.py', tmp_path))
    row = next(line for line in table.splitlines()
               if line.startswith('| standard shift'))
    assert row.startswith('| standard shift | 45.0 ± 7.1 |')
    assert row.endswith('| 2.00 | | 66.9 |')
    # Seed by seed the gains are 2 and 4, however far the seeds lie apart.
    row = next(line for line in table.splitlines()
               if line.startswith('| biased, DARK'))
    assert row.endswith('| 2.00 | +3.0 ± 1.4 | 68.4 |')
    lines = (tmp_path / 'tables.csv').read_text().splitlines()
    assert '1,standard shift,2,AP,45.0,7.07,66.9' in lines
    # Each of the paper's figures stands beside a row of the table.
    report = runpy.run_path(str(TOOLS / 'miniature/report.py'))
    for number, published in report['PAPER'].items():
        assert set(published) <= {row[0] for row in
                                  report['TABLES'][number][1]}


def test_pictures_of_sizes_need_all_of_them(tmp_path, capsys):
    with (tmp_path / 'tables.csv').open('w', newline='') as file:
        writer = csv.writer(file)
        writer.writerow(['table', 'row', 'seeds', 'metric', 'mean', 'std'])
        for height in ('64x48', '96x72', '128x96'):
            for name in ('baseline', 'DARK'):
                writer.writerow(['4', f'{height}, {name}', 1, 'AP', 50, ''])
                if (height, name) == ('128x96', 'baseline'):
                    file.flush()
                    assert run_tool('miniature/figures.py', tmp_path) is None
                    assert 'sizes.png' not in capsys.readouterr().out
    assert run_tool('miniature/figures.py', tmp_path) is None
    assert 'sizes.png' in capsys.readouterr().out
    assert (tmp_path / 'figures/sizes.png').stat().st_size > 5000
