_base_ = ['td-hm_res18-hypercolumn_dark-1xb16-2e_figures-128x96.py']

# The first part of both trainings, with wide Gaussians, which are neither's
# targets: which joint is where, roughly. The learning rate stays up.
train_cfg = dict(max_epochs=14, val_interval=14)
param_scheduler = [
    dict(
        type='LinearLR', begin=0, end=50, start_factor=0.1, by_epoch=False)
]

codec = dict(
    type='mmpose_dark.DarkHeatmap',
    input_size=(96, 128),
    heatmap_size=(24, 32),
    sigma=2)

model = dict(head=dict(decoder=codec))

train_pipeline = _base_.train_pipeline
train_pipeline[-2].encoder = codec  # GenerateTarget
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
