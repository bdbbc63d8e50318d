"""Shared: heatmaps with known truth, and commands run in this process."""
import gc
import importlib.util
import re
import runpy
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import pytest
from mmpose_dark import functional as F  # noqa: N812  before MMPose


def _version(name):
    try:
        return tuple(map(int, re.findall(r'\d+', version(name))[:2]))
    except PackageNotFoundError:
        return 0, 0


#: what older environments lack, for no fault of ours
needs_torch_2_6 = pytest.mark.skipif(
    _version('torch') < (2, 6),
    reason='torch before 2.6 reads no numpy numbers with weights_only')
no_fork = pytest.mark.skipif(
    _version('onedl-mmengine') > (0, 0),
    reason="the fork's loader takes off torch's list what it has put there, "
    'and so what we have')
needs_detectors = pytest.mark.skipif(
    _version('onedl-mmdetection') > (0, 0),
    reason="the fork's detectors need imgaug, which knows no numpy 2")
needs_export = pytest.mark.skipif(
    _version('torch') < (2, 5),
    reason='torch before 2.5 exports no module of any batch size')
needs_mmpose_1_3 = pytest.mark.skipif(
    _version('mmpose') < (1, 3),
    reason='MMPose before 1.3 rounds the corners of its crops otherwise, '
    'and decodes no visibility')
needs_mmengine_0_9 = pytest.mark.skipif(
    _version('mmengine') < (0, 9),
    reason='mmengine before 0.9 writes configs and logs otherwise')

#: sigma and heatmap size (W, H) as the paper pairs them
SIZES = [(1, (24, 32)), (2, (48, 64)), (3, (72, 96))]

#: the same of vectors, maps and volumes; some much shorter along one axis
every_size = pytest.mark.parametrize('sigma, size', [
    (2, (48, )), (4.9, (96, )), *SIZES, (1.5, (60, 17)), (1, (12, 14, 10)),
    (2, (24, 28, 20)), (1.5, (9, 33, 16))], ids=str)


#: the files that take longest
LONG = ('test_darkify_onnx', 'test_deploy', 'test_distributed',
        'test_simcc_deploy', 'test_reproduce', 'test_stock_configs',
        'test_wheel')


def pytest_collection_modifyitems(config, items):
    """Several workers start with them: none waits for the last at the end."""
    if hasattr(config, 'workerinput'):
        items.sort(key=lambda item: item.path.stem not in LONG)


TOOLS = Path(__file__).resolve().parents[1] / 'tools'


def tool(name):
    """The module ``tools/name``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str((TOOLS / name).parent))
        return importlib.import_module(Path(name).stem)


def run_tool(name, *args):
    """A command, in this process: to import MMPose takes longer than it.

    Returns:
        The exit status; None where it just ends.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, 'argv', [name, *map(str, args)])
        patch.syspath_prepend(str((TOOLS / name).parent))  # as Python does
        try:
            runpy.run_path(str(TOOLS / name), run_name='__main__')
        except SystemExit as end:
            return end.code


def run_command(name, *args):
    """``mmpose-dark NAME``, in this process: returns the exit status."""
    from mmpose_dark.cli import main
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, 'argv', sys.argv)  # train and test write it
        try:
            return main([name, *map(str, args)])
        except SystemExit as end:
            return end.code


@pytest.fixture(autouse=True, scope='module')
def what_stays():
    """What a module leaves behind stays: no collection need walk it again.

    mmengine collects all garbage for every data set it builds, and exports
    leave much that is none.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture
def rng():
    return np.random.default_rng(20231123)


#: the kinds of arrays that can be had; a hypothesis test cannot skip one
KINDS = [kind for kind in ('numpy', 'torch') if importlib.util.find_spec(kind)]


def as_kind(array, kind):
    """``array`` as the given kind of array, and back with ``to_numpy``."""
    if kind == 'torch':
        torch = pytest.importorskip('torch')
        return torch.from_numpy(np.ascontiguousarray(array))
    return array


def to_numpy(array):
    return array if isinstance(array, np.ndarray) else array.numpy()


def noisy_gaussians(rng, sigma, size, num, noise, margin=0., dtype=np.float32):
    """Peaks at uniform positions ``margin`` px inside maps of any axes.

    Returns:
        tuple: (num, ..., H, W) maps and (num, D) positions, x first as in
        ``size``.
    """
    points = np.stack([
        rng.uniform(margin, n - 1 - margin, num) for n in size], -1)
    maps = np.ones((num, *[1] * len(size)))
    for axis, n in enumerate(size):
        line = np.exp(-(np.arange(n) - points[:, axis:axis + 1])**2 /
                      (2 * sigma**2))
        spread = [num, *[1] * len(size)]
        spread[-1 - axis] = n
        maps = maps * line.reshape(spread)
    maps = maps + noise * rng.standard_normal(maps.shape)
    return maps.astype(dtype), points


def near_border(points, size, reach=1.5):
    """Which positions are closer than that to an end of an axis."""
    return np.minimum(points, np.array(size) - 1 - points).min(-1) < reach


def decode(maps, sigma, axes, **switches):
    """Maps of so many axes by the function for them.

    Returns:
        list: As numpy arrays, positions (..., D) of vectors too.
    """
    read = {1: F.decode_vectors, 2: F.decode_heatmaps, 3: F.decode_volumes}
    points, *rest = map(to_numpy, read[axes](maps, sigma, **switches))
    return [points[..., None] if axes == 1 else points, *rest]
