"""Codecs where no MMPose is: built from a config, drawn and read by."""
import subprocess
import sys
import textwrap

import numpy as np
import pytest

CODECS = [
    dict(type='MSRAHeatmap', input_size=(96, 128), heatmap_size=(24, 32),
         sigma=1),
    dict(type='UDPHeatmap', input_size=(96, 128), heatmap_size=(24, 32)),
    dict(type='mmpose_dark.DarkPoseHeatmap', input_size=(96, 128),
         heatmap_size=(24, 32), sigma=1),
    dict(type='MegviiHeatmap', input_size=(192, 256), heatmap_size=(48, 64),
         kernel_size=11),
    dict(type='SimCCLabel', input_size=(96, 128), sigma=(4.9, 5.66),
         normalize=False),
    dict(type='SimCCLabel', input_size=(96, 128), normalize=True),
]


def test_codecs_are_built_and_read_without_mmpose():
    script = textwrap.dedent(f'''
        import sys
        for name in ('mmcv', 'mmengine', 'mmpose', 'torch'):
            sys.modules[name] = None
        import numpy as np
        from mmpose_dark.codecs import build_codec
        for config in {CODECS!r}:
            codec = build_codec(config)
            labels = codec.encode(np.array([[[30.3, 70.6]]]))
            maps = [labels[key] for key in (
                'heatmaps', 'keypoint_x_labels', 'keypoint_y_labels')
                if key in labels]
            print(*codec.decode(*maps)[0].ravel())
    ''')
    done = subprocess.run([sys.executable, '-c', script], text=True,
                          capture_output=True)
    assert done.returncode == 0, done.stderr
    found = [list(map(float, line.split()))
             for line in done.stdout.splitlines()]
    assert len(found) == len(CODECS)
    want = np.tile([30.3, 70.6], (len(CODECS), 1))
    want[1] *= np.divide((96, 128), (95, 127))  # as UDPHeatmap has it
    np.testing.assert_allclose(found, want, atol=.02)


def test_with_mmpose_the_codecs_are_those_of_its_registry():
    registry = pytest.importorskip('mmpose.registry').KEYPOINT_CODECS
    from mmpose_dark.codecs import build_codec
    for config in CODECS:
        codec = build_codec(config)
        assert type(codec) is registry.get(type(codec).__name__)


def test_what_builds_no_codec_is_said():
    from mmpose_dark.codecs import build_codec
    for config, said in (
            (dict(type='DarkHeatmap'), "DarkHeatmap: missing.*'sigma'"),
            (dict(sigma=2), 'None is a codec of another kind'),
            (dict(type='RegressionLabel'), 'no map to read'),
            (dict(CODECS[2], width=3), "keyword argument 'width'")):
        with pytest.raises(ValueError, match=said):
            build_codec(config)
