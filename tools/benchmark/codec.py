"""Accuracy, speed and memory of the decoders, beside MMPose's own.

Every contender is a codec entry as a config has it, built by MMPose's registry
and measured in one process on the same seeded maps.

- Accuracy and contenders: see mmpose_dark.evaluation.peaks.
- Speed: contenders take turns, round by round, so that whatever else the
  machine does hits all alike; median and quartiles over the rounds. The
  compiled decoder of heatmaps-to-keypoints too, where that is installed. One
  row while other processes keep all cores busy.
- Memory: the most that decoding allocates on top of the heatmaps, results
  included. What OpenCV allocates inside MMPose's decoders is not seen.

Writes benchmark.json, of which report.py makes tables and pictures.
"""
import argparse
import json
import math
import os
import subprocess
import sys
import tracemalloc
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
from mmpose_dark.cli.progress import track

#: contenders of the speed tables; 'one pass' is np.argmax or torch.max
FAST, STOCK, PASS = ('DARK', 'DARK raw peak'), 'MMPose DARK', 'one pass'
#: input of the row with other processes on all cores
BUSY = 'numpy, busy cores'
SMALL_NOISE = .02
SEED = 20231123


def finite(row):
    """JSON has no NaN."""
    if isinstance(row, dict):
        return {key: finite(value) for key, value in row.items()}
    return None if isinstance(row, float) and not math.isfinite(row) else row


def speed_maps(shape, sigma, noise):
    """Gaussians at uniform positions plus noise, (B, K, H, W) float32."""
    from mmpose_dark.evaluation import peaks
    rng = np.random.default_rng([SEED, *shape])
    size = shape[:1:-1]
    points = peaks.uniform(rng, shape[0] * shape[1], size)
    return peaks.draw_peaks(rng, points, size, sigma, noise).reshape(shape)


def compiled_peer(maps, sigma):
    """The official algorithm in C++, where that package is installed."""
    import torch
    from mmpose_dark.conventions import official_kernel
    try:
        from heatmaps_to_keypoints import keypoints_from_heatmaps
    except ImportError:
        return {}
    # A box of the map's own size, in units of 200 px: it returns map px.
    size = torch.tensor(maps.shape[:1:-1]).repeat(len(maps), 1)
    return {'heatmaps-to-keypoints': partial(
        keypoints_from_heatmaps, maps, size / 2, size / 200,
        post_process='unbiased', kernel=official_kernel(sigma))}


def decoder(name, codec):
    """Ours take a batch; MMPose's head decodes a sample at a time."""
    if name in FAST:
        return codec.batch_decode

    def one_by_one(maps):
        maps = maps if isinstance(maps, np.ndarray) else maps.cpu().numpy()
        return [codec.decode(sample) for sample in maps]

    return one_by_one


def timed(maps, contenders, kind, sigma, noise, args):
    """One row of the speed table, ratios beside the times."""
    from mmpose_dark.evaluation import take_turns
    ms = take_turns(contenders, args.rounds, args.turn, args.sync)
    median = {name: t['median'] for name, t in ms.items()}
    row = dict(shape=list(maps.shape), sigma=sigma, noise=noise, input=kind,
               ms=ms, passes={name: t / median[PASS] for name, t in
                              median.items() if name != PASS})
    if STOCK in median:
        row['times_faster'] = {name: median[STOCK] / t for name, t in
                               median.items() if name != STOCK}
    return row


@contextmanager
def busy_cores():
    """Other processes compute on every core meanwhile."""
    others = [subprocess.Popen([sys.executable, '-c', 'while True: pass'])
              for _ in range(os.cpu_count())]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def decoding(args):
    """Rows on the host, from numpy arrays and from torch tensors."""
    import torch
    from mmpose_dark.evaluation.peaks import contenders as build
    for shape, sigma, noise in args.shapes + args.between:
        maps = speed_maps(shape, sigma, noise)
        codecs = build(shape[:1:-1], sigma, (*FAST, STOCK, 'MMPose UDP'))
        flat = maps.reshape(-1, maps[0, 0].size)
        kinds = {'numpy': maps, 'torch cpu': torch.from_numpy(maps)}
        if (shape, sigma, noise) in args.between:
            del kinds['torch cpu']  # only for the picture
        for kind, given in kinds.items():
            contenders = {name: partial(decoder(name, codec), given)
                          for name, codec in codecs.items()}
            contenders['DARK, covariances'] = partial(
                codecs['DARK'].batch_decode, given, return_covariance=True)
            contenders.update(compiled_peer(torch.from_numpy(maps), sigma))
            contenders[PASS] = partial(flat.argmax, 1)
            yield timed(maps, contenders, kind, sigma, noise, args)
            if kind == 'numpy' and (shape, sigma, noise) == args.shapes[1]:
                with busy_cores():
                    yield timed(maps, contenders, BUSY, sigma, noise, args)


def decoding_on_cuda(args):
    """Rows on the GPU; the pass is ``torch.max`` over the same tensor."""
    import torch
    from mmpose_dark.evaluation.peaks import contenders as build
    from mmpose_dark.functional import decode_heatmaps
    for shape, sigma, noise in args.shapes + args.between:
        maps = torch.from_numpy(speed_maps(shape, sigma, noise)).cuda()
        names = FAST
        if shape[0] <= 64:  # seconds a call beyond
            names = *FAST, STOCK
        host = {name: decoder(name, codec) for name, codec in
                build(shape[:1:-1], sigma, names).items()}
        device = {'DARK': partial(decode_heatmaps, sigma=sigma),
                  'DARK raw peak': partial(
                      decode_heatmaps, sigma=sigma, peak='raw')}
        half = maps.half()
        for kind, given, functions in (
                ('cuda, result to the host', maps, host),
                ('cuda', maps, device),
                ('cuda, channels_last',
                 maps.to(memory_format=torch.channels_last), device),
                ('cuda, float16 under autocast', half, device)):
            contenders = {name: partial(function, given)
                          for name, function in functions.items()}
            contenders[PASS] = partial(torch.max, given.flatten(2), -1)
            with torch.autocast('cuda', enabled=given is half):
                yield timed(maps, contenders, kind, sigma, noise, args)


def encoding(args):
    """One sample at a time, as the data pipeline does."""
    from mmpose_dark.evaluation import peaks, take_turns
    for shape, sigma in (((17, 64, 48), 2), ((133, 96, 72), 3)):
        size = shape[:0:-1]
        rng = np.random.default_rng([SEED, *shape])
        points = 4 * peaks.uniform(rng, shape[0], size)[None]
        codecs = peaks.contenders(size, sigma, ('DARK', STOCK), stride=4)
        ms = take_turns({name: partial(codec.encode, points)
                         for name, codec in codecs.items()},
                        args.rounds, args.turn)
        yield dict(shape=list(shape), sigma=sigma, ms=ms, times_faster=dict(
            DARK=ms[STOCK]['median'] / ms['DARK']['median']))


def memory(args):
    """Peak extra memory of decoding as a multiple of the heatmaps."""
    import torch
    from mmpose_dark.evaluation.peaks import contenders as build
    cuda = args.device == 'cuda'
    for shape, sigma, noise in args.shapes:
        maps = speed_maps(shape, sigma, noise)
        given = torch.from_numpy(maps).cuda() if cuda else maps
        extra = {}
        names = FAST if cuda else (*FAST, STOCK)
        for name, codec in build(shape[:1:-1], sigma, names).items():
            decode = partial(decoder(name, codec), given)
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


def checks(args):
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
            return float(np.abs(found[0].cpu().numpy() - truth).max())

        row = dict(peak=peak, float32=off(decode(maps)))
        with torch.autocast(args.device, dtype=torch.bfloat16):
            row['autocast'] = off(decode(maps))
            row['float16'] = off(decode(maps.half()), host.astype('float16'))
        row['channels_last'] = off(
            decode(maps.to(memory_format=torch.channels_last)))
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
    args.sync = lambda: None
    if args.device == 'cuda':
        import torch
        if not torch.cuda.is_available():
            parser.error('--device cuda needs a CUDA device that torch can '
                         'use, and there is none')
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
    from mmpose_dark.conventions import OFFICIAL_KERNELS
    from mmpose_dark.evaluation import environment, peaks
    result = dict(
        environment=environment(args.device),
        settings=dict(device=args.device, quick=args.quick, seed=SEED,
                      peaks=args.peaks, rounds=args.rounds,
                      turn_s=args.turn, blur_kernel_size=OFFICIAL_KERNELS))
    on_cuda = args.device == 'cuda'
    for name, rows in dict(
            accuracy=peaks.accuracy(args.peaks),
            border=peaks.border(args.peaks),
            robustness=peaks.robustness(min(args.peaks, 1000)),
            decode=decoding_on_cuda(args) if on_cuda else decoding(args),
            encode=encoding(args), memory=memory(args),
            checks=checks(args)).items():
        result[name] = [finite(row) for row in
                        track(rows, f'{name:10}', total=None)]
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / 'benchmark.json'
    path.write_text(json.dumps(result, indent=1, allow_nan=False) + '\n')
    report = Path(__file__).with_name('report.py')
    subprocess.run([sys.executable, report, args.out,
                    args.images or args.out], check=True)


if __name__ == '__main__':
    main()
