"""Results as JSON."""
import argparse
import json
import math
from pathlib import Path
from typing import Any

#: of ``--json`` without a file
STDOUT = '-'


def add_json(parser: argparse.ArgumentParser) -> None:
    """The argument ``--json``."""
    parser.add_argument(
        '--json', nargs='?', const=STDOUT, metavar='FILE',
        help='write the results as JSON; without FILE on stdout, in place of '
        'the tables')


def write_json(content: Any, path: str) -> None:
    """Write plain values to a file, or to stdout.

    Args:
        content: Of dicts, lists, numbers and text; a number that is not
            finite becomes null, which JSON has for it
        path (str): The file, or :data:`STDOUT`
    """
    text = json.dumps(_plain(content), indent=1, allow_nan=False)
    if path == STDOUT:
        print(text)
    else:
        Path(path).write_text(text + '\n')


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
