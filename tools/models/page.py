"""Write docs/models.md: what DARK does for every stock config."""
import argparse
from collections import Counter
from pathlib import Path
from typing import Any, Dict, List

PAGE = Path(__file__).resolve().parents[2] / 'docs/models.md'
#: what the words of the last column mean, in the order of the page
REASONS = {
    'alignment': 'crop, codec and flip test of the stock config disagree on '
                 'where pixels are, and what is made of it does too; '
                 '`check_alignment` says what to change in a new training',
    'offsets': 'joints are where a centre, or a pixel of a disc, plus a '
               'predicted offset is. The maps that there are find people or '
               'pixels, and the offset is as exact as it was learned',
    'queries': 'a decoder of queries puts out coordinates; there is no map',
    'numbers': 'a fully connected layer puts out coordinates, and nothing of '
               'how sure they are',
    'no peak': 'positions are no peaks of a map, so they stay as they are; '
               'the head adds covariances and similarities, from the '
               'distribution that the loss has learned',
    'lifting': 'poses are lifted from keypoints to space; there is no image. '
               'Make the network before it DARK',
    'means': 'the position is the mean of a map whose shape the loss leaves '
             'open; there is no peak to refine, and its width is no error',
    'grids': 'joints are numbers in the cells of a grid, and nothing of how '
             'sure they are',
}


def text(found: Dict[Path, Any]) -> str:
    """The page of these configs, in MyST."""
    import mmpose
    kinds = {kind(what) for what in found.values()}
    numbers = Counter(kind(what) for what in found.values())
    total = '\n'.join(f'| {name} | {numbers[name]} |'
                      for name in KINDS if name in kinds)
    body = '\n'.join(rows(found))
    words = '\n'.join(
        f'- **{word}**: {text}.' for word, text in REASONS.items()
        if any(what.why == word for what in found.values()))
    return TEMPLATE.format(
        version=mmpose.__version__, count=len(found), total=total, body=body,
        words=words)


KINDS = ('positions and covariances', 'positions', 'covariances only',
         'nothing to gain')


def kind(what: Any) -> str:
    """Which of :data:`KINDS` it is."""
    if what.reads:
        return KINDS[0] if what.covariance else KINDS[1]
    return KINDS[2] if what.covariance else KINDS[3]


def rows(found: Dict[Path, Any]) -> List[str]:
    """Of the table: configs of one task and method that fare alike."""
    groups = Counter((method(path), what) for path, what in found.items())
    return [f'| {groups[group]} {row(*group)}' for group in sorted(
        groups, key=lambda group: (KINDS.index(kind(group[1])), group))]


def method(path: Path) -> str:
    """Task and method, which are the folders that a config is in."""
    return '/'.join(path.parts[:2])


def row(where: str, what: Any) -> str:
    """Of the table, but for how many configs it stands."""
    names = [f'`{name}`' if name else ''
             for name in (what.codec, what.reads, what.head)]
    cells = [where, *names, 'yes' if what.covariance else '', what.why]
    return f'| {" | ".join(cells)} |'


TEMPLATE = """\
# Which models

What DARK does for each of the {count} configs that come with MMPose {version}.
Every one of them was converted by `darkify(cfg, head=True)`, or without
`head=True` where its head has no DARK version. Of what came out, codec, head
and flip test were built and run, with covariances where there are any, on
random features of the shapes that the config's backbone has for an image. One
that is refused is refused by `darkify`, in words. Made by

```bash
python tools/models/page.py
```

and tested, config by config, by `tests/test_stock_configs.py`.

| gains | configs |
|:--|--:|
{total}

*Positions*: joints are read to a fraction of a pixel, from any checkpoint.
*Covariances*: the head's `output_covariance=True`, see
[uncertainty](uncertainty.md), and where each person has a box and the data set
OKS constants, `score='similarity'`. A head merges the flip test where it
belongs.

| | configs in | MMPose reads by | DARK reads by | head | covariances | |
|--:|:--|:--|:--|:--|:--|:--|
{body}

The words of the last column:

{words}
"""


def main() -> None:
    """Write the page."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    import mmpose_dark  # noqa: F401  before any part of MMPose
    from mmengine.registry import init_default_scope
    from mmpose.utils import register_all_modules
    from rich.progress import track
    from stock_configs import CONFIGS, examine
    register_all_modules()
    init_default_scope('mmpose')
    page = text({path: examine(path)
                 for path in track(CONFIGS, description='')})
    PAGE.write_text(page)
    print(page)


if __name__ == '__main__':
    main()
