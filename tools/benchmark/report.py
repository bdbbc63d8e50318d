"""The tables and pictures of a benchmark, from its benchmark.json.

codec.py calls it; run alone it draws them anew.
"""
import argparse
import json
from pathlib import Path

from mmpose_dark.markdown import markdown_table

STOCK, PASS = 'MMPose DARK', 'one pass'
#: Hollow markers of different sizes: several lines lie on one another.
HOLLOW = dict(ms=9, mfc='none')
STYLES = {
    'DARK': dict(color='C3', marker='o', ms=5, lw=2.2, zorder=5),
    'DARK, covariances': dict(color='C6', marker='+', ms=8),
    'DARK raw peak': dict(color='C1', marker='s', **HOLLOW),
    'DARK unmodulated': dict(color='C5', marker='v', ls=':', ms=5),
    'shift': dict(color='C7', marker='^', ls=':', ms=5),
    'MMPose DARK': dict(color='C0', marker='D', **HOLLOW),
    'MMPose UDP': dict(color='C2', marker='o', **dict(HOLLOW, ms=13)),
    'heatmaps-to-keypoints': dict(color='C8', marker='x', ls=':', ms=7),
    PASS: dict(color='k', ls='--'),
}


def number(value, digits=2):
    return '-' if value is None else f'{value:.{digits}f}'


def table(title, note, rows, keys, columns, cell):
    """A Markdown table: ``keys`` of a row, then ``cell(row, column)``."""
    body = [[*('x'.join(map(str, value)) if isinstance(value, list) else value
               for value in (row[key] for key in keys)),
             *(cell(row, column) for column in columns)] for row in rows]
    return '\n'.join([f'### {title}', '', note, '', markdown_table(
        [*keys, *columns], body, text_columns=len(keys)), ''])


def report(result):
    """All tables as one Markdown text."""
    env = result['environment']
    versions = ', '.join(f'{k} {v}' for k, v in env['versions'].items())

    def timing(row, name):
        ms = row['ms'].get(name)
        if ms is None:
            return '-'
        text = f'{ms["median"]:.3g} ({ms["q1"]:.3g}-{ms["q3"]:.3g}) ms'
        if name in row.get('times_faster', {}) and name != PASS:
            text += f', {row["times_faster"][name]:.1f}x'
        if name in row.get('passes', {}):
            text += f', {row["passes"][name]:.1f} passes'
        return text

    def against_shift(row, name):
        error, shift = (row['mean_error_px'][n] for n in (name, 'shift'))
        worse = error is None or error > 1.005 * shift
        return number(error, 3) + ' *' * worse

    codecs = list(result['border'][0]['rmse_px'])
    contenders = [name for name in STYLES
                  if any(name in row['ms'] for row in result['decode'])]
    return '\n'.join([
        f'{env["device"]}, {env["cpus"]} CPUs, {env["date"]}  ',
        f'{versions}; threads {env["threads"]}; load {env["load"]}', '',
        table(
            'Accuracy', 'RMSE per axis over the Cramer-Rao limit, sqrt(2 / '
            'pi) * noise px; interior peaks. 1 is as good as it gets.',
            result['accuracy'], ('sigma', 'noise'), codecs,
            lambda row, name: number(row['over_limit'][name])),
        table(
            'At the border', 'RMSE per axis, px; peaks within 1.5 px of the '
            'border.', result['border'], ('sigma', 'noise'), codecs,
            lambda row, name: number(row['rmse_px'][name], 3)),
        table(
            'Robustness', 'Mean distance to the (nearest) truth, px. * worse '
            'than the shift; - not finite.', result['robustness'],
            ('case', 'sigma'), codecs, against_shift),
        table(
            'Decoding', 'Median (quartiles) a call, times faster than '
            f'{STOCK}, passes of np.argmax (cuda: torch.max).',
            result['decode'], ('input', 'shape', 'noise'),
            contenders, timing),
        table(
            'Encoding', f'One sample; times faster than {STOCK}.',
            result['encode'], ('shape', ), ('DARK', STOCK), timing),
        table(
            'Memory', 'Peak extra memory of decoding in multiples of the '
            f'heatmaps. {STOCK} decodes one sample at a time.',
            result['memory'], ('input', 'shape'), result['memory'][0]['extra'],
            lambda row, name: number(row['extra'].get(name))),
        table(
            'Ways to call it', "Largest difference to numpy's result, px.",
            result['checks'], ('peak', ),
            ('float32', 'autocast', 'float16', 'channels_last', 'no_sync',
             'cuda_graph'),
            lambda row, key: f'{row[key]:.0e}' if row.get(key) else '-'),
    ])


def draw_accuracy(result, path):
    """RMSE against noise, a panel for every sigma."""
    from matplotlib.figure import Figure
    sigmas = sorted({row['sigma'] for row in result['accuracy']})
    fig = Figure(figsize=(11, 4.6), layout='constrained')
    axes = fig.subplots(1, len(sigmas), sharey=True)
    for axis, sigma in zip(axes, sigmas):
        rows = [r for r in result['accuracy'] if r['sigma'] == sigma]
        noise = [row['noise'] for row in rows]
        for name in rows[0]['rmse_px']:
            rmse = [row['rmse_px'][name] or float('nan') for row in rows]
            axis.loglog(noise, rmse, label=name, **STYLES[name])
        axis.loglog(noise, [row['limit_px'] for row in rows], 'k', lw=5,
                    alpha=.25, label='limit (Cramer-Rao)', zorder=0)
        axis.set(title='sigma {} px, {} x {} map'.format(
                     sigma, *rows[0]['map']),
                 xlabel='pixel noise / peak height')
        mark(axis, noise)
    axes[0].set_ylabel('RMSE per axis / heatmap px')
    fig.legend(*axes[0].get_legend_handles_labels(), ncols=4, frameon=False,
               loc='outside lower center')
    fig.savefig(path, dpi=120)


def mark(axis, values):
    """A logarithmic axis with these values and no others."""
    axis.set_xticks([], minor=True)
    axis.set_xticks(values, [f'{value:g}' for value in values])
    axis.grid(which='both', alpha=.25)


def draw_speed(result, path):
    """Time of a call against batch size."""
    from matplotlib.figure import Figure
    first = result['decode'][0]
    rows = sorted((row for row in result['decode']
                   if all(row[key] == first[key]
                          for key in ('input', 'sigma', 'noise'))),
                  key=lambda row: row['shape'])
    batch = [row['shape'][0] for row in rows]
    device = result['settings']['device']
    labels = {PASS: 'one pass of ' + (
        'torch.max' if device == 'cuda' else 'np.argmax')}
    fig = Figure(figsize=(7, 5), layout='constrained')
    axis = fig.subplots()
    for name, style in STYLES.items():
        points = [(b, *(row['ms'][name][q] for q in ('median', 'q1', 'q3')))
                  for b, row in zip(batch, rows) if name in row['ms']]
        if points:
            b, median, low, high = zip(*points)
            axis.loglog(b, median, label=labels.get(name, name), **style)
            axis.fill_between(b, low, high, color=style['color'], alpha=.15)
    axis.set(xlabel='batch size', ylabel='time / ms (median, quartiles)',
             title='Decoding (B, {}, {}, {}), {}: {}'.format(
                 *first['shape'][1:], first['input'],
                 result['environment']['device']))
    mark(axis, batch)
    axis.legend()
    fig.savefig(path, dpi=120)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('folder', type=Path, help='--out of codec.py')
    parser.add_argument('images', type=Path, nargs='?',
                        help='default: the same')
    args = parser.parse_args()
    try:
        result = json.loads((args.folder / 'benchmark.json').read_text())
    except (OSError, ValueError) as error:
        parser.error(str(error))
    text = report(result)
    print(text)
    (args.folder / 'benchmark.md').write_text(text)
    images = args.images or args.folder
    images.mkdir(parents=True, exist_ok=True)
    draw_accuracy(result, images / 'benchmark_accuracy.png')
    draw_speed(result, images / 'benchmark_speed.png')
    print(f'Written to {args.folder}; pictures to {images}')


if __name__ == '__main__':
    main()
