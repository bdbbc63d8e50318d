_base_ = ['td-hm_res18-thin_1xb64-8e_figures-128x96.py']

# The last of two parts: load_from is the network that the config named _start
# trains. The learning rate goes from where it was there down to zero.
train_cfg = dict(max_epochs=2, val_interval=2)
optim_wrapper = dict(optimizer=dict(lr=2e-3))
param_scheduler = [
    dict(
        type='LinearLR', begin=0, end=50, start_factor=0.1, by_epoch=False),
    dict(
        type='CosineAnnealingLR',
        begin=0,
        end=2,
        T_max=2,
        by_epoch=True,
        convert_to_iter_based=True)
]
auto_scale_lr = dict(base_batch_size=16)
default_hooks = dict(checkpoint=dict(interval=1))

# Features of strides 4, 8 and 16 side by side: the fine ones say where
# exactly, the coarse ones which joint. 0.73 M parameters.
model = dict(
    backbone=dict(
        base_channels=32,
        strides=(1, 2, 2),
        dilations=(1, 1, 1),
        out_indices=(0, 1, 2)),
    neck=dict(type='FeatureMapProcessor', concat=True),
    head=dict(
        in_channels=32 + 64 + 128,
        deconv_out_channels=None,
        deconv_kernel_sizes=None,
        conv_out_channels=(64, 32),
        conv_kernel_sizes=(1, 3)))

# Twice as many people as the thin network sees need less made-up variety.
train_pipeline = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale'),
    dict(type='RandomFlip', direction='horizontal'),
    dict(
        type='RandomBBoxTransform',
        scale_factor=(0.85, 1.15),
        rotate_factor=15),
    dict(type='TopdownAffine', input_size=_base_.codec.input_size),
    dict(type='GenerateTarget', encoder=_base_.codec),
    dict(type='PackPoseInputs')
]
train_dataloader = dict(
    batch_size=16, num_workers=1, dataset=dict(pipeline=train_pipeline))
