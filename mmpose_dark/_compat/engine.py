"""What mmengine is told of this package."""
from types import ModuleType


def name_configs(module: ModuleType) -> None:
    """``mmpose_dark::...`` names our configs, as ``mmpose::...`` does theirs.

    Args:
        module (ModuleType): ``mmengine.config.utils``
    """
    module.MODULE2PACKAGE.setdefault('mmpose_dark', 'mmpose_dark')
