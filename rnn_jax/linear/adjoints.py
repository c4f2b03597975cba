"""Adjoints: how a metric depends on each state, directly through the readout and in all.

    d = direct(trajectory, metric)             # [T, N]
    lam = adjoints(step, trajectory, metric)   # lam_t = d_t + J_{t+1}^T lam_{t+1}

One reverse pass gives all neurons and times.
"""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp

from ..core import Compose, Identity, Metric, Shift, State, Step, Trajectory, rollout

Intervention = Callable[[Step], Step]


def direct(trajectory: Trajectory, metric: Metric) -> State:
    """`d_t = dF/dhs[t]` with all other states held: the readout's part of the adjoint.

    **Arguments:**

    - `trajectory`: one trial's run.
    - `metric`: `trajectory -> scalar`.

    **Returns:** like `trajectory.hs`.
    """

    def of_states(hs: State) -> jax.Array:
        return metric(eqx.tree_at(lambda run: run.hs, trajectory, hs))

    return jax.grad(of_states)(trajectory.hs)


def adjoints(
    step: Step, trajectory: Trajectory, metric: Metric, intervention: Intervention = Identity()
) -> State:
    """`lam_t = dF/dhs[t]`, later states following: `lam_t = d_t + J_{t+1}^T lam_{t+1}`.

    Under `Read` the recursion holds for the carried states only, while `direct` speaks of the
    shown ones.

    It is the gradient with respect to a `Shift` on top of the intervention, at 0: the edit
    of step t itself stays out of `lam_t`, later edits are in it.

    **Arguments:**

    - `step`: `(h, x) -> h`.
    - `trajectory`: one trial's run, under the same intervention.
    - `metric`: `trajectory -> scalar`.
    - `intervention`: what held during it.

    **Returns:** like `trajectory.hs`.
    """

    def shifted(delta: State) -> jax.Array:
        pushed = Compose(intervention, Shift(delta))
        return metric(rollout(step, trajectory.h0, trajectory.xs, pushed))

    return jax.grad(shifted)(jax.tree.map(jnp.zeros_like, trajectory.hs))
