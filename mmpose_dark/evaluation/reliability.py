"""Do covariances hold? Coverage, likelihood, and what mends them."""
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
from scipy.optimize import brentq

from .._markdown import markdown_table
from ..functional import (
    TAIL_DOF,
    ellipse_limit,
    log_likelihood,
    mahalanobis,
)
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
    """
    errors: np.ndarray
    covariances: np.ndarray
    scores: np.ndarray
    people: np.ndarray
    joints: np.ndarray

    @classmethod
    def of(cls, kept: KeptHeatmaps, heatmaps: np.ndarray,
           **options: Any) -> 'Reliability':
        """Of kept heatmaps, decoded by DARK.

        Args:
            kept (KeptHeatmaps): What a network predicted, and the truth
            heatmaps (np.ndarray): As of ``kept.merged``
            options: Arguments of its codec
        """
        points, scores, covariances = kept.decode(
            heatmaps, return_covariance=True, **options)
        stride = kept.stride
        errors = kept.errors(points) / stride
        people, joints = np.isfinite(errors[..., 0]).nonzero()
        seen = people, joints
        covariances = covariances[seen] / np.outer(stride, stride)
        return cls(errors[seen], covariances.astype(float), scores[seen],
                   people, joints)

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
        return {f'score {low:.1f} to {min(high, 1):.1f}': self.part(
            (self.scores >= low) & (self.scores < high))
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
