"""Accuracy, speed and memory of the decoders, beside MMPose's own.

Every contender is a codec entry as a config has it, built by MMPose's registry
and measured in one process on the same seeded maps. ``MMPose DARK`` is
``MSRAHeatmap(unbiased=True)`` with the blur kernel that the official code
pairs with each sigma; its ``refine_keypoints_dark`` *is* the official
algorithm (ilovepose/DarkPose), so it stands for both.

- Accuracy: see benchmark_accuracy.py.
- Speed: contenders take turns, round by round, so that whatever else the
  machine does hits all alike; median and quartiles over the rounds.
- Memory: the most that decoding allocates on top of the heatmaps, results
  included. What OpenCV allocates inside MMPose's decoders is not seen.

Writes benchmark.json; benchmark_report.py makes tables and pictures of it.
"""
import argparse
import json
import os
import platform
import sys
import time
import tracemalloc
from datetime import datetime, timezone
from functools import partial
from pathlib import Path

import numpy as np
from benchmark_accuracy import (
    KERNELS,
    SEED,
    SMALL_NOISE,
    accuracy,
    border,
    build,
    draw_maps,
    finite,
    robustness,
    uniform,
)
from benchmark_report import write_report
from tqdm import tqdm

#: contenders of the speed tables; 'one pass' is np.argmax or torch.max
FAST, STOCK, PASS = ('DARK', 'DARK raw peak'), 'MMPose DARK', 'one pass'


def speed_maps(shape, sigma, noise):
    """Gaussians at uniform positions plus noise, (B, K, H, W) float32."""
    rng = np.random.default_rng([SEED, *shape])
    size = shape[:1:-1]
    points = uniform(rng, shape[0] * shape[1], size)
    return draw_maps(points, size, sigma, rng, noise).reshape(shape)


def take_turns(contenders, rounds, turn_s, sync=lambda: None):
    """Time callables in turns: name -> median and quartiles, ms a call."""

    def turn(function, calls):
        sync()
        start = time.perf_counter()
        for _ in range(calls):
            function()
        sync()
        return (time.perf_counter() - start) / calls

    # The warm-up also tells how many calls make a turn long enough to time.
    for function in contenders.values():
        turn(function, 2)
    calls = {name: max(1, round(turn_s / turn(function, 1)))
             for name, function in contenders.items()}
    taken = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, function in contenders.items():
            taken[name].append(1e3 * turn(function, calls[name]))
    return {name: dict(zip(('q1', 'median', 'q3'), (
        float(v) for v in np.percentile(ms, (25, 50, 75)))))
        for name, ms in taken.items()}


def one_by_one(codec, maps):
    """MMPose's head: to the host, then a sample at a time."""
    maps = maps if isinstance(maps, np.ndarray) else maps.cpu().numpy()
    return [codec.decode(sample) for sample in maps]


def timed(maps, contenders, kind, sigma, noise, args):
    """One row of the speed table, ratios beside the times."""
    ms = take_turns(contenders, args.rounds, args.turn, args.sync)
    median = {name: t['median'] for name, t in ms.items()}
    row = dict(shape=list(maps.shape), sigma=sigma, noise=noise, input=kind,
               ms=ms)
    for key, base, flip in (('times_faster', STOCK, False),
                            ('passes', PASS, True)):
        if base in median:
            row[key] = {
                name: t / median[base] if flip else median[base] / t
                for name, t in median.items() if name != base}
    return row


def decoding(args):
    """Rows on the host, from numpy arrays and from torch tensors."""
    import torch
    for shape, sigma, noise in args.shapes + args.between:
        maps = speed_maps(shape, sigma, noise)
        codecs = {name: build(name, shape[:1:-1], sigma)
                  for name in (*FAST, STOCK, 'MMPose UDP')}
        for kind in ('numpy', 'torch cpu'):
            if kind != 'numpy' and (shape, sigma, noise) in args.between:
                continue  # only for the picture
            given = maps if kind == 'numpy' else torch.from_numpy(maps)
            contenders = {
                name: partial(codec.batch_decode if name in FAST else
                              partial(one_by_one, codec), given)
                for name, codec in codecs.items()}
            flat = maps.reshape(-1, maps[0, 0].size)
            contenders[PASS] = partial(flat.argmax, 1)
            yield timed(maps, contenders, kind, sigma, noise, args)


def decoding_on_cuda(args):
    """Rows on the GPU; the pass is ``torch.max`` over the same tensor."""
    import torch
    from mmpose_dark.functional import decode_heatmaps
    for shape, sigma, noise in args.shapes + args.between:
        maps = torch.from_numpy(speed_maps(shape, sigma, noise)).cuda()
        codecs = {name: build(name, shape[:1:-1], sigma)
                  for name in (*FAST, STOCK)}
        device = {'DARK': partial(decode_heatmaps, sigma=sigma),
                  'DARK raw peak': partial(
                      decode_heatmaps, sigma=sigma, peak='raw')}
        half = maps.half()
        kinds = {
            'cuda, result to the host': (maps, {
                name: codecs[name].batch_decode for name in FAST}),
            'cuda': (maps, device),
            'cuda, channels_last': (
                maps.to(memory_format=torch.channels_last), device),
            'cuda, float16 under autocast': (half, device),
        }
        if shape[0] <= 64:  # seconds a call beyond
            kinds['cuda, result to the host'][1][STOCK] = partial(
                one_by_one, codecs[STOCK])
        for kind, (given, functions) in kinds.items():
            contenders = {name: partial(function, given)
                          for name, function in functions.items()}
            contenders[PASS] = partial(torch.max, given.flatten(2), -1)
            with torch.autocast('cuda', enabled=given is half):
                yield timed(maps, contenders, kind, sigma, noise, args)


def encoding(args):
    """One sample at a time, as the data pipeline does."""
    for shape, sigma in (((17, 64, 48), 2), ((133, 96, 72), 3)):
        size = shape[:0:-1]
        rng = np.random.default_rng([SEED, *shape])
        points = 4 * uniform(rng, shape[0], size)[None]
        contenders = {name: partial(build(name, size, sigma, 4).encode, points)
                      for name in ('DARK', STOCK)}
        ms = take_turns(contenders, args.rounds, args.turn)
        yield dict(shape=list(shape), sigma=sigma, ms=ms, times_faster=dict(
            DARK=ms[STOCK]['median'] / ms['DARK']['median']))


def memory(args):
    """Peak extra memory of decoding as a multiple of the heatmaps."""
    import torch
    cuda = args.device == 'cuda'
    for shape, sigma, noise in args.shapes:
        maps = speed_maps(shape, sigma, noise)
        given = torch.from_numpy(maps).cuda() if cuda else maps
        extra = {}
        for name in FAST if cuda else (*FAST, STOCK):
            codec = build(name, shape[:1:-1], sigma)
            decode = partial(codec.batch_decode if name in FAST else partial(
                one_by_one, codec), given)
            decode()
            if cuda:
                torch.cuda.reset_peak_memory_stats()
                before = torch.cuda.memory_allocated()
                decode()
                peak = torch.cuda.max_memory_allocated() - before
            else:
                tracemalloc.start()
                decode()
                peak = tracemalloc.get_traced_memory()[1]
                tracemalloc.stop()
            extra[name] = peak / maps.nbytes
        yield dict(shape=list(shape), input=args.device, extra=extra)


def device_checks(args):
    """Largest difference to numpy's result, px, of every way to call it.

    float16 maps are compared with what numpy makes of the same values. On a
    GPU, decoding must also not wait for the device, and replay as a graph.
    """
    import torch
    from mmpose_dark.functional import decode_heatmaps
    host = speed_maps((4, 17, 64, 48), 2, SMALL_NOISE)
    maps = torch.from_numpy(host).to(args.device)
    for peak in ('modulated', 'raw'):
        decode = partial(decode_heatmaps, sigma=2, peak=peak)

        def off(found, given=host, decode=decode):
            truth = decode(np.asarray(given, 'float32'))[0]
            return finite(np.abs(found[0].cpu().numpy() - truth).max())

        row = dict(peak=peak, float32=off(decode(maps)))
        with torch.autocast(args.device, dtype=torch.bfloat16):
            row['autocast'] = off(decode(maps))
            row['float16'] = off(decode(maps.half()), host.astype('float16'))
        row['channels_last'] = off(
            decode(maps.to(memory_format=torch.channels_last)))
        row['no_sync'] = row['cuda_graph'] = None
        if args.device == 'cuda':
            torch.cuda.set_sync_debug_mode('error')
            try:
                found = decode(maps)
            finally:
                torch.cuda.set_sync_debug_mode('default')
            row['no_sync'] = off(found)
            row['cuda_graph'] = off(replayed(decode, maps))
        yield row


def replayed(decode, maps):
    """What a CUDA graph captured on other maps makes of ``maps``."""
    import torch
    static = maps.flip(-1, -2).contiguous()
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):  # warms up cuBLAS, as capture asks for
        decode(static)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        found = decode(static)
    static.copy_(maps)
    graph.replay()
    return found


def environment(device):
    import mmpose_dark
    import cv2
    import mmcv
    import mmpose
    import torch
    cpu = platform.processor() or platform.machine()
    info = Path('/proc/cpuinfo')
    if info.is_file():
        names = [line.split(':')[1].strip() for line in
                 info.read_text().splitlines() if 'model name' in line]
        cpu = names[0] if names else cpu
    return dict(
        device=torch.cuda.get_device_name() if device == 'cuda' else cpu,
        cpu=cpu,
        cpus=len(os.sched_getaffinity(0)) if hasattr(
            os, 'sched_getaffinity') else os.cpu_count(),
        load=os.getloadavg()[0] if hasattr(os, 'getloadavg') else None,
        threads=dict(torch=torch.get_num_threads(), cv2=cv2.getNumThreads()),
        date=datetime.now(timezone.utc).isoformat(timespec='seconds'),
        versions=dict(
            python=platform.python_version(), numpy=np.__version__,
            cv2=cv2.__version__,
            **{module.__name__: module.__version__
               for module in (torch, mmcv, mmpose, mmpose_dark)}))


def parse_args():
    parser = argparse.ArgumentParser(
        description=__doc__.split('\n\n')[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument('--out', type=Path, default='bench_out',
                        help='folder for JSON, tables and pictures')
    parser.add_argument('--images', type=Path,
                        help='folder for the pictures, if not that of --out')
    parser.add_argument('--device', choices=('cpu', 'cuda'), default='cpu')
    parser.add_argument('--peaks', type=int, default=5000,
                        help='peaks per row of the accuracy tables')
    parser.add_argument('--rounds', type=int, default=15,
                        help='turns of every contender')
    parser.add_argument('--quick', action='store_true',
                        help='a try in seconds, with rough figures')
    args = parser.parse_args()
    batches, large = [1, 64, 2, 4, 8, 16, 32], 32
    args.turn = .02  # seconds
    args.sync = int  # does nothing
    if args.device == 'cuda':
        import torch
        if not torch.cuda.is_available():
            sys.exit('benchmark_codec.py: --device cuda needs a CUDA device '
                     'that torch can use, and there is none')
        args.sync = torch.cuda.synchronize
        batches = [1, 1024, 4, 16, 64, 256]
    if args.quick:
        args.peaks, args.rounds, args.turn = 200, 3, 1e-3
        batches, large = [1, 4, 2], 1
    # The first two batch sizes go through everything, the rest only through
    # what the picture shows. The modulated peak is searched for only where it
    # can be; noise makes it look further, and one row shows what that costs.
    rows = [((b, 17, 64, 48), 2, SMALL_NOISE) for b in batches]
    args.shapes, args.between = rows[:2], rows[2:]
    args.shapes += [((large, 133, 96, 72), 3, SMALL_NOISE),
                    ((batches[1], 17, 64, 48), 2, .2)]
    return args


def main():
    args = parse_args()

    def rows(generator, label):
        return list(tqdm(generator, desc=f'{label:10}', unit='row'))

    decode = decoding_on_cuda if args.device == 'cuda' else decoding
    result = dict(
        environment=environment(args.device),
        settings=dict(device=args.device, quick=args.quick, seed=SEED,
                      peaks=args.peaks, rounds=args.rounds,
                      turn_s=args.turn, blur_kernel_size=KERNELS),
        accuracy=rows(accuracy(args.peaks), 'accuracy'),
        border=rows(border(args.peaks), 'border'),
        robustness=rows(robustness(min(args.peaks, 1000)), 'robustness'),
        decode=rows(decode(args), 'decoding'),
        encode=rows(encoding(args), 'encoding'),
        memory=rows(memory(args), 'memory'),
        checks=rows(device_checks(args), 'checks'))
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / 'benchmark.json').write_text(
        json.dumps(result, indent=1, allow_nan=False) + '\n')
    write_report(args.out, args.images or args.out)


if __name__ == '__main__':
    main()
