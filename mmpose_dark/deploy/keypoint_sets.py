"""Keypoints that pose networks have in common, for files that do not tell."""
import re
from typing import Dict, Iterator, List, NamedTuple, Sequence, Tuple


class KeypointSet(NamedTuple):
    """The keypoints of a data set.

    Attributes:
        names (list[str]): One for each of the K keypoints
        skeleton (list[tuple[int, int]]): Which of them are linked
        sigmas (list[float]): Their OKS constants
    """
    names: List[str]
    skeleton: List[Tuple[int, int]]
    sigmas: List[float]


def _sides(names: str) -> Iterator[str]:
    """Each name on the left and on the right."""
    for name in names.split():
        yield f'left_{name}'
        yield f'right_{name}'


def _fingers(first: int) -> List[Tuple[int, int]]:
    """The links of a hand whose root is keypoint ``first``."""
    return [(first if joint == 1 else first + 4 * finger + joint - 1,
             first + 4 * finger + joint)
            for finger in range(5) for joint in range(1, 5)]


_HAND = [f'{finger}{joint}' for finger in (
    'thumb', 'forefinger', 'middle_finger', 'ring_finger', 'pinky_finger')
    for joint in range(1, 5)]
_FEET = 'big_toe', 'small_toe', 'heel'
_HEAD = [(1, 2), (0, 1), (0, 2), (1, 3), (2, 4)]
_LEGS = [(15, 13), (13, 11), (16, 14), (14, 12)]
_ARMS = [(5, 7), (6, 8), (7, 9), (8, 10)]

_HAND_SIGMAS = [.029, .022, .035, .037, .047, .026, .025, .024, .035, .018,
                .024, .022, .026, .017, .021, .021, .032, .020, .019, .022,
                .031]
_FACE_SIGMAS = [
    .042, .043, .044, .043, .040, .035, .031, .025, .020, .023, .029, .032,
    .037, .038, .043, .041, .045, .013, .012, .011, .011, .012, .012, .011,
    .011, .013, .015, .009, .007, .007, .007, .012, .009, .008, .016, .010,
    .017, .011, .009, .011, .009, .007, .013, .008, .011, .012, .010, .034,
    .008, .008, .009, .008, .008, .007, .010, .008, .009, .009, .009, .007,
    .007, .008, .011, .008, .008, .008, .010, .008]

COCO = KeypointSet(
    ['nose', *_sides('eye ear shoulder elbow wrist hip knee ankle')],
    [*_LEGS, (11, 12), (5, 11), (6, 12), (5, 6), *_ARMS, *_HEAD, (3, 5),
     (4, 6)],
    [.026, .025, .025, .035, .035, .079, .079, .072, .072, .062, .062, .107,
     .107, .087, .087, .089, .089])

HALPE26 = KeypointSet(
    [*COCO.names, 'head', 'neck', 'hip', *_sides(' '.join(_FEET))],
    [*_LEGS, (11, 19), (12, 19), (17, 18), (18, 19), (18, 5), (18, 6),
     *_ARMS, *_HEAD, (3, 5), (4, 6), (15, 20), (15, 22), (15, 24), (16, 21),
     (16, 23), (16, 25)],
    [*COCO.sigmas, .026, .026, .066, *[.079] * 6])

COCO_WHOLEBODY = KeypointSet(
    [*COCO.names,
     *(f'{side}_{part}' for side in ('left', 'right') for part in _FEET),
     *(f'face-{i}' for i in range(68)),
     *(f'{side}_{part}' for side in ('left', 'right')
       for part in ['hand_root', *_HAND])],
    [*COCO.skeleton, (15, 17), (15, 18), (15, 19), (16, 20), (16, 21),
     (16, 22), *_fingers(91), *_fingers(112)],
    [*COCO.sigmas, .068, .066, .066, .092, .094, .094, *_FACE_SIGMAS,
     *_HAND_SIGMAS, *_HAND_SIGMAS])

HAND = KeypointSet(['wrist', *_HAND], _fingers(0), _HAND_SIGMAS)

#: by their number, which is all that a file tells
KEYPOINT_SETS: Dict[int, KeypointSet] = {
    len(found.names): found for found in (COCO, HALPE26, COCO_WHOLEBODY,
                                          HAND)}

#: ranges of the 68 points of a face -> the sum of two that are symmetric
_FACE = {range(17): 16, range(17, 27): 43, range(31, 36): 66,
         range(36, 40): 81, range(42, 46): 81, range(40, 42): 87,
         range(46, 48): 87, range(48, 55): 102, range(55, 60): 114,
         range(60, 65): 124, range(65, 68): 132}


def mirrored(names: Sequence[str]) -> List[int]:
    """The keypoint that each becomes in a mirror, by its name.

    Args:
        names (Sequence[str]): ``left_...`` and ``right_...`` change places,
            and so do the 68 points of a face, ``face-0`` and so on

    Returns:
        list[int]: ``flip_indices``: the index of each one's counterpart; its
        own where there is none.

    Example:
        >>> mirrored(['nose', 'left_eye', 'right_eye'])
        [0, 2, 1]
    """
    index = {name: i for i, name in enumerate(names)}
    return [index.get(_counterpart(name), i) for i, name in enumerate(names)]


def _counterpart(name: str) -> str:
    face = re.fullmatch(r'face-(\d+)', name)
    if face:
        at = int(face.group(1))
        sums = [total for points, total in _FACE.items() if at in points]
        return f'face-{sums[0] - at}' if sums else name
    return re.sub('left|right', lambda side: 'right' if side.group() == 'left'
                  else 'left', name)
