r"""One score a person, to rank people by.

A person's OKS is the mean similarity of the joints that are labelled. Which
these are nobody tells a network; so the OKS to expect is the mean of all
similarities to expect, each weighted by the probability w that the joint is
labelled:

.. math:: \frac{\sum_k w_k t_k}{\sum_k w_k}, \qquad
    w = \frac{2 s t}{2 s t + 1 - t}.

That is Bayes' rule. Of COCO's people two joints of three are labelled: before
the picture is seen the odds are 2 to 1. A joint that is found with the
probability t has t to 1 - t of it, and its score s, how much of it there is to
see, lowers that. So it is on two real networks: of joints whose w is .07, .30,
.50, .72 and .91 on average the share .10, .36, .55, .75 and .93 is labelled,
and of .07, .29, .51, .71, .90 the share .11, .40, .57, .83, .95.

Where a data set labels every joint, the mean of the similarities is the score.
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
    seen = 2 * xp.at_least(keypoint_scores, 0.) * similarities
    weights = seen / xp.at_least(seen + 1 - similarities, 1e-9)
    return ((weights * similarities).sum(1) /
            xp.at_least(weights.sum(1), 1e-9))
