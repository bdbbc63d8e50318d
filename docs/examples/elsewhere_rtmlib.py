"""rtmlib's classes with the decoding of this package.

Used as theirs: ``DarkRTMPose('rtmpose-m.onnx')(image, boxes)``.
"""
import numpy as np
from mmpose_dark.functional import decode_heatmaps, decode_simcc
from rtmlib import RTMPose, ViTPose


class DarkRTMPose(RTMPose):
    """RTMPose, DWPose and RTMW: the Gaussian's centre, not a whole bin."""

    def postprocess(self, outputs, center, scale, simcc_split_ratio=2.):
        """Image px from the vectors over x and over y."""
        size = np.array(self.model_input_size)
        points, scores = decode_simcc(*outputs, sigma=np.sqrt(size / 8))
        points = points / simcc_split_ratio / size
        return points * scale + center - scale / 2, scores


class DarkViTPose(ViTPose):
    """ViTPose: read where its heatmaps lie on rtmlib's crop."""

    def postprocess(self, outputs, center, scale, sigma=2.):
        """Image px from heatmaps, whose corners lie on those of the crop."""
        size = np.array(self.model_input_size)
        points, scores = decode_heatmaps(outputs[0], sigma)
        # Of the crop a pixel is 1 / w, of its corners 1 / (w - 1).
        points = points / np.subtract(outputs[0].shape[:1:-1], 1) * (
            size - 1) / size
        return points * scale + center - scale / 2, scores
