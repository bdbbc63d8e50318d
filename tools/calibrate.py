"""The same as ``mmpose-dark calibrate``."""
from mmpose_dark.cli import run

if __name__ == '__main__':
    run('calibrate')
