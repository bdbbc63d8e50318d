"""darkify and apply_dark."""
import copy

import mmpose.models
import numpy as np
import pytest
import torch
from mmpose_dark import (
    DarkHeatmap,
    DarkMegviiHeatmap,
    apply_dark,
    darkify,
)
from conftest import needs_mmengine_0_9, run_command
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.codecs import MegviiHeatmap, UDPHeatmap
from mmpose.registry import MODELS, TRANSFORMS
from mmpose.structures import PoseDataSample
from mmpose.utils import register_all_modules
from mmpose_dark.alignment import CROPS, align_corners, crop_udp

register_all_modules()

COCO = 'mmpose::body_2d_keypoint/topdown_heatmap/coco/'
SIZES = dict(input_size=(192, 256), heatmap_size=(48, 64))
MSRA = dict(type='MSRAHeatmap', sigma=2, **SIZES)
DARK = dict(type='mmpose_dark.DarkHeatmap', sigma=2, **SIZES)


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmpose')


def config(codec=MSRA, head='HeatmapHead', encoder=None, **test_cfg):
    """A small top-down config."""
    codec = copy.deepcopy(codec)
    crop = dict(type='TopdownAffine', input_size=(192, 256))
    target = dict(type='GenerateTarget', encoder=encoder or codec)
    return Config(dict(
        codec=codec,
        model=dict(
            type='TopdownPoseEstimator',
            backbone=dict(type='ResNet', depth=18, base_channels=8,
                          stem_channels=8),
            head=dict(type=head, in_channels=64, out_channels=3,
                      deconv_out_channels=(8, 8, 8), decoder=codec),
            test_cfg=dict(flip_test=True, shift_heatmap=True, **test_cfg)),
        train_dataloader=dict(dataset=dict(pipeline=[crop, target])),
        test_dataloader=dict(dataset=dict(pipeline=[crop]))))


def sample(num=3):
    return PoseDataSample(metainfo=dict(
        flip_indices=list(range(num))[::-1], input_size=(192, 256)))


def test_swaps_every_codec():
    cfg = darkify(config())
    assert cfg.codec == cfg.model.head.decoder == DARK
    crop, target = cfg.train_dataloader.dataset.pipeline
    assert target == dict(type='GenerateTarget', encoder=DARK)
    # and nothing else
    assert crop == dict(type='TopdownAffine', input_size=(192, 256))
    stock = config()
    assert cfg.model.backbone == stock.model.backbone
    assert cfg.model.test_cfg == stock.model.test_cfg
    assert cfg.model.head.type == 'HeatmapHead'


def test_swaps_nested_heads_lists_and_wrapped_datasets():
    cfg = config(encoder=[MSRA, {**MSRA, 'sigma': 3}])
    inner = cfg.model.head
    cfg.model.head = dict(type='VisPredictHead', pose_cfg=inner)
    cfg.train_dataloader.dataset = dict(
        type='CombinedDataset', datasets=[cfg.train_dataloader.dataset])
    cfg = darkify(cfg, head=True)
    head = cfg.model.head
    assert head.type == 'VisPredictHead'
    assert head.pose_cfg.type == 'mmpose_dark.DarkHeatmapHead'
    assert head.pose_cfg.decoder == DARK
    (data, ) = cfg.train_dataloader.dataset.datasets
    assert data.pipeline[1].encoder == [DARK, {**DARK, 'sigma': 3}]


def test_input_is_not_modified_and_twice_is_once():
    stock = config()
    before = stock.to_dict()
    once = darkify(stock, head=True, peak='raw')
    assert stock.to_dict() == before
    assert darkify(once, head=True).to_dict() == once.to_dict()
    assert once.model.head.decoder.peak == 'raw'
    assert darkify(once, peak='modulated').codec.peak == 'modulated'


def test_our_defaults_unless_overridden():
    codec = dict(unbiased=True, blur_kernel_size=17, **MSRA)
    assert darkify(config(codec)).codec == DARK
    cfg = darkify(config(codec), blur_kernel_size=17, unbiased=False)
    assert cfg.codec == dict(DARK, blur_kernel_size=17, unbiased=False)


def test_udp():
    cfg = darkify(config(dict(type='UDPHeatmap', **SIZES)))
    assert cfg.codec == dict(DARK, use_udp=True, sigma=2.)
    stock = UDPHeatmap(**SIZES)
    assert cfg.codec.sigma == stock.sigma
    combined = dict(type='UDPHeatmap', heatmap_type='combined', **SIZES)
    with pytest.raises(ValueError, match="'combined' draws discs and offs"):
        darkify(config(combined))


def test_alignment():
    cfg = darkify(config(), alignment='udp')
    assert cfg.codec == dict(DARK, use_udp=True)
    for loader in (cfg.train_dataloader, cfg.test_dataloader):
        assert loader.dataset.pipeline[0].use_udp is True
    assert cfg.model.test_cfg.shift_heatmap is False
    megvii = dict(type='MegviiHeatmap', kernel_size=5, **SIZES)
    with pytest.raises(ValueError, match='centres at i . 0.5'):
        darkify(config(megvii), alignment='udp')


@pytest.mark.parametrize('udp', [False, True])
@pytest.mark.parametrize('name', CROPS)
def test_crops_are_aligned_as_they_say(name, udp):
    """The real transforms, of an image whose pixels say where they are."""
    crop = dict(type=name, input_size=(96, 96))
    if name == 'BottomupRandomAffine':
        crop.update(shift_prob=0., scale_prob=0., rotate_prob=0.)
    if udp:
        align_corners(crop, name)
    assert crop_udp(crop, name) == udp
    x = np.arange(48, dtype=np.float32)
    found = TRANSFORMS.build(crop).transform(dict(
        img=np.broadcast_to(x[None, :, None], (48, 48, 3)).copy(),
        img_shape=(48, 48), ori_shape=(48, 48),
        bbox_center=np.full((1, 2), 23.5 if udp else 24, np.float32),
        bbox_scale=np.full((1, 2), 48, np.float32),
        bbox_rotation=np.zeros(1)))
    pixel = np.arange(4, 90)
    expected = pixel * 48 / 95 - .5 if udp else pixel / 2
    # OpenCV places pixels to 1/32.
    assert abs(found['img'][40, 4:90, 0] - expected).max() < .02


def test_device_targets():
    cfg = darkify(config(), head=True, device_targets=True)
    assert cfg.train_dataloader.dataset.pipeline[1] == dict(
        type='mmpose_dark.GenerateDarkTarget', encoder=DARK)


@pytest.mark.parametrize('name', ['HeatmapHead', 'CPMHead', 'ViPNASHead'])
def test_heads(name):
    head = darkify(config(head=name), head=True).model.head
    assert head.type == f'mmpose_dark.Dark{name}'
    assert name in [base.__name__ for base in MODELS.get(head.type).__mro__]


@pytest.mark.parametrize('options, words', [
    (dict(alignment='corner'), "alignment .* got 'corner'"),
    (dict(device_targets=True), 'needs head=True'),
    (dict(peak='top'), "peak .* got 'top'"),
])
def test_bad_options_say_what_is_wrong(options, words):
    with pytest.raises(ValueError, match=words):
        darkify(config(), **options)


def test_bad_input_says_what_is_wrong():
    with pytest.raises(TypeError, match="keyword argument 'kernel'"):
        darkify(config(), kernel=3)
    with pytest.raises(TypeError, match='got dict'):
        darkify(dict())
    with pytest.raises(ValueError, match='no DARK version of MSPNHead'):
        darkify(config(head='MSPNHead'), head=True)
    with pytest.raises(ValueError, match='no model .* has no codec'):
        darkify(Config(dict(train_cfg=dict())))


@pytest.mark.parametrize('name, found', [
    ('rtmo/coco/rtmo-s_8xb32-600e_coco-640x640.py',
     'RTMOHead cannot .*no peaks.*Use head=True'),
    ('yoloxpose/coco/yoloxpose_tiny_4xb64-300e_coco-416.py',
     'YOLOXPoseHead .* YOLOXPoseAnnotationProcessor .*Use'),
    ('topdown_regression/coco/'
     'td-reg_res50_8xb64-210e_coco-256x192.py',
     'RegressionHead .* RegressionLabel'),
    ('dekr/coco/'
     'dekr_hrnet-w32_8xb10-140e_coco-512x512.py',
     'BottomupPoseEstimator with .* SPR'),
    ('topdown_heatmap/coco/'
     'td-hm_hrnet-w32_udp-regress-8xb64-210e_coco-256x192.py',
     "heatmap_type='combined'"),
])
def test_refuses_other_configs(name, found):
    if name[:4] in ('rtmo', 'yolo') and not hasattr(
            mmpose.models.heads, 'RTMOHead'):
        pytest.skip('MMPose 1.2 has no RTMO')
    with pytest.raises(ValueError, match=found):
        darkify('mmpose::body_2d_keypoint/' + name)


@needs_mmengine_0_9
def test_pure_python_config(tmp_path):
    path = tmp_path / 'pure.py'
    path.write_text('''
from mmpose.codecs import MSRAHeatmap
from mmpose.datasets.transforms import GenerateTarget, TopdownAffine
from mmpose.models import HeatmapHead, TopdownPoseEstimator
codec = dict(type=MSRAHeatmap, input_size=(192, 256), heatmap_size=(48, 64),
             sigma=2)
model = dict(type=TopdownPoseEstimator, head=dict(
    type=HeatmapHead, in_channels=8, out_channels=3, decoder=codec))
train_pipeline = [dict(type=TopdownAffine, input_size=(192, 256)),
                  dict(type=GenerateTarget, encoder=codec)]
''')
    stock = Config.fromfile(path, lazy_import=True)
    for source in (stock, path):
        cfg = darkify(source, head=True, device_targets=True, alignment='udp')
        dark = dict(DARK, use_udp=True)
        assert cfg.codec == cfg.model.head.decoder == dark
        assert cfg.model.head.type == 'mmpose_dark.DarkHeatmapHead'
        assert cfg.train_pipeline[0].use_udp
        assert cfg.train_pipeline[1] == dict(
            type='mmpose_dark.GenerateDarkTarget', encoder=dark)
    assert stock.codec.type.__name__ == 'MSRAHeatmap'
    cfg.dump(tmp_path / 'dumped.py')
    dumped = Config.fromfile(tmp_path / 'dumped.py')
    assert dumped.model.head.decoder == dark
    assert darkify(dumped).codec == dark


@needs_mmengine_0_9
def test_command_writes_and_prints(tmp_path, capsys):
    out = tmp_path / 'dark.py'
    assert run_command(
        'darkify', f'{COCO}td-hm_hrnet-w32_8xb64-210e_coco-256x192.py', out,
        '--codec', 'peak=raw') == 0
    lines = capsys.readouterr().out.splitlines()
    assert "-    type='MSRAHeatmap')" in lines
    assert "+    type='mmpose_dark.DarkHeatmap')" in lines
    written = Config.fromfile(out)
    assert written.model.head.decoder == dict(DARK, peak='raw')
    # MMPose's own tools find the names by it.
    assert written.custom_imports['imports'] == ['mmpose_dark']


# ---- MegviiHeatmap


@pytest.mark.parametrize('kernel_size', [5, 7, 9, 11, 15])
def test_megvii_conventions(rng, kernel_size):
    """Maps of either codec are read without bias; the same scores."""
    args = dict(kernel_size=kernel_size, **SIZES)
    stock = MegviiHeatmap(**args)
    ours, biased = DarkMegviiHeatmap(**args), DarkMegviiHeatmap(
        unbiased=False, **args)
    keypoints = rng.uniform(30, 160, (1, 400, 2)).astype(np.float32)
    visible = np.ones((1, 400), np.float32)
    theirs = stock.encode(keypoints, visible)['heatmaps']
    maps = biased.encode(keypoints, visible)['heatmaps']
    np.testing.assert_array_equal(maps.reshape(400, -1).argmax(1),
                                  theirs.reshape(400, -1).argmax(1))
    assert maps.max() == theirs.max() == 255

    decoded, scores = ours.decode(theirs)
    assert np.abs((decoded - keypoints).mean((0, 1))).max() < 0.2  # input px
    np.testing.assert_allclose(scores, stock.decode(theirs)[1], atol=1e-5)
    decoded, _ = ours.decode(ours.encode(keypoints, visible)['heatmaps'])
    np.testing.assert_allclose(decoded, keypoints, atol=1e-2)


def test_megvii_takes_no_sigma():
    cfg = darkify(config(dict(type='MegviiHeatmap', kernel_size=7, **SIZES)))
    assert cfg.codec == dict(
        type='mmpose_dark.DarkMegviiHeatmap', kernel_size=7, **SIZES)
    assert DarkMegviiHeatmap(kernel_size=11, **SIZES).sigma == 2
    with pytest.raises(TypeError, match='kernel_size'):
        DarkMegviiHeatmap(kernel_size=11, sigma=2, **SIZES)


def test_megvii_flip_is_exact():
    """Mirror a joint and its map: the codec's shift brings it back."""
    from mmpose_dark import functional as F
    codec = DarkMegviiHeatmap(kernel_size=11, **SIZES)
    point = np.array([[[70.3, 101.7]]])
    mirrored = np.array([[[191 - 70.3, 101.7]]])
    flipped = F.flip_heatmaps(
        codec.encode(mirrored)['heatmaps'], shift=codec.flip_shift[0])
    np.testing.assert_allclose(codec.decode(flipped)[0], point, atol=0.05)


# ---- apply_dark


def build(codec=MSRA, head='HeatmapHead'):
    torch.manual_seed(0)
    model = MODELS.build(config(codec, head).model)
    model.eval()
    return model


@pytest.mark.parametrize('codec', [
    MSRA, dict(type='UDPHeatmap', **SIZES),
    dict(type='MegviiHeatmap', kernel_size=5, **SIZES)
], ids=lambda codec: codec['type'])
@torch.no_grad()
def test_apply_dark_leaves_the_heatmaps(codec):
    model = build(codec)
    feats = model.extract_feat(torch.randn(1, 3, 256, 192))
    test_cfg = dict(output_heatmaps=True)
    (stock, ), (before, ) = model.head.predict(feats, [sample()], test_cfg)
    assert apply_dark(model) is model
    assert isinstance(model.head.decoder, DarkHeatmap)
    (dark, ), (after, ) = model.head.predict(feats, [sample()], test_cfg)
    assert torch.equal(before.heatmaps, after.heatmaps)
    # of the map at the peak; that of the blurred map may be a pixel away
    np.testing.assert_allclose(
        stock.keypoint_scores, dark.keypoint_scores, atol=0.05)
    assert (stock.keypoints != dark.keypoints).any()
    expected = darkify(config(codec)).codec
    for name in expected.keys() - {'type'}:
        np.testing.assert_array_equal(
            getattr(model.head.decoder, name), expected[name])


@torch.no_grad()
def test_apply_dark_merges_the_flip_test():
    feats = [build().extract_feat(torch.randn(1, 3, 256, 192))
             for _ in range(2)]
    test_cfg = dict(flip_test=True, shift_heatmap=True, output_heatmaps=True)

    def heatmaps(model):
        _, (field, ) = model.head.predict(feats, [sample()], test_cfg)
        return field.heatmaps

    before = heatmaps(build())
    stock = apply_dark(build(), flip_shift='stock')
    assert torch.equal(heatmaps(stock), before)
    exact = apply_dark(build())
    built = MODELS.build(darkify(config(), head=True).model)
    built.load_state_dict(exact.state_dict(), strict=True)
    built.eval()
    torch.testing.assert_close(heatmaps(exact), heatmaps(built))
    assert not torch.equal(heatmaps(exact), before)


def test_apply_dark_is_quiet_where_a_detector_was_built_last(caplog, capsys):
    """MMDet leaves its scope behind, also in MMPose's own inferencer."""
    from mmengine.registry import DefaultScope
    pytest.importorskip('mmdet')
    model = build()
    capsys.readouterr()
    with DefaultScope.overwrite_default_scope('mmdet'):
        apply_dark(model)
    assert 'scope' not in caplog.text + ''.join(capsys.readouterr())
    assert isinstance(model.head.decoder, DarkHeatmap)


def test_apply_dark_says_what_is_wrong():
    model = build(dict(type='UDPHeatmap', heatmap_type='combined', **SIZES))
    with pytest.raises(ValueError, match='combined'):
        apply_dark(model)
    assert type(model.head.decoder) is UDPHeatmap
    with pytest.raises(ValueError, match='Linear has no head'):
        apply_dark(torch.nn.Linear(1, 1))
    with pytest.raises(TypeError, match='Inferencer is its inferencer.model'):
        apply_dark(object())
    with pytest.raises(ValueError, match='already'):
        apply_dark(apply_dark(build()), peak='raw')
    with pytest.raises(ValueError, match="unexpected keyword.*'color'"):
        apply_dark(build(), color='red')
    apply_dark(apply_dark(build()))
    with pytest.raises(ValueError, match="flip_shift .* got 'none'"):
        apply_dark(build(), flip_shift='none')


def test_a_dumped_config_imports_us(tmp_path):
    """Before what it imports itself: MMPose's own tools know the names."""
    cfg = Config.fromfile(_written(tmp_path, 'a.py'))
    darkify(cfg).dump(tmp_path / 'dark.py')
    assert Config.fromfile(tmp_path / 'dark.py').custom_imports == dict(
        imports=['mmpose_dark', 'json'], allow_failed_imports=False)
    assert cfg.custom_imports['imports'] == ['json']
    again = darkify(tmp_path / 'dark.py')
    assert again.custom_imports['imports'] == ['mmpose_dark', 'json']


def _written(folder, name):
    (folder / name).write_text(
        "custom_imports = dict(imports=['json'], allow_failed_imports=False)\n"
        f'codec = {MSRA}\nmodel = dict(head=dict(decoder=codec))\n')
    return folder / name
