"""A config that says DARK and does something else."""
import pytest

pytest.importorskip('mmpose')

from mmpose_dark import DarkHeatmap, DarkMegviiHeatmap, darkify  # noqa: E402
from conftest import run_command  # noqa: E402
from mmengine.config import Config  # noqa: E402
from mmpose_dark.config import load_config  # noqa: E402
from mmpose_dark.consistency import contradictions  # noqa: E402
from mmpose_dark.shipped import FIGURES  # noqa: E402

COCO = 'mmpose::body_2d_keypoint/topdown_heatmap/coco/'
STOCK = f'{COCO}td-hm_res50_8xb64-210e_coco-256x192.py'
UDP = f'{COCO}td-hm_hrnet-w32_udp-8xb64-210e_coco-256x192.py'
MEGVII = f'{COCO}td-hm_mspn50_8xb32-210e_coco-256x192.py'
RTMPOSE = ('mmpose::body_2d_keypoint/rtmpose/coco/'
           'rtmpose-t_8xb256-420e_coco-256x192.py')
THIN = FIGURES / 'td-hm_res18-thin_1xb64-8e_figures-128x96.py'
MEND = 'model = dict(head=dict(decoder=dict(_delete_=True, **codec)))'


@pytest.fixture
def written(tmp_path):
    """A config on top of a stock one, as a person writes it."""

    def write(text, base=THIN):
        path = tmp_path / 'mine.py'
        path.write_text(f'_base_ = [{str(base)!r}]\n{text}\n')
        return path

    return write


def dark_codec(**changes):
    codec = load_config(THIN).codec.to_dict()
    return dict(codec, type='mmpose_dark.DarkHeatmap', **changes)


def encoder_of(cfg):
    return next(entry.encoder for entry in
                cfg.train_dataloader.dataset.pipeline
                if entry.type == 'GenerateTarget')


@pytest.mark.parametrize('name', [STOCK, UDP, MEGVII, RTMPOSE])
def test_what_darkify_writes_agrees(name):
    assert contradictions(load_config(name), training=True) == []
    heads = [] if name == MEGVII else [dict(head=True)]
    for options in [{}, *heads]:
        cfg = darkify(name, **options)
        assert contradictions(cfg, training=True) == []


def test_a_stock_codec_that_mmpose_does_not_use():
    """Its UDP configs for DeepFashion: the head has its base's."""
    cfg = load_config('mmpose::fashion_2d_keypoint/topdown_heatmap/deepfashion'
                      '/td-hm_hrnet-w32_udp_8xb64-210e_deepfashion_upper-'
                      '256x192.py')
    assert cfg.codec.type == 'UDPHeatmap'
    assert cfg.model.head.decoder.type == 'MSRAHeatmap'
    assert contradictions(cfg, training=True) == []
    dark = darkify(cfg)
    assert contradictions(dark, training=True) == []
    assert dark.codec == dark.model.head.decoder
    assert not dark.codec.get('use_udp')


@pytest.mark.parametrize('changes, said', [
    ({}, 'codec is a DarkHeatmap, but model.head.decoder is a MSRAHeatmap'),
    (dict(sigma=3), 'codec is a DarkHeatmap'),
])
def test_a_codec_that_does_not_reach_the_head(written, changes, said):
    path = written(f'codec = {dark_codec(**changes)}')
    first, second = contradictions(Config.fromfile(path))[0].splitlines()
    assert first.startswith(said) and second == MEND
    # and the line that mends it does
    cfg = Config.fromfile(written(f'codec = {dark_codec(**changes)}\n{MEND}'))
    assert cfg.model.head.decoder == cfg.codec
    assert contradictions(cfg) == []
    # but for training
    assert contradictions(cfg, training=True)


@pytest.mark.parametrize('change, said', [
    (dict(sigma=3), 'codec has sigma=3, but model.head.decoder has sigma=1'),
    (dict(use_udp=True), 'use_udp=True, but model.head.decoder has use_udp=F'),
    (dict(heatmap_size=(48, 64)), r'heatmap_size=\(48, 64\), but'),
    (dict(decoding='shift'), None), (dict(use_udp=False), None),
    (dict(input_size=[96, 128]), None),
])
def test_a_codec_of_another_meaning(change, said):
    cfg = darkify(THIN)
    cfg.codec = dict(cfg.codec, **change)
    found = contradictions(cfg)
    assert len(found) == (said is not None)
    if said:
        with pytest.raises(ValueError, match=said):
            raise ValueError(found[0])


def test_targets_of_another_codec(written):
    """A head alone made DARK reads a stock network, and trains none."""
    path = written(f'model = dict(head=dict(decoder={dark_codec(sigma=1.5)}))')
    cfg = Config.fromfile(path)
    assert contradictions(cfg) == []
    (found, ) = contradictions(cfg, training=True)
    first, second = found.splitlines()
    assert ('the encoder of train_dataloader is a MSRAHeatmap, but '
            'model.head.decoder is a DarkHeatmap') in first
    assert second == f"mmpose-dark darkify {path} OUT.py --codec 'sigma=1.5'"
    out = path.parent / 'OUT.py'
    assert run_command('darkify', path, out, '--codec', 'sigma=1.5') == 0
    mended = Config.fromfile(out)
    assert contradictions(mended, training=True) == []
    assert encoder_of(mended).sigma == 1.5


@pytest.mark.parametrize('change', [
    dict(sigma=2), dict(heatmap_size=(48, 64)), dict(use_udp=True)])
def test_targets_of_another_meaning(change):
    cfg = darkify(THIN)
    encoder_of(cfg).update(change)
    (found, ) = contradictions(cfg, training=True)
    key, = change
    assert f'the encoder of train_dataloader has {key}=' in found
    assert contradictions(cfg) == []


def test_of_encoders_for_several_stages_one_is_read():
    cfg = darkify(MEGVII)
    encoders = encoder_of(cfg)
    assert len(encoders) == 4
    encoders[-1].kernel_size = (3, 3)
    assert 'kernel_size=3, but' in contradictions(cfg, training=True)[0]


def test_a_sigma_for_both_axes_is_the_same_as_two():
    cfg = darkify(RTMPOSE)
    sigma = cfg.model.head.decoder.sigma
    assert sigma[0] != sigma[1]  # here they differ
    cfg.model.head.decoder.sigma = cfg.codec.sigma = (6, 6)
    encoder_of(cfg).sigma = 6.
    # The second stage of training has a pipeline of its own, in a hook.
    (found, ) = contradictions(cfg, training=True)
    assert found.startswith('the encoder of custom_hooks has sigma=(')
    encoder_of(cfg).sigma = (6, 5)
    assert 'of train_dataloader has sigma=(6, 5), but' in contradictions(
        cfg, training=True)[0]


def test_what_is_unsaid_is_the_default():
    cfg = darkify(RTMPOSE)
    for codec in (cfg.codec, cfg.model.head.decoder):
        codec.update(sigma=6., simcc_split_ratio=2.)
    assert not any(text.startswith('codec') for text in contradictions(cfg))
    del cfg.codec['sigma'], cfg.model.head.decoder['simcc_split_ratio']
    assert not any(text.startswith('codec') for text in contradictions(cfg))


def test_crops_of_another_size_than_the_codec_knows():
    cfg = darkify(THIN)
    for codec in (cfg.codec, cfg.model.head.decoder):
        codec.update(input_size=(192, 256), heatmap_size=(48, 64))
    found = contradictions(cfg)
    assert found == [
        'TopdownAffine of test_dataloader has input_size=(96, 128), but '
        'model.head.decoder has input_size=(192, 256).\n'
        'Give both the same, (width, height)']
    assert any('of train_dataloader' in text
               for text in contradictions(cfg, training=True))


def test_anything_is_looked_at_without_an_error():
    for content in (dict(), dict(model=None), dict(codec='DarkHeatmap'),
                    dict(codec=[dict(type='DarkHeatmap')], model=dict(
                        head=dict(decoder=None))),
                    dict(codec=dict(), model=dict(head=[1]))):
        assert contradictions(Config(content), training=True) == []


# ---- who says so


@pytest.mark.parametrize('command', [
    'train {config}', 'test {config} none.pth', 'compare {config} none.pth',
    'calibrate {config} none.pth', 'export {config} none.pth out.onnx',
    'demo image.png --config {config} --checkpoint none.pth'])
def test_commands_refuse(command, written, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'image.png').touch()
    path = written(f'codec = {dark_codec()}')
    assert run_command(*command.format(config=path).split()) == 2
    assert capsys.readouterr().err.endswith(
        'error: codec is a DarkHeatmap, but model.head.decoder is a '
        f'MSRAHeatmap, and that one is used. Add to the config:\n{MEND}\n')


def test_a_network_with_other_targets_is_read_and_not_trained(
        written, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    path = written(f'model = dict(head=dict(decoder={dark_codec()}))')
    assert run_command('test', path, 'none.pth') == 2
    assert 'none.pth' in capsys.readouterr().err.splitlines()[-1]
    assert run_command('train', path) == 2
    assert 'the encoder of train_dataloader' in capsys.readouterr().err


def test_a_run_of_mmpose_says_so_in_its_log(written, tmp_path, monkeypatch):
    """Whoever started it."""
    from mmengine.logging import MMLogger
    from mmpose_dark.evaluation import build_test_runner
    cfg = Config.fromfile(written(f'codec = {dark_codec()}'))
    runner = build_test_runner(cfg, None, tmp_path)
    said = []
    monkeypatch.setattr(MMLogger, 'log', lambda self, level, text, *args:
                        said.append((level, text)))
    monkeypatch.setattr(type(runner), 'build_test_loop', lambda *args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        runner.test()
    assert [text for level, text in said if level == 30] == contradictions(cfg)


# ---- codecs that make no sense in themselves


@pytest.mark.parametrize('sizes, said', [
    (dict(input_size=(256, 192)), r'input_size=\(256, 192\) is wide'),
    (dict(heatmap_size=(64, 48)), r'heatmap_size=\(64, 48\) is not'),
    (dict(sigma=24.1), 'at most half a side'),
    (dict(sigma=24), None), (dict(input_size=(256, 256)), None),
    (dict(input_size=(256, 192), heatmap_size=(64, 48)), None),
])
def test_sizes_that_look_swapped(sizes, said):
    args = dict(dict(input_size=(192, 256), heatmap_size=(48, 64), sigma=2),
                **sizes)
    if said is None:
        DarkHeatmap(**args)
        return
    with pytest.raises(ValueError, match=said):
        DarkHeatmap(**args)
    if 'sigma' not in sizes:
        with pytest.raises(ValueError, match=said):
            DarkMegviiHeatmap(args['input_size'], args['heatmap_size'], 11)
