"""Are covariances of regression true? Trained and measured by one command.

Networks whose position is the mean of a distribution: RLE, whose loss learns
the distribution of errors, integral regression (IPR, its debiased form and
DSNT), whose map is one, and of RTMO the classifier of bins alone (DCC), on
what RLE's network averages of a person. Makes synthetic figures with exact
joints, trains thin versions of MMPose's own configs on them from a network of
heatmaps, as these do, and asks whether the covariances that come out hold:
true joints in the ellipse, similarities promised and true, people ranked by
what is promised.

Resumable: what is trained is kept. Runs on one thread, for an hour or so.
"""
import argparse
import json
import sys
from pathlib import Path

import classifier
import numpy as np
from trainings import BASE, make_data, train

#: network -> the stock config that it is a thin version of
NETWORKS = {
    'RLE': 'topdown_regression/coco/'
           'td-reg_res50_rle-pretrained-8xb64-210e_coco-256x192.py',
    'DSNT': 'integral_regression/coco/'
            'ipr_res50_dsnt-8xb64-210e_coco-256x256.py',
    'debiased': 'integral_regression/coco/'
                'ipr_res50_debias-8xb64-210e_coco-256x256.py',
    'IPR': 'integral_regression/coco/ipr_res50_8xb64-210e_coco-256x256.py',
}
# Its backbone, data and metric are those.
NETWORKS['DCC'] = NETWORKS['RLE']
#: the network of heatmaps that they start from
START = BASE.with_name('td-hm_res18-thin_figures-128x96.pth')
SIZE = 96, 128


def register_finite_loss():
    """JSDiscretLoss without the logarithm of 0.

    MMPose multiplies both maps by the weight of a joint, and of 0 this torch
    makes a gradient that is NaN; of a softmax that underflows it does, too.
    """
    from mmpose.models.losses import JSDiscretLoss
    from mmpose.registry import MODELS

    @MODELS.register_module(force=True)
    class FiniteJSDiscretLoss(JSDiscretLoss):
        """See above."""

        def forward(self, pred_hm, gt_hm, target_weight=None):
            """Nothing of it is 0."""
            return super().forward(
                pred_hm.clamp(min=1e-30), gt_hm.clamp(min=1e-30),
                target_weight.clamp(min=1e-6))


def config(network, seed, args):
    """A thin version of a stock config: its head, codec and test_cfg."""
    from mmengine.config import Config
    from mmpose_dark.alignment import entries
    from mmpose_dark.config import load_config
    cfg = Config.fromfile(BASE)
    stock = load_config(f'mmpose::body_2d_keypoint/{NETWORKS[network]}')
    cfg.codec = dict(stock.codec, input_size=SIZE)
    cfg.model.test_cfg = stock.model.test_cfg
    pretrained = dict(type='Pretrained', checkpoint=str(START))
    if network in ('RLE', 'DCC'):
        # A fourth stage, to be averaged over.
        cfg.model.backbone.update(
            num_stages=4, strides=(1, 2, 1, 2), dilations=(1, 1, 2, 1),
            out_indices=(3, ), init_cfg=dict(pretrained, prefix='backbone.'))
        cfg.model.neck = stock.model.neck
        cfg.model.head = dict(stock.model.head, in_channels=128)
        if network == 'DCC':
            classifier.register()
            cfg.model.head = dict(type='ClassifierHead', num_joints=17)
            cfg.model.test_cfg = dict(flip_test=False)  # RTMO has none
    else:
        cfg.codec.update(heatmap_size=(24, 32), sigma=1.)
        cfg.model.head = dict(
            stock.model.head, in_channels=64, in_featuremap_size=(12, 16),
            deconv_out_channels=(48, ), deconv_kernel_sizes=(4, ))
        cfg.model.init_cfg = pretrained
        cfg.model.backbone.pop('init_cfg', None)
        cfg.optim_wrapper.optimizer.lr = 1e-3
    for entry, name in entries(cfg.model):
        if name == 'JSDiscretLoss':
            register_finite_loss()
            entry['type'] = 'FiniteJSDiscretLoss'
    cfg.model.head.decoder = cfg.codec
    for entry, name in entries(cfg._cfg_dict):
        if name == 'GenerateTarget':
            entry['encoder'] = cfg.codec
    for split in ('train', 'test'):
        loader = cfg[f'{split}_dataloader']
        loader.dataset.data_root = str(args.out / 'data')
        loader.num_workers, loader.persistent_workers = 0, False
    cfg.test_evaluator = dict(
        stock.test_evaluator,
        ann_file=str(args.out / 'data/val/person_keypoints.json'))
    cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    # One that starts anew behind an average learns longer.
    epochs = args.epochs * (3 if network == 'RLE' else 1)
    cfg.train_cfg = dict(by_epoch=True, max_epochs=epochs)
    cfg.param_scheduler[1].update(end=epochs, T_max=epochs)
    cfg.default_hooks.checkpoint = dict(
        type='CheckpointHook', interval=1, max_keep_ckpts=1)
    cfg.default_hooks.logger.interval = 20
    cfg.randomness = dict(seed=seed)
    cfg.work_dir = str(args.out / 'runs' / f'{network}-seed{seed}')
    cfg.resume = True
    return cfg


# ---- whether covariances hold


def predict(cfg, weights, folder):
    """Predictions of the test set with covariances, as dicts.

    Returns:
        tuple[list[dict], Runner]: One of each person, in px of the image.
    """
    import torch
    from mmpose.registry import MODELS
    from mmpose_dark.config import darkify
    from mmpose_dark.evaluation import build_test_runner
    from mmpose_dark.heads import DarkDSNTHead

    @MODELS.register_module(force=True)
    class UncheckedHead(DarkDSNTHead):
        """Reads any map, to show what becomes of it."""

        @classmethod
        def check_loss(cls, loss):
            """Nothing is refused."""

    cfg.model.init_cfg = cfg.model.backbone.init_cfg = None
    try:
        if cfg.model.head.type != 'ClassifierHead':  # which is ours
            cfg = darkify(cfg, head=True)
    except ValueError as error:
        print(f'{folder.name}: {error}', file=sys.stderr)
        cfg.model.head.type = 'UncheckedHead'
    cfg.model.head.output_covariance = True
    runner = build_test_runner(cfg, weights, folder)
    model, samples = runner.model.eval(), []
    with torch.no_grad():
        for batch in runner.test_dataloader:
            samples += [s.cpu().numpy().to_dict()
                        for s in model.test_step(batch)]
    return samples, runner


def of_all(samples, part, key):
    """An entry of every person, without the axis of one instance."""
    return np.array([s[part][key][0] for s in samples], float)


def reliability(samples, sigmas):
    """Errors beside what was said of them; image px."""
    from mmpose_dark import functional as F
    from mmpose_dark.evaluation import Reliability
    errors = (of_all(samples, 'pred_instances', 'keypoints') -
              of_all(samples, 'gt_instances', 'keypoints'))
    seen = of_all(samples, 'gt_instances', 'keypoints_visible') > 0
    people, joints = seen.nonzero()
    areas = F.box_areas(of_all(samples, 'gt_instances', 'bboxes'))
    reaches = 2 * sigmas * np.sqrt(areas)[:, None]
    # As COCO has it, of the area that is labelled.
    true = 2 * sigmas * np.sqrt([s['raw_ann_info']['area']
                                 for s in samples])[:, None]
    return Reliability(
        errors[seen],
        of_all(samples, 'pred_instances', 'keypoint_covariances')[seen],
        of_all(samples, 'pred_instances', 'keypoint_scores')[seen],
        people, joints,
        np.exp(-(errors**2).sum(2) / (2 * true**2))[seen],
        np.stack([reaches, reaches], -1)[seen])


def stock_scores(scores, mode):
    """What the config's own metric ranks people by."""
    from mmpose_dark.evaluation import mmpose_scores
    if mode == 'bbox_rle':
        return scores.mean(1) + scores.max(1)
    return mmpose_scores(scores)


def measure(cfg, weights, rounds):
    """Of one network: what holds, with 95 % intervals.

    Returns:
        dict: ``ellipses`` (one for each level), ``nll``, ``gap`` and ``of
        scores`` (of similarities), ``AP`` and ``gain``; each a number and the
        ends of its interval but for nll, of scores and AP.
    """
    from mmpose_dark import functional as F
    from mmpose_dark.evaluation import ap_gain, evaluated_in_image
    from mmpose_dark.evaluation.calibration import gap_with_interval
    folder = weights.parent
    samples, runner = predict(cfg, weights, folder)
    metric = runner.test_evaluator.metrics[0]
    sigmas = np.array(runner.test_dataloader.dataset.metainfo['sigmas'])
    found = reliability(samples, sigmas)
    shares = [found.coverage(), *found.interval(
        lambda part: part.coverage(), rounds)]
    scores = of_all(samples, 'pred_instances', 'keypoint_scores')
    similarities = F.expected_oks(
        of_all(samples, 'pred_instances', 'keypoint_covariances'),
        F.box_areas(of_all(samples, 'gt_instances', 'bboxes')), sigmas)
    stock, ours = (evaluated_in_image(
        metric.coco, [s['img_id'] for s in samples],
        of_all(samples, 'pred_instances', 'keypoints'), by, sigmas)
        for by in (stock_scores(scores, metric.score_mode),
                   F.pose_scores(similarities, scores)))
    base, gain, ends = ap_gain(stock, ours, rounds)
    return {
        'median': float(np.median(np.linalg.norm(found.errors, axis=1))),
        'ellipses': np.stack(shares, -1).tolist(), 'nll': found.nll(),
        'gap': gap_with_interval(found, lambda part: part.promised(), rounds),
        'of scores': found.gap(np.clip(found.scores, 0, 1)),
        'calibration': found.calibrate(), 'AP': base, 'gain': [gain, *ends]}


def table(found):
    """All of them in Markdown.

    Args:
        found (dict): The name of a training -> what :func:`measure` returns
    """
    from mmpose_dark.evaluation import LEVELS, markdown_table
    body = []
    for name, one in found.items():
        body.append([
            name, *(f'{100 * share:.1f}' for share, *_ in one['ellipses']),
            f'{one["nll"]:.2f}',
            '{:.3f} [{:.3f}, {:.3f}]'.format(*one['gap']),
            f'{one["of scores"]:.3f}', f'{one["AP"]:.2f}',
            '{:+.2f} [{:+.2f}, {:+.2f}]'.format(*one['gain'])])
        body.append(['*95 % interval*', *(
            f'{100 * low:.0f} to {100 * high:.0f}'
            for _, low, high in one['ellipses']), *[''] * 5])
    return markdown_table(
        ['', *(f'{100 * level:.0f} %' for level in LEVELS), 'nll', 'gap',
         'of scores', "AP by MMPose's rule", 'by expected OKS'], body)


def trained(network, seed, args):
    """The weights of one, trained unless they are there."""
    cfg = config(network, seed, args)
    weights = Path(cfg.work_dir) / 'weights.pth'
    if not weights.is_file():
        if network == 'DCC':
            classifier.train(cfg, trained('RLE', seed, args), weights,
                             args.epochs)
        else:
            train(cfg, weights)
    return weights


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--out', type=Path, default='means_out')
    parser.add_argument('--networks', nargs='+', choices=NETWORKS,
                        default=list(NETWORKS))
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1])
    parser.add_argument('--epochs', type=int, default=8)
    parser.add_argument('--train', type=int, default=4000, metavar='IMAGES')
    parser.add_argument('--val', type=int, default=500, metavar='IMAGES')
    parser.add_argument('--rounds', type=int, default=1000,
                        help='of the bootstrap over people')
    args = parser.parse_args()
    args.out = args.out.resolve()
    make_data(args)
    import mmpose_dark  # noqa: F401  before any part of MMPose
    import torch
    torch.set_num_threads(1)
    found = {}
    for network in args.networks:
        for seed in args.seeds:
            weights = trained(network, seed, args)
            found[f'{network}, seed {seed}'] = measure(
                config(network, seed, args), weights, args.rounds)
            print(table(found), flush=True)
    (args.out / 'means.json').write_text(json.dumps(found, indent=1))
    (args.out / 'means.md').write_text(table(found) + '\n')


if __name__ == '__main__':
    main()
