"""The standard shift, by which DARK is measured (the paper's Eq. 1)."""
from ._backend import Array, Backend


def quarter_shift(xp: Backend, maps: Array, y: Array, x: Array) -> Array:
    """A quarter of a pixel per axis towards the higher neighbour.

    As the official code and MMPose have it, including MMPose's conditions at
    the border, which leave out one more row and column than they must.

    Args:
        xp: The backend.
        maps (array): Heatmaps in shape (M, H, W).
        y, x (array): Integer peaks in shape (M,).

    Returns:
        array: (dx, dy) in shape (2, M); heatmap pixels.
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

    return xp.stack([
        quarter(1, (x > 1) & (x < width - 1) & (y > 0)),
        quarter(width, (y > 1) & (y < height - 1) & (x > 0))])
