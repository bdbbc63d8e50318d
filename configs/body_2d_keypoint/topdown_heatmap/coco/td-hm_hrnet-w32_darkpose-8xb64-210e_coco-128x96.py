_base_ = ['td-hm_hrnet-w32_dark-8xb64-210e_coco-128x96.py']

# Pixels are where the official code of DARK has them; its channels are RGB.
codec = dict(
    type='mmpose_dark.DarkPoseHeatmap',
    input_size=(96, 128),
    heatmap_size=(24, 32),
    sigma=1)

model = dict(
    head=dict(decoder=codec), test_cfg=dict(shift_heatmap=False))

train_pipeline = _base_.train_pipeline
train_pipeline[-2].encoder = codec  # GenerateTarget
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
