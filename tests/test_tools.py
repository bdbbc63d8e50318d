"""Files under tools/: light to ask, on their own, clear when wrong."""
import ast
import re
import subprocess
import sys

import pytest
from conftest import TOOLS, run_tool
from mmpose_dark.cli import COMMANDS

FILES = sorted(TOOLS.rglob('*.py'))
#: not commands: found by the config, or the command beside it, that needs them
MODULES = {'bottom_up_networks', 'classifier', 'peers', 'stock_configs',
           'thin_hourglass', 'tracks', 'trainings'}
#: their help is that of MMPose's own tools
WRAPPERS = {'train', 'test'}
SCRIPTS = [path.relative_to(TOOLS).as_posix() for path in FILES
           if path.stem not in MODULES | WRAPPERS]


def test_no_command_imports_another():
    stems = {path.stem for path in FILES} - MODULES
    for path in FILES:
        text = path.read_text()
        # what a page shows is measured, which is no part of the package
        text = text.replace('sys.path.insert(0, str(EXAMPLES))', '')
        assert 'sys.path' not in text and 'PYTHONPATH' not in text, path
        for node in ast.walk(ast.parse(text)):
            names = ([alias.name for alias in node.names]
                     if isinstance(node, ast.Import) else [node.module]
                     if isinstance(node, ast.ImportFrom) else [])
            assert not stems & {name.split('.')[0] for name in names}, path


def test_none_is_collected_by_a_test_runner():
    assert not [path for path in FILES if path.stem.startswith('test_')]


def test_help_imports_nothing_heavy():
    script = f"""
import contextlib, io, runpy, sys
for path in {[str(TOOLS / name) for name in SCRIPTS]}:
    sys.argv = [path, '--help']
    sys.path[0] = path.rpartition('/')[0]
    with contextlib.redirect_stdout(io.StringIO()) as said:
        try:
            runpy.run_path(path, run_name='__main__')
        except SystemExit as end:
            assert end.code == 0
    assert said.getvalue().startswith('usage: '), path
    heavy = {{'torch', 'mmcv', 'mmengine', 'mmpose', 'cv2', 'matplotlib',
             'scipy'}} & set(sys.modules)
    assert not heavy, (path, heavy)
"""
    done = subprocess.run([sys.executable, '-c', script], text=True,
                          capture_output=True)
    assert done.returncode == 0, done.stderr


def test_every_command_has_a_door():
    doors = [path.read_text() for path in FILES if len(
        path.relative_to(TOOLS).parts) == 1 or path.parent.stem == 'deployment'
    ]
    assert sorted(re.findall(r"run\('([\w-]+)'\)", ' '.join(doors))) == sorted(
        COMMANDS)
    assert len(doors) == len(COMMANDS)


def test_a_door_leads_to_its_command(tmp_path, capsys):
    assert run_tool('make_figures.py', '--train', 0, '--val', 1, '--out',
                    tmp_path) == 0
    assert (tmp_path / 'val' / 'person_keypoints.json').is_file()
    assert run_tool('darkify_config.py') == 2
    assert 'usage: darkify_config.py ' in capsys.readouterr().err


@pytest.mark.parametrize('command, said', [
    ('benchmark/report.py none', 'none/benchmark.json'),
    ('miniature/report.py none', 'nothing is finished in none'),
    ('miniature/figures.py none', 'none/tables.csv'),
])
def test_what_is_wrong_is_said_in_one_line(command, said, capsys):
    pytest.importorskip('mmpose')
    name, *args = command.split()
    assert run_tool(name, *args) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert ': error: ' in line and re.search(said, line)
