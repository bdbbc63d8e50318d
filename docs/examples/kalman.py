"""A joint followed through a video, its keypoints smoothed.

A wrist moves across the map. In most frames it is sharp, in others smeared
along its way, and now and then it goes behind something for up to eight
frames. A smoother has to be told how far off each reading may be: the same for
all frames, by the score, or the covariance of the reading itself.
"""
import numpy as np
from drawn import predict, read, spread
from mmpose_dark.functional import TrackFilter, smooth_track

FRAMES = 200


def walk(rng):
    """True positions (T, 2) and how unsure each is (T, 2, 2)."""
    t = np.arange(FRAMES) / 25
    truth = np.stack([24 + 12 * np.sin(1.9 * t),
                      32 + 16 * np.sin(1.3 * t + 1)], 1)
    along = np.arctan2(*np.gradient(truth, axis=0).T[::-1])
    covariances = []
    while len(covariances) < FRAMES:
        long, short = [(.4, .4), (3., .5), (3., 3.)][
            rng.choice(3, p=[.6, .2, .2])]
        covariances += [spread(long, short, angle) for angle in
                        along[len(covariances):][:rng.integers(1, 9)]]
    return truth, np.array(covariances)


def smoothed(points, covariances):
    """By all frames at once."""
    return smooth_track(points[:, None], covariances[:, None])[0][:, 0]


def live(points, covariances):
    """By the frames up to each."""
    track = TrackFilter()
    return np.array([track.update(point[None], covariance[None], t / 25)[0][0]
                     for t, (point, covariance) in
                     enumerate(zip(points, covariances))])


def errors(seed=0, videos=10):
    """Root mean square error in heatmap px, by what the smoother is told."""
    rng = np.random.default_rng(seed)
    square = dict.fromkeys(
        ['no smoother', 'one for all', 'by the score', 'covariance',
         'covariance, live'], 0.)
    for _ in range(videos):
        truth, unsure = walk(rng)
        points, scores, covariances = read(predict(truth, unsure, rng))
        # The best that one number can do: what the error really is.
        mean = ((points - truth)**2).mean() * np.eye(2)
        doubt = (1 / scores**2)[:, None, None]
        found = {
            'no smoother': points,
            'one for all': smoothed(points, 0 * covariances + mean),
            'by the score': smoothed(points, doubt / doubt.mean() * mean),
            'covariance': smoothed(points, covariances),
            'covariance, live': live(points, covariances)}
        for name, path in found.items():
            square[name] += ((path - truth)**2).sum(1).mean() / videos
    return {name: float(np.sqrt(value)) for name, value in square.items()}


def main():
    found = errors()
    for name, error in found.items():
        print(f'{name:16} {error:.2f} px')
    gain = 1 - found['covariance'] / found['one for all']
    print(f'{100 * gain:.0f} % less error than with one noise for all frames')


if __name__ == '__main__':
    main()
