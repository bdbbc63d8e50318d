"""Steps off the raw peak by differences of pixels, as the official code has
them: the standard shift (Eq. 1) and the Taylor step (Eq. 8).

Symbols: M maps of D axes. Pixels are indices in shape (D, M), x first, which
is the last axis of a map.
"""
from itertools import combinations
from typing import Any, Sequence, Tuple

from .backends import Backend, table
from .fit import View, fit, longest, newton_step
from .modulate import Kernel
from .peak import (
    LOOKED_AT,
    ends,
    highest,
    modulated_stencils,
    stencils_of_unit_energy,
)


def quarter_shift(xp: Backend, maps: Any, at: Any,
                  which: Any = None) -> Any:
    """A quarter of a pixel per axis towards the higher neighbour.

    As the official code and MMPose have it, including MMPose's conditions at
    the border, which leave out one more row and column than they must.

    Args:
        xp: The backend.
        maps (Array): in shape (M, ...), D axes.
        at (Array): Integer peaks in shape (D, m).
        which (Array, optional): The maps that they are of. Defaults to
            ``None``: all.

    Returns:
        Array: The step in shape (D, m); px.
    """
    around = xp.windows(maps, at, 1, which)
    around = around.reshape(around.shape[0], -1)
    middle = around.shape[1] // 2
    steps = []
    for axis, size in enumerate(maps.shape[:0:-1]):
        rise = around[:, middle + 3**axis] - around[:, middle - 3**axis]
        use = (at[axis] > 1) & (at[axis] < size - 1)
        for other in (*at[:axis], *at[axis + 1:]):
            use = use & (other > 0)
        steps.append(xp.where(use, 0.25 * (
            xp.to_float(rise > 0, maps) - xp.to_float(rise < 0, maps)), 0.))
    return xp.stack(steps)


def official_step(xp: Backend, stencils: Any, at: Any,
                  shape: Sequence[int], limit: float) -> Tuple[Any, Any]:
    """One Taylor step by central differences, as the official code has it.

    Args:
        xp: The backend.
        stencils (Array): Map values within 2 px of the integer peak, in shape
            (M, 5, ...).
        at (Array): That peak.
        shape (Sequence[int]): Of a map.
        limit (float): Longest credible step per axis; px.

    Returns:
        tuple: The step in shape (D, M) and whether it makes sense: a peak
        2 px inside the border, a negative definite Hessian, a step within
        the limit.
    """
    axes, values = len(at), 5**len(at)
    logs = xp.log(xp.where(stencils > 1e-10, stencils, 1e-10)).reshape(
        -1, values)
    # Differences do not see a constant, and small numbers round less.
    middle = values // 2
    logs = logs - logs[:, middle:middle + 1]
    found = _central_differences(xp, logs, axes) @ logs.T
    step, good = newton_step(
        xp, found[:axes], found[axes:2 * axes], list(found[2 * axes:]))
    for pixel, size in zip(at, shape[::-1]):
        good = good & (pixel > 1) & (pixel < size - 2)
    return step, good & (longest(xp, step) <= limit)


@table
def _central_differences(xp: Backend, like: Any, axes: int) -> Any:
    """Weights of a flattened stencil, as the official code's: (n, 5^D).

    They make the gradient, and of minus the Hessian the diagonal and what is
    above it.
    """
    along = [5**axis for axis in range(axes)]
    middle = 5**axes // 2
    rows = [{i: .5, -i: -.5} for i in along]
    rows += [{2 * i: -.25, 0: .5, -2 * i: -.25} for i in along]
    rows += [{i + j: -.25, i - j: .25, j - i: .25, -i - j: -.25}
             for i, j in combinations(along, 2)]
    return xp.array([[row.get(place - middle, 0.) for place in range(5**axes)]
                     for row in rows], like)


def official_or_fit(xp: Backend, maps: Any, kernel: Kernel,
                    limit: float) -> Tuple[Any, Any, Any, Any]:
    """The official step from the raw peak; where that fails, a local fit.

    The fit starts at the highest pixel of the normalised modulated map within
    2 px of the raw peak.

    Args:
        xp: The backend.
        maps (Array): in shape (M, ...), D axes.
        kernel (Kernel): The modulation kernel.
        limit (float): Longest credible step per axis; px.

    Returns:
        tuple: The raw peak and its value (M,), the step from there (D, M), px,
        and whether either way led to a result, (M,).
    """
    at, value, stencils = xp.by_parts(
        lambda part: _stencils_at_raw_peak(xp, part, kernel), maps, LOOKED_AT)
    at = at.T
    step, official = official_step(xp, stencils, at, maps.shape[1:], limit)

    def fitted(which: Any) -> Any:
        step, good, _ = fit_nearby(
            xp, maps, stencils[which], at[:, which], kernel, which)
        return xp.stack([*step, xp.to_float(good, maps)])

    # The step and, in a last row, whether there is one.
    found = xp.put_where(
        ~official, xp.stack([*step, xp.to_float(official, maps)]), fitted)
    return at, value, found[:-1], found[-1] > 0


def _stencils_at_raw_peak(xp: Backend, maps: Any,
                          kernel: Kernel) -> Sequence[Any]:
    at, value = highest(xp, maps)
    return at.T, value, stencils_around(xp, maps, at, kernel)


def stencils_around(xp: Backend, maps: Any, at: Any, kernel: Kernel,
                    which: Any = None) -> Any:
    """The modulated maps within 2 px of a pixel, in shape (m, 5, ...)."""
    around = xp.windows(maps, at, kernel.radius + 2, which)
    return modulated_stencils(xp, around, kernel, 2)


def fit_nearby(xp: Backend, maps: Any, stencils: Any, at: Any, kernel: Kernel,
               which: Any) -> Tuple[Any, Any, View]:
    """Fit from the highest pixel of the normalised modulated stencil.

    Args:
        xp: The backend.
        maps (Array): in shape (M, ...), D axes.
        stencils (Array): Of :func:`stencils_around`.
        at (Array): The pixels that these are around, in shape (D, m).
        kernel (Kernel): The modulation kernel.
        which (Array): The maps that they are of.

    Returns:
        tuple: The step from ``at`` in shape (D, m), px, and the rest as of
        :func:`.fit`.
    """
    shape = maps.shape[1:]
    local = stencils_of_unit_energy(xp, stencils, at, kernel, shape)
    offset, top = highest(xp, local)
    # One pixel that is not finite takes the whole stencil with it, and leaves
    # nothing to compare. Of a map without positive pixels the best may lie
    # beside it.
    near = xp.to_index(xp.clip(
        xp.to_float(xp.where(xp.isfinite(top), at + (offset - 2), at), maps),
        *ends(xp, maps, *shape)))
    around = xp.windows(maps, near, kernel.window, which)
    step, good, view = fit(xp, around, near, kernel, shape)
    return step + xp.to_float(near - at, maps), good, view
