r"""Where decoding starts: the integer peak m of every map.

The raw peak is the brightest pixel. The modulated peak is the maximum of

.. math::
    \hat h(m) = \frac{\sum_i h_i\,g(i - m)}{\sqrt{\sum_i g(i - m)^2}},

the modulated map (Eq. 10) with each sum taken over the pixels that exist. The
denominator is a constant inside the map and keeps its border from looking
dark; the maximum of :math:`\hat h` is the most likely position of a Gaussian of
known sigma under white noise.
"""
import numpy as np

from .modulate import kernel_matrix


def raw_peak(xp, maps):
    """The first maximum of every map.

    Args:
        xp: The backend.
        maps (array): Heatmaps in shape (M, H, W).

    Returns:
        tuple: y, x and value of the peak, each in shape (M,).
    """
    width = maps.shape[-1]
    flat = maps.reshape(len(maps), -1)
    index = xp.argmax(flat)
    return index // width, index % width, xp.take_last(flat, index)


def modulated_peak(xp, maps, sigma, radius):
    """The maximum of every modulated map, and the raw maximum beside it.

    Args:
        xp: The backend.
        maps (array): Heatmaps in shape (M, H, W).
        sigma (float): Standard deviation of the kernel; heatmap pixels.
        radius (int): Radius of the kernel; heatmap pixels.

    Returns:
        tuple: y and x of the modulated peak and the maximum of the raw map,
        each in shape (M,). Where the modulated map has no positive finite
        maximum, y and x are those of the raw peak.
    """
    rows = _normalised(xp, maps, maps.shape[1], sigma, radius)
    cols = _normalised(xp, maps, maps.shape[2], sigma, radius)
    if xp.dynamic:
        return _bounded_search(xp, maps, rows, cols, sigma, radius)
    return _dense_search(xp, maps, rows, cols)


def _normalised(xp, maps, size, sigma, radius):
    kernel = kernel_matrix(xp, maps, size, sigma, radius)
    return kernel / xp.sqrt((kernel * kernel).sum(1))[:, None]


def _dense_search(xp, maps, rows, cols):
    raw_y, raw_x, value = raw_peak(xp, maps)
    y, x, best = raw_peak(xp, rows @ (maps @ cols.T))
    found = (best > 0) & xp.isfinite(best)
    return xp.where(found, y, raw_y), xp.where(found, x, raw_x), value


def _bounded_search(xp, maps, rows, cols, sigma, radius):
    """The dense search, spent only where the peak can be.

    The maximum of each row bounds what the row can contribute, so blurring
    the (M, H) row maxima bounds the modulated map row by row at 1/W of its
    cost. A band of rows around the raw peak is computed exactly; the few maps
    in which another row could still beat it are searched in full.
    """
    num, height, width = maps.shape
    which = np.arange(num)
    row_max = maps.max(2)
    raw_y = row_max.argmax(1)
    value = row_max[which, raw_y]
    raw_x = maps[which, raw_y].argmax(1)

    reach = int(np.ceil(1.5 * sigma))
    if height <= 2 * (reach + radius) + 1:
        return _dense_search(xp, maps, rows, cols)
    band = _row_windows(maps, raw_y, reach + radius)
    band_y = raw_y[:, None] + np.arange(-reach, reach + 1)
    offset = (np.arange(-reach - radius, reach + radius + 1)[None, :] -
              np.arange(-reach, reach + 1)[:, None])
    kernel = np.exp(offset * offset * (-0.5 / sigma**2))
    kernel = np.where(abs(offset) <= radius, kernel, 0).astype(maps.dtype)
    band = (kernel @ band).reshape(-1, width) @ cols.T
    # The row's own normalisation: the diagonal of `rows` is 1 / sqrt(sum g^2).
    scale = np.diag(rows)[band_y.clip(0, height - 1)]
    band = band.reshape(num, -1, width) * scale[:, :, None]
    band[(band_y < 0) | (band_y >= height)] = -np.inf
    band = band.reshape(num, -1)
    index = band.argmax(1)
    best = band[which, index]
    y, x = raw_y - reach + index // width, index % width

    bound = (row_max.clip(0) @ rows.T) * cols.sum(1).max()
    bound[which[:, None], band_y.clip(0, height - 1)] = -np.inf
    # The margin covers float32 rounding on both sides.
    open_ = np.flatnonzero(~(bound.max(1) < best * 0.9999))
    for part in np.array_split(open_, -(-len(open_) // 256) or 1):
        if len(part):
            y[part], x[part], _ = _dense_search(xp, maps[part], rows, cols)
    return y, x, value


def _row_windows(maps, y, radius):
    """(M, 2 * radius + 1, W): rows around ``y``, zero outside the map."""
    num, height, width = maps.shape
    size = 2 * radius + 1
    top = y - radius
    inside = top.clip(0, height - size)
    view = np.lib.stride_tricks.sliding_window_view(
        maps.reshape(num, -1), size * width, axis=1)
    out = view[np.arange(num), inside * width].reshape(num, size, width)
    over = np.flatnonzero(top != inside)
    if len(over):
        index = np.arange(size) + (top - inside)[over, None]
        keep = (index >= 0) & (index < size)
        shifted = out[over[:, None], index.clip(0, size - 1)]
        out[over] = np.where(keep[:, :, None], shifted, 0)
    return out
