"""The same as ``mmpose-dark convert``."""
from mmpose_dark.cli import run

if __name__ == '__main__':
    run('convert')
