"""Which units: a mask over all of them, or their numbers.

    clamp(7, window, 0.0)                   # an integer is an index
    clamp([3, 7], window, 0.0)              # so is each of a list, or of an integer array
    clamp(jnp.array([0.0, 1, 1]), ...)      # floats and bools are a mask [N]
    sweep(..., units=[[0, 1], [2]], ...)    # groups of units: a list of lists

The dtype decides, never the values. An integer array of zeros and ones would be a mask to the
eye and indices to this rule: as a rule it names a unit twice, which is an error that says so.
Indices are data, as masks are, so that all of them share one compiled program.
"""

from collections import Counter
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, PyTree

from .checks import array, described, in_unit, numbers
from .tree import prefix_leaves
from .types import State

WANTED = "units are indices from 0, each once, or a mask [N] of floats or bools"


class Indices(eqx.Module):
    """Units by their numbers, held until they meet a state, whose size a mask needs.

    - `index`: int `[..., K]`.
    - `window`: float `[..., T]`.
    - `outside`: whether all units but these are meant.
    """

    index: Array
    window: Array
    outside: bool = eqx.field(static=True)

    def mask(self, N: int) -> Float[Array, "*S T N"]:
        """The mask of a state of `N` units.

        **Raises:** `ValueError` where an index is outside of them, `RuntimeError` if traced.
        """
        # a narrow dtype of indices would wrap around where units are many
        index = check_indices(self.index, N).astype(jnp.int32)
        every = jnp.arange(N, dtype=jnp.int32).reshape((1,) * index.ndim + (N,))
        units = (index[..., None] == every).any(-2).astype(self.window.dtype)
        units = 1 - units if self.outside else units
        return self.window[..., :, None] * units[..., None, :]


def is_units(thing: Any) -> bool:
    """Whether it is one leaf of a tree of units: a list of numbers, rather than of parts."""
    return isinstance(thing, list) and all(np.ndim(part) == 0 for part in thing)


def over(units: PyTree, window: Float[Array, " T"], outside: bool = False) -> PyTree:
    """Who is edited at each step: `w m^T` of a mask, or `Indices` until the state is known.

    **Arguments:**

    - `units`: a mask `[N]`, an index, a list of them, or a prefix of the state's tree of these.
    - `window`: float `[T]`.
    - `outside`: whether all other units are meant.

    **Returns:** a tree of `[T, N]` or `Indices`.

    **Raises:** `ValueError` where units are neither a mask in [0, 1] nor indices, each once.
    """

    def one(units: Any) -> Any:
        known = _listed(units)
        if is_integer(known) and known.ndim < 2:
            index = check_indices(known.reshape(-1), None)
            return Indices(jnp.asarray(index), window, outside)
        if is_integer(known) or known.ndim != 1:
            raise ValueError(f"{WANTED}; got {described(known)}")
        name = "a mask of units (an index is an integer)"
        mask = in_unit(name, array("units", known), traced=False).astype(window.dtype)
        return jnp.outer(window, 1 - mask if outside else mask)

    return jax.tree.map(one, units, is_leaf=is_units)


def group_masks(units: Any, N: int) -> Array:
    """The groups of a sweep as masks `[G, N]`, or `[W, G, N]` where windows differ in theirs.

    **Arguments:**

    - `units`: masks; a list or array of indices, a group of one unit each; or a list of lists.
    - `N`: how many units there are.

    **Raises:** `ValueError` where units have another form (`RuntimeError` if indices are traced).
    """
    if isinstance(units, list) and units and all(isinstance(group, list) for group in units):
        groups = [_listed(group) for group in units]
        if all(is_integer(group) and group.ndim == 1 for group in groups):
            rows = np.zeros((len(groups), N))
            for row, group in zip(rows, groups):
                row[check_indices(group, N)] = 1
            return jnp.asarray(rows)
    known = _listed(units)
    if is_integer(known):
        if known.ndim > 1:
            raise ValueError(
                f"units of integers are indices, got {described(known)}: give masks as floats or "
                "bools, groups of indices as a list of lists"
            )
        # a narrow dtype of indices would wrap around where units are many
        index = jnp.asarray(check_indices(known.reshape(-1), N)).astype(jnp.int32)
        return (index[:, None] == jnp.arange(N, dtype=jnp.int32)[None]).astype(float)
    if known.ndim not in (2, 3) or known.shape[-1] != N:
        raise ValueError(
            f"units must be masks [groups, {N}] or [W, groups, {N}], indices, or a list of lists "
            f"of indices; got {described(known)}"
        )
    return jnp.asarray(known)


def is_integer(known: Any) -> bool:
    """Whether an array holds indices by its dtype."""
    return jnp.issubdtype(known.dtype, jnp.integer)


def _listed(units: Any) -> Any:
    """An array of numbers; an empty list names no unit, whatever dtype NumPy gives it."""
    empty = isinstance(units, list) and not units
    if isinstance(units, list) and len({isinstance(unit, bool) for unit in units}) > 1:
        raise ValueError(f"{WANTED}; got a list of both bools and numbers")
    return np.zeros(0, int) if empty else numbers("units", units)


def check_indices(index: Any, N: int | None) -> Any:
    """Indices `[..., K]`, each in `[0, N)` and none twice; `N` may not be known yet.

    **Raises:** `ValueError`, or `RuntimeError` where they are traced.
    """
    if index.size == 0:
        raise ValueError("units are empty: name at least one, or give a mask of zeros")
    if isinstance(index, Tracer):
        if N is None:
            return index
        ordered = jnp.sort(index, -1)
        twice = (ordered[..., 1:] == ordered[..., :-1]).any()
        return eqx.error_if(index, twice | ((index < 0) | (index >= N)).any(), WANTED)
    known = np.asarray(index)
    if (known < 0).any():
        raise ValueError(f"units are numbered from 0, got {known.min()}")
    if N is not None and (known >= N).any():
        raise ValueError(f"unit {known.max()} is outside the state's units, 0 to {N - 1}")
    for row in known.reshape(-1, known.shape[-1]):
        unit, count = Counter(row.tolist()).most_common(1)[0]
        if count > 1:
            raise ValueError(
                f"unit {unit} is given {count} times: integers are indices, each once; as a "
                "mask of zeros and ones, give floats or bools"
            )
    return index


def has_indices(mask: PyTree) -> bool:
    """Whether a mask waits for a state."""
    held = lambda part: isinstance(part, Indices)
    return any(held(part) for part in jax.tree.leaves(mask, is_leaf=held))


def met(mask: PyTree, h0: State) -> PyTree:
    """A mask without indices: those in it as masks of each part of a state."""
    if not has_indices(mask):
        return mask
    leaves, treedef = jax.tree.flatten(h0)

    def one(part: Any, leaf: Array) -> Any:
        if not isinstance(part, Indices):
            return part
        if leaf.ndim != 1:
            raise ValueError(f"indices need a state whose parts are [N], got {described(leaf)}")
        return part.mask(leaf.size)

    masks = prefix_leaves(mask, h0, lambda part: part is None or isinstance(part, Indices))
    return treedef.unflatten([one(*pair) for pair in zip(masks, leaves, strict=True)])
