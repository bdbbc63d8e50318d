"""The codec of MSPN and RSN, distribution-aware."""
from .codecs import KEYPOINT_CODECS, DarkHeatmap


@KEYPOINT_CODECS.register_module()
class DarkMegviiHeatmap(DarkHeatmap):
    r"""A :class:`DarkHeatmap` in the conventions of ``MegviiHeatmap``.

    Two of them differ, and a network trained with the stock codec
    (:class:`mmpose.codecs.MegviiHeatmap`) is decoded right only where both
    are kept:

    - A joint at heatmap position :math:`u` is drawn on pixel
      :math:`\lfloor u\rfloor`: the centre of pixel i is at i + 0.5.
    - The maximum of a heatmap is 255, and a score is ``max / 255 + 0.5``.

    Args:
        input_size (tuple): Image size in [w, h]
        heatmap_size (tuple): Heatmap size in [W, H]
        kernel_size (int): The kernel size of the Gaussian, as OpenCV defines
            it: its standard deviation is :math:`0.3*((ks-1)*0.5-1)+0.8`
            heatmap pixels
        switches: ``unbiased``, ``decoding``, ``modulation``, ``peak`` and
            ``blur_kernel_size`` of :class:`DarkHeatmap`

    Raises:
        ValueError: A size or switch that makes no sense.
        TypeError: A sigma, which follows from ``kernel_size`` here.
    """

    PEAK = 255.
    CENTRE = 0.5  # of pixel 0; heatmap px

    def __init__(self, input_size, heatmap_size, kernel_size, **switches):
        name = type(self).__name__
        if 'sigma' in switches:
            raise TypeError(
                f'{name} takes no sigma: it follows from kernel_size')
        if switches.get('use_udp'):
            raise ValueError(f'{name} has pixel centres at i + 0.5 and cannot '
                             'be aligned at the corners (use_udp=True)')
        self.kernel_size = kernel_size
        sigma = 0.3 * ((kernel_size - 1) * 0.5 - 1) + 0.8
        super().__init__(input_size, heatmap_size, sigma, **switches)

    @property
    def flip_shift(self):
        """As of :class:`DarkHeatmap`.

        Centres at i + 0.5 leave a flipped-back heatmap 1 / s px too far.
        """
        width, height = self.heatmap_size
        return -width / self.input_size[0], -height / self.input_size[1]

    def encode_labels(self, keypoints, keypoints_visible=None):
        """As of :class:`DarkHeatmap`, positions counted from pixel 0."""
        return super().encode_labels(
            keypoints - self.CENTRE * self.scale_factor, keypoints_visible)

    def render(self, keypoint_labels, keypoints_visible):
        """As of :class:`DarkHeatmap`, maxima of 255."""
        return self.PEAK * super().render(keypoint_labels, keypoints_visible)

    def _decode(self, heatmaps, return_covariance=False):
        keypoints, scores, *covariances = super()._decode(
            heatmaps, return_covariance)
        return (keypoints + self.CENTRE * self.scale_factor,
                scores / self.PEAK + 0.5, *covariances)
