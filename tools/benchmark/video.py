"""Keypoints through time: our smoother and filter beside what people use.

Videos of a drawn person with exact joints are read by the network of ``make
demo``, by the stock codec and by DARK. Boxes shake, people are missed for some
frames and hidden by things, limbs are blurred. The peers are tuned on other
videos than are reported, to the least error; ours has nothing to tune. Then
the same with left taken for right in some frames, as networks do.

Errors are root mean squares over all joints in the pictures, hidden ones and
frames without a detection too. Jitter is that of the second difference of the
error, lag how late keypoints are. Prints Markdown; writes it, JSON and a plot
of one joint to --out, which keeps what the network reads for the next time.
"""
import argparse
import json
import time
from functools import partial
from pathlib import Path

import numpy as np
from mmpose_dark.functional import TrackFilter, smooth_track
from mmpose_dark.markdown import markdown_table
from peers import PEERS, bridged, held
from tracks import (
    LEVELS,
    alike,
    coverage,
    distance,
    jitter,
    kept_video,
    lag,
    pooled,
    recovered,
)

#: seeds of the videos that peers are tuned on, and that are reported
TUNED, REPORTED = 1000, 2000
SMOOTHER, FILTER = 'our smoother', 'our filter'


def filtered(track, correlation=None):
    more = {} if correlation is None else dict(correlation=correlation)
    live = TrackFilter(**more)
    first = int((~np.isnan(track.dark[:, 0, 0])).argmax())
    found = [live.update(*frame) for frame in zip(
        track.dark[first:], track.covariances[first:], track.times[first:])]
    keypoints, covariances = map(np.array, zip(*found))
    ahead = [(0, 0)] * (keypoints.ndim - 1)
    return (np.pad(keypoints, [(first, 0), *ahead], 'edge'),
            np.pad(covariances, [(first, 0), *ahead, (0, 0)], 'edge'))


def smoothed(track, correlation=None):
    more = {} if correlation is None else dict(correlation=correlation)
    return smooth_track(track.dark, track.covariances, track.times, **more)


def tuned(name, tracks):
    """What of a peer is best on these videos."""
    function, grid, _ = PEERS[name]
    return min(grid, key=lambda chosen: pooled(
        distance(track, function(track.dark, *chosen)) for track in tracks))


def methods(chosen):
    """Name -> from a track to keypoints, by who knows the future."""
    out = {'offline': {'stock': lambda t: bridged(t.stock),
                       'DARK': lambda t: bridged(t.dark)},
           'live': {'DARK, held': lambda t: held(t.dark)}}
    for name, (function, _, future) in PEERS.items():
        out['offline' if future else 'live'][name] = partial(
            lambda t, function, chosen: function(t.dark, *chosen),
            function=function, chosen=chosen[name])
    out['offline'][SMOOTHER] = lambda t: smoothed(t)[0]
    out['live'][FILTER] = lambda t: filtered(t)[0]
    return out


def measured(tracks, method):
    start = time.perf_counter()
    found = [method(track) for track in tracks]
    spent = time.perf_counter() - start
    swapped = [method(track.with_swaps()) for track in tracks]
    off = [distance(track, keypoints)**2
           for track, keypoints in zip(tracks, found)]
    return dict(
        error=pooled(map(distance, tracks, found)),
        squares=[float(np.nansum(one)) for one in off],
        jitter=pooled(map(jitter, tracks, found)),
        lag_ms=lag(tracks, found),
        ms_a_frame=1000 * spent / sum(len(t.truth) for t in tracks),
        error_with_swaps=pooled(map(distance, tracks, swapped)),
        recovered=recovered(tracks, swapped))


def coverages(tracks):
    """Name -> shares of joints in their ellipses."""
    out = {'DARK': coverage(tracks, [t.dark for t in tracks],
                            [t.covariances for t in tracks])}
    for name, function in ((FILTER, filtered), (SMOOTHER, smoothed)):
        for correlation in (0, .8, 1):
            out[f'{name}, correlation {correlation}'] = coverage(
                tracks, *zip(*(function(t, correlation) for t in tracks)))
    return out


def long_track(num_frames, num_joints):
    """Seconds of CPU that a long track of a whole body takes to smooth."""
    rng = np.random.default_rng(0)
    keypoints = rng.normal(0, 2, (num_frames, num_joints, 2)) + np.cumsum(
        rng.normal(0, 1, (num_frames, num_joints, 2)), 0)
    covariances = np.broadcast_to(4 * np.eye(2), (*keypoints.shape, 2))
    start = time.process_time()
    smooth_track(keypoints, covariances)
    return time.process_time() - start


def tables(result):
    """Markdown of all parts."""
    env, parts = result['environment'], result['methods']
    out = [f'{env["device"]}, {env["cpus"]} CPUs, {env["date"]}; load '
           f'{env["load"]:.1f}; {result["videos"]} videos of '
           f'{result["frames"]} frames; peers tuned on {result["tuning"]} '
           'others: ' + '; '.join(
               f'{name} {tuple(chosen)}'
               for name, chosen in result['tuned'].items())]
    for part, rows in parts.items():
        out.append(markdown_table(
            [part, 'error, px', 'jitter, px', 'lag, ms', 'ms a frame',
             'error with swaps', 'swaps recovered'],
            [[name, f'{row["error"]:.2f}', f'{row["jitter"]:.2f}',
              f'{row["lag_ms"]:.0f}', f'{row["ms_a_frame"]:.2f}',
              f'{row["error_with_swaps"]:.2f}',
              f'{100 * row["recovered"]:.0f} %']
             for name, row in rows.items()]))
    out.append(verdict(parts))
    out.append(markdown_table(
        ['joints in the ellipse of', *(f'{100 * p:.0f} %' for p in LEVELS)],
        [[name, *(f'{100 * share:.1f}' for share in shares)]
         for name, shares in result['coverage'].items()]))
    out.append('Correlation of DARK\'s errors: ' + ', '.join(
        f'{value:.2f} after {frames} frames'
        for frames, value in result['alike'].items()))
    seconds, (frames, joints) = result['long'], result['long_shape']
    out.append(f'Smoothing {frames} frames of {joints} joints took '
               f'{seconds:.1f} s of CPU, its constant estimated.')
    return '\n\n'.join(out)


def verdict(parts):
    """What is less than what, in words."""
    said = []
    for part, ours, base in (('offline', SMOOTHER, 'DARK'),
                             ('live', FILTER, 'DARK, held')):
        rows = parts[part]
        best = min((name for name in PEERS if name in rows),
                   key=lambda name: rows[name]['error'])
        for other in (base, best):
            low, less, high = gain(*(np.array(rows[name]['squares'])
                                     for name in (ours, other)))
            still = rows[ours]['jitter'] / rows[other]['jitter']
            said.append(f'{ours}: {less:.1f} % [{low:.1f}, {high:.1f}] less '
                        f'error than {other}, {100 * still:.0f} % of its '
                        'jitter')
    return '\n'.join(f'- {line}' for line in said)


def gain(ours, other, rounds=2000):
    """Percent by which the error is less, in its 95 % interval over videos.

    Args:
        ours, other (np.ndarray): Summed squared errors of each video.
    """
    def less(pick):
        return 100 * (1 - np.sqrt(ours[pick].sum() / other[pick].sum()))
    whole = np.arange(len(ours))
    rng = np.random.default_rng(0)
    low, high = np.percentile(
        [less(rng.choice(whole, len(whole))) for _ in range(rounds)],
        (2.5, 97.5))
    return low, less(whole), high


def plot(track, path, joint=9, first=0, frames=100):
    """The x of one joint through time."""
    from matplotlib.figure import Figure
    from mmpose_dark.functional import ellipse_limit
    found, covariances = smoothed(track)
    part = np.s_[first:first + frames, joint]
    seconds = track.times[first:first + frames]
    reach = np.sqrt(ellipse_limit(.95) * covariances[part][:, 0, 0])
    middle = found[part][:, 0]
    fig = Figure(figsize=(9, 3.6))
    axis = fig.subplots()
    axis.fill_between(seconds, middle - reach, middle + reach, alpha=.25,
                      color='gold', lw=0, label='95 % ellipse')
    axis.plot(seconds, track.truth[part][:, 0], color='k', lw=1,
              label='truth')
    axis.plot(seconds, track.stock[part][:, 0], '.', color='c', ms=6,
              label='stock')
    axis.plot(seconds, track.dark[part][:, 0], 'x', color='r', ms=5,
              label='DARK')
    axis.plot(seconds, middle, color='darkorange', lw=2, label='smoothed')
    axis.set(xlabel='s', ylabel='x of the left wrist, px',
             xlim=(seconds[0], seconds[-1]))
    axis.legend(fontsize=8, ncol=5, loc='upper center',
                bbox_to_anchor=(.5, 1.14), frameon=False)
    fig.tight_layout()
    fig.savefig(path, dpi=110)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--out', type=Path, default='benchmark_video')
    parser.add_argument('--videos', type=int, default=24,
                        help='reported (%(default)s); as many to tune on')
    parser.add_argument('--frames', type=int, default=120)
    parser.add_argument('--quick', action='store_true',
                        help='a try in half a minute, with rough figures')
    args = parser.parse_args()
    shape = 1000, 133
    if args.quick:
        args.videos, args.frames, shape = 1, 40, (100, 17)

    from mmpose_dark.cli.progress import track as progress
    from mmpose_dark.evaluation import environment
    tuning, tracks = ([kept_video(first + i, args.frames, args.out / 'read')
                       for i in progress(range(args.videos), name)]
                      for first, name in ((TUNED, 'videos to tune on'),
                                          (REPORTED, 'videos to report')))
    chosen = {name: tuned(name, tuning) for name in
              progress(list(PEERS), 'tuning')}
    result = dict(
        environment=environment(), videos=len(tracks), tuning=len(tuning),
        frames=args.frames, tuned=chosen,
        methods={part: {name: measured(tracks, method)
                        for name, method in rows.items()}
                 for part, rows in methods(chosen).items()},
        coverage=coverages(tracks),
        alike={frames: alike(tracks, frames) for frames in (1, 5, 12)},
        long=long_track(*shape), long_shape=shape)
    (args.out / 'video.json').write_text(json.dumps(result, indent=1))
    text = tables(result)
    (args.out / 'video.md').write_text(text + '\n')
    plot(tracks[0], args.out / 'joint.png')
    print(text)


if __name__ == '__main__':
    main()
