"""A graph of ONNX nodes, put together from graphs and single nodes."""
from typing import Any, Dict, List, Mapping, Sequence

import numpy as np
import onnx
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper

from .onnx_file import IR_VERSION, graphs


class Assembly:
    """Nodes and weights in the order in which they run.

    Every method returns the names of what it puts out, to be handed on to the
    next.

    Args:
        prefix (str): What the names of single nodes start with
    """

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.nodes: List[NodeProto] = []
        self.weights: Dict[str, TensorProto] = {}
        self.opsets: Dict[str, int] = {}

    def add(self, kind: str, *inputs: str, num_outputs: int = 1,
            **attributes: Any) -> List[str]:
        """Add one node of a kind, with its attributes."""
        name = f'{self.prefix}/{kind}_{len(self.nodes)}'
        outputs = [f'{name}_{i}' for i in range(num_outputs)]
        self.nodes.append(helper.make_node(
            kind, inputs, outputs, name=name, **attributes))
        return outputs

    def constant(self, array: Any) -> str:
        """Add an array, and return its name."""
        name = f'{self.prefix}/constant_{len(self.weights)}'
        self.weights[name] = onnx.numpy_helper.from_array(
            np.asarray(array), name)
        return name

    def run(self, model: ModelProto, prefix: str, inputs: Mapping[str, str],
            outputs: Sequence[str]) -> List[str]:
        """Add a whole model; one that is added twice has its weights once.

        Args:
            model (onnx.ModelProto): The model
            prefix (str): What its names start with, different each time
            inputs (Mapping[str, str]): Its inputs -> what they are fed by
            outputs (Sequence[str]): Which of its outputs are returned
        """
        for entry in model.opset_import:
            domain = '' if entry.domain == 'ai.onnx' else entry.domain
            self.opsets[domain] = max(entry.version,
                                      self.opsets.get(domain, 1))
        shared = f'{self.prefix}/weights/{model.graph.name}'
        names = {weight.name: f'{shared}/{weight.name}'
                 for weight in model.graph.initializer}
        for weight in model.graph.initializer:
            copy = TensorProto()
            copy.CopyFrom(weight)
            copy.name = names[weight.name]
            self.weights[copy.name] = copy
        names.update(inputs)
        graph = GraphProto()
        graph.CopyFrom(model.graph)
        _rename(graph, prefix, names)
        self.nodes.extend(graph.node)
        return [names[output] for output in outputs]

    def model(self, inputs: Mapping[str, Sequence[Any]],
              outputs: Mapping[str, Sequence[Any]],
              values: Sequence[str]) -> ModelProto:
        """The model of all that was added.

        Args:
            inputs (Mapping[str, Sequence]): Names and shapes, float32
            outputs (Mapping[str, Sequence]): Names and shapes, float32
            values (Sequence[str]): What is put out
        """
        for name, value in zip(outputs, values):
            self.nodes.append(helper.make_node('Identity', [value], [name],
                                               name=f'{self.prefix}/{name}'))
        before, after = (
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
             for name, shape in side.items()] for side in (inputs, outputs))
        graph = helper.make_graph(self.nodes, self.prefix, before, after,
                                  list(self.weights.values()))
        opsets = [helper.make_opsetid(*item) for item in self.opsets.items()]
        model = helper.make_model(graph, opset_imports=opsets)
        model.ir_version = max(IR_VERSION, helper.find_min_ir_version_for(
            opsets, ignore_unknown=True))
        return model


def _rename(graph: GraphProto, prefix: str, names: Dict[str, str]) -> None:
    """Rename all that nodes put out, in graphs inside of nodes too.

    ``names`` has what inputs and weights are called, and all in the end.
    """
    inner = list(graphs(graph))
    for part in inner:
        defined = [output for node in part.node for output in node.output]
        if part is not graph:
            defined += [value.name for value in (*part.input,
                                                 *part.initializer)]
        for name in defined:
            if name:  # an optional output that nobody takes has none
                names[name] = f'{prefix}/{name}'
    for part in inner:
        for node in part.node:
            node.name = f'{prefix}/{node.name}' if node.name else ''
            node.input[:] = [names.get(name, name) for name in node.input]
            node.output[:] = [names.get(name, name) for name in node.output]
        if part is not graph:
            for value in (*part.input, *part.output, *part.initializer,
                          *part.value_info):
                value.name = names.get(value.name, value.name)
