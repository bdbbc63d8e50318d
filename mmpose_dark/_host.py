"""Between the host, where MMPose wants numpy arrays, and the device."""
import math

import numpy as np


def where_they_are(heatmaps):
    """Tensors in host memory as numpy sees them; others as they are."""
    if isinstance(heatmaps, np.ndarray):
        return heatmaps
    heatmaps = heatmaps.detach()
    if heatmaps.device.type != 'cpu':
        return heatmaps
    # numpy's code may skip work where the data allows, and has no bfloat16.
    if heatmaps.element_size() < 4:
        heatmaps = heatmaps.float()
    return heatmaps.numpy()


def to_host(arrays):
    """Arrays in shape (B, K, ...) as numpy arrays; tensors by one copy."""
    if isinstance(arrays[0], np.ndarray):
        return arrays
    import torch
    packed = torch.cat([t.reshape(*t.shape[:2], -1) for t in arrays], -1)
    packed = packed.cpu().numpy()
    ends = np.cumsum([math.prod(t.shape[2:]) for t in arrays])
    return [part.reshape(t.shape) for part, t in
            zip(np.split(packed, ends[:-1], -1), arrays)]
