"""Versions of other packages that are known to break something."""
import re
import warnings
from typing import List

#: module -> (from which version on, or before which, what happens there)
_TROUBLE = (
    ('mmengine', '<', '0.8',
     "a config cannot name a codec as 'mmpose_dark.DarkHeatmap': KeyError"),
    ('numpy', '>=', '2.4',
     "MMPose's drawing fails: it takes int() of arrays of one element"),
    ('cv2', '>=', '4.13',
     'images are resized otherwise, which moves results by .2 to .3 AP; '
     'OpenCV 5 also fails on broken videos'),
)


def warn_of_known_trouble() -> None:
    """Say which installed versions break what."""
    for name, sign, version, what in _TROUBLE:
        found = __import__(name).__version__
        if (_parts(found) >= _parts(version)) == (sign == '>='):
            warnings.warn(
                f'{name} {found} is installed, and with {name} {sign} '
                f'{version} {what}', stacklevel=2)


def _parts(version: str) -> List[int]:
    return [int(part) for part in re.findall(r'\d+', version)[:2]]
