"""Do covariances hold? Coverage, likelihood, similarities, what mends them."""
from typing import (
    Any,
    Callable,
    Dict,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

import numpy as np
from scipy.optimize import brentq

from ..functional import (
    TAIL_DOF,
    box_areas,
    ellipse_limit,
    expected_oks,
    log_likelihood,
    mahalanobis,
)
from ..markdown import markdown_table
from .heatmaps import KeptHeatmaps

#: shares of the truth that ellipses are to hold
LEVELS = (.5, .68, .9, .95, .99)
#: least and most degrees of freedom; the latter as good as normal
DOF = (.2, 500.)
#: of scores, for :meth:`Reliability.by_score`
SCORES = (0., .2, .4, .6, .8, np.inf)


class Reliability(NamedTuple):
    """Errors of labelled joints beside the covariances they were given.

    Attributes:
        errors (np.ndarray): in shape (n, 2); heatmap px, of SimCC input px.
        covariances (np.ndarray): in shape (n, 2, 2); squares of that.
        scores (np.ndarray): of the joints in shape (n,).
        people, joints (np.ndarray): Whose joint each is, and which, in shape
            (n,).
        similarities (np.ndarray): What they came to, in shape (n,); NaN of a
            data set without OKS constants.
        reaches (np.ndarray): The distance (x, y) at which a joint of such a
            box has the similarity exp(-1/2), in shape (n, 2); unit of the
            errors, or NaN.
    """
    errors: np.ndarray
    covariances: np.ndarray
    scores: np.ndarray
    people: np.ndarray
    joints: np.ndarray
    similarities: np.ndarray
    reaches: np.ndarray

    @classmethod
    def of(cls, kept: KeptHeatmaps, outputs: Any,
           **options: Any) -> 'Reliability':
        """Of kept heatmaps, decoded by DARK.

        Args:
            kept (KeptHeatmaps): What a network predicted, and the truth
            outputs (tuple): As of ``kept.merged``
            options: Arguments of its codec
        """
        points, scores, covariances = kept.decode(
            outputs, return_covariance=True, **options)
        stride = kept.codec.stride
        errors = kept.errors(points) / stride
        people, joints = np.isfinite(errors[..., 0]).nonzero()
        seen = people, joints
        covariances = covariances[seen] / np.outer(stride, stride)
        similarities, reaches = np.full((2, *scores.shape), np.nan)
        if len(kept.sigmas) == scores.shape[1]:
            similarities = kept.similarities(points)
            boxes = np.array([s['gt_instances']['bboxes'][0]
                              for s in kept.samples], float)
            reaches = 2 * kept.sigmas * np.sqrt(box_areas(boxes))[:, None]
        in_image = stride * [np.divide(s['input_scale'], s['input_size'])
                             for s in kept.samples]
        return cls(errors[seen], covariances.astype(float), scores[seen],
                   people, joints, similarities[seen],
                   reaches[seen][:, None] / in_image[people])

    def part(self, which: np.ndarray) -> 'Reliability':
        """Some of the joints."""
        return Reliability(*(array[which] for array in self))

    def coverage(self, dof: Optional[float] = TAIL_DOF) -> List[float]:
        """The share of errors in the ellipse of each of :data:`LEVELS`."""
        square = mahalanobis(self.errors, self.covariances)
        return [float((square < ellipse_limit(level, dof)).mean())
                for level in LEVELS]

    def nll(self, dof: Optional[float] = TAIL_DOF) -> float:
        """The mean negative log-likelihood; densities per px^2."""
        return float(-log_likelihood(
            self.errors, self.covariances, dof).mean())

    def scaled(self, scale: float) -> 'Reliability':
        """With other covariances."""
        return self._replace(covariances=scale * self.covariances)

    def promised(self, dof: Optional[float] = TAIL_DOF) -> np.ndarray:
        """Similarities to expect of the joints, in shape (n,)."""
        squares = self.reaches[:, :, None] * self.reaches[:, None]
        return expected_oks((self.covariances / squares)[:, None],
                            np.ones(len(squares)), np.array([.5]), dof)[:, 0]

    def gap(self, promised: Optional[np.ndarray] = None) -> float:
        """How far promised similarities are from what they come to.

        The mean over joints of the difference of both in ten bins of equal
        width; see :meth:`bins`.

        Args:
            promised (np.ndarray, optional): in shape (n,). Defaults to
                ``None``: :meth:`promised`
        """
        rows = self.bins(promised)
        return sum(n * abs(said - came) for _, n, said, came in rows) / max(
            sum(n for _, n, _, _ in rows), 1)

    def bins(self, promised: Optional[np.ndarray] = None
             ) -> List[Tuple[float, int, float, float]]:
        """Similarities by what was promised: 0 to .1, .1 to .2 and so on.

        Args:
            promised (np.ndarray, optional): As of :meth:`gap`

        Returns:
            list[tuple]: For each bin with joints: where it begins, how many
            they are, the mean promised and the mean they came to.
        """
        said = self.promised() if promised is None else promised
        which = np.clip(10 * said, 0, 9).astype(int)
        return [(i / 10, int((which == i).sum()),
                 float(said[which == i].mean()),
                 float(self.similarities[which == i].mean()))
                for i in range(10) if (which == i).any()]

    def interval(self, statistic: Callable[['Reliability'], Any],
                 rounds: int = 1000, seed: int = 0
                 ) -> Tuple[np.ndarray, np.ndarray]:
        """95 % interval of a number, or many, by a bootstrap over people.

        Args:
            statistic (callable): Makes them of a :class:`Reliability`
            rounds (int): Samples of the bootstrap. Defaults to 1000
            seed (int): Of these. Defaults to 0

        Returns:
            tuple[np.ndarray]: The lower and the upper ends.
        """
        rng = np.random.default_rng(seed)
        order = np.argsort(self.people, kind='stable')
        _, starts = np.unique(self.people[order], return_index=True)
        each = np.split(order, starts[1:])
        found = [statistic(self.part(np.concatenate([each[i] for i in which])))
                 for which in rng.integers(0, len(each), (rounds, len(each)))]
        low, high = np.percentile(found, (2.5, 97.5), axis=0)
        return low, high

    def calibrate(self) -> Tuple[float, float]:
        """A scale and degrees of freedom by which the ellipses hold.

        Those of the law of :mod:`mmpose_dark.functional.coverage` whose 68
        and 95 % ellipses hold 68 and 95 % of the errors; by default 1 and 3.
        """
        levels = .68, .95
        inner, outer = np.quantile(
            mahalanobis(self.errors, self.covariances), levels)

        def excess(dof: float) -> float:
            """How much longer the tail of that distribution is."""
            low, high = (ellipse_limit(level, dof) for level in levels)
            return high / low - outer / inner

        # Shorter tails than the normal ones are taken for normal.
        dof = brentq(excess, *DOF) if excess(DOF[1]) < 0 else DOF[1]
        return float(inner / ellipse_limit(levels[0], dof)), float(dof)

    def halves(self, seed: int = 0) -> Tuple['Reliability', 'Reliability']:
        """The joints of one half of the people, and of the other."""
        people = np.random.default_rng(seed).permutation(
            np.unique(self.people))
        first = np.isin(self.people, people[:len(people) // 2])
        return self.part(first), self.part(~first)

    def by_score(self) -> Dict[str, 'Reliability']:
        """By how sure the network is."""
        return {
            f'score {low:.1f} ' + (
                f'to {high:.1f}' if high < np.inf else 'and more'):
            self.part((self.scores >= low) & (self.scores < high))
            for low, high in zip(SCORES, SCORES[1:])}

    def by_joint(self, names: Sequence[str]) -> Dict[str, 'Reliability']:
        """By the joint."""
        return {name: self.part(self.joints == i)
                for i, name in enumerate(names)}


def reliability_table(rows: Dict[str, Reliability],
                      dof: Optional[float] = TAIL_DOF) -> str:
    """Coverage of each level and likelihood in Markdown; empty rows go."""
    return markdown_table(
        ['', 'joints', *(f'{100 * level:.0f} %' for level in LEVELS), 'nll'],
        [[name, len(row.errors),
          *(f'{100 * share:.1f}' for share in row.coverage(dof)),
          f'{row.nll(dof):.2f}']
         for name, row in rows.items() if len(row.errors)])
