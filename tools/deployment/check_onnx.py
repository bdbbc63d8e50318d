"""The same as ``mmpose-dark check-export``."""
from mmpose_dark.cli import run

if __name__ == '__main__':
    run('check-export')
