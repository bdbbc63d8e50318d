"""The codec: what a user of MMPose puts into a config."""
from typing import Any, Dict, Mapping, Optional, Tuple

import numpy as np

from .. import functional as F  # noqa: N812
from ..functional.checks import check_choice, check_sigma, check_size
from ..functional.flip import mirror_offset
from ._mmpose import BaseKeypointCodec
from .base import register
from .checks import check_map, check_one_instance
from .maps import MapCodec


@register
class DarkHeatmap(MapCodec, BaseKeypointCodec):
    r"""Represent keypoints as heatmaps, distribution-aware both ways.

    See Zhang et al., *Distribution-Aware Coordinate Representation for Human
    Pose Estimation*, CVPR 2020, `arXiv 1910.06278
    <https://arxiv.org/abs/1910.06278>`_. A drop-in for
    :class:`mmpose.codecs.MSRAHeatmap`: the same keywords, the same encoded
    items. Encoding draws a Gaussian around the true sub-pixel keypoint;
    decoding reads the sub-pixel keypoint back from the shape of the heatmap.

    Note:

        - batch size: B
        - instance number: N (always 1)
        - keypoint number: K
        - keypoint dimension: D (always 2)
        - image size: [w, h]
        - heatmap size: [W, H]

    Encoded:

        - heatmaps (np.ndarray): The generated heatmap in shape (K, H, W)
            where [W, H] is the `heatmap_size`
        - keypoint_weights (np.ndarray): The target weights in shape (N, K)

    Args:
        input_size (tuple): Image size in [w, h]
        heatmap_size (tuple): Heatmap size in [W, H]
        sigma (float): The sigma value of the Gaussian heatmap, in heatmap
            pixels
        unbiased (bool): Whether to draw the Gaussian around the true
            position. ``False`` quantises it to a pixel, as the stock codec
            does. Defaults to ``True``
        blur_kernel_size (int, optional): The kernel size of the heatmap
            modulation, as OpenCV defines it: odd, standard deviation
            :math:`0.3*((ks-1)*0.5-1)+0.8`. Defaults to ``None``: a kernel of
            the training ``sigma``
        decoding (str): ``'dark'``, the standard quarter-pixel ``'shift'`` or
            ``'argmax'``. Defaults to ``'dark'``
        modulation (bool): Whether DARK decoding modulates the heatmap first.
            Defaults to ``True``
        peak (str): Where DARK decoding starts: ``'modulated'``, the peak of
            the modulated map, or ``'raw'``, the brightest pixel (the official
            code's, and faster). See
            :func:`mmpose_dark.functional.decode_heatmaps`. Defaults to
            ``'modulated'``
        use_udp (bool): Whether input and heatmap are aligned at the centres
            of their corner pixels, as in :class:`mmpose.codecs.UDPHeatmap`.
            Pair with ``TopdownAffine(use_udp=True)`` and with
            ``shift_heatmap=False`` in ``test_cfg``. Defaults to ``False``
        calibration (tuple, optional): What ``mmpose-dark calibrate`` found for
            a network: a scale by which covariances are multiplied, and the
            degrees of freedom of the tail of their errors, see
            :mod:`mmpose_dark.functional.coverage`. Defaults to ``None``:
            what was found on real networks, (1, 3)

    Raises:
        ValueError: A size, sigma, kernel size or switch that makes no sense,
            or a switch of DARK decoding where that is not what is chosen.

    Example:
        >>> from mmpose.registry import KEYPOINT_CODECS
        >>> codec = KEYPOINT_CODECS.build(dict(
        ...     type='mmpose_dark.DarkHeatmap', input_size=(192, 256),
        ...     heatmap_size=(48, 64), sigma=2))
        >>> encoded = codec.encode(np.array([[[100.3, 50.6]]]))
        >>> keypoints, scores = codec.decode(encoded['heatmaps'])
        >>> keypoints.round(2)
        array([[[100.3,  50.6]]], dtype=float32)
    """

    label_mapping_table = dict(keypoint_weights='keypoint_weights', )
    field_mapping_table = dict(heatmaps='heatmaps', )

    STOCK = {'MSRAHeatmap': ('input_size', 'heatmap_size', 'sigma'),
             'UDPHeatmap': ('input_size', 'heatmap_size', 'sigma')}

    CORNERS = dict(use_udp=True)

    #: where in a heatmap pixel its index points, in pixels
    CENTRE = 0.

    def __init__(self,
                 input_size: Tuple[int, int],
                 heatmap_size: Tuple[int, int],
                 sigma: float,
                 unbiased: bool = True,
                 blur_kernel_size: Optional[int] = None,
                 decoding: str = 'dark',
                 modulation: bool = True,
                 peak: str = 'modulated',
                 use_udp: bool = False,
                 calibration: Optional[Tuple[float, float]] = None) -> None:
        super().__init__()
        self.input_size = check_size(input_size, 'input_size')
        self.heatmap_size = check_size(heatmap_size, 'heatmap_size')
        self.sigma = sigma
        check_sigma(sigma)
        self.unbiased = check_choice('unbiased', unbiased, (True, False))
        self._set_decoding(decoding, modulation, peak, blur_kernel_size,
                           calibration)
        self.use_udp = check_choice('use_udp', use_udp, (True, False))
        if use_udp and min(*self.input_size, *self.heatmap_size) < 2:
            raise ValueError(
                'use_udp=True divides by (size - 1) and needs sizes of at '
                f'least 2, got input_size={self.input_size}, '
                f'heatmap_size={self.heatmap_size}')
        check_map(self.input_size, self.heatmap_size, sigma)

        # px of the input image per px of the heatmap, (w, h)
        corner = 1 if use_udp else 0
        self.scale_factor = (
            (np.array(self.input_size) - corner) /
            (np.array(self.heatmap_size) - corner)).astype(np.float32)
        # MMPose's estimators go from the input to the image by `keypoints /
        # input_size * input_scale`. A corner-aligned crop spans input_size -
        # 1, so, as UDPHeatmap does, decoding puts this factor right.
        (w, h), (width, height) = self.input_size, self.heatmap_size
        self.decode_factor = w / (width - corner), h / (height - corner)
        self.centre = self.CENTRE, self.CENTRE
        #: how far to shift a flipped-back heatmap, (x, y) in heatmap px:
        #: 0.75 px at stride 4
        self.flip_shift = mirror_offset(
            self.input_size, self.heatmap_size, self.CENTRE, use_udp)

    def encode(self,
               keypoints: np.ndarray,
               keypoints_visible: Optional[np.ndarray] = None
               ) -> Dict[str, np.ndarray]:
        """Encode keypoints into heatmaps.

        Args:
            keypoints (np.ndarray): Keypoint coordinates in the input image
                in shape (1, K, 2); units: input pixels
            keypoints_visible (np.ndarray, optional): Keypoint visibilities
                in shape (1, K). Defaults to ``None``: all visible

        Returns:
            dict:
            - heatmaps (np.ndarray): The generated heatmaps in shape
                (K, H, W), float32. Empty for a joint that is not visible
                (below 0.5) or further than 3 sigma outside
            - keypoint_weights (np.ndarray): The target weights in shape
                (1, K): the visibilities, 0 for a visible joint that is
                further than 3 sigma outside

        Raises:
            ValueError: Several instances, or a wrong shape.
        """
        labels = self.encode_labels(keypoints, keypoints_visible)
        heatmaps = self.render(labels['keypoint_labels'],
                               labels['keypoints_visible'])
        return dict(heatmaps=heatmaps[0],
                    keypoint_weights=labels['keypoint_weights'])

    def encode_labels(self,
                      keypoints: np.ndarray,
                      keypoints_visible: Optional[np.ndarray] = None
                      ) -> Dict[str, np.ndarray]:
        """All that :meth:`render` needs to draw what :meth:`encode` draws.

        Takes and raises what :meth:`encode` does.

        Returns:
            dict:
            - keypoint_labels (np.ndarray): Sub-pixel positions in shape
                (1, K, 2), float32; units: heatmap pixels
            - keypoints_visible (np.ndarray): The visibilities in shape
                (1, K), float32
            - keypoint_weights (np.ndarray): As of :meth:`encode`
        """
        keypoints, keypoints_visible = check_one_instance(
            keypoints, keypoints_visible)
        points = keypoints / self.scale_factor - np.array(self.centre)
        points = points.astype(np.float32)
        weights = F.keypoint_weights(
            points, keypoints_visible, self.heatmap_size, self.sigma,
            unbiased=self.unbiased)
        return dict(
            keypoint_labels=points,
            keypoints_visible=keypoints_visible.astype(np.float32),
            keypoint_weights=weights)

    def render(self, keypoint_labels: Any, keypoints_visible: Any) -> Any:
        """Draw the heatmaps of any number of samples, where the labels are.

        Args:
            keypoint_labels (Tensor | np.ndarray): Positions in shape
                (B, K, 2); units: heatmap pixels
            keypoints_visible (Tensor | np.ndarray): Visibilities in shape
                (B, K)

        Returns:
            Tensor | np.ndarray: Heatmaps in shape (B, K, H, W), of the kind
            and on the device of the labels.
        """
        heatmaps = F.encode_heatmaps(
            keypoint_labels, self.heatmap_size, self.sigma,
            unbiased=self.unbiased, keypoints_visible=keypoints_visible)
        return heatmaps if self.PEAK == 1 else self.PEAK * heatmaps

    @classmethod
    def in_place_of(cls, name: str,
                    options: Mapping[str, Any]) -> Dict[str, Any]:
        """Sizes, sigma and alignment; see :meth:`DarkCodec.in_place_of`."""
        taken = super().in_place_of(name, options)
        if name != 'UDPHeatmap':
            return taken
        heatmap_type = options.get('heatmap_type', 'gaussian')
        if heatmap_type != 'gaussian':
            raise ValueError(
                f'UDPHeatmap with heatmap_type={heatmap_type!r} draws '
                'discs and offsets, and DARK reads the shape of a '
                "Gaussian. Use a config with heatmap_type='gaussian'")
        # What UDPHeatmap has sigma default to.
        return {'sigma': 2., **taken, 'use_udp': True}
