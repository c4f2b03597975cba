"""Whether two rankings of units agree.

rank_agreement(estimate, exact)      # [E]: Spearman's correlation of sizes, per epoch
"""

import numpy as np
from jaxtyping import Float

from ..core.checks import axes
from ..core.types import Numbers


def rank_agreement(a: Float[Numbers, "E N"], b: Float[Numbers, "E N"]) -> Float[np.ndarray, " E"]:
    """Spearman's rank correlation of two rankings by size, per epoch, ties sharing their rank.

    **Returns:** NaN where all effects of a side are alike, or one is NaN.

    **Raises:** `ValueError` where shapes differ.

    **Example:**

        >>> a, b = np.array([[1.0, -2.0, 3.0]]), np.array([[0.1, 0.2, 9.0]])
        >>> rj.causal.rank_agreement(a, b)  # by size, a number per epoch
        array([1.])
    """
    axes(a=(a, "E N"), b=(b, "E N"))

    def ranks(values: np.ndarray) -> np.ndarray:
        ordered = np.sort(values)
        sides = [np.searchsorted(ordered, values, side) for side in ("left", "right")]
        mean = (sides[0] + sides[1]) / 2
        return mean - mean.mean()

    sizes = [np.abs(np.asarray(values)) for values in (a, b)]
    x, y = (np.stack([ranks(row) for row in size]) for size in sizes)
    spread = np.sqrt((x**2).sum(-1) * (y**2).sum(-1))
    unknown = (spread == 0) | np.isnan(sizes).any((0, -1))
    return np.where(unknown, np.nan, (x * y).sum(-1) / np.where(spread == 0, 1.0, spread))
