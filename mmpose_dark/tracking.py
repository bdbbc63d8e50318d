"""People followed through a video, and their keypoints smoothed."""
from types import SimpleNamespace
from typing import Any, Dict, List, NamedTuple, Optional

import numpy as np

from .functional import TrackFilter, smooth_track

#: MMPose's: the least similarity, of keypoints or boxes, of one person in two
#: frames
SIMILAR = .3
#: for how long a person may be missed and is the same afterwards, s
PATIENCE = 1.


class Pose(NamedTuple):
    """A person in a frame, smoothed."""

    #: who it is, from 0 on
    track_id: int
    #: (left, top, right, bottom), in shape (4,); image px. Where the person
    #: was missed, between those before and after
    box: np.ndarray
    #: in shape (K, 2); image px
    keypoints: np.ndarray
    #: of them, in shape (K, 2, 2); squared image px
    covariances: np.ndarray
    #: of what was read, in shape (K,); where nothing was, as the box
    scores: np.ndarray
    #: keypoints as they were read, and their covariances; None where the
    #: person was missed
    read: Optional[np.ndarray]
    spread: Optional[np.ndarray]


class Tracks:
    """The people of a video by MMPose's tracking: greedy, by OKS or IoU.

    MMPose compares a person with those of the frame before. Here it is with
    where these are foreseen to be, and those too who were lost less than a
    second ago.

    Args:
        frame_rate (float): Of the video; Hz
        sigmas (np.ndarray, optional): OKS constants of the keypoints in shape
            (K,), to compare them by. Defaults to ``None``: boxes are
            compared, by their IoU
    """

    def __init__(self, frame_rate: float,
                 sigmas: Optional[np.ndarray] = None) -> None:
        self.frame_rate = frame_rate
        self.sigmas = sigmas
        self.num_frames = 0
        # Of each person the frames and what was read there, and of those who
        # may come back what foresees them.
        self._frames: List[List[int]] = []
        self._read: List[List[Any]] = []
        self._live: Dict[int, TrackFilter] = {}

    def add(self, people: Any) -> List[int]:
        """The next frame.

        Args:
            people (InstanceData): N people, with ``bboxes`` (N, 4),
                ``keypoints`` (N, K, 2), ``keypoint_scores`` (N, K) and
                ``keypoint_covariances`` (N, K, 2, 2)

        Returns:
            list[int]: Who they are, from 0 on.
        """
        time = self.num_frames / self.frame_rate
        self._live = {person: live for person, live in self._live.items()
                      if time - self._frames[person][-1] / self.frame_rate
                      <= PATIENCE}
        before = [self._foreseen(person, time) for person in self._live]
        found = []
        for n in range(len(people)):
            read = [np.asarray(array[n], np.float32) for array in (
                people.bboxes, people.keypoints, people.keypoint_scores,
                people.keypoint_covariances)]
            person, before = self._who(_sample(*read[:3]), before)
            if person < 0:
                person = len(self._frames)
                self._frames.append([])
                self._read.append([])
                self._live[person] = TrackFilter()
            self._frames[person].append(self.num_frames)
            self._read[person].append(read)
            self._live[person].update(read[1], read[3], time)
            found.append(person)
        self.num_frames += 1
        return found

    def smoothed(self) -> Dict[int, List[Pose]]:
        """The people of each frame, those who were missed for a while too."""
        found: Dict[int, List[Pose]] = {}
        for person, frames in enumerate(self._frames):
            boxes, keypoints, scores, covariances = (
                _spread(frames, arrays)
                for arrays in zip(*self._read[person]))
            whole = range(frames[0], frames[-1] + 1)
            smooth, sure = smooth_track(
                keypoints, covariances, np.array(whole) / self.frame_rate)
            boxes, scores = _bridged(boxes), _bridged(scores)
            for i, frame in enumerate(whole):
                missed = np.isnan(keypoints[i]).any()
                found.setdefault(frame, []).append(Pose(
                    person, boxes[i], smooth[i], sure[i], scores[i],
                    None if missed else keypoints[i],
                    None if missed else covariances[i]))
        return found

    def _foreseen(self, person: int, time: float) -> Any:
        box, keypoints, scores, _ = self._read[person][-1]
        ahead, _ = self._live[person].predict(time)
        moved = (ahead - keypoints).mean(0)
        return _sample(box + np.tile(moved, 2), ahead, scores,
                       track_id=person)

    def _who(self, sample: Any, before: List[Any]) -> Any:
        """MMPose's tracking: who it is, -1 if nobody, and who is left."""
        from mmpose.apis import _track_by_iou, _track_by_oks
        if not before:
            return -1, before
        return (_track_by_iou(sample, before, SIMILAR)
                if self.sigmas is None else
                _track_by_oks(sample, before, SIMILAR, self.sigmas))[:2]


def _sample(box: np.ndarray, keypoints: np.ndarray, scores: np.ndarray,
            **more: Any) -> Any:
    """A person as MMPose's tracking takes it."""
    area = (box[2] - box[0]) * (box[3] - box[1])
    return SimpleNamespace(pred_instances=SimpleNamespace(
        bboxes=box[None], keypoints=keypoints[None],
        keypoint_scores=scores[None], areas=np.array([area])), **more)


def _spread(frames: List[int], arrays: Any) -> np.ndarray:
    """What was read, in an array of all frames; NaN where nothing was."""
    first = np.asarray(arrays[0])
    out = np.full((frames[-1] - frames[0] + 1, *first.shape), np.nan)
    out[np.subtract(frames, frames[0])] = arrays
    return out


def _bridged(array: np.ndarray) -> np.ndarray:
    """NaN filled by straight lines through time."""
    frames = np.arange(len(array))
    read = ~np.isnan(array).any(1)
    return np.stack([np.interp(frames, frames[read], column[read])
                     for column in array.T], 1)
