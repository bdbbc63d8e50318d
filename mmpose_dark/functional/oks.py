r"""Object keypoint similarity (OKS), as COCO defines it, and what to expect.

A joint that is off by d px has the similarity :math:`\exp(-d^2 / (2
\kappa^2))`, :math:`\kappa^2 = (2 \sigma_k)^2 A`: :math:`\sigma_k` is the OKS
constant of joint k, A the area of the person.
"""
from ._backend import Array, backend_of


def expected_oks(covariances: Array, areas: Array, sigmas: Array) -> Array:
    r"""The similarity to expect of joints of a given covariance.

    The mean of the similarity over an error that is normal with covariance
    P: :math:`1 / \sqrt{\det(I + P / \kappa^2)}`.

    Args:
        covariances (np.ndarray | Tensor): P in shape (N, K, 2, 2); squared
            image pixels.
        areas (np.ndarray | Tensor): Areas of the people in shape (N,);
            squared image pixels.
        sigmas (np.ndarray | Tensor): OKS constants in shape (K,).

    Returns:
        np.ndarray | Tensor: Expected similarities in shape (N, K), 0 to 1.

    Raises:
        ValueError: Shapes that do not belong together, or an area or constant
            that is not positive.
    """
    xp = backend_of(covariances)
    shape = tuple(covariances.shape)
    if len(shape) != 4 or shape[2:] != (2, 2):
        raise ValueError('covariances must be in shape (N, K, 2, 2), got '
                         f'{shape}')
    for name, array, length in (('areas', areas, shape[0]),
                                ('sigmas', sigmas, shape[1])):
        if tuple(array.shape) != (length, ):
            raise ValueError(f'{name} must be in shape ({length},) as '
                             f'covariances of shape {shape} ask for, got '
                             f'{tuple(array.shape)}')
        if not bool((array > 0).all()):
            raise ValueError(f'{name} must be positive, got {array!r}')
    reach = (2 * sigmas)**2 * areas[:, None]
    xx, xy, yy = (covariances[..., i, j] / reach
                  for i, j in ((0, 0), (0, 1), (1, 1)))
    return 1 / xp.sqrt((1 + xx) * (1 + yy) - xy * xy)
