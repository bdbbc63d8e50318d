"""The codec of HigherHRNet: many peaks a map, grouped by their tags."""
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np

from .. import functional as F  # noqa: N812
from ..functional.checks import check_sigma, check_size
from ..functional.flip import mirror_offset
from ._mmpose import AssociativeEmbedding
from .base import DarkCodec, register, where_they_are
from .checks import check_calibration, check_keypoints, check_map


@register
class DarkAssociativeEmbedding(DarkCodec, AssociativeEmbedding):
    r"""Represent the joints of all people as heatmaps and tags, read by DARK.

    A replacement of :class:`mmpose.codecs.AssociativeEmbedding` of
    bottom-up networks: the same encoded items, the same grouping. A target is
    the largest of the people's Gaussians, each around the true sub-pixel
    joint; and every peak of every person is refined at once, by
    :func:`mmpose_dark.functional.refine_keypoints`.

    MMPose enlarges maps to the size of the input before it looks for peaks,
    and steps a quarter of a pixel from there, or by a blur that knows nothing
    of the enlargement. Here all is done on the maps as the network has them,
    whose Gaussians have the width ``sigma``:
    :class:`mmpose_dark.heads.DarkAssociativeEmbeddingHead` sees to that.

    Note:

        - batch size: B
        - instance number: N
        - keypoint number: K
        - embedding tag dimension: L
        - image size: [w, h]
        - heatmap size: [W, H]

    Encoded:

        - heatmaps (np.ndarray): The generated heatmap in shape (K, H, W)
        - keypoint_indices (np.ndarray): Of each joint the pixel of its peak,
            :math:`y * W + x`, and whether it is visible, in shape (N, K, 2)
        - keypoint_weights (np.ndarray): The target weights in shape (N, K)

    Args:
        input_size (tuple): Image size in [w, h]
        heatmap_size (tuple): Heatmap size in [W, H], as the network has it
        sigma (float, optional): The sigma value of the Gaussian heatmap, in
            heatmap pixels. Defaults to ``None``: :math:`\sqrt{W H} / 64`
        use_udp (bool): Whether input and heatmap are aligned at the centres
            of their corner pixels. Defaults to ``False``
        decode_keypoint_order (Sequence[int]): In which order keypoints are
            grouped; it and the following are as of the stock codec
        decode_nms_kernel (int): How far a peak keeps others away, odd;
            heatmap pixels. Defaults to 5
        decode_keypoint_thr (float): The least value of a peak. Defaults to .1
        decode_tag_thr (float): The largest distance of tags in a group.
            Defaults to 1
        decode_topk (int): Peaks of a map that are looked at. Defaults to 30
        decode_center_shift (float): Where in a heatmap pixel its index
            points; heatmap pixels. .5 where targets were drawn on the pixel
            that a joint lies in, as for the public checkpoints and in the
            stock config; 0 for those that MMPose 1.x draws. Drawing keeps to
            it as reading does. Defaults to 0
        decode_max_instances (int, optional): The most people of an image.
            Defaults to ``None``: all
        calibration (tuple, optional): As of :class:`DarkHeatmap`

    The stock codec's ``decode_gaussian_kernel`` is not among them: what maps
    are modulated by follows from ``sigma``.

    Raises:
        ValueError: A size or number that makes no sense, or a
            ``decode_center_shift`` of maps that are aligned at the corners.

    Example:
        >>> codec = DarkAssociativeEmbedding(
        ...     input_size=(256, 256), heatmap_size=(64, 64), sigma=2,
        ...     decode_keypoint_order=[0])
        >>> people = np.array([[[40.3, 80.6]], [[200.9, 99.2]]])
        >>> maps = codec.encode(people)['heatmaps'][None]
        >>> tags = (np.arange(64) > 30) * np.ones((1, 1, 64, 1))
        >>> (keypoints, ), *_ = codec.batch_decode(maps, tags * 9.)
        >>> print(keypoints.round(1).ravel())
        [ 40.3  80.6 200.9  99.2]
    """

    STOCK = {'AssociativeEmbedding': (
        'input_size', 'heatmap_size', 'sigma', 'use_udp',
        'decode_keypoint_order', 'decode_nms_kernel', 'decode_keypoint_thr',
        'decode_tag_thr', 'decode_topk', 'decode_center_shift',
        'decode_max_instances')}
    OUTPUTS = 2
    NO_FILE = ('it groups peaks to people by their tags, step by step, and '
               'the graph of a file has no such steps')
    NO_COMPARISON = ('it finds all people of an image at once, and what is '
                     'measured here is one in a box')
    NO_SIMILARITY = ('OKS measures by the area of a person, and peaks that '
                     'were grouped come without a box')
    CORNERS = dict(use_udp=True, decode_center_shift=0.)
    NEEDS_HEAD = True

    label_mapping_table = dict(keypoint_weights='keypoint_weights',
                               keypoint_indices='keypoint_indices')
    field_mapping_table = dict(heatmaps='heatmaps',
                               heatmap_mask='heatmap_mask')

    # What DarkCodec asks: there is this one way of reading.
    decoding, modulation = 'dark', True

    def __init__(self,
                 input_size: Tuple[int, int],
                 heatmap_size: Tuple[int, int],
                 sigma: Optional[float] = None,
                 use_udp: bool = False,
                 decode_keypoint_order: Sequence[int] = (),
                 decode_nms_kernel: int = 5,
                 decode_keypoint_thr: float = 0.1,
                 decode_tag_thr: float = 1.0,
                 decode_topk: int = 30,
                 decode_center_shift: float = 0.0,
                 decode_max_instances: Optional[int] = None,
                 calibration: Optional[Tuple[float, float]] = None) -> None:
        if decode_nms_kernel < 1 or decode_nms_kernel % 2 != 1:
            raise ValueError('decode_nms_kernel must be odd, got '
                             f'{decode_nms_kernel!r}')
        if use_udp and decode_center_shift:
            raise ValueError(
                'use_udp=True aligns the centres of corner pixels, and '
                f'decode_center_shift={decode_center_shift} moves them: '
                'leave it out')
        super().__init__(
            input_size=check_size(input_size, 'input_size'),
            heatmap_size=check_size(heatmap_size, 'heatmap_size'),
            sigma=sigma, use_udp=use_udp,
            decode_keypoint_order=list(decode_keypoint_order),
            decode_nms_kernel=decode_nms_kernel,
            decode_keypoint_thr=decode_keypoint_thr,
            decode_tag_thr=decode_tag_thr, decode_topk=decode_topk,
            decode_max_instances=decode_max_instances)
        self.decode_center_shift = float(decode_center_shift)
        self.sigma = check_sigma(self.sigma)
        check_map(self.input_size, self.heatmap_size, self.sigma)
        self.calibration = check_calibration(calibration)
        self.centre = self.decode_center_shift, self.decode_center_shift
        self.decode_factor = self.pixel(self.input_size, self.heatmap_size)
        self.flip_shift = self.mirror_offset(self.input_size,
                                             self.heatmap_size)

    # ---- images of any size: maps tell how large

    def pixel(self, input_size: Sequence[int],
              map_size: Sequence[int]) -> Tuple[float, float]:
        """Input px per px of the map, (x, y).

        Args:
            input_size (Sequence[int]): (w, h) of the input
            map_size (Sequence[int]): (W, H) of what the network makes of it
        """
        corner = int(self.use_udp)
        x, y = ((of_input - corner) / max(of_map - corner, 1)
                for of_input, of_map in zip(input_size, map_size))
        return x, y

    def mirror_offset(self, input_size: Sequence[int],
                      map_size: Sequence[int]) -> Tuple[float, float]:
        """``flip_shift`` of maps of some size, see :meth:`pixel`."""
        (w, h), (width, height) = input_size, map_size
        return mirror_offset((w, h), (width, height),
                             self.decode_center_shift, self.use_udp)

    # ---- what others ask

    @property
    def output_shapes(self) -> Tuple[Tuple[int, ...], ...]:
        """(H, W) of heatmaps and tags."""
        return (self.heatmap_size[::-1], ) * 2

    @property
    def shift_heatmap(self) -> bool:
        """Whether a flipped-back map is off by more than half a pixel."""
        return self.flip_shift[0] > .5

    # ---- drawing

    def encode(self,
               keypoints: np.ndarray,
               keypoints_visible: Optional[np.ndarray] = None
               ) -> Dict[str, np.ndarray]:
        """Encode the joints of all people into heatmaps.

        Args:
            keypoints (np.ndarray): Keypoint coordinates in the input image
                in shape (N, K, 2); units: input pixels
            keypoints_visible (np.ndarray, optional): Keypoint visibilities
                in shape (N, K). Defaults to ``None``: all visible

        Returns:
            dict: The encoded items, see the class.

        Raises:
            ValueError: A wrong shape.
        """
        keypoints, visible = check_keypoints(keypoints, keypoints_visible)
        points = (keypoints / self.scale_factor
                  - self.decode_center_shift).astype(np.float32)
        heatmaps = np.zeros(
            (points.shape[1], *self.heatmap_size[::-1]), np.float32)
        for joints, seen in zip(points, visible):
            np.maximum(heatmaps, F.encode_heatmaps(
                joints, self.heatmap_size, self.sigma,
                keypoints_visible=seen), out=heatmaps)
        return dict(
            heatmaps=heatmaps,
            keypoint_indices=self._encode_keypoint_indices(
                self.heatmap_size, points, visible),
            keypoint_weights=F.keypoint_weights(
                points, visible, self.heatmap_size, self.sigma))

    # ---- reading

    def batch_decode(self, *batch_encoded: Any,
                     input_size: Optional[Sequence[int]] = None,
                     return_covariance: bool = False) -> Tuple[Any, ...]:
        """Decode the joints of all people of B images.

        Args:
            batch_encoded (Tensor | np.ndarray): Heatmaps in shape
                (B, K, H, W) and tags in shape (B, L*K, H, W), as the network
                has them and of any size
            input_size (Sequence[int], optional): (w, h) of the input that
                they are of. Defaults to ``None``: maps have the stride of
                the codec's sizes
            return_covariance (bool): Also return the covariance of every
                position. Defaults to ``False``

        Returns:
            tuple:
            - batch_keypoints (List[np.ndarray]): B coordinate arrays in shape
                (N, K, 2); units: input pixels
            - batch_scores (List[np.ndarray]): B score arrays in shape (N, K):
                the heatmaps at the peaks
            - batch_instance_scores (List[np.ndarray]): B arrays in shape
                (N, ): the mean over K, 0 for a joint without a peak
            - batch_covariances (List[np.ndarray]): only with
                ``return_covariance``: B arrays in shape (N, K, 2, 2);
                units: squared input pixels

        Raises:
            ValueError: Shapes that do not go together, or an order of
                keypoints that is not one of the K.
        """
        import torch
        from mmpose.codecs.utils import batch_heatmap_nms
        heatmaps, tags = (torch.as_tensor(array) for array in batch_encoded)
        self._check(heatmaps, tags)
        size = heatmaps.shape[:1:-1]
        factor = self.pixel(*((self.input_size, self.heatmap_size)
                              if input_size is None else (input_size, size)))

        peaks = self._get_batch_topk(
            batch_heatmap_nms(heatmaps, self.decode_nms_kernel), tags,
            k=min(self.decode_topk, size[0] * size[1]))
        groups = self._group_keypoints(
            *(array.detach().cpu().numpy() for array in peaks))
        found: List[Tuple[np.ndarray, ...]] = [
            self._refined(of_image, where_they_are(maps.cpu()),
                          where_they_are(its_tags.cpu()), factor,
                          return_covariance)
            for of_image, maps, its_tags in zip(groups, heatmaps, tags)]
        return tuple(map(list, zip(*found)))

    def _refined(self, groups: np.ndarray, heatmaps: np.ndarray,
                 tags: np.ndarray, factor: Tuple[float, float],
                 return_covariance: bool) -> Tuple[np.ndarray, ...]:
        """What :meth:`batch_decode` returns of an image.

        Args:
            groups (np.ndarray): in shape (N, K, 3): pixel of the peak and
                score; 0 where there is none
            heatmaps, tags (np.ndarray): in shape (K, H, W) and (L*K, H, W)
            factor (tuple): Input px per px of the map
            return_covariance (bool): As there
        """
        peaks, scores = groups[..., :2], groups[..., 2]
        people_scores = scores.mean(-1)
        if len(groups):
            peaks, scores = self._fill_missing_keypoints(
                peaks, scores, heatmaps, tags)
        keypoints, *covariances = F.refine_keypoints(
            heatmaps, peaks, self.sigma, return_covariance=return_covariance)
        scale = 1. if self.calibration is None else self.calibration[0]
        return (F.scale_keypoints(keypoints, factor, self.centre), scores,
                people_scores, *(F.scale_covariances(c, factor) * scale
                                 for c in covariances))

    def _check(self, heatmaps: Any, tags: Any) -> None:
        """Refuse what stock steps would stumble over."""
        shape, of_tags = tuple(heatmaps.shape), tuple(tags.shape)
        if (len(shape) != 4 or len(of_tags) != 4 or of_tags[1] % shape[1]
                or of_tags[0] != shape[0] or of_tags[2:] != shape[2:]):
            raise ValueError(
                'heatmaps must be in shape (B, K, H, W) and tags in shape '
                f'(B, L*K, H, W), got {shape} and {of_tags}')
        if sorted(self.decode_keypoint_order) != list(range(shape[1])):
            raise ValueError(
                f'decode_keypoint_order must name each of the {shape[1]} '
                f'keypoints once, got {list(self.decode_keypoint_order)}')
