"""A hook of MMPose's test loop."""
from typing import Any, Dict

from mmengine.hooks import Hook

from ..checkpoints import fit_weights
from .errors import CannotRun


class CheckWeights(Hook):
    """Ends the run where the checkpoint is not the model's."""

    def after_load_checkpoint(self, runner: Any,
                              checkpoint: Dict[str, Any]) -> None:
        """Called with what is read, before it is loaded."""
        model = getattr(runner.model, 'module', runner.model)
        try:
            fit_weights(model, checkpoint, runner.cfg.load_from, runner.cfg)
        except ValueError as error:
            raise CannotRun(error) from None
