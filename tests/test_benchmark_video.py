"""tools/benchmark/video.py: its measures, its peers, and a whole run."""
import importlib
import json
import sys

import numpy as np
import pytest
from conftest import TOOLS

pytest.importorskip('scipy')
pytest.importorskip('matplotlib')


@pytest.fixture
def tool(monkeypatch):
    """A module beside the benchmark."""
    monkeypatch.syspath_prepend(str(TOOLS / 'benchmark'))
    yield importlib.import_module
    for name in ('video', 'tracks', 'peers'):
        sys.modules.pop(name, None)


def simulated(tracks, seed, num_frames=60):
    """A person who sways, read with errors of 2 px; missed in frame 9."""
    rng = np.random.default_rng(seed)
    t = np.arange(num_frames)[:, None] / 25
    truth = np.zeros((num_frames, 17, 3))
    joints = np.arange(17)
    truth[..., 0] = 60 + 20 * joints + 25 * np.sin(2 * t + joints)
    truth[..., 1] = 90 + 15 * np.cos(1.5 * t)
    truth[..., 2] = 2
    stock, dark = (truth[..., :2] + rng.normal(0, size, (num_frames, 17, 2))
                   for size in (3, 2))
    covariances = np.full((num_frames, 17, 2, 2), 4.) * np.eye(2)
    for array in (stock, dark, covariances):
        array[9] = np.nan
    swapped = np.zeros(num_frames, bool)
    swapped[[20, 21, 40]] = True
    return tracks.Track(truth, stock, dark, covariances, swapped)


def test_gaps_are_filled_as_they_say(tool):
    peers = tool('peers')
    readings = np.arange(6.)[:, None, None] * np.ones((1, 2, 2))
    readings[[0, 2, 3]] = np.nan
    bridged, held = (f(readings)[:, 0, 0] for f in (peers.bridged, peers.held))
    np.testing.assert_allclose(bridged, [1, 1, 2, 3, 4, 5])
    np.testing.assert_allclose(held, [1, 1, 1, 1, 4, 5])
    assert np.isnan(readings[0]).all()  # as it was


def test_peers_leave_rest_alone_and_still_noise(tool, rng):
    peers = tool('peers')
    still = np.full((60, 3, 2), 7.)
    noisy = still + rng.normal(0, 1, still.shape)
    noisy[30] = np.nan
    for function, grid, _ in peers.PEERS.values():
        chosen = grid[len(grid) // 2]
        np.testing.assert_allclose(function(still, *chosen), still)
        assert np.abs(function(noisy, *chosen) - still).mean() < .8


def test_one_euro_is_that_of_its_paper(tool):
    """By hand, of three readings: beta makes fast ones count for more."""
    peers = tool('peers')
    found = peers.one_euro(
        np.array([0, 10, 10.])[:, None, None] * np.ones((1, 1, 2)), 1, .1)

    def share(cutoff):
        return 1 / (1 + 25 / (2 * np.pi * cutoff))

    speed = share(1) * 250
    first = 10 * share(1 + .1 * speed)
    speed = share(1) * (10 - first) * 25 + (1 - share(1)) * speed
    second = first + (10 - first) * share(1 + .1 * speed)
    np.testing.assert_allclose(found[:, 0, 0], [0, first, second])


def test_measures_measure(tool, rng):
    tracks = tool('tracks')
    track = simulated(tracks, 0)
    truth = track.truth[..., :2]
    assert tracks.pooled([tracks.distance(track, truth + (3, 4))]) == 5
    bump = np.zeros_like(truth)
    bump[30, :, 0] = 1.
    np.testing.assert_allclose(
        np.sort(tracks.jitter(track, truth + bump)[:, 0])[-3:], (1, 1, 2))
    # Late by a frame, 40 ms.
    late = np.concatenate([truth[:1], truth[:-1]])
    assert tracks.lag([track], [late]) == pytest.approx(40, abs=2)
    both = truth, truth[:, tracks.OTHER]
    assert [tracks.recovered([track], [one]) for one in both] == [1, 0]
    read = track.with_swaps()
    np.testing.assert_array_equal(read.dark[20], track.dark[20, tracks.OTHER])
    np.testing.assert_array_equal(read.dark[19], track.dark[19])
    # Errors are independent here, and as large as told but for the tail.
    assert abs(tracks.alike([track], 1)) < .1
    held = tracks.coverage([track], [track.dark], [track.covariances])
    assert held[0] == pytest.approx(1 - np.exp(-.881 / 2), abs=.05)
    track.truth[..., 2] = 0
    assert np.isnan(tracks.distance(track, truth)).all()


def test_a_whole_run(tool, tmp_path, monkeypatch, capsys):
    tracks, video = tool('tracks'), tool('video')
    monkeypatch.setattr(video, 'kept_video', lambda seed, frames, folder: (
        simulated(tracks, seed, frames)))
    monkeypatch.setattr(sys, 'argv', [
        'video.py', '--videos', '1', '--frames', '50', '--out',
        str(tmp_path)])
    monkeypatch.setattr(video, 'PEERS', {
        name: (function, grid[::9], future)
        for name, (function, grid, future) in video.PEERS.items()})
    monkeypatch.setattr(video, 'long_track', lambda *shape: 1.)
    video.main()
    result = json.loads((tmp_path / 'video.json').read_text())
    rows = {**result['methods']['offline'], **result['methods']['live']}
    assert rows['our smoother']['error'] < .8 * rows['DARK']['error']
    assert rows['our filter']['error'] < rows['DARK, held']['error']
    assert rows['DARK']['recovered'] == 0 < rows['our smoother']['recovered']
    assert (tmp_path / 'joint.png').is_file()
    text = (tmp_path / 'video.md').read_text()
    assert text.strip() == capsys.readouterr().out.strip()
    assert 'less error than DARK' in text and 'nan' not in text
