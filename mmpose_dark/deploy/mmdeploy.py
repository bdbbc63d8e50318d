"""mmdeploy's SDK: what it is told of a DARK codec.

mmdeploy converts a DARK model like any other, and its backend models decode
with ``head.decode``, so with DARK. Only the files for its SDK, which decodes
in C++, are refused: "Unsupported codecs type". The SDK has the official
algorithm of DARK, from the raw peak; :func:`register` has it used. Vectors of
SimCC it reads by their highest bins, and by DARK in no way.
"""
import copy

from ..functional.checks import check_blur_kernel_size

_NAMES = ('DarkHeatmap', 'mmpose_dark.DarkHeatmap')
_SIMCC = ('DarkSimCC', 'mmpose_dark.DarkSimCC')


def register():
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

        def get_postprocess(self, *args, **kwargs):
            """The postprocess information for the SDK."""
            codec = self.model_cfg.codec
            if isinstance(codec, (list, tuple)):
                codec = codec[-1]
            if codec.type in _SIMCC:
                return simcc_decoder(self.model_cfg)
            if codec.type not in _NAMES:
                return super().get_postprocess(*args, **kwargs)
            params = dict(self.model_cfg.model.test_cfg)
            params.update(codec_params(codec))
            return dict(type='TopdownHeatmapSimpleHeadDecode', params=params)


def simcc_decoder(cfg):
    """The SDK's decoder of vectors for a config of :class:`DarkSimCC`.

    Args:
        cfg (Config): The model's config

    Returns:
        dict: ``type`` and ``params``, as for ``SimCCLabel``.

    Raises:
        ValueError: A decoding that the SDK does not have.
    """
    codec = cfg.codec[-1] if isinstance(cfg.codec, list) else cfg.codec
    decoding = codec.get('decoding', 'dark')
    if decoding != 'argmax':
        raise ValueError(
            'the SDK reads vectors of SimCC by their highest bins: use '
            "decoding='argmax', or the file of export_onnx, which has DARK "
            f'inside, got decoding={decoding!r}')
    params = copy.deepcopy(dict(cfg.model.test_cfg))
    params.update(codec, type='SimCCLabel', export_postprocess=False)
    return dict(type='SimCCLabelDecode', params=params)


def codec_params(codec):
    """Parameters of the SDK's decoder for a codec.

    Args:
        codec (dict): Config of a :class:`DarkHeatmap`

    Returns:
        dict: ``post_process``, ``modulate_kernel`` and ``use_udp``.

    Raises:
        ValueError: A decoding that the SDK does not have.
    """
    decoding = codec.get('decoding', 'dark')
    use_udp = codec.get('use_udp', False)
    modulation = codec.get('modulation', True)
    if decoding == 'shift' and not use_udp:
        return dict(post_process='default', use_udp=False)
    if decoding != 'dark' or not modulation:
        raise ValueError(
            "the SDK has decoding='dark' with modulation and, without "
            f"use_udp, decoding='shift', got decoding={decoding!r}, "
            f'modulation={modulation}, use_udp={use_udp}')
    size = check_blur_kernel_size(codec.get('blur_kernel_size'))
    if size is None:
        # The odd size whose OpenCV kernel is closest to that of sigma.
        size = 2 * max(1, round((codec['sigma'] - 0.8) / 0.3 + 1)) + 1
    return dict(post_process='unbiased', modulate_kernel=size,
                use_udp=use_udp)
