"""The codec of InterNet, whose maps have three axes, distribution-aware."""
from typing import Any, List, Optional, Sequence, Tuple

import numpy as np

from .. import functional as F  # noqa: N812
from ..functional.checks import check_positive, check_sigma, check_size
from ..functional.flip import mirror_offset
from ._mmpose import Hand3DHeatmap
from .base import DarkCodec, instances, register, to_host, where_they_are


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
        image_size, root_heatmap_size, heatmap_size, heatmap3d_depth_bound,
            heatmap_size_root, root_depth_bound, depth_size,
            use_different_joint_weights, sigma, joint_indices, max_bound: As
            of :class:`mmpose.codecs.Hand3DHeatmap`
        blur_kernel_size, decoding, modulation, peak, calibration: As of
            :class:`DarkHeatmap`

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
        check_size(heatmap_size[:2], 'heatmap_size')
        super().__init__(
            self.input_size, root_heatmap_size, list(heatmap_size),
            heatmap3d_depth_bound, heatmap_size_root, root_depth_bound,
            depth_size, use_different_joint_weights, check_sigma(sigma),
            joint_indices, check_positive(max_bound, 'max_bound'))
        self._set_decoding(decoding, modulation, peak, blur_kernel_size,
                           calibration)
        #: how far to shift a flipped-back volume, (x, y); voxels
        self.flip_shift = mirror_offset(
            self.input_size, tuple(heatmap_size[:2]))

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

    def flip_back(self, outputs: Sequence[Any], flip_indices: Sequence[int],
                  shift: float) -> Tuple[Any, ...]:
        """See :meth:`DarkCodec.flip_back`.

        The hands change sides: what one wrist is behind the other changes its
        sign, and the labels their places.
        """
        volumes, depths, types = outputs
        flat = volumes.reshape(*volumes.shape[:2], -1, volumes.shape[-1])
        back = F.flip_heatmaps(flat, flip_indices, shift=shift)
        return (back.reshape(volumes.shape), self.root_heatmap_size - depths,
                types[:, [1, 0]])

    def read(self, *outputs: Any,
             return_covariance: bool = False) -> Tuple[Any, ...]:
        """Read keypoints off volumes in shape (B, K, D, H, W).

        Args:
            outputs (Tensor | np.ndarray): The volumes; others are not looked
                at
            return_covariance (bool): As of :meth:`DarkCodec.read`

        Returns:
            tuple:
            - keypoints (Tensor | np.ndarray): in shape (B, K, 3): x and y in
                input pixels, and the depth relative to the wrist in mm
            - scores (Tensor | np.ndarray): in shape (B, K), 0 to
                ``max_bound``
            - covariances (Tensor | np.ndarray): only with
                ``return_covariance``: in shape (B, K, 3, 3), in the squares
                and products of these units

        Raises:
            ValueError: Volumes that are not of the codec's heatmap size, or
                covariances of another decoding than DARK with modulation.
        """
        volumes = outputs[0]
        if tuple(volumes.shape[2:]) != self.output_shapes[0]:
            raise ValueError(
                'volumes must be in shape (B, K, D, H, W) with (D, H, W)='
                f'{self.output_shapes[0]}, got {tuple(volumes.shape)}')
        if return_covariance:
            self.check_covariance()
        found = F.decode_volumes(
            volumes, self.sigma, return_covariance=return_covariance,
            target_peak=self.max_bound, **self._switches())
        x, y = self.scale_factor.tolist()
        return self._scaled(
            found, (x, y, self.heatmap3d_depth_bound / self.depth_size),
            (0., 0., -self.depth_size / 2))

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
            - keypoints (np.ndarray): As of :meth:`read`, in shape (1, K, 3)
            - scores (np.ndarray): in shape (1, K)
            - rel_root_depth (np.ndarray): in shape (1,); mm
            - hand_type (np.ndarray): 0 or 1 in shape (1, 2)

        Raises:
            ValueError: As of :meth:`read`.
        """
        found = self.batch_decode(
            heatmaps[None], root_depth[None], hand_type[None])
        return tuple(of_image[0] for of_image in found)

    def batch_decode(self, volumes: Any, root_depths: Any, hand_types: Any,
                     return_covariance: bool = False
                     ) -> Tuple[List[np.ndarray], ...]:
        """Decode what InterNet predicts for B images, where it is.

        Args:
            volumes (Tensor | np.ndarray): in shape (B, K, D, H, W)
            root_depths (Tensor | np.ndarray): in shape (B, 1)
            hand_types (Tensor | np.ndarray): in shape (B, 2)
            return_covariance (bool): As of :meth:`read`. Defaults to
                ``False``

        Returns:
            tuple: Lists of B arrays each: what :meth:`decode` returns and,
            with ``return_covariance``, covariances in shape (1, K, 3, 3).

        Raises:
            ValueError: As of :meth:`read`.
        """
        keypoints, scores, *covariances = instances(to_host(self.read(
            where_they_are(volumes), return_covariance=return_covariance)))
        depths = (where_they_are(root_depths) / self.root_heatmap_size -
                  0.5) * self.root_depth_bound
        types = where_they_are(hand_types) > 0
        return (keypoints, scores, list(np.asarray(depths)),
                list(np.asarray(types)[:, None].astype(int)), *covariances)
