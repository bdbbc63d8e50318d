"""What the package adds around MMPose, in fresh interpreters."""
import os
import re
import subprocess
import sys
import textwrap

import pytest
import torch
from mmpose_dark._compat import checkpoints, versions


def python(code, **env):
    """Run code in a new interpreter and return what it prints."""
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', textwrap.dedent(code)],
        capture_output=True, text=True, env={**os.environ, **env})
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_functional_imports_no_mm_package_and_no_torch():
    assert python('''
        import sys
        import numpy as np
        import mmpose_dark
        import mmpose_dark.functional as F
        F.decode_heatmaps(F.encode_heatmaps(np.ones((1, 2)), (9, 9), 1.), 1.)
        print([m for m in sys.modules if m.split('.')[0] in (
            'mmpose', 'mmcv', 'mmengine', 'mmdet', 'torch')])
        ''') == '[]'


BARE_NAMES = """
        from mmpose.registry import KEYPOINT_CODECS, MODELS, TRANSFORMS
        print([registry.get(name).__module__.split('.')[0]
               for registry, name in (
            (KEYPOINT_CODECS, 'DarkHeatmap'),
            (KEYPOINT_CODECS, 'DarkMegviiHeatmap'),
            (MODELS, 'DarkHeatmapHead'), (MODELS, 'DarkCPMHead'),
            (MODELS, 'DarkViPNASHead'), (TRANSFORMS, 'GenerateDarkTarget'))])
        """


@pytest.mark.slow
def test_codec_builds_by_its_dotted_name_alone():
    """No import of ours, no custom_imports: as from a config.

    MMPose's registry has imported its own codecs by then.
    """
    got = python("""
        from mmpose.registry import KEYPOINT_CODECS
        KEYPOINT_CODECS.get('MSRAHeatmap')
        codec = KEYPOINT_CODECS.build(dict(
            type='mmpose_dark.DarkHeatmap', input_size=(192, 256),
            heatmap_size=(48, 64), sigma=2))
        import mmpose.models
        """ + BARE_NAMES)
    assert got.splitlines()[-1] == str(['mmpose_dark'] * 6)



@pytest.mark.slow
def test_bare_names_are_known():
    """After the import that `custom_imports` of a config does."""
    got = python("""
        from mmengine.utils import import_modules_from_strings
        import_modules_from_strings(['mmpose_dark'])
        import mmpose.apis
        """ + BARE_NAMES)
    assert got.splitlines()[-1] == str(['mmpose_dark'] * 6)


def test_import_is_light():
    heavy = 'numpy', 'torch', 'mmengine', 'mmcv', 'mmpose'
    assert python(f"""
        import sys
        import mmpose_dark
        print([name for name in {heavy} if name in sys.modules])
        """) == '[]'


def test_missing_operator_says_what_to_do():
    import mmcv._ext
    if 'placeholder' not in str(mmcv._ext.__spec__.origin):
        pytest.skip('the full mmcv is installed')
    with pytest.raises(RuntimeError, match='softnms needs the full mmcv'):
        mmcv._ext.softnms(1, 2)


def package(folder, name, **modules):
    """A package made of the given sources, and the path to find it by."""
    (folder / name).mkdir()
    for module, source in modules.items():
        (folder / name / f'{module}.py').write_text(source)
    return dict(PYTHONPATH=os.pathsep.join(
        [str(folder), *filter(None, [os.environ.get('PYTHONPATH')])]))


def test_full_mmcv_wins(tmp_path):
    """A compiled module, here one in Python's clothes, is found first."""
    env = package(tmp_path, 'mmcv', __init__='', _ext='real = True')
    assert python("""
        import mmpose_dark
        import mmcv._ext
        print(mmcv._ext.real)
        """, **env) == 'True'


@pytest.mark.parametrize('mask, wins', [
    ('', True),
    # what the compiled part of one built for numpy 1 says
    ("raise ValueError('numpy.dtype size changed')", False),
    ("raise ImportError('numpy.core.multiarray failed')", False),
])
def test_xtcocotools_wins_if_it_works(tmp_path, mask, wins):
    env = package(tmp_path, 'xtcocotools', __init__='', _mask=mask, coco='',
                  cocoeval='', mask='import xtcocotools._mask')
    assert python("""
        import mmpose_dark
        import xtcocotools.coco, xtcocotools.cocoeval, xtcocotools.mask
        print('mmpose_dark' not in xtcocotools.__file__)
        """, **env) == str(wins)


@pytest.mark.parametrize('name, version, words', [
    ('numpy', '2.4.0', 'numpy 2.4.0 is installed.*drawing'),
    ('numpy', '2.3.5', None),
    ('numpy', '1.26.4', None),
    ('cv2', '4.13.0', 'cv2 4.13.0 is installed.*resized'),
    ('cv2', '5.0.0', 'cv2 5.0.0 is installed.*broken videos'),
    ('cv2', '4.11.0', None),
    ('mmengine', '0.7.4', 'mmengine 0.7.4 is installed.*KeyError'),
    ('mmengine', '0.10.7', None),
])
def test_known_trouble_is_said(monkeypatch, recwarn, name, version, words):
    for module, good in dict(numpy='2.2.6', cv2='4.11.0',
                             mmengine='0.10.7').items():
        monkeypatch.setattr(f'{module}.__version__',
                            version if module == name else good)
    versions.warn_of_known_trouble()
    said = [str(w.message) for w in recwarn]
    assert len(said) == (words is not None)
    assert words is None or re.search(words, said[0])


def test_trouble_is_said_once():
    assert python("""
        import warnings, cv2
        cv2.__version__ = '5.0.0'
        warnings.simplefilter('always')
        with warnings.catch_warnings(record=True) as said:
            import mmpose_dark
            print(len(said), end=' ')
            mmpose_dark.DarkHeatmap, mmpose_dark.GenerateDarkTarget
            print(len([w for w in said if 'cv2 5' in str(w.message)]))
        """).splitlines()[-1] == '0 1'


def save_and_load(obj, path):
    torch.save(obj, path)
    return torch.load(path, weights_only=True)


@pytest.mark.skipif(
    not hasattr(torch.serialization, 'get_unsafe_globals_in_checkpoint'),
    reason='torch before 2.6 does not load it with the check on')
def test_what_mmengine_writes_loads_with_the_check_on(tmp_path):
    import mmpose.registry  # noqa: F401
    import numpy as np
    from mmengine.logging import HistoryBuffer
    buffer = HistoryBuffer()
    buffer.update(3.)
    message_hub = dict(
        log_scalars=dict(loss=buffer), runtime_info=dict(
            best=np.float32(3), loop=np.int64(3), arr=np.arange(4)))
    loaded = save_and_load(message_hub, tmp_path / 'a.pth')
    assert loaded['log_scalars']['loss'].mean() == 3
    assert loaded['runtime_info']['best'] == 3


class Evil:

    def __reduce__(self):
        # of an allowed class, an attribute that is not
        import numpy as np
        return getattr, (np.ndarray, 'tofile')


def test_files_that_are_none_of_ours_load(tmp_path):
    """torch 2.4 and 2.5 choke on what 2.6 wants to be told."""
    import collections
    want = collections.OrderedDict(a=torch.ones(2), b=torch.float16)
    got = save_and_load(want, tmp_path / 'a.pth')
    assert got['b'] is torch.float16 and got['a'].sum() == 2


@pytest.mark.skipif(
    not hasattr(torch.serialization, 'get_unsafe_globals_in_checkpoint'),
    reason='torch before 2.6 has no list that names functions')
def test_nothing_else_loads(tmp_path):
    with pytest.raises(Exception, match='tofile'):
        save_and_load(dict(a=Evil()), tmp_path / 'evil.pth')
    with pytest.raises(ValueError, match='HistoryBuffer are allowed'):
        from mmengine.logging import HistoryBuffer
        checkpoints._history_buffer_attribute(HistoryBuffer, '__init__')
    with pytest.raises(ValueError, match='HistoryBuffer are allowed'):
        checkpoints._history_buffer_attribute(torch, 'load')


def test_our_configs_have_a_name():
    """Before and after mmengine is imported, and as a base of another."""
    assert python("""
        import mmengine.config.utils
        import mmpose_dark
        from mmengine.config.utils import MODULE2PACKAGE
        print(MODULE2PACKAGE['mmpose_dark'])
        """) == 'mmpose_dark.shipped'
    assert python("""
        import mmpose_dark
        from mmpose_dark.config import load_config
        from mmengine.config.utils import MODULE2PACKAGE
        print(MODULE2PACKAGE['mmpose_dark'], load_config(
            'mmpose_dark::body_2d_keypoint/topdown_heatmap/coco/'
            'td-hm_res50_dark-8xb64-140e_coco-128x96.py').codec.type)
        """) == 'mmpose_dark.shipped mmpose_dark.DarkHeatmap'
