"""The same as ``mmpose-dark compare``."""
from mmpose_dark.cli import run

if __name__ == '__main__':
    run('compare')
