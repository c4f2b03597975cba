"""Along a run: a function of every step as it was intervened upon, and sums over windows.

    on, rows = each_step(step, trajectory, intervention)
    hs = jax.vmap(on(lambda step, h, x: step(h, x)))(rows)                # all at once
    sizes = lax.map(on(lambda step, h, x: jnp.sum(step(h, x))), rows)     # one after another

Whether steps go side by side or in turn is the caller's choice, and so is the memory.
"""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax
from jax.core import Tracer
from jaxtyping import Array, Float, PyTree

from ..core import Input, State, Step, Trajectory
from ..core.checks import array, at_least, function, in_unit
from ..core.rollout import split_rows
from ..core.settled import settled
from ..core.trajectory import check_run
from ..core.tree import num_steps

Intervention = Callable[[Step], Step]


def each_step(step: Step, trajectory: Trajectory, intervention: PyTree) -> tuple[Callable, PyTree]:
    """What makes a `function(step, h, x, ...)` one of a run's rows, and these rows.

    **Returns:** `on` and `rows`: `on(function)(row, ...)` calls the function with the step
    that held in that row, its state before and its input; `rows` lead with `T`.
    """
    check_run(trajectory)
    function("the step", step)
    intervention = settled(intervention, trajectory.h0)
    timed, constant = split_rows(intervention, num_steps(trajectory.xs))

    def on(function: Callable) -> Callable:
        def of_row(row: PyTree, *rest: PyTree) -> PyTree:
            h, x, edit = row
            return function(eqx.combine(edit, constant)(step), h, x, *rest)

        return of_row

    return on, (trajectory.previous, trajectory.xs, timed)


def in_batches(
    function: Callable, step: Step, trajectory: Trajectory, intervention: PyTree, batch_size: int
) -> PyTree:
    """`function(step, h, x)` of every step, `batch_size` of them side by side."""
    at_least(1, batch_size=batch_size)
    on, rows = each_step(step, trajectory, intervention)
    return lax.map(on(function), rows, batch_size=min(batch_size, num_steps(trajectory.xs)))


def forward(function: Callable[[PyTree], PyTree], at: PyTree) -> PyTree:
    """`jax.jacfwd(function)(at)`, several times as fast where both are single arrays.

    A spare tangent is pushed along and cut off: on a CPU, XLA writes a loop that ends in
    `jacfwd`'s transposition across the memory, but one that ends in a slice along it.
    """

    def twice(at: PyTree, spare: PyTree) -> tuple[PyTree, PyTree]:
        value = function(at)
        return value, value

    spare = jnp.zeros(1, jax.tree.leaves(at)[0].dtype)
    blocks, value = jax.jacfwd(twice, argnums=(0, 1), has_aux=True)(at, spare)
    return jax.tree.map(lambda _, by: by[0], value, blocks)


def by_parts(derive: Callable, step: Step, h: State, x: Input) -> PyTree:
    """`derive(function, part)` of a step as a function of each part of its state alone.

    **Returns:** a tree of trees, the outer one of the part reached, the inner one of the part
    it comes from, like `jax.jacfwd`'s; for a state that is one array, what `derive` returns.
    """
    parts, treedef = jax.tree.flatten(h)

    def by(k: int) -> PyTree:
        whole = lambda part: treedef.unflatten([*parts[:k], part, *parts[k + 1 :]])
        return derive(lambda part: step(whole(part), x), parts[k])

    columns = [by(k) for k in range(len(parts))]
    return jax.tree.map(lambda *row: treedef.unflatten(row), *columns)


def window_sums(
    function: Callable[[PyTree], PyTree],
    rows: PyTree,
    weights: Float[Array, "W T"],
    batch_size: int = 16,
) -> PyTree:
    """`sum_t weights[w, t] function(rows[t])`, added up as it goes.

    Memory holds `[W, ...]` and `batch_size` rows' values, never `[T, ...]`; a batch is added by
    one matrix product, since row by row each would pass over all windows' sums.
    """
    at_least(1, batch_size=batch_size)
    T = weights.shape[1]
    size = min(batch_size, T)
    whole = T // size * size
    one = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype), rows)
    blank = lambda leaf: jnp.zeros((weights.shape[0], *leaf.shape), leaf.dtype)

    def add(total: PyTree, now: tuple[PyTree, Array]) -> tuple[PyTree, None]:
        rows, weight = now
        more = lambda sum, values: sum + jnp.tensordot(weight.T.astype(values.dtype), values, 1)
        return jax.tree.map(more, total, jax.vmap(function)(rows)), None

    start = jax.tree.map(blank, jax.eval_shape(function, one))
    batched = lambda leaf: leaf[:whole].reshape(T // size, size, *leaf.shape[1:])
    total, _ = lax.scan(add, start, jax.tree.map(batched, (rows, weights.T)))
    if whole == T:
        return total
    return add(total, jax.tree.map(lambda leaf: leaf[whole:], (rows, weights.T)))[0]


def push_rows(step: Step, h: State, x: Input, tangents: PyTree) -> PyTree:
    """`J v` for every row `v` of `tangents`, a tree like the state of `[K, N]`."""
    push = lambda tangent: jax.jvp(lambda h: step(h, x), (h,), (tangent,))[1]
    return jax.vmap(push)(tangents)


def push_through(
    push: Callable[[PyTree, PyTree], PyTree],
    rows: PyTree,
    window: Float[Array, " T"],
    tangents: PyTree,
) -> PyTree:
    """Tangents pushed through the steps inside a window; the others are passed by."""

    def one(tangents: PyTree, now: tuple[PyTree, Array]) -> tuple[PyTree, None]:
        row, inside = now
        stay = lambda row, tangents: tangents
        return lax.cond(inside > 0, push, stay, row, tangents), None

    return lax.scan(one, tangents, (rows, window))[0]


def num_units(states: State) -> int:
    """The number of units `N` of states `[T, N]`: each part holds one entry per unit.

    **Raises:** `ValueError` where parts differ, or are no vectors.
    """
    shapes = [part.shape for part in jax.tree.leaves(states)]
    if len(set(shapes)) != 1 or len(shapes[0]) != 2:
        raise ValueError(
            f"units need a state whose parts are all [N], got {[shape[1:] for shape in shapes]}"
        )
    return shapes[0][1]


def checked(windows: Float[Array, "W T"], states: State) -> Float[Array, "W T"]:
    """The windows in the state's dtype, none of them empty.

    **Raises:** `ValueError` where their `T` is not the run's, or one is empty or leaves [0, 1];
    `RuntimeError` where that is known only when a compiled program runs.
    """
    part, windows = jax.tree.leaves(states)[0], array("windows", windows)
    if windows.ndim != 2 or windows.shape[1] != part.shape[0]:
        raise ValueError(f"windows must be [W, {part.shape[0]}], got {windows.shape}")
    windows = in_unit("a window", windows)
    bad = windows.sum(1) == 0
    message = "a window is empty"
    if isinstance(bad, Tracer):
        windows = eqx.error_if(windows, bad, message)
    elif bad.any():
        raise ValueError(f"{message} (rows {jnp.flatnonzero(bad).tolist()})")
    return windows.astype(part.dtype)
