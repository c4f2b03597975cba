"""How complete a set of points may be: distinct points over the number of starts.

    seen = coverage(unique(points).labels)
    seen.found[-1], seen.unseen

The first is how many were found, the second the chance that one more start finds a new one.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import gammaln

from ..core.checks import axes, numbers
from ..core.types import Numbers


class Coverage(NamedTuple):
    """Distinct points over the number of starts.

    - `found`: `[S]`, distinct points after 1, 2, ... S starts, the mean over all their orders.
    - `unseen`: the share of points found by one start alone among all starts, an estimate of the
        chance that another start finds a new one (Good).

    **Example:**

        >>> found = rj.dynamics.coverage(np.array([0, 1, 2]))  # each start found another point
        >>> found.found.round(2), found.unseen
        (array([1., 2., 3.]), 1.0)
    """

    found: Float[np.ndarray, " S"]
    unseen: float


def coverage(labels: Numbers) -> Coverage:
    """How many distinct points are found over the number of starts.

    After k of S starts `sum_u 1 - C(S - n_u, k) / C(S, k)`, where `n_u` starts found point u: the
    mean over every order of the starts, without drawing any. On the host.

    **Arguments:**

    - `labels`: integers `[S]`, which point a start found; negative for none.

    **Returns:** `Coverage`.

    **Raises:** `ValueError` where labels are no vector of integers, or the vector is empty.

    Hurlbert, Ecology 52 (1971); Good, Biometrika 40 (1953).

    **Example:**

        >>> labels = np.array([0, 0, 0, 1, -1])  # which point each start found
        >>> found = rj.dynamics.coverage(labels)
        >>> found.found.round(2), found.unseen
        (array([0.8, 1.3, 1.6, 1.8, 2. ]), 0.2)
    """
    axes(labels=(labels, "S"))
    known = np.asarray(numbers("labels", labels))
    if known.dtype.kind != "i" or known.size == 0:
        raise ValueError(
            f"labels must be integers, one per start; got {known.dtype}{[known.size]}"
        )
    S, counts = known.size, np.unique(known[known >= 0], return_counts=True)[1]
    taken = np.arange(1, S + 1)[:, None]
    rest = S - counts[None] - taken
    logs = gammaln(S - counts + 1)[None] - gammaln(np.maximum(rest, 0) + 1)
    logs = logs + gammaln(S - taken + 1) - gammaln(S + 1)
    missed = np.where(rest >= 0, np.exp(logs), 0.0)
    return Coverage((1 - missed).sum(1), float((counts == 1).sum() / S))
