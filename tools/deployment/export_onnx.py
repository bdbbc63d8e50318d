"""The same as ``mmpose-dark export``."""
from mmpose_dark.cli import run

if __name__ == '__main__':
    run('export')
