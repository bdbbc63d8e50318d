"""What MMPose 1.x needs around it on machines of today.

``import mmpose_dark`` calls :func:`install`. It imports nothing; it only
leaves word with Python's import system, and acts when MMPose is imported:

- MMPose's registries learn where the parts of this package are, so that a
  config may name them with or without ``mmpose_dark.``
- mmengine learns what ``mmpose_dark::...`` names, and its log what a
  DARK config says and does not do, see :mod:`.engine`
- mmcv-lite gets a placeholder for the compiled operators that one of MMPose's
  heads imports unguarded (open-mmlab/mmpose issues 282 and 3250)
- where no xtcocotools can be imported, which is everywhere with numpy 2, a
  stand-in on top of pycocotools takes its place, see :mod:`.xtcocotools`
- torch may load what MMPose's checkpoints hold, see :mod:`.checkpoints`
- versions that are known to break something are warned of

A full mmcv and a working xtcocotools always win.
"""
from .imports import install

__all__ = ['install']
