"""What a wheel gives: every command, far from any clone."""
import json
import os
import subprocess
import sysconfig
import textwrap
import venv
from pathlib import Path

import pytest

pytest.importorskip('mmpose')
from mmpose_dark.cli import COMMANDS  # noqa: E402
from test_packaging import PACKAGE_FILES, ROOT, copy, pip  # noqa: E402

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (ROOT / 'setup.cfg').exists(),
                       reason='needs a source checkout')]


@pytest.fixture(scope='module')
def installed(tmp_path_factory):
    """Run a program of an environment that has the wheel, and no clone.

    It sees the packages that are here, but for this one.
    """
    root = tmp_path_factory.mktemp('wheel')
    source = copy(PACKAGE_FILES, root / 'source')
    pip('wheel', '-w', str(root), '.', cwd=source)
    wheel, = root.glob('*.whl')
    place = root / 'environment'
    venv.create(place)
    scripts = place / ('Scripts' if os.name == 'nt' else 'bin')
    base = {key: value for key, value in os.environ.items()
            if key not in ('PYTHONPATH', 'PYTHONHOME')}

    def run(program, *args, cwd=root):
        done = subprocess.run([str(scripts / program), *map(str, args)],
                              cwd=cwd, text=True, capture_output=True,
                              env=dict(base, OMP_NUM_THREADS='1'))
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    packages = run('python', '-c', 'import sysconfig; '
                   'print(sysconfig.get_paths()["purelib"])').strip()
    theirs = {sysconfig.get_paths()[key] for key in ('purelib', 'platlib')}
    # mmengine wants distutils, which from Python 3.12 on setuptools brings.
    (Path(packages) / 'theirs.pth').write_text('\n'.join(
        [*sorted(theirs), 'import _distutils_hack; '
         '_distutils_hack.add_shim()']))
    run('python', '-m', 'pip', 'install', '-q', '-I', '--no-deps',
        '--no-index', wheel)
    return run


def test_the_command_is_on_the_path(installed):
    said = installed('mmpose-dark', '--help')
    assert all(f'\n  {name} ' in said for name in COMMANDS)
    assert installed('python', '-m', 'mmpose_dark', '--help') == said
    assert installed('mmpose-dark', 'convert', '--help').startswith(
        'usage: mmpose-dark convert ')


COCO = 'body_2d_keypoint/topdown_heatmap/coco'
#: what each is run with, after what it needs; FIGURES is inside the package
RUNS = f"""
    figures --train 4 --val 4 --out data
    demo --figures --out poses --device cpu
    darkify mmpose::{COCO}/td-hm_res50_8xb64-210e_coco-256x192.py dark.py
    darkify mmpose_dark::{COCO}/td-hm_res50_8xb64-140e_coco-128x96.py a.py
    darkify of_ours.py b.py
    compare THIN WEIGHTS --json a.json --cfg-options OPTIONS
    calibrate THIN WEIGHTS --out pictures --cfg-options OPTIONS
    test THIN WEIGHTS --cfg-options OPTIONS
    train THIN --work-dir run --cfg-options OPTIONS train_cfg.max_epochs=1
    convert official.pth mine.pth --code darkpose --size 128x96
    export of_ours.py WEIGHTS pose.onnx
    check-export of_ours.py pose.onnx WEIGHTS --cfg-options OPTIONS
"""


def test_every_command_runs_far_from_a_clone(installed, tmp_path):
    """In one process: to import MMPose takes longer than most of them."""
    import official_networks
    import torch
    network = official_networks.PoseResNet((3, 4, 6, 3), True)
    torch.save(network.state_dict(), tmp_path / 'official.pth')
    data = tmp_path / 'data'
    options = [f'{split}_evaluator.ann_file={data}/val/person_keypoints.json'
               for split in ('val', 'test')]
    for split in ('train', 'val', 'test'):
        options += [f'{split}_dataloader.dataset.data_root={data}',
                    f'{split}_dataloader.batch_size=2',
                    f'{split}_dataloader.num_workers=0',
                    f'{split}_dataloader.persistent_workers=False']
    thin = ('mmpose_dark::body_2d_keypoint/topdown_heatmap/figures/'
            'td-hm_res18-thin_dark-1xb64-8e_figures-128x96.py')
    runs = [[part for word in line.split() for part in dict(
        OPTIONS=options, THIN=[thin]).get(word, [word])]
        for line in RUNS.strip().splitlines()]
    runs = [run for run in runs
            if run[0] not in ('export', 'check-export') or _exports()]
    assert {run[0] for run in runs} >= set(COMMANDS) - {
        'export', 'check-export'}
    # The decoder that is exported soonest
    (tmp_path / 'of_ours.py').write_text(
        f'_base_ = [{thin!r}]\n'
        "model = dict(head=dict(decoder=dict(decoding='shift')))\n")
    script = tmp_path / 'run.py'
    script.write_text(textwrap.dedent(f'''
        import json, sys
        import mmpose_dark
        from mmpose_dark.cli import main
        from mmpose_dark.shipped import FIGURES
        weights = str(FIGURES / 'td-hm_res18-thin_dark_figures-128x96.pth')
        done = dict(package=mmpose_dark.__file__)
        for run in {runs}:
            run = [weights if word == 'WEIGHTS' else word for word in run]
            done[' '.join(run[:2])] = main(run)
        json.dump(done, open('done.json', 'w'))
        '''))
    said = installed('python', script, cwd=tmp_path)
    done = json.loads((tmp_path / 'done.json').read_text())
    assert 'environment' in done.pop('package')
    assert len(done) == len(runs) and set(done.values()) == {0}, done
    assert '-    type=\'MSRAHeatmap\')' in said
    for file in ('poses/predictions.json', 'dark.py', 'a.py', 'a.json',
                 'pictures/reliability.png', 'run/epoch_1.pth', 'mine.py'):
        assert (tmp_path / file).is_file(), file


def _exports():
    """Whether what the export needs is here."""
    import torch
    try:
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError:
        return False
    return tuple(map(int, torch.__version__.split('.')[:2])) >= (2, 5)
