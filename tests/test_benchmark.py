"""The benchmark runs, documents itself and finds what it must find."""
import json
import math
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from conftest import run_tool

TOOL = Path(__file__).resolve().parents[1] / 'tools/benchmark/codec.py'
CODECS = {
    'DARK', 'DARK raw peak', 'DARK unmodulated', 'shift', 'MMPose DARK',
    'MMPose UDP'
}
#: documented in mmpose_dark.evaluation.peaks.robustness
KNOWN_LOSSES = {
    'two equal peaks, 2 to 4 sigma apart', 'background rising from 0 to 1'}
CONTENDERS = {'DARK', 'DARK raw peak', 'DARK, covariances', 'MMPose DARK',
              'MMPose UDP', 'one pass'}
if find_spec('heatmaps_to_keypoints'):
    CONTENDERS.add('heatmaps-to-keypoints')

pytestmark = pytest.mark.slow


@pytest.fixture(scope='module')
def out(tmp_path_factory):
    pytest.importorskip('mmpose')
    pytest.importorskip('matplotlib')
    folder = tmp_path_factory.mktemp('bench_out')
    assert run_tool('benchmark/codec.py', '--quick', '--out', folder) is None
    return folder


@pytest.fixture(scope='module')
def result(out):

    def refuse(constant):
        raise ValueError(f'{constant} is no JSON')

    return json.loads(
        (out / 'benchmark.json').read_text(), parse_constant=refuse)


def test_environment(result):
    env = result['environment']
    assert env['device'] and env['cpu'] and env['cpus'] >= 1 and env['date']
    assert set(env['threads']) == {'torch', 'cv2'}
    assert set(env['versions']) >= {
        'python', 'numpy', 'torch', 'mmcv', 'mmpose', 'mmpose_dark'}
    assert result['settings']['quick'] is True


def test_accuracy(result):
    """Loose for 200 peaks: the exact bounds are those of test_decode.py."""
    rows = result['accuracy']
    assert {r['sigma'] for r in rows} == {1, 2, 3}
    assert {r['noise'] for r in rows} == {.01, .02, .05, .1, .2}
    for row in rows:
        assert set(row['rmse_px']) == CODECS
        assert row['limit_px'] == pytest.approx(
            math.sqrt(2 / math.pi) * row['noise'])
        assert 0.8 < row['over_limit']['DARK'] < 1.3
        assert row['rmse_px']['DARK'] < row['rmse_px']['shift']
    for row in result['border']:
        assert row['rmse_px']['DARK'] < 0.05


def test_never_worse_than_the_shift(result):
    assert len(result['robustness']) >= 3 * 8
    assert KNOWN_LOSSES < {row['case'] for row in result['robustness']}
    for row in result['robustness']:
        error = row['mean_error_px']
        assert set(error) == CODECS
        assert math.isfinite(error['DARK'])
        if row['case'] not in KNOWN_LOSSES:
            assert error['DARK'] <= error['shift'], row


def test_speed_has_every_figure(result):
    """No test of a time: they are the machine's."""
    assert {r['input'] for r in result['decode']} == {
        'numpy', 'torch cpu', 'numpy, busy cores'}
    for row in result['decode']:
        assert set(row['ms']) == CONTENDERS
        assert set(row['times_faster']) == CONTENDERS - {'MMPose DARK'}
        assert set(row['passes']) == CONTENDERS - {'one pass'}
    assert [r['shape'] for r in result['encode']] == [[17, 64, 48],
                                                      [133, 96, 72]]
    for row in result['decode'] + result['encode']:
        for ms in row['ms'].values():
            assert 0 < ms['q1'] <= ms['median'] <= ms['q3']
    for row in result['memory']:
        assert set(row['extra']) == {'DARK', 'DARK raw peak', 'MMPose DARK'}
        assert 0 < row['extra']['DARK raw peak'] <= 0.5
        assert 0 < row['extra']['DARK'] <= 2
        assert 0 < row['extra']['MMPose DARK'] < 100


def test_ways_to_call_it_agree(result):
    for row in result['checks']:
        for way in ('float32', 'autocast', 'float16', 'channels_last'):
            assert row[way] < 1e-3


def test_tables_and_pictures(out):
    text = (out / 'benchmark.md').read_text()
    for name in CODECS | CONTENDERS:
        assert name in text
    for name in ('accuracy', 'speed'):
        assert (out / f'benchmark_{name}.png').stat().st_size > 10000


def test_no_cuda_is_said_in_one_line(tmp_path):
    torch = pytest.importorskip('torch')
    if torch.cuda.is_available():
        pytest.skip('there is a CUDA device')
    done = subprocess.run(
        [sys.executable, str(TOOL), '--device', 'cuda', '--out',
         str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 2
    assert 'needs a CUDA device' in done.stderr.splitlines()[-1]


def test_vectors_and_what_bins_cost(tmp_path, capsys):
    pytest.importorskip('mmpose')
    path = tmp_path / 'vectors.json'
    assert run_tool('benchmark/vectors.py', '--quick', '--out', path) is None
    said = capsys.readouterr().out
    result = json.loads(path.read_text())
    assert [row['shape'] for row in result['decoding']] == [[1, 17], [1, 133]]
    for row in result['decoding']:
        assert f'| {row["shape"][0]}x{row["shape"][1]} ' in said
        assert set(row['ms']) == {'DarkSimCC', 'DarkSimCC, raw peak',
                                  'SimCCLabel', 'SimCCLabel, use_dark'}
    row, = result['bins']
    # The two layers from 128 features to bins have half the outputs.
    more, fewer = row['parameters']
    assert more - fewer == 128 * (96 + 128)
    assert row['config'] in said
