"""A network that somebody else wrote as an ONNX file: what is in it.

Symbols: as in :mod:`.outputs`.
"""
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np
import onnx
from onnx import TensorProto, inliner, shape_inference, version_converter

from .onnx_file import IR_VERSION, OPSET
from .outputs import Shape, find_maps, listed

_FLOATS = TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE


class NetworkFile(NamedTuple):
    """A network whose end is known.

    Attributes:
        model (onnx.ModelProto): Of :data:`OPSET` or later, without weights
            among its inputs
        input (str): The name of its input
        input_size (tuple[int, int]): (w, h)
        outputs (list[str]): The one with the heatmaps, or those with the
            vectors over x and over y
        shapes (list[tuple[int, ...]]): (K, H, W) of the heatmaps, or (K, W)
            and (K, H) of the vectors
        batch (int, optional): The batch size that it is made for; ``None``:
            any
        opset (int): Of ONNX's own operators
        kind (int): ONNX's number for the dtype of its input
    """
    model: onnx.ModelProto
    input: str
    input_size: Tuple[int, int]
    outputs: List[str]
    shapes: List[Tuple[int, ...]]
    batch: Optional[int]
    opset: int
    kind: int


def read_network(path: Union[str, Path], of_vectors: bool,
                 outputs: Optional[Sequence[str]] = None) -> NetworkFile:
    """Read a file and find its heatmaps or vectors.

    Args:
        path (str | Path): The ONNX file
        of_vectors (bool): Whether two vectors are looked for, not heatmaps
        outputs (Sequence[str], optional): Their names, those over x before
            those over y. Defaults to ``None``: found by their shapes, of
            several stages the last

    Returns:
        NetworkFile: The network.

    Raises:
        OSError: There is no such file.
        ValueError: It is no ONNX file, has no such outputs or several that
            may be meant, an input that is not (B, 3, h, w), sizes that are
            not fixed, or operators that cannot be brought up to date.
    """
    model = _load(path)
    name, width, height = _image_input(model)
    shapes = _output_shapes(model, name)
    found = find_maps(shapes, of_vectors, (width, height), outputs)
    if any(None in shapes[output][1:] for output in found):
        raise ValueError(
            f'{listed(shapes, found)} must have fixed sizes but for the '
            'batch. Export the network for one size of its input, or see '
            'onnxruntime.tools.make_dynamic_shape_fixed')
    model = _up_to_date(model)
    return NetworkFile(
        model, name, (width, height), found,
        [tuple(int(size or 0) for size in shapes[output][1:])
         for output in found], _free_batch(model, name, found), _opset(model),
        model.graph.input[0].type.tensor_type.elem_type)


def _load(path: Union[str, Path]) -> onnx.ModelProto:
    """The model without functions and without weights among its inputs."""
    try:
        model = onnx.load(str(path))
        onnx.checker.check_model(str(path))
    except OSError:
        raise
    except Exception as error:  # protobuf's, onnx's: they have no common base
        raise ValueError(f'{path} is no ONNX file that can be read: '
                         f'{_first_line(error)}') from None
    if model.functions:
        model = inliner.inline_local_functions(model)
    weights = {weight.name for weight in model.graph.initializer}
    inputs = [put for put in model.graph.input if put.name not in weights]
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    # Before it, weights had to be inputs as well.
    model.ir_version = max(model.ir_version, IR_VERSION)
    return model


def _image_input(model: onnx.ModelProto) -> Tuple[str, int, int]:
    """Name, w and h of the one input."""
    inputs = {put.name: _shape(put) for put in model.graph.input}
    if len(inputs) != 1:
        raise ValueError('the network must have one input, crops in shape '
                         f'(B, 3, h, w), got {listed(inputs) or "none"}')
    (name, shape), = inputs.items()
    kind = model.graph.input[0].type.tensor_type.elem_type
    if len(shape) != 4 or shape[1] not in (3, None) or kind not in _FLOATS:
        raise ValueError(
            'the input must be floating crops in shape (B, 3, h, w), got '
            f'{listed(inputs)} of {TensorProto.DataType.Name(kind).lower()}')
    _, _, height, width = shape
    if width is None or height is None or shape[1] is None:
        raise ValueError(
            f'the input must have fixed sizes but for the batch, got '
            f'{listed(inputs)}: the size of the map is unknown. Export the '
            'network for one size of its input, or see '
            'onnxruntime.tools.make_dynamic_shape_fixed')
    return name, width, height


def _output_shapes(model: onnx.ModelProto, name: str) -> Dict[str, Shape]:
    """Shapes of all outputs that are floats: told, inferred or tried."""
    inferred = shape_inference.infer_shapes(model, data_prop=True)
    shapes = {
        put.name: _shape(put) for put in inferred.graph.output
        if put.type.tensor_type.elem_type in _FLOATS + (TensorProto.UNDEFINED,)
    }
    if any(None in shape[1:] or not shape for shape in shapes.values()):
        # Exporters write names for sizes that follow from the input's.
        put, = model.graph.input
        crop = np.zeros([size or 1 for size in _shape(put)])
        shapes.update({key: array.shape for key, array in zip(
            shapes, _run(model, name, crop, list(shapes)))})
    return shapes


def _up_to_date(model: onnx.ModelProto) -> onnx.ModelProto:
    """Of :data:`OPSET` or later."""
    version = _opset(model)
    if version >= OPSET:
        return model
    try:
        return version_converter.convert_version(model, OPSET)
    except Exception as error:  # of the converter's C++: any kind
        raise ValueError(
            f'a network of opset {version} that cannot be brought up to '
            f'{OPSET}: {_first_line(error)}') from None


def _opset(model: onnx.ModelProto) -> int:
    return max([entry.version for entry in model.opset_import
                if entry.domain in ('', 'ai.onnx')] or [1])


def _free_batch(model: onnx.ModelProto, name: str,
                outputs: Sequence[str]) -> Optional[int]:
    """The batch size that the network needs; ``None``: any will do.

    One written for a batch of 1 is fit for others where it finds in two crops
    at once what it finds in each. That is tried, if onnxruntime is here.
    """
    size = model.graph.input[0].type.tensor_type.shape.dim[0]
    batch = _shape(model.graph.input[0])[0]
    if batch is None:
        return None
    size.dim_param = 'batch'
    _, channels, height, width = (
        side or 1 for side in _shape(model.graph.input[0]))
    crops = np.random.default_rng(0).standard_normal(
        (2, channels, height, width))
    del model.graph.value_info[:]  # may have the 1 in them
    for output in model.graph.output:
        output.type.tensor_type.ClearField('shape')
    both, *single = (_run(model, name, part, outputs)
                     for part in (crops, crops[:1], crops[1:]))
    if both and all(single) and all(
            one.shape == (2, *first.shape[1:]) and np.allclose(
                one, np.concatenate([first, second]), rtol=1e-3,
                atol=1e-3 * np.abs(one).max())
            for one, first, second in zip(both, *single)):
        return None
    size.dim_value = batch
    return batch


def _run(model: onnx.ModelProto, name: str, crops: np.ndarray,
         outputs: Sequence[str]) -> List[np.ndarray]:
    """What a network puts out; nothing where it cannot be run."""
    try:
        import onnxruntime
    except ImportError:
        return []
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    kind = onnx.helper.tensor_dtype_to_np_dtype(
        model.graph.input[0].type.tensor_type.elem_type)
    try:
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), options,
            providers=['CPUExecutionProvider'])
        return session.run(list(outputs), {name: crops.astype(kind)})
    except Exception:  # of onnxruntime: it has many kinds
        return []


def _shape(put: onnx.ValueInfoProto) -> Shape:
    return tuple(dim.dim_value if dim.dim_value > 0 else None
                 for dim in put.type.tensor_type.shape.dim)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
