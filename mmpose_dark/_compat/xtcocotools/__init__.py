"""xtcocotools on top of pycocotools, for where it cannot be imported.

xtcocotools is COCO's own toolbox, extended to the keypoints of other data
sets. Its wheels end at Python 3.11 and need numpy 1. pycocotools is the
original and is kept up. These modules add what MMPose uses of the difference;
every statistic is that of xtcocotools 1.14.3.
"""
