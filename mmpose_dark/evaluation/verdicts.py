"""What a comparison of decoders says to do, in words."""
from typing import Any, Dict, List, Optional, Sequence

from .comparison import gain_with_interval

#: fewer people make no interval that one could rely on
FEW = 20


def verdict(rows: Sequence[Dict[str, Any]],
            base: Dict[str, Any]) -> List[Dict[str, Any]]:
    """What the steps to DARK are worth, one on top of the other.

    The first swaps the codec, with the merge of the flip test as it is; the
    second swaps the head, which merges exactly. Of a config whose codec is
    DARK already, the first is told against the standard shift.

    Args:
        rows (Sequence[dict]): Of :func:`mmpose_dark.evaluation.compare`
        base (dict): That of them which is used today

    Returns:
        list[dict]: Of plain values: ``step`` (``'codec'`` or ``'head'``),
        ``done`` (whether the config has taken it), ``gain`` in mean OKS x 100
        and its 95 % ``interval``, ``people``, and ``sure``, whether the
        interval is on one side of 0 and of at least :data:`FEW` people.
        Steps whose rows are missing, or whose people have no OKS, are left
        out.
    """
    merge, name = base['merge'], base['decoder']
    done = name.startswith('Dark')
    shift, dark, exact = (
        _row(rows, decoder, how) for decoder, how in (
            ('shift', merge), ('DARK', merge), ('DARK', 'exact')))
    before, after = (shift, base) if done else (base, dark)
    steps = [_step('codec', done, before, after)]
    if merge == 'stock':
        steps.append(_step('head', False, after, exact))
    return [step for step in steps if step is not None]


def verdict_text(steps: Sequence[Dict[str, Any]]) -> str:
    """Steps of :func:`verdict` as a sentence for each."""
    lines = []
    for step in steps:
        what = {('codec', False): 'Swap the codec',
                ('codec', True): 'The codec is DARK, against the standard '
                                 'shift',
                ('head', False): 'Swap the head too'}[
                    step['step'], step['done']]
        low, high = step['interval']
        if low == high == 0:
            lines.append(f'{what}: changes nothing.')
            continue
        more = ' more' if step['step'] == 'head' else ''
        sure = ('sure' if step['sure'] else 'not sure: too few people'
                if step['people'] < FEW else 'not sure')
        helps = '' if step['gain'] > 0 or not step['sure'] else (
            ', and it does not help')
        lines.append(f'{what}: {step["gain"]:+.2f} OKS x 100{more} '
                     f'[{low:+.2f}, {high:+.2f}], {sure}{helps}.')
    return '\n'.join(lines)


def _row(rows: Sequence[Dict[str, Any]], decoder: str,
         merge: str) -> Optional[Dict[str, Any]]:
    return next((row for row in rows if row['decoder'] == decoder
                 and row['merge'] == merge), None)


def _step(name: str, done: bool, before: Optional[Dict[str, Any]],
          after: Optional[Dict[str, Any]]) -> Optional[Dict[str, Any]]:
    if before is None or after is None:
        return None
    gain, (low, high), people = gain_with_interval(after['oks'], before['oks'])
    if not people:  # a data set without the constants of OKS
        return None
    return dict(step=name, done=done, gain=gain, interval=[low, high],
                people=people,
                sure=people >= FEW and (low > 0 or high < 0))
