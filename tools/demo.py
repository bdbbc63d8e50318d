"""The same as ``mmpose-dark demo``."""
from mmpose_dark.cli import run

if __name__ == '__main__':
    run('demo')
