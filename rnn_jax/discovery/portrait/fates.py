"""What becomes of fixed points once units are taken out: kept, moved, vanished.

    found = fates(intact, other, spread=1.3, kept=0.1, moved=0.5)
    FATES[found.fate[0]]                     # "vanished"

Points are compared over the units that are left: those that were taken out say nothing.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial.distance import cdist

FATES = ("kept", "moved", "vanished")
KEPT, MOVED, VANISHED = range(3)


class Fates(NamedTuple):
    """What became of each point.

    - `fate`: `[U]`, codes of `FATES`.
    - `partner`: `[U]`, the point that it became, -1 where it vanished.
    - `distance`: `[U]`, from its partner, or from the nearest point where it vanished, as a share
        of the spread; NaN where there is no point.
    """

    fate: Int[np.ndarray, " U"]
    partner: Int[np.ndarray, " U"]
    distance: Float[np.ndarray, " U"]


def fates(
    before: Float[np.ndarray, "U E"],
    after: Float[np.ndarray, "V E"],
    spread: float,
    kept: float,
    moved: float,
) -> Fates:
    """Pairs of points, the nearest pair first, each point in one pair at most.

    No pair is farther apart than `moved` times the spread. A point whose partner is at most
    `kept` times the spread away is kept, one with a partner farther away has moved, and one
    without a partner has vanished: where three points become one, one of them is kept or has
    moved, and two have vanished.

    **Arguments:**

    - `before`, `after`: `[U, E]` and `[V, E]`, over the entries that are left.
    - `spread`: root mean square distance of states from their mean, over the same entries.
    - `kept`, `moved`: shares of the spread.

    **Returns:** `Fates`.
    """
    U, V = len(before), len(after)
    partner, distance, free = np.full(U, -1), np.full(U, np.nan), np.ones(V, bool)
    if U and V:
        away = cdist(before, after) / spread
        distance = away.min(1)
        for pair in np.argsort(away, axis=None, kind="stable"):
            u, v = divmod(int(pair), V)
            if away[u, v] > moved:
                break
            if partner[u] < 0 and free[v]:
                partner[u], distance[u], free[v] = v, away[u, v], False
    fate = np.where(partner < 0, VANISHED, np.where(distance <= kept, KEPT, MOVED))
    return Fates(fate, partner, distance)
