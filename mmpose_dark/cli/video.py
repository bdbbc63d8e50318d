"""A video smoothed: read and followed to its end, and only then drawn."""
import argparse
from typing import Any, Callable, Iterator, List

import numpy as np

#: above each of two pictures side by side
RAW, SMOOTHED = 'as read', 'smoothed'


def smooth(source: Any, find: Callable[[str, int, np.ndarray], Any],
           readers: Any, coco: Any, args: argparse.Namespace
           ) -> Iterator[int]:
    """Everything for one video; yields, after each step, how many there are.

    Its frames are read twice, from the file: of all that is long only the
    tracks are in memory.

    Args:
        source (Source): The video
        find (callable): From name, number of the frame and image to the
            people in it
        readers (PoseReaders | ExportedReader): With covariances
        coco (CocoFile): Gets the poses
        args (Namespace): Of the demo

    Raises:
        BrokenFile: It cannot be read.
    """
    from ..tracking import Tracks
    from ..visualization import files, results
    with files.opened(source) as images:
        tracks = Tracks(images.fps or 25, readers.dataset_meta.get('sigmas'))
        first = len(coco.content['images']) + 1
        entries = {}
        for frame, image in enumerate(images):
            boxes = find(source.name, frame, image).boxes
            samples = readers.predict(image, boxes)
            people = samples['DARK'].pred_instances if samples else []
            for who, entry in zip(tracks.add(people), coco.add(
                    source.name, frame, image, people)):
                entry['track_id'] = who
                entries[frame, who] = entry
            yield 2 * len(images)

        poses = tracks.smoothed()
        for frame, here in poses.items():
            for pose in here:
                entry = entries.get((frame, pose.track_id))
                if entry is None:  # missed, so there is nothing raw
                    entry = coco.annotate(
                        first + frame, pose.box, 0 * pose.keypoints,
                        0 * pose.scores, track_id=pose.track_id)
                    entry['num_keypoints'] = 0
                entry.update(results.smoothed_entry(pose))
        with results.Pictures(args.out / 'visualizations', source.name,
                              images.fps) as pictures:
            for frame, image in enumerate(images):
                pictures.write(draw(readers, image, poses.get(frame, []),
                                    args))
                yield 2 * len(images)


def draw(readers: Any, image: np.ndarray, poses: List[Any],
         args: argparse.Namespace) -> np.ndarray:
    """A frame with the smoothed poses, beside the raw ones to compare.

    Args:
        readers: As of :func:`smooth`
        image (np.ndarray): BGR, uint8, in shape (H, W, 3)
        poses (list[Pose]): Those of the frame
        args (Namespace): Of the demo
    """
    picture = readers.draw(image, _sample(poses, args.uncertainty),
                           args.kpt_thr)
    if not args.compare:
        return picture
    from ..visualization import labels
    read = [pose._replace(keypoints=pose.read, covariances=pose.spread)
            for pose in poses if pose.read is not None]
    before = readers.draw(image, _sample(read, args.uncertainty),
                          args.kpt_thr)
    size = max(10, picture.shape[0] // 24)
    for one, words in ((before, RAW), (picture, SMOOTHED)):
        labels.write(one, (size // 2, size), words, size)
    return np.hstack([before, picture])


def _sample(poses: List[Any], uncertainty: bool) -> Any:
    """Poses as readers draw them; nothing where nobody is."""
    if not poses:
        return {}
    from mmengine.structures import InstanceData
    from mmpose.structures import PoseDataSample
    people = InstanceData(
        bboxes=np.array([pose.box for pose in poses], np.float32),
        keypoints=np.array([pose.keypoints for pose in poses]),
        keypoint_scores=np.array([pose.scores for pose in poses]))
    if uncertainty:
        people.keypoint_covariances = np.array(
            [pose.covariances for pose in poses])
    return {'DARK': PoseDataSample(pred_instances=people)}
