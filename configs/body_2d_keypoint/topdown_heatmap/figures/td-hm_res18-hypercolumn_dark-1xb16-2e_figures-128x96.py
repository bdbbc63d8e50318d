_base_ = ['td-hm_res18-hypercolumn_1xb16-2e_figures-128x96.py']

codec = dict(
    type='mmpose_dark.DarkHeatmap',
    input_size=(96, 128),
    heatmap_size=(24, 32),
    sigma=1)

model = dict(head=dict(decoder=codec))

train_pipeline = _base_.train_pipeline
train_pipeline[-2].encoder = codec  # GenerateTarget
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
