"""PoseRuntime beside rtmlib on the same network, from image to keypoints.

An RTMPose-m of MMPose with random weights (the time does not depend on them)
is exported once as mmdeploy does, ending in two vectors. rtmlib's RTMPose
crops for it, runs it and reads the highest bins, one person at a time. That
file is made DARK by darkify_onnx, with covariances, and PoseRuntime runs it,
all people of an image at once. Both by onnxruntime with its own number of
threads, in turns in one process, so that whatever else the machine does hits
both alike.
"""
import argparse
import contextlib
import io
import tempfile
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
from mmpose_dark.markdown import markdown_table

CONFIG = ('mmpose::body_2d_keypoint/rtmpose/coco/'
          'rtmpose-m_8xb256-420e_coco-256x192.py')


def write_vectors(config, path):
    """The network of a config, ending in vectors as mmdeploy exports it."""
    import onnx
    import torch
    from mmpose.apis import init_model
    from mmpose_dark.config import load_config
    from mmpose_dark.deploy.export import export_module
    torch.manual_seed(0)
    cfg = load_config(config)
    model = init_model(cfg, device='cpu')

    class Vectors(torch.nn.Module):

        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, inputs):
            return self.model._forward(inputs)

    width, height = cfg.codec.input_size
    onnx.save(export_module(
        Vectors(), [torch.zeros(2, 3, height, width)], ['input'],
        ['simcc_x', 'simcc_y']), str(path))
    return width, height


def contestants(config, folder):
    """Name -> function of an image and boxes."""
    import mmpose_dark  # noqa: F401  before any part of MMPose
    from mmpose_dark.deploy import PoseRuntime, darkify_onnx
    from rtmlib import RTMPose
    stock, dark = folder / 'stock.onnx', folder / 'dark.onnx'
    size = write_vectors(config, stock)
    darkify_onnx(stock, dark, 'rtmpose', covariance=True)
    with contextlib.redirect_stdout(io.StringIO()):  # it says what it loads
        theirs = RTMPose(str(stock), size)
    return {'rtmlib': theirs, 'PoseRuntime': PoseRuntime(dark)}


def measure(config, people, rounds):
    """Rows of medians in ms an image, one for each number of people."""
    from mmpose_dark.evaluation import take_turns
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (720, 1280, 3), np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        sides = contestants(config, Path(folder))
        for num in people:
            corner = rng.uniform((0, 0), (1000, 400), (num, 2))
            boxes = np.hstack([corner, corner + rng.uniform(
                (80, 160), (200, 300), (num, 2))])
            times = take_turns({name: partial(side, image, boxes)
                                for name, side in sides.items()}, rounds)
            yield dict(people=num, ms={name: time['median']
                                       for name, time in times.items()})


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--config', default=CONFIG)
    parser.add_argument('--people', type=int, nargs='+', default=[1, 4, 16])
    parser.add_argument('--rounds', type=int, default=15)
    args = parser.parse_args()
    rows = list(measure(args.config, args.people, args.rounds))
    print(markdown_table(
        ['people', f'rtmlib {version("rtmlib")}, ms', 'PoseRuntime, ms',
         'ratio'],
        [[row['people'], *(f'{ms:.1f}' for ms in row['ms'].values()),
          f'{row["ms"]["rtmlib"] / row["ms"]["PoseRuntime"]:.2f}x']
         for row in rows], text_columns=0))
    return rows


if __name__ == '__main__':
    main()
