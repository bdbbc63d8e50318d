_base_ = ['td-hm_4xhourglass52_8xb32-140e_coco-128x96.py']

model = dict(backbone=dict(num_stacks=8), head=dict(num_stages=8))
