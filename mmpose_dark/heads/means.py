"""Heads whose positions are means, which tell how far off these may be.

Their positions are MMPose's own, bit for bit: a mean has no peak to refine.
"""
from typing import Any, List, Mapping, Optional, Sequence

import numpy as np
import torch
from mmengine.structures import InstanceData
from mmpose.models.heads import DSNTHead, RLEHead
from mmpose.models.losses import JSDiscretLoss
from mmpose.registry import MODELS
from torch import Tensor

from .. import functional as F  # noqa: N812
from .promise import PromisingHead


class DarkMeanHead(PromisingHead):
    """To be put before a head of MMPose's that regresses coordinates.

    Parameters, keys of the state dict, losses and positions are those of the
    head.

    Args:
        output_covariance, score, sigmas: As of :class:`DarkHead`

    Raises:
        ValueError: Covariances or similarities of a loss that they are not
            derived for, or similarities without OKS constants.
    """

    def __init__(self, *args: Any, output_covariance: bool = False,
                 score: str = 'stock',
                 sigmas: Optional[Sequence[float]] = None,
                 **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.promise(output_covariance, score, sigmas)

    #: where that is in the config of a head, and in a built one
    LOSS = 'loss', 'loss_module'

    @classmethod
    def check_loss(cls, loss: Any) -> None:
        """Raise ``ValueError`` where a loss leaves errors unknown.

        Args:
            loss (nn.Module): What the network was trained by
        """
        raise NotImplementedError

    def check_covariance(self) -> None:
        """Raise ``ValueError`` where there are no covariances."""
        self.check_loss(getattr(self, self.LOSS[1], None))

    def _give(self, preds: Sequence[InstanceData],
              covariances: np.ndarray) -> None:
        """To B predictions (B, K, 2, 2) in squared px of the input."""
        for pred, covariance in zip(preds, covariances):
            pred.keypoint_covariances = covariance[None]


@MODELS.register_module()
class DarkRLEHead(DarkMeanHead, RLEHead):
    """A :class:`mmpose.models.RLEHead` that says how far off it may be.

    The density of its errors is learned by the loss, in whose flow it is
    kept: see :mod:`mmpose_dark.functional.means`.

    Takes and raises what :class:`DarkMeanHead` does.
    """

    @classmethod
    def check_loss(cls, loss: Any) -> None:
        """Raise ``ValueError`` unless it is an ``RLELoss``."""
        if not hasattr(loss, 'flow_model'):
            raise ValueError(
                'covariances need an RLELoss, whose flow is the density of '
                f'errors, got a {type(loss).__name__}')

    def decode(self, batch_outputs: Tensor) -> List[InstanceData]:
        """Decode keypoints from numbers.

        Args:
            batch_outputs (Tensor): Positions and sigmas of x and y in shape
                (B, 1, K, 4), over the size of the input.

        Returns:
            list[InstanceData]: B predictions in input pixels; covariances in
            squared input pixels.
        """
        preds: List[InstanceData] = super().decode(batch_outputs)
        if self.promises:
            self.check_covariance()
            scales = batch_outputs[:, 0, :, 2:] * batch_outputs.new_tensor(
                self.decoder.input_size)
            errors = sample_flow(self.loss_module.flow_model)
            spread = F.likeliest_covariance(errors.double()).to(scales)
            # Mirrored inputs have mirrored errors, and training mirrors half
            # of them: x and y do not vary together.
            self._give(preds, torch.diag_embed(
                scales**2 * spread.diagonal()).cpu().numpy())
        return preds

    def predict(self, feats: Any, batch_data_samples: Sequence[Any],
                test_cfg: Mapping[str, Any] = {}) -> Any:  # noqa: B006
        """Predict results from features, see ``RLEHead``."""
        preds = super().predict(feats, batch_data_samples, test_cfg)
        self._to_image(preds, batch_data_samples, test_cfg)
        return preds


@torch.no_grad()
def sample_flow(flow: Any, side: int = 32) -> Tensor:
    """What a flow makes of a normal distribution, which it is the density of.

    Args:
        flow (RealNVP): Of MMPose, which has its inverse only
        side (int): Root of the number of samples, evenly spread

    Returns:
        Tensor: in shape (side**2, 2).
    """
    even = (torch.arange(side, device=flow.mask.device) + .5) / side
    rows = torch.special.ndtri(even.to(flow.mask))
    found = torch.cartesian_prod(rows, rows)
    for mask, scale, shift in zip(flow.mask, flow.s, flow.t):
        kept = mask * found
        found = kept + (1 - mask) * (
            found * torch.exp(scale(kept)) + shift(kept))
    return found


@MODELS.register_module()
class DarkDSNTHead(DarkMeanHead, DSNTHead):
    """A :class:`mmpose.models.DSNTHead` that says how far off it may be.

    Its loss draws the map towards a Gaussian, which makes the map the
    distribution of the joint: see :mod:`mmpose_dark.functional.means`.

    Takes and raises what :class:`DarkMeanHead` does.
    """

    @classmethod
    def check_loss(cls, loss: Any) -> None:
        """Raise ``ValueError`` unless a ``JSDiscretLoss`` shapes the map."""
        parts = getattr(loss, 'loss_modules', [loss])
        if not any(isinstance(part, JSDiscretLoss) for part in parts):
            names = [type(part).__name__ for part in parts]
            raise ValueError(
                'covariances need a JSDiscretLoss beside the loss of '
                'coordinates: without one the shape of the map is left open, '
                f'got {" and ".join(names)}. Use a config of DSNT')

    def check_covariance(self) -> None:
        """Raise ``ValueError`` where there are no covariances."""
        super().check_covariance()
        if self.lambda_t > 0:
            raise ValueError(
                'covariances need a map that is trained to the end, got '
                f'lambda_t={self.lambda_t}, after which it is not')

    def predict(self, feats: Any, batch_data_samples: Sequence[Any],
                test_cfg: Mapping[str, Any] = {}) -> Any:  # noqa: B006
        """Predict results from features, see ``DSNTHead``."""
        if not self.promises:
            return super().predict(feats, batch_data_samples, test_cfg)
        self.check_covariance()
        preds, fields = super().predict(
            feats, batch_data_samples, dict(test_cfg, output_heatmaps=True))
        maps = torch.stack([field.heatmaps for field in fields])
        codec = self.decoder.heatmap_codec
        positions = np.concatenate([pred.keypoints for pred in preds])
        self._give(preds, F.scale_covariances(F.map_covariance(
            maps.cpu().numpy(), positions / codec.scale_factor, codec.sigma),
            codec.scale_factor))
        self._to_image(preds, batch_data_samples, test_cfg)
        return (preds, fields) if test_cfg.get(
            'output_heatmaps', False) else preds
