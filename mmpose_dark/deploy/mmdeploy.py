"""mmdeploy's SDK: what it is told of a DARK codec.

mmdeploy converts a DARK model like any other, and its backend models decode
with ``head.decode``, so with DARK. Only the files for its SDK, which decodes
in C++, are refused: "Unsupported codecs type". The SDK has the official
algorithm of DARK, from the raw peak; :func:`register` has it used. Vectors of
SimCC it reads by their highest bins, and by DARK in no way.
"""
from typing import Any, Dict

from ..codecs import CODECS, build_codec


def register() -> None:
    """Make mmdeploy write SDK files for configs of DARK codecs.

    Those of :class:`DarkHeatmap`, and of :class:`DarkSimCC` with
    ``decoding='argmax'``. Call it before ``mmdeploy.apis`` builds a task
    processor. The SDK then decodes heatmaps by the official algorithm, which
    is DARK with ``peak='raw'``, and without flip test, as it always does.

    Raises:
        ImportError: mmdeploy is not installed.
    """
    from mmdeploy.codebase.mmpose.deploy import pose_detection

    @pose_detection.MMPOSE_TASK.register_module('PoseDetection', force=True)
    class PoseDetection(pose_detection.PoseDetection):
        """Pose detection with DARK codecs."""

        def get_postprocess(self, *args: Any, **kwargs: Any) -> Any:
            """The postprocess information for the SDK."""
            return (postprocess(self.model_cfg)
                    or super().get_postprocess(*args, **kwargs))


def postprocess(cfg: Any) -> Dict[str, Any]:
    """The SDK's decoder for the config of a DARK codec.

    Args:
        cfg (Config): The model's config

    Returns:
        dict: ``type`` and ``params``; empty for a stock codec.

    Raises:
        ValueError: A decoding that the SDK does not have.
    """
    codec = cfg.codec[-1] if isinstance(cfg.codec, (list, tuple)) else (
        cfg.codec)
    if str(codec.type).rpartition('.')[2] not in CODECS:
        return {}
    return build_codec(codec).sdk(dict(cfg.model.test_cfg))
