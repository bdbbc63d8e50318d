"""How far a command is, on stderr: what it says on stdout can be piped."""
from functools import partial

import rich.progress
from rich.console import Console

_STDERR = Console(stderr=True)
Progress = partial(rich.progress.Progress, console=_STDERR)
track = partial(rich.progress.track, console=_STDERR)
