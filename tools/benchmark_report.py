"""The tables and pictures of a benchmark, from its benchmark.json.

Run alone it draws them anew: ``benchmark_report.py bench_out [pictures]``.
"""
import argparse
import json
from pathlib import Path

STOCK, PASS = 'MMPose DARK', 'one pass'
#: Hollow markers of different sizes: several lines lie on one another.
HOLLOW = dict(ms=9, mfc='none')
STYLES = {
    'DARK': dict(color='C3', marker='o', ms=5, lw=2.2, zorder=5),
    'DARK raw peak': dict(color='C1', marker='s', **HOLLOW),
    'DARK paper peak': dict(color='C4', marker='x', ls='--', ms=10),
    'DARK unmodulated': dict(color='C5', marker='v', ls=':', ms=5),
    'shift': dict(color='C7', marker='^', ls=':', ms=5),
    'MMPose DARK': dict(color='C0', marker='D', **HOLLOW),
    'MMPose UDP': dict(color='C2', marker='o', **dict(HOLLOW, ms=13)),
    PASS: dict(color='k', ls='--'),
}


def number(value, digits=2):
    return '-' if value is None else f'{value:.{digits}f}'


def table(title, note, rows, keys, columns, cell):
    """A Markdown table: ``keys`` of a row, then ``cell(row, column)``."""
    lines = [[*keys, *columns]]
    for row in rows:
        named = (row[key] for key in keys)
        lines.append([
            *('x'.join(map(str, v)) if isinstance(v, list) else str(v)
              for v in named), *(cell(row, column) for column in columns)])
    width = [max(map(len, column)) for column in zip(*lines)]
    rule = ['-' * w for w in width[:len(keys)]]
    rule += ['-' * (w - 1) + ':' for w in width[len(keys):]]
    lines = [f'| {" | ".join(v.ljust(w) for v, w in zip(line, width))} |'
             for line in (lines[0], rule, *lines[1:])]
    return '\n'.join([f'### {title}', '', note, '', *lines, ''])


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
            [key for key in result['checks'][0] if key != 'peak'],
            lambda row, key: '-' if row[key] is None else f'{row[key]:.0e}'),
    ])


def draw_accuracy(result, path):
    """RMSE against noise, a panel for every sigma."""
    import matplotlib.pyplot as plt
    sigmas = sorted({row['sigma'] for row in result['accuracy']})
    fig, axes = plt.subplots(
        1, len(sigmas), figsize=(11, 4.6), sharey=True, layout='constrained')
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
                 xlabel='pixel noise / peak height', xticks=noise)
        axis.set_xticks([], minor=True)
        axis.set_xticklabels([f'{n:g}' for n in noise])
        axis.grid(which='both', alpha=.25)
    axes[0].set_ylabel('RMSE per axis / heatmap px')
    fig.legend(*axes[0].get_legend_handles_labels(), ncols=4, frameon=False,
               loc='outside lower center')
    fig.savefig(path, dpi=120)
    plt.close(fig)


def draw_speed(result, path):
    """Time of a call against batch size."""
    import matplotlib.pyplot as plt
    first = result['decode'][0]
    rows = sorted((row for row in result['decode']
                   if all(row[key] == first[key]
                          for key in ('input', 'sigma', 'noise'))),
                  key=lambda row: row['shape'])
    batch = [row['shape'][0] for row in rows]
    device = result['settings']['device']
    labels = {PASS: 'one pass of ' + (
        'torch.max' if device == 'cuda' else 'np.argmax')}
    fig, axis = plt.subplots(figsize=(7, 5), layout='constrained')
    for name, style in STYLES.items():
        points = [(b, *(row['ms'][name][q] for q in ('median', 'q1', 'q3')))
                  for b, row in zip(batch, rows) if name in row['ms']]
        if points:
            b, median, low, high = zip(*points)
            axis.loglog(b, median, label=labels.get(name, name), **style)
            axis.fill_between(b, low, high, color=style['color'], alpha=.15)
    axis.set(xlabel='batch size', ylabel='time / ms (median, quartiles)',
             xticks=batch, title='Decoding (B, {}, {}, {}), {}: {}'.format(
                 *first['shape'][1:], first['input'],
                 result['environment']['device']))
    axis.set_xticks([], minor=True)
    axis.set_xticklabels(batch)
    axis.grid(which='both', alpha=.25)
    axis.legend()
    fig.savefig(path, dpi=120)
    plt.close(fig)


def write_report(folder, images):
    """Read ``folder``/benchmark.json, print and write what it says."""
    import matplotlib
    matplotlib.use('Agg')
    folder, images = Path(folder), Path(images)
    result = json.loads((folder / 'benchmark.json').read_text())
    text = report(result)
    print(text)
    (folder / 'benchmark.md').write_text(text)
    images.mkdir(parents=True, exist_ok=True)
    draw_accuracy(result, images / 'benchmark_accuracy.png')
    draw_speed(result, images / 'benchmark_speed.png')
    print(f'Written to {folder}; pictures to {images}')


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('folder', help='--out of benchmark_codec.py')
    parser.add_argument('images', nargs='?', help='default: the same')
    args = parser.parse_args()
    write_report(args.folder, args.images or args.folder)
