"""Which points are the same one.

    same = unique(taken(found.points, found.converged), starts)
    same.points, same.counts

What counts as near is relative to how far the states of the network lie apart.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int, PyTree

from ..core.checks import all_finite, on_host, positive
from .trees import rows_of, taken


class Unique(NamedTuple):
    """Distinct points.

    - `points`: a tree of `[U, ...]`, each as the first start found it.
    - `labels`: `[S]`, which of them each point is.
    - `counts`: `[U]`, how many starts found each.
    - `first`: `[U]`, the index of the start that found it first.

    **Example:**

        >>> found = rj.dynamics.unique(np.array([[1.0], [0.0], [1.0 + 1e-9]]))
        >>> found.points.ravel(), found.first  # each as its first start found it
        (array([1., 0.]), array([0, 1]))
    """

    points: PyTree
    labels: Int[np.ndarray, " S"]
    counts: Int[np.ndarray, " U"]
    first: Int[np.ndarray, " U"]


def unique(
    points: PyTree, states: PyTree = None, inputs: PyTree = None, tolerance: float = 1e-6
) -> Unique:
    """Distinct points: two are one where their distance is at most `tolerance` times the spread.

    The spread is the root mean square distance of states from their mean. Points are taken in
    their order: each that is near none of those before it is new. On the host.

    **Arguments:**

    - `points`: a tree of `[S, ...]`; leave out those that did not converge.
    - `states`: a tree of `[M, ...]`, whose spread counts; `None`: that of the points, or where
        these all agree to a millionth of 1 and their size, that size.
    - `inputs`: `[S, ...]` inputs of the points, if they differ: points of different inputs are
        different, by the same tolerance of the inputs' spread.
    - `tolerance`: relative to the spread.

    **Returns:** `Unique`.

    **Raises:** `ValueError` where a point is not finite, sizes differ, or the tolerance is not
    above 0.

    **Example:**

        >>> found = rj.dynamics.unique(np.array([[0.0], [1.0], [1.0 + 1e-9]]))
        >>> found.labels, found.counts
        (array([0, 1, 1]), array([1, 2]))
    """
    positive("tolerance", tolerance)
    rows = rows_of("points", all_finite("points", points))
    like = rows if states is None else rows_of("states", all_finite("states", states))
    if like.shape[1] != rows.shape[1]:
        raise ValueError(f"states hold {like.shape[1]} numbers each, points {rows.shape[1]}")
    scaled = [rows / spread_of(like, states is None)]
    if inputs is not None:
        x = rows_of("inputs", inputs)
        if len(x) != len(rows):
            raise ValueError(f"inputs must be one a point, {len(rows)}; got {len(x)}")
        scaled.append(x / spread_of(x, True))
    labels, first = _leaders([on_host("points", part) for part in scaled], tolerance)
    return Unique(taken(points, first), labels, np.bincount(labels, minlength=len(first)), first)


def spread_of(rows: np.ndarray, alone: bool) -> float:
    """Root mean square distance from the mean; `alone`: the size where all agree to rounding."""
    if len(rows) == 0:
        return 1.0
    spread = float(np.sqrt(((rows - rows.mean(0, keepdims=True)) ** 2).sum(1).mean()))
    size = 1 + float(np.abs(rows).max(initial=0.0))
    return spread if spread > (1e-6 * size if alone else 0) else size


def _leaders(parts: list[np.ndarray], tolerance: float) -> tuple[np.ndarray, np.ndarray]:
    """Each point's label, and the points that are near none before them."""
    free = np.arange(len(parts[0]))
    labels, first = np.full(len(free), -1), []
    while free.size:
        away = [np.linalg.norm(part[free] - part[free[:1]], axis=1) for part in parts]
        near = np.max(away, axis=0) <= tolerance
        labels[free[near]] = len(first)
        first.append(free[0])
        free = free[~near]
    return labels, np.asarray(first, int)
