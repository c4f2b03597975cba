"""What a number comes to over seeds: its mean, with an interval, and what that decides.

gain = over_seeds(differences)
f"{gain}", f"{gain:+.3f}"      # 0.31 [0.29, 0.33], +0.310 [+0.290, +0.330]
gain.exceeds(0.0)              # True, False, or None where the interval straddles
"""

from typing import NamedTuple

import jax
import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtrit

from ..circuits import bootstrap_mean

LEAST = 5
"""Seeds below which nothing is decided: their interval is too narrow, that of one has no width."""


class Estimate(NamedTuple):
    """A mean, the two ends of its bootstrap interval, and how many seeds have the number."""

    mean: float
    low: float
    high: float
    count: int

    def __format__(self, spec: str) -> str:
        spec = spec or ".2f"
        if not self.count:
            return "-"
        mean, ends = f"{self.mean:{spec}}", f"[{self.low:{spec}}, {self.high:{spec}}]"
        return mean if np.isnan(self.low) else f"{mean} {ends}"

    def __str__(self) -> str:
        return f"{self}"

    def exceeds(self, limit: float) -> bool | None:
        """Whether the interval lies above a limit; `None` where it straddles, or of few seeds."""
        if self.count < LEAST:
            return None
        return True if self.low > limit else False if self.high <= limit else None


def over_seeds(values: ArrayLike, level: float = 0.95) -> Estimate:
    """Mean and percentile interval of one number a seed, `[S]`, always from the same draws.

    A seed whose number is NaN has none, and is left out.
    """
    known = np.asarray(values, float)
    known = known[np.isfinite(known)]
    if not known.size:
        return Estimate(np.nan, np.nan, np.nan, 0)
    low, high = bootstrap_mean(known, jax.random.key(0), level=level)
    return Estimate(float(known.mean()), float(low), float(high), len(known))


def over_few(values: ArrayLike) -> Estimate:
    """Mean and t interval of one number a seed, `[S]`; a seed without a number is left out.

    Of five seeds a bootstrap interval is too narrow.
    """
    known = np.asarray(values, float)
    known = known[np.isfinite(known)]
    if len(known) < 2:
        mean = float(known.mean()) if len(known) else np.nan
        return Estimate(mean, np.nan, np.nan, len(known))
    half = stdtrit(len(known) - 1, 0.975) * known.std(ddof=1) / len(known) ** 0.5
    return Estimate(known.mean(), known.mean() - half, known.mean() + half, len(known))


def lies_above(found: Estimate, limit: float) -> bool | None:
    """On which side of a limit an interval lies; `None` where it holds it, or of few seeds.

    Other than for `Estimate.exceeds`, an interval without width on the limit decides nothing.
    """
    if found.count < LEAST or found.low <= limit <= found.high:
        return None
    return bool(found.low > limit)


def all_of(answers: list[bool | None]) -> bool | None:
    """Whether all hold: refuted by one that does not, undecided by one that is, or by none."""
    return False if False in answers else None if None in answers or not answers else True
