"""Heatmaps or vectors in, keypoints out, as a module."""
import torch
from torch import nn

from ..codecs import DarkHeatmap, DarkSimCC


class DarkDecoder(nn.Module):
    """Heatmaps in, keypoints out, as a module to export or compile.

    The decoding of :class:`DarkHeatmap` by torch operators alone. No shape
    follows the data and nothing is copied to the host, so that
    ``torch.export``, ``torch.compile(fullgraph=True)`` and
    ``torch.onnx.export`` take it whole, with a batch of any size.

    Args:
        input_size (tuple): Image size in [w, h]
        heatmap_size (tuple): Heatmap size in [W, H]
        sigma (float): The training sigma; heatmap pixels
        return_covariance (bool): Whether to return the covariance of every
            keypoint as well. Defaults to ``False``
        switches: The other arguments of :class:`DarkHeatmap`

    Raises:
        ValueError: An argument that makes no sense, or covariances of
            another decoding than DARK with modulation.

    Example:
        >>> decoder = DarkDecoder((192, 256), (48, 64), sigma=2)
        >>> keypoints, scores = decoder(torch.rand(8, 17, 64, 48))
        >>> keypoints.shape, scores.shape
        (torch.Size([8, 17, 2]), torch.Size([8, 17]))
    """

    def __init__(self,
                 input_size,
                 heatmap_size,
                 sigma,
                 *,
                 return_covariance=False,
                 **switches):
        super().__init__()
        self._follow(DarkHeatmap(input_size, heatmap_size, sigma, **switches),
                     return_covariance)

    @classmethod
    def from_codec(cls, codec, return_covariance=False):
        """The decoder of a codec.

        Args:
            codec (DarkHeatmap | DarkSimCC): The codec,
                :class:`DarkMegviiHeatmap` included
            return_covariance (bool): As of the class

        Returns:
            DarkDecoder: It returns what ``codec.batch_decode`` does, without
            visibilities. That of SimCC takes vectors over x and y.

        Raises:
            TypeError: Another codec.
            ValueError: As of the class.
        """
        if not isinstance(codec, (DarkHeatmap, DarkSimCC)):
            raise TypeError('codec must be a DarkHeatmap or DarkSimCC, got '
                            f'{type(codec).__name__}')
        self = cls.__new__(cls)
        nn.Module.__init__(self)
        self._follow(codec, return_covariance)
        return self

    def _follow(self, codec, return_covariance):
        if return_covariance:
            codec.check_covariance()
        self.codec = codec
        self.return_covariance = return_covariance

    def forward(self, heatmaps, simcc_y=None):
        """Decode what a network puts out.

        Args:
            heatmaps (Tensor): Heatmaps in shape (B, K, H, W), or of SimCC the
                vectors over x in shape (B, K, W); of any floating type
            simcc_y (Tensor, optional): Of SimCC the vectors over y in shape
                (B, K, H)

        Returns:
            tuple:
            - keypoints (Tensor): Positions (x, y) in shape (B, K, 2); units:
                input pixels, as of the codec
            - scores (Tensor): The keypoint scores in shape (B, K)
            - covariances (Tensor): only with ``return_covariance``: in
                shape (B, K, 2, 2); units: squared input pixels

            All float32.

        Raises:
            ValueError: Heatmaps or vectors that are not of the codec's size.
        """
        if isinstance(self.codec, DarkSimCC):
            keypoints, scores, *rest = self.codec.read(
                _finite(heatmaps), _finite(simcc_y), self.return_covariance)
            return (keypoints, scores, *rest[self.codec.decode_visibility:])
        return self.codec.read(_finite(heatmaps), self.return_covariance)


def _finite(output):
    """float32, with infinity for what is not a number.

    Runtimes differ in what the maximum of a map with a NaN is. Neither NaN
    nor infinity is a keypoint.
    """
    return torch.nan_to_num(
        output.float(), nan=float('inf'), posinf=float('inf'),
        neginf=-float('inf'))
