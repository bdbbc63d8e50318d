"""What ending in keypoints costs or saves an exported network, on the CPU.

Two ONNX files of one model, run by ONNX Runtime on the same crops: one ends in
keypoints, as tools/deployment/export_onnx.py writes it; one ends in heatmaps,
which the stock codec MSRAHeatmap(unbiased=True) of MMPose decodes, the
official algorithm. Both take turns in one process, so that whatever else the
machine does hits both alike; medians over the rounds and their ratio. Decoding
alone is timed too: the exported DarkDecoder against the codec, on the same
heatmaps.
"""
import argparse
import json
import os
import tempfile
from functools import partial
from pathlib import Path

# The stock codec's products are too small for threads; OpenBLAS's would go on
# spinning through the next contestant's turn.
os.environ.setdefault('OPENBLAS_NUM_THREADS', '1')

import numpy as np
from mmpose_dark.cli.progress import track
from mmpose_dark.markdown import markdown_table

COCO = 'mmpose::body_2d_keypoint/topdown_heatmap/coco/'
FIGURES = (Path(__file__).resolve().parents[2] /
           'configs/body_2d_keypoint/topdown_heatmap/figures')
#: with random weights: the time does not depend on them
CONFIGS = (str(FIGURES / 'td-hm_res18-thin_1xb64-8e_figures-128x96.py'),
           COCO + 'td-hm_res50_8xb64-210e_coco-256x192.py')


def write(module, example, path, output_names):
    import torch
    program = torch.onnx.export(
        module, (example, ), dynamo=True, input_names=['inputs'],
        output_names=output_names, verbose=False,
        dynamic_shapes=({0: torch.export.Dim('batch', min=1)}, ))
    program.save(str(path), external_data=False)


def session_of(path, threads):
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # Idle threads would wait busily and slow down whoever's turn it is.
    options.add_session_config_entry('session.intra_op.allow_spinning', '0')
    return onnxruntime.InferenceSession(
        str(path), options, providers=['CPUExecutionProvider'])


def contestants(config, folder, threads):
    """Name -> function of crops, for the network and for decoding alone."""
    import torch
    from mmpose.apis import init_model
    from mmpose.codecs import MSRAHeatmap
    from mmpose_dark.config import load_config
    from mmpose_dark.deploy import PoseNetwork, export_onnx
    torch.manual_seed(0)
    network = PoseNetwork(init_model(load_config(config), device='cpu'))
    codec = network.decoder.codec
    width, height = codec.input_size
    example = torch.zeros(2, 3, height, width)

    class Heatmaps(torch.nn.Module):

        def __init__(self):
            super().__init__()
            self.model = network.model

        def forward(self, inputs):
            return self.model._forward(inputs)

    with torch.no_grad():
        export_onnx(network, folder / 'keypoints.onnx')
        write(Heatmaps().eval(), example, folder / 'maps.onnx', ['heatmaps'])
        columns, rows = codec.heatmap_size
        write(network.decoder, torch.zeros(2, 17, rows, columns),
              folder / 'decoder.onnx', ['keypoints', 'scores'])
    ends, maps, decoder = (
        session_of(folder / f'{name}.onnx', threads)
        for name in ('keypoints', 'maps', 'decoder'))
    stock = MSRAHeatmap(codec.input_size, codec.heatmap_size, codec.sigma,
                        unbiased=True)

    def decode(heatmaps):
        return [stock.decode(m) for m in heatmaps]

    def stock_end(inputs):
        return decode(maps.run(None, {'inputs': inputs})[0])

    return codec, {
        'network': {
            'stock': stock_end,
            'exported': lambda inputs: ends.run(None, {'inputs': inputs})},
        'decoding': {
            'stock': decode,
            'exported': lambda m: decoder.run(None, {'inputs': m})}}


def predicted(rng, batch, codec):
    """Heatmaps as a trained network predicts them: a Gaussian and noise."""
    from mmpose_dark.evaluation import peaks
    points = peaks.uniform(rng, 17 * batch, codec.heatmap_size, 2)
    maps = peaks.draw_peaks(rng, points, codec.heatmap_size, codec.sigma, .02)
    return maps.reshape(batch, 17, *maps.shape[1:])


def measure(config, args):
    """Rows of medians in ms, one for each batch size and part."""
    from mmpose_dark.evaluation import take_turns
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        codec, parts = contestants(config, Path(folder), args.threads)
        width, height = codec.input_size
        for batch in args.batch:
            crops = rng.standard_normal((batch, 3, height, width))
            inputs = dict(network=crops.astype(np.float32),
                          decoding=predicted(rng, batch, codec))
            for part, sides in parts.items():
                times = take_turns({name: partial(side, inputs[part])
                                    for name, side in sides.items()},
                                   args.rounds)
                ms = {name: time['median'] for name, time in times.items()}
                yield dict(config=Path(config).stem, part=part, batch=batch,
                           ms=ms, ratio=ms['stock'] / ms['exported'])


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.split('\n\n')[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument('configs', nargs='*', default=CONFIGS)
    parser.add_argument('--batch', type=int, nargs='+', default=[1, 16])
    parser.add_argument('--rounds', type=int, default=15)
    parser.add_argument('--threads', type=int, default=2,
                        help='of ONNX Runtime')
    parser.add_argument('--out', type=Path, default='benchmark_exported.json')
    args = parser.parse_args()

    import cv2
    from mmpose_dark.evaluation import environment
    cv2.setNumThreads(1)  # faster on maps as small as these
    rows = [row for config in args.configs
            for row in track(measure(config, args), Path(config).stem,
                             total=2 * len(args.batch))]
    print(markdown_table(
        ['config', '', 'batch', 'heatmaps + stock codec, ms',
         'ends in keypoints, ms', 'ratio'],
        [[row['config'], row['part'], row['batch'],
          f'{row["ms"]["stock"]:.2f}', f'{row["ms"]["exported"]:.2f}',
          f'{row["ratio"]:.2f}x'] for row in rows], text_columns=2))
    args.out.write_text(json.dumps(
        dict(environment=environment(),
             arguments={key: str(v) for key, v in vars(args).items()},
             rows=rows), indent=1))


if __name__ == '__main__':
    main()
