"""Decoding at given peaks, many of which may be of one heatmap."""
from typing import Any, Tuple

from .backends import Array, as_maps, backend_of_all
from .checks import check_choice, check_positive, check_sigma
from .covariance import covariance
from .modulate import Kernel
from .peak import nearest_pixel
from .steps import fit_nearby, stencils_around


def refine_keypoints(heatmaps: Array,
                     keypoints: Array,
                     sigma: float,
                     *,
                     return_covariance: bool = False,
                     target_peak: float = 1.) -> Tuple[Array, ...]:
    """Refine peaks that were found by other means, to a fraction of a pixel.

    The maps of a bottom-up network hold the joints of all people. Each peak
    is read as :func:`decode_heatmaps` reads the one of a map: the fit starts
    at the highest pixel of the modulated map within 2 px of it.

    Args:
        heatmaps (np.ndarray | Tensor): Heatmaps in shape (K, H, W).
        keypoints (np.ndarray | Tensor): Peaks (x, y), to a pixel, in shape
            (N, K, 2), one on each map for each of N people; heatmap pixels.
        sigma (float): The training sigma; heatmap pixels.
        return_covariance, target_peak: As of :func:`decode_heatmaps`.

    Returns:
        tuple:
        - keypoints (np.ndarray | Tensor): Positions in shape (N, K, 2);
          heatmap pixels. A peak stays as it is where the map is not positive
          at its pixel, or is no hill around it; one off the map is moved onto
          its border first
        - covariances (np.ndarray | Tensor): only with ``return_covariance``:
          in shape (N, K, 2, 2); squared heatmap pixels. As of
          :func:`decode_heatmaps`, true of a peak that no other one of its map
          comes closer to than some 4 sigma

        All of the kind of ``heatmaps``.

    Raises:
        ValueError: A shape or sigma that makes no sense.
        TypeError: Arrays that are not of real numbers, or not of a kind.

    Example:
        >>> import numpy as np
        >>> from mmpose_dark.functional import encode_heatmaps
        >>> people = np.array([[[10.3, 20.6]], [[30.8, 9.1]]])
        >>> maps = encode_heatmaps(people, (48, 64), 2.).max(0)
        >>> refine_keypoints(maps, people.round(), 2.)[0].round(2)
        array([[[10.3, 20.6]],
        <BLANKLINE>
               [[30.8,  9.1]]])
    """
    backend_of_all(heatmaps=heatmaps, keypoints=keypoints)
    xp, maps = as_maps(heatmaps)
    points: Any = xp.to_float(xp.as_float(keypoints, 'keypoints'), maps)
    sigma = check_sigma(sigma)
    check_choice('return_covariance', return_covariance, (True, False))
    target_peak = check_positive(target_peak, 'target_peak')
    shape = tuple(maps.shape[1:])
    if (maps.ndim != 3 or points.ndim != 3
            or tuple(points.shape[1:]) != (maps.shape[0], 2)):
        raise ValueError(
            'heatmaps must be in shape (K, H, W) and keypoints in shape '
            f'(N, K, 2), got {tuple(maps.shape)} and {tuple(points.shape)}')
    if 0 in tuple(points.shape):
        nothing = points.reshape(*points.shape, 2)
        return (points, nothing)[:1 + return_covariance]

    with xp.guard(maps):
        kernel = Kernel.of(sigma).within(max(shape))
        num = points.shape[1]
        given = points.reshape(-1, 2).T
        which = xp.to_index(xp.arange(0, given.shape[1], maps)) % num
        pixel, _ = nearest_pixel(xp, maps, xp.where(given == given, given, 0.))
        at = xp.to_index(pixel)
        value = maps[which, at[1], at[0]]
        step, good, view = fit_nearby(
            xp, maps, stencils_around(xp, maps, at, kernel, which), at,
            kernel, which)
        good = good & (value > 0)
        found = pixel + xp.where(good, step, 0.)
        out: Any = [found.T.reshape(points.shape)]
        if return_covariance:
            out.append(covariance(
                xp, maps, found, value, good, sigma, target_peak, view,
                shape).reshape(*points.shape, 2))
    return tuple(out)
