"""What the package adds around MMPose, in fresh interpreters."""
import subprocess
import sys
import textwrap

import pytest
import torch

from mmpose_dark import _compat


def python(code):
    """Run code in a new interpreter and return what it prints."""
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', textwrap.dedent(code)],
        capture_output=True, text=True)
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


@pytest.mark.slow
def test_codec_builds_by_its_dotted_name_alone():
    """No import of ours, no custom_imports: as from a config."""
    assert python('''
        from mmpose.registry import KEYPOINT_CODECS
        codec = KEYPOINT_CODECS.build(dict(
            type='mmpose_dark.DarkHeatmap', input_size=(192, 256),
            heatmap_size=(48, 64), sigma=2))
        again = KEYPOINT_CODECS.build(dict(
            type='DarkHeatmap', input_size=(192, 256), heatmap_size=(48, 64),
            sigma=2))
        import mmpose.models
        print(type(codec) is type(again))
        ''').splitlines()[-1] == 'True'


def test_missing_operator_says_what_to_do():
    _compat.install()
    import mmcv._ext
    if 'placeholder' not in str(mmcv._ext.__spec__.origin):
        pytest.skip('the full mmcv is installed')
    with pytest.raises(RuntimeError, match='nms needs the full mmcv'):
        mmcv._ext.nms(1, 2)


def test_full_mmcv_wins(tmp_path):
    """A compiled module, here one in Python's clothes, is found first."""
    assert python(f'''
        import pathlib, sys
        folder = pathlib.Path({str(tmp_path)!r}) / 'mmcv'
        folder.mkdir()
        (folder / '__init__.py').touch()
        (folder / '_ext.py').write_text('real = True')
        from mmpose_dark import _compat
        sys.meta_path.append(_compat._ExtPlaceholder())
        sys.path.insert(0, str(folder.parent))
        import mmcv._ext
        print(mmcv._ext.real)
        ''') == 'True'


def save_and_load(obj, path):
    torch.save(obj, path)
    return torch.load(path, weights_only=True)


def test_what_mmengine_writes_loads_with_the_check_on(tmp_path):
    import numpy as np
    from mmengine.logging import HistoryBuffer
    _compat.install()
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


def test_nothing_else_loads(tmp_path):
    _compat.install()
    with pytest.raises(Exception, match='tofile'):
        save_and_load(dict(a=Evil()), tmp_path / 'evil.pth')
    with pytest.raises(ValueError, match='HistoryBuffer are allowed'):
        from mmengine.logging import HistoryBuffer
        _compat._history_buffer_attribute(HistoryBuffer, '__init__')
    with pytest.raises(ValueError, match='HistoryBuffer are allowed'):
        _compat._history_buffer_attribute(torch, 'load')
