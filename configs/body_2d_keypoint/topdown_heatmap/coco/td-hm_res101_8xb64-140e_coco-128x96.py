_base_ = ['td-hm_res50_8xb64-140e_coco-128x96.py']

model = dict(
    backbone=dict(
        depth=101,
        init_cfg=dict(checkpoint='torchvision://resnet101')))
