"""A joint followed through a video by a Kalman filter.

A wrist moves across the map. In most frames it is sharp, in others smeared
along its way, and now and then it goes behind something for up to eight
frames. A filter has to be told how far off each reading may be: the same for
all frames, by the score, or the covariance of the reading itself.
"""
import numpy as np
from drawn import predict, read, spread

FRAMES = 200
#: how much the velocity changes from frame to frame, heatmap px: where the
#: filter with one noise for all frames is at its best
ACCELERATION = .15


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


def kalman(measured, noises):
    """Filtered positions (T, 2), a joint of nearly constant velocity.

    Args:
        measured (np.ndarray): Readings in shape (T, 2)
        noises (np.ndarray): How far off each may be: (T, 2, 2), squared px
    """
    move = np.eye(4) + np.eye(4, k=2)  # (x, y, vx, vy), one frame on
    pushed = np.vstack([.5 * np.eye(2), np.eye(2)])
    change = ACCELERATION**2 * pushed @ pushed.T
    look = np.eye(2, 4)
    state, sure = np.zeros(4), np.diag([1e4, 1e4, 4., 4.])
    out = []
    for point, noise in zip(measured, noises):
        state, sure = move @ state, move @ sure @ move.T + change
        gain = sure @ look.T @ np.linalg.inv(look @ sure @ look.T + noise)
        state = state + gain @ (point - look @ state)
        sure = sure - gain @ look @ sure
        out.append(look @ state)
    return np.array(out)


def errors(seed=0, videos=10):
    """Root mean square error in heatmap px, by what the filter is told."""
    rng = np.random.default_rng(seed)
    square = dict.fromkeys(
        ['no filter', 'one for all', 'by the score', 'covariance'], 0.)
    for _ in range(videos):
        truth, unsure = walk(rng)
        points, scores, covariances = read(predict(truth, unsure, rng))
        # The best that one number can do: what the error really is.
        mean = ((points - truth)**2).mean() * np.eye(2)
        doubt = 1 / scores**2
        told = {
            'one for all': np.broadcast_to(mean, covariances.shape),
            'by the score': doubt[:, None, None] / doubt.mean() * mean,
            'covariance': covariances}
        found = {'no filter': points, **{
            name: kalman(points, noises) for name, noises in told.items()}}
        for name, path in found.items():
            square[name] += ((path - truth)**2).sum(1).mean() / videos
    return {name: float(np.sqrt(value)) for name, value in square.items()}


def main():
    found = errors()
    for name, error in found.items():
        print(f'{name:14} {error:.2f} px')
    gain = 1 - found['covariance'] / found['one for all']
    print(f'{100 * gain:.0f} % less error than with one noise for all frames')


if __name__ == '__main__':
    main()
