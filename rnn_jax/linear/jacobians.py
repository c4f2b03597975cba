"""Jacobians along a trajectory: how each state depends on the one before, and on the input.

    J = jacobians(step, trajectory)                       # [T, N, N], [to, from]
    J = jax.vmap(lambda run: jacobians(step, run))(runs)  # [B, T, N, N]

`vmap` over `jacfwd` is the right route: the basis of tangents is shared by all steps, so that
`W @ I` is computed once and the work is bound by writing its result.
"""

from collections.abc import Callable

import equinox as eqx
import jax
from jaxtyping import PyTree

from ..core import Identity, State, Step, Trajectory
from ..core.rollout import split_rows
from ..core.tree import num_steps
from ..core.types import Input

Intervention = Callable[[Step], Step]


def jacobians(
    step: Step, trajectory: Trajectory, intervention: Intervention = Identity()
) -> PyTree:
    """`J_t = d hs[t] / d hs[t-1]`, with `hs[-1] = h0`, of the step as intervened upon.

    A clamped unit's row is exactly 0 inside its window. Under `Read` both states are the
    carried ones.

    **Arguments:**

    - `step`: `(h, x) -> h`.
    - `trajectory`: one trial's run, under the same intervention.
    - `intervention`: what held during it.

    **Returns:** `[T, N, N]`, `[to, from]`. For a state of several parts a tree of trees of
    blocks, the outer one that of the part reached, the inner one that of the part it comes from.
    """
    return _along(jax.jacfwd, step, trajectory, intervention)


def input_jacobians(
    step: Step, trajectory: Trajectory, intervention: Intervention = Identity()
) -> PyTree:
    """`d hs[t] / d xs[t]`. Arguments as for `jacobians`.

    **Returns:** `[T, N, I]`, `[to, from]`; trees of blocks where state or input has parts.
    """
    by_input = lambda function: jax.jacfwd(function, argnums=1)
    return _along(by_input, step, trajectory, intervention)


def _along(mode: Callable, step: Step, trajectory: Trajectory, intervention: PyTree) -> PyTree:
    """A derivative of every step of a trajectory."""
    timed, constant = split_rows(intervention, num_steps(trajectory.xs))

    def one(h: State, x: Input, rows: PyTree) -> PyTree:
        return mode(eqx.combine(rows, constant)(step))(h, x)

    return jax.vmap(one)(trajectory.previous, trajectory.xs, timed)
