_base_ = [
    'mmpose::body_2d_keypoint/topdown_heatmap/coco/'
    'td-hm_hrnet-w32_8xb64-210e_coco-256x192.py'
]

# Schedule and augmentation are those of the official code.
optim_wrapper = dict(optimizer=dict(lr=1e-3))

codec = dict(
    type='mmpose_dark.DarkHeatmap',
    input_size=(192, 256),
    heatmap_size=(48, 64),
    sigma=2)

model = dict(head=dict(type='mmpose_dark.DarkHeatmapHead', decoder=codec))

train_pipeline = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale'),
    dict(type='RandomFlip', direction='horizontal'),
    dict(type='RandomHalfBody'),
    dict(
        type='RandomBBoxTransform',
        shift_prob=0,
        scale_factor=(0.65, 1.35),
        rotate_factor=90),  # a bound, twice the official ROT_FACTOR
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='GenerateTarget', encoder=codec),
    dict(type='PackPoseInputs')
]

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
