"""DARK for an ONNX file that somebody else wrote.

Its heatmaps or vectors are handed on to a decoder inside of the file. Neither
MMPose nor the code that the network came from is needed; torch is, once, to
write the decoder.
"""
import json
import os
from functools import lru_cache
from pathlib import Path
from typing import (
    Any,
    Dict,
    List,
    Mapping,
    Optional,
    Sequence,
    Tuple,
    Union,
)

import numpy as np
import onnx
from onnx import TensorProto, version_converter

from .. import functional as F  # noqa: N812
from ..codecs import DarkCodec, build_codec, codec_class, codec_name
from ..conventions import SCORES
from ..functional.checks import check_choice
from .assembly import Assembly
from .description import describe
from .keypoint_sets import mirrored
from .network_file import NetworkFile, read_network
from .onnx_file import OPSET, OUTPUTS, write
from .ready import READY, ready_codec, ready_metadata

#: of a decoder; of similarities the areas of the people, too
INPUTS = 'heatmaps', 'simcc_y'


def darkify_onnx(source: Union[str, Path],
                 target: Union[str, Path],
                 codec: Union[str, Mapping[str, Any]],
                 *,
                 covariance: bool = False,
                 flip_indices: Union[None, str, Sequence[int]] = None,
                 outputs: Optional[Sequence[str]] = None,
                 score: str = 'stock',
                 metadata: Optional[Mapping[str, Any]] = None) -> None:
    r"""Make an ONNX file that ends in heatmaps or vectors end in keypoints.

    Input ``inputs`` in shape (B, 3, h, w), outputs ``keypoints`` (B, K, 2) in
    input px, ``scores`` (B, K) and, asked for, ``covariances`` (B, K, 2, 2)
    in squared input px; B is any batch size, or that of a network that takes
    no other.

    Args:
        source (str | Path): A network from normalised crops to heatmaps
            (B, K, H, W), or to two vectors (B, K, W) and (B, K, H); of opset
            7 or later
        target (str | Path): The file to write
        codec (str | Mapping): Config of the codec that its targets were
            drawn by, stock or of this package, such as
            ``dict(type='MSRAHeatmap', sigma=2)``; sizes are read from the
            file. Or the name of a ready set (:data:`READY`): ``'rtmpose'``,
            ``'dwpose'``, ``'rtmw'``, ``'heatmap'``, ``'udp'``, ``'vitpose'``,
            which has metadata too
        covariance (bool): Whether to put out covariances. Defaults to
            ``False``
        flip_indices (Sequence[int] | str, optional): The index of the
            symmetric keypoint of each of the K, or ``'names'``: by left and
            right in ``keypoint_names``. The flip test is then in the file,
            both passes merged at their exact offset. Defaults to ``None``:
            no flip test
        outputs (Sequence[str], optional): The names of the outputs with the
            heatmaps, or with the vectors over x and over y. Defaults to
            ``None``: found by their shapes, of several stages the last
        score (str): ``'similarity'``: ``scores`` are the OKS to expect of
            each joint, 0 to 1, see :class:`mmpose_dark.DarkDecoder`; then
            ``areas`` (B,) of the people is a second input, in squared input
            px, and ``metadata`` must have ``sigmas``, the OKS constants, as
            ready sets of COCO's keypoints do. Defaults to ``'stock'``
        metadata (Mapping, optional): How to crop and normalise, see
            :func:`.description.describe`, for
            :class:`mmpose_dark.deploy.PoseRuntime`. Defaults to ``None``:
            what the ready set says, or nothing

    Raises:
        ImportError: onnx, onnxscript or torch is not installed.
        OSError: ``source`` cannot be read or ``target`` not written.
        ValueError: A file without such outputs, of a dynamic map size or with
            one that the codec does not fit, with what was found; a codec that
            DARK cannot read; an argument that makes no sense.

    Example:
        >>> darkify_onnx('rtmpose-m.onnx', 'dark.onnx',  # doctest: +SKIP
        ...              'rtmpose', covariance=True)
        >>> pose = PoseRuntime('dark.onnx')  # doctest: +SKIP
    """
    if os.path.exists(target) and os.path.samefile(source, target):
        raise ValueError(f'target must be another file than source, {source}')
    network = read_network(source, _reads_vectors(codec), outputs)
    num = network.shapes[0][0]
    said: Optional[Dict[str, Any]] = dict(metadata) if metadata else None
    if isinstance(codec, str):
        said = {**ready_metadata(num), **(said or {})}
        codec = ready_codec(codec, network.input_size, network.shapes)
    built = _fitted(codec, network)
    if covariance or check_choice('score', score, SCORES) == 'similarity':
        built.check_covariance()
    described = describe(built, num, flip_indices is not None, said, score)
    swap = _swap(flip_indices, described.get('keypoint_names', []), num)
    decoder = _decoder(
        json.dumps(described['codec']), num, covariance,
        tuple(described['sigmas']) if score == 'similarity' else None)
    if network.opset > OPSET:
        decoder = version_converter.convert_version(decoder, network.opset)
    write(_joined(network, decoder, built, swap), target, described)


def _swap(flip_indices: Union[None, str, Sequence[int]],
          names: Sequence[str], num: int) -> Optional[List[int]]:
    """The symmetric keypoint of each of the K."""
    if flip_indices is None:
        return None
    if isinstance(flip_indices, str):
        indices = mirrored(names)
        if flip_indices != 'names' or indices == list(range(len(names))):
            raise ValueError(
                "flip_indices must be indices, or 'names' where keypoint_names"
                f' have left and right, got {flip_indices!r} and the names '
                f'{list(names)[:3] or "(none)"}')
        return indices
    # It says what is wrong with them.
    F.flip_heatmaps(np.zeros((num, 1, 1)), flip_indices)
    return list(flip_indices)


def _reads_vectors(codec: Union[str, Mapping[str, Any]]) -> bool:
    if isinstance(codec, str):
        if codec not in READY:
            raise ValueError(
                f'codec must be a config or one of {", ".join(READY)}, got '
                f'{codec!r}')
        codec = READY[codec].codec
    return codec_class(codec_name(codec.get('type'))).OUTPUTS == 2


def _fitted(config: Mapping[str, Any], network: NetworkFile) -> DarkCodec:
    """The codec, of the sizes in the file."""
    shapes = tuple(tuple(shape[1:]) for shape in network.shapes)
    sizes = codec_class(codec_name(config.get('type'))).of_outputs(
        network.input_size, shapes)
    for name, found in sizes.items():
        said = config.get(name, found)
        if np.shape(said) != np.shape(found) or np.any(
                np.not_equal(said, found)):
            raise ValueError(f'the codec has {name}={said}, the file '
                             f'{name}={found}: leave it out, or is it the '
                             'codec of another network?')
    codec: DarkCodec = build_codec({**config, **sizes})
    if codec.output_shapes != shapes:
        raise ValueError(
            f'a {type(codec).__name__} of {network.input_size} reads '
            f'{codec.output_shapes} for each keypoint, the file has {shapes}')
    return codec


@lru_cache(maxsize=8)
def _decoder(config: str, num: int, covariance: bool,
             sigmas: Optional[Tuple[float, ...]]) -> onnx.ModelProto:
    """The decoder of a codec for K keypoints, as a model of its own.

    Its scores are similarities where there are OKS constants.
    """
    import torch

    from .decoder import DarkDecoder
    from .export import export_module
    codec = build_codec(json.loads(config))
    maps = [torch.zeros(2, num, *shape) for shape in codec.output_shapes]
    if sigmas is None:
        return export_module(DarkDecoder.from_codec(codec, covariance), maps,
                             INPUTS[:len(maps)], OUTPUTS[:2 + covariance])
    return export_module(
        DarkDecoder.from_codec(codec, covariance, 'similarity', sigmas),
        [maps[0], maps[1] if len(maps) == 2 else None, torch.ones(2)],
        [*INPUTS[:len(maps)], 'areas'], OUTPUTS[:2 + covariance])


def _joined(network: NetworkFile, decoder: onnx.ModelProto, codec: DarkCodec,
            flip_indices: Optional[Sequence[int]]) -> onnx.ModelProto:
    """The network, the merge of the flip test and the decoder as one."""
    build = Assembly('dark')
    passes = 0

    def run(crops: str) -> List[str]:
        nonlocal passes
        passes += 1
        if network.kind != TensorProto.FLOAT:
            crops, = build.add('Cast', crops, to=network.kind)
        return [build.add('Cast', output, to=TensorProto.FLOAT)[0]
                for output in build.run(
                    network.model, f'network{passes}',
                    {network.input: crops}, network.outputs)]

    crops = 'inputs'
    if flip_indices is None:
        maps = run(crops)
    else:
        # By index: not every runtime can walk an axis backwards.
        width = network.input_size[0]
        mirror = build.constant(np.arange(width - 1, -1, -1))
        flipped, = build.add('Gather', crops, mirror, axis=3)
        if network.batch is None:
            both, = build.add('Concat', crops, flipped, axis=0)
            pairs = [build.add('Split', output, num_outputs=2, axis=0)
                     for output in run(both)]
        else:
            pairs = list(map(list, zip(run(crops), run(flipped))))
        maps = _merged(build, codec, flip_indices, pairs)
    outputs = [put.name for put in decoder.graph.output]
    fed = {put.name: put.name for put in decoder.graph.input}  # areas
    fed.update(zip(INPUTS, maps))
    found = build.run(decoder, 'decoder', fed, outputs)
    batch = network.batch or 'batch'
    num = network.shapes[0][0]
    shapes = (batch, num, 2), (batch, num), (batch, num, 2, 2)
    width, height = network.input_size
    inputs: Dict[str, Sequence[Any]] = {'inputs': (batch, 3, height, width)}
    if 'areas' in fed:
        inputs['areas'] = (batch, )
    return build.model(inputs, dict(zip(outputs, shapes)), found)


def _merged(build: Assembly, codec: DarkCodec, flip_indices: Sequence[int],
            pairs: Sequence[Sequence[str]]) -> List[str]:
    """The mean of both passes, the mirrored one brought back."""
    swap = build.constant(np.array(flip_indices, np.int64))
    half = build.constant(np.float32(.5))
    merged = []
    for axis, (one, other) in enumerate(pairs):
        other, = build.add('Gather', other, swap, axis=1)
        if axis == 0:  # vectors over y are the same in a mirror
            size = codec.output_shapes[0][-1]
            matrix = F.flip_heatmaps(np.eye(size, dtype=np.float32)[None],
                                     shift=codec.flip_shift[0])[0]
            other, = build.add('MatMul', other, build.constant(matrix))
        both, = build.add('Add', one, other)
        merged += build.add('Mul', both, half)
    return merged
