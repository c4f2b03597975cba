"""Arithmetic on states that are pytrees, and the one blend that every edit uses.

A mask or a value may be a *prefix* of the state's tree, as `in_axes` is in `jax.vmap`: one
`[N]` array serves both halves of an LSTM's `(h, c)`, and `(mask_h, None)` edits `h` alone:

    blend((h, c), value=0.0, mask=units)
    blend((h, c), value=0.0, mask=(units, None))
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import jax.tree_util as jtu
from jaxtyping import Array, PyTree

from .types import Input, State


def is_none(leaf: Any) -> bool:
    """Whether a leaf is `None`; as `is_leaf` it keeps each `None`, which JAX otherwise drops."""
    return leaf is None


def prefix_leaves(prefix: PyTree, tree: PyTree, is_leaf: Callable[[Any], bool] = is_none) -> list:
    """The leaf of `prefix` above each leaf of `tree`, `None` being a leaf.

    **Raises:** `ValueError` where `prefix` is no prefix of `tree`.
    """
    leaves: list = []

    def spread(leaf: Any, below: PyTree) -> None:
        leaves.extend([leaf] * len(jtu.tree_leaves(below)))

    try:
        jtu.tree_map(spread, prefix, tree, is_leaf=is_leaf)
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"a mask or value of structure {jtu.tree_structure(prefix)} does not fit a state "
            f"of structure {jtu.tree_structure(tree)}: one array serves all parts, else parts "
            "must correspond (None leaves one alone); units by number are a list"
        ) from error
    return leaves


def blend_leaf(h: Array, value: Array, mask: Array) -> Array:
    """`(1 - mask) * h + mask * value`, exact at 0 and at 1 whatever the other side holds.

    A plain blend lets a NaN or an infinity through a zero weight. Only non-finite entries
    of zero weight are swapped out, so the derivative with respect to the mask stays right
    at both ends, where `jnp.where(mask == 1, value, h)` would lose it.
    """
    value, mask = jnp.asarray(value, h.dtype), jnp.asarray(mask, h.dtype)
    _check_fits("mask", mask, h)
    _check_fits("value", value, h)
    value = jnp.where((mask == 0) & ~jnp.isfinite(value), h, value)
    h = jnp.where((mask == 1) & ~jnp.isfinite(h), value, h)
    return (1 - mask) * h + mask * value


def _check_fits(name: str, row: Array, h: Array) -> None:
    shape, whole = row.shape, h.shape
    fits = len(shape) == len(whole) and all(a in (1, b) for a, b in zip(shape, whole))
    if shape and not fits:
        raise ValueError(f"a {name} row of shape {shape} does not fit a state of {whole}")


def blend(h: State, value: PyTree, mask: PyTree) -> State:
    """`(1 - mask) * h + mask * value` on every leaf of a state.

    **Arguments:**

    - `h`: the state.
    - `value`, `mask`: prefixes of the state's tree, whose arrays broadcast against its
        leaves; a `None` in either leaves that part alone.

    **Returns:** a state like `h`.
    """
    leaves, treedef = jtu.tree_flatten(h)
    rows = zip(leaves, prefix_leaves(value, h), prefix_leaves(mask, h), strict=True)
    return treedef.unflatten(
        [leaf if m is None or v is None else blend_leaf(leaf, v, m) for leaf, v, m in rows]
    )


def add(a: State, b: PyTree) -> State:
    """`a + b`, where `b` may be a prefix of `a`'s tree and `None` adds nothing."""
    leaves, treedef = jtu.tree_flatten(a)
    rows = zip(leaves, prefix_leaves(b, a), strict=True)

    def one(x: Array, y: Array) -> Array:
        _check_fits("shift", y, x)
        return x + jnp.asarray(y, x.dtype)

    return treedef.unflatten([x if y is None else one(x, y) for x, y in rows])


def num_steps(xs: Input) -> int:
    """The number of time steps `T`, from the inputs' leading axis.

    **Raises:** `ValueError` where there is no array or no step, or where leading axes differ.
    """
    shapes = {jnp.shape(leaf)[:1] for leaf in jax.tree.leaves(xs)}
    if len(shapes) != 1 or () in shapes:
        raise ValueError(
            "inputs need one leading time axis [T, ...], the same for every array; got leading "
            f"axes {sorted(shapes)} (an autonomous network takes jnp.zeros((T, 0)))"
        )
    (T,) = shapes.pop()
    if T == 0:
        raise ValueError("inputs need at least one step, got a time axis of length 0")
    return T


def before(first: State, states: State) -> State:
    """What each step reads: `first`, then every state but the last.

    **Arguments:**

    - `first`: the state before step 0.
    - `states`: `[T, ...]` states after each step.

    **Returns:** `[T, ...]` states before each step.
    """
    return jax.tree.map(lambda a, b: jnp.concatenate([a[None], b[:-1]]), first, states)
