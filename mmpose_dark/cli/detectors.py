"""A detector of people that is a function of the user's."""
import sys
from importlib import import_module
from typing import Any, Callable

import numpy as np

from .errors import CannotRun


def load_detector(text: str) -> Callable[[np.ndarray], np.ndarray]:
    """The function that ``MODULE:FUNCTION`` names.

    Args:
        text (str): A module that Python finds, from the current folder too,
            and its function: from an image (H, W, 3), BGR, uint8, to the
            boxes of its people (N, 4): left, top, right, bottom; image px

    Raises:
        CannotRun: There is none.
    """
    name, _, function = text.partition(':')
    if '' not in sys.path:
        sys.path.insert(0, '')
    try:
        found: Any = import_module(name)
        for part in function.split('.'):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError) as error:
        raise CannotRun(f'--detector takes MODULE:FUNCTION, got {text}: '
                        f'{error}') from None
    if not callable(found):
        raise CannotRun(f'--detector takes MODULE:FUNCTION, and {text} is a '
                        f'{type(found).__name__}')
    return lambda image: _boxes(text, found(image))


def _boxes(name: str, found: Any) -> np.ndarray:
    """Checked; what is behind four numbers, such as scores, is left out."""
    from ..deploy.crop import check_boxes
    boxes = np.asarray(found)
    if boxes.ndim == 2 and boxes.shape[1] > 4:
        boxes = boxes[:, :4]
    try:
        return check_boxes(boxes)
    except ValueError as error:
        raise CannotRun(f'--detector {name}: {error}') from None
