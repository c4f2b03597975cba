"""Reductions of the Jacobians along a run that never form them.

    between = group_jacobians(step, trajectory, groups, groups)   # [T, G, G], P J_t P^T
    mean = window_jacobians(step, trajectory, windows)            # [W, N, N]
    size = frobenius_norms(step, trajectory)                      # [T]

`[T, N, N]` is mostly bytes that a later sum throws away. Here a few tangents are pushed
through each step, or what a step gives is added up at once, `batch_size` steps at a time: that
bounds the memory, whatever `T` is. Over trials, `jax.lax.map` keeps that bound:

    jax.lax.map(lambda run: group_jacobians(step, run, groups, groups), runs)   # [B, T, G, G]

Where `batch_size` does not divide `T` the rest is a second, smaller program.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, PyTree

from ..core import Identity, Input, State, Step, Trajectory
from ..core.checks import axes
from ..core.trajectory import check_run
from .along import (
    Intervention,
    by_parts,
    checked,
    each_step,
    forward,
    in_batches,
    num_units,
    push_rows,
    push_through,
    window_sums,
)  # fmt: skip
from .propagators import without_gap


def group_jacobians(
    step: Step,
    trajectory: Trajectory,
    into: Float[Array, "A N"],
    out: Float[Array, "C N"],
    intervention: Intervention = Identity(),
    batch_size: int = 64,
) -> PyTree[Float[Array, "T A C"]]:
    """What groups of units pass to groups of units in each step: `into J_t out^T`.

    One tangent a row of `out` is pushed through a step, `[C, N]` in all. Rows of
    `membership` give sums over blocks of `J`; rows divided by a group's size, means.

    **Arguments:**

    - `step`: `(h, x) -> h`.
    - `trajectory`: one trial's run, under the same intervention.
    - `into`: float `[A, N]`, weights of the units reached.
    - `out`: float `[C, N]`, weights of the units it comes from.
    - `intervention`: what held during the run.
    - `batch_size`: steps taken side by side; memory is `[batch_size, C, N]`.

    **Returns:** `[T, A, C]`, `[to, from]`. For a state of several parts a tree of trees of
    blocks, like `jacobians`': `into` reads each part and `out` moves each by itself.

    **Raises:** `ValueError` where the state's parts are not all `[N]`, or `into` or `out` is
    not of `N` units.

    **Example:**

        >>> W = jnp.array([[0.0, 2.0], [3.0, 0.0]])
        >>> step = lambda h, x: W @ h + x
        >>> run = rj.rollout(step, jnp.ones(2), x)
        >>> groups = rj.linear.membership(["both", "both"])
        >>> passed = rj.linear.group_jacobians(step, run, groups, groups)
        >>> passed.shape, passed[0].item()  # [time, to, from]; 2 + 3
        ((20, 1, 1), 5.0)
    """
    check_run(trajectory)
    N = num_units(trajectory.previous)
    for name, rows in (("into", into), ("out", out)):
        if axes(**{name: (rows, "G N")})["N"] != N:
            raise ValueError(f"{name} must weigh {N} units, got {rows.shape}")

    def thin(of_part: Callable, part: Array) -> PyTree:
        push = lambda row: jax.jvp(of_part, (part,), (row.astype(part.dtype),))[1]
        read = lambda pushed: (pushed @ into.T.astype(pushed.dtype)).T
        return jax.tree.map(read, jax.vmap(push)(out))

    one = lambda step, h, x: by_parts(thin, step, h, x)
    return in_batches(one, step, trajectory, intervention, batch_size)


def window_jacobians(
    step: Step,
    trajectory: Trajectory,
    windows: Float[Array, "W T"],
    intervention: Intervention = Identity(),
    batch_size: int = 16,
) -> PyTree[Float[Array, "W N N"]]:
    """The mean Jacobian of each window, `sum_t w_t J_t / sum_t w_t`.

    **Arguments:**

    - `step`: `(h, x) -> h`.
    - `trajectory`: one trial's run, under the same intervention.
    - `windows`: float `[W, T]`, none of them empty; a fraction weighs a step.
    - `intervention`: what held during the run.
    - `batch_size`: steps taken side by side; memory is `[batch_size, N, N]`.

    **Returns:** `[W, N, N]`, `[to, from]`; trees of blocks as `jacobians` gives them.

    **Raises:** `ValueError` where `windows` does not fit the trajectory or a window is empty;
    `RuntimeError` where this is known only when a compiled program runs.

    **Example:**

        >>> run, windows = rj.run(network, x), rj.tiling(20, 5)
        >>> means = rj.linear.window_jacobians(network.step, run, windows)
        >>> J = rj.jacobians(network.step, run)
        >>> means.shape, bool(jnp.allclose(means[1], J[5:10].mean(0)))
        ((4, 6, 6), True)
    """
    check_run(trajectory)
    windows = checked(windows, trajectory.previous)
    on, rows = each_step(step, trajectory, intervention)
    one = on(lambda step, h, x: forward(lambda h: step(h, x), h))
    return window_sums(one, rows, windows / windows.sum(1, keepdims=True), batch_size)


def frobenius_norms(
    step: Step,
    trajectory: Trajectory,
    intervention: Intervention = Identity(),
    batch_size: int = 64,
) -> Float[Array, " T"]:
    """The size of each Jacobian, `sqrt(sum_ij J_t[i, j]^2)`.

    **Arguments:**

    - `step`: `(h, x) -> h`.
    - `trajectory`: one trial's run, under the same intervention.
    - `intervention`: what held during the run.
    - `batch_size`: steps taken side by side.

    **Returns:** `[T]`; of a state of several parts, the norm of all its blocks together.

    **Example:**

        >>> W = jnp.array([[3.0, 0.0], [4.0, 0.0]])
        >>> run = rj.rollout(lambda h, x: W @ h, jnp.ones(2), jnp.zeros((3, 1)))
        >>> print(rj.linear.frobenius_norms(lambda h, x: W @ h, run).round(3))
        [5. 5. 5.]
    """

    def one(step: Step, h: State, x: Input) -> Array:
        blocks = jax.tree.leaves(forward(lambda h: step(h, x), h))
        return jnp.sqrt(jnp.sum(jnp.stack([jnp.sum(block**2) for block in blocks])))

    return in_batches(one, step, trajectory, intervention, batch_size)


def window_products(
    step: Step,
    trajectory: Trajectory,
    windows: Float[Array, "W T"],
    basis: PyTree[Float[Array, "N K"]],
    intervention: Intervention = Identity(),
) -> PyTree[Float[Array, "W N K"]]:
    """What becomes of a few directions on their way through a window: `J_last ... J_first Q`.

    Only steps inside a window are computed. All directions, `jnp.eye(N)`, give the
    propagator `d hs[last] / d hs[first - 1]`.

    **Arguments:**

    - `step`: `(h, x) -> h`.
    - `trajectory`: one trial's run, under the same intervention.
    - `windows`: float `[W, T]`, each one stretch; steps of weight above 0 take part.
    - `basis`: float `[N, K]`, directions as columns; for a state of several parts a tree
        like it, the parts of a direction side by side.
    - `intervention`: what held during the run.

    **Returns:** `[W, N, K]`, or a tree of these like the state.

    **Raises:** `ValueError` where `windows` or `basis` does not fit, or a window is empty, leaves
    [0, 1] or has a gap; `RuntimeError` where this is known only when a compiled program runs.

    **Example:**

        >>> W = jnp.array([[0.0, 2.0], [3.0, 0.0]])
        >>> step = lambda h, x: W @ h + x
        >>> run = rj.rollout(step, jnp.ones(2), x)
        >>> pushed = rj.linear.window_products(step, run, rj.tiling(20, 2), jnp.eye(2)[:, :1])
        >>> pushed.shape, pushed[0].ravel().tolist()  # unit 0 to unit 1 and back: 3, then 2
        ((10, 2, 1), [6.0, 0.0])
    """
    check_run(trajectory)
    windows = without_gap(checked(windows, trajectory.previous))
    start = _tangents(basis, trajectory.h0)
    on, rows = each_step(step, trajectory, intervention)
    through = lambda window: push_through(on(push_rows), rows, window, start)
    return jax.tree.map(lambda pushed: pushed.mT, lax.map(through, windows))


def _tangents(basis: PyTree, h: State) -> PyTree:
    """A basis as rows in the state's dtype."""
    if jax.tree.structure(basis) != jax.tree.structure(h):
        raise ValueError(
            f"a basis is a tree like the state: got {jax.tree.structure(basis)}, expected "
            f"{jax.tree.structure(h)}"
        )
    shapes = [(a.shape, b.size) for a, b in zip(jax.tree.leaves(basis), jax.tree.leaves(h))]
    if any(len(got) != 2 or got[0] != N for got, N in shapes):
        raise ValueError(f"a basis holds one [N, K] a part, got (shape, N) = {shapes}")
    return jax.tree.map(lambda columns, part: columns.T.astype(part.dtype), basis, h)
