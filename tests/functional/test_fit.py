"""The step of the expansion, against linear algebra."""
import numpy as np
import pytest
from conftest import as_kind, to_numpy
from mmpose_dark.functional.backends import backend_of
from mmpose_dark.functional.fit import (
    adjugate,
    definite,
    newton_step,
    pairs,
)


@pytest.mark.parametrize('kind', ['numpy', 'torch'])
@pytest.mark.parametrize('axes', [1, 2, 3])
def test_a_newton_step_solves_and_knows_what_is_definite(rng, axes, kind):
    """Minus the Hessian, of every number of negative eigenvalues."""
    turn = np.linalg.qr(rng.standard_normal((200, axes, axes)))[0]
    values = rng.uniform(.2, 3, (200, axes)) * rng.choice(
        [-1, 1], (200, axes), p=[.3, .7])
    matrices = turn @ (values[:, :, None] * turn.swapaxes(1, 2))
    # turned or not, and scaled
    matrices[:60] = values[:60, :, None] * np.eye(axes)
    gradient = rng.standard_normal((axes, 200))
    diagonal, above = (np.array(part).reshape(-1, 200) for part in (
        [matrices[:, i, i] for i in range(axes)],
        [matrices[:, i, j] for i, j in pairs(axes)]))
    gradient_of, diagonal_of, above_of = (
        as_kind(part, kind) for part in (gradient, diagonal, above))
    xp = backend_of(gradient_of)
    step, good = map(to_numpy, newton_step(
        xp, gradient_of, diagonal_of, list(above_of)))
    want = np.linalg.solve(matrices, gradient.T[..., None])[..., 0].T
    np.testing.assert_allclose(step, want, rtol=1e-6, atol=1e-9)
    np.testing.assert_array_equal(good, (values > 0).all(1))
    assert 0 < good.sum() < 200

    own, others, det = adjugate(diagonal_of, list(above_of))
    np.testing.assert_allclose(to_numpy(det), np.linalg.det(matrices))
    inverse = np.linalg.inv(matrices)
    for i, entry in enumerate(own):
        np.testing.assert_allclose(
            to_numpy(entry * det) / to_numpy(det)**2, inverse[:, i, i],
            rtol=1e-6)
    for entry, (i, j) in zip(others, pairs(axes)):
        np.testing.assert_allclose(
            to_numpy(entry) / to_numpy(det), inverse[:, i, j], atol=1e-9)
    np.testing.assert_array_equal(
        to_numpy(definite(diagonal_of, own, det)), (values > 0).all(1))
