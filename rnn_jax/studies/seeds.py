"""What a number comes to over seeds: its mean, with an interval, and what that decides.

gain = over_seeds(differences)
f"{gain}"              # 0.31 [0.29, 0.33]
gain.exceeds(0.0)      # True, False, or None where the interval straddles
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from ..circuits import bootstrap_mean


class Estimate(NamedTuple):
    """A mean and the two ends of its bootstrap interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.2f} [{self.low:.2f}, {self.high:.2f}]"

    def exceeds(self, limit: float) -> bool | None:
        """Whether the interval lies above a limit; `None` where it straddles."""
        return True if self.low > limit else False if self.high <= limit else None


def over_seeds(values: ArrayLike, level: float = 0.95) -> Estimate:
    """Mean and percentile interval of one number a seed, `[S]`, always from the same draws."""
    rows = jnp.asarray(values)
    low, high = bootstrap_mean(rows, jax.random.key(0), level=level)
    return Estimate(float(rows.mean()), float(low), float(high))


def all_of(answers: list[bool | None]) -> bool | None:
    """Whether all hold: refuted by one that does not, undecided by one that is."""
    return False if False in answers else None if None in answers else True
