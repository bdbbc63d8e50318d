"""The Taylor step (Eq. 8) and the official code's way to it."""
import numpy as np

from .fit import fit
from .peaks import raw_peak_and_windows
from .stencil import modulated_stencils, normalise_stencils
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


def official_or_fit(xp, maps, limit, kernel):
    """The official step from the raw peak; where that fails, a local fit.

    The fit starts at the highest pixel of the normalised modulated map within
    2 px of the raw peak.

    Args:
        xp: The backend.
        maps (array): Heatmaps in shape (M, H, W).
        limit (float): Longest credible step per axis; heatmap pixels.
        kernel (Kernel): The modulation kernel.

    Returns:
        tuple: y, x and value of the raw peak, dx, dy from there, each in
        shape (M,), heatmap pixels, and whether either way led to a result.
    """
    height, width = maps.shape[1:]
    y, x, top, windows = raw_peak_and_windows(xp, maps, kernel.radius + 2)
    stencils = modulated_stencils(xp, windows, kernel, 2)
    dx, dy, official = official_step(
        xp, stencils, y, x, height, width, limit)

    # Only numpy may look at the data and do less.
    which = np.flatnonzero(~official) if xp.dynamic else None
    if which is None:
        fx, fy, fitted = _fit_nearby(xp, maps, stencils, y, x, kernel)
        return (y, x, top, xp.where(official, dx, fx),
                xp.where(official, dy, fy), official | fitted)
    if len(which):
        dx[which], dy[which], official[which] = _fit_nearby(
            xp, maps, stencils[which], y[which], x[which], kernel, which)
    return y, x, top, dx, dy, official


def _fit_nearby(xp, maps, stencils, y, x, kernel, which=None):
    """Fit from the highest pixel of the normalised modulated stencil."""
    height, width = maps.shape[1:]
    local = normalise_stencils(xp, stencils, y, x, kernel, (height, width))
    local = xp.where(xp.isfinite(local), local, -float('inf'))
    best = xp.argmax(local.reshape(-1, 25))
    # A map of nothing finite has its highest pixel anywhere.
    near_y = xp.clip(y + best // 5 - 2, 0, height - 1)
    near_x = xp.clip(x + best % 5 - 2, 0, width - 1)
    dx, dy, fitted = fit(xp, maps, near_y, near_x, kernel, which)
    return (dx + xp.to_float(near_x - x, maps),
            dy + xp.to_float(near_y - y, maps), fitted)
