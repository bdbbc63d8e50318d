"""Files that come with the package."""
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent

#: folder of the configs: inside an installed package, beside it in a clone
CONFIGS = next(
    (folder for folder in (_PACKAGE / '.mim' / 'configs',
                           _PACKAGE.parent / 'configs') if folder.is_dir()),
    _PACKAGE / '.mim' / 'configs')
#: the configs and checkpoints of the drawn people
FIGURES = CONFIGS / 'body_2d_keypoint' / 'topdown_heatmap' / 'figures'
