"""Finite effects: `F(intervention) - F(Identity())`, exactly, for many interventions.

    effects = finite(step, h0, xs, metric, Replace(masks, value))    # masks [S, T, N]

The interventions are one pytree whose arrays have a leading axis S before time, or 1 where all
share them. `jax.vmap(Lesion)(units)` and its like build such a pytree.
"""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int, PyTree

from ..core import (
    Compose,
    Cut,
    Input,
    Inside,
    Lesion,
    Metric,
    Project,
    Read,
    Replace,
    Shift,
    State,
    Step,
    rollout,
)


def finite(
    step: Step,
    h0: State,
    xs: Input,
    metric: Metric,
    interventions: Callable[[Step], Step],
    batch_size: int | None = None,
    allow_noop: bool = False,
) -> Float[Array, " S"]:
    """`F(iv_s) - F(Identity())` for each intervention, of one trial.

    **Arguments:**

    - `step`, `h0`, `xs`: as for `rollout`.
    - `metric`: `trajectory -> scalar`.
    - `interventions`: one whose arrays lead with an axis S, then with time; an array that
        leads with 1 holds for all of them, at every step.
    - `batch_size`: how many run at once; all by default.
    - `allow_noop`: whether one that touches nothing has the effect 0 or is an error.

    **Returns:** `[S]`.

    **Raises:** `ValueError` where the leading axes differ, `RuntimeError` where an intervention
    touches nothing.
    """
    arrays, rest, size = stacked(interventions)
    clean = metric(rollout(step, h0, xs))

    def effect(rows: PyTree) -> Array:
        intervention = eqx.combine(rows, rest)
        result = metric(rollout(step, h0, xs, intervention)) - clean
        count = entries_changed(intervention)
        if allow_noop or count is None:
            return result
        return eqx.error_if(result, count == 0, "an intervention touches nothing")

    return lax.map(effect, arrays, batch_size=min(batch_size or size, size))


def stacked(interventions: PyTree) -> tuple[PyTree, PyTree, int]:
    """What differs among many interventions, what they share, and their number S.

    **Raises:** `ValueError` where leading axes are neither S nor 1.
    """
    shapes = [leaf.shape for leaf in jax.tree.leaves(interventions) if eqx.is_array(leaf)]
    sizes = {shape[:1] for shape in shapes} - {(1,)} or {(1,)}
    if not shapes or len(sizes) > 1 or () in sizes:
        raise ValueError(
            f"interventions must share a leading axis S before time; got arrays of shapes {shapes}"
        )
    (size,) = sizes.pop()
    many = lambda leaf: eqx.is_array(leaf) and leaf.shape[0] == size
    return *eqx.partition(interventions, many), size


def entries_changed(intervention: PyTree) -> Int[Array, ""] | None:
    """How many entries of its arrays (time x unit, or time x edge) an intervention edits.

    An array for every step, with a time axis of 1, counts once.

    **Returns:** a count, or `None` for a kind of the user's own.
    """
    count = lambda tree: sum(jnp.count_nonzero(leaf) for leaf in jax.tree.leaves(tree))
    match intervention:
        case Replace() | Cut() | Lesion():
            return jnp.asarray(count(intervention.mask))
        case Shift():
            return jnp.asarray(count(intervention.delta))
        case Project():
            return jnp.asarray(count(intervention.basis))
        case Read():
            parts = [intervention.units, intervention.readout]
        case Compose():
            parts = list(intervention.interventions)
        case Inside():
            inner = entries_changed(intervention.intervention)
            return None if inner is None else jnp.where(jnp.any(intervention.window > 0), inner, 0)
        case _:
            return None
    counts = [entries_changed(part) for part in parts if part is not None]
    return None if None in counts else jnp.sum(jnp.stack(counts))  # pyright: ignore
