"""The modulated map where it is needed: on a few pixels around a peak."""
from ._backend import table


@table
def on_map(xp, like, radius, size):
    """(size, 2 * radius + 1): 1 for pixels around each pixel on the map."""
    index = xp.arange(0, size, like)[:, None] + xp.arange(
        -radius, radius + 1, like)
    return xp.to_float((index >= 0) & (index < size), like)


@table
def _stencil_taps(xp, like, kernel, reach, outer):
    """The kernel around each of 2 * reach + 1 pixels of 2 * outer + 1."""
    return kernel.at(
        xp,
        xp.arange(-outer, outer + 1, like) -
        xp.arange(-reach, reach + 1, like)[:, None])


@table
def _stencil_norm(xp, like, kernel, reach, size):
    """(size, 2 * reach + 1): one over the energy of the kernel's taps.

    Around each pixel of an axis, of the taps that are on the map. 0 for
    pixels that are not.
    """
    taps = kernel.at(
        xp, xp.arange(-kernel.radius, kernel.radius + 1, like))
    norm = 1 / xp.sqrt(on_map(xp, like, kernel.radius, size) @ (taps * taps))
    index = xp.to_index(
        xp.arange(0, size, like)[:, None] +
        xp.arange(-reach, reach + 1, like))
    return norm[xp.clip(index, 0, size - 1)] * on_map(xp, like, reach, size)


def modulated_stencils(xp, windows, kernel, reach):
    """The modulated map around the middle of every window.

    Args:
        xp: The backend.
        windows (array): Cuts of maps in shape (M, w, w), w at least
            2 * (reach + kernel.radius) + 1.
        kernel (Kernel): The modulation kernel.
        reach (int): Pixels of the stencil on each side of its middle.

    Returns:
        array: (M, 2 * reach + 1, 2 * reach + 1).
    """
    taps = _stencil_taps(
        xp, windows, kernel, reach, windows.shape[1] // 2)
    size, width = taps.shape
    # One product for all rows of all windows, then a small one for each.
    rows = windows.reshape(-1, width) @ taps.T
    return taps @ rows.reshape(-1, width, size)


def normalise_stencils(xp, stencils, y, x, kernel, shape):
    """Stencils around pixels (y, x) of an (H, W) map, normalised.

    By the energy of the kernel that is on the map, see :mod:`.peaks`; 0
    outside the map.
    """
    reach = stencils.shape[1] // 2
    height, width = shape
    by_y = _stencil_norm(xp, stencils, kernel, reach, height)[y]
    by_x = _stencil_norm(xp, stencils, kernel, reach, width)[x]
    return stencils * by_y[:, :, None] * by_x[:, None, :]
