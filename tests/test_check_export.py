"""When keypoints of an exported file count as the same."""
import numpy as np
import pytest
from mmpose_dark.cli.check_export import FAR, SURE, differences


@pytest.mark.parametrize('off, scores, same', [
    ([0, 0, 0], [.9, .9, .9], True),
    ([0, 0, .9 * FAR], [.9, .9, .9], True),
    ([0, 0, 1.1 * FAR], [.9, .9, .9], False),
    # on one of several faint maxima
    ([0, 0, 50], [.9, .9, .9 * SURE], True),
    ([0, 0, np.nan], [.9, .9, .9], False),
    # nothing is sure, and most is elsewhere
    ([0, 5, 5], [.1, .1, .1], False),
    ([0, 0, 5], [.1, .1, .1], True),
])
def test_the_same_but_for_rounding(off, scores, same):
    want = np.stack([np.arange(3.), np.ones(3), scores], -1)
    got = want + np.stack([off, np.zeros(3), np.zeros(3)], -1)
    text, found = differences({(1, 1): want}, {(1, 1): got})
    assert found == same
    assert f'{sum(~(np.array(off) <= FAR))} of 3 by more than {FAR}' in text
