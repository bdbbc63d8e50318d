"""The codec of InterNet, whose maps have three axes, distribution-aware."""
from typing import Any, Mapping, Optional, Sequence, Tuple

import numpy as np

from .. import functional as F  # noqa: N812
from ..functional.checks import check_positive, check_sigma, check_size
from ..functional.flip import mirror_offset
from ._mmpose import Hand3DHeatmap
from .base import DarkCodec, register, to_host, where_they_are


@register
class DarkHand3DHeatmap(DarkCodec, Hand3DHeatmap):
    r"""Represent the joints of two hands as volumes, read by DARK.

    A drop-in for :class:`mmpose.codecs.Hand3DHeatmap` of InterNet: the same
    keywords, the same encoded items, the same scores. A volume is a heatmap
    of three axes, of which the third is the depth, relative to the wrist; it
    is read by :func:`mmpose_dark.functional.decode_volumes`. The stock codec
    takes the brightest voxel, which is 6.25 mm deep. It draws around the true
    position, and so nothing is changed there.

    Note:

        - batch size: B
        - keypoint number: K, of both hands
        - image size: [w, h]
        - heatmap size: [W, H, D]

    Args:
        image_size (tuple): Image size in [w, h]. It and all others up to
            ``max_bound`` are those of :class:`mmpose.codecs.Hand3DHeatmap`
        sigma (float): The sigma value of the Gaussian; voxels
        max_bound (float): The maximum of a target
        switches: ``blur_kernel_size``, ``decoding``, ``modulation``, ``peak``
            and ``calibration`` of :class:`DarkHeatmap`

    Raises:
        ValueError: A size, sigma, kernel size or switch that makes no sense,
            or a depth of the volume that is said twice and differs.

    Example:
        >>> codec = DarkHand3DHeatmap(sigma=2.5, max_bound=255)
        >>> volumes = np.zeros((1, 42, 64, 64, 64), np.float32)
        >>> volumes[..., 30, 20, 10] = 200
        >>> keypoints, scores = codec.read(volumes)
        >>> keypoints[0, 0].round(2)  # x and y in px, the depth in mm
        array([ 40. ,  80. , -12.5], dtype=float32)
    """

    STOCK = {'Hand3DHeatmap': (
        'image_size', 'root_heatmap_size', 'heatmap_size',
        'heatmap3d_depth_bound', 'heatmap_size_root', 'root_depth_bound',
        'depth_size', 'use_different_joint_weights', 'sigma', 'joint_indices',
        'max_bound')}
    OUTPUTS = 3
    NO_COMPARISON = ('it reads hands in space, and what is measured here are '
                     'joints in an image')
    NO_FILE = ('it reads a hand in space from volumes, the depth of a wrist '
               'and two labels, and a file ends in keypoints of an image')

    def __init__(self,
                 image_size: Tuple[int, int] = (256, 256),
                 root_heatmap_size: int = 64,
                 heatmap_size: Tuple[int, int, int] = (64, 64, 64),
                 heatmap3d_depth_bound: float = 400.0,
                 heatmap_size_root: int = 64,
                 root_depth_bound: float = 400.0,
                 depth_size: int = 64,
                 use_different_joint_weights: bool = False,
                 sigma: float = 2,
                 joint_indices: Optional[Sequence[int]] = None,
                 max_bound: float = 1.0,
                 blur_kernel_size: Optional[int] = None,
                 decoding: str = 'dark',
                 modulation: bool = True,
                 peak: str = 'modulated',
                 calibration: Optional[Tuple[float, float]] = None) -> None:
        self.input_size = check_size(image_size, 'image_size')
        if len(heatmap_size) != 3 or heatmap_size[2] != depth_size:
            raise ValueError(
                'heatmap_size must be [W, H, D] with D=depth_size='
                f'{depth_size}, got {heatmap_size!r}')
        super().__init__(
            self.input_size, root_heatmap_size, list(heatmap_size),
            heatmap3d_depth_bound, heatmap_size_root, root_depth_bound,
            depth_size, use_different_joint_weights, check_sigma(sigma),
            joint_indices, check_positive(max_bound, 'max_bound'))
        self._set_decoding(decoding, modulation, peak, blur_kernel_size,
                           calibration)
        x, y = self.scale_factor.tolist()
        self.decode_factor = x, y, heatmap3d_depth_bound / depth_size
        self.centre = 0., 0., -depth_size / 2
        #: how far to shift a flipped-back volume, (x, y); voxels
        self.flip_shift = mirror_offset(
            self.input_size, check_size(heatmap_size[:2], 'heatmap_size'))

    @property
    def output_shapes(self) -> Tuple[Tuple[int, ...], ...]:
        """(D, H, W) of the volumes."""
        return (tuple(int(n) for n in self.heatmap_size[::-1]), )

    @property
    def stride(self) -> np.ndarray:
        """Errors of volumes are told in their px."""
        return np.asarray(self.scale_factor)

    @property
    def shift_heatmap(self) -> bool:
        """A flipped-back volume is off."""
        return True

    def merge(self, straight: Sequence[Any], mirrored: Sequence[Any],
              flip_indices: Sequence[int], test_cfg: Mapping[str, Any],
              exact: bool) -> Tuple[Any, ...]:
        """The mean of a flip test's two passes, see :meth:`DarkCodec.merge`.

        The hands change sides: how far one wrist is behind the other changes
        its sign, and the labels change places.
        """
        volumes, depths, types = mirrored
        shift = self.flip_shift[0] if exact else float(
            bool(test_cfg.get('shift_heatmap', False)))
        flat = volumes.reshape(*volumes.shape[:2], -1, volumes.shape[-1])
        back = F.flip_heatmaps(flat, flip_indices, shift=shift)
        mirrored = (back.reshape(volumes.shape),
                    self.root_heatmap_size - depths, types[:, [1, 0]])
        return tuple((one + other) * 0.5
                     for one, other in zip(straight, mirrored))

    def _decoded(self, outputs: Sequence[Any],
                 **switches: Any) -> Tuple[Any, ...]:
        volumes = outputs[0]
        if tuple(volumes.shape[2:]) != self.output_shapes[0]:
            raise ValueError(
                'volumes must be in shape (B, K, D, H, W) with (D, H, W)='
                f'{self.output_shapes[0]}, got {tuple(volumes.shape)}')
        return F.decode_volumes(volumes, self.sigma,
                                target_peak=self.max_bound, **switches)

    def decode(self, heatmaps: np.ndarray, root_depth: np.ndarray,
               hand_type: np.ndarray) -> Tuple[np.ndarray, ...]:
        """Decode what InterNet predicts for one image.

        Args:
            heatmaps (np.ndarray): Volumes in shape (K, D, H, W)
            root_depth (np.ndarray): Where the left wrist is behind the right
                one, in shape (1,); bins
            hand_type (np.ndarray): Logits of the right and the left hand, in
                shape (2,)

        Returns:
            tuple:
            - keypoints (np.ndarray): in shape (1, K, 3): x and y in input
                pixels, and the depth relative to the wrist in mm
            - scores (np.ndarray): in shape (1, K)
            - rel_root_depth (np.ndarray): in shape (1,); mm
            - hand_type (np.ndarray): 0 or 1 in shape (1, 2)

        Raises:
            ValueError: As of :meth:`read`.
        """
        found: Any = self.batch_decode(
            heatmaps[None], root_depth[None], hand_type[None])
        return tuple(of_image[0] for of_image in found)

    def batch_decode(self, *batch_encoded: Any,
                     return_covariance: bool = False) -> Tuple[Any, ...]:
        """Decode what InterNet predicts for B images, where it is.

        Args:
            batch_encoded (Tensor | np.ndarray): What :meth:`decode` takes,
                each with B in front
            return_covariance (bool): Also return the covariance of every
                position. Defaults to ``False``

        Returns:
            tuple: Lists of B arrays each: what :meth:`decode` returns and,
            with ``return_covariance``, covariances in shape (1, K, 3, 3), in
            the squares and products of the units of positions.

        Raises:
            ValueError: Volumes that are not of the codec's heatmap size, or
                covariances of another decoding than DARK with modulation.
        """
        volumes, depths, types = map(where_they_are, batch_encoded)
        keypoints, scores, *covariances = (
            list(array[:, None]) for array in to_host(self.read(
                volumes, return_covariance=return_covariance)))
        depths, types = (array if isinstance(array, np.ndarray)
                         else array.cpu().numpy() for array in (depths, types))
        depths = (depths / self.root_heatmap_size -
                  0.5) * self.root_depth_bound
        return (keypoints, scores, list(depths),
                list((types > 0)[:, None].astype(int)), *covariances)
