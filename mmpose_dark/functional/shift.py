"""The standard shift, by which DARK is measured (the paper's Eq. 1)."""
import numpy as np


def quarter_shift(xp, maps, y, x):
    """A quarter of a pixel per axis towards the higher neighbour.

    As the official code and MMPose have it, including MMPose's conditions at
    the border, which leave out one more row and column than they must.

    Args:
        xp: The backend.
        maps (array): Heatmaps in shape (M, H, W).
        y, x (array): Integer peaks in shape (M,).

    Returns:
        tuple: dx and dy in shape (M,); heatmap pixels.
    """
    height, width = maps.shape[1:]
    flat = maps.reshape(maps.shape[0], -1)
    index = y * width + x

    def quarter(step, use):
        ahead = xp.where(use, index + step, index)
        back = xp.where(use, index - step, index)
        rise = xp.take_last(flat, ahead) - xp.take_last(flat, back)
        return 0.25 * (
            xp.to_float(rise > 0, maps) - xp.to_float(rise < 0, maps))

    return (quarter(1, (x > 1) & (x < width - 1) & (y > 0)),
            quarter(width, (y > 1) & (y < height - 1) & (x > 0)))


def shift_where_not(xp, refined, maps, y, x, dx, dy):
    """``dx`` and ``dy``, with the standard shift where ``refined`` is not."""
    if xp.dynamic:
        some = np.flatnonzero(~refined)
        if len(some):
            dx[some], dy[some] = quarter_shift(
                xp, maps[some], y[some], x[some])
        return dx, dy
    sx, sy = quarter_shift(xp, maps, y, x)
    return xp.where(refined, dx, sx), xp.where(refined, dy, sy)


def towards_second_max(xp, maps, y, x):
    """Eq. 1: a quarter of a pixel along (s - m) / |s - m|."""
    height, width = maps.shape[1:]
    if height * width == 1:
        return (xp.full((maps.shape[0], ), 0., maps), ) * 2
    flat = maps.reshape(maps.shape[0], -1)
    first = (y * width + x)[:, None]
    everywhere = xp.to_index(xp.arange(0, height * width, maps))[None, :]
    second = xp.argmax(xp.where(everywhere == first, -float('inf'), flat))
    dx = xp.to_float(second % width - x, maps)
    dy = xp.to_float(second // width - y, maps)
    norm = xp.sqrt(dx * dx + dy * dy)
    norm = xp.where(norm > 0, norm, 1.)
    return 0.25 * dx / norm, 0.25 * dy / norm
