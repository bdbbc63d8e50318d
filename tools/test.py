"""MMPose's tools/test.py, same arguments, with mmpose_dark imported first.

Needed under mmcv-lite, where MMPose's models cannot be imported otherwise,
and for configs that name our parts without the ``mmpose_dark.`` prefix.
"""
from mmpose_dark._tools import run_mmpose_tool

if __name__ == '__main__':
    run_mmpose_tool('test.py')
