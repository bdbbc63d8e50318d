"""tools/benchmark/volumes.py: what it draws and measures, and a whole run."""
import json

import numpy as np
import pytest
from conftest import run_tool, tool

pytest.importorskip('mmpose')
pytest.importorskip('scipy')

volumes = tool('benchmark/volumes.py')


@pytest.fixture
def small(monkeypatch):
    """Volumes that are drawn in no time, and few of them."""
    monkeypatch.setattr(volumes, 'SIZE', 24)


def test_in_doubt_is_the_mean_of_targets(rng, small):
    joints = rng.normal((11, 12, 10), volumes.SPREAD, (4000, 3))
    target = np.full(3, volumes.SIGMA**2)
    mean = np.mean([volumes.gaussians(some, target).mean(0)
                    for some in np.split(joints, 40)], 0)
    drawn, = volumes.gaussians(np.array([[11, 12, 10]]),
                               target + volumes.SPREAD**2)
    assert abs(mean - drawn).max() < .04 * volumes.PEAK


def test_limit_is_that_of_the_continuum(small):
    """In the middle: noise^2 / (pi^1.5 sigma / 2) along each axis."""
    found = volumes.limit(np.array([[11.3, 12.1, 11.8]]), .1)
    axis = .1 / np.sqrt(np.pi**1.5 * volumes.SIGMA / 2)
    np.testing.assert_allclose(
        found, [axis * 4 * np.sqrt(2), axis * 6.25], rtol=.01)
    at_face = volumes.limit(np.array([[.3, 12.1, 11.8]]), .1)
    assert at_face[0] > 1.2 * found[0]


def test_inwards_is_away_from_the_face(rng, small):
    points = volumes.near_a_face(rng, 200)
    ends = np.minimum(points, 23 - points)
    assert (ends.min(1) < 1.5).all()
    errors = np.where(points < 12, .2, -.2)
    assert abs(volumes.inwards(points, errors) - .2) < 1e-6


@pytest.mark.slow
def test_whole_run(tmp_path, capsys, monkeypatch):
    out = tmp_path / 'volumes.json'
    assert not run_tool('benchmark/volumes.py', '--hands', 1, '--rounds', 1,
                        '--out', out)
    result = json.loads(out.read_text())
    assert capsys.readouterr().out.count('|') > 60
    for row in result['errors']:
        assert row['dark'][0] < .5 * row['stock'][0]
        if not row['noise']:
            assert row['dark'][0] < .001
    assert .1 < result['errors'][-1]['inwards'] < .5
    first = result['ellipsoids'][0]
    assert abs(first['size'] - 1) < .15 and first['inside'][2] > 80
