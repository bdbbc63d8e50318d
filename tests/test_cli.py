"""mmpose-dark: what each command says, and how it ends when it cannot."""
import re
import subprocess
import sys

import pytest
from conftest import run_command
from mmpose_dark.cli import COMMANDS, main
from mmpose_dark.shipped import FIGURES

THIN = FIGURES / 'td-hm_res18-thin_dark-1xb64-8e_figures-128x96.py'
WEIGHTS = FIGURES / 'td-hm_res18-thin_dark_figures-128x96.pth'
OTHERS = FIGURES / 'td-hm_res18-hypercolumn_figures-128x96.pth'


@pytest.fixture
def refused(tmp_path, monkeypatch, capsys):
    """Run a command that cannot run; what it says, in two lines at most."""
    pytest.importorskip('mmpose')
    monkeypatch.chdir(tmp_path)

    def run(*command):
        assert run_command(*command) == 2
        said = capsys.readouterr().err
        said = said[said.index(f'mmpose-dark {command[0]}: error: '):]
        assert len(said.splitlines()) <= 2
        return said

    return run


def test_the_list_of_commands_imports_nothing_at_all():
    script = '''
import sys
from mmpose_dark.cli import main
try:
    main(['--help'])
except SystemExit as end:
    assert end.code == 0
assert not {'numpy', 'rich'} & set(sys.modules)
'''
    done = subprocess.run([sys.executable, '-c', script], text=True,
                          capture_output=True)
    assert done.returncode == 0, done.stderr
    for name in COMMANDS:
        assert re.search(f'^  {name}  +[a-zA-Z]', done.stdout, re.M)


def test_the_package_runs_as_a_module():
    done = subprocess.run([sys.executable, '-m', 'mmpose_dark', 'export',
                           '--help'], text=True, capture_output=True)
    assert done.returncode == 0
    assert done.stdout.startswith('usage: mmpose-dark export ')


def test_a_command_that_is_none():
    with pytest.raises(SystemExit) as end:
        main(['nonsense'])
    assert end.value.code == 2


def test_a_stopped_command_says_so_in_a_line(monkeypatch, capsys):
    def stop(argv, prog):
        raise KeyboardInterrupt
    monkeypatch.setattr('mmpose_dark.cli.figures.main', stop)
    assert run_command('figures') == 130
    assert capsys.readouterr().err == 'mmpose-dark figures: stopped\n'


def test_what_nobody_thought_of_says_its_kind_and_how_to_see_more(
        monkeypatch, capsys):
    def fail(argv, prog):
        raise KeyError('input_size')
    monkeypatch.setattr('mmpose_dark.cli.figures.main', fail)
    assert run_command('figures') == 2
    said = capsys.readouterr().err.splitlines()
    assert said == ["mmpose-dark figures: error: KeyError: 'input_size'",
                    'PYTHONDEVMODE=1 before the command shows where']


@pytest.mark.parametrize('command, said', [
    ('compare', 'either CONFIG and CHECKPOINT or --heatmaps'),
    ('compare --heatmaps a.npz', '--heatmaps and --ann belong together'),
    (f'compare {THIN} {WEIGHTS} --ann b.json', '--heatmaps and --ann belong'),
    (f'compare {THIN} {WEIGHTS} --sigma 2', '--sigma is for --heatmaps'),
    ('compare --heatmaps a.npz --ann b.json', "'a.npz'"),
    ('compare none.py none.pth', 'there is no config none.py'),
    ('calibrate none.py none.pth', 'there is no config none.py'),
    ('compare mmpose::body_2d_keypoint/associative_embedding/coco/'
     'ae_hrnet-w32_8xb24-300e_coco-512x512.py none.pth',
     'one person in a box, and a BottomupPoseEstimator finds all people'),
    ('calibrate mmpose::hand_3d_keypoint/internet/interhand3d/'
     'internet_res50_4xb16-20e_interhand3d-256x256.py none.pth',
     'DarkHand3DHeatmap: it reads hands in space'),
    ('compare mmpose::body_2d_keypoint/topdown_regression/coco/'
     'td-reg_res50_rle-8xb64-210e_coco-256x192.py none.pth',
     'RegressionLabel has numbers for coordinates'),
    ('darkify none.py', 'there is no config none.py'),
    ('darkify mmpose::none/none.py', 'there is no config mmpose::none/none'),
    ('darkify mmpose_dark::none/none.py', 'no config mmpose_dark::none/none'),
    (f'darkify {WEIGHTS}', f'{WEIGHTS} is no config that can be read'),
    ('darkify --codec peak=raw none.py', "KEY=VALUE.*'none.py'"),
    ('export none.py none.pth a.onnx', 'there is no config none.py'),
    (f'export {THIN} none.pth a.onnx', 'none.pth cannot be read'),
    ('check-export none.py none.onnx', 'there is no config none.py'),
    (f'check-export {THIN} {WEIGHTS}', 'no file that ONNX Runtime reads'),
    ('figures --train -1', 'must not be negative'),
])
def test_what_is_wrong_is_said_in_a_line(command, said, refused):
    assert re.search(said, refused_last(refused, command))


def refused_last(refused, command):
    """The error without what argparse says before it."""
    return refused(*command.split()).splitlines()[0]


# ---- outputs


@pytest.mark.parametrize('command', [
    f'compare {THIN} {WEIGHTS} --out a_folder',
    f'compare {THIN} {WEIGHTS} --save a_file/maps.npz',
    f'calibrate {THIN} {WEIGHTS} --out a_file',
    f'darkify {THIN} a_file/dark.py',
    f'export {THIN} {WEIGHTS} a_folder',
    'convert in.pth a_file/out.pth --code hrnet',
    'figures --out a_file',
])
def test_outputs_are_looked_at_before_the_work(
        command, refused, tmp_path, monkeypatch):
    (tmp_path / 'a_folder').mkdir()
    (tmp_path / 'a_file').write_text('kept')

    def work(*args, **kwargs):
        raise AssertionError('it has begun')
    monkeypatch.setattr('mmpose_dark.config.load_config', work)
    monkeypatch.setattr('mmpose_dark.synthetic.make_figures', work)
    assert re.search('a_folder|a_file', refused(*command.split()))
    assert (tmp_path / 'a_file').read_text() == 'kept'
    assert not list((tmp_path / 'a_folder').iterdir())


@pytest.mark.parametrize('command', [
    'darkify in.py in.py', 'darkify in.py ./sub/../in.py',
    'export in.py in.pth in.pth', 'export in.py in.pth in.py',
    'compare in.py in.pth --out in.py',
    'compare --heatmaps in.npz --ann in.json --save in.npz',
    'compare --heatmaps in.npz --ann in.json --out in.json',
    'convert in.pth in.pth --code hrnet',
    'convert in.pth out.pth --code hrnet --config out.py',
])
def test_nothing_overwrites_its_input(command, refused, tmp_path):
    (tmp_path / 'sub').mkdir()
    files = [tmp_path / f'{name}.{kind}' for name in ('in', 'out')
             for kind in ('py', 'pth', 'npz', 'json')]
    for file in files:
        file.write_text(file.name)
    assert 'overwrit' in refused(*command.split())
    assert all(file.read_text() == file.name for file in files)


def test_a_probe_for_an_output_leaves_nothing(refused, tmp_path):
    refused('export', THIN, 'none.pth', 'a.onnx')
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('command', ['compare', 'calibrate'])
def test_data_that_are_not_there_are_named_with_the_way_to_say(
        command, refused):
    first, second = refused(command, THIN, WEIGHTS).splitlines()
    assert 'there is no data/figures/val/person_keypoints.json' in first
    assert second.endswith(
        '--cfg-options test_dataloader.dataset.data_root=FOLDER '
        'test_evaluator.ann_file=FILE')


# ---- checkpoints


@pytest.mark.parametrize('command', [
    'export {config} {weights} out.onnx', 'compare {config} {weights}',
    'calibrate {config} {weights}',
])
def test_a_checkpoint_of_another_network_is_refused(
        command, refused, tmp_path):
    ann = tmp_path / 'data' / 'figures' / 'val' / 'person_keypoints.json'
    ann.parent.mkdir(parents=True)
    ann.touch()  # the checkpoint is looked at before
    said = refused(*command.format(config=THIN, weights=OTHERS).split())
    first, second = said.splitlines()
    assert f'{OTHERS} does not fit {THIN}' in first
    assert second.count('head.') == 3 and second.count('is missing') == 3


def test_the_test_loop_of_mmpose_takes_no_other_checkpoint(
        refused, tmp_path):
    from mmpose_dark.synthetic import make_figures
    make_figures(tmp_path / 'val', 1)
    options = ['--cfg-options',
               f'test_dataloader.dataset.data_root={tmp_path}',
               'test_dataloader.num_workers=0',
               'test_dataloader.persistent_workers=False',
               f'test_evaluator.ann_file={tmp_path}/val/person_keypoints.json']
    first, second = refused('test', THIN, OTHERS, *options).splitlines()
    assert f'{OTHERS} does not fit {THIN}' in first and 'missing' in second
    (tmp_path / 'text.pth').write_text('no weights')
    assert 'text.pth is no checkpoint' in refused(
        'test', THIN, tmp_path / 'text.pth', *options)
    assert run_command('test', THIN, WEIGHTS, *options) == 0
