"""Which outputs of a network are its heatmaps or vectors, by their shapes.

Symbols: B batch, K keypoints, (w, h) input size in px, (W, H) size of a
heatmap in px or lengths of two vectors in bins.
"""
from typing import Dict, List, Optional, Sequence, Tuple

#: the sizes of an output, ``None`` where they are not fixed
Shape = Tuple[Optional[int], ...]


def find_maps(shapes: Dict[str, Shape], of_vectors: bool,
              input_size: Tuple[int, int],
              outputs: Optional[Sequence[str]] = None) -> List[str]:
    """Find the outputs that a codec reads.

    Args:
        shapes (dict[str, Shape]): Of all outputs
        of_vectors (bool): Whether two vectors are looked for, not heatmaps
        input_size (tuple[int, int]): (w, h); px
        outputs (Sequence[str], optional): Their names. Defaults to ``None``:
            found by their shapes, of several stages the last

    Returns:
        list[str]: The one with the heatmaps, or those with the vectors over x
        and over y.

    Raises:
        ValueError: There are none, or several that may be meant.
    """
    if outputs:
        return _named(shapes, outputs, of_vectors)
    return _found(shapes, of_vectors, input_size)


def listed(shapes: Dict[str, Shape],
            names: Optional[Sequence[str]] = None) -> str:
    """``name (B, 17, 64, 48), ...`` with ``?`` for what is not fixed."""
    return ', '.join(
        f'{name} ({", ".join("?" if s is None else str(s) for s in shape)})'
        for name, shape in shapes.items() if names is None or name in names)


def _named(shapes: Dict[str, Shape], outputs: Sequence[str],
           of_vectors: bool) -> List[str]:
    """The outputs that the user names."""
    names = [outputs] if isinstance(outputs, str) else list(outputs)
    ndim = 3 if of_vectors else 4
    if (len(names) != (2 if of_vectors else 1)
            or any(len(shapes.get(name, ())) != ndim for name in names)):
        what = ('vectors over x and over y, (B, K, W) and (B, K, H)'
                if of_vectors else 'heatmaps, (B, K, H, W)')
        raise ValueError(f'outputs must name the {what}, got {names}; '
                         f'the network has {listed(shapes)}')
    return names


def _found(shapes: Dict[str, Shape], of_vectors: bool,
           input_size: Tuple[int, int]) -> List[str]:
    """The outputs with the shapes of the codec's heatmaps or vectors."""
    kinds = dict(heatmaps=_heatmaps(shapes, input_size),
                 vectors=_vectors(shapes, input_size))
    wanted, other = (('vectors', 'heatmaps') if of_vectors
                     else ('heatmaps', 'vectors'))
    found = kinds[wanted]
    if not found:
        what = ('two vectors (B, K, W) and (B, K, H), W to H as w to h'
                if of_vectors else 'heatmaps (B, K, H, W), W to H as w to h')
        hint = (f'. It has {other}, which a codec of {other} reads'
                if kinds[other] else '')
        raise ValueError(
            f'no output has the shape of {what}, for an input of '
            f'{input_size[0]}x{input_size[1]}, got {listed(shapes)}{hint}')
    flat = [name for names in found for name in names]
    stages = {tuple(shapes[name] for name in names) for names in found}
    if len(stages) > 1 or len(set(flat)) < len(flat):
        raise ValueError(
            f'several outputs may be the {wanted}: {listed(shapes, flat)}. '
            'Name the one that is meant, or the two of vectors (outputs=)')
    return list(found[-1])


def _heatmaps(shapes: Dict[str, Shape],
              input_size: Tuple[int, int]) -> List[Tuple[str, ...]]:
    """Outputs (B, K, H, W) of the input's shape."""
    return [(name, ) for name, shape in shapes.items() if len(shape) == 4
            and (None in shape[1:] or _alike(shape[:1:-1], input_size))]


def _vectors(shapes: Dict[str, Shape],
             input_size: Tuple[int, int]) -> List[Tuple[str, ...]]:
    """Pairs of outputs (B, K, W) and (B, K, H), over x first."""
    names = [name for name, shape in shapes.items() if len(shape) == 3]
    pairs: List[Tuple[str, ...]] = []
    for i, first in enumerate(names):
        for second in names[i + 1:]:
            one, other = shapes[first], shapes[second]
            if one[1] != other[1]:
                continue
            if None in one[1:] + other[1:] or _alike(
                    (one[2], other[2]), input_size):
                pairs.append((first, second))
            elif _alike((other[2], one[2]), input_size):
                pairs.append((second, first))
    return pairs


def _alike(size: Sequence[Optional[int]],
           input_size: Tuple[int, int]) -> bool:
    """Whether W is to H as w to h, but for rounding."""
    (width, height), (w, h) = size, input_size
    return (width is not None and height is not None
            and abs(width * h / (height * w) - 1) < .1)
