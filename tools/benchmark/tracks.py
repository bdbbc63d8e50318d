"""Drawn videos as the network of ``make demo`` reads them, and measures."""
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from mmpose_dark.functional import ellipse_limit, mahalanobis
from peers import RATE

NETWORK = 'td-hm_res18-hypercolumn_dark'
#: of a joint in a swapped pair, px: closer ones are no matter
APART = 10
LEVELS = .5, .68, .9, .95, .99


@dataclass
class Track:
    """A person through a video of T frames.

    Attributes:
        truth (np.ndarray): (T, 17, 3): x, y in px and COCO's visibility.
        stock (np.ndarray): (T, 17, 2): read by the stock codec, the flip test
            merged as stock; NaN where the detector missed the person.
        dark (np.ndarray): The same by DARK, merged exactly.
        covariances (np.ndarray): (T, 17, 2, 2) of ``dark``.
        swapped (np.ndarray): (T,), whether left is to be taken for right.
    """
    truth: np.ndarray
    stock: np.ndarray
    dark: np.ndarray
    covariances: np.ndarray
    swapped: np.ndarray

    @property
    def times(self):
        """Of the frames (T,), seconds."""
        return np.arange(len(self.truth)) / RATE

    @property
    def labelled(self):
        """(T, 17): joints in the picture, hidden ones too."""
        return self.truth[..., 2] > 0

    def with_swaps(self):
        """The same where the network took left for right."""
        def exchanged(array):
            array = array.copy()
            array[self.swapped] = array[self.swapped][:, OTHER]
            return array
        return replace(self, stock=exchanged(self.stock),
                       dark=exchanged(self.dark),
                       covariances=exchanged(self.covariances))


#: of each joint that of the other side
OTHER = np.array([0, *(i + 1 if i % 2 else i - 1 for i in range(1, 17))])


@lru_cache
def _readers():
    import torch
    from mmpose_dark.checkpoints import load_model
    from mmpose_dark.config import load_config
    from mmpose_dark.shipped import FIGURES
    from mmpose_dark.visualization.poses import PoseReaders
    torch.set_num_threads(1)
    model = load_model(
        load_config(str(FIGURES / f'{NETWORK}-1xb16-2e_figures-128x96.py')),
        FIGURES / f'{NETWORK}_figures-128x96.pth')
    return PoseReaders(model, compare=True, uncertainty=True)


def read_video(seed, num_frames):
    """Draw a video of one person and read it."""
    from mmpose_dark.synthetic import draw_video
    missed = np.full((17, 2), np.nan)
    rows = []
    for frame in draw_video(np.random.default_rng([20261126, seed]),
                            num_frames, frame_rate=RATE):
        x, y, w, h = frame.detections[0]
        found = {} if np.isnan(x) else _readers().predict(
            frame.image, np.array([[x, y, x + w, y + h]]))
        stock, dark = (found[name].pred_instances if found else None
                       for name in ('stock', 'DARK'))
        rows.append((
            frame.keypoints[0], stock.keypoints[0] if found else missed,
            dark.keypoints[0] if found else missed,
            dark.keypoint_covariances[0] if found else
            np.full((17, 2, 2), np.nan), frame.swapped[0]))
    return Track(*map(np.array, zip(*rows)))


def kept_video(seed, num_frames, folder):
    """:func:`read_video`, or what it once wrote."""
    path = folder / f'video-{seed}-{num_frames}.npz'
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(path, **vars(read_video(seed, num_frames)))
    with np.load(path) as kept:
        return Track(**kept)


def pooled(values):
    """Root mean square of arrays of all videos, NaN left out."""
    values = np.concatenate([np.ravel(v) for v in values])
    return float(np.sqrt(np.nanmean(values**2)))


def distance(track, found):
    """(T, 17) px to the truth; NaN where a joint is out of the picture."""
    off = np.linalg.norm(found - track.truth[..., :2], axis=-1)
    return np.where(track.labelled, off, np.nan)


def jitter(track, found):
    """(T - 2, 17): second difference of the error, px."""
    off = np.where(track.labelled[..., None],
                   found - track.truth[..., :2], np.nan)
    return np.linalg.norm(np.diff(off, 2, axis=0), axis=-1)


def lag(tracks, all_found):
    """By how many ms what is found is late: error along the velocity."""
    along = speed = 0.
    for track, found in zip(tracks, all_found):
        velocity = np.gradient(track.truth[..., :2], track.times, axis=0)
        off = found - track.truth[..., :2]
        along -= (off * velocity).sum(-1)[track.labelled].sum()
        speed += (velocity**2).sum(-1)[track.labelled].sum()
    return 1000 * along / speed


def recovered(tracks, all_found):
    """The share of exchanged joints found nearer to where they are."""
    right = []
    for track, found in zip(tracks, all_found):
        truth = track.truth[..., :2]
        here, there = (np.linalg.norm(found - to, axis=-1)
                       for to in (truth, truth[:, OTHER]))
        matters = np.linalg.norm(truth - truth[:, OTHER], axis=-1) > APART
        matters &= track.swapped[:, None] & ~np.isnan(track.dark[..., 0])
        right.append((here < there)[matters & track.labelled])
    return float(np.concatenate(right).mean())


def coverage(tracks, all_found, all_covariances):
    """The shares of joints in their ellipses of :data:`LEVELS`."""
    squares = np.concatenate([
        mahalanobis(found - track.truth[..., :2], covariances)[track.labelled]
        for track, found, covariances in zip(tracks, all_found,
                                             all_covariances)])
    squares = squares[~np.isnan(squares)]
    return [float((squares < ellipse_limit(level)).mean())
            for level in LEVELS]


def alike(tracks, frames):
    """How alike the errors of DARK are so many frames apart: correlation.

    Of errors in units of their covariances, large ones cut to 2.
    """
    pairs = []
    for track in tracks:
        off = np.where(track.labelled[..., None],
                       track.dark - track.truth[..., :2], np.nan)
        root = np.linalg.cholesky(np.where(
            np.isnan(track.covariances), np.eye(2), track.covariances))
        unit = np.clip(np.linalg.solve(root, off[..., None])[..., 0], -2, 2)
        both = np.stack([unit[:-frames].ravel(), unit[frames:].ravel()])
        pairs.append(both[:, ~np.isnan(both).any(0)])
    return float(np.corrcoef(np.concatenate(pairs, 1))[0, 1])
