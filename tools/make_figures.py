"""The same as ``mmpose-dark figures``."""
from mmpose_dark.cli import run

if __name__ == '__main__':
    run('figures')
