"""Configs as a command takes them."""
import sys
import warnings
from typing import Any


def say_what_is_odd(cfg: Any) -> None:
    """Warnings on stderr about a config that runs, but not as it seems."""
    from ..alignment import check_alignment, check_codec
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter('always')
        check_codec(cfg)
        check_alignment(cfg)
    for warning in found:
        print(f'Warning: {warning.message}', file=sys.stderr)
