"""The same as ``mmpose-dark train``."""
from mmpose_dark.cli import run

if __name__ == '__main__':
    run('train')
