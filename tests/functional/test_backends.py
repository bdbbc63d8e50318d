"""Which arrays are taken, and what numpy's and torch's backends are asked."""
import numpy as np
import pytest
from mmpose_dark import functional as F  # noqa: N812
from mmpose_dark.functional.backends import backend_of
from mmpose_dark.functional.backends.base import Backend
from mmpose_dark.functional.backends.numpy import NumpyBackend

MAPS = F.encode_heatmaps(np.array([[5.3, 4.6], [2.2, 7.1]]), (9, 11), 1.5)


class Tensor:
    """As of a framework that nobody here knows."""

    shape = 2, 3, 9, 9

    def __dlpack__(self, stream=None):
        raise AssertionError('nobody asked for a copy')

    def __getitem__(self, index):
        return self


class Namespaced:
    """As of the array API standard."""

    def __array_namespace__(self):
        raise AssertionError('nobody asked')


@pytest.mark.parametrize('call', [
    lambda a: F.decode_heatmaps(a, 2.), lambda a: F.decode_vectors(a, 2.),
    lambda a: F.decode_volumes(a, 2.), lambda a: F.modulate_heatmaps(a, 2.),
    lambda a: F.decode_simcc(a, a, (2., 2.)),
    lambda a: F.decode_visibility(a, a, (2., 2.)),
    lambda a: F.encode_heatmaps(a, (9, 9), 2.),
    lambda a: F.encode_vectors(a, 9, 2.), lambda a: F.encode_bins(a, 9),
    lambda a: F.flip_heatmaps(a), lambda a: F.flip_vectors(a),
    lambda a: F.pck_accuracy(a, a, a), lambda a: F.expected_oks(a, a, a),
    lambda a: F.pose_scores(a, a), lambda a: F.scale_keypoints(a, (2, 2)),
    lambda a: F.scale_covariances(a, (2, 2))])
def test_an_array_of_another_framework_is_refused(call):
    with pytest.raises(TypeError, match=(
            r'arrays must be of numpy or torch, got a \S*\.Tensor\n'
            r'Hand in np.asarray\(array\), or torch.from_dlpack\(array\)')):
        call(Tensor())


def test_arrays_of_the_standard_are_refused_as_well():
    with pytest.raises(TypeError, match='got a .*Namespaced'):
        F.decode_heatmaps(Namespaced(), 2.)


def test_lists_numbers_and_subclasses_are_taken():
    class Heatmaps(np.ndarray):
        """As of astropy, pint and others."""

    want = F.decode_heatmaps(MAPS.astype(np.float32), 1.5)
    for maps in (MAPS.tolist(), tuple(MAPS.tolist()), list(MAPS),
                 MAPS.astype(np.float32).view(Heatmaps)):
        for found, wanted in zip(F.decode_heatmaps(maps, 1.5), want):
            np.testing.assert_allclose(found, wanted, atol=1e-5)
    np.testing.assert_allclose(
        F.encode_heatmaps([[5.3, 4.6], [2.2, 7.1]], (9, 11), 1.5), MAPS,
        atol=1e-6)
    np.testing.assert_allclose(F.encode_vectors([1.5], 4, 1.)[0, 1:3],
                               np.exp(-1 / 8), rtol=1e-6)
    np.testing.assert_allclose(F.scale_keypoints([1, 2], (2, 4)), [2, 8])
    np.testing.assert_allclose(F.encode_bins(1.25, 4), [0, .75, .25, 0])


def test_parameters_are_tensors():
    torch = pytest.importorskip('torch')
    maps = torch.nn.Parameter(torch.from_numpy(MAPS))
    points, _ = F.decode_heatmaps(maps, 1.5)
    assert isinstance(points, torch.Tensor)
    np.testing.assert_allclose(
        points.detach(), F.decode_heatmaps(MAPS, 1.5)[0], atol=1e-9)


def backends():
    yield backend_of(MAPS)
    try:
        import torch
    except ImportError:
        return
    yield backend_of(torch.zeros(1))


def test_every_declared_operation_is_filled_in():
    """And nothing that is not declared is offered to the rest."""
    declared = {name for name in (*vars(Backend), *Backend.__annotations__)
                if not name.startswith('_')}
    for backend in backends():
        own = {name for name in (*vars(type(backend)), *vars(backend))
               if not name.startswith('_')}
        assert declared <= own
        assert own - declared <= {'is_autocast_enabled'}
    assert type(backend_of(MAPS)) is NumpyBackend
