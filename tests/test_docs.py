"""What the pages promise: examples, commands, snippets, the notebook."""
import ast
import functools
import importlib
import re
import shlex
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / 'docs'
NOTEBOOK = DOCS / 'tutorial.ipynb'
PAGES = [ROOT / 'README.md', *sorted(DOCS.glob('*.md'))]

pytestmark = pytest.mark.skipif(
    not DOCS.exists(), reason='needs a source checkout')


@pytest.fixture
def example(monkeypatch):
    """An example, imported as if it were run: beside drawn.py."""
    monkeypatch.syspath_prepend(DOCS / 'examples')
    return importlib.import_module


def test_covariances_make_a_smoother_better(example):
    found = example('kalman').errors(videos=2)
    # numpy draws otherwise from one version to the next
    assert found['covariance'] < .8 * found['one for all']
    assert found['covariance'] < .95 * found['by the score']
    assert found['covariance'] < .6 * found['covariance, live']
    assert found['covariance, live'] < .6 * found['no smoother']


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


def test_three_vectors_are_read_between_the_bins(example):
    found = example('rtmw3d').errors(joints=100)
    for unit in (0, 1):
        highest, dark, promised = (
            {name: found[name, how][unit] for name in ('sure', 'in doubt')}
            for how in ('highest bins', 'DARK', 'promised'))
        assert dark['sure'] < .05 * highest['sure']
        assert dark['in doubt'] < highest['in doubt']
        assert abs(promised['in doubt'] / dark['in doubt'] - 1) < .15
        assert dark['sure'] < promised['sure'] < .5 * promised['in doubt']


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


def blocks(page, language):
    """The code of a page, a text each."""
    return re.findall(rf'^ *```{language}\n(.*?)^ *```$', page.read_text(),
                      re.M | re.S)


def commands(page):
    """The lines of bash of a page, whole and without comments."""
    for block in blocks(page, 'bash'):
        for line in block.replace('\\\n', ' ').splitlines():
            words = shlex.split(line, comments=True)
            if words:
                yield words


def targets():
    return set(re.findall(r'^(\w+):', (ROOT / 'Makefile').read_text(), re.M))


@functools.lru_cache(maxsize=None)
def helped(command):
    """The options that a command of ours has."""
    import contextlib
    import io

    from mmpose_dark.cli import main
    said = io.StringIO()
    with contextlib.redirect_stdout(said), pytest.raises(SystemExit):
        main([command, '--help'])
    return set(re.findall(r'(?<![\w-])--?[a-z][\w-]*', said.getvalue()))


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_commands_of_the_pages_exist(page):
    """Each is one that there is, with options that it has."""
    from mmpose_dark.cli import COMMANDS
    for words in commands(page):
        line = ' '.join(words)
        assert words[:2] != ['python', '-m'] or words[2] in (
            'venv', 'mmpose_dark', 'build'), line
        if words[0] == 'make':
            assert words[1] in targets(), line
        elif words[0] == 'python' and words[1].endswith('.py'):
            assert (ROOT / words[1]).is_file(), line
        elif words[0] == 'mmpose-dark':
            assert words[1] in COMMANDS, line
            if words[1] in ('train', 'test'):
                pytest.importorskip('mmpose')
            options = {word for word in words[2:]
                       if re.match('--?[a-z]', word)}
            assert options <= helped(words[1]), line


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_snippets_of_the_pages_are_python(page):
    """And what they take from this package is there."""
    for block in blocks(page, 'python'):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and (
                    node.module or '').startswith('mmpose_dark'):
                module = pytest.importorskip(node.module)
                for name in node.names:
                    assert hasattr(module, name.name), (name.name, block)


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_links_of_the_pages_lead_somewhere(page):
    for link in re.findall(r'\]\(([^)\s]+)\)', page.read_text()):
        path = link.partition('#')[0]
        if path and not re.match(r'\w+:', path):
            assert (page.parent / path).exists(), link


def test_formulas_of_the_pages_need_no_network():
    """They are written as MathML, without a rest of TeX."""
    converter = pytest.importorskip('latex2mathml.converter')
    texts = [page.read_text() for page in PAGES]
    formulas = [found for text in texts for found in re.findall(
        r'\$\$(.+?)\$\$|(?<![$\w])\$([^$\s][^$`]*?)\$(?![$\w])',
        re.sub(r'```.*?```|`[^`]*`', '', text, flags=re.S), re.S)]
    assert len(formulas) >= 20
    for formula in map(''.join, formulas):
        written = converter.convert(formula)
        ElementTree.fromstring(written)
        assert '\\' not in written, (formula, written)


def test_the_first_lines_of_the_readme_do_what_they_say(monkeypatch):
    """With the small network in place of one that is fetched."""
    apis = pytest.importorskip('mmpose.apis')
    from mmpose_dark.shipped import FIGURES
    inferencer = apis.MMPoseInferencer

    def small(name):
        assert name == 'human'
        return inferencer(
            str(FIGURES / 'td-hm_res18-thin_1xb64-8e_figures-128x96.py'),
            str(FIGURES / 'td-hm_res18-thin_figures-128x96.pth'),
            det_model='whole_image', device='cpu')

    monkeypatch.setattr(apis, 'MMPoseInferencer', small)
    names = {}
    exec(blocks(ROOT / 'README.md', 'python')[0], names)
    decoder = names['inferencer'].inferencer.model.head.decoder
    assert type(decoder).__name__ == 'DarkHeatmap'
    assert names['cfg'].codec.type == 'mmpose_dark.DarkHeatmap'
    assert names['cfg'].model.head.type == 'mmpose_dark.DarkHeatmapHead'


def test_the_readme_is_short_and_says_what_benchmark_says():
    """Its figures are those of the table of the command."""
    text = (ROOT / 'README.md').read_text()
    assert len(text.splitlines()) <= 120
    rows = {}
    for line in (DOCS / 'benchmark.md').read_text().splitlines():
        cells = [cell.strip() for cell in line.strip('| ').split('|')]
        if cells[0] in ('128x96', '256x192') and len(cells) >= 6:
            rows[tuple(cells[:3])] = cells[3], cells[5]
    for label, key in (('stock: the standard shift', ('stock', 'shift')),
                       ('DARK: one codec entry', ('stock', 'DARK')),
                       ('... and the flip test', ('exact', 'DARK'))):
        line = next(line for line in text.splitlines()
                    if line.startswith(f'| {label}'))
        said = re.findall(r'\d+\.\d+', line)
        assert tuple(said) == (
            rows[('128x96', *key)] + rows[('256x192', *key)])


def test_the_notebook_is_handed_in_with_its_outputs():
    nbformat = pytest.importorskip('nbformat')
    notebook = nbformat.read(NOTEBOOK, 4)
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == 'code']
    assert len(cells) == 10
    # run once, from top to bottom, without a warning or an error
    assert [cell.execution_count for cell in cells] == list(range(1, 11))
    outputs = [output for cell in cells for output in cell.outputs]
    assert {output.output_type for output in outputs} <= {
        'stream', 'display_data'}
    assert all(output.get('name') != 'stderr' for output in outputs)
    assert sum('image/png' in output.get('data', ())
               for output in outputs) == 7
    assert NOTEBOOK.stat().st_size < 1e6
    assert '/tmp' not in NOTEBOOK.read_text()
    assert cells[0].source.startswith('# %pip install --no-deps ')


@pytest.mark.slow
def test_the_notebook_runs_and_gains(tmp_path):
    for module in ('mmpose', 'matplotlib', 'ipykernel'):
        pytest.importorskip(module)
    nbformat = pytest.importorskip('nbformat')
    nbclient = pytest.importorskip('nbclient')
    notebook = nbformat.read(NOTEBOOK, 4)
    drawing, = (cell for cell in notebook.cells
                if "make_figures(data / 'val', 300" in cell.source)
    drawing.source = drawing.source.replace('300', '100')  # are enough
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
    gains = {name: float(gain) for name, gain in re.findall(
        r'DARK, (.*?) +AP .* 100 (\S+) ', said)}
    assert 0 < gains["MMPose's merge"] < gains['exact merge']
    assert [tuple(map(int, row)) for row in re.findall(
        r'(\d+) % ellipses hold (\d+) %', said)][2][1] > 80
