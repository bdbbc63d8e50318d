"""ONNX files of this package: what all of them have in common."""
import json
from pathlib import Path
from typing import Any, Iterator, Mapping, Union

import onnx

#: ONNX operators of this set are known to ONNX Runtime, OpenVINO and TensorRT
OPSET = 18
#: the version of the format that has it
IR_VERSION = 8
#: names of what is put out, the last one where it is asked for
OUTPUTS = 'keypoints', 'scores', 'covariances'
#: a larger file is not one file: protobuf's limit, and room for the rest
_LARGEST = 2**31 - 2**24


def write(model: onnx.ModelProto, path: Union[str, Path],
          described: Mapping[str, Any]) -> None:
    """Write a model with its description, and nothing of where it was made.

    Args:
        model (onnx.ModelProto): The model, which is changed
        path (str | Path): The file. Weights of more than 2 GB go into a
            second one beside it, ``<name>.data``
        described (Mapping): Its metadata, each value of which is written as
            JSON
    """
    _forget_where_it_was_made(model)
    for key, value in described.items():
        model.metadata_props.add(key=key, value=json.dumps(value))
    path = Path(path)
    onnx.save(model, str(path), location=f'{path.name}.data',
              save_as_external_data=model.ByteSize() > _LARGEST)


def graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """A graph, and all graphs in its nodes."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (*attribute.graphs, *(
                    [attribute.g] if attribute.HasField('g') else [])):
                yield from graphs(inner)


def _forget_where_it_was_made(message: Any) -> None:
    """Remove what torch notes beside the graph, in every part of it.

    These are the stack traces of the export, which name folders of this
    machine, and as much again: a third of a small network.

    Args:
        message (onnx.ModelProto): The model, or any message in it. Changed
    """
    for field, value in list(message.ListFields()):
        if field.name in ('metadata_props', 'doc_string'):
            message.ClearField(field.name)
        elif field.message_type is not None:
            for part in value if hasattr(value, '__len__') else [value]:
                _forget_where_it_was_made(part)
