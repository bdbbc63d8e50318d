"""What figures with matplotlib have in common; its axes are passed in."""
from typing import Any, Tuple

import numpy as np

#: colours of what the stock codec reads, of what DARK reads, of the truth
STOCK, DARK, TRUTH = 'cyan', 'red', 'lime'


def show_part(axis: Any, image: np.ndarray, centre: Tuple[float, float],
              radius: Tuple[float, float]) -> None:
    """Show the part of an image around a point.

    Args:
        axis (matplotlib.axes.Axes): Where to
        image (np.ndarray): BGR, uint8, in shape (H, W, 3), as
            ``cv2.imread`` returns it
        centre (tuple): (x, y) of the point; image px
        radius (tuple): How far to see from there in x and y; image px
    """
    axis.imshow(image[..., ::-1], interpolation='nearest')
    (x, y), (rx, ry) = centre, radius
    axis.set(xlim=(x - rx, x + rx), ylim=(y + ry, y - ry), xticks=[],
             yticks=[])


def show_map(axis: Any, heatmap: np.ndarray, title: str) -> None:
    """Show a heatmap (H, W)."""
    axis.imshow(heatmap, cmap='inferno')
    axis.set(title=title, xticks=[], yticks=[])
