"""What the pages promise: their examples and the notebook run."""
import importlib
import re
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / 'docs'
NOTEBOOK = ROOT / 'demo' / 'dark_tutorial.ipynb'

pytestmark = pytest.mark.skipif(
    not DOCS.exists(), reason='needs a source checkout')


@pytest.fixture
def example(monkeypatch):
    """An example, imported as if it were run: beside drawn.py."""
    monkeypatch.syspath_prepend(DOCS / 'examples')
    return importlib.import_module


def test_covariances_make_a_kalman_filter_better(example):
    found = example('kalman').errors(videos=2)
    # numpy draws otherwise from one version to the next
    assert found['covariance'] < .78 * found['one for all']
    assert found['covariance'] < .97 * found['by the score']
    assert found['one for all'] < .8 * found['no filter']


def test_covariances_make_a_triangulation_better(example):
    found = example('triangulation').errors(poses=4)
    assert found['covariance'] < .68 * found['all the same']
    assert found['covariance'] < .95 * found['by the score']


def test_a_triangulation_of_exact_views_is_exact(example, rng):
    views = example('triangulation')
    truth = rng.uniform(-.5, .5, (5, 3))
    matrices = views.cameras()
    seen = views.project(matrices, truth)
    # Whatever the weights: all equations hold.
    unsure = np.array([np.diag(size) for size in
                       rng.uniform(.1, 5, (views.CAMERAS, 2))])
    found = [views.triangulate(matrices, seen[:, i], unsure)
             for i in range(len(truth))]
    np.testing.assert_allclose(found, truth, atol=1e-9)


def test_the_ellipses_of_drawn_heatmaps_hold(example, rng):
    """The examples show what is true, and not too careful by much.

    They are drawn by the normal law.
    """
    from mmpose_dark.functional import ellipse_limit, mahalanobis
    drawn = example('drawn')
    truth = rng.uniform((14, 14), (33, 49), (400, 2))
    unsure = np.array([drawn.spread(*rng.uniform(1, 3, 2), angle)
                       for angle in rng.uniform(0, np.pi, 400)])
    points, _, covariances = drawn.read(drawn.predict(truth, unsure, rng, 100))
    square = mahalanobis(points - truth, covariances)
    assert .88 < (square < ellipse_limit(.95, None)).mean() < .99
    assert .55 < (square < ellipse_limit(.68, None)).mean() < .85


def test_pages_name_files_that_exist():
    for page in [*DOCS.glob('*.md'), NOTEBOOK]:
        text = page.read_text()
        for name in re.findall(r'(?<![\w/.])(?:tools|docs|demo)/[\w/]+\.\w+',
                               text):
            if name != 'docs/operators.md':  # of onnx-tensorrt
                assert (ROOT / name).is_file(), (page.name, name)


def test_the_notebook_is_handed_in_without_outputs():
    nbformat = pytest.importorskip('nbformat')
    notebook = nbformat.read(NOTEBOOK, 4)
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == 'code']
    assert len(cells) == 10
    assert not any(cell.outputs or cell.execution_count for cell in cells)
    assert cells[0].source.startswith('# %pip install --no-deps ')


@pytest.mark.slow
def test_the_notebook_runs_and_gains(tmp_path):
    for module in ('mmpose', 'matplotlib', 'ipykernel'):
        pytest.importorskip(module)
    nbformat = pytest.importorskip('nbformat')
    nbclient = pytest.importorskip('nbclient')
    notebook = nbformat.read(NOTEBOOK, 4)
    # Away from the clone: it must not depend on where it is opened.
    nbclient.NotebookClient(
        notebook, timeout=600, kernel_name='python3',
        resources=dict(metadata=dict(path=str(tmp_path)))).execute()
    outputs = [output for cell in notebook.cells
               for output in cell.get('outputs', ())]
    said = ''.join(output.text for output in outputs
                   if output.output_type == 'stream')
    assert not [output for output in outputs
                if output.get('name') == 'stderr'], said
    assert sum('image/png' in output.get('data', ())
               for output in outputs) == 7
    before, after = map(float, re.search(
        r'AP ([\d.]+) -> ([\d.]+), without', said).groups())
    assert after > before + .3
    assert [tuple(map(int, row)) for row in re.findall(
        r'(\d+) % ellipses hold (\d+) %', said)][2][1] > 80
