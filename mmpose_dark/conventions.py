"""Names and conventions of MMPose and the official code, each said once."""
from typing import Dict, Tuple

#: head of MMPose -> the head of ours that can do more
HEADS = {
    'AssociativeEmbeddingHead': 'DarkAssociativeEmbeddingHead',
    'HeatmapHead': 'DarkHeatmapHead',
    'CIDHead': 'DarkCIDHead',
    'InternetHead': 'DarkInternetHead',
    'CPMHead': 'DarkCPMHead',
    'ViPNASHead': 'DarkViPNASHead',
    'RTMCCHead': 'DarkRTMCCHead',
    'RTMWHead': 'DarkRTMWHead',
    'SimCCHead': 'DarkSimCCHead',
    'RLEHead': 'DarkRLEHead',
    'DSNTHead': 'DarkDSNTHead',
    'RTMOHead': 'DarkRTMOHead',
}

#: heads of MMPose whose positions are means: ours read them as MMPose does,
#: and tell how far off they may be
MEAN_HEADS = ('RLEHead', 'DSNTHead', 'RTMOHead')

#: names under which heads of MMPose have the number of keypoints
COUNTS = ('out_channels', 'num_joints', 'num_keypoints')

#: what keypoint scores may be: MMPose's, or the OKS to expect of each joint
SCORES = ('stock', 'similarity')

_TOP_DOWN = 'Use a top-down heatmap (td-hm_*), SimCC or RTMPose config'
_WHOLE_IMAGE = ('finds all people of an image at once: its joints come out of '
                'offsets or queries, not out of one map for each. ')
#: codec of MMPose that DARK cannot read -> why: in a word and in a sentence
OTHER_CODECS: Dict[str, Tuple[str, str]] = {
    'RegressionLabel': (
        'numbers', 'has numbers for coordinates and no map to read. '
        + _TOP_DOWN),
    'IntegralRegressionLabel': (
        'means', 'trains the mean of a map, whatever shape the map has, and '
        'DARK reads a shape. ' + _TOP_DOWN),
    'YOLOXPoseAnnotationProcessor': (
        'grids', 'finds boxes and joints of an image at once, without a '
        'Gaussian for each joint. ' + _TOP_DOWN),
    'SPR': ('offsets', _WHOLE_IMAGE + _TOP_DOWN),
    'EDPoseLabel': ('queries', _WHOLE_IMAGE + _TOP_DOWN),
    **{name: ('lifting', 'is of poses in space, and DARK reads maps of an '
              'image. Make the 2D network before it DARK')
       for name in ('ImagePoseLifting', 'VideoPoseLifting',
                    'MotionBERTLabel')},
}

#: labels from which a head draws its targets, as a transform packs them
LABELS = ('keypoint_labels', 'keypoints_visible', 'keypoint_weights')

#: sigma -> the blur kernel size that the official code pairs with it
OFFICIAL_KERNELS = {1: 3, 2: 11, 3: 17}


#: whose code trained the network: name for the command line -> repository
OFFICIAL_CODES = {
    'darkpose': 'ilovepose/DarkPose',
    'hrnet': 'leoxiaobin/deep-high-resolution-net.pytorch',
    'simplebaseline': 'microsoft/human-pose-estimation.pytorch',
}


def official_kernel(sigma: float) -> int:
    """The official code's kernel size for the nearest sigma it has below."""
    return OFFICIAL_KERNELS[min(3, max(1, int(sigma)))]
