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
from ..core.checks import at_least, function, refused, scalar, state
from ..core.rollout import unroll
from ..core.settled import settled
from ..core.units import has_indices


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

    **Raises:** `ValueError` where the leading axes differ, the metric is no scalar, a mask leaves
    [0, 1], an index is no unit's, or an intervention touches nothing (`RuntimeError` if traced).

    **Example:**

        >>> masks = jnp.eye(6)[:, None]  # each unit at every step, [unit, 1, unit]
        >>> edits = rj.Replace(masks, jnp.zeros((6, 1, 1)))
        >>> rj.finite(network.step, network.h0, x, metric, edits).shape
        (6,)
    """
    function("metric", metric)
    h0 = state("h0", h0)
    arrays, rest, size = stacked(settled(interventions, h0))
    batch_size = size if batch_size is None else batch_size
    at_least(1, batch_size=batch_size)
    if not allow_noop:
        arrays = _touching(arrays, rest)
    clean = scalar("metric", metric(rollout(step, h0, xs)))
    effect = lambda rows: metric(unroll(step, h0, xs, eqx.combine(rows, rest))) - clean
    return lax.map(effect, arrays, batch_size=min(batch_size, size))


def _touching(arrays: PyTree, rest: PyTree) -> PyTree:
    """Interventions of which each is known to edit something, or is of a kind of the user's."""
    if entries_changed(eqx.combine(jax.tree.map(lambda leaf: leaf[0], arrays), rest)) is None:
        return arrays
    counts = jax.vmap(lambda rows: entries_changed(eqx.combine(rows, rest)))(arrays)
    return refused("an intervention touches nothing", (counts == 0).any(), arrays)


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


def entries_changed(intervention: PyTree, h0: State | None = None) -> Int[Array, ""] | None:
    """How many entries of its arrays (time x unit, or time x edge) an intervention edits.

    An array for every step, with a time axis of 1, counts once.

    **Arguments:**

    - `intervention`: any.
    - `h0`: a state, for its size; needed where units are given by their indices.

    **Returns:** a count, or `None` for a kind of the user's own.

    **Raises:** `ValueError` where indices are given without a state.

    **Example:**

        >>> edit = rj.clamp([0, 3], rj.span(20, 5, 10), 0.0)
        >>> int(rj.causal.entries_changed(edit, network.h0))  # two units, five steps
        10
    """
    if h0 is not None:
        intervention = settled(intervention, h0)
    elif has_indices(intervention):
        raise ValueError("entries_changed needs h0 where units are given by their indices")
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
