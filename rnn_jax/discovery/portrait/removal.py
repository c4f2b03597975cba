"""A set of units taken out: held at one value at every step, in trials and in the search alike.

out = removal("bit 0", [3, 7], states, value="mean")
out.put(rows)                # states `[M, E]` with the set's entries at their values
out.intervention(h0)         # a clamp whose arrays lead with 1
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, PyTree

from ...core import State, Step, clamp
from ...dynamics.trees import rows_of, tree_of


class Removal(NamedTuple):
    """What is taken out, and for what.

    - `name`: of the set; `units`: its units.
    - `mask`: `[E]`, entries of a state that are held, all parts of a unit.
    - `value`: `[E]`, what each entry is held at.
    """

    name: str
    units: tuple[int, ...]
    mask: Bool[np.ndarray, " E"]
    value: Float[np.ndarray, " E"]

    def put(self, rows: Float[np.ndarray, "M E"]) -> Float[np.ndarray, "M E"]:
        """States with the held entries at their values."""
        return np.where(self.mask, self.value, rows)

    def intervention(self, h0: State) -> Callable[[Step], Step]:
        """The clamp that holds them."""
        stack = jax.tree.map(lambda leaf: np.asarray(leaf)[None], h0)
        value = jax.tree.map(
            lambda row, leaf: jnp.asarray(row, jnp.asarray(leaf).dtype),
            tree_of(self.value[None], stack),
            h0,
        )
        leaf = jax.tree.leaves(h0)[0]
        held = jnp.asarray(self.mask[: len(leaf)], jnp.asarray(leaf).dtype)
        return clamp(held, jnp.ones(1, held.dtype), value)


def removal(name: str, units: list[int], states: PyTree, value: str) -> Removal:
    """A set of units to be taken out.

    **Arguments:**

    - `name`, `units`: of the set.
    - `states`: a tree of `[M, N]`, whose mean is the value.
    - `value`: `mean`, or `zero`.

    **Returns:** `Removal`.

    **Raises:** `ValueError` where no unit is left.
    """
    rows, leaves = rows_of("states", states), jax.tree.leaves(states)
    mask = np.tile(np.isin(np.arange(leaves[0].shape[1]), units), len(leaves))
    if mask.all():
        raise ValueError(f"a set must leave at least one unit, got all {leaves[0].shape[1]}")
    mean = rows.astype(float).mean(0)
    return Removal(name, tuple(units), mask, mean if value == "mean" else np.zeros_like(mean))
