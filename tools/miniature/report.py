"""Tables of what reproduce.py has measured, beside the paper's own figures.

Writes tables.md and tables.csv of whatever is finished.
"""
import argparse
import csv
import json
from pathlib import Path

import numpy as np
from mmpose_dark.markdown import markdown_table

#: of ellipses, as of mmpose_dark.evaluation
LEVELS = (.5, .68, .9, .95, .99)
#: metric -> its name in the paper
OKS = {'AP': 'AP', 'AP .5': 'AP50', 'AP .75': 'AP75', 'AP (M)': 'APM',
       'AP (L)': 'APL', 'AR': 'AR'}
PCKH = {'PCKh@0.5': 'PCKh@0.5', 'PCKh@0.1': 'PCKh@0.1'}
#: one merge of the flip test for all rows, so that only what a table is
#: about differs
MERGE = 'exact'
MAIN = 'SimpleBaseline', '128x96'
#: the encoding and decoding over which gains are, by the same network
BASE = 'biased', 'shift'
#: table -> row -> the published figures of its first metrics (Zhang et al.,
#: CVPR 2020): AP on COCO val2017, of HRNet-W32 at 128x96 where not said
#: otherwise; of Table 4 the paper's own three sizes, smallest to smallest
PAPER = {
    '1': {'no shift': (61.2, ), 'standard shift': (66.9, ), 'DARK': (68.4, )},
    '2': {'without modulation': (68.1, ), 'with modulation': (68.4, )},
    '3': {'biased, standard shift': (66.9, ), 'biased, DARK': (68.4, ),
          'unbiased, standard shift': (68.0, ), 'unbiased, DARK': (70.7, )},
    '4': {'64x48, baseline': (66.9, ), '64x48, DARK': (70.7, ),
          '96x72, baseline': (74.4, ), '96x72, DARK': (75.6, ),
          '128x96, baseline': (75.8, ), '128x96, DARK': (76.6, )},
    '5': {'biased, standard shift': (90.3, 37.7),
          'unbiased, DARK': (90.6, 42.0)},
    'of section 3.3': {
        'SimpleBaseline, baseline': (59.3, ), 'SimpleBaseline, DARK': (62.6, ),
        'HRNet, baseline': (66.9, ), 'HRNet, DARK': (70.7, ),
        'Hourglass, baseline': (66.2, ), 'Hourglass, DARK': (69.6, )},
}
#: table -> (title, [(row, network, size, encoding, decoder, and a merge of its
#: own)]); beyond 4 they are not the paper's
TABLES = {
    '1': ('Coordinate decoding (biased targets)', [
        ('no shift', *MAIN, 'biased', 'argmax'),
        ('standard shift', *MAIN, 'biased', 'shift'),
        ('DARK', *MAIN, 'biased', 'DARK')]),
    '2': ('Distribution modulation (biased targets)', [
        ('without modulation', *MAIN, 'biased', 'DARK, no modulation'),
        ('with modulation', *MAIN, 'biased', 'DARK')]),
    '3': ('Encoding and decoding', [
        (f'{encoding}, {name}', *MAIN, encoding, decoder)
        for encoding in ('biased', 'unbiased')
        for name, decoder in (('standard shift', 'shift'),
                              ('DARK', 'DARK'))]),
    '4': ("Input sizes (the paper's: 128x96, 256x192, 384x288)", [
        (f'{size}, {name}', MAIN[0], size, encoding, decoder)
        for size in ('64x48', '96x72', '128x96')
        for name, encoding, decoder in (('baseline', 'biased', 'shift'),
                                        ('DARK', 'unbiased', 'DARK'))]),
    '5': ("The MPII protocol (the paper's: HRNet-W32, 256x256)", [
        (f'{encoding}, {name}', *MAIN, encoding, decoder)
        for encoding in ('biased', 'unbiased')
        for name, decoder in (('standard shift', 'shift'),
                              ('DARK', 'DARK'))]),
    '6': ('Merge of the flip test, read by DARK', [
        (f'{encoding}, {merge}', *MAIN, encoding, 'DARK', merge)
        for encoding in ('biased', 'unbiased')
        for merge in ('none', 'stock', 'exact')]),
    '7': ('Where DARK starts', [
        (f'{encoding}, {name}', *MAIN, encoding, decoder)
        for encoding in ('biased', 'unbiased')
        for name, decoder in (
            ("official code: peak='raw', its kernel", 'DARK, official'),
            ("peak='raw'", 'DARK, peak=raw'),
            ("default, peak='modulated'", 'DARK'))]),
    'of section 3.3': ("Kinds of network (the paper's: ResNet-50, HRNet-W32, "
                       '4 hourglasses)', [
        (f'{network}, {name}', network, MAIN[1], encoding, decoder)
        for network in ('SimpleBaseline', 'HRNet', 'Hourglass')
        for name, encoding, decoder in (('baseline', 'biased', 'shift'),
                                        ('DARK', 'unbiased', 'DARK'))]),
}


def load(folder):
    """(network, size, encoding) -> list of scores, one per seed."""
    found = {}
    for path in sorted(Path(folder).glob('runs/*/scores.json')):
        scores = json.loads(path.read_text())
        run = scores['run']
        w, h = run['size']
        key = run['network'], f'{h}x{w}', run['encoding']
        found.setdefault(key, []).append(scores)
    return found


def rows_of(scores, decoder, merge):
    """One of each seed."""
    return [next(row for row in one['rows'] if row['decoder'] == decoder
                 and row['merge'] == merge) for one in scores]


def values(scores, decoder, metrics=OKS, merge=MERGE):
    """(seeds, metrics) in points, and the median errors (seeds, )."""
    rows = rows_of(scores, decoder, merge)
    return (100 * np.array([[row['metrics'][key] for key in metrics]
                            for row in rows]).reshape(-1, len(metrics)),
            np.array([row['median_px'] for row in rows]))


def said(figures, sign=''):
    """Mean and, of several seeds, the standard deviation."""
    if len(figures) < 2:
        return f'{figures.mean():{sign}.1f}'
    return f'{figures.mean():{sign}.1f} ± {figures.std(ddof=1):.1f}'


def gain(points, base):
    """Mean and spread of the gain in a metric, seed by seed."""
    if len(points) != len(base):
        return ''
    gains = points - base
    return f'{gains.mean():+.1f}' + (
        f' ± {gains.std(ddof=1):.1f}' if len(gains) > 1 else '')


def table(number, title, rows, found):
    """One table in Markdown and its lines for CSV; None, [] without rows."""
    heads = PCKH if number == '5' else OKS
    body, lines = [], []
    published = PAPER.get(number, {})
    # metrics of which there are published figures
    shown = list(heads.values())[:max(map(len, published.values()), default=0)]
    for name, network, size, encoding, decoder, *merge in rows:
        scores = found.get((network, size, encoding))
        if not scores:
            continue
        metrics, median = values(scores, decoder, heads, *merge)
        base, _ = values(found.get((network, size, BASE[0]), []), BASE[1],
                         heads)
        cells = [name, *map(said, metrics.T), f'{median.mean():.2f}',
                 '' if (encoding, decoder) == BASE else
                 gain(metrics[:, 0], base[:, 0])]
        paper = list(published.get(name, ()))
        paper += [''] * (len(shown) - len(paper))
        body.append(cells + list(map(str, paper)))
        for i, (metric, column) in enumerate(zip(heads.values(), metrics.T)):
            lines.append([
                number, name, len(column), metric, round(column.mean(), 2),
                round(column.std(ddof=1), 2) if len(column) > 1 else '',
                paper[i] if i < len(paper) else ''])
    if not body:
        return None, []
    text = markdown_table(
        ['', *heads.values(), 'median error, input px',
         f'gain in {next(iter(heads.values()))}',
         *(f"the paper's {metric}" for metric in shown)], body)
    return f'**Table {number}.** {title}\n\n{text}', lines


def of_rtmpose(found):
    """RTMPose as MMPose reads it, by DARK and merged exactly."""
    readings = {'stock': ('argmax', 'stock'), 'DARK': ('DARK', 'stock'),
                'DARK, exact merge': ('DARK', 'exact')}
    body, lines = [], []
    base = found.get(('RTMPose_k2', MAIN[1], 'biased'), [])
    for bins in (2, 1):
        for encoding, targets in (('biased', 'rounded'),
                                  ('unbiased', 'unbiased')):
            scores = found.get((f'RTMPose_k{bins}', MAIN[1], encoding), [])
            for name, (decoder, merge) in readings.items() if scores else ():
                # At one bin a pixel MMPose's merge is the exact one.
                if bins == 1 and merge == 'exact':
                    continue
                metrics, median = values(scores, decoder, OKS, merge)
                mean_x = [row['mean_x'] for row in
                          rows_of(scores, decoder, merge)]
                ap, ap75 = metrics[:, 0], metrics[:, list(OKS).index('AP .75')]
                stock = values(base, 'argmax', OKS, 'stock')[0][:, 0]
                row = f'k = {bins}, {targets}: {name}'
                body.append([
                    row, said(ap), said(ap75), f'{median.mean():.2f}',
                    f'{np.mean(mean_x):+.3f}',
                    '' if name == 'stock' and scores is base else
                    gain(ap, stock),
                    f'{scores[0]["parameters"] / 1e6:.3f}'])
                lines.append(['of RTMPose', row, len(ap), 'AP',
                              round(ap.mean(), 2),
                              round(ap.std(ddof=1), 2) if len(ap) > 1 else '',
                              ''])
    if not body:
        return [], []
    return ['**Table of RTMPose.** k bins a pixel, targets, reading and merge '
            'of the flip test\n\n' + markdown_table(
                ['', 'AP', 'AP75', 'median error, input px',
                 'mean error in x, input px', 'gain in AP',
                 'parameters, M'], body)], lines


def promises(found):
    """Whether ellipses, similarities and ranking hold, over the seeds."""
    body = []
    for (network, size, encoding), scores in found.items():
        known = [one['promises'] for one in scores if 'promises' in one]
        if size != MAIN[1] or not known:
            continue
        shares = 100 * np.array([one['ellipses'] for one in known])[..., 0]
        gaps, of_scores, gains = (
            np.array([one[key][0] for one in known])
            for key in ('gap', 'gap_of_scores', 'ap_gain'))
        body.append([
            f'{network}, {encoding}', *map(said, shares.T),
            f'{np.mean([one["nll"] for one in known]):.2f}',
            f'{gaps.mean():.3f}', f'{of_scores.mean():.3f}', said(gains, '+')])
    if not body:
        return []
    return ['**Table of promises.** True joints in the ellipse, %; mean gap '
            'between similarities (OKS of a joint) promised and true, and of '
            "keypoint scores taken for them; gain in AP over MMPose's rule of "
            'people ranked by the OKS to expect. Exact merge, nothing '
            'fitted\n\n' + markdown_table(
                ['', *(f'{100 * level:.0f} %' for level in LEVELS), 'nll',
                 'gap', 'of scores', 'gain in AP'], body)]


def write_report(folder):
    """Write tables.md and tables.csv.

    Returns:
        str: The tables in Markdown; rows whose trainings are not finished
        are left out. Mean and standard deviation over the seeds; gains over
        ``BASE`` are taken seed by seed.
    """
    found = load(folder)
    parts, lines = [], [['table', 'row', 'seeds', 'metric', 'mean', 'std',
                         'paper']]
    for number, (title, rows) in TABLES.items():
        text, new = table(number, title, rows, found)
        parts += [text] * bool(new)
        lines += new
    vectors, new = of_rtmpose(found)
    lines += new
    text = '\n\n'.join(parts + promises(found) + vectors)
    (Path(folder) / 'tables.md').write_text(text + '\n')
    with (Path(folder) / 'tables.csv').open('w', newline='') as file:
        csv.writer(file).writerows(lines)
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('folder', type=Path, help='--out of reproduce.py')
    args = parser.parse_args()
    if not any(args.folder.glob('runs/*/scores.json')):
        parser.error(f'nothing is finished in {args.folder}')
    print(write_report(args.folder))


if __name__ == '__main__':
    main()
