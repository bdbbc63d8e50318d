"""Weights into a model: all of them, or an error that says which not."""
import re

import pytest
from conftest import no_fork

torch = pytest.importorskip('torch')
pytest.importorskip('mmpose')

from mmpose_dark import checkpoints  # noqa: E402
from mmpose_dark.config import load_config  # noqa: E402
from mmpose_dark.shipped import FIGURES  # noqa: E402

THIN = FIGURES / 'td-hm_res18-thin_1xb64-8e_figures-128x96.py'
WEIGHTS = FIGURES / 'td-hm_res18-thin_figures-128x96.pth'


@pytest.fixture
def file(tmp_path):
    """A checkpoint to change and to load: returns what it says, or None."""
    found = torch.load(WEIGHTS)
    state = found['state_dict']

    def load(content):
        path = tmp_path / 'some.pth'
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            torch.save(content, path)
        try:
            return checkpoints.load_model(load_config(THIN), path)
        except ValueError as error:
            assert str(error).startswith(str(path))
            assert len(str(error).splitlines()) <= 2
            return str(error)

    load.state = state
    load.found = found
    return load


def equal(model, state):
    return all(torch.equal(value, state[key])
               for key, value in model.state_dict().items())


def test_what_fits_is_loaded_with_its_meta(file):
    meta = dict(file.found.get('meta') or {}, dataset_meta=dict(mine=1))
    model = file(dict(file.found, meta=meta))
    assert equal(model, file.state)
    assert model.dataset_meta == dict(mine=1)
    assert not model.training and model.cfg.filename == str(THIN)


@pytest.mark.parametrize('kind', ['of MMPose 0.x', 'wrapped', 'bare',
                                  'without counts'])
def test_what_mmpose_renames_or_wraps_is_taken(file, kind):
    changed = {
        'of MMPose 0.x': lambda key: key.replace('head.', 'keypoint_head.', 1),
        'wrapped': 'module.{}'.format}.get(kind, str)
    # A dict of its own: it has no versions, as files of MMPose 0.x.
    weights = {changed(key): value for key, value in file.state.items()
               if kind != 'without counts' or 'num_batches' not in key}
    model = file(weights if kind == 'bare' else dict(state_dict=weights))
    assert equal(model, {
        key: value for key, value in file.state.items()
    } if kind != 'without counts' else {**model.state_dict(), **weights})


def test_what_predicts_nothing_may_be_more(file):
    """Heads of other data sets, teachers, tables and losses."""
    more = {'associate_keypoint_heads.0.weight': torch.ones(2),
            'data_preprocessor.mean': torch.ones(3),
            'backbone.relative_position_index': torch.ones(2, dtype=torch.int),
            'head.loss_module.target': torch.ones(1)}
    assert equal(file(dict(state_dict={**file.state, **more})), file.state)


def test_weights_that_are_missing_unknown_or_of_another_shape(file):
    first = next(iter(file.state))
    del file.state[first]
    file.state['head.final_layer.weight'] = torch.ones(3, 3, 1, 1)
    file.state['backbone.layer9.weight'] = torch.ones(2)
    said = file(dict(state_dict=file.state))
    assert f'does not fit {THIN}, 3 weights differ' in said
    assert f'{first} is missing' in said
    assert re.search(r'head.final_layer.weight is \(3, 3, 1, 1\) in place of '
                     r'\(17, \d+, 1, 1\)', said)
    assert 'backbone.layer9.weight is unknown' in said


def test_a_deeper_network_of_the_same_kind_is_refused(file):
    """All weights of the model are in it, and it is another network."""
    deeper = {key.replace('.layer3.1.', '.layer3.2.'): value
              for key, value in file.state.items() if '.layer3.1.' in key}
    assert deeper
    said = file(dict(state_dict={**file.state, **deeper}))
    assert f'{len([k for k in deeper if "num_b" not in k])} weights' in said
    assert said.count('is unknown') == 3 and 'more' in said


class Anything:
    pass


@pytest.mark.parametrize('content, said', [
    (b'a text\n' * 9, 'is no checkpoint that torch can load'),
    (b'', r'is no checkpoint that torch can load \(EOFError\)'),
    ('cut', 'is no checkpoint that torch can load'),
    ([1, 2], 'holds no weights'), (dict(epoch=3), 'holds no weights'),
    (dict(state_dict=dict(epoch=3)), 'holds no weights'),
    (dict(model=dict(a=torch.ones(1))), 'holds no weights'),
    (dict(state_dict=dict(a=torch.ones(1))), 'does not fit'),
])
def test_what_is_no_checkpoint(file, content, said):
    if content == 'cut':
        content = WEIGHTS.read_bytes()[:9000]
    assert re.search(said, file(content))


@pytest.mark.skipif(
    not hasattr(torch.serialization, 'get_unsafe_globals_in_checkpoint'),
    reason='torch before 2.6 loads anything')
@no_fork
def test_what_torch_refuses_to_load_is_named(file):
    said = file(dict(file.found, more=Anything()))
    assert re.search(r'holds a [\w.]+\.Anything', said)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(OSError, match='none.pth cannot be read'):
        checkpoints.read_checkpoint(tmp_path / 'none.pth')
    with pytest.raises(OSError, match='http://127.0.0.1:9/a.pth cannot be re'):
        checkpoints.read_checkpoint('http://127.0.0.1:9/a.pth')
