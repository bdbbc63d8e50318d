"""Weights into a model: all of them, or an error."""
import os
import re
from collections import OrderedDict
from pathlib import Path
from typing import Any, Dict, List, Optional, Union

import torch
from mmengine.config import Config
from mmengine.runner import CheckpointLoader
from torch import nn

#: parts of a model that predict; a file may hold more, such as a teacher
_PARTS = 'backbone.', 'neck.', 'head.'


def load_model(cfg: Config,
               checkpoint: Union[str, Path],
               device: str = 'cpu') -> nn.Module:
    """MMPose's ``init_model``, of a checkpoint that fits.

    Args:
        cfg (Config): Of any model of MMPose
        checkpoint (str | Path): Path or URL of its weights
        device (str): Where the model is to be. Defaults to ``'cpu'``

    Returns:
        nn.Module: The model, in evaluation mode.

    Raises:
        OSError: There is no such file, or it cannot be read.
        ValueError: It does not fit, see :func:`load_weights`.
    """
    from mmpose.apis import init_model
    found = read_checkpoint(checkpoint)
    model = init_model(cfg, None, 'cpu')
    fit_weights(model, found, checkpoint, cfg)
    meta = found.get('meta') or {}
    model.dataset_meta = meta.get('dataset_meta', model.dataset_meta)
    return model.to(device)


def load_weights(model: nn.Module,
                 checkpoint: Union[str, Path],
                 cfg: Optional[Config] = None) -> None:
    """Load a checkpoint into a model, and refuse one that does not fit.

    mmengine loads what fits, prints the rest and goes on with weights drawn
    at random. Keys that MMPose renames, of its versions before 1.0, fit.

    Args:
        model (nn.Module): Gets the weights
        checkpoint (str | Path): Path or URL of a file that MMPose, mmengine
            or torch wrote
        cfg (Config, optional): The model's, to name its file in an error

    Raises:
        OSError: There is no such file, or it cannot be read.
        ValueError: It is no checkpoint, it lacks weights of the model, has
            some of another shape, or has weights of the backbone, neck or
            head that the model has not.
    """
    fit_weights(model, read_checkpoint(checkpoint), checkpoint, cfg)


def read_checkpoint(checkpoint: Union[str, Path]) -> Dict[str, Any]:
    """What is in a file of weights.

    Args:
        checkpoint (str | Path): Path or URL

    Raises:
        OSError: There is no such file, or it cannot be read.
        ValueError: torch cannot load it, or there are no weights in it.
    """
    import mmpose.registry  # noqa: F401  tells torch what it may load
    try:
        found = CheckpointLoader.load_checkpoint(
            str(checkpoint), 'cpu', logger='silent')
    except Exception as error:  # whatever a broken file makes torch raise
        if isinstance(error, OSError) and not os.path.isfile(checkpoint):
            raise OSError(f'{checkpoint} cannot be read: {error}') from None
        raise ValueError(f'{checkpoint} is no checkpoint that torch can load '
                         f'({_why(error)})') from None
    if not isinstance(found, dict) or not _tensors(found):
        raise ValueError(f'{checkpoint} holds no weights by their names, and '
                         'no state_dict that does')
    return found


def fit_weights(model: nn.Module, found: Dict[str, Any],
                checkpoint: Union[str, Path],
                cfg: Optional[Config] = None) -> None:
    """:func:`load_weights` of what :func:`read_checkpoint` has read."""
    state = found.get('state_dict', found)
    weights = OrderedDict((re.sub(r'^module\.', '', key), value)
                          for key, value in _tensors(found).items())
    # The model may rename keys, by a version in these.
    weights._metadata = getattr(  # type: ignore[attr-defined]
        state, '_metadata', OrderedDict())
    wrong = _misfits(model, weights)
    if wrong:
        name = getattr(cfg, 'filename', None) or 'this config'
        more = f' and {len(wrong) - 3} more' if len(wrong) > 3 else ''
        raise ValueError(
            f'{checkpoint} does not fit {name}, {len(wrong)} weights differ:\n'
            f'{", ".join(wrong[:3])}{more}')


def _tensors(found: Dict[str, Any]) -> Dict[str, torch.Tensor]:
    state = found.get('state_dict', found)
    return {key: value for key, value in (
        state.items() if isinstance(state, dict) else ())
            if isinstance(key, str) and isinstance(value, torch.Tensor)}


def _misfits(model: nn.Module, weights: Dict[str, torch.Tensor]) -> List[str]:
    """Load the weights; what is wrong with which, in words."""
    told: List[Any] = []

    def listen(module: nn.Module, keys: Any) -> None:
        told.append(keys)

    # Called with what is missing even where shapes are an error.
    handle = model.register_load_state_dict_post_hook(listen)
    wrong = []
    try:
        model.load_state_dict(weights, strict=False)
    except RuntimeError as error:
        sizes = re.findall(
            r'size mismatch for (\S+): .*?Size\(\[(.*?)\]\).*?Size\(\[(.*?)\]',
            str(error))
        if not sizes:
            raise
        wrong = [f'{key} is ({got}) in place of ({want})'
                 for key, got, want in sizes]
    finally:
        handle.remove()
    missing, unknown = told[-1]
    # Counters, which torch 0.4 did not write and nothing reads.
    return [f'{key} is missing' for key in missing
            if not key.endswith('num_batches_tracked')] + wrong + [
        f'{key} is unknown' for key in unknown
        if key.startswith(_PARTS) and _is_weight(key, weights)]


def _is_weight(key: str, weights: Dict[str, torch.Tensor]) -> bool:
    """Whether it can change what is predicted: no table, counter or loss."""
    value = weights.get(key)
    return '.loss' not in key and (
        value is None or value.is_floating_point())


def _why(error: Exception) -> str:
    refused = re.search(r'Unsupported global: GLOBAL (\S+)', str(error))
    if refused:
        return f'it holds a {refused[1]}, which weights do not need'
    if isinstance(error, RuntimeError):
        return re.split(r'\. |\n', str(error))[0]
    return type(error).__name__  # the text is of the pickle's bytes
