"""A model that ends in keypoints, to export or compile."""
import copy
from typing import Any, List, Optional, Tuple

import torch
from mmcv.cnn import fuse_conv_bn
from torch import nn

from .. import functional as F  # noqa: N812
from ..codecs import DarkCodec
from ..heads import DarkHead
from ..model import apply_dark
from .decoder import DarkDecoder


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
        half (bool): Whether the network computes in float16. What it puts out
            is decoded in float32 all the same. Defaults to ``False``
        score (str, optional): As of :class:`DarkDecoder`; the OKS constants
            are those of the model's data set. Defaults to ``None``: what the
            model's head does

    Raises:
        ValueError: A model without heatmaps or vectors, of a codec that DARK
            cannot read, or without what the flip test or similarities have to
            know.
    """

    def __init__(self,
                 model: nn.Module,
                 flip_test: bool = False,
                 return_covariance: bool = False,
                 half: bool = False,
                 score: Optional[str] = None) -> None:
        super().__init__()
        self.model: Any
        self.model = copy.deepcopy(model).eval()
        if getattr(self.model, 'head', None) is None:
            raise ValueError(f'{type(model).__name__} has no head to decode')
        if not isinstance(getattr(self.model.head, 'decoder', None),
                          DarkCodec):
            apply_dark(self.model)
            if not isinstance(getattr(self.model.head, 'decoder', None),
                              DarkCodec):
                raise ValueError(
                    'no file can end in the keypoints of a '
                    f'{type(model.head).__name__}: it puts out positions, and '
                    'there is no map to decode')
        if score is None:
            score = getattr(self.model.head, 'score', 'stock')
        self.decoder = DarkDecoder.from_codec(
            self.model.head.decoder, return_covariance, score,
            self._sigmas() if score == 'similarity' else None)
        if return_covariance or score == 'similarity':
            self.decoder.codec.check_covariance(self.model.head.loss_module)
        self.flip_test = flip_test
        self.flip_indices = attribute(self.model, 'dataset_meta')[
            'flip_indices'] if flip_test else None
        head = self.model.head
        self.exact = isinstance(head, DarkHead) and head.flip_shift == 'exact'
        self.dtype = torch.float16 if half else torch.float32
        if half:
            # What is rounded once is half as far off in the end.
            self.model = _with_norms_folded(
                self.model, self.decoder.codec.input_size)
        for name, part in self.model.named_children():
            # Nothing passes through the preprocessor here, but its mean and
            # standard deviation are read.
            if name != 'data_preprocessor':
                part.to(self.dtype)

    def forward(self, inputs: torch.Tensor,
                areas: Optional[torch.Tensor] = None
                ) -> Tuple[torch.Tensor, ...]:
        """Predict the keypoints of normalised crops.

        Args:
            inputs (Tensor): Crops in shape (B, 3, h, w), float32
            areas (Tensor, optional): As of :meth:`DarkDecoder.forward`

        Returns:
            tuple: See :meth:`DarkDecoder.forward`.
        """
        if self.flip_test:
            # By index: not every runtime can walk an axis backwards.
            mirror = torch.arange(inputs.shape[-1] - 1, -1, -1,
                                  device=inputs.device)
            inputs = torch.cat([inputs, inputs.index_select(-1, mirror)])
        outputs = self.model._forward(inputs.to(self.dtype))
        if not isinstance(outputs, (list, tuple)):
            outputs = [outputs]
        # Of several stages the last one.
        outputs = [output.float()
                   for output in outputs[-self.decoder.codec.OUTPUTS:]]
        if self.flip_test:
            straight, mirrored = zip(*(
                output.reshape(2, -1, *output.shape[1:])
                for output in outputs))
            outputs = list(self.decoder.codec.merge(
                straight, mirrored, self.flip_indices or (),
                self.model.test_cfg or {}, self.exact))
        return self.decoder(*outputs, areas=areas)

    def _sigmas(self) -> List[float]:
        """OKS constants of all keypoints: the head's, or the data set's."""
        head: Any = self.model.head
        sigmas = getattr(head, 'sigmas', None)
        if sigmas is None:
            sigmas = attribute(self.model, 'dataset_meta').get('sigmas')
        return F.oks_sigmas(sigmas, head.out_channels).tolist()


def attribute(model: Any, name: str) -> Any:
    """What ``init_model`` adds to a model, or an error that says so."""
    if not hasattr(model, name):
        raise ValueError(f'model must have {name}, as mmpose.apis.init_model '
                         f'gives it, got a {type(model).__name__} without')
    return getattr(model, name)


def _with_norms_folded(model: Any, input_size: Tuple[int, int]) -> Any:
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
