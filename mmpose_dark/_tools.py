"""Run a command-line tool of the installed MMPose with our parts in place."""
import importlib.util
from pathlib import Path


def run_mmpose_tool(name):
    """Run MMPose's ``tools/<name>`` on our ``sys.argv``.

    Importing our parts first adds what MMPose needs around it (see
    :mod:`._compat`) before the tool imports ``mmpose.models``, and registers
    them under their bare names. The tool's config is checked, see
    :mod:`.alignment`, and ``--launcher pytorch`` works without a GPU.

    Raises:
        FileNotFoundError: This MMPose came without its tools.
    """
    from . import heads, transforms  # noqa: F401
    spec = importlib.util.spec_from_file_location('mmpose_tool', _find(name))
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    merge_args = tool.merge_args
    tool.merge_args = lambda cfg, args: _prepared(merge_args(cfg, args))
    tool.main()


def _find(name):
    import mmpose
    package = Path(mmpose.__file__).parent
    # Wheels carry the tools inside the package, a source checkout beside it.
    for folder in (package / '.mim' / 'tools', package.parent / 'tools'):
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(
        f'tools/{name} of MMPose was found neither in {package / ".mim"} nor '
        f'beside {package}; reinstall mmpose (1.x) from a wheel or a clone')


def _prepared(cfg):
    """The config as the tool is to run it."""
    import torch
    from mmengine.device import get_device

    from .alignment import check_alignment
    check_alignment(cfg)
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
