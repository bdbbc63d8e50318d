"""Bottom-up networks trained on drawn scenes, read by MMPose and by DARK.

Draws pictures of two to five people, trains a thin network of each kind on
them, and reads it in several ways, by the same weights, on pictures that it
never saw: the whole of MMPose's way, from the file to joints in the picture.

- Median error: of the joints, labelled and not hidden, of people that were
  found (one to one, by the largest OKS, at least .3); px of the picture.
- AP: COCO's, by xtcocotools.
- Ellipses: how many % of those joints are in that of so many, by the law of
  mmpose_dark.functional.coverage, where a head tells covariances.

Intervals are of 95 %, by a paired bootstrap over pictures. Trainings that were
done before, in --out, are taken as they are. Prints Markdown, writes JSON.
"""
import argparse
import contextlib
import io
import json
import os
from pathlib import Path

# OpenBLAS's threads would go on spinning through the next contender's turn.
os.environ.setdefault('OPENBLAS_NUM_THREADS', '1')

import numpy as np
from bottom_up_networks import NETWORKS
from mmpose_dark.markdown import markdown_table

RESAMPLES, SEED = 1000, 0
#: people of a picture that COCO counts
MOST = 20
LEVELS = 50, 68, 90, 95, 99


# ---- train


def settle(cfg, args):
    """Data and schedule, the same for all networks."""
    for name, part in (('train', cfg.train_dataloader),
                       ('val', cfg.test_dataloader)):
        part.update(num_workers=0, persistent_workers=False)
        part.dataset.update(
            data_root=str(args.out / 'data' / name), data_prefix=dict(
                img='images/'), ann_file='person_keypoints.json')
    cfg.train_dataloader.batch_size = 16
    cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    cfg.test_evaluator = dict(type='CocoMetric', ann_file=str(
        args.out / 'data/val/person_keypoints.json'))
    cfg.train_cfg = dict(by_epoch=True, max_epochs=args.epochs)
    cfg.optim_wrapper = dict(optimizer=dict(type='Adam', lr=2e-3))
    cfg.param_scheduler = [
        dict(type='LinearLR', begin=0, end=50, start_factor=.1,
             by_epoch=False),
        dict(type='CosineAnnealingLR', begin=0, end=args.epochs,
             T_max=args.epochs, by_epoch=True, convert_to_iter_based=True)]
    cfg.auto_scale_lr = None
    cfg.default_hooks.checkpoint = dict(type='CheckpointHook', interval=2,
                                        max_keep_ckpts=1)
    cfg.default_hooks.logger.interval = 20
    cfg.randomness = dict(seed=SEED)
    return cfg


def train(cfg, folder):
    """Train, or take up where it was left; the path of the weights."""
    from mmengine.runner import Runner
    done = folder / 'done.pth'
    if not done.exists():
        cfg.work_dir, cfg.resume = str(folder), True
        runner = Runner.from_cfg(cfg)
        runner.train()
        import torch
        torch.save(dict(state_dict=runner.model.state_dict()), done)
    return done


# ---- read


def predict(cfg, weights, samples):
    """Of each picture people (N, 17, 2), scores (N, ) and, where there are
    any, covariances (N, 17, 2, 2); and what ran it.
    """
    import torch
    from mmpose_dark.evaluation import build_test_runner
    runner = build_test_runner(cfg, weights, weights.parent / 'test')
    model = runner.model.eval()
    found = []
    with torch.no_grad():
        for batch in runner.test_dataloader:
            for sample in model.test_step(batch):
                people = sample.pred_instances
                found.append((sample.img_id, people.keypoints,
                              people.get('bbox_scores',
                                         people.keypoint_scores.mean(-1)),
                              people.get('keypoint_covariances')))
                samples.setdefault(sample.img_id, batch)
    return {number: rest for number, *rest in found}, runner


def truths(path):
    """Of each picture keypoints (N, 17, 3) and areas (N, )."""
    people = {}
    for ann in json.loads(path.read_text())['annotations']:
        people.setdefault(ann['image_id'], []).append(
            (np.reshape(ann['keypoints'], (17, 3)), ann['area']))
    return {number: tuple(map(np.stack, zip(*some)))
            for number, some in people.items()}


def pairs(found, truth, sigmas):
    """Who was found (M, ) as whom (M, ), and the OKS of each pair."""
    from scipy.optimize import linear_sum_assignment
    keypoints, areas = truth
    gap = np.linalg.norm(found[:, None] - keypoints[..., :2], axis=-1)
    oks = np.exp(-gap**2 / (8 * sigmas**2 * areas[:, None]))
    labelled = keypoints[..., 2] > 0
    oks = (oks * labelled).sum(-1) / labelled.sum(-1)  # (found, truth)
    rows, columns = linear_sum_assignment(-oks)
    good = oks[rows, columns] > .3
    return rows[good], columns[good], oks[rows, columns][good]


def matched(found, covariances, truth, sigmas):
    """Of seen joints of matched people errors (px) and, where there are
    covariances, squared errors in units of these; and the OKS of all.
    """
    from mmpose_dark.functional import mahalanobis
    keypoints, areas = truth
    of_people = np.zeros(len(areas))
    if not len(found):
        return np.zeros(0), np.zeros(0), of_people
    rows, columns, of_people_found = pairs(found, truth, sigmas)
    of_people[columns] = of_people_found
    seen = keypoints[columns, :, 2] == 2
    errors = (found[rows] - keypoints[columns, :, :2])[seen]
    squares = np.zeros(0) if covariances is None else mahalanobis(
        errors, covariances[rows][seen])
    return np.linalg.norm(errors, axis=-1), squares, of_people


def coco_matches(found, path, sigmas):
    """Of each picture what COCO's evaluation made of it."""
    from xtcocotools.coco import COCO
    from xtcocotools.cocoeval import COCOeval
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(path))
        results = [dict(
            image_id=number, category_id=1, score=float(score),
            keypoints=np.append(person, np.ones((17, 1)), 1).ravel().tolist())
            for number, (people, scores, *_) in found.items()
            for person, score in zip(people, scores)]
        evaluator = COCOeval(coco, coco.loadRes(results), 'keypoints', sigmas)
        evaluator.evaluate()
    whole = evaluator.params.areaRng[0]
    return {one['image_id']: one for one in evaluator.evalImgs
            if one is not None and one['aRng'] == whole}


def average_precision(matches):
    """COCO's AP of these pictures, in which one may occur several times."""
    scores = np.concatenate([one['dtScores'][:MOST] for one in matches])
    hits = np.concatenate(
        [one['dtMatches'][:, :MOST] for one in matches], 1) > 0
    total = sum(len(one['gtIgnore']) for one in matches)
    hits = hits[:, np.argsort(-scores, kind='stable')]
    right = hits.cumsum(1)
    recall = right / total
    precision = right / np.arange(1, hits.shape[1] + 1)
    precision = np.maximum.accumulate(precision[:, ::-1], 1)[:, ::-1]
    levels = np.linspace(0, 1, 101)
    return float(np.mean([
        np.append(p, 0)[np.searchsorted(r, levels)]
        for p, r in zip(precision, recall)]))


def measure(found, truth, path, sigmas):
    """Pictures in one order: errors, OKS, and COCO's matches."""
    numbers = sorted(truth)
    errors, squares, oks = zip(*(
        matched(found[n][0], found[n][2], truth[n], sigmas) for n in numbers))
    matches = coco_matches(found, path, sigmas)
    return dict(errors=errors, squares=np.concatenate(squares), oks=oks,
                matches=[matches[n] for n in numbers])


def summary(one, index=None):
    """Median error (px), people found (%), AP (%) of some of the pictures."""
    index = range(len(one['errors'])) if index is None else index
    errors = np.concatenate([one['errors'][i] for i in index])
    return np.array([
        np.median(errors) if len(errors) else np.nan,
        100 * np.mean(np.concatenate([one['oks'][i] for i in index]) > 0),
        100 * average_precision([one['matches'][i] for i in index])])


def intervals(one, base):
    """The difference to ``base`` and its ends, each in shape (3, )."""
    rng = np.random.default_rng(SEED)
    pictures = len(one['errors'])
    draws = rng.integers(0, pictures, (RESAMPLES, pictures))
    gains = [summary(one, index) - summary(base, index) for index in draws]
    return summary(one) - summary(base), *np.percentile(
        gains, (2.5, 97.5), axis=0)


def milliseconds(models, samples, rounds):
    """What the heads take of some pictures: network, merge and decoding."""
    import torch
    from mmpose_dark.evaluation import take_turns
    batches = [some for _, some in zip(range(12), samples.values())]

    def run(model, data):
        for feats, one in data:
            model.head.predict(feats, one, model.test_cfg)

    with torch.no_grad():
        contenders = {}
        for name, model in models.items():  # of the same pictures
            data = []
            for batch in batches:
                one = model.data_preprocessor(batch, False)
                feats = [model.extract_feat(inputs) for inputs in (
                    one['inputs'], one['inputs'].flip(-1))]
                data.append((feats, one['data_samples']))
            contenders[name] = lambda m=model, d=data: run(m, d)
        taken = take_turns(contenders, rounds)
    return {name: ms['median'] / len(batches) for name, ms in taken.items()}


# ---- report


def rows_of(name, targets, args):
    """Train a network, read it in all its ways."""
    build, kinds = NETWORKS[name]
    to_train, readings = kinds[targets]
    stock = build()
    folder = args.out / f'{name}-{targets}'
    weights = train(settle(to_train(stock), args), folder)
    path = args.out / 'data/val/person_keypoints.json'
    truth = truths(path)
    measured, models, samples = {}, {}, {}
    for reading, how in readings.items():
        found, runner = predict(settle(how(stock), args), weights, samples)
        models[reading] = runner.model
        measured[reading] = measure(
            found, truth, path, runner.test_dataloader.dataset.metainfo[
                'sigmas'].astype(float))
    ms = milliseconds(models, samples, args.rounds)
    base = next(iter(readings))
    for reading, one in measured.items():
        gain, low, high = intervals(one, measured[base])
        yield dict(
            network=name, targets=targets, reading=reading,
            is_base=reading == base, values=summary(one).tolist(),
            gain=gain.tolist(), low=low.tolist(), high=high.tolist(),
            ms=ms[reading], times=ms[base] / ms[reading],
            inside=shares(one['squares']))


def shares(squares):
    """How many % are in the ellipse of each of the levels; empty: of none."""
    from mmpose_dark.functional import ellipse_limit
    return [100 * float(np.mean(squares < ellipse_limit(level / 100)))
            for level in LEVELS] if len(squares) else []


def table(rows):
    """Markdown."""
    def gained(row, i, digits):
        if row['is_base']:
            return ''
        return '{:+.{d}f} [{:+.{d}f}, {:+.{d}f}]'.format(
            row['gain'][i], row['low'][i], row['high'][i], d=digits)

    return markdown_table(
        ['network', 'targets', 'read by', 'median px', 'less', 'found %',
         'AP', 'more', 'decoding'],
        [[row['network'], row['targets'], row['reading'],
          f'{row["values"][0]:.3f}', gained(row, 0, 3),
          f'{row["values"][1]:.1f}', f'{row["values"][2]:.2f}',
          gained(row, 2, 2), f'{row["times"]:.1f} x'] for row in rows],
        text_columns=3)


def ellipses(rows):
    """Markdown."""
    return markdown_table(
        ['network', 'targets', 'read by', *(f'{n} %' for n in LEVELS)],
        [[row['network'], row['targets'], row['reading'], *(
            f'{share:.1f}' for share in row['inside'])]
         for row in rows if row['inside']], text_columns=3)


def main():
    """Draw, train, read, print."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--out', type=Path, default='bottom_up_out',
                        help='for data, trainings and table (%(default)s)')
    parser.add_argument('--networks', nargs='+', default=list(NETWORKS),
                        choices=NETWORKS, metavar='NAME',
                        help='some of ' + ', '.join(NETWORKS))
    parser.add_argument('--targets', nargs='+', metavar='KIND',
                        help='some of those they are trained on')
    parser.add_argument('--train', type=int, default=2400, metavar='N',
                        help='pictures to train on (%(default)s)')
    parser.add_argument('--val', type=int, default=400, metavar='N',
                        help='pictures to read (%(default)s)')
    parser.add_argument('--epochs', type=int, default=10)
    parser.add_argument('--rounds', type=int, default=9,
                        help='of timing (%(default)s)')
    args = parser.parse_args()
    args.out = args.out.resolve()

    import mmpose_dark  # noqa: F401  before any part of MMPose
    import torch
    from mmengine.registry import init_default_scope
    from mmpose.utils import register_all_modules
    from mmpose_dark.synthetic import make_groups
    torch.set_num_threads(1)
    register_all_modules()
    init_default_scope('mmpose')
    for name, number, seed in (('train', args.train, 0), ('val', args.val, 1)):
        if not (args.out / 'data' / name / 'person_keypoints.json').exists():
            make_groups(args.out / 'data' / name, number, seed)
    rows = [row for name in args.networks for targets in NETWORKS[name][1]
            if not args.targets or targets in args.targets
            for row in rows_of(name, targets, args)]
    (args.out / 'bottom_up.json').write_text(json.dumps(rows, indent=1))
    text = f'{table(rows)}\n\nJoints in the ellipse of:\n\n{ellipses(rows)}'
    (args.out / 'bottom_up.md').write_text(text + '\n')
    print(text)


if __name__ == '__main__':
    main()
