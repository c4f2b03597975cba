"""Trees of states `[S, ...]` as rows `[S, N]` on the host, and back."""

from typing import Any

import jax
import numpy as np
from jaxtyping import Float, PyTree

from ..core.checks import described, numbers, on_host


def rows_of(name: str, tree: PyTree) -> Float[np.ndarray, "S N"]:
    """States, one a row, all their entries leaf by leaf.

    **Raises:** `ValueError` where there is no leaf, a leaf is no array of numbers, leading axes
    differ, or it is traced.
    """
    leaves = [on_host(name, numbers(name, leaf)) for leaf in jax.tree.leaves(tree)]
    if not leaves:
        raise ValueError(f"{name} must hold an array of numbers, got {described(tree)}")
    sizes = {leaf.shape[:1] for leaf in leaves}
    if len(sizes) != 1 or () in sizes:
        got = [described(leaf) for leaf in leaves]
        raise ValueError(f"{name} need one leading axis, the same for every array; got {got}")
    ((count,),) = sizes
    size = lambda leaf: int(np.prod(leaf.shape[1:]))
    return np.concatenate([leaf.reshape(count, size(leaf)) for leaf in leaves], 1)


def tree_of(rows: Float[np.ndarray, "S N"], like: PyTree) -> PyTree:
    """The tree of `[S, ...]` whose states are rows."""
    leaves, treedef = jax.tree.flatten(like)
    ends = np.cumsum([int(np.prod(np.shape(leaf)[1:])) for leaf in leaves])
    parts = np.split(rows, ends[:-1], 1)
    shaped = [p.reshape(len(rows), *np.shape(leaf)[1:]) for p, leaf in zip(parts, leaves)]
    return treedef.unflatten(shaped)


def taken(tree: PyTree, index: Any) -> PyTree:
    """The rows of every leaf, by indices or a mask.

    **Example:**

        >>> rj.dynamics.taken({"h": np.arange(4), "c": np.arange(4) * 10}, np.array([1, 3]))
        {'c': array([10, 30]), 'h': array([1, 3])}
    """
    return jax.tree.map(lambda leaf: np.asarray(leaf)[index], tree)
