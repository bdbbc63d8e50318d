"""People followed through a video by MMPose's tracking, and smoothed."""
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip('mmpose')
from mmpose_dark.tracking import Tracks  # noqa: E402

RATE = 25.
SIGMAS = np.full(5, .06)
SHAPE = np.array([[0, -40], [-12, -10], [12, -10], [-8, 40], [8, 40]])


class People(SimpleNamespace):
    """As ``pred_instances``."""

    def __len__(self):
        return len(self.keypoints)


def people(rng, middles, noise=1.):
    """Those around some points (N, 2)."""
    middles = np.reshape(middles, (-1, 1, 2))
    keypoints = middles + SHAPE + rng.normal(0, noise, (len(middles), 5, 2))
    return People(
        keypoints=keypoints, bboxes=np.concatenate(
            [keypoints.min(1), keypoints.max(1)], 1),
        keypoint_scores=rng.uniform(.5, 1, keypoints.shape[:2]),
        keypoint_covariances=np.broadcast_to(
            noise**2 * np.eye(2), (*keypoints.shape, 2)))


def places(frame):
    """Of two people who pass each other, one lower than the other."""
    return np.array([[50 + 2. * frame, 80], [210 - 2. * frame, 140]])


@pytest.mark.parametrize('sigmas', [SIGMAS, None], ids=['OKS', 'IoU'])
def test_people_keep_who_they_are(rng, sigmas):
    tracks = Tracks(RATE, sigmas)
    for frame in range(80):
        order = rng.permutation(2)
        found = tracks.add(people(rng, places(frame)[order]))
        if frame == 0:
            names = dict(zip(order, found))
        assert found == [names[i] for i in order]
    assert sorted(names.values()) == [0, 1]


def test_who_is_missed_for_a_while_is_the_same_and_bridged(rng):
    tracks = Tracks(RATE, SIGMAS)
    for frame in range(40):
        here = [0, 1] if not 12 <= frame < 16 else [1]
        tracks.add(people(rng, places(frame)[here]))
    poses = tracks.smoothed()
    assert sorted(poses) == list(range(40))
    assert all(sorted(p.track_id for p in poses[frame]) == [0, 1]
               for frame in poses)
    for frame, here in poses.items():
        one = next(pose for pose in here if pose.track_id == 0)
        assert (one.read is None) == (12 <= frame < 16)
        assert np.abs(one.keypoints - places(frame)[0] - SHAPE).max() < 6
        assert .5 <= one.scores.min() and one.scores.max() <= 1
        assert np.abs(one.box[:2] - places(frame)[0] - SHAPE.min(0)
                      ).max() < 5
    size = [np.trace(next(p for p in poses[f] if p.track_id == 0
                          ).covariances[2]) for f in (11, 14, 16)]
    assert size[1] > 1.5 * max(size[0], size[2])


def test_who_comes_back_after_a_second_is_somebody_else(rng):
    tracks = Tracks(RATE, SIGMAS)
    first = tracks.add(people(rng, (80, 80)))
    for _ in range(24):
        assert tracks.add(people(rng, [])) == []
    assert tracks.add(people(rng, (80, 80))) == first
    for _ in range(25):
        assert tracks.add(people(rng, [])) == []
    assert tracks.add(people(rng, (80, 80))) == [first[0] + 1]
    poses = tracks.smoothed()
    assert sorted(poses) == [*range(26), 51]
    # A frame alone is what was read.
    alone = poses[51][0]
    np.testing.assert_allclose(alone.keypoints, alone.read, atol=1e-4)


def test_times_are_those_of_the_frame_rate(rng):
    """Twice the rate is half the time, in which joints move half as far."""
    fast, slow = Tracks(50., SIGMAS), Tracks(25., SIGMAS)
    for frame in range(40):
        one = people(rng, places(frame)[:1])
        fast.add(one)
        slow.add(one)
    a, b = (tracks.smoothed()[20][0].keypoints for tracks in (fast, slow))
    assert .001 < np.abs(a - b).max() < 1
