"""Which arrays are taken, and what numpy's and torch's backends are asked."""
from functools import partial

import numpy as np
import pytest
from mmpose_dark import functional as F  # noqa: N812
from conftest import KINDS, as_kind, needs_export, to_numpy
from mmpose_dark.functional.backends import Backend, backend_of, table
from mmpose_dark.functional.backends.numpy import NumpyBackend
from mmpose_dark.functional.modulate import Kernel

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


def test_every_declared_operation_is_filled_in():
    """And no other is offered to the rest, which would be numpy's alone."""
    declared = {name for name in (*vars(Backend), *Backend.__annotations__)
                if not name.startswith('_')}
    for kind in KINDS:
        backend = backend_of(as_kind(MAPS, kind))
        own = {name for name in (*vars(type(backend)), *vars(backend))
               if not name.startswith('_')}
        assert own == declared
    assert type(backend_of(MAPS)) is NumpyBackend


# ---- what the abstract class says of them, a number at a time


@pytest.fixture(params=['numpy', 'torch'])
def of(request):
    """Makes an array one of this kind."""
    return partial(as_kind, kind=request.param)


@pytest.fixture
def xp(of):
    return backend_of(of(MAPS))


def window(heatmap, at, reach):
    """Around one pixel, x first; 0 outside."""
    out = np.zeros([2 * reach + 1] * heatmap.ndim)
    for index in np.ndindex(*out.shape):
        place = np.add(at[::-1], index) - reach
        if ((place >= 0) & (place < heatmap.shape)).all():
            out[index] = heatmap[tuple(place)]
    return out


@pytest.mark.parametrize('size, reach', [
    ((9, ), 2), ((3, ), 4), ((9, 7), 2), ((9, 7), 1), ((4, 9), 3),
    ((3, 2), 5), ((9, 5, 7), 2), ((3, 5, 7), 4), ((9, 5, 7), 0)])
def test_windows_are_cut_around_pixels(rng, xp, of, size, reach):
    maps = rng.standard_normal((40, *size[::-1]))
    maps.reshape(40, -1)[:, 0] = -np.inf  # a corner is no neighbour of itself
    at = np.stack([rng.integers(0, n, 40) for n in size])
    want = [window(heatmap, pixel, reach)
            for heatmap, pixel in zip(maps, at.T)]
    found = xp.windows(of(maps), of(at), reach)
    np.testing.assert_array_equal(to_numpy(found), want)
    which = np.array([3, 17, 18, 39])
    some = xp.windows(of(maps), of(at[:, which]), reach, of(which))
    np.testing.assert_array_equal(to_numpy(some), np.array(want)[which])


@pytest.mark.parametrize('size, part', [
    ((9, ), (4, )), ((9, 7), (9, 2)), ((9, 7), (3, 7)), ((9, 5, 7), (2, 5, 3)),
    ((9, 5, 7), (9, 5, 7))])
def test_parts_of_maps_are_cut_out(rng, xp, of, size, part):
    """From a pixel of each map, or from one and the same."""
    maps = rng.standard_normal((40, *size[::-1]))
    start = [rng.integers(0, n - m + 1, 40) for n, m in zip(size, part)]
    want = [heatmap[tuple(slice(first, first + m) for first, m in zip(
        pixel[::-1], part[::-1]))] for heatmap, pixel in zip(
            maps, zip(*start))]
    given = [0 if n == m else of(first)
             for first, n, m in zip(start, size, part)]
    np.testing.assert_array_equal(
        to_numpy(xp.cut(of(maps), given, part)), want)


@pytest.mark.parametrize('size', [1, 9, 64, 255, 256, 300, 384, 1000])
@pytest.mark.parametrize('sigma, taps', [(1., None), (6.3, None), (40., None),
                                         (2., 7), (2., 33)])
def test_rows_are_convolved(rng, xp, of, size, sigma, taps):
    """Block by block where they are long."""
    kernel = Kernel.of(sigma, taps)
    half = to_numpy(kernel.at(xp, xp.arange(
        -kernel.radius, kernel.radius + 1, of(np.zeros(1)))))
    assert half.sum() == pytest.approx(1)
    rows = rng.standard_normal((3, size))
    want = [np.convolve(row, half)[kernel.radius:][:size] for row in rows]
    np.testing.assert_allclose(
        to_numpy(xp.convolve(of(rows), kernel)), want, atol=1e-12)


@pytest.mark.parametrize('shape', [
    (3, 4, 5), (9000, 40, 3), (3, 40, 9001), (700, 700, 1), (1, 600, 1000)])
def test_long_products_are_products(rng, xp, of, shape):
    left, right = (rng.standard_normal(s) for s in (shape[:2], shape[1:]))
    np.testing.assert_allclose(
        to_numpy(xp.product(of(left), of(right))), left @ right,
        atol=1e-9)


@pytest.mark.parametrize('numbers', [1, 50, 10**6])
@pytest.mark.parametrize('which', [None, [4], [1, 2, 5, 8, 9, 30], range(31)])
def test_parts_are_put_together(rng, xp, of, numbers, which):
    maps = rng.standard_normal((31, 2, 3))
    seen = []

    def of_each(part):
        seen.append(len(part))
        return part[:, 0] * 2, part.sum((1, 2))

    index = None if which is None else of(np.array(which))
    double, total = xp.by_parts(of_each, of(maps), numbers, index)
    some = maps if which is None else maps[np.array(which)]
    np.testing.assert_array_equal(to_numpy(double), some[:, 0] * 2)
    np.testing.assert_allclose(to_numpy(total), some.sum((1, 2)))
    assert sum(seen) == len(some)
    if type(xp) is NumpyBackend and which is None:
        assert max(seen) <= numbers // 6 + 1


def test_what_is_needed_is_put(rng, xp, of):
    needed = of(np.array([True, False, True, False, False]))
    old, new = rng.standard_normal((2, 3, 5))
    found = to_numpy(xp.put_where(
        needed, of(old.copy()), lambda which: of(new)[:, which]))
    np.testing.assert_array_equal(
        found, np.where([True, False, True, False, False], new, old))
    none = of(np.zeros(5, bool))
    np.testing.assert_array_equal(to_numpy(xp.put_where(
        none, of(old.copy()), lambda which: of(new)[:, which])), old)


def test_what_is_not_known_is_searched(rng, xp, of):
    first, second = rng.standard_normal((2, 6))
    known = np.array([True, False, True, True, False, False])

    def whole(which):
        pick = slice(None) if which is None else which
        return of(first)[pick], of(second)[pick]

    def near():
        return (*[of(np.where(known, part, 99.))
                  for part in (first, second)], of(known))

    for found, want in zip(xp.search(near, whole), (first, second)):
        np.testing.assert_array_equal(to_numpy(found), want)


def test_small_operations(rng, xp, of):
    array = rng.standard_normal((4, 3, 5))
    index = rng.integers(0, 5, 3)
    np.testing.assert_array_equal(
        to_numpy(xp.take(of(array[0]), of(index))),
        [row[i] for row, i in zip(array[0], index)])
    ties = np.array([[0., 2., 2.], [1., 1., 0.]])
    assert to_numpy(xp.argmax(of(ties))).tolist() == [1, 0]
    assert to_numpy(xp.amax(of(ties))).tolist() == [2, 1]
    kept = of(array)
    np.testing.assert_array_equal(
        to_numpy(xp.positive(kept, of(np.array([2, 0])))),
        array[[2, 0]].clip(0))
    np.testing.assert_array_equal(to_numpy(kept), array)  # a copy is changed
    np.testing.assert_array_equal(
        to_numpy(xp.clip(kept, -.5, .5)), array.clip(-.5, .5))
    np.testing.assert_array_equal(
        to_numpy(xp.at_least(kept, .1)), array.clip(.1))
    np.testing.assert_array_equal(
        to_numpy(xp.outer(kept, kept)),
        array[..., :, None] * array[..., None, :])
    for stack, axis in ((xp.stack, 0), (xp.last_axis, -1)):
        np.testing.assert_array_equal(
            to_numpy(stack([kept, 2 * kept])),
            np.stack([array, 2 * array], axis))


def test_tables_are_of_their_dtype(xp, of):
    """And, where they are kept, made once."""
    made = []

    @table
    def ones(xp, like, size):
        made.append(size)
        return xp.array([1.] * size, like)

    for dtype in (np.float32, np.float64, np.float32):
        like = of(np.zeros(2, dtype))
        for size in (3, 5):
            found = ones(xp, like, size)
            assert found.dtype == like.dtype and found.shape == (size, )
    if type(xp) is NumpyBackend:
        assert made == [3, 5, 3, 5]


@needs_export
def test_a_compiler_follows_to_the_backend():
    """Quicker than ``tests/test_deploy.py``, which compiles all methods."""
    torch = pytest.importorskip('torch')
    argmax = partial(F.decode_heatmaps, sigma=2., method='argmax')
    compiled = torch.compile(argmax, fullgraph=True, backend='eager')
    maps = torch.from_numpy(MAPS)
    for got, want in zip(compiled(maps), argmax(maps)):
        torch.testing.assert_close(got, want)
