"""Pictures of people whose joints are known exactly.

Sub-pixel decoding cannot be judged on labels that were clicked by hand to
within a few pixels. Here the joints come first, as real numbers, and the
picture is drawn around them: a 3-D skeleton in a random pose, dressed, put
before clutter, partly hidden, blurred, noisy, and saved as JPEG together with
its annotation in the COCO format. Needs numpy and OpenCV, nothing else.

Note:

    - All coordinates are pixel centres: index i is at coordinate i.
"""
from .body import KEYPOINTS, SKELETON, sample_pose
from .dataset import make_figures, make_groups, make_video
from .group import draw_group
from .scene import draw_scene
from .video import Frame, draw_video

__all__ = ['KEYPOINTS', 'SKELETON', 'Frame', 'draw_group', 'draw_scene',
           'draw_video', 'make_figures', 'make_groups', 'make_video',
           'sample_pose']
