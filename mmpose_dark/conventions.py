"""Names and conventions of MMPose and the official code, each said once."""
from typing import Any, Dict, Mapping

#: codecs of MMPose whose maps DARK reads
STOCK_CODECS = ('MSRAHeatmap', 'UDPHeatmap', 'MegviiHeatmap')

#: head of MMPose -> the head of ours that can do more
HEADS = {
    'HeatmapHead': 'DarkHeatmapHead',
    'CPMHead': 'DarkCPMHead',
    'ViPNASHead': 'DarkViPNASHead',
}

#: labels from which a head draws its targets, as a transform packs them
LABELS = ('keypoint_labels', 'keypoints_visible', 'keypoint_weights')

#: sigma -> the blur kernel size that the official code pairs with it
OFFICIAL_KERNELS = {1: 3, 2: 11, 3: 17}


def official_kernel(sigma: float) -> int:
    """The official code's kernel size for the nearest sigma it has below."""
    return OFFICIAL_KERNELS[min(3, max(1, int(sigma)))]


def dark_codec(name: str, options: Mapping[str, Any]) -> Dict[str, Any]:
    """The DARK codec in place of a stock one.

    Args:
        name (str): Name of the stock codec's class
        options (Mapping): Its arguments

    Returns:
        dict: Config of a :class:`DarkHeatmap` or :class:`DarkMegviiHeatmap`.

    Raises:
        ValueError: A codec whose maps DARK cannot read.
    """
    if name not in STOCK_CODECS:
        raise ValueError(f'{name} is a codec of another kind, not one of '
                         f'{", ".join(STOCK_CODECS)}')
    kind, keep = 'DarkHeatmap', ['input_size', 'heatmap_size', 'sigma']
    if name == 'MegviiHeatmap':
        kind, keep[-1] = 'DarkMegviiHeatmap', 'kernel_size'
    new = {key: options[key] for key in keep if key in options}
    if name == 'UDPHeatmap':
        heatmap_type = options.get('heatmap_type', 'gaussian')
        if heatmap_type != 'gaussian':
            raise ValueError(
                f'UDPHeatmap with heatmap_type={heatmap_type!r} draws '
                'discs and offsets, and DARK reads the shape of a '
                'Gaussian')
        new.setdefault('sigma', 2.)  # what UDPHeatmap has it default to
        new['use_udp'] = True
    return dict(type=f'mmpose_dark.{kind}', **new)
