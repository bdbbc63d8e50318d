"""From pixels of a map to pixels of the image that it stands for."""
from ._backend import backend_of


def scale_keypoints(keypoints, factor, centre=0.):
    """Positions in larger pixels.

    Args:
        keypoints (np.ndarray | Tensor): Positions (x, y) in shape (..., 2);
            heatmap pixels.
        factor (Sequence[float]): Size of a heatmap pixel along x and y.
        centre (float): Where in a heatmap pixel its index points; 0 for its
            centre at whole numbers. Defaults to 0.

    Returns:
        np.ndarray | Tensor: ``(keypoints + centre) * factor``.
    """
    xp = backend_of(keypoints)
    return xp.last_axis([(keypoints[..., i] + centre) * factor[i]
                         for i in range(2)])


def scale_covariances(covariances, factor):
    """Covariances of positions in larger pixels.

    Args:
        covariances (np.ndarray | Tensor): in shape (..., 2, 2); squared
            heatmap pixels.
        factor (Sequence[float]): Size of a heatmap pixel along x and y.

    Returns:
        np.ndarray | Tensor: Each times the outer product of ``factor`` with
        itself.
    """
    xp = backend_of(covariances)
    return xp.last_axis([
        xp.last_axis([covariances[..., row, column] * factor[row] *
                      factor[column] for row in range(2)])
        for column in range(2)])
