"""Thin versions of the three networks of the paper's section 3.3.

Each trains on two CPU cores in minutes. Their configs name ``ThinHourglass``
through ``custom_imports``, which finds this module beside the tools.
"""
from mmcv.cnn import ConvModule
from mmpose.models.backbones import HourglassNet
from mmpose.models.backbones.resnet import BasicBlock, ResLayer
from mmpose.registry import MODELS


@MODELS.register_module()
class ThinHourglass(HourglassNet):
    """An hourglass with a stem as thin as its stages.

    MMPose's has one of 128 and 256 channels, whatever the stages have.

    Args:
        kwargs: As of :class:`mmpose.models.HourglassNet`.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        channels = kwargs['stage_channels'][0]
        self.stem = type(self.stem)(
            ConvModule(3, 16, 7, padding=3, stride=2,
                       norm_cfg=dict(type='BN')),
            ResLayer(BasicBlock, 1, 16, channels, stride=2))


def _hrnet(width):
    channels = [width * 2**i for i in range(4)]
    extra = dict(stage1=dict(
        num_modules=1, num_branches=1, block='BOTTLENECK', num_blocks=(1, ),
        num_channels=(16, )))
    for n in (2, 3, 4):
        extra[f'stage{n}'] = dict(
            num_modules=1, num_branches=n, block='BASIC',
            num_blocks=(1, ) * n, num_channels=tuple(channels[:n]))
    return dict(type='HRNet', in_channels=3, extra=extra)


#: name -> (backbone, head without loss and codec); a thin SimpleBaseline is in
#: the config of the figures already
NETWORKS = {
    'HRNet': (
        _hrnet(16),
        dict(type='mmpose_dark.DarkHeatmapHead', in_channels=16,
             deconv_out_channels=None)),
    'Hourglass': (
        dict(type='ThinHourglass', downsample_times=3, num_stacks=1,
             stage_channels=(32, 32, 48, 64), stage_blocks=(1, 1, 1, 1),
             feat_channel=32),
        dict(type='mmpose_dark.DarkCPMHead', in_channels=32, num_stages=1,
             deconv_out_channels=None)),
}
