"""The Taylor step (Eq. 8) and the official code's way to it."""
from functools import partial
from typing import Any, Tuple

from ._backend import Array, Backend, table
from ._fit import fit, newton_step
from ._peaks import raw_peak
from ._search import by_parts
from ._windows import modulated_stencils, normalise_stencils, windows
from .modulate import Kernel


@table
def _central_differences(xp, like):
    """(5, 25) weights of a flattened 5x5 stencil, as the official code's.

    They make gradient x and y, Hessian xx, yy and xy of it.
    """
    index = xp.arange(-2, 3, like)
    at = {i: xp.to_float(index == i, like) for i in range(-2, 3)}
    slope = 0.5 * (at[1] - at[-1])
    bend = 0.25 * (at[2] - 2 * at[0] + at[-2])
    pairs = ((at[0], slope), (slope, at[0]), (at[0], bend), (bend, at[0]),
             (slope, slope))
    return xp.stack([(row[:, None] * column).reshape(25)
                     for row, column in pairs])


def official_step(xp: Backend, stencil: Array, y: Array, x: Array,
                  shape: Tuple[int, int],
                  limit: float) -> Tuple[Array, Array]:
    """One Taylor step by central differences, as the official code has it.

    Args:
        xp: The backend.
        stencil (Array): (M, 5, 5) map values around the integer peak.
        y, x (Array): That peak, in shape (M,).
        shape (tuple[int, int]): (H, W) of the maps.
        limit (float): Longest credible step per axis; heatmap pixels.

    Returns:
        tuple: (dx, dy) in shape (2, M) and whether the step makes sense: a
        peak 2 px inside the border, a negative definite Hessian, a step
        within the limit.
    """
    height, width = shape
    inside = (x > 1) & (x < width - 2) & (y > 1) & (y < height - 2)
    values = xp.log(xp.where(stencil > 1e-10, stencil, 1e-10)).reshape(-1, 25)
    # Differences do not see a constant, and small numbers round less.
    values = values - values[:, 12:13]
    by_x, by_y, xx, yy, xy = range(5)
    found = _central_differences(xp, stencil) @ values.T
    step, definite = newton_step(
        xp, found[by_x:by_y + 1], found[xx:yy + 1], found[xy])
    length = xp.maximum(abs(step[0]), abs(step[1]))
    return step, inside & definite & (length <= limit)


def official_or_fit(xp: Backend, maps: Array, limit: float, kernel: Kernel
                    ) -> Tuple[Array, Array, Array, Array, Array]:
    """The official step from the raw peak; where that fails, a local fit.

    The fit starts at the highest pixel of the normalised modulated map within
    2 px of the raw peak.

    Args:
        xp: The backend.
        maps (Array): Heatmaps in shape (M, H, W).
        limit (float): Longest credible step per axis; heatmap pixels.
        kernel (Kernel): The modulation kernel.

    Returns:
        tuple: y, x and value of the raw peak, each in shape (M,), (dx, dy)
        from there in shape (2, M), heatmap pixels, and whether either way led
        to a result.
    """
    y, x, top, stencils = _stencils_at_raw_peak(xp, kernel, maps)
    step, official = official_step(
        xp, stencils, y, x, maps.shape[1:], limit)
    # The step and whether there is one, in three rows.
    found = xp.put_where(
        ~official, xp.stack([*step, xp.to_float(official, maps)]),
        lambda which: _fit_nearby(xp, maps, stencils[which], y[which],
                                  x[which], kernel, which))
    return y, x, top, found[:2], found[2] > 0


def _stencils_at_raw_peak(xp, kernel, maps):
    """The raw peak and the modulated map within 2 px of it."""
    if not xp.dynamic:
        return _stencils_of(xp, kernel, maps)
    return by_parts(partial(_stencils_of, xp, kernel), maps)


def _stencils_of(xp, kernel, maps):
    y, x, top = raw_peak(xp, maps)
    around = windows(xp, maps, y, x, kernel.radius + 2)
    return y, x, top, modulated_stencils(xp, around, kernel, 2)


def _fit_nearby(xp: Backend, maps: Array, stencils: Array, y: Array, x: Array,
                kernel: Kernel, which: Any) -> Array:
    """Fit from the highest pixel of the normalised modulated stencil.

    Returns:
        Array: dx, dy and 1 where there is a fit, in shape (3, m).
    """
    height, width = maps.shape[1:]
    local = normalise_stencils(
        xp, stencils, y, x, kernel, (height, width)).reshape(-1, 25)
    # One pixel that is not finite takes the whole stencil with it, and leaves
    # nothing to compare.
    best = xp.where(xp.isfinite(local[:, 12]), xp.argmax(local), 12)
    # Of a map without positive pixels the best may lie beside it.
    near_y = xp.clip(y + best // 5 - 2, 0, height - 1)
    near_x = xp.clip(x + best % 5 - 2, 0, width - 1)
    around = windows(xp, maps, near_y, near_x, kernel.window, which)
    (dx, dy), fitted, _ = fit(xp, around, near_y, near_x, kernel,
                              (height, width))
    return xp.stack([dx + xp.to_float(near_x - x, maps),
                     dy + xp.to_float(near_y - y, maps),
                     xp.to_float(fitted, maps)])
