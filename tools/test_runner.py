"""MMPose's Runner for the test loop alone, as several tools need it."""
import contextlib
import copy
import io


def only_test(cfg):
    """A copy of a config without training; its data need not exist."""
    cfg = copy.deepcopy(cfg)
    for name in ('train_dataloader', 'train_cfg', 'optim_wrapper',
                 'val_dataloader', 'val_cfg', 'val_evaluator',
                 'param_scheduler'):
        cfg[name] = None
    return cfg


def build_runner(cfg, checkpoint, work_dir):
    """A Runner of which only the test half is built, its weights loaded.

    Args:
        cfg (Config): Of any top-down model.
        checkpoint (str | Path, optional): ``None`` leaves random weights.
        work_dir (str | Path): For logs.
    """
    from mmengine.runner import Runner
    cfg = only_test(cfg)
    cfg.work_dir = str(work_dir)
    cfg.load_from = None if checkpoint is None else str(checkpoint)
    cfg.resume = False
    cfg.log_level = 'WARNING'
    with contextlib.redirect_stdout(io.StringIO()):
        runner = Runner.from_cfg(cfg)
        runner.load_or_resume()
    return runner
