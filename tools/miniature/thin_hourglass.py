"""A thin hourglass, found through ``custom_imports`` of its config."""
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
