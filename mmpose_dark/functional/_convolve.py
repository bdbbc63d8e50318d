"""The modulation of vectors (Eq. 10 along one axis)."""
import numpy as np

from ._backend import Array, Backend, table
from .modulate import Kernel

#: bins that are convolved by one product: a vector needs few, its ends aside
BLOCK = 64


def convolve_rows(xp: Backend, rows: Array, kernel: Kernel) -> Array:
    """Convolve vectors with a kernel, taking what is outside for 0.

    By a product with a banded matrix. numpy multiplies block by block what is
    in the band, a fifth of the matrix for RTMPose; a device is faster with
    all of it at once.

    Args:
        xp: The backend.
        rows (Array): Vectors in shape (M, W).
        kernel (Kernel): The modulation kernel.

    Returns:
        Array: in shape (M, W).
    """
    num, size = rows.shape
    if not xp.dynamic or size < 4 * BLOCK:
        return rows @ _matrix(xp, rows, kernel, size)
    reach, blocks = kernel.radius, -(-size // BLOCK)
    padded = np.zeros((num, blocks * BLOCK + 2 * reach), rows.dtype)
    padded[:, reach:reach + size] = rows
    of_row, of_bin = padded.strides
    cuts: Array = np.ndarray(
        (num, blocks, BLOCK + 2 * reach), padded.dtype, padded,
        strides=(of_row, BLOCK * of_bin, of_bin))
    out = cuts.reshape(num * blocks, -1) @ _block(xp, rows, kernel)
    return out.reshape(num, -1)[:, :size]


@table
def tap_energy(xp: Backend, like: Array, kernel: Kernel, size: int) -> Array:
    """(W, ): root of the energy of the taps that are on the vector."""
    matrix = kernel.matrix(xp, like, size)
    return xp.sqrt((matrix * matrix).sum(1))


@table
def _matrix(xp, like, kernel, size):
    return kernel.matrix(xp, like, size).T


@table
def _block(xp, like, kernel):
    """(BLOCK + 2 * radius, BLOCK): the taps around each bin of a block."""
    return kernel.at(
        xp,
        xp.arange(-kernel.radius, BLOCK + kernel.radius, like)[:, None] -
        xp.arange(0, BLOCK, like))
