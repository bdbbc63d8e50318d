"""Covariance of fitted positions."""
from ._fit import (
    derivatives_of_log,
    gaussian_by_powers,
    inside_map,
    moments,
    offsets,
)
from ._windows import windows


def covariance(xp, maps, points, fitted, kernel):
    """Covariance of fitted positions, see :func:`.decode_heatmaps`.

    Args:
        xp: The backend.
        maps (array): Heatmaps in shape (M, H, W).
        points (array): Positions (x, y) in shape (M, 2); heatmap pixels.
        fitted (array): Whether there is a fit, in shape (M,).
        kernel (Kernel): The modulation kernel.

    Returns:
        array: (M, 4) entries xx, xy, yx, yy; squared heatmap pixels.
    """
    height, width = maps.shape[1:]
    points = xp.where(fitted, points.T, 0.)
    # A position may lie outside; its window is cut around the border.
    x, y = xp.to_index(xp.floor(points + 0.5))
    x, y = xp.clip(x, 0, width - 1), xp.clip(y, 0, height - 1)
    cuts = windows(xp, maps, y, x, kernel.radius)
    inside = inside_map(xp, cuts, y, x, (height, width))
    step = points - xp.to_float(xp.stack([x, y]), maps)
    step = step / kernel.sigma
    products, energies = moments(
        xp, xp.at_least(cuts, 0.), inside, step, kernel.sigma)
    energy = energies[0, 0] * energies[0, 1]
    _, (hxx, hyy), hxy = derivatives_of_log(
        xp, products, energies)
    # In units of the amplitude, since squares may overflow.
    amplitude = products[0, 0] / energy
    peak, noise = _peak_and_noise(
        xp, cuts / amplitude[:, None, None], inside, step, kernel.sigma)
    det = hxx * hyy - hxy * hxy
    # What a constant adds to the amplitude makes no peak.
    scale = kernel.sigma**2 * noise / (peak * energy * det)
    usable = (fitted & (hxx < 0) & (det > 0) & xp.isfinite(scale) &
              (amplitude > 0) & (peak > 0))

    def entry(term, otherwise):
        return xp.where(usable, scale * term, otherwise)

    xx, yy = entry(-hyy, width**2 / 12), entry(-hxx, height**2 / 12)
    xy = entry(hxy, 0.)
    return xp.stack([xx, xy, xy, yy]).T


def _peak_and_noise(xp, windows, inside, step, sigma):
    """Of the best Gaussian and constant: its height, the variance they leave.

    Noise below zero is noise as well, so nothing is clipped here, and a
    constant, negative or not, is none.
    """
    windows = xp.where(xp.isfinite(windows), windows, 0.)
    u = offsets(xp, windows, windows.shape[1] // 2, sigma)
    by_x, by_y = gaussian_by_powers(xp, u - step[:, :, None], inside)[0]
    gaussian = by_y[:, :, None] * by_x[:, None, :]
    on_map = inside[1][:, :, None] * inside[0][:, None, :]

    def total(array):
        return array.sum(2).sum(1)

    # The two by the normal equations.
    count, g, gg = total(on_map), total(gaussian), total(gaussian * gaussian)
    h, hg = total(windows), total(windows * gaussian)
    det = gg * count - g * g
    peak, constant = (hg * count - h * g) / det, (h * gg - hg * g) / det
    left = windows - peak[:, None, None] * gaussian - (
        constant[:, None, None] * on_map)
    # Not finite for as many pixels as parameters: nothing is left to tell by.
    return peak, total(left * left) / (count - 4)
