"""What reproduce.py trains: networks, sizes, targets, and their configs."""
from dataclasses import dataclass
from functools import partial
from pathlib import Path

CONFIGS = (Path(__file__).resolve().parents[2] /
           'configs/body_2d_keypoint')
BASE = (CONFIGS / 'topdown_heatmap/figures' /
        'td-hm_res18-thin_1xb64-8e_figures-128x96.py')
RTMPOSE = (CONFIGS / 'rtmpose/figures' /
           'rtmpose-thin_1xb32-16e_figures-128x96.py')
#: input size (w, h) -> sigma: down with the size, as the paper's 1, 2, 3
SIZES = {(96, 128): 1, (72, 96): .85, (48, 64): .7}
MAIN = 'SimpleBaseline', (96, 128)


def thin_hrnet(width):
    channels = [width * 2**i for i in range(4)]
    extra = dict(stage1=dict(
        num_modules=1, num_branches=1, block='BOTTLENECK', num_blocks=(1, ),
        num_channels=(16, )))
    for n in (2, 3, 4):
        extra[f'stage{n}'] = dict(
            num_modules=1, num_branches=n, block='BASIC',
            num_blocks=(1, ) * n, num_channels=tuple(channels[:n]))
    return dict(type='HRNet', in_channels=3, extra=extra)


#: name -> (backbone, head without loss and codec); a thin SimpleBaseline is
#: that of BASE
NETWORKS = {
    'HRNet': (
        thin_hrnet(16),
        dict(type='mmpose_dark.DarkHeatmapHead', in_channels=16,
             deconv_out_channels=None)),
    'Hourglass': (
        dict(type='ThinHourglass', downsample_times=3, num_stacks=1,
             stage_channels=(32, 32, 48, 64), stage_blocks=(1, 1, 1, 1),
             feat_channel=32),
        dict(type='mmpose_dark.DarkCPMHead', in_channels=32, num_stages=1,
             deconv_out_channels=None)),
}
#: name -> bins for every input px
BINS = {'RTMPose_k2': 2, 'RTMPose_k1': 1}


@dataclass(frozen=True)
class Run:
    """One training."""

    network: str
    size: tuple
    encoding: str  # 'biased' or 'unbiased'
    seed: int

    @property
    def name(self):
        """Of its folder."""
        w, h = self.size
        return f'{self.network}-{h}x{w}-{self.encoding}-seed{self.seed}'

    @property
    def cost(self):
        """Roughly, in trainings of the main network."""
        w, h = self.size
        network = {'SimpleBaseline': 1, 'HRNet': 2.2, 'Hourglass': 1.1,
                   'RTMPose_k2': 2.5, 'RTMPose_k1': 2.5}
        return network[self.network] * (.25 + .75 * w * h / (96 * 128))


def plan(seeds, networks):
    """Trainings in the order of what the tables need first."""
    kinds = [MAIN, *((MAIN[0], size) for size in list(SIZES)[1:]),
             *((network, MAIN[1]) for network in (*NETWORKS, *BINS))]
    return [Run(*kind, encoding, seed) for seed in range(seeds)
            for kind in kinds if kind[0].startswith(tuple(networks))
            for encoding in ('biased', 'unbiased')]


def of_heatmaps(run):
    """The stock config of heatmaps with another network, size and codec."""
    from mmengine.config import Config
    w, h = run.size
    cfg = Config.fromfile(BASE)
    cfg.codec = dict(
        type='mmpose_dark.DarkHeatmap', input_size=run.size,
        heatmap_size=(w // 4, h // 4), sigma=SIZES[run.size],
        unbiased=run.encoding == 'unbiased')
    if run.network in NETWORKS:
        cfg.model.backbone, head = NETWORKS[run.network]
        cfg.model.head = dict(head, out_channels=17, loss=cfg.model.head.loss)
    else:
        cfg.model.head.type = 'mmpose_dark.DarkHeatmapHead'
    if run.network == 'Hourglass':
        import thin_hourglass  # noqa: F401
        cfg.custom_imports = dict(imports=['thin_hourglass'])
    return cfg


def of_vectors(run):
    """RTMPose's config with so many bins; sigma is the same in px."""
    from mmengine.config import Config
    cfg = Config.fromfile(RTMPOSE)
    share = BINS[run.network] / cfg.codec.simcc_split_ratio
    cfg.codec.update(
        type='mmpose_dark.DarkSimCC', unbiased=run.encoding == 'unbiased',
        simcc_split_ratio=float(BINS[run.network]),
        sigma=tuple(share * sigma for sigma in cfg.codec.sigma))
    cfg.model.head.update(type='mmpose_dark.DarkRTMCCHead',
                          simcc_split_ratio=cfg.codec.simcc_split_ratio)
    return cfg


def config(run, args):
    """The config of a training: the stock one with few entries changed."""
    from mmpose_dark.alignment import entries
    vectors = run.network in BINS
    cfg = (of_vectors if vectors else of_heatmaps)(run)
    codec = cfg.model.head.decoder = cfg.codec
    for entry, name in entries(cfg._cfg_dict):
        if name == 'GenerateTarget':
            entry['encoder'] = codec
            if not vectors:
                entry['type'] = 'mmpose_dark.GenerateDarkTarget'
        elif name == 'TopdownAffine':
            entry['input_size'] = run.size
    data = args.out / 'data'
    for split in ('train', 'test'):
        loader = cfg[f'{split}_dataloader']
        loader.dataset.data_root = str(data)
        if args.device == 'cpu':  # one thread in all: others train beside it
            loader.num_workers, loader.persistent_workers = 0, False
    cfg.test_evaluator = dict(
        type='CocoMetric', ann_file=str(data / 'val/person_keypoints.json'))
    # Nothing is chosen by validation: the last epoch counts.
    cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    # A Gaussian over vectors is learned half as fast as one over maps.
    epochs = args.epochs * (2 if vectors else 1)
    cfg.train_cfg = dict(by_epoch=True, max_epochs=epochs)
    cfg.param_scheduler[1].update(end=epochs, T_max=epochs)
    cfg.default_hooks.checkpoint = dict(
        type='CheckpointHook', interval=1, max_keep_ckpts=1)
    cfg.default_hooks.logger.interval = 20
    cfg.randomness = dict(seed=run.seed)
    cfg.work_dir = str(args.out / 'runs' / run.name)
    cfg.resume = True
    return cfg


def make_data(args):
    """Figures to train and test on; finished ones are kept."""
    from mmpose_dark.cli.progress import track
    from mmpose_dark.synthetic import make_figures
    for split, number, seed in (('train', args.train, 0),
                                ('val', args.val, 1)):
        folder = args.out / 'data' / split
        if not (folder / 'person_keypoints.json').is_file():
            make_figures(folder, number, seed, partial(
                track, description=f'figures to {split}'))


def train(cfg, weights):
    """Train, and write the weights alone."""
    import torch
    from mmengine.runner import Runner
    runner = Runner.from_cfg(cfg)
    # The same sums in an order that CPUs convolve half as long at.
    runner.model.to(memory_format=torch.channels_last)
    runner.train()
    state = {key: value.cpu().contiguous()
             for key, value in runner.model.state_dict().items()}
    torch.save(dict(state_dict=state), weights)
    for old in weights.parent.glob('epoch_*.pth'):
        old.unlink()
