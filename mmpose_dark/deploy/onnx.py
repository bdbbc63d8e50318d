"""ONNX files of networks that end in keypoints, and what is said in them."""
from pathlib import Path
from typing import Any, Dict, Union

import numpy as np
import torch

from ..alignment import entries
from ..version import __version__
from .export import export_module
from .network import PoseNetwork, attribute
from .onnx_file import OUTPUTS, write


def export_onnx(network: PoseNetwork, path: Union[str, Path]) -> None:
    """Write a network as one ONNX file: weights, graph and how to use it.

    Input ``inputs`` in shape (batch, 3, h, w), outputs ``keypoints``,
    ``scores`` and, if the network has them, ``covariances``; any batch size.
    With ``score='similarity'`` a second input, ``areas`` in shape (batch,),
    see :meth:`DarkDecoder.forward`. :func:`metadata` is in the file, every
    value as JSON.

    Args:
        network (PoseNetwork): The network
        path (str | Path): The file to write

    Raises:
        ImportError: onnx or onnxscript is not installed.
        ValueError: As of :func:`metadata`.
    """
    width, height = network.decoder.codec.input_size
    example = torch.zeros(2, 3, height, width,
                          device=next(network.parameters()).device)
    described = metadata(network)  # complains before the work is done
    inputs = dict(inputs=example)
    if network.decoder.score == 'similarity':
        inputs['areas'] = torch.ones(2, device=example.device)
    model = export_module(network, list(inputs.values()), list(inputs),
                          OUTPUTS[:2 + network.decoder.return_covariance])
    write(model, path, described)


def metadata(network: PoseNetwork) -> Dict[str, Any]:
    """What a user of an exported network has to know.

    Args:
        network (PoseNetwork): The network, of a model with its config

    Returns:
        dict: ``input_size`` (w, h), ``padding`` of the box and ``use_udp`` of
        the crop; ``mean``, ``std`` and ``bgr_to_rgb`` of the normalisation;
        ``keypoint_names`` and ``skeleton`` (pairs of their indices);
        ``sigmas``, the OKS constants, empty where the data set has none;
        ``score``, what the scores are; ``codec``, ``flip_test``, ``half`` and
        ``mmpose_dark``, the version.

    Raises:
        ValueError: A model without its config, a test pipeline without the
            crop of top-down models, or no normalisation.
    """
    model, codec = network.model, network.decoder.codec
    pipeline = attribute(model, 'cfg').test_dataloader.dataset.pipeline
    steps = {name: entry for entry, name in entries(pipeline)}
    if not {'GetBBoxCenterScale', 'TopdownAffine'} <= set(steps):
        raise ValueError(
            'the test pipeline of the config must crop by GetBBoxCenterScale '
            f'and TopdownAffine, got {", ".join(map(str, steps))}')
    norm = model.data_preprocessor
    if not getattr(norm, '_enable_normalize', False):
        raise ValueError('the data_preprocessor of the config must have mean '
                         f'and std, got a {type(norm).__name__} without')
    meta = attribute(model, 'dataset_meta')
    names = meta['keypoint_id2name']
    sigmas: Any = network.decoder.sigmas if network.decoder.score == (
        'similarity') else np.ravel(meta.get('sigmas', []))
    return dict(
        input_size=list(codec.input_size),
        padding=steps['GetBBoxCenterScale'].get('padding', 1.25),
        use_udp=bool(steps['TopdownAffine'].get('use_udp', False)),
        mean=norm.mean.flatten().tolist(),
        std=norm.std.flatten().tolist(),
        bgr_to_rgb=bool(norm._channel_conversion),
        keypoint_names=[names[i] for i in range(len(names))],
        skeleton=[list(map(int, link)) for link in meta['skeleton_links']],
        sigmas=[round(float(sigma), 6) for sigma in sigmas],
        score=network.decoder.score,
        codec=codec.config(),
        flip_test=network.flip_test,
        half=network.dtype == torch.float16,
        mmpose_dark=__version__)
