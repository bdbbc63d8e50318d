"""``make matrix``: the tests in every environment that is promised to work.

Each session makes an environment, skipped where its Python is missing, and
runs the tests in it; ``table`` prints the results side by side. One of them:
``nox -s middle``; what is behind ``--`` goes to pytest.
"""
import json
import os
import shutil
from pathlib import Path
from xml.etree import ElementTree

import nox

nox.options.default_venv_backend = 'venv'
nox.options.reuse_existing_virtualenvs = True
nox.options.error_on_missing_interpreters = False

ROOT = Path(__file__).parent
RESULTS = ROOT / '.nox' / 'results'
CONSTRAINTS = 'requirements/constraints.txt'
TESTS = 'pytest', 'pytest-xdist', 'hypothesis'
#: what a row of the table tells of an environment
SHOWN = ('numpy', 'torch', 'mmpose', 'mmengine', 'mmcv', 'xtcocotools')

OLDEST = (
    'torch==1.13.1', 'torchvision==0.14.1', 'numpy==1.24.4',
    'opencv-python==4.8.1.78', 'mmengine==0.8.0', 'mmdet==3.0.0',
    'json_tricks', 'matplotlib', 'munkres', 'pillow', 'scipy', 'xtcocotools',
    'setuptools==68.2.2', 'wheel', 'yapf==0.40.1')
MIDDLE = (
    'torch==2.4.1', 'torchvision==0.19.1', 'numpy==1.26.4',
    'opencv-python==4.10.0.84', 'mmengine==0.10.4', 'mmdet==3.3.0',
    'json_tricks', 'matplotlib', 'munkres', 'pillow', 'scipy', 'xtcocotools',
    'setuptools==69.5.1', 'wheel')
ELSEWHERE = 'transformers==5.24.0', 'supervision==0.31.2'
FORKS = 'onedl-mmengine', 'onedl-mmcv', 'onedl-mmdetection'


@nox.session(python=['3.8'])
def maths(session):
    """mmpose_dark.functional where numpy is all there is."""
    session.install('numpy', 'pytest', 'hypothesis',
                    'opencv-python-headless', 'scipy')  # the oracle's
    session.install('--no-deps', '.')
    test(session, 'tests/functional', 'mmpose_dark/functional')


@nox.session(python=['3.8'])
def oldest(session):
    """The oldest MMPose, torch and mmengine that are promised."""
    session.install(*OLDEST, *TESTS)
    session.install('--no-deps', '--no-build-isolation', 'mmcv-lite==2.0.1',
                    'mmpose==1.2.0', '-e', '.', env=dict(MMCV_WITH_OPS='0'))
    test(session)


@nox.session(python=['3.9'])
def middle(session):
    """Of 2024: torch 2.4, numpy 1."""
    session.install(*MIDDLE, *TESTS)
    session.install('--no-deps', '--no-build-isolation', 'mmcv-lite==2.1.0',
                    'mmpose==1.3.1', '-e', '.', env=dict(MMCV_WITH_OPS='0'))
    test(session)


@nox.session(python=['3.10', '3.11', '3.12', '3.13'])
def newest(session):
    """What .ci/setup makes."""
    install_newest(session)
    test(session)


@nox.session(python=['3.13'])
def forks(session):
    """The maintained forks of OpenMMLab's packages in place of them."""
    install_newest(session)
    session.run('pip', 'uninstall', '-q', '-y', 'mmengine', 'mmcv-lite',
                'mmdet')
    session.install('--no-deps', *FORKS)
    test(session)


@nox.session(python=['3.12'])
def full_mmcv(session):
    """Mmcv with its compiled operators, built here: half an hour."""
    if not shutil.which(os.environ.get('CXX', 'c++')):
        session.skip('needs a C++ compiler')
    install_newest(session)
    session.run('pip', 'uninstall', '-q', '-y', 'mmcv-lite')
    # MMCV_WHEELS: a folder with one that was built before.
    session.install(
        '--no-deps', '--no-build-isolation', '--find-links',
        os.environ.get('MMCV_WHEELS', '.nox'), 'mmcv==2.1.0', 'ninja',
        'psutil', env=dict(MMCV_WITH_OPS='1', FORCE_CUDA='0'))
    test(session)


@nox.session(python=['3.13'])
def elsewhere(session):
    """The recipes of docs/elsewhere.md, with the libraries they are for."""
    install_newest(session)
    session.install('-c', CONSTRAINTS, *ELSEWHERE)
    # It asks for a second OpenCV.
    session.install('--no-deps', 'rtmlib==0.0.16')
    test(session, 'tests/test_elsewhere.py')


@nox.session(venv_backend='none')
def table(session):
    """What the sessions before have found."""
    rows = [json.loads(path.read_text())
            for path in sorted(RESULTS.glob('*.json'))]
    head = ['session', 'Python', *SHOWN, 'passed', 'skipped', 'failed']
    for row in (head, ['---'] * len(head), *rows):
        print(f'| {" | ".join(map(str, row))} |')


def install_newest(session):
    """The pinned packages, and this one."""
    session.install('-c', CONSTRAINTS, 'pip', 'setuptools', 'wheel')
    session.install('-c', CONSTRAINTS, '--only-binary', ':all:',
                    '-r', 'requirements/mmpose.txt')
    session.install('-c', CONSTRAINTS, '--no-deps', 'mmpose')
    session.install('-c', CONSTRAINTS, '--only-binary', ':all:',
                    '--no-build-isolation', '-e',
                    '.[notebook,onnx,openvino,plot,tests,train]')


def test(session, *paths):
    """Run the tests, and keep how many passed under which versions."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    report = RESULTS / f'{session.name}.xml'
    workers = [] if paths else ['-n', '2', '--dist', 'loadfile']
    session.run('python', '-m', 'pytest', '-q', *workers,
                f'--junitxml={report}', *(session.posargs or paths),
                env=dict(OMP_NUM_THREADS='1'), success_codes=[0, 1])
    found = session.run('python', '-c', VERSIONS, *SHOWN, silent=True)
    suite = ElementTree.parse(report).getroot().find('testsuite')
    total, skipped, failed, errors = (
        int(suite.get(key))
        for key in ('tests', 'skipped', 'failures', 'errors'))
    failed += errors
    (RESULTS / f'{session.name}.json').write_text(json.dumps(
        [session.name, *json.loads(found.splitlines()[-1]),
         total - skipped - failed, skipped, failed]))
    if failed:
        session.error(f'{failed} tests failed')


VERSIONS = '''
import json, platform, sys
from importlib.metadata import PackageNotFoundError, version
def found(name):
    for kind in ('{}', '{}-lite', 'onedl-{}'):
        try:
            return version(kind.format(name)) + ' ' + kind.strip('-{}')
        except PackageNotFoundError:
            pass
    return '-'
print(json.dumps([platform.python_version(),
                  *(found(name).strip() for name in sys.argv[1:])]))
'''
