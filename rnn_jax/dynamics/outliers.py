"""Points far from everything the network visits.

    inside = taken(points, ~outliers(points, states))

A search follows a step wherever it leads, and a step has fixed points where no trajectory comes.
"""

import numpy as np
from jaxtyping import Bool, PyTree
from scipy.spatial.distance import cdist

from ..core.checks import all_finite, positive
from .trees import rows_of
from .unique import spread_of


def outliers(points: PyTree, states: PyTree, beyond: float = 1.0) -> Bool[np.ndarray, " S"]:
    """Which points are further than `beyond` times the spread from the nearest state.

    The spread is the root mean square distance of states from their mean. A point in the middle
    of a ring of states, or between two clouds of them, is thus no outlier by default; with a
    smaller `beyond` it is. On the host.

    **Arguments:**

    - `points`: a tree of `[S, ...]`.
    - `states`: a tree of `[M, ...]`, as states of runs.
    - `beyond`: in spreads.

    **Returns:** bool `[S]`.

    **Raises:** `ValueError` where one is not finite, sizes differ, there are no states, or
    `beyond` is not above 0.

    **Example:**

        >>> states = np.array([[0.0], [1.0], [2.0]])
        >>> rj.dynamics.outliers(np.array([[1.5], [9.0]]), states)
        array([False,  True])
    """
    positive("beyond", beyond)
    rows, known = (
        rows_of(name, all_finite(name, tree))
        for name, tree in {"points": points, "states": states}.items()
    )
    if known.shape[1] != rows.shape[1] or len(known) == 0:
        raise ValueError(
            f"states must be at least 1, of {rows.shape[1]} numbers each; got {list(known.shape)}"
        )
    nearest = [cdist(rows[i : i + 256], known).min(1) for i in range(0, len(rows), 256)]
    return np.concatenate([np.zeros(0), *nearest]) > beyond * spread_of(known, False)
