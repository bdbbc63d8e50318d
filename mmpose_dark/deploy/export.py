"""A module of torch as an ONNX graph, for any batch size."""
import warnings
from typing import Any, Optional, Sequence

import torch
from torch import nn

from .onnx_file import OPSET


def export_module(module: nn.Module,
                  examples: Sequence[Optional[torch.Tensor]],
                  inputs: Sequence[str], outputs: Sequence[str]) -> Any:
    """Export a module.

    Args:
        module (nn.Module): The module, which is set to evaluation
        examples (Sequence[Tensor]): Input of it, a batch of 2 or more each;
            ``None`` for one that is left out
        inputs (Sequence[str]): The names of the others
        outputs (Sequence[str]): The names of its outputs

    Returns:
        onnx.ModelProto: Of :data:`OPSET`, with the weights inside.

    Raises:
        ImportError: onnx or onnxscript is not installed.
    """
    batch = torch.export.Dim('batch', min=1)
    # Of torch about itself: nothing that a user can change.
    with torch.no_grad(), warnings.catch_warnings():
        warnings.filterwarnings('ignore', category=FutureWarning)
        warnings.filterwarnings('ignore', 'Converting a tensor')
        warnings.filterwarnings('ignore', '# The axis name')
        program: Any = torch.onnx.export(
            module.eval(), tuple(examples), dynamo=True, opset_version=OPSET,
            input_names=list(inputs), output_names=list(outputs),
            dynamic_shapes=tuple(None if example is None else {0: batch}
                                 for example in examples), verbose=False)
    return program.model_proto
