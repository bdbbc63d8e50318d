"""Checkpoints and alignment of the official code."""
from pathlib import Path

import cv2
import numpy as np
import official_networks as published
import oracle
import pytest
import torch
from mmpose_dark import (
    DarkHeatmap,
    DarkPoseHeatmap,
    check_alignment,
    heads,  # noqa: F401  before mmpose.models
    official,
)
from conftest import needs_export, needs_torch_2_6, run_command

from mmengine.config import Config  # isort: skip
from mmengine.registry import init_default_scope  # isort: skip
from mmengine.runner import load_checkpoint  # isort: skip
from mmengine.structures import InstanceData  # isort: skip
from mmpose.datasets.transforms import TopdownAffine  # isort: skip
from mmpose.registry import MODELS  # isort: skip
from mmpose.structures import PoseDataSample  # isort: skip
from mmpose.utils import register_all_modules  # isort: skip

register_all_modules()

ROOT = Path(__file__).resolve().parents[1]
COCO = ROOT / 'configs/body_2d_keypoint/topdown_heatmap/coco'
RES18 = ((2, 2, 2, 2), False)
RES50 = ((3, 4, 6, 3), True)
FLIP = [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmpose')


@pytest.fixture
def convert(capsys):
    """Run the command; its output, or the last line of its error."""
    def run(*args):
        status = run_command('convert', *args)
        said = capsys.readouterr()
        assert status in (0, 2)
        return said.err.strip().splitlines()[-1] if status else said.out
    return run


def trained(network, **more):
    """As the official train.py saves it while it trains."""
    state = network.state_dict()
    return dict(
        epoch=140, model='pose', perf=np.float64(0.7),
        state_dict={f'module.{name}': value for name, value in state.items()},
        best_state_dict=state,
        optimizer=dict(state={}, param_groups=[dict(lr=1e-5)]), **more)


def thin(depth=18, **backbone):
    """The config of a ResNet-18, which we have none of."""
    cfg = Config.fromfile(COCO / 'td-hm_res50_dark-8xb64-140e_coco-128x96.py')
    cfg.model.backbone.update(depth=depth, **backbone)
    cfg.model.head.in_channels = 512
    return cfg


def same_heatmaps(network, model, size=(128, 96), seed=1):
    """Both forwards of random normalised crops."""
    crops = torch.randn(
        (2, 3, *size), generator=torch.Generator().manual_seed(seed))
    model.eval()
    with torch.no_grad():
        want, got = network(crops), model.head(model.extract_feat(crops))
    scale = want.abs().max().item()
    assert want.std() > 0.01
    assert got.shape == want.shape
    return (got - want).abs().max().item() / max(1., scale)


# ---- weights


@pytest.mark.parametrize('network, name', [
    (published.PoseResNet(*RES18), 'res18'),
    (published.PoseResNet(*RES18, num_keypoints=16), 'res18'),
    (published.PoseResNet(*RES50), 'res50'),
])
def test_resnet(network, name):
    published.randomised(network)
    weights = official.weights_of(trained(network))
    found = official.recognise(weights)
    num_keypoints = network.final_layer.out_channels
    assert found == (name, num_keypoints)
    cfg = thin() if name == 'res18' else Config.fromfile(
        COCO / 'td-hm_res50_dark-8xb64-140e_coco-128x96.py')
    cfg.model.head.out_channels = num_keypoints
    model = MODELS.build(cfg.model)
    state_dict, filled = official.to_mmpose(weights)
    assert filled == 0
    model.load_state_dict(state_dict, strict=True)
    assert same_heatmaps(network, model) < 1e-5


def test_resnet_with_other_head():
    """Kernels of 3, 4 and 2 taps, a final layer of 3."""
    network = published.randomised(published.PoseResNet(
        *RES18, kernels=(3, 4, 2), final_size=3))
    cfg = thin()
    cfg.model.head.update(
        deconv_kernel_sizes=(3, 4, 2),
        final_layer=dict(kernel_size=3, padding=1))
    model = MODELS.build(cfg.model)
    model.load_state_dict(
        official.to_mmpose(network.state_dict())[0], strict=True)
    assert same_heatmaps(network, model) < 1e-5


def test_caffe_style():
    network = published.randomised(published.PoseResNet(*RES50, caffe=True))
    found = official.recognise(network.state_dict())
    stock = 'mmpose::body_2d_keypoint/topdown_heatmap/coco/'\
        'td-hm_res50_8xb64-210e_coco-256x192.py'
    for caffe in (True, False):
        cfg = official.official_config(
            stock, found, 'simplebaseline', caffe=caffe)
        model = MODELS.build(cfg.model)
        model.load_state_dict(
            official.to_mmpose(network.state_dict())[0], strict=True)
        error = same_heatmaps(network, model)
        assert (error < 1e-5) if caffe else (error > 1e-3)


def thin_hrnet(cfg, width=8):
    for i, name in enumerate(('stage2', 'stage3', 'stage4')):
        cfg.model.backbone.extra[name].num_channels = [
            width * 2**j for j in range(i + 2)]
    cfg.model.head.in_channels = width
    return cfg


@pytest.mark.parametrize('width', [8, 32, 48])
def test_hrnet(width):
    network = published.randomised(published.PoseHRNet(width))
    weights = official.weights_of(network.state_dict())
    assert official.recognise(weights) == (f'hrnet-w{width}', 17)
    name = 'hrnet-w48_dark-8xb32' if width == 48 else 'hrnet-w32_dark-8xb64'
    cfg = Config.fromfile(COCO / f'td-hm_{name}-210e_coco-128x96.py')
    if width == 8:
        cfg = thin_hrnet(cfg)
    model = MODELS.build(cfg.model)
    model.load_state_dict(official.to_mmpose(weights)[0], strict=True)
    assert same_heatmaps(network, model) < 1e-5


def test_counts_are_filled_in_where_there_are_none():
    network = published.PoseResNet(*RES18)
    old = {name: value for name, value in network.state_dict().items()
           if not name.endswith('num_batches_tracked')}
    state_dict, filled = official.to_mmpose(old)
    assert filled == len(network.state_dict()) - len(old) == 23
    MODELS.build(thin().model).load_state_dict(state_dict, strict=True)
    # A file that has some has lost the others: not ours to make up.
    some = {'bn1.num_batches_tracked': torch.tensor(0), **old}
    state_dict, filled = official.to_mmpose(some)
    assert filled == 0
    with pytest.raises(ValueError, match='22 missing: backbone'):
        official.check_fit(state_dict, MODELS.build(thin().model).state_dict())


def test_everything_that_does_not_fit_is_listed():
    weights = official.weights_of(published.PoseResNet(
        *RES18, num_keypoints=16, deconv_bias=True).state_dict())
    del weights['layer1.0.conv1.weight']
    state_dict, _ = official.to_mmpose(weights)
    with pytest.raises(ValueError) as error:
        official.check_fit(state_dict, MODELS.build(thin().model).state_dict())
    assert str(error.value) == (
        '3 unknown: head.deconv_layers.0.bias, head.deconv_layers.3.bias, '
        'head.deconv_layers.6.bias; '
        '1 missing: backbone.layer1.0.conv1.weight; '
        '2 of another shape: head.final_layer.weight (16, 256, 1, 1) for '
        '(17, 256, 1, 1), head.final_layer.bias (16,) for (17,)')


@pytest.mark.parametrize('stacks', [1, 4])
def test_hourglass_is_refused(stacks):
    weights = published.Hourglass(stacks).state_dict()
    with pytest.raises(ValueError, match=f'Hourglass of {stacks} stacks .* '
                       'cannot be converted'):
        official.recognise(weights)


@pytest.mark.parametrize('checkpoint, message', [
    (3, 'got a int'),
    ({}, 'got a dict of nothing'),
    (dict(state_dict=[1]), 'got a dict of state_dict'),
    (dict(epoch=3, conv1=torch.zeros(1)), 'other things under epoch'),
])
def test_no_weights(checkpoint, message):
    with pytest.raises(ValueError, match=message):
        official.weights_of(checkpoint)


@pytest.mark.parametrize('names, message', [
    (['conv1.weight', 'fc.weight'], 'no final_layer.weight among conv1'),
    (['conv1.weight', 'final_layer.weight'], r'no deconv_layers\) nor'),
    (['deconv_layers.0.weight', 'final_layer.weight'],
     r'ResNet of \(0, 0, 0, 0\) basic blocks, which is none of res18'),
])
def test_other_networks(names, message):
    with pytest.raises(ValueError, match=message):
        official.recognise({name: torch.zeros(17) for name in names})


# ---- where pixels are: DarkPose's crop, targets and get_final_preds, ported


def darkpose_matrix(center, scale, size):
    """``get_affine_transform`` without rotation; scale in units of 200 px."""
    half = (np.array(size) - 1) / 2
    up = np.array([0, -(200 * scale - 1) / 2])
    image = [center, center + up, center + up + [up[1], 0]]
    up = np.array([0, -half[0]])  # of the width, though it points up
    target = [half, half + up, half + up + [up[1], 0]]
    return cv2.getAffineTransform(np.float32(image), np.float32(target))


def transform(matrix, points):
    return points @ matrix[:, :2].T + matrix[:, 2]


def darkpose_predictions(heatmaps, matrix, kernel_size):
    """``get_final_preds``: to the image by the matrix of the heatmap."""
    points = np.array([oracle.official_dark(heatmap, kernel_size)[0]
                       for heatmap in heatmaps])
    inverse = cv2.invertAffineTransform(matrix)
    return transform(inverse, points)


def same_box(center, scale, width):
    """The box whose stock crop is the official crop.

    The stock crop takes the centre to w / 2 and the box to w px, the official
    one to (w - 1) / 2 and w - 1 px.
    """
    factor = (200 * scale - 1) / (width - 1)
    return center + factor / 2, factor * width


SIZES = [((96, 128), (24, 32), 1, 3), ((192, 256), (48, 64), 2, 11),
         ((288, 384), (72, 96), 3, 17), ((256, 256), (64, 64), 2, 11)]


def persons(rng, size, num=4):
    """Centres, scales (of the width, / 200) and joints in the image."""
    width, height = size
    for _ in range(num):
        center = rng.uniform(200, 400, 2)
        scale = rng.uniform(0.3, 1.5)
        inside = rng.uniform(-0.4, 0.4, (17, 2)) * [1, height / width]
        yield center, scale, center + inside * 200 * scale


@pytest.mark.parametrize('size, map_size, sigma, kernel_size', SIZES)
def test_alignment_is_that_of_darkpose(rng, size, map_size, sigma,
                                       kernel_size):
    """Crop, targets and predictions, in the image, through MMPose's parts."""
    image = rng.integers(0, 255, (40, 40, 3), np.uint8)
    image = cv2.resize(image, (600, 600))
    codec = DarkPoseHeatmap(size, map_size, sigma, peak='raw',
                            blur_kernel_size=kernel_size)
    udp = DarkHeatmap(size, map_size, sigma, peak='raw', use_udp=True,
                      blur_kernel_size=kernel_size)
    estimator, biggest = MODELS.build(thin().model), 0.
    for center, scale, joints in persons(rng, size):
        to_input = darkpose_matrix(center, scale, size)
        to_map = darkpose_matrix(center, scale, map_size)
        heatmaps = np.stack([
            oracle.gaussian(point, map_size, sigma)
            for point in transform(to_map, joints)])
        want = darkpose_predictions(heatmaps, to_map, kernel_size)

        mm_center, width = same_box(center, scale, size[0])
        results = TopdownAffine(size).transform(dict(
            img=image, keypoints=joints[None],
            bbox_center=mm_center[None],
            bbox_scale=np.array([[width, width * size[1] / size[0]]])))
        crop = cv2.warpAffine(image, to_input, size)
        difference = np.abs(crop.astype(int) - results['img'])
        assert difference.mean() < 0.1 and difference.max() <= 6

        encoded = codec.encode(results['transformed_keypoints'])
        np.testing.assert_allclose(encoded['heatmaps'], heatmaps, atol=2e-3)

        got = image_keypoints(estimator, codec, heatmaps, results)
        np.testing.assert_allclose(got, want, atol=2e-3 * scale * 200 / 96)

        # Corners to corners is the same in x only, and in squares.
        inputs = udp.decode(heatmaps.astype(np.float32))[0][0]
        inputs = inputs * (np.array(size) - 1) / size  # see _decode_factor
        gap = inputs - codec.decode(heatmaps.astype(np.float32))[0][0]
        assert np.abs(gap[:, 0]).max() < 1e-3
        slope = (size[1] - 1) / (map_size[1] - 1) * (map_size[0] - 1) / (
            size[0] - 1) - 1
        y = inputs[:, 1] - (size[1] - 1) / 2
        np.testing.assert_allclose(gap[:, 1], y * slope / (1 + slope),
                                   atol=1e-3)
        biggest = max(biggest, np.abs(gap[:, 1]).max())
    square = size[0] == size[1]
    assert biggest < 1e-3 if square else 0.3 < biggest < 0.6


def image_keypoints(estimator, codec, heatmaps, results):
    """The codec's reading, brought to the image by MMPose's estimator."""
    keypoints, scores = codec.decode(heatmaps.astype(np.float32))
    sample = PoseDataSample(metainfo={
        key: results[key] for key in ('input_size', 'input_center',
                                      'input_scale')})
    sample.gt_instances = InstanceData(
        bboxes=np.zeros((1, 4)), bbox_scores=np.ones(1))
    sample, = estimator.add_pred_to_datasample(
        [InstanceData(keypoints=keypoints, keypoint_scores=scores)], None,
        [sample])
    return sample.pred_instances.keypoints[0]


@pytest.mark.parametrize('size, map_size, sigma, kernel_size', SIZES)
def test_box_of_mmpose_crops_almost_the_same(rng, size, map_size, sigma,
                                             kernel_size):
    """What GetBBoxCenterScale leaves different: the crop, not the reading.

    Less than 1.2 px, of the image or of the input, whichever is larger.
    """
    for center, scale, joints in persons(rng, size, num=50):
        official_crop = darkpose_matrix(center, scale, size)
        zoom = size[0] / (200 * scale)
        crop = (joints - (center + 0.5)) * zoom + np.array(size) / 2
        gap = crop - transform(official_crop, joints)
        assert np.abs(gap).max() < 1.2 * max(1, zoom)


def test_darkpose_flip_needs_no_shift(rng):
    codec = DarkPoseHeatmap((96, 128), (24, 32), sigma=1)
    joints = rng.uniform(20, 76, (1, 9, 2))
    mirrored = joints * [-1, 1] + [95, 0]
    np.testing.assert_allclose(
        codec.encode(joints)['heatmaps'],
        codec.encode(mirrored)['heatmaps'][..., ::-1], atol=1e-5)
    assert codec.flip_shift == (0, 0)


def test_darkpose_codec_refuses():
    with pytest.raises(ValueError, match='takes no use_udp=True'):
        DarkPoseHeatmap((96, 128), (24, 32), sigma=1, use_udp=True)
    with pytest.raises(ValueError, match=r'divides by \(width - 1\)'):
        DarkPoseHeatmap((4, 128), (1, 32), sigma=.5)


@needs_export
def test_darkpose_decodes_alike_everywhere(rng):
    from mmpose_dark import DarkDecoder
    codec = DarkPoseHeatmap((96, 128), (24, 32), sigma=1)
    heatmaps = codec.encode(rng.uniform(0, 95, (1, 17, 2)))['heatmaps'][None]
    one, _ = codec.decode(heatmaps[0])
    batch, _ = codec.batch_decode(torch.from_numpy(heatmaps))
    decoder, maps = DarkDecoder.from_codec(codec), torch.from_numpy(heatmaps)
    module, _ = decoder(maps)
    exported, _ = torch.export.export(decoder, (maps, )).module()(maps)
    np.testing.assert_allclose(batch[0], one, atol=1e-4)
    np.testing.assert_allclose(module, one, atol=1e-2)
    np.testing.assert_allclose(exported, module, atol=1e-4)
    described = codec.config()
    assert described.pop('type') == 'DarkPoseHeatmap'
    again, _ = DarkPoseHeatmap(**described).decode(heatmaps[0])
    np.testing.assert_array_equal(again, one)


# ---- configs


@pytest.mark.parametrize('name, dark, network', [
    ('td-hm_hrnet-w32_darkpose-8xb64-210e_coco-128x96',
     'td-hm_hrnet-w32_dark-8xb64-210e_coco-128x96', 'hrnet-w32'),
    ('td-hm_res50_darkpose-8xb64-140e_coco-128x96',
     'td-hm_res50_dark-8xb64-140e_coco-128x96', 'res50')])
def test_configs_are_what_the_tool_makes(name, dark, network):
    network = official.Network(network, 17)
    written = Config.fromfile(COCO / f'{name}.py')
    made = official.official_config(COCO / f'{dark}.py', network, 'darkpose')
    assert check_alignment(written)
    for key in ('model', 'train_dataloader', 'val_dataloader',
                'test_dataloader'):
        assert plain(written[key]) == plain(made[key])


@pytest.mark.parametrize('change', [
    lambda cfg: cfg.model.test_cfg.update(shift_heatmap=True),
    lambda cfg: cfg.val_dataloader.dataset.pipeline[-2].update(use_udp=True)])
def test_wrong_alignment_is_told(change):
    cfg = Config.fromfile(
        COCO / 'td-hm_res50_darkpose-8xb64-140e_coco-128x96.py')
    change(cfg)
    with pytest.warns(UserWarning, match='DarkPoseHeatmap goes with'):
        assert not check_alignment(cfg)


def plain(node):
    if isinstance(node, dict):
        return {k: plain(v) for k, v in node.items() if k != '_scope_'}
    if isinstance(node, (list, tuple)):
        return [plain(v) for v in node]
    return node


def test_alignment_of_the_other_codes_is_mmposes():
    network = official.Network('hrnet-w32', 17)
    stock = 'mmpose::body_2d_keypoint/topdown_heatmap/coco/'\
        'td-hm_hrnet-w32_udp-8xb64-210e_coco-256x192.py'
    cfg = official.official_config(stock, network, 'hrnet')
    codec = cfg.model.head.decoder
    assert codec.type == 'mmpose_dark.DarkHeatmap'
    assert not codec.get('use_udp') and cfg.model.test_cfg.shift_heatmap
    assert check_alignment(cfg)
    assert cfg.model.data_preprocessor.bgr_to_rgb
    with pytest.raises(ValueError, match='caffe=True is for ResNets'):
        official.official_config(stock, network, 'hrnet', caffe=True)
    with pytest.raises(ValueError, match='has ResNets only, this is a hrnet'):
        official.official_config(stock, network, 'simplebaseline')
    for code, name in (('darkpose', 'res50'), ('hrnet', 'res50'),
                       ('simplebaseline', 'res18')):
        with pytest.raises(ValueError, match=f'this is a {name} of .{code}'):
            official.official_config(
                stock, official.Network(name, 17), code, caffe=True)
    with pytest.raises(ValueError, match="code .*'mmpose'"):
        official.official_config(stock, network, 'mmpose')


# ---- the command


@needs_torch_2_6
def test_from_file_to_prediction(convert, tmp_path, rng):
    """All of it: the official test loop beside MMPose's, from the crop on."""
    network = published.randomised(published.PoseResNet(*RES50))
    src, out = tmp_path / 'checkpoint.pth', tmp_path / 'new' / 'res50.pth'
    torch.save(trained(network), src)
    said = convert(src, out, '--code', 'darkpose', '--size', '128x96')
    assert 'res50, 17 keypoints, 338 tensors' in said
    assert 'channels BGR, codec DarkPoseHeatmap' in said
    assert set(torch.load(out, weights_only=True)) == {'meta', 'state_dict'}

    cfg = Config.fromfile(out.with_suffix('.py'))
    cfg.model.test_cfg.output_heatmaps = True
    model = MODELS.build(cfg.model).eval()
    load_checkpoint(model, str(out), strict=True)

    crop = rng.integers(0, 255, (16, 12, 3), np.uint8)  # BGR, as cv2 reads
    crop = cv2.resize(crop, (96, 128))
    sample = PoseDataSample(metainfo=dict(
        input_size=(96, 128), input_center=np.array([48., 64.]),
        input_scale=np.array([96., 128.]), flip_indices=FLIP))
    sample.gt_instances = InstanceData(
        bboxes=np.zeros((1, 4)), bbox_scores=np.ones(1))
    got, = model.test_step(dict(
        inputs=[torch.from_numpy(crop).permute(2, 0, 1)],
        data_samples=[sample]))

    normal = crop / 255.
    normal = (normal - [.485, .456, .406]) / [.229, .224, .225]
    normal = torch.from_numpy(normal).float().permute(2, 0, 1)[None]
    with torch.no_grad():
        want = network(normal)
        flipped = network(normal.flip(3)).flip(3)[:, FLIP]
    want = ((want + flipped) * 0.5)[0]
    np.testing.assert_allclose(
        got.pred_fields.heatmaps, want, atol=1e-5 * max(1, want.abs().max()))
    assert np.isfinite(got.pred_instances.keypoints).all()


def test_old_files(convert, tmp_path):
    """torch 0.4 of SimpleBaseline: no zip, no counts, .pth.tar."""
    network = published.PoseResNet(*RES18)
    weights = {name: value for name, value in network.state_dict().items()
               if not name.endswith('num_batches_tracked')}
    src, out = tmp_path / 'pose.pth.tar', tmp_path / 'out.pth'
    torch.save(weights, src, _use_new_zipfile_serialization=False)
    thin().dump(tmp_path / 'res18.py')
    said = convert(src, out, '--code', 'simplebaseline', '--config',
                   tmp_path / 'res18.py')
    assert 'filled in: 23 num_batches_tracked' in said
    assert 'codec DarkHeatmap' in said
    state_dict = torch.load(out, weights_only=True)['state_dict']
    for name, value in weights.items():
        part = 'head' if name.startswith(('deconv', 'final')) else 'backbone'
        assert torch.equal(state_dict[f'{part}.{name}'], value)


def test_the_command_refuses_in_one_line(convert, tmp_path):
    files = dict(
        res50=published.PoseResNet(*RES50).state_dict(),
        res18=published.PoseResNet(*RES18).state_dict(),
        hands=published.PoseResNet(*RES50, num_keypoints=21).state_dict(),
        hourglass=published.Hourglass(1).state_dict())
    for name, weights in files.items():
        torch.save(weights, tmp_path / f'{name}.pth')
    (tmp_path / 'text.pth').write_text('hello')
    torch.save(dict(state_dict=Path('x')), tmp_path / 'pickle.pth')
    out = tmp_path / 'out.pth'
    darkpose = ('--code', 'darkpose')
    w32 = COCO / 'td-hm_hrnet-w32_dark-8xb64-210e_coco-128x96.py'
    for name, options, message in [
            ('res50', darkpose, 'say the input size: --size 128x96, 256x192, '
             '384x288, or --config'),
            ('res50', (*darkpose, '--size', '96x128'), 'not 96x128'),
            ('res50', (), 'arguments are required: --code'),
            ('res50', (*darkpose, '--config', w32), 'does not fit'),
            ('res50', (*darkpose, '--config', tmp_path / 'none.py'),
             'none.py'),
            ('res18', darkpose, 'no config of ours has a res18 for coco'),
            ('hands', darkpose, 'no config of ours has 21 keypoints'),
            ('hourglass', darkpose, 'cannot be converted'),
            ('text', darkpose, 'is no checkpoint that torch can load'),
            ('pickle', darkpose, 'is no checkpoint that torch can load'),
            ('res50', (*darkpose, '--size', '128x96', '--caffe'),
             'caffe=True is for ResNets'),
            ('nowhere', darkpose, 'nowhere.pth')]:
        said = convert(tmp_path / f'{name}.pth', out, *options)
        assert message in said, said
    said = convert(tmp_path / 'res50.pth', tmp_path / 'res50.pth', *darkpose)
    assert 'is IN' in said
    assert not out.exists() and not out.with_suffix('.py').exists()
    assert len(list(tmp_path.iterdir())) == len(files) + 2
