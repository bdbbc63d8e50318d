_base_ = ['td-hm_4xhourglass52_dark-8xb32-140e_coco-256x192.py']

codec = dict(
    type='mmpose_dark.DarkHeatmap',
    input_size=(96, 128),
    heatmap_size=(24, 32),
    sigma=1)

model = dict(
    backbone=dict(downsample_times=3), head=dict(decoder=codec))

train_pipeline = _base_.train_pipeline
train_pipeline[-3].input_size = codec['input_size']  # TopdownAffine
train_pipeline[-2].encoder = codec  # GenerateTarget
val_pipeline = _base_.val_pipeline
val_pipeline[-2].input_size = codec['input_size']  # TopdownAffine

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader
