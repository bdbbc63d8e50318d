"""The distiller of DWPose, whose networks are in configs of their own."""
from typing import Any

from mmpose.models.distillers import DWPoseDistiller
from mmpose.registry import MODELS

from .model import apply_dark


@MODELS.register_module()
class DarkDWPoseDistiller(DWPoseDistiller):
    """A :class:`mmpose.models.DWPoseDistiller` whose student reads by DARK.

    What is distilled, and the keys of the state dict, are those of MMPose.
    Unbiased labels come from the codec of the pipeline, as ever.

    Args:
        dark (dict, optional): Arguments of :func:`apply_dark` for the
            student. Defaults to ``None``: none
        kwargs: As of :class:`mmpose.models.DWPoseDistiller`
    """

    def __init__(self, *args: Any, dark: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        apply_dark(self.student, **dark or {})
