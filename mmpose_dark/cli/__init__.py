"""The commands: ``mmpose-dark NAME``, or ``python -m mmpose_dark NAME``.

Each is a module of its name with a ``main`` that takes the arguments and what
the command is called, and returns the exit status. The files under ``tools/``
are doors to the same.
"""
import argparse
import os
import sys
from importlib import import_module
from typing import List, NoReturn, Optional

from ..version import __version__
from .errors import CannotRun, say

#: name of a command -> what it does, for ``mmpose-dark --help``
COMMANDS = {
    'demo': 'draw the poses of the people in images and videos',
    'compare': 'what each decoder makes of the heatmaps of one network',
    'calibrate': 'do the covariances of a network hold, and what mends them',
    'darkify': 'write the DARK version of a stock config',
    'convert': 'turn a checkpoint of the official code into one of MMPose',
    'export': 'write a trained model as one ONNX file that ends in keypoints',
    'check-export': 'test an exported file as a checkpoint is tested',
    'figures': 'make the drawn people that the small configs train on',
    'train': "MMPose's tools/train.py, which knows DARK",
    'test': "MMPose's tools/test.py, which knows DARK",
}
#: those that run a tool of MMPose's, and with it any module of a config
MMPOSE_TOOLS = 'train', 'test'


def main(argv: Optional[List[str]] = None) -> int:
    """Run the command that the arguments name.

    Args:
        argv (list[str], optional): The arguments. Defaults to ``None``: those
            of this process

    Returns:
        int: The exit status: 0, 1 where a command ran to its end and found
        that something is not as it should be, 2 where it could not run, 130
        where it was stopped from the keyboard.
    """
    try:
        args = _parser().parse_args(argv)
    except KeyboardInterrupt:
        return _stopped('mmpose-dark')
    return start(args.command, args.arguments, f'mmpose-dark {args.command}')


def _parser() -> argparse.ArgumentParser:
    width = max(map(len, COMMANDS))
    parser = argparse.ArgumentParser(
        prog='mmpose-dark',
        description='DARK for MMPose: heatmaps read to a fraction of a pixel.',
        epilog='commands:\n' + '\n'.join(
            f'  {name.ljust(width)}  {what}'
            for name, what in COMMANDS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--version', action='version', version=__version__)
    parser.add_argument('command', choices=COMMANDS, metavar='COMMAND',
                        help='one of those below; COMMAND --help says more')
    parser.add_argument('arguments', nargs=argparse.REMAINDER,
                        metavar='...', help='arguments of the command')
    return parser


def start(command: str, argv: List[str], prog: str) -> int:
    """Run a command and say in a line what kept it from its end.

    Args:
        command (str): One of :data:`COMMANDS`
        argv (list[str]): Its arguments
        prog (str): What it is called in its help and its errors

    Returns:
        int: The exit status, see :func:`main`.
    """
    try:
        module = import_module(f'.{command.replace("-", "_")}', __name__)
        status: int = module.main(argv, prog)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        return _stopped(prog)
    except BrokenPipeError:  # of `| head`, which has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        # Where it is in a person's own modules, these want to know.
        theirs = command in MMPOSE_TOOLS and not isinstance(error, CannotRun)
        if theirs or sys.flags.dev_mode:
            raise
        say(prog, error)
        return 2


def _stopped(prog: str) -> int:
    print(f'{prog}: stopped', file=sys.stderr)
    return 130


def run(command: str) -> NoReturn:
    """Be the command, with the arguments of this process, and exit."""
    sys.exit(start(command, sys.argv[1:], os.path.basename(sys.argv[0])))
