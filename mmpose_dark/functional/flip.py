r"""Flip test: bringing the heatmaps of a flipped input back.

Flip the input, and the heatmap that comes out is the mirror image of the other
one only up to an offset: an input pixel x becomes w - 1 - x, and where a
heatmap pixel stands for s input pixels whose first is its centre, flipping the
map back leaves it :math:`1 - 1/s` px off. That is no whole number, so the map
is interpolated, by the cubic through the four nearest pixels (Lagrange): it is
exact for cubics, and moves a Gaussian of sigma 1 / 2 by 0.75 px with an error
of 0.01 / 0.0007 px, where linear interpolation errs by 0.025 / 0.006 px and
flattens the peak.
"""
import math
import numbers
import operator
from typing import Any, Iterator, List, Optional, Sequence, Tuple

import numpy as np

from .backends import Array, Backend, as_maps, table


def mirror_offset(input_size: Tuple[float, float],
                  map_size: Tuple[float, float],
                  centre: float = 0.,
                  use_udp: bool = False) -> Tuple[float, float]:
    r"""How far a flipped-back map lies from where it should, (x, y).

    Flipping the input takes an input pixel x to w - 1 - x. It lies at :math:`x
    / s - c` on the map, s = w / W, and flipping the map back leads to
    :math:`x / s - c - (1 - 1 / s - 2 c)`.

    Args:
        input_size (tuple): Size of the input (w, h); px
        map_size (tuple): Size of the map (W, H); px, or bins of a vector
        centre (float): Where in a pixel of the map its index points; 0 for
            MMPose's usual codecs, .5 for ``MegviiHeatmap``. Defaults to 0
        use_udp (bool): Whether both are aligned at the centres of their corner
            pixels; then there is no offset. Defaults to ``False``

    Returns:
        tuple[float, float]: What to shift the flipped-back map by, towards
        higher indices; px of the map.
    """
    if use_udp:
        return 0., 0.
    x, y = (1 - of_map / of_input - 2 * centre
            for of_map, of_input in zip(map_size, input_size))
    return x, y


def flip_heatmaps(heatmaps: Array,
                  flip_indices: Optional[Sequence[int]] = None,
                  *,
                  shift: float = 0.) -> Array:
    r"""Flip heatmaps back, swap left and right channels, and shift.

    Args:
        heatmaps (np.ndarray | Tensor): Heatmaps of the flipped input in
            shape (..., K, H, W).
        flip_indices (Sequence[int], optional): The index of the symmetric
            keypoint of each of the K. Defaults to ``None``: channels stay.
        shift (float): How far the flipped-back map is moved towards higher
            x; heatmap pixels. See
            :attr:`mmpose_dark.DarkHeatmap.flip_shift`. 0 and 1 are, bit for
            bit, what MMPose does without and with ``shift_heatmap``. Defaults
            to 0.

    Returns:
        np.ndarray | Tensor: Heatmaps in the shape of ``heatmaps``, of its
        kind; float64 for float64 and float32 for anything else.

    Note:
        Where the shift reaches over the border, what comes in repeats the
        border pixel, as in MMPose. A pixel that is not finite takes its row
        with it.

    Raises:
        ValueError: A shape or shift that makes no sense, or indices
            that do not name each of the K channels once.
        TypeError: ``heatmaps`` are not real numbers.

    Example:
        >>> import numpy as np
        >>> flip_heatmaps(np.array([[[0., 0., 4., 1.]]]))
        array([[[1., 4., 0., 0.]]])
        >>> flip_heatmaps(np.array([[[0., 0., 4., 1.]]]), shift=1)
        array([[[1., 1., 4., 0.]]])
    """
    xp, maps = as_maps(heatmaps)
    if (not isinstance(shift, (numbers.Real, np.number))
            or not abs(shift) < 1e6):
        raise ValueError('shift must be a number (heatmap px) below a '
                         f'million, got {shift!r}')
    if flip_indices is not None:
        maps = maps[..., _checked(flip_indices, maps.shape), :, :]

    with xp.guard(maps):
        return maps @ _flip_and_shift(xp, maps, maps.shape[-1], float(shift))


def flip_vectors(vectors: Array,
                 flip_indices: Optional[Sequence[int]] = None,
                 *,
                 shift: float = 0.) -> Array:
    """Bring the vectors of a flipped input back.

    Args:
        vectors (np.ndarray | Tensor): Vectors in shape (..., K, W).
        flip_indices (Sequence[int], optional): As of :func:`flip_heatmaps`.
        shift (float): How far the flipped-back vector is moved towards higher
            x; bins. ``1 - k`` brings it where it belongs, see
            :func:`mirror_offset`. Defaults to 0.

    Returns:
        np.ndarray | Tensor: Vectors in the shape of ``vectors``, see
        :func:`flip_heatmaps`.

    Raises:
        ValueError, TypeError: As of :func:`flip_heatmaps`.
    """
    as_maps(vectors, 1, 'vectors')
    return flip_heatmaps(
        vectors[..., None, :], flip_indices, shift=shift)[..., 0, :]


def flip_simcc(simcc_x: Array, simcc_y: Array, flip_indices: Sequence[int], *,
               shift: float = 0.) -> Tuple[Array, Array]:
    """Bring the vectors of a flipped input back.

    Args:
        simcc_x, simcc_y (np.ndarray | Tensor): in shape (..., K, W) and
            (..., K, H).
        flip_indices (Sequence[int]): The symmetric keypoint of each of the K.
        shift (float): What to move those over x by, see
            :func:`flip_vectors`; bins. Defaults to 0, as MMPose does.

    Returns:
        tuple: Those over x and y, in the same shapes.

    Raises:
        ValueError, TypeError: As of :func:`flip_heatmaps`.
    """
    back = flip_vectors(simcc_x, flip_indices, shift=shift)
    y: Any = as_maps(simcc_y, 1, 'simcc_y')[1]
    return back, y[..., _checked(flip_indices, (*y.shape, 1)), :]


@table
def _flip_and_shift(xp: Backend, like: Any, size: int,
                    shift: float) -> Any:
    """(size, size) matrix: column i holds what makes up pixel i."""
    offset, taps = zip(*_taps(shift))
    pixel = xp.arange(0, size, like)
    sources = [xp.clip(size - 1 - pixel + by, 0, size - 1) for by in offset]
    found = xp.to_float(
        pixel[:, None] == xp.stack(sources)[:, None, :], like)
    return sum(tap * matrix for tap, matrix in zip(taps, found))


def _taps(shift: float) -> Iterator[Tuple[int, float]]:
    """Offsets and weights that interpolate at ``i - shift``.

    At a whole number, one weight is 1 and the others are 0.
    """
    first = math.floor(shift) - 1
    nodes = range(first, first + 4)
    for node in nodes:
        yield node, math.prod((shift - other) / (node - other)
                              for other in nodes if other != node)


def _checked(flip_indices: Sequence[int],
             shape: Tuple[int, ...]) -> List[int]:
    num = shape[-3] if len(shape) > 2 else 0
    indices: Optional[List[int]] = None
    try:
        indices = [operator.index(i) for i in flip_indices]
    except TypeError:
        pass
    if indices is None or sorted(indices) != list(range(num)):
        raise ValueError(
            'flip_indices must name each of the K channels once, got '
            f'{flip_indices!r} for heatmaps of shape {tuple(shape)}')
    return indices
