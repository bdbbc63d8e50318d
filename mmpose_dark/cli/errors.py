"""How a command ends that cannot do what it was asked to."""
import sys


class CannotRun(Exception):
    """Why, in one line or two, for the person at the keyboard."""


#: what Python, torch and MMPose raise for bad input, with a message for people
_TOLD = CannotRun, OSError, ValueError, TypeError, AssertionError


def say(prog: str, error: Exception) -> None:
    """Print two lines at most on stderr.

    Args:
        prog (str): The command
        error (Exception): What ended it
    """
    lines = str(error).strip().splitlines() or [type(error).__name__]
    if isinstance(error, ModuleNotFoundError):
        lines = [f'this needs {error.name}, which is not installed']
    elif not isinstance(error, _TOLD):
        lines = [f'{type(error).__name__}: {lines[0]}',
                 'PYTHONDEVMODE=1 before the command shows where']
    print(f'{prog}: error: ' + '\n'.join(lines[:2]), file=sys.stderr)
