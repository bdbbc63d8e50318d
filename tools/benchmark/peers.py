"""Filters that people put behind a pose network, which know no covariances.

Each takes keypoints (T, K, 2), NaN where a frame has no reading, of frames
that are equally far apart. Those that know the future bridge gaps by a
straight line, One-Euro stays where it was.
"""
import numpy as np

RATE = 25.  # Hz


def bridged(keypoints):
    """Gaps filled by straight lines, the ends held."""
    out = keypoints.copy()
    frames = np.arange(len(out))
    for track in out.reshape(len(out), -1).T:  # a view of each coordinate
        seen = ~np.isnan(track)
        track[:] = np.interp(frames, frames[seen], track[seen])
    return out


def held(keypoints):
    """Gaps filled by the latest reading; the first frames by the first."""
    out = keypoints.copy()
    seen = ~np.isnan(out[:, 0, 0])
    latest = np.maximum.accumulate(np.where(seen, np.arange(len(out)), -1))
    return out[np.where(latest < 0, seen.argmax(), latest)]


def savitzky_golay(keypoints, window, order):
    from scipy.signal import savgol_filter
    return savgol_filter(bridged(keypoints), window, order, axis=0)


def gaussian(keypoints, sigma):
    from scipy.ndimage import gaussian_filter1d
    return gaussian_filter1d(bridged(keypoints), sigma, axis=0)


def median(keypoints, window, sigma):
    """A median against single wrong readings, and then a Gaussian."""
    from scipy.ndimage import gaussian_filter1d, median_filter
    return gaussian_filter1d(
        median_filter(bridged(keypoints), (window, 1, 1)), sigma, axis=0)


def one_euro(keypoints, min_cutoff, beta, d_cutoff=1.):
    """Casiez, Roussel and Vogel, CHI 2012: the faster, the less smoothed."""
    def share(cutoff, seconds):
        return 1 / (1 + 1 / (2 * np.pi * cutoff * seconds))

    out = []
    value = speed = None
    seconds = 1 / RATE  # since the latest reading
    for reading in keypoints:
        if np.isnan(reading).any():
            seconds += 1 / RATE
        elif value is None:
            value, speed, seconds = reading, np.zeros_like(reading), 1 / RATE
        else:
            new = share(d_cutoff, seconds)
            speed = new * (reading - value) / seconds + (1 - new) * speed
            new = share(min_cutoff + beta * abs(speed), seconds)
            value = new * reading + (1 - new) * value
            seconds = 1 / RATE
        out.append(np.full_like(reading, np.nan) if value is None else value)
    return bridged(np.array(out))  # the frames before the first reading


#: name -> the filter, what to choose from, and whether it knows the future
PEERS = {
    'Savitzky-Golay': (savitzky_golay, [
        (window, order) for order in (1, 2, 3, 4)
        for window in range(5, 36, 2) if window > order + 1], True),
    'Gaussian': (gaussian, [(.5 + .25 * i, ) for i in range(17)], True),
    'median and Gaussian': (median, [
        (window, .5 + .5 * i) for window in (3, 5, 7, 9, 11, 15)
        for i in range(8)], True),
    'One-Euro': (one_euro, [
        (cutoff, beta) for cutoff in (.5, 1, 2, 4, 6, 8, 11, 16, 24)
        for beta in (0, .001, .003, .01, .03, .1)], False),
}
