"""Timing side by side, and on what machine."""
import os
import platform
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Callable, Dict, Mapping

import cv2
import mmcv
import mmpose
import numpy as np
import torch

from ..version import __version__


def take_turns(contenders: Mapping[str, Callable[[], Any]],
               rounds: int = 15,
               turn_s: float = .02,
               sync: Callable[[], Any] = lambda: None
               ) -> Dict[str, Dict[str, float]]:
    """Time callables in turns, so that other work on the machine hits all.

    Args:
        contenders (Mapping): Name -> function without arguments
        rounds (int): Turns of each. Defaults to 15
        turn_s (float): How long a turn is, in seconds; a function may be
            called several times in it. Defaults to .02
        sync (callable): Waits for a device, before and after each turn.
            Defaults to nothing

    Returns:
        dict: Name -> ``q1``, ``median`` and ``q3`` of the milliseconds a call
        takes.
    """

    def turn(function: Callable[[], Any], calls: int) -> float:
        sync()
        start = time.perf_counter()
        for _ in range(calls):
            function()
        sync()
        return (time.perf_counter() - start) / calls

    for function in contenders.values():  # warms up
        turn(function, 1)
    # So many calls make a turn long enough to time.
    calls = {name: max(1, round(turn_s / turn(function, 1)))
             for name, function in contenders.items()}
    taken: Dict[str, Any] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, function in contenders.items():
            taken[name].append(1e3 * turn(function, calls[name]))
    return {name: dict(zip(('q1', 'median', 'q3'), (
        float(v) for v in np.percentile(ms, (25, 50, 75)))))
        for name, ms in taken.items()}


def environment(device: str = 'cpu') -> Dict[str, Any]:
    """What a time depends on beside the code.

    Args:
        device (str): ``'cpu'`` or ``'cuda'``. Defaults to ``'cpu'``

    Returns:
        dict: Names of device and CPU, the number of CPUs and their load, the
        threads of torch and OpenCV, the date and the versions of packages.
    """
    cpu = platform.processor() or platform.machine()
    info = Path('/proc/cpuinfo')
    if info.is_file():
        names = [line.split(':')[1].strip() for line in
                 info.read_text().splitlines() if 'model name' in line]
        cpu = names[0] if names else cpu
    return dict(
        device=torch.cuda.get_device_name() if device == 'cuda' else cpu,
        cpu=cpu,
        cpus=len(os.sched_getaffinity(0)) if hasattr(
            os, 'sched_getaffinity') else os.cpu_count(),
        load=os.getloadavg()[0] if hasattr(os, 'getloadavg') else None,
        threads=dict(torch=torch.get_num_threads(), cv2=cv2.getNumThreads()),
        date=datetime.now(timezone.utc).isoformat(timespec='seconds'),
        versions=dict(
            python=platform.python_version(), mmpose_dark=__version__,
            **{module.__name__: module.__version__
               for module in (np, cv2, torch, mmcv, mmpose)}))
