"""How bottom_up.py measures; nothing is trained here."""
import json
from types import SimpleNamespace

import mmpose_dark  # noqa: F401  before any part of MMPose
import numpy as np
import pytest

pytest.importorskip('mmpose')
from conftest import tool  # noqa: E402
from mmengine.registry import init_default_scope  # noqa: E402
from mmpose.registry import MODELS  # noqa: E402
from mmpose.utils import register_all_modules  # noqa: E402
from mmpose_dark.synthetic import make_groups  # noqa: E402

benchmark = tool('benchmark/bottom_up.py')
networks = tool('benchmark/bottom_up_networks.py')
SIGMAS = np.full(17, .05)


@pytest.fixture(scope='module')
def drawn(tmp_path_factory):
    return make_groups(tmp_path_factory.mktemp('groups'), 8, seed=2)


def found(drawn, rng, off, missed=0., promised=None):
    """People off by so many px, some missed, and one who is not there."""
    out = {}
    for number, (keypoints, _) in benchmark.truths(drawn).items():
        people = [person[:, :2] + rng.normal(0, off, (17, 2))
                  for person in keypoints if rng.random() >= missed]
        people.append(rng.uniform(0, 200, (17, 2)))
        covariances = promised and promised**2 * np.broadcast_to(
            np.eye(2), (len(people), 17, 2, 2))
        out[number] = np.array(people), rng.random(len(people)), covariances
    return out


def test_average_precision_is_that_of_coco(drawn, rng):
    from xtcocotools.coco import COCO
    from xtcocotools.cocoeval import COCOeval
    predictions = found(drawn, rng, 3., .2)
    matches = list(benchmark.coco_matches(
        predictions, drawn, SIGMAS).values())
    mine = benchmark.average_precision(matches)
    coco = COCO(str(drawn))
    results = [dict(image_id=number, category_id=1, score=float(score),
                    keypoints=np.append(person, np.ones((17, 1)), 1
                                        ).ravel().tolist())
               for number, (people, scores, _) in predictions.items()
               for person, score in zip(people, scores)]
    evaluator = COCOeval(coco, coco.loadRes(results), 'keypoints', SIGMAS)
    for step in 'evaluate', 'accumulate', 'summarize':
        getattr(evaluator, step)()
    assert .1 < mine < .9
    assert mine == pytest.approx(evaluator.stats[0], abs=1e-9)


def test_errors_are_of_seen_joints_of_found_people(drawn, rng):
    truth = benchmark.truths(drawn)
    predictions = found(drawn, rng, 0., .3)
    for number, (people, *_) in predictions.items():
        errors, squares, oks = benchmark.matched(
            people + (.6, .8), None, truth[number], SIGMAS)
        assert not len(squares)
        there = oks > 0
        assert there.sum() == len(people) - 1
        np.testing.assert_allclose(errors, 1)
        assert len(errors) == (truth[number][0][there, :, 2] == 2).sum()


def test_intervals_are_of_pairs(drawn, rng, monkeypatch):
    monkeypatch.setattr(benchmark, 'RESAMPLES', 60)
    truth = benchmark.truths(drawn)
    base, better, nobody = (
        benchmark.measure(some, truth, drawn, SIGMAS) for some in (
            found(drawn, rng, 3.), found(drawn, rng, 1.),
            {n: (np.zeros((0, 17, 2)), np.zeros(0), None) for n in truth}))
    gain, low, high = benchmark.intervals(better, base)
    assert high[0] < 0 < low[2]
    assert (low <= gain).all() and (gain <= high).all()
    same = benchmark.intervals(base, base)
    assert not np.any(same)
    median, share, precision = benchmark.summary(nobody)
    assert np.isnan(median) and share == precision == 0


def test_ellipses_hold_what_is_promised(drawn, rng):
    """Of normal errors of half the covariance, nearly all; of more, fewer."""
    truth = benchmark.truths(drawn)
    told = [benchmark.shares(benchmark.measure(
        found(drawn, rng, 2., .2, promised), truth, drawn, SIGMAS)['squares'])
        for promised in (2 * 2**.5, 2., 1.)]
    for level, *inside in zip(benchmark.LEVELS, *told):
        # By the normal law, of which 2 is the standard deviation.
        limit = 1.5 * ((1 - level / 100)**(-2 / 3) - 1)
        for share, factor in zip(inside, (2., 1., .25)):
            assert abs(share - 100 * (1 - np.exp(-limit * factor / 2))) < 7
    rows = [dict(network='A', targets='DARK', reading='ours', inside=told[0]),
            dict(network='A', targets='DARK', reading='stock', inside=[])]
    assert benchmark.ellipses(rows).count('ours') == 1
    assert 'stock' not in benchmark.ellipses(rows)


def test_table_says_what_is_better_than_the_baseline():
    rows = [dict(network='A', targets='DARK', reading=name, is_base=not i,
                 values=[1.5 - i, 90., 60. + i], gain=[-1., 0., 1.],
                 low=[-1.1, 0., .5], high=[-.9, 0., 1.5], times=1. + i)
            for i, name in enumerate(('stock', 'ours'))]
    lines = benchmark.table(rows).splitlines()
    assert '-1.000 [-1.100, -0.900]' in lines[-1]
    assert '+1.00 [+0.50, +1.50]' in lines[-1] and '2.0 x' in lines[-1]
    assert '[' not in lines[-2]


@pytest.mark.parametrize('name', networks.NETWORKS)
def test_every_reading_takes_the_same_weights(name, tmp_path):
    register_all_modules()
    init_default_scope('mmpose')
    build, kinds = networks.NETWORKS[name]
    stock = build()
    args = SimpleNamespace(out=tmp_path, epochs=1)
    for to_train, readings in kinds.values():
        cfgs = [benchmark.settle(how(stock), args)
                for how in (to_train, *readings.values())]
        keys = [MODELS.build(cfg.model).state_dict().keys() for cfg in cfgs]
        assert all(key == keys[0] for key in keys)
        json.dumps(cfgs[0].to_dict(), default=str)
