"""The same as ``mmpose-dark darkify``."""
from mmpose_dark.cli import run

if __name__ == '__main__':
    run('darkify')
