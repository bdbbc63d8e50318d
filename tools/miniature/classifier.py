"""The classifier of RTMO (DCC) alone, on what a network averages of a person.

A whole RTMO finds people as well, and takes long to train. This has the
classifier and the loss of MMPose's, in the box of a crop, of which people are
as large as their labels say in training, and as .53 of their box in testing.
"""
#: of the features that it gets
CHANNELS = 128
#: times that each person is looked at, cropped and turned at random
LOOKS = 2


def register():
    """The head, known to MMPose as ``ClassifierHead``."""
    import numpy as np
    import torch
    from mmpose_dark import functional as F
    from mmengine.structures import InstanceData
    from mmpose.models.heads.base_head import BaseHead
    from mmpose.models.heads.hybrid_heads.rtmo_head import DCC
    from mmpose.registry import KEYPOINT_CODECS, MODELS
    from mmpose_dark.heads import DarkMeanHead, DarkRTMOHead
    from mmpose_dark.heads.rtmo import dcc_covariances

    @MODELS.register_module(force=True)
    class ClassifierHead(DarkMeanHead, BaseHead):
        """See above."""

        LOSS = DarkRTMOHead.LOSS
        check_loss = DarkRTMOHead.check_loss

        def __init__(self, num_joints, decoder, output_covariance=False):
            BaseHead.__init__(self)
            self.decoder = KEYPOINT_CODECS.build(decoder)
            self.norm = torch.nn.BatchNorm1d(CHANNELS, affine=False)
            self.dcc = DCC(CHANNELS, num_joints, 64, (192, 256), gau_cfg=dict(
                s=64, expansion_factor=2, dropout_rate=0., drop_path=0.,
                act_fn='SiLU', pos_enc='add'))
            self.loss_mle = MODELS.build(
                dict(type='MLECCLoss', use_target_weight=True))
            self.promise(output_covariance)

        def forward(self, feats):
            """Boxes, positions, shares of bins and sigmas; input px."""
            size = feats.new_tensor(self.decoder.input_size)
            boxes = torch.cat([size / 2, size]).expand(len(feats), 4)
            return boxes, *self.dcc.forward_train(
                self.norm(feats), boxes, boxes[:, :2])

        def loss(self, feats, positions, weights, areas):
            """That of MMPose's RTMO."""
            boxes, _, shares, sigmas = self(feats)
            targets = self.dcc.generate_target_heatmap(
                positions, boxes, sigmas, areas)
            return self.loss_mle(shares, targets, weights).mean()

        def predict(self, feats, samples, test_cfg):
            """Positions with covariances; all scores are 1."""
            boxes, positions, shares, sigmas = self(feats[-1].flatten(1))
            areas = positions.new_tensor([F.box_areas(
                sample.gt_instances.bboxes[0]) * shrunk(sample)
                for sample in samples])
            preds = [InstanceData(
                keypoints=at[None].cpu().numpy(),
                keypoint_scores=np.ones((1, len(at)), np.float32),
                keypoint_covariances=covariance[None].cpu().numpy())
                for at, covariance in zip(positions, dcc_covariances(
                    self.dcc, boxes, shares, sigmas, areas))]
            self._to_image(preds, samples, test_cfg)
            return preds


def shrunk(sample):
    """Squared px of the input to one of the image."""
    meta = sample.metainfo
    (width, height), (across, down) = meta['input_size'], meta['input_scale']
    return float(width * height / (across * down))


def look(model, cfg, seed):
    """What the network averages of people, and what there is to learn.

    Returns:
        list[Tensor]: Features (n, C), positions (n, K, 2) in input px,
        weights (n, K) and areas (n,) in squared input px.
    """
    import torch
    from mmengine.runner import Runner
    loader = Runner.build_dataloader(cfg.train_dataloader, seed=seed)
    size = torch.tensor(cfg.codec.input_size)
    found = []
    with torch.no_grad():
        for _ in range(LOOKS):
            for batch in loader:
                data = model.data_preprocessor(batch, False)
                samples = data['data_samples']
                labels = [sample.gt_instance_labels for sample in samples]
                found.append((
                    model.extract_feat(data['inputs'])[-1].flatten(1),
                    torch.cat([own.keypoint_labels for own in labels]) * size,
                    torch.cat([own.keypoint_weights for own in labels]),
                    torch.tensor([
                        sample.metainfo['raw_ann_info']['area']
                        * shrunk(sample) for sample in samples])))
    return [torch.cat(part) for part in zip(*found)]


def train(cfg, backbone, weights, epochs, batch=128):
    """Train a head on a network that stays as it is, and write the weights.

    Args:
        cfg (Config): With the head of :func:`register`
        backbone (Path): Weights of the network, with another head
        weights (Path): To write
        epochs (int): Over what was looked at
        batch (int): People at a time
    """
    import torch
    from mmengine.registry import init_default_scope
    from mmpose.registry import MODELS
    init_default_scope('mmpose')
    seed = cfg.randomness.seed
    torch.manual_seed(seed)
    cfg.model.backbone.init_cfg = dict(
        type='Pretrained', checkpoint=str(backbone), prefix='backbone.')
    model = MODELS.build(cfg.model).eval()
    model.init_weights()
    seen = look(model, cfg, seed)
    head, batch = model.head, min(batch, len(seen[0]))
    steps = len(seen[0]) // batch * epochs
    optimizer = torch.optim.AdamW(head.parameters(), lr=2e-3,
                                  weight_decay=.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 2e-3, total_steps=steps)
    head.train()
    for epoch in range(epochs):
        order = torch.randperm(len(seen[0]))
        for i in range(len(order) // batch):
            some = order[i * batch:(i + 1) * batch]
            loss = head.loss(*(part[some] for part in seen))
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(head.parameters(), 5.)
            optimizer.step()
            schedule.step()
        print(f'DCC: epoch {epoch + 1} of {epochs}, loss {loss.item():.3f}',
              flush=True)
    weights.parent.mkdir(parents=True, exist_ok=True)
    torch.save(dict(state_dict=model.state_dict()), weights)
