"""The codec of CID, one map for each person and joint, distribution-aware."""
from typing import Any, Dict, Mapping, Optional, Sequence, Tuple

import numpy as np

from .. import functional as F  # noqa: N812
from ..functional.backends import backend_of
from ..functional.checks import check_choice, check_sigma, check_size
from ..functional.flip import mirror_offset
from ._mmpose import (
    DecoupledHeatmap,
    get_diagonal_lengths,
    get_instance_bbox,
    get_instance_root,
)
from .base import register
from .checks import check_keypoints, check_map
from .maps import MapCodec

#: sigma of a person of hardly any size: one pixel, as the paper's code has it
SMALLEST = 1 / 6


@register
class DarkDecoupledHeatmap(MapCodec, DecoupledHeatmap):
    r"""Represent the joints of several people, a map for each, read by DARK.

    A drop-in for :class:`mmpose.codecs.DecoupledHeatmap` of CID: the same
    keywords, the same encoded items, the same scores. Maps may be of any size,
    as images of any shape make them; ``input_size`` and ``heatmap_size`` are
    those of training and say how many input pixels a pixel of a map is.

    Targets are not the same: each is drawn around the pixel that the joint is
    in, as the paper's own code does. MMPose draws people of some sizes a pixel
    further to the left and above than others. Both are read alike: half a
    pixel is added, which is right for these targets, and for MMPose's on
    average.

    Note:

        - instance number: N
        - keypoint number: K
        - image size: [w, h]
        - heatmap size: [W, H]

    Args:
        input_size (tuple): Image size in [w, h]. It and all others up to
            ``encode_max_instances`` are those of
            :class:`mmpose.codecs.DecoupledHeatmap`
        sigma (float): The sigma value of the Gaussian by which maps are
            modulated; heatmap pixels. Not that of the targets, which follows
            the size of a person: maps learned by focal loss are not blurred
            by their targets, and the narrower the better, as long as there
            are some pixels to fit. Defaults to .85
        switches: ``blur_kernel_size``, ``decoding``, ``modulation``, ``peak``,
            ``use_udp`` and ``calibration`` of :class:`DarkHeatmap`

    Raises:
        ValueError: A size, sigma, kernel size or switch that makes no sense.

    Example:
        >>> codec = DarkDecoupledHeatmap((512, 512), (128, 128))
        >>> points = np.array([[[102., 50.], [302., 402.]]])
        >>> encoded = codec.encode(points)
        >>> maps = encoded['instance_heatmaps'].reshape(1, 2, 128, 128)
        >>> codec.read(maps)[0].round(2)
        array([[[102.,  50.],
                [302., 402.]]], dtype=float32)
    """

    STOCK = {'DecoupledHeatmap': (
        'input_size', 'heatmap_size', 'root_type', 'heatmap_min_overlap',
        'encode_max_instances')}
    NO_COMPARISON = ('it reads the people of a whole image, and what is '
                     'measured here is one in a box')
    NO_FILE = ('it finds all people of an image, and a file ends in the '
               'joints of one in a box')
    NO_SIMILARITY = ('OKS measures by the area of a person, and those who are '
                     'found in an image come without a box')
    CORNERS = dict(use_udp=True)
    NEEDS_HEAD = True
    SDK = False

    def __init__(self,
                 input_size: Tuple[int, int],
                 heatmap_size: Tuple[int, int],
                 root_type: str = 'kpt_center',
                 heatmap_min_overlap: float = 0.7,
                 encode_max_instances: int = 30,
                 sigma: float = .85,
                 blur_kernel_size: Optional[int] = None,
                 decoding: str = 'dark',
                 modulation: bool = True,
                 peak: str = 'modulated',
                 use_udp: bool = False,
                 calibration: Optional[Tuple[float, float]] = None) -> None:
        sizes = (check_size(input_size, 'input_size'),
                 check_size(heatmap_size, 'heatmap_size'))
        super().__init__(
            *sizes, check_choice('root_type', root_type,
                                 ('kpt_center', 'bbox_center')),
            heatmap_min_overlap, encode_max_instances)
        self.sigma = check_sigma(sigma)
        self._set_decoding(decoding, modulation, peak, blur_kernel_size,
                           calibration)
        self.use_udp = check_choice('use_udp', use_udp, (True, False))
        if use_udp and min(sizes[0] + sizes[1]) < 2:
            raise ValueError(
                'use_udp=True divides by (size - 1) and needs sizes of at '
                f'least 2, got input_size={sizes[0]}, heatmap_size={sizes[1]}')
        check_map(*sizes, sigma)
        # For targets; what is read may be of another size.
        self.scale_factor = (np.subtract(sizes[0], use_udp) / np.subtract(
            sizes[1], use_udp)).astype(np.float32)
        x, y = np.divide(*sizes).tolist()
        self.decode_factor = x, y
        # Of an input that starts where its first pixel does, a pixel of the
        # map is as wide as the stride.
        centre = 0. if use_udp else .5
        self.centre = centre, centre
        #: how far to shift a flipped-back map, (x, y) in heatmap px
        self.flip_shift = mirror_offset(*sizes, centre, use_udp)

    @property
    def shift_heatmap(self) -> None:
        """MMPose's head moves no flipped-back map, whatever is said."""

    def encode(self, keypoints: np.ndarray,
               keypoints_visible: Optional[np.ndarray] = None,
               bbox: Optional[np.ndarray] = None) -> Dict[str, np.ndarray]:
        """Encode keypoints into heatmaps.

        Args:
            keypoints (np.ndarray): in shape (N, K, 2); units: input pixels
            keypoints_visible (np.ndarray, optional): in shape (N, K).
                Defaults to ``None``: all visible
            bbox (np.ndarray, optional): Corners of the boxes in shape (N, 8),
                from which comes the sigma of each person. Defaults to
                ``None``: the extent of the visible keypoints

        Returns:
            dict:
            - heatmaps (np.ndarray): of all people together, in shape
                (K + 1, H, W), float32; the last is of the roots
            - instance_heatmaps (np.ndarray): of the M people who are learned
                one by one, in shape (M * K, H, W), float32
            - keypoint_weights (np.ndarray): in shape (M, K)
            - instance_coords (np.ndarray): the pixel of each root, moved by
                one at random, in shape (M, 2), int32

        Raises:
            ValueError: Keypoints or visibilities of a wrong shape.

        Note:
            Every Gaussian is drawn around a pixel. The loss of CID looks for
            the pixels that are 1 and learns how likely each is to be one;
            where in it the joint is makes no difference. A target around the
            true position has no such pixel, and nothing is learned.
        """
        keypoints, visible = check_keypoints(keypoints, keypoints_visible)
        points = keypoints / self.scale_factor - np.array(self.centre)
        if bbox is None:
            low_high = get_instance_bbox(keypoints, visible)
            bbox = low_high[:, [0, 1, 0, 3, 2, 1, 2, 3]]
        sigmas = self._get_instance_wise_sigmas(
            np.reshape(bbox, (-1, 4, 2)) / self.scale_factor)
        roots, there = get_instance_root(points, visible, self.root_type)
        points = np.append(points, roots[:, None], 1)
        visible = np.append(visible, np.minimum(there, 1)[:, None], 1)

        width, height = self.heatmap_size
        maps = np.zeros((*visible.shape, height, width), np.float32)
        weights = np.zeros_like(visible)
        for i, sigma in enumerate(np.maximum(sigmas, SMALLEST)):
            size = self.heatmap_size, float(sigma)
            maps[i] = F.encode_heatmaps(
                points[i], *size, unbiased=False,
                keypoints_visible=visible[i])
            weights[i] = F.keypoint_weights(
                points[i], visible[i], *size, unbiased=False)
        order = np.argsort(get_diagonal_lengths(keypoints, visible[:, :-1]))
        chosen = self._chosen_roots(
            points[:, -1], [i for i in order if weights[i, -1] > 0])
        learned = list(chosen)
        return dict(
            heatmaps=maps.max(0, initial=0.),
            instance_heatmaps=maps[learned, :-1].reshape(-1, height, width),
            keypoint_weights=weights[learned, :-1],
            instance_coords=np.array(
                list(chosen.values()), np.int32).reshape(-1, 2))

    def _chosen_roots(self, roots: np.ndarray, order: Sequence[int]
                      ) -> Dict[int, Tuple[int, int]]:
        """Who is learned -> the pixel of the root; no pixel twice."""
        last = np.subtract(self.heatmap_size, 1)
        found: Dict[Tuple[int, int], int] = {}
        for i in order:
            pixel = np.floor(roots[i] + .5) + np.random.randint(-1, 2, 2)
            x, y = np.clip(pixel, 0, last).astype(int).tolist()
            found.setdefault((x, y), i)
        if len(found) <= self.encode_max_instances:
            return {i: pixel for pixel, i in found.items()}
        kept = np.random.permutation(len(found))[:self.encode_max_instances]
        pairs = list(found.items())
        return {pairs[j][1]: pairs[j][0] for j in kept}

    def _check_heatmaps(self, heatmaps: Any, ndim: int, shape: str) -> None:
        found = tuple(getattr(heatmaps, 'shape', ()))
        if len(found) != ndim:
            raise ValueError(f'heatmaps must be in shape {shape}, got '
                             f'{found or type(heatmaps).__name__}')

    def _decoded(self, outputs: Sequence[Any],
                 **switches: Any) -> Tuple[Any, ...]:
        heatmaps, *roots = outputs
        keypoints, peaks, *covariances = super()._decoded(
            [heatmaps], **switches)
        height, width = heatmaps.shape[2:]
        covariances = [
            F.focal_covariances(c, peaks, self._target_sigmas(keypoints),
                                width * height) for c in covariances]
        scores = peaks * roots[0] if roots else peaks
        if self.use_udp:  # from corner to corner of the map that there is
            by = [(n - 1 / pixel) / max(n - 1, 1) for n, pixel in zip(
                heatmaps.shape[:1:-1], self.decode_factor)]
            keypoints = F.scale_keypoints(keypoints, by)
            covariances = [F.scale_covariances(c, by) for c in covariances]
        return (keypoints, scores, *covariances)

    def _target_sigmas(self, keypoints: Any) -> Any:
        """(N, 1) of people (N, K, 2), as MMPose draws those of such a size.

        Of the three radii that it takes the least of, this is the least for
        any size.
        """
        x, y = keypoints[..., 0], keypoints[..., 1]
        xp = backend_of(keypoints)
        w, h = (xp.amax(along) + xp.amax(-along) for along in (x, y))
        overlap = self.heatmap_min_overlap
        diagonal = xp.sqrt((w + h)**2 + 4 * (1 / overlap - 1) * w * h)
        return xp.at_least(overlap / 3 * (diagonal - w - h), SMALLEST)[:, None]

    def decode(  # type: ignore[override]
            self, instance_heatmaps: np.ndarray,
            instance_scores: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        """Decode the joints of the people of an image.

        Args:
            instance_heatmaps (np.ndarray): Heatmaps in shape (N, K, H, W)
            instance_scores (np.ndarray): Of the roots, in shape (N, 1)

        Returns:
            tuple:
            - keypoints (np.ndarray): in shape (N, K, 2); units: input pixels
            - scores (np.ndarray): in shape (N, K), those of maps times those
                of roots

        Raises:
            ValueError: Heatmaps that are none.
        """
        keypoints, scores = self._on_host([instance_heatmaps,
                                           instance_scores])
        return keypoints, scores

    def merge(self, straight: Sequence[Any], mirrored: Sequence[Any],
              flip_indices: Sequence[int], test_cfg: Mapping[str, Any],
              exact: bool) -> Tuple[Any, ...]:
        """As of :meth:`DarkCodec.merge`; MMPose's head moves nothing."""
        return super().merge(straight, mirrored, flip_indices, {}, exact)
