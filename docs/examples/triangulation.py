"""A joint in space from several cameras.

Four cameras look at 17 joints from all sides. One sees a joint sharply,
another along a limb, so that it may lie anywhere along a line, from a third
it is hidden. Each camera says where the joint is, (x, y); the joint in space
is where the lines of sight pass nearest to each other. How much each counts:
the same, by its score, or by the inverse of its covariance.
"""
import numpy as np
from drawn import SIZE, predict, read, spread

CAMERAS = 4
JOINTS = 17
FOCAL, AWAY = 100., 4.  # heatmap px; m


def cameras():
    """Matrices (C, 3, 4) from space, in m, to the heatmap of each camera."""
    inner = np.array([[FOCAL, 0, (SIZE[0] - 1) / 2],
                      [0, FOCAL, (SIZE[1] - 1) / 2], [0, 0, 1]])
    found = []
    for angle in 2 * np.pi * np.arange(CAMERAS) / CAMERAS + .3:
        cos, sin = np.cos(angle), np.sin(angle)
        turn = np.array([[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]])
        found.append(inner @ np.column_stack([turn, [0, 0, AWAY]]))
    return np.array(found)


def project(matrices, points):
    """(C, 3, 4) and (J, 3) in m to (C, J, 2) in heatmap px."""
    seen = np.einsum('cij,kj->cki', matrices,
                     np.column_stack([points, np.ones(len(points))]))
    return seen[..., :2] / seen[..., 2:]


def triangulate(matrices, points, covariances, rounds=3):
    """The point in space (3,) that explains what the cameras see.

    Args:
        matrices (np.ndarray): in shape (C, 3, 4)
        points (np.ndarray): What each camera sees in shape (C, 2); px
        covariances (np.ndarray): How far off that may be, in shape
            (C, 2, 2); squared px
        rounds (int): The weights depend on the distance from the camera,
            which is 1 at first and known better each round
    """
    # Two equations for each camera: (x p3 - p1) X = 0, (y p3 - p2) X = 0.
    rows = points[..., None] * matrices[:, 2:] - matrices[:, :2]
    # In units of their standard deviations: L^-1 with P = L L^T.
    rows = np.linalg.solve(np.linalg.cholesky(covariances), rows)
    depth = np.ones(len(matrices))
    for _ in range(rounds):
        scaled = (rows / depth[:, None, None]).reshape(-1, 4)
        found = np.linalg.lstsq(scaled[:, :3], -scaled[:, 3], rcond=None)[0]
        depth = matrices[:, 2, :3] @ found + matrices[:, 2, 3]
    return found


def views(rng):
    """How unsure each camera is of each joint: (C, J, 2, 2)."""
    out = []
    for _ in range(CAMERAS * JOINTS):
        short = rng.uniform(.2, .6)
        sharp = short, short
        along_a_limb = rng.uniform(1.5, 4), short
        hidden = 4., 3.
        long, short = [sharp, along_a_limb, hidden][
            rng.choice(3, p=[.6, .25, .15])]
        out.append(spread(long, short, rng.uniform(0, np.pi)))
    return np.reshape(out, (CAMERAS, JOINTS, 2, 2))


def errors(seed=0, poses=20):
    """Root mean square error in mm, by how much each camera counts."""
    rng = np.random.default_rng(seed)
    matrices = cameras()
    square = dict.fromkeys(['all the same', 'by the score', 'covariance'], 0.)
    for _ in range(poses):
        truth = rng.uniform((-.5, -.8, -.5), (.5, .8, .5), (JOINTS, 3))
        seen = project(matrices, truth)
        points, scores, covariances = (
            array.reshape(CAMERAS, JOINTS, *array.shape[1:])
            for array in read(predict(
                seen.reshape(-1, 2), views(rng).reshape(-1, 2, 2), rng)))
        told = {
            'all the same': np.broadcast_to(np.eye(2), covariances.shape),
            'by the score': np.eye(2) / scores[..., None, None]**2,
            'covariance': covariances}
        for name, unsure in told.items():
            found = [triangulate(matrices, points[:, j], unsure[:, j])
                     for j in range(JOINTS)]
            square[name] += ((found - truth)**2).sum(1).mean() / poses
    return {name: 1000 * float(np.sqrt(value))
            for name, value in square.items()}


def main():
    found = errors()
    for name, error in found.items():
        print(f'{name:14} {error:.1f} mm')
    gain = 1 - found['covariance'] / found['all the same']
    print(f'{100 * gain:.0f} % less error than with all cameras alike')


if __name__ == '__main__':
    main()
