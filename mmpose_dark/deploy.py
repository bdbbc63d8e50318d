"""The deploy end: modules that end in keypoints, to export or compile."""
import copy

import torch
from mmcv.cnn import fuse_conv_bn
from torch import nn

from . import functional as F  # noqa: N812
from .codecs import DarkHeatmap
from .heads import DarkHeadMixin
from .megvii import DarkMegviiHeatmap
from .model import apply_dark


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
            codec (DarkHeatmap): The codec, :class:`DarkMegviiHeatmap`
                included
            return_covariance (bool): As of the class

        Returns:
            DarkDecoder: It returns what ``codec.batch_decode`` does.

        Raises:
            TypeError: Another codec.
            ValueError: As of the class.
        """
        if not isinstance(codec, DarkHeatmap):
            raise TypeError('codec must be a DarkHeatmap, got '
                            f'{type(codec).__name__}')
        self = cls.__new__(cls)
        nn.Module.__init__(self)
        self._follow(codec, return_covariance)
        return self

    def _follow(self, codec, return_covariance):
        if return_covariance and not (
                codec.decoding == 'dark' and codec.modulation):
            raise ValueError(
                "return_covariance needs decoding='dark' with modulation, got "
                f'decoding={codec.decoding!r}, modulation={codec.modulation}')
        self.codec = codec
        self.return_covariance = return_covariance
        # Not part of a checkpoint: the codec says it all.
        factor = torch.from_numpy(codec._decode_factor)
        self.register_buffer('factor', factor, persistent=False)
        self.register_buffer('squared', factor[:, None] * factor,
                             persistent=False)

    def forward(self, heatmaps):
        """Decode heatmaps.

        Args:
            heatmaps (Tensor): Heatmaps in shape (B, K, H, W), of any
                floating type

        Returns:
            tuple:
            - keypoints (Tensor): Positions (x, y) in shape (B, K, 2); units:
                input pixels, as of the codec
            - scores (Tensor): The keypoint scores in shape (B, K)
            - covariances (Tensor): only with ``return_covariance``: in
                shape (B, K, 2, 2); units: squared input pixels

            All float32.

        Raises:
            ValueError: Heatmaps that are not of the codec's heatmap size.
        """
        codec = self.codec
        codec._check_heatmaps(heatmaps, 4, '(B, K, H, W)')
        # Runtimes differ in what the maximum of a map with a NaN is. Neither
        # NaN nor infinity is a keypoint.
        heatmaps = torch.nan_to_num(
            heatmaps.float(), nan=float('inf'), posinf=float('inf'),
            neginf=-float('inf'))
        keypoints, scores, *covariances = F.decode_heatmaps(
            heatmaps,
            codec.sigma,
            method=codec.decoding,
            modulation=codec.modulation,
            peak=codec.peak,
            blur_kernel_size=codec.blur_kernel_size,
            return_covariance=self.return_covariance)
        keypoints = keypoints * self.factor
        if isinstance(codec, DarkMegviiHeatmap):
            keypoints = keypoints + codec.CENTRE * self.factor
            scores = scores / codec.PEAK + 0.5
        return (keypoints, scores,
                *(covariance * self.squared for covariance in covariances))


class PoseNetwork(nn.Module):
    """A top-down model from normalised crops to keypoints in their pixels.

    What ``predict`` of the model does, without samples: backbone, neck, head,
    merge of the flip test as its head does it, decoder.

    Args:
        model (nn.Module): A pose estimator, as ``init_model`` returns it. If
            its codec is not DARK, a copy is made so, see :func:`apply_dark`
        flip_test (bool): Whether the mirrored crops are predicted as well,
            in the same batch. Defaults to ``False``
        return_covariance (bool): As of :class:`DarkDecoder`
        half (bool): Whether to compute heatmaps in float16. They are decoded
            in float32 all the same. Defaults to ``False``

    Raises:
        ValueError: A model without top-down heatmaps, of a codec that DARK
            cannot read, or without what the flip test has to know.
    """

    def __init__(self,
                 model,
                 flip_test=False,
                 return_covariance=False,
                 half=False):
        super().__init__()
        self.model = copy.deepcopy(model).eval()
        if getattr(self.model, 'head', None) is None:
            raise ValueError(f'{type(model).__name__} has no head to decode')
        if not isinstance(getattr(self.model.head, 'decoder', None),
                          DarkHeatmap):
            apply_dark(self.model)
        self.decoder = DarkDecoder.from_codec(
            self.model.head.decoder,
            return_covariance).to(next(self.model.parameters()).device)
        self.flip_test = flip_test
        self.flip_indices = attribute(self.model, 'dataset_meta')[
            'flip_indices'] if flip_test else None
        self.flip_shift = self._flip_shift()
        self.dtype = torch.float16 if half else torch.float32
        if half:
            # What is rounded once is half as far off in the end.
            self.model = _with_norms_folded(
                self.model, self.decoder.codec.input_size)
        self.model.to(self.dtype)

    def _flip_shift(self):
        head, test_cfg = self.model.head, self.model.test_cfg or {}
        if isinstance(head, DarkHeadMixin) and head.flip_shift == 'exact':
            return head.decoder.flip_shift[0]
        return 1. if test_cfg.get('shift_heatmap', False) else 0.

    def forward(self, inputs):
        """Predict the keypoints of normalised crops.

        Args:
            inputs (Tensor): Crops in shape (B, 3, h, w), float32

        Returns:
            tuple: See :meth:`DarkDecoder.forward`.
        """
        if self.flip_test:
            # By index: not every runtime can walk an axis backwards.
            mirror = torch.arange(inputs.shape[-1] - 1, -1, -1,
                                  device=inputs.device)
            inputs = torch.cat([inputs, inputs.index_select(-1, mirror)])
        heatmaps = self.model._forward(inputs.to(self.dtype))
        if isinstance(heatmaps, (list, tuple)):
            heatmaps = heatmaps[-1]
        heatmaps = heatmaps.float()
        if self.flip_test:
            pairs = heatmaps.reshape(2, -1, *heatmaps.shape[1:])
            flipped = F.flip_heatmaps(
                pairs[1], self.flip_indices, shift=self.flip_shift)
            heatmaps = (pairs[0] + flipped) * 0.5
        return self.decoder(heatmaps)


def attribute(model, name):
    """What ``init_model`` adds to a model, or an error that says so."""
    if not hasattr(model, name):
        raise ValueError(f'model must have {name}, as mmpose.apis.init_model '
                         f'gives it, got a {type(model).__name__} without')
    return getattr(model, name)


def _with_norms_folded(model, input_size):
    """The model with batch norms folded into the convolutions before them.

    mmcv takes a module's layers for run in the order in which they are listed.
    Where that does not hold, the model is returned as it is.
    """
    width, height = input_size
    weight = next(model.parameters())
    probe = torch.randn(1, 3, height, width,
                        generator=torch.Generator().manual_seed(0)).to(weight)
    folded = copy.deepcopy(model)
    with torch.no_grad():
        want = model._forward(probe)
        try:
            got = fuse_conv_bn(folded)._forward(probe)
        except RuntimeError:  # sizes of layers that do not belong together
            return model
    if not isinstance(want, (list, tuple)):
        want, got = [want], [got]
    same = all(torch.allclose(a, b, rtol=0., atol=1e-3 * float(abs(a).max()))
               for a, b in zip(want, got))
    return folded if same else model
