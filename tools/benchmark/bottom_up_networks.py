"""What bottom_up.py trains and how it is read: MMPose's configs made thin."""
import copy
from functools import partial

#: of an input, where a picture of 256 px fits in; and px of it for one of maps
SIZE, STRIDE = (128, 128), 4
STOCK_CID = ('mmpose::body_2d_keypoint/cid/coco/'
             'cid_hrnet-w32_8xb20-140e_coco-512x512.py')
STOCK_AE = ('mmpose::body_2d_keypoint/associative_embedding/coco/'
            'ae_hrnet-w32_8xb24-300e_coco-512x512.py')


def thin_hrnet(width):
    """HRNet with fewer channels, and one block for four of the stock one."""
    channels = [width * 2**i for i in range(4)]
    extra = dict(stage1=dict(
        num_modules=1, num_branches=1, block='BOTTLENECK', num_blocks=(1, ),
        num_channels=(16, )))
    for n in (2, 3, 4):
        extra[f'stage{n}'] = dict(
            num_modules=1, num_branches=n, block='BASIC',
            num_blocks=(1, ) * n, num_channels=tuple(channels[:n]))
    return dict(type='HRNet', in_channels=3, extra=extra)


def pipeline(encoder):
    """Of MMPose's bottom-up models, to train by."""
    return [
        dict(type='LoadImage'),
        dict(type='BottomupRandomAffine', input_size=SIZE, rotate_factor=15.,
             shift_factor=.1, scale_factor=(.8, 1.25), scale_type='long'),
        dict(type='RandomFlip', direction='horizontal'),
        dict(type='GenerateTarget', encoder=encoder),
        dict(type='BottomupGetHeatmapMask'),
        dict(type='PackPoseInputs'),
    ]


def higher_hrnet():
    """The stock config of associative embedding, thin and small."""
    from mmpose_dark.config import load_config
    cfg = load_config(STOCK_AE)
    width = 24
    cfg.codec.update(input_size=SIZE, sigma=1., heatmap_size=tuple(
        n // STRIDE for n in SIZE))
    cfg.model.backbone = thin_hrnet(width)
    cfg.model.head.update(
        in_channels=width, decoder=dict(cfg.codec, heatmap_size=SIZE))
    cfg.model.head.keypoint_loss.use_target_weight = False
    cfg.test_dataloader.dataset.pipeline[1].update(
        input_size=SIZE, size_factor=32, resize_mode='fit')
    cfg.train_dataloader.dataset.pipeline = pipeline(dict(cfg.codec))
    return cfg


def read_by_stock(cfg, shift_heatmap=None, **decoder):
    """As the stock config does; of HigherHRNet: enlarge, then step."""
    cfg = copy.deepcopy(cfg)
    cfg.model.head.decoder.update(decoder)
    if shift_heatmap is not None:
        cfg.model.test_cfg.shift_heatmap = shift_heatmap
    return cfg


def read_by_dark(cfg, head=True, **decoder):
    """What darkify makes of it."""
    from mmpose_dark import darkify
    dark = darkify(cfg, head=head, **decoder)
    if head:
        dark.model.head.output_covariance = True
    return dark


def trained_on_stock_targets(cfg):
    """By a head that can be trained; the stock loss takes one person."""
    from mmpose_dark import DarkAssociativeEmbedding, darkify
    from mmpose.codecs import AssociativeEmbedding
    # What its own training would need packed, if MMPose had one.
    for table in ('label_mapping_table', 'field_mapping_table'):
        setattr(AssociativeEmbedding, table,
                getattr(DarkAssociativeEmbedding, table))
    dark = darkify(cfg, head=True)
    dark.train_dataloader = copy.deepcopy(cfg.train_dataloader)
    return dark


def start_head(runner):
    """Weights of CID's head as large as others'.

    MMPose starts with .001, from where 140 epochs of COCO lead out and a few
    of these do not.
    """
    from torch import nn
    for name, module in runner.model.head.named_modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)) and not name.endswith(
                ('heatmap_conv', 'keypoint_root_conv')):  # have their bias
            nn.init.kaiming_normal_(module.weight, nonlinearity='linear')


def cid():
    """The stock config of CID, thin and small."""
    from mmengine.hooks import Hook
    from mmengine.registry import HOOKS
    from mmpose_dark.config import load_config

    @HOOKS.register_module(force=True)
    class StartHead(Hook):
        def before_train(self, runner):
            if not runner.iter:
                start_head(runner)

    cfg = load_config(STOCK_CID)
    cfg.codec.update(input_size=SIZE,
                     heatmap_size=tuple(n // STRIDE for n in SIZE))
    cfg.model.backbone = dict(
        type='ResNet', depth=18, stem_channels=16, base_channels=24,
        num_stages=3, strides=(1, 2, 2), dilations=(1, 1, 1),
        out_indices=(0, 1, 2))
    cfg.model.head.update(in_channels=24 * 7, decoder=dict(cfg.codec))
    cfg.test_dataloader.dataset.pipeline[1].update(
        input_size=SIZE, size_factor=32, resize_mode='fit')
    cfg.train_dataloader.dataset.pipeline = pipeline(dict(cfg.codec))
    cfg.custom_hooks = [dict(type='StartHead')]
    return cfg


READ_CID = {
    'DecoupledHeatmap': read_by_stock,
    'DarkDecoupledHeatmap': partial(read_by_dark, head=False),
    '... and its head': read_by_dark,
}
#: name -> (stock config, {targets: (config to train by, readings)}); a
#: reading is a function from the stock config to one with the same weights,
#: the first is the baseline
NETWORKS = {
    'HigherHRNet': (higher_hrnet, {
        'DARK': (read_by_dark, {
            'AssociativeEmbedding': read_by_stock,
            'DarkAssociativeEmbedding': partial(read_by_dark, head=False),
            '... and its head': read_by_dark,
        }),
        # Drawn on the nearest pixel, whose index is at its corner: enlarged it
        # is at 1.5 px, and half a px further after the best whole-pixel flip.
        'stock': (trained_on_stock_targets, {
            'AssociativeEmbedding, aligned': partial(
                read_by_stock, shift_heatmap=True, decode_center_shift=-2.),
            'AssociativeEmbedding, as it is': read_by_stock,
            'DarkAssociativeEmbedding, its head': partial(
                read_by_dark, decode_center_shift=0.),
        }),
    }),
    'CID': (cid, {
        'stock': (read_by_stock, READ_CID),
        'DARK': (read_by_dark, READ_CID),
    }),
}
