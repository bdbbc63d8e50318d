"""What gets installed, and the script that makes the environment."""
import configparser
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import tarfile
import time
import zipfile
from email.parser import BytesParser
from pathlib import Path

import mmpose_dark
import pytest

ROOT = Path(__file__).resolve().parents[1]
SETUP_FILES = ['.ci', 'pyproject.toml', 'requirements', 'setup.cfg',
               'setup.py']
PACKAGE_FILES = [
    'LICENSE', 'MANIFEST.in', 'README.md', 'configs', 'mmpose_dark',
    'model-index.yml', 'pyproject.toml', 'requirements', 'setup.cfg',
    'setup.py', 'tools'
]

pytestmark = pytest.mark.skipif(
    not (ROOT / 'setup.cfg').exists(), reason='needs a source checkout')


def copy(names, target):
    target.mkdir()
    for name in names:
        source = ROOT / name
        if source.is_dir():
            ignore = shutil.ignore_patterns('__pycache__', '.mim')
            shutil.copytree(source, target / name, ignore=ignore)
        elif source.exists():
            shutil.copy(source, target)
    return target


def lines(path):
    text = (ROOT / path).read_text()
    return [x for x in text.splitlines() if x and not x.startswith('#')]


def extras():
    config = configparser.ConfigParser()
    config.read(ROOT / 'setup.cfg')
    return {
        name: value.split()
        for name, value in config['options.extras_require'].items()
    }


# ---- the package


def pip(*args, cwd):
    pytest.importorskip('setuptools')
    command = [sys.executable, '-m', 'pip', *args]
    done = subprocess.run(
        [*command, '--no-deps', '--no-index', '--no-build-isolation'],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True)
    assert done.returncode == 0, done.stdout
    assert 'deprecat' not in done.stdout.lower(), done.stdout


@pytest.mark.slow
def test_wheel(tmp_path):
    source = copy(PACKAGE_FILES, tmp_path / 'the source')
    (source / 'configs' / 'tiny.pth').write_bytes(b'a checkpoint')
    pip('wheel', '-w', str(tmp_path), '.', cwd=source)

    wheel, = tmp_path.glob('*.whl')
    assert wheel.name.startswith(f'mmpose_dark-{mmpose_dark.__version__}-py3-')
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        metadata = BytesParser().parsebytes(archive.read(
            f'mmpose_dark-{mmpose_dark.__version__}.dist-info/METADATA'))
    check_metadata(metadata)
    expected = {'mmpose_dark/.mim/model-index.yml'}
    for folder in ('configs', 'tools'):
        expected |= {
            f'mmpose_dark/.mim/{path.relative_to(source).as_posix()}'
            for path in (source / folder).rglob('*') if path.is_file()
        }
    assert 'mmpose_dark/.mim/configs/tiny.pth' in expected
    assert {x for x in names if '/.mim/' in x} == expected
    assert {x.split('/')[0] for x in names} == {
        'mmpose_dark', f'mmpose_dark-{mmpose_dark.__version__}.dist-info'}
    assert any(x.endswith('.dist-info/LICENSE') or
               x.endswith('.dist-info/licenses/LICENSE') for x in names)


def check_metadata(metadata):
    """It must be of use where there is no repository around it."""
    assert metadata['Author'] and metadata['Home-page'].startswith('https://')
    assert len(metadata.get_all('Project-URL')) == 4
    # setuptools before 77 knows no such field
    assert metadata['License-Expression'] in ('Apache-2.0', None)
    assert not [x for x in metadata.get_all('Classifier') if 'License' in x]
    links = re.findall(r'\]\(([^)]+)\)', metadata.get_payload())
    ours = [link for link in links if link.startswith(metadata['Home-page'])]
    assert all(re.match('https?://', link) for link in links), links
    assert len(ours) >= 8
    for link in ours:
        kind, path = re.fullmatch(
            r'/(raw|blob)/main/([^#]+)(?:#.*)?',
            link[len(metadata['Home-page']):]).groups()
        assert (ROOT / path).exists(), link
        assert (kind == 'raw') == path.endswith('.png'), link


@pytest.mark.slow
def test_sdist_has_all_that_the_repository_has(tmp_path):
    """So that its own tests pass from it, pages and demos included."""
    listed = subprocess.run(['git', 'ls-files'], cwd=ROOT, text=True,
                            stdout=subprocess.PIPE, check=False).stdout
    if not listed:
        pytest.skip('needs a clone')
    files = [name for name in listed.splitlines() if (ROOT / name).exists()]
    source = tmp_path / 'the source'
    for name in [*files, 'docs/_build/index.html', 'mmpose_dark/.mim/a.py']:
        target = source / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if name in files:
            shutil.copy(ROOT / name, target)
        else:
            target.write_text('left by a build')
    subprocess.run(
        [sys.executable, '-c', 'from setuptools.build_meta import build_sdist;'
         'build_sdist("dist")'], cwd=source, check=True, capture_output=True)
    sdist, = (source / 'dist').iterdir()
    with tarfile.open(sdist) as archive:
        packed = {name.partition('/')[2] for name in archive.getnames()}
    assert set(files) <= packed
    assert not [name for name in packed if name.endswith(
        ('.pyc', 'index.html', '.mim/a.py'))]


@pytest.mark.slow
def test_editable_install_links_to_the_configs(tmp_path):
    source = copy(PACKAGE_FILES, tmp_path / 'the source')
    pip('install', '-I', '--prefix', str(tmp_path / 'prefix'), '-e', '.',
        cwd=source)
    mim = source / 'mmpose_dark' / '.mim'
    for name in ('configs', 'tools', 'model-index.yml'):
        assert (mim / name).resolve() == source / name
    if importlib.util.find_spec('mmengine'):  # it finds them, from anywhere
        site, = (tmp_path / 'prefix').rglob('site-packages')
        config = 'body_2d_keypoint/topdown_heatmap/figures/' \
            'td-hm_res18-thin_dark-1xb64-8e_figures-128x96.py'
        packages = sysconfig.get_paths()['purelib']
        # -S: this environment may have an editable install of its own.
        found = subprocess.run(
            [sys.executable, '-S', '-c', f'''
import site, sys
site.addsitedir({str(site)!r})
sys.path.append({packages!r})
import mmpose_dark
from mmengine.hub import get_config
print(get_config('mmpose_dark::{config}').filename)'''],
            cwd=tmp_path, text=True, check=True, stdout=subprocess.PIPE,
            env={k: v for k, v in os.environ.items() if k != 'PYTHONPATH'})
        found = Path(found.stdout.splitlines()[-1]).resolve()
        assert found == source / 'configs' / config


# ---- the pins


def test_mminstall_says_what_the_extra_says():
    assert lines('requirements/mminstall.txt') == extras()['mim']


def plain(name):
    """A package's name as the index sees it."""
    return name.lower().replace('_', '-')


def test_every_requirement_is_pinned():
    pins = lines('requirements/constraints.txt')
    assert all(re.fullmatch(r'[\w-]+==[\w.]+', pin) for pin in pins)
    pinned = {plain(pin.split('==')[0]) for pin in pins}
    assert len(pinned) == len(pins)
    for line in lines('requirements/mmpose.txt'):
        assert plain(line.split(' ')[0]) in pinned
    for name, requirements in extras().items():
        if name != 'mim':  # ranges, for an environment that is not ours
            assert {plain(re.split('[<>=]', requirement)[0])
                    for requirement in requirements} <= pinned, name


def test_both_opencvs_are_one_version():
    """They are installed into the same folder."""
    pins = dict(pin.split('==')
                for pin in lines('requirements/constraints.txt'))
    assert pins['opencv-python'] == pins['opencv-python-headless']


def test_makefile_names_existing_tools():
    named = re.findall(r'tools/[\w/]+\.py', (ROOT / 'Makefile').read_text())
    assert len(named) >= 3
    for tool in named:
        assert (ROOT / tool).is_file()


# ---- .ci/setup, with a stand-in for Python that installs nothing

STANDIN = """#!/usr/bin/env bash
case "$*" in
*version_info*) echo "${SAYS_VERSION:-${0##*python}}" ;;
*ensurepip*) [ -z "${LACKS_VENV:-}" ] ;;
'-m venv '*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
'-m pip install '*)
    echo "$*" >>pip_calls
    sleep "${PIP_TAKES:-0}"
    if [ -n "${PIP_SAYS:-}" ]; then echo "$PIP_SAYS"; exit 1; fi ;;
'-I -c '*)
    if [ -n "${IMPORT_SAYS:-}" ]; then echo "$IMPORT_SAYS"; exit 1; fi ;;
esac
"""


class Checkout:

    def __init__(self, tmp_path):
        self.root = copy(SETUP_FILES, tmp_path / 'a project')
        self.bin = tmp_path / 'bin'
        self.bin.mkdir()
        self.python = 'python3.13'
        self.program(self.python, STANDIN)
        self.program('df', 'echo; echo / 0 0 9000000 0% /')

    def program(self, name, text):
        path = self.bin / name
        path.write_text(text)
        path.chmod(0o755)

    def start(self, **env):
        path = f'{self.bin}{os.pathsep}{os.environ["PATH"]}'
        base = {k: v for k, v in os.environ.items() if k != 'PYTHON'}
        return subprocess.Popen(
            [str(self.root / '.ci' / 'setup')],
            env={**base, 'PATH': path, **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True)

    def setup(self, **env):
        process = self.start(**env)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    def fails(self, *words, **env):
        """It must end with one line that holds every word, and no stamp."""
        code, _, err = self.setup(**env)
        assert code == 1
        message, = err.strip().splitlines()
        assert message.startswith('.ci/setup: ')
        for word in words:
            assert word in message
        assert not self.stamp.exists()

    @property
    def stamp(self):
        return self.root / '.venv' / 'setup.stamp'

    @property
    def pip_calls(self):
        calls = self.root / 'pip_calls'
        return len(calls.read_text().splitlines()) if calls.exists() else 0


@pytest.fixture
def checkout(tmp_path):
    if os.name != 'posix' or not shutil.which('bash'):
        pytest.skip('needs bash')
    return Checkout(tmp_path)


def test_setup_installs_once(checkout):
    code, out, err = checkout.setup()
    assert (code, err) == (0, '')
    assert 'check' in out and 'ready' in out
    calls = checkout.pip_calls
    assert calls > 0
    assert checkout.setup() == (0, '', '')
    assert checkout.pip_calls == calls


def test_setup_follows_a_changed_pin(checkout):
    checkout.setup()
    calls = checkout.pip_calls
    mark = checkout.root / '.venv' / 'mark'
    mark.touch()
    with open(checkout.root / 'requirements' / 'constraints.txt', 'a') as file:
        file.write('new==1.0\n')
    code, out, _ = checkout.setup()
    assert code == 0 and 'up to date' in out
    assert checkout.pip_calls > calls
    assert mark.exists()


def test_setup_starts_afresh_where_it_cannot_repair(checkout, tmp_path):
    checkout.fails('no such thing', PIP_SAYS='no such thing')
    mark = checkout.root / '.venv' / 'mark'
    mark.touch()
    assert checkout.setup()[0] == 0
    assert not mark.exists()

    mark.touch()
    checkout.root = checkout.root.rename(tmp_path / 'moved')
    mark = checkout.root / '.venv' / 'mark'
    assert mark.exists()
    assert checkout.setup()[0] == 0
    assert not mark.exists()


def test_interrupted_setup_is_repaired(checkout):
    process = checkout.start(PIP_TAKES='1')
    while not checkout.pip_calls and process.poll() is None:
        time.sleep(.01)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert 'run it again' in err
    assert not checkout.stamp.exists()
    assert checkout.setup()[0] == 0


@pytest.mark.parametrize('version', ['3.9', '3.14', '2.7'])
def test_setup_wants_its_python(checkout, version):
    checkout.fails(
        'needs Python 3.10 to 3.13', f'is {version}', 'PYTHON=',
        PYTHON=str(checkout.bin / checkout.python),
        SAYS_VERSION=version)
    assert not (checkout.root / '.venv').exists()


def test_setup_names_a_missing_python(checkout):
    checkout.fails('needs Python 3.10 to 3.13', '/nowhere', PYTHON='/nowhere')


def test_setup_takes_the_newest_python(checkout):
    checkout.program('python3', STANDIN.replace('${0##*python}', '3.10'))
    checkout.program('python3.12', STANDIN)
    out = checkout.setup()[1]
    assert 'with python3.13,' in out


def test_setup_takes_whatever_python3_is(checkout):
    for version in ('3.10', '3.11', '3.12', '3.13'):
        checkout.program(f'python{version}', 'exit 127')
    checkout.program('python3', STANDIN.replace('${0##*python}', '3.12'))
    out = checkout.setup()[1]
    assert 'with python3,' in out


def test_setup_takes_the_python_it_is_given(checkout):
    checkout.program('py with space', STANDIN)
    python = str(checkout.bin / 'py with space')
    code, out, _ = checkout.setup(PYTHON=python, SAYS_VERSION='3.10')
    assert code == 0 and python in out


def test_setup_names_a_missing_venv_module(checkout):
    checkout.fails('python3.13-venv', LACKS_VENV='yes')


def test_setup_names_a_full_disk(checkout):
    checkout.program('df', 'echo; echo / 0 0 3000000 0% /')
    checkout.fails('needs 8 GB of free disk, here are 2')


def test_setup_leaves_a_foreign_venv_alone(checkout):
    (checkout.root / '.venv').mkdir()
    (checkout.root / '.venv' / 'precious').touch()
    checkout.fails('move it away')
    assert (checkout.root / '.venv' / 'precious').exists()


@pytest.mark.parametrize('said, words', [
    ('Failed to establish a new connection: Connection refused', 'network'),
    ('ERROR: No matching distribution found for torch', 'network'),
    ('OSError: [Errno 28] No space left on device', 'disk is full'),
    ('ERROR: something else', 'ERROR: something else'),
])
def test_setup_says_why_pip_failed(checkout, said, words):
    checkout.fails(words, PIP_SAYS=f'first line\n{said}\n')


def test_setup_names_a_missing_system_library(checkout):
    checkout.fails(
        'libgl1', IMPORT_SAYS='ImportError: libGL.so.1: cannot open')
