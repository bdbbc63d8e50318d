"""What stock decoding and DARK read, enlarged where they differ most."""
from typing import Any, List, NamedTuple, Optional, Sequence, Tuple

import cv2
import numpy as np

from ..functional import TAIL_DOF
from . import labels
from .plots import DARK, STOCK, TRUTH
from .uncertainty import draw_ellipses

#: of a panel
COLUMNS, ROWS = 2, 3


class Place(NamedTuple):
    """A joint, what was read of it, and how far around it to look."""

    #: of the joint
    name: str
    #: (x, y) as the stock codec reads it; image px
    stock: np.ndarray
    #: as DARK reads it
    dark: np.ndarray
    #: where it is, or None
    truth: Optional[np.ndarray]
    #: of DARK's reading (2, 2), or None; image px squared
    covariance: Optional[np.ndarray]
    #: half the width of what is shown; image px
    radius: float

    @property
    def centre(self) -> np.ndarray:
        """In the middle of both readings."""
        return (self.stock + self.dark) / 2

    @property
    def words(self) -> str:
        """How far apart both are, or how far from the truth."""
        if self.truth is None:
            return f'{np.linalg.norm(self.stock - self.dark):.1f} px apart'
        stock, dark = (np.linalg.norm(point - self.truth)
                       for point in (self.stock, self.dark))
        return f'off by: stock {stock:.1f}, DARK {dark:.1f} px'


def places(stock: Any, dark: Any, names: Sequence[str], threshold: float,
           truth: Optional[np.ndarray] = None) -> List[Place]:
    """The joints where both readings differ most, most first.

    Args:
        stock (InstanceData): People as the stock codec reads them
        dark (InstanceData): The same as DARK reads them
        names (Sequence[str]): Of the K joints
        threshold (float): The lowest score of DARK's to look at
        truth (np.ndarray, optional): x, y and whether they are labelled, in
            shape (N, K, 3). Only joints whose truth is in sight of both
            readings are looked at then

    Returns:
        list[Place]: As many as a panel shows, or as there are.
    """
    apart = np.linalg.norm(stock.keypoints - dark.keypoints, axis=-1)
    sizes = (dark.bboxes[:, 2:] - dark.bboxes[:, :2]).max(1)
    radius = np.maximum(2.5 * apart, sizes[:, None] / 24)
    shown = dark.keypoint_scores >= threshold
    if truth is not None:
        middle = (stock.keypoints + dark.keypoints) / 2
        far = abs(truth[..., :2] - middle).max(-1) > radius
        shown = shown & (truth[..., 2] > 0) & ~far
    order = np.argsort(-np.where(shown, apart, -1), axis=None, kind='stable')
    found = []
    for flat in order[:min(COLUMNS * ROWS, shown.sum())]:
        i, k = np.unravel_index(flat, apart.shape)
        covariance = (dark.keypoint_covariances[i, k]
                      if 'keypoint_covariances' in dark else None)
        found.append(Place(
            names[k], stock.keypoints[i, k], dark.keypoints[i, k],
            None if truth is None else truth[i, k, :2], covariance,
            float(radius[i, k])))
    return found


def beside(picture: np.ndarray, image: np.ndarray, shown: Sequence[Place],
           zoom: float, dof: Optional[float] = TAIL_DOF) -> np.ndarray:
    """A picture, and beside it the neighbourhoods of joints, enlarged.

    Args:
        picture (np.ndarray): What is drawn on the image; BGR, uint8, in shape
            (zoom * H, zoom * W, 3)
        image (np.ndarray): BGR, uint8, in shape (H, W, 3)
        shown (Sequence[Place]): As of :func:`places`
        zoom (float): Of the picture
        dof (float, optional): As of
            :func:`mmpose_dark.functional.ellipse_limit`

    Returns:
        np.ndarray: BGR, uint8; its size follows from that of the picture.
    """
    tile = max(160, picture.shape[0] // ROWS)
    height = max(ROWS * tile, picture.shape[0])
    whole = np.full((height, picture.shape[1] + COLUMNS * tile, 3), 32,
                    np.uint8)
    whole[:picture.shape[0], :picture.shape[1]] = picture
    corners = []
    for place in shown:
        at, half = zoom * place.centre + (zoom - 1) / 2, zoom * place.radius
        labels.mark(whole, at, labels.FRAME, 'white', half)
        corners.append(np.maximum(at - half, tile // 10))
    for i, (place, corner) in enumerate(zip(shown, corners)):
        number = str(i + 1)
        labels.write(whole, corner, number, tile // 12, 'rb')
        y, x = np.multiply(divmod(i, COLUMNS), tile)
        x += picture.shape[1]
        whole[y + 2:y + tile - 2, x + 2:x + tile - 2] = _enlarged(
            image, place, tile - 4, dof, number)
    return whole


def entries(truth: bool) -> List[Tuple[str, str, str]]:
    """What :func:`labels.legend` has to say of the neighbourhoods."""
    known = [(labels.PLUS, TRUTH, 'truth')] if truth else []
    return [(labels.DISC, STOCK, 'stock decoding'),
            (labels.CROSS, DARK, 'DARK'), *known]


#: what :func:`labels.legend` has to say of an ellipse
ELLIPSE = labels.RING, 'yellow', '95 % ellipse: how sure DARK is'


def _enlarged(image: np.ndarray, place: Place, tile: int,
              dof: Optional[float], number: str) -> np.ndarray:
    scale = tile / (2 * place.radius)
    shift = (tile - 1) / 2 - scale * place.centre
    part = cv2.warpAffine(
        image, np.array([[scale, 0, shift[0]], [0, scale, shift[1]]]),
        (tile, tile), flags=cv2.INTER_CUBIC)
    if place.covariance is not None:
        part = draw_ellipses(
            part, (scale * place.dark + shift)[None],
            scale**2 * place.covariance[None], np.ones(1), dof=dof)
    size = tile / 24
    for point, kind, colour in ((place.stock, labels.DISC, STOCK),
                                (place.truth, labels.PLUS, TRUTH),
                                (place.dark, labels.CROSS, DARK)):
        if point is not None:
            labels.mark(part, scale * point + shift, kind, colour, size)
    letters = max(10, tile // 18)
    labels.write(part, (letters, letters), f'{number}  {place.name}', letters)
    labels.write(part, (letters, tile - letters), place.words, letters)
    return part
