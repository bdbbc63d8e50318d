"""MMPose's own tools, run as if they were this package's."""
import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, List

from .configs import check_config, read_config
from .errors import CannotRun


def run_mmpose_tool(name: str, argv: List[str], prog: str) -> None:
    """Run MMPose's ``tools/<name>``.

    With this package imported MMPose finds our parts under their bare names
    and what it needs around it, see :mod:`mmpose_dark._compat`. The tool's
    config is checked, see :mod:`mmpose_dark.alignment`, and ``--launcher
    pytorch`` works without a GPU.

    Args:
        name (str): Of the file
        argv (list[str]): Its arguments
        prog (str): What it calls itself

    Raises:
        FileNotFoundError: This MMPose came without its tools.
    """
    spec: Any = importlib.util.spec_from_file_location(
        'mmpose_tool', _find(name))
    tool: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    tool.Config = SimpleNamespace(fromfile=read_config)
    merge_args = tool.merge_args
    tool.merge_args = lambda cfg, args: _prepared(
        merge_args(cfg, args), name == 'train.py')
    sys.argv = [prog, *argv]
    tool.main()


def _find(name: str) -> Path:
    import mmpose
    package = Path(mmpose.__file__).parent
    # Wheels carry the tools inside the package, a source checkout beside it.
    for folder in (package / '.mim' / 'tools', package.parent / 'tools'):
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(
        f'tools/{name} of MMPose was found neither in {package / ".mim"} nor '
        f'beside {package}; reinstall mmpose (1.x) from a wheel or a clone')


def _prepared(cfg: Any, training: bool) -> Any:
    """The config as the tool is to run it."""
    import torch
    from mmengine.device import get_device

    check_config(cfg, training)
    if not training:
        _check_weights(cfg)
    if cfg.get('launcher') == 'pytorch' and get_device() == 'cpu':
        # mmengine would take a CUDA device for every process.
        torch.distributed.init_process_group('gloo')
        cfg.model_wrapper_cfg = dict(
            dict(
                type='MMDistributedDataParallel',
                device_ids=None,
                broadcast_buffers=False,
                find_unused_parameters=cfg.get('find_unused_parameters',
                                               False)),
            **cfg.get('model_wrapper_cfg') or {})
    return cfg


def _check_weights(cfg: Any) -> None:
    """Refuse a checkpoint that mmengine would load in part, and print."""
    from ..checkpoints import read_checkpoint
    try:
        read_checkpoint(cfg.load_from)
    except (OSError, ValueError) as error:
        raise CannotRun(error) from None
    hook = 'mmpose_dark.cli.weights_hook.CheckWeights'
    cfg.custom_hooks = [*(cfg.get('custom_hooks') or []), dict(type=hook)]
