"""The Taylor step (Eq. 8) and the official code's way to it."""
import numpy as np

from .fit import fit, inside_map
from .modulate import stencil_weights
from .step import newton_step


def central_differences(table):
    """Gradient and Hessian as the official code takes them.

    Args:
        table (array): Log heatmaps in shape (M, 5, 5), the peak in the
            middle.

    Returns:
        tuple: gradient x and y, Hessian xx, yy and xy, each in shape (M,).
    """
    at = [table[:, 2 + dy, 2 + dx] for dy, dx in
          ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (0, 2), (0, -2), (2, 0),
           (-2, 0), (1, 1), (-1, 1), (1, -1), (-1, -1))]
    (mid, right, left, down, up, right2, left2, down2, up2, down_right,
     up_right, down_left, up_left) = at
    return (0.5 * (right - left), 0.5 * (down - up),
            0.25 * (right2 - 2 * mid + left2), 0.25 * (down2 - 2 * mid + up2),
            0.25 * (down_right - up_right - down_left + up_left))


def official_step(xp, stencil, y, x, height, width, limit):
    """One Taylor step by central differences, as the official code has it.

    Args:
        stencil (array): (M, 5, 5) map values around the integer peak.
        limit (float): Longest credible step per axis; heatmap pixels.

    Returns:
        tuple: dx, dy and whether the step makes sense: a peak 2 px inside the
        border, a negative definite Hessian, a step within the limit.
    """
    inside = (x > 1) & (x < width - 2) & (y > 1) & (y < height - 2)
    table = xp.log(xp.where(stencil > 1e-10, stencil, 1e-10))
    dx, dy, definite = newton_step(*central_differences(table))
    credible = (abs(dx) <= limit) & (abs(dy) <= limit)
    return dx, dy, inside & definite & credible


def official_or_fit(xp, maps, y, x, limit, kernel):
    """The official step from the raw peak; where that fails, a local fit.

    The fit starts at the highest pixel of the normalised modulated map within
    2 px of the raw peak.

    Args:
        xp: The backend.
        maps (array): Heatmaps in shape (M, H, W).
        y, x (array): Raw peaks in shape (M,).
        limit (float): Longest credible step per axis; heatmap pixels.
        kernel (Kernel): The modulation kernel.

    Returns:
        tuple: dx, dy from the raw peak, in shape (M,), heatmap pixels, and
        whether either way led to a result.
    """
    height, width = maps.shape[1:]
    reach = kernel.radius + 2
    taps, both = stencil_weights(xp, maps, kernel, 2)
    windows = xp.windows(maps, y, x, reach, reach)
    stencil = (windows.reshape(maps.shape[0], -1) @ both).reshape(-1, 5, 5)
    dx, dy, official = official_step(xp, stencil, y, x, height, width, limit)

    # Only numpy may look at the data and do less.
    which = np.flatnonzero(~official) if xp.dynamic else None
    if which is not None:
        if len(which) == 0:
            return dx, dy, official
        stencil, y, x = stencil[which], y[which], x[which]
    oy, ox = _highest_of(xp, stencil, y, x, taps, maps)
    fx, fy, fitted = fit(xp, maps, y + oy, x + ox, kernel, which)
    fx, fy = fx + xp.to_float(ox, maps), fy + xp.to_float(oy, maps)
    if which is not None:
        dx[which], dy[which], official[which] = fx, fy, fitted
        return dx, dy, official
    return (xp.where(official, dx, fx), xp.where(official, dy, fy),
            official | fitted)


def _highest_of(xp, stencil, y, x, taps, maps):
    """Offset of the highest pixel of the normalised modulated stencil."""
    height, width = maps.shape[1:]
    reach = taps.shape[1] // 2
    squares = (taps * taps).T
    energy_y = inside_map(xp, y, reach, height, maps) @ squares
    energy_x = inside_map(xp, x, reach, width, maps) @ squares
    on_map = (inside_map(xp, y, 2, height, maps)[:, :, None] *
              inside_map(xp, x, 2, width, maps)[:, None, :]) > 0
    local = stencil / xp.sqrt(energy_y[:, :, None] * energy_x[:, None, :])
    local = xp.where(on_map & xp.isfinite(local), local, -float('inf'))
    best = xp.argmax(local.reshape(-1, 25))
    return best // 5 - 2, best % 5 - 2
