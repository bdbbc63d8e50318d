r"""One score a person, to rank people by.

A person's OKS is the mean similarity of the joints that are labelled. Which
these are nobody tells a network; so the OKS to expect is the mean of all
similarities to expect, each weighted by the probability w that the joint is
labelled:

.. math:: \frac{\sum_k w_k t_k}{\sum_k w_k}, \qquad
    w = \frac{s t}{s t + 1 - t}.

That is Bayes' rule: a joint that is found with the probability t has the odds
t to 1 - t, which its score s, how much of it the network sees, lowers. No
constant is in it. On two real networks, of the joints with a w of 0 to .1, .1
to .2 and so on .09, .31, .47, .54, .60, .79, .84, .88, .94, .99 are labelled,
and .10, .36, .52, .60, .69, .85, .88, .92, .98, .99.
"""
from .backends import Array, backend_of


def pose_scores(similarities: Array, keypoint_scores: Array) -> Array:
    """One score a person: the OKS to expect, see the top of this module.

    Args:
        similarities (np.ndarray | Tensor): t in shape (N, K), 0 to 1, as of
            :func:`expected_oks`.
        keypoint_scores (np.ndarray | Tensor): s in shape (N, K), those of the
            network: peak values of heatmaps, or logits. Below 0 is as 0.

    Returns:
        np.ndarray | Tensor: in shape (N,), 0 to 1; 0 where no joint has a
        score.

    Raises:
        ValueError: Arrays of another shape.
    """
    xp = backend_of(similarities)
    shape = tuple(similarities.shape)
    if len(shape) != 2 or tuple(keypoint_scores.shape) != shape:
        raise ValueError(
            'similarities and keypoint_scores must be in shape (N, K), got '
            f'{shape} and {tuple(keypoint_scores.shape)}')
    seen = xp.at_least(keypoint_scores, 0.) * similarities
    weights = seen / xp.at_least(seen + 1 - similarities, 1e-9)
    return ((weights * similarities).sum(1) /
            xp.at_least(weights.sum(1), 1e-9))
