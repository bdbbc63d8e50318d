"""MMPose's Runner for the test loop alone."""
import contextlib
import copy
import io
import itertools
from pathlib import Path
from typing import Optional, Union

from mmengine.config import Config
from mmengine.runner import Runner

from ..checkpoints import load_weights

#: a name for each Runner of a process: loggers are shared by theirs
_NUMBERS = itertools.count(1)


def only_test(cfg: Config) -> Config:
    """A copy of a config without training, whose data need not exist."""
    cfg = copy.deepcopy(cfg)
    for name in ('train_dataloader', 'train_cfg', 'optim_wrapper',
                 'val_dataloader', 'val_cfg', 'val_evaluator',
                 'param_scheduler'):
        cfg[name] = None
    # Of training, too. Averaged weights are in a checkpoint's state_dict.
    cfg.custom_hooks = []
    return cfg


def build_test_runner(cfg: Config,
                      checkpoint: Optional[Union[str, Path]],
                      work_dir: Union[str, Path]) -> Runner:
    """A Runner of which only the test half is built, its weights loaded.

    Args:
        cfg (Config): Of any top-down model.
        checkpoint (str | Path, optional): ``None`` leaves random weights.
        work_dir (str | Path): For logs.

    Returns:
        Runner: Its ``model`` in evaluation mode is what :func:`predict` runs.

    Raises:
        OSError: The checkpoint cannot be read.
        ValueError: It does not fit, see
            :func:`mmpose_dark.checkpoints.load_weights`.
    """
    cfg = only_test(cfg)
    cfg.work_dir = str(work_dir)
    cfg.load_from = None
    cfg.resume = False
    cfg.log_level = 'WARNING'
    # They would wait for a second epoch, and whoever drops the Runner for
    # them: 5 s, PyTorch's patience.
    cfg.test_dataloader.persistent_workers = False
    name = cfg.get('experiment_name') or 'test'
    cfg.experiment_name = f'{name}-{next(_NUMBERS)}'
    # A visualizer is shared by its name in a process: under the config's name
    # it might be that of an earlier Runner, and write to that one's folder.
    cfg.visualizer = dict(type='mmpose.PoseLocalVisualizer')
    with contextlib.redirect_stdout(io.StringIO()):
        runner = Runner.from_cfg(cfg)
        if checkpoint is not None:
            load_weights(runner.model, checkpoint, cfg)
    return runner
