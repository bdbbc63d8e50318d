"""Timing side by side."""
import time
from typing import Any, Callable, Dict, Mapping

import numpy as np


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

    # The warm-up also tells how many calls make a turn long enough to time.
    for function in contenders.values():
        turn(function, 2)
    calls = {name: max(1, round(turn_s / turn(function, 1)))
             for name, function in contenders.items()}
    taken: Dict[str, Any] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, function in contenders.items():
            taken[name].append(1e3 * turn(function, calls[name]))
    return {name: dict(zip(('q1', 'median', 'q3'), (
        float(v) for v in np.percentile(ms, (25, 50, 75)))))
        for name, ms in taken.items()}
