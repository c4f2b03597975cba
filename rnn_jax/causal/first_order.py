"""First-order effects: all neurons and times in one reverse pass.

    node = first_order(step, h0, xs, metric, value)                  # [T, N]
    clamp = first_order_clamp(step, h0, xs, metric, value, windows)  # [W, N]

With `lam_t = dF/dhs[t]`, `delta_t = value_t - h_t` and `J_t` the Jacobian. A clamp is not the
sum of its nodes, since a unit carries itself from step to step and would be counted again. First
order screens; exact runs decide.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from ..core import Input, Metric, State, Step, Trajectory, rollout
from ..core.checks import array, in_unit, numbers
from ..core.tree import before, num_steps, prefix_leaves
from ..linear import adjoints, jacobians

Flow = Callable[[State], State]


class _Run(NamedTuple):
    trajectory: Trajectory
    lam: State
    delta: State


def _run(step: Step, h0: State, xs: Input, metric: Metric, value: PyTree) -> _Run:
    trajectory = rollout(step, h0, xs)
    leaves, treedef = jax.tree.flatten(trajectory.hs)
    values = [replacement(v, h) for v, h in zip(prefix_leaves(value, trajectory.hs), leaves)]
    delta = [
        jnp.zeros_like(h) if v is None else jnp.asarray(v, h.dtype) - h
        for v, h in zip(values, leaves, strict=True)
    ]
    return _Run(trajectory, adjoints(step, trajectory, metric), treedef.unflatten(delta))


def replacement(value: Any, hs: Array) -> Array | None:
    """A replacement of states `[T, N]`, as given.

    **Raises:** `ValueError` where it is neither a scalar, `[1, N]` nor `[T, N]`.
    """
    if value is None:
        return None
    value = jnp.asarray(numbers("value", value))
    fits = value.ndim == hs.ndim and all(n in (1, m) for n, m in zip(value.shape, hs.shape))
    if value.ndim and not fits:
        raise ValueError(
            f"value must be a scalar, [1, N] or [T, N] = {list(hs.shape)}; got {value.shape}"
        )
    return value


def _windows(windows: Any, xs: Input) -> Array:
    T, windows = num_steps(xs), array("windows", windows)
    if windows.ndim != 2 or windows.shape[1] != T:
        raise ValueError(f"windows must be [W, {T}], got {windows.shape}")
    return in_unit("a window", windows)


def _sum_parts(tree: State) -> Array:
    return jnp.sum(jnp.stack(jax.tree.leaves(tree)), 0)


def _multiply(a: State, b: State) -> State:
    return jax.tree.map(jnp.multiply, a, b)


def first_order(
    step: Step, h0: State, xs: Input, metric: Metric, value: PyTree
) -> Float[Array, "T N"]:
    """The effect of a pulse, to first order: `lam_t[i] * delta_t[i]`, `dF/dm_t[i]` at 0.

    **Arguments:**

    - `step`, `h0`, `xs`: as for `rollout`.
    - `metric`: `trajectory -> scalar`.
    - `value`: `[T, N]` replacement, a scalar, or a prefix of the state's tree.

    **Returns:** `[T, N]`; of a state of several parts, the sum over a unit's parts.

    **Raises:** `ValueError` where the metric is no scalar, or `value` does not fit.

    **Example:**

        >>> rj.first_order(network.step, network.h0, x, metric, jnp.zeros(())).shape
        (20, 6)
    """
    run = _run(step, h0, xs, metric, value)
    return _sum_parts(_multiply(run.lam, run.delta))


def first_order_clamp(
    step: Step,
    h0: State,
    xs: Input,
    metric: Metric,
    value: PyTree,
    windows: Float[Array, "W T"],
) -> Float[Array, "W N"]:
    """The effect of a clamp over a window, to first order, without a unit's own carry:

    `sum_t w_t lam_t[i] (delta_t[i] - w_{t-1} J_t[i, i] delta_{t-1}[i])`

    **Arguments:** as for `first_order`, and

    - `windows`: float `[W, T]`.

    **Returns:** `[W, N]`.

    **Raises:** as `first_order`, and `ValueError` where windows do not fit or leave [0, 1]
    (`RuntimeError` if traced).

    **Example:**

        >>> zero, windows = jnp.zeros(()), rj.tiling(20, 5)
        >>> rj.first_order_clamp(network.step, network.h0, x, metric, zero, windows).shape
        (4, 6)
    """
    windows = _windows(windows, xs)
    eye = jnp.eye(jax.tree.leaves(h0)[0].shape[0], dtype=windows.dtype)[None]
    return first_order_groups(step, h0, xs, metric, value, windows, eye, single=True)


def first_order_groups(
    step: Step,
    h0: State,
    xs: Input,
    metric: Metric,
    value: PyTree,
    windows: Float[Array, "W T"],
    units: Float[Array, "V G N"],
    reach: int = 0,
    single: bool = False,
) -> Float[Array, "W G"]:
    """The effect of a clamp of groups, without what a group's units carry to one another:

    `sum_t w_t lam_t . M (delta_t - w_{t-1} J_t M delta_{t-1})`, `M` the group's mask.

    **Arguments:** as for `first_order_clamp`, and

    - `units`: float `[W or 1, G, N]`.
    - `reach`: 1 for a `read`, whose units compute from what they truly carry: it takes off
        what they carry to themselves one step past the window too.
    - `single`: whether every group is one unit, whose carry is an entry of J's diagonal.

    **Returns:** `[W, G]`.
    """
    run = _run(step, h0, xs, metric, value)
    whole = windows @ _sum_parts(_multiply(run.lam, run.delta))
    before = jnp.pad(windows, ((0, 0), (1, 0)))[:, :-1]
    # `whole` adds up pulses, each into a clean run. A clamp meets states that its step before has
    # moved by J delta already: where both steps are inside, that part is counted twice. A unit
    # that is only read never carries its replacement: there it goes after the last step too
    counted = before if reach else windows * before
    if single:
        found = whole - counted @ _carried(step, run)
        return (units @ found[:, :, None])[..., 0]
    carried = _carried_in_groups(step, run, units)
    # the same groups in all windows: a matrix product instead of a row for each window
    one = len(units) == 1
    kept = counted @ carried[:, 0] if one else jnp.einsum("wt,twg->wg", counted, carried)
    return (units @ whole[:, :, None])[..., 0] - kept


def _along_time(step: Step, run: _Run, one: Callable[[Flow, State, State, State], Array]) -> Array:
    """`one(step as a function of h, h, change before, lam)` of each step, one after the other.

    Memory then holds one step's tangents.
    """
    blank = jax.tree.map(lambda leaf: jnp.zeros_like(leaf[0]), run.delta)
    rows = (run.trajectory.previous, run.trajectory.xs, before(blank, run.delta), run.lam)
    return jax.lax.map(lambda row: one(lambda h: step(h, row[1]), row[0], *row[2:]), rows)


def _carried(step: Step, run: _Run) -> Float[Array, "T N"]:
    """`lam_t[i] J_t[i, i] delta_{t-1}[i]`, over a unit's parts: the diagonal alone is kept.

    The diagonal of a Jacobian costs its N tangents, as all of it does; only memory is saved.
    """

    def own(function: Flow, h: State, change: State, lam: State) -> Array:
        entries = lambda block, part: jnp.diagonal(block) * part
        reached = lambda slope, row: slope * _sum_parts(jax.tree.map(entries, row, change))
        return _sum_parts(jax.tree.map(reached, lam, jax.jacfwd(function)(h)))

    return _along_time(step, run, own)


def _carried_in_groups(
    step: Step, run: _Run, units: Float[Array, "V G N"]
) -> Float[Array, "T V G"]:
    """`M lam_t . J_t M delta_{t-1}` of every group: one tangent each."""

    def own(function: Flow, h: State, change: State, lam: State) -> Array:
        def of_group(unit: Float[Array, " N"]) -> Float[Array, ""]:
            masked = lambda tree: jax.tree.map(lambda part: unit * part, tree)
            moved = jax.jvp(function, (h,), (masked(change),))[1]
            return _sum_parts(_multiply(masked(lam), moved)).sum()

        return jax.vmap(jax.vmap(of_group))(units)

    return _along_time(step, run, own)


def first_order_edges(
    step: Step,
    h0: Float[Array, " N"],
    xs: Input,
    metric: Metric,
    value: Array | float,
    value0: Array | float | None = None,
) -> Float[Array, "T N N"]:
    """The effect of an edge `j@t-1 -> i@t`, to first order: `lam_t[i] J_t[i,j] delta_{t-1}[j]`.

    **Arguments:** as for `first_order`, for a state of a single array, and

    - `value0`: the replacement of `h0`; by default edges out of `h0` are left alone.

    **Returns:** `[T, N, N]`, `[to, from]`.

    **Raises:** `ValueError` where the state has several parts: `flatten` the step first.

    **Example:**

        >>> W = jnp.array([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0], [0.0, 3.0, 0.0]])  # 0 to 1 to 2
        >>> step, last = (lambda h, x: W @ h), (lambda run: run.hs[-1, 2])
        >>> h0, xs = jnp.array([1.0, 0.0, 0.0]), jnp.zeros((2, 1))
        >>> edges = rj.causal.first_order_edges(step, h0, xs, last, 0.0)
        >>> edges[1, 2, 1].item(), bool(edges[1].sum() == edges[1, 2, 1])  # [to, from], of step 1
        (-6.0, True)
    """
    if not isinstance(h0, jax.Array):
        raise ValueError("edges need a state of one array: flatten the step first")
    run = _run(step, h0, xs, metric, value)
    at_first = None if value0 is None else array("value0", value0).astype(h0.dtype)
    if at_first is not None and at_first.shape not in ((), h0.shape):
        raise ValueError(f"value0 must be a scalar or {list(h0.shape)}, got {at_first.shape}")
    first = jnp.zeros_like(h0) if at_first is None else at_first - h0
    delta = before(first, run.delta)
    J = jacobians(step, run.trajectory)
    return run.lam[:, :, None] * J * delta[:, None, :]


def additive_edges(
    step: Step,
    h0: Float[Array, " N"],
    xs: Input,
    metric: Metric,
    value: Array | float,
    windows: Float[Array, "W T"],
) -> Float[Array, "W N N"]:
    """A window's edge scores of an additive cell as one product: `W * sum_t p_t delta_{t-1}^T`.

    `p_t = gate_t * lam_t` is the adjoint of the preactivation. No Jacobian is formed; a
    leak, which is no edge, is left out.

    **Arguments:** as for `first_order_edges`, of a step with a method `parts`, and

    - `windows`: float `[W, T]`.

    **Returns:** `[W, N, N]`, `[to, from]`.

    **Raises:** `ValueError` where the step offers no `parts`.

    **Example:**

        >>> cell, last = rj.cells.Vanilla(2, 6, key=key), (lambda run: run.hs[-1, 0])
        >>> asked = cell, jnp.zeros(6), x, last, 0.0
        >>> edges = rj.causal.additive_edges(*asked, rj.tiling(20, 10))
        >>> each = rj.causal.first_order_edges(*asked)  # the same of every step, by its Jacobian
        >>> edges.shape, bool(jnp.allclose(edges[1], each[10:].sum(0)))
        ((2, 6, 6), True)
    """
    if not hasattr(step, "parts"):
        raise ValueError(f"{type(step).__name__} has no single W: it offers no parts(h, x)")
    windows = _windows(windows, xs)
    run = _run(step, h0, xs, metric, value)
    # the sum over time comes first: W is the same at all steps, so that it is applied once
    parts = jax.vmap(step.parts)(run.trajectory.previous, run.trajectory.xs)  # pyright: ignore
    delta = before(jnp.zeros_like(h0), run.delta)
    flow = jnp.einsum("wt,ti,tj->wij", windows, parts.gate * run.lam, delta)
    return parts.wire[0][None] * flow
