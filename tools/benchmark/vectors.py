"""Decoding of SimCC's vectors, and what fewer bins save, beside MMPose's.

- Decoding: RTMPose's codec at 256x192, two bins a pixel, on seeded vectors
  with noise. MMPose's head decodes a sample at a time, by the highest bin or
  by ``use_dark``.
- Bins: predictions of a whole model, once with two bins a pixel and the stock
  codec, once with one bin and DARK. Weights are random: the time does not
  depend on them.

Contenders take turns in one process, so that whatever else the machine does
hits all alike; medians over the rounds. Prints Markdown and writes JSON.
"""
import argparse
import json
import os
from functools import partial
from pathlib import Path

# OpenBLAS's threads would go on spinning through the next contender's turn.
os.environ.setdefault('OPENBLAS_NUM_THREADS', '1')

import numpy as np
from mmpose_dark.markdown import markdown_table

SIZE, SIGMA, NOISE, SEED = (192, 256), (4.9, 5.66), .05, 20261126
OURS, STOCK, STOCK_DARK = 'DarkSimCC', 'SimCCLabel', 'SimCCLabel, use_dark'
CODECS = {OURS: dict(type='mmpose_dark.DarkSimCC'),
          'DarkSimCC, raw peak': dict(type='mmpose_dark.DarkSimCC',
                                      peak='raw'),
          STOCK: dict(type='SimCCLabel'),
          STOCK_DARK: dict(type='SimCCLabel', use_dark=True)}
FIGURES = (Path(__file__).resolve().parents[2] /
           'configs/body_2d_keypoint/rtmpose/figures')
RTMPOSE = 'mmpose::body_2d_keypoint/rtmpose/coco/'
CONFIGS = (str(FIGURES / 'rtmpose-thin_1xb32-16e_figures-128x96.py'),
           RTMPOSE + 'rtmpose-t_8xb256-420e_coco-256x192.py',
           RTMPOSE + 'rtmpose-m_8xb256-420e_coco-256x192.py')


def codec_of(name, bins=2.):
    from mmpose.registry import KEYPOINT_CODECS
    return KEYPOINT_CODECS.build(dict(
        CODECS[name], input_size=SIZE, normalize=False,
        sigma=tuple(sigma * bins / 2 for sigma in SIGMA),
        simcc_split_ratio=bins))


def one_by_one(codec, x, y):
    """As MMPose's head, which decodes a sample at a time on the host."""
    from mmpose.utils.tensor_utils import to_numpy
    return [codec.decode(*pair) for pair in to_numpy((x, y), unzip=True)]


def decoding(args):
    """A row for each batch."""
    import torch
    from mmpose_dark.evaluation import take_turns
    rng = np.random.default_rng(SEED)
    for num, keypoints in args.shapes:
        points = rng.uniform(0, 1, (num, keypoints, 2)) * SIZE
        labels = codec_of(OURS).encode(points.astype('f4'))
        x, y = (torch.from_numpy(np.float32(
            v + NOISE * rng.standard_normal(v.shape))) for v in (
                labels['keypoint_x_labels'], labels['keypoint_y_labels']))
        contenders = {}
        for name in CODECS:
            codec = codec_of(name)
            # Of its own: use_dark blurs vectors where they are.
            pair = x.clone(), y.clone()
            contenders[name] = (
                partial(codec.batch_decode, *pair) if 'Dark' in name else
                partial(one_by_one, codec, *pair))
        ms = take_turns(contenders, args.rounds, args.turn)
        yield dict(shape=[num, keypoints], ms=ms)


def predictor(config, bins, dark):
    """A function of a batch, and the number of the model's parameters."""
    import torch
    from mmpose_dark import darkify
    from mmpose.registry import MODELS
    from mmpose_dark.config import load_config
    cfg = darkify(config, head=True) if dark else load_config(config)
    head = cfg.model.head
    share = bins / head.simcc_split_ratio
    head.simcc_split_ratio = bins
    head.decoder.update(simcc_split_ratio=bins, sigma=tuple(
        share * sigma for sigma in head.decoder.sigma))
    cfg.model.backbone.init_cfg = None
    torch.manual_seed(0)
    model = MODELS.build(cfg.model).eval()
    count = sum(value.numel() for value in model.parameters())

    @torch.no_grad()
    def predict(inputs):
        vectors = model.head.forward(model.extract_feat(inputs))
        return model.head.decode(vectors)

    return predict, count, head.input_size


def bins_cost(args):
    """A row for each model and batch."""
    import torch
    from mmengine.registry import init_default_scope
    from mmpose_dark.evaluation import take_turns
    init_default_scope('mmpose')
    for config in args.configs:
        stock, stock_count, (w, h) = predictor(config, 2., False)
        ours, count, _ = predictor(config, 1., True)
        for num in args.batches:
            inputs = torch.zeros(num, 3, h, w).uniform_(
                -2, 2, generator=torch.Generator().manual_seed(SEED))
            ms = take_turns({'k = 2, SimCCLabel': partial(stock, inputs),
                             'k = 1, DarkSimCC': partial(ours, inputs)},
                            args.rounds, args.turn)
            yield dict(config=Path(config).stem.split('_')[0], batch=num,
                       parameters=[stock_count, count], ms=ms)


def tables(result):
    """Markdown of both parts."""
    env = result['environment']
    rows = [['x'.join(map(str, row['shape'])), *(
        f'{row["ms"][name]["median"]:.3g}' for name in CODECS),
        *(f'{row["ms"][name]["median"] / row["ms"][OURS]["median"]:.2g}x'
          for name in (STOCK_DARK, STOCK))] for row in result['decoding']]
    costs = []
    for row in result['bins']:
        before, after = (t['median'] for t in row['ms'].values())
        costs.append([
            row['config'], row['batch'],
            *(f'{n / 1e6:.3f}' for n in row['parameters']),
            f'{before:.4g}', f'{after:.4g}', f'{after / before:.3f}'])
    return '\n\n'.join([
        f'{env["device"]}, {env["cpus"]} CPUs, {env["date"]}; threads '
        f'{env["threads"]}; load {env["load"]:.1f}',
        'Decoding, ms a call, and how many times faster than MMPose '
        'DarkSimCC is:',
        markdown_table(['batch x keypoints', *CODECS,
                        'than use_dark', 'than the highest bin'], rows),
        'Bins: parameters in millions, ms a prediction of the whole model, '
        'and its ratio:',
        markdown_table(['model', 'batch', 'M, k = 2', 'M, k = 1',
                        'k = 2, SimCCLabel', 'k = 1, DarkSimCC', 'ratio'],
                       costs)])


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--out', type=Path, default='benchmark_vectors.json')
    parser.add_argument('--rounds', type=int, default=15)
    parser.add_argument('--quick', action='store_true',
                        help='a try in seconds, with rough figures')
    args = parser.parse_args()
    args.turn, args.batches, args.configs = .02, (1, 16), CONFIGS
    args.shapes = [(1, 17), (1, 133), (64, 17), (64, 133)]
    if args.quick:
        args.rounds, args.turn, args.batches = 2, 1e-3, (1, )
        args.shapes, args.configs = args.shapes[:2], CONFIGS[:1]
    from mmpose_dark.evaluation import environment
    result = dict(environment=environment(), decoding=[*decoding(args)],
                  bins=[*bins_cost(args)])
    args.out.write_text(json.dumps(result, indent=1))
    print(tables(result))


if __name__ == '__main__':
    main()
