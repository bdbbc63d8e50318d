"""RTMPose3D and RTMW3D of MMPose's projects/: poses in space, read by DARK.

Three vectors for each joint: over x and y as RTMPose has them, and over the
depth. Each is a heatmap of one axis. Settings are those of
projects/rtmpose3d/configs/rtmw3d-l_8xb64_cocktail14-384x288.py.
"""
import numpy as np
from mmpose_dark.functional import LABEL_BETA, decode_vectors, encode_vectors
from mmpose_dark.functional.vector_covariance import vector_variance

SIZE, BINS = (288, 384, 288), 2  # of the input; bins to a pixel of it
SIGMA = 6., 6.93, 6.  # of the labels; bins
DEPTH = 2.1744869  # z_range of SimCC3DLabel: metres to either side
BETA = 10.  # of the loss, KLDiscretLoss2
#: what a bin is: input px, input px, metres
BIN = np.array([1 / BINS, 1 / BINS, 2 * DEPTH / (SIZE[2] * BINS)])


def read(vectors):
    """Joints in space from what ``RTMW3DHead.forward`` returns.

    Args:
        vectors (sequence): Over x, y and the depth, each in shape
            (N, K, bins); numpy arrays

    Returns:
        tuple: Positions (N, K, 3) and their variances: x and y in px of the
        input, the depth in metres from the hips.
    """
    points, variances = [], []
    for logits, sigma in zip(vectors, SIGMA):
        position, score = decode_vectors(logits, sigma)
        shares = np.exp(BETA * (logits - logits.max(-1, keepdims=True)))
        shares /= shares.sum(-1, keepdims=True)
        points.append(position)
        variances.append(vector_variance(
            shares, position, score > 0, sigma, log=False))
    points, variances = np.stack(points, -1), np.stack(variances, -1)
    return points * BIN - (0, 0, DEPTH), variances * BIN**2


def highest_bins(vectors):
    """As SimCC3DLabel decodes by default."""
    return np.stack([v.argmax(-1) for v in vectors], -1) * BIN - (0, 0, DEPTH)


def predicted(truth, spread, rng, guesses=64):
    """Logits of a network that has learned all that can be.

    Args:
        truth (np.ndarray): Joints (N, K, 3); units as of :func:`read`
        spread (np.ndarray): How far it guesses them, (3,); same units

    Returns:
        list: Vectors as of :func:`read`: the mean of labels over its guesses.
    """
    vectors = []
    middle = (truth + rng.normal(0, spread, truth.shape) + (0, 0, DEPTH)) / BIN
    for axis, sigma in enumerate(SIGMA):
        around = middle[..., axis] + rng.normal(
            0, spread[axis] / BIN[axis], (guesses, *truth.shape[:2]))
        labels = np.exp(LABEL_BETA * encode_vectors(
            around, SIZE[axis] * BINS, sigma))
        shares = (labels / labels.sum(-1, keepdims=True)).mean(0)
        vectors.append(np.log(shares) / BETA + 1)
    return vectors


def errors(joints=400, seed=0):
    """Root mean square errors of drawn joints, and what variances promise.

    Returns:
        dict: name -> (px over x and y, mm of depth)
    """
    rng = np.random.default_rng(seed)
    truth = rng.uniform((20, 20, -1), (260, 360, 1), (1, joints, 3))
    found = {}
    for name, spread in (('sure', (0, 0, 0)), ('in doubt', (2, 2, .03))):
        vectors = predicted(truth, np.array(spread), rng)
        points, variances = read(vectors)
        for how, square in (
                ('highest bins', (highest_bins(vectors) - truth)**2),
                ('DARK', (points - truth)**2), ('promised', variances)):
            x, y, z = square[0].mean(0)
            found[name, how] = float((x + y)**.5), float(1000 * z**.5)
    return found


if __name__ == '__main__':
    for (name, how), (px, mm) in errors().items():
        print(f'{name:9} {how:13} {px:6.3f} px {mm:7.3f} mm')
