"""MMPose's tools/test.py, same arguments, with mmpose_dark imported first.

Needed under mmcv-lite, where MMPose's models cannot be imported otherwise,
and for configs that name our parts without the ``mmpose_dark.`` prefix.
"""
from typing import List

from .mmpose_tool import run_mmpose_tool


def main(argv: List[str], prog: str) -> int:
    """Run it."""
    run_mmpose_tool('test.py', argv, prog)
    return 0
