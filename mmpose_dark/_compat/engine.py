"""What mmengine is told of this package."""
import functools
import logging
from types import ModuleType
from typing import Any, Callable


def name_configs(module: ModuleType) -> None:
    """``mmpose_dark::...`` names our configs, as ``mmpose::...`` does theirs.

    mmengine looks for the files of a distribution where pip keeps its
    metadata, which is not where an editable install has them. Those of a name
    that is no distribution it looks for where its module is.

    Args:
        module (ModuleType): ``mmengine.config.utils``
    """
    module.MODULE2PACKAGE.setdefault('mmpose_dark', 'mmpose_dark.shipped')


def watch_runs(module: ModuleType) -> None:
    """A run whose config contradicts itself says so in its log.

    MMPose's own tools go on where the commands of this package refuse, see
    :func:`mmpose_dark.consistency.contradictions`.

    Args:
        module (ModuleType): ``mmengine.runner.runner``
    """
    for name in ('train', 'val', 'test'):
        method = getattr(module.Runner, name)
        setattr(module.Runner, name, _told(method, name == 'train'))


def _told(method: Callable[..., Any], training: bool) -> Callable[..., Any]:

    @functools.wraps(method)
    def run(self: Any, *args: Any, **kwargs: Any) -> Any:
        from mmengine.logging import print_log

        from ..consistency import contradictions
        for text in contradictions(self.cfg, training):
            print_log(text, logger='current', level=logging.WARNING)
        return method(self, *args, **kwargs)

    return run
