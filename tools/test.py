"""The same as ``mmpose-dark test``."""
from mmpose_dark.cli import run

if __name__ == '__main__':
    run('test')
