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
from ..core.checks import function, scalar
from ..core.trajectory import check_run

Intervention = Callable[[Step], Step]


def direct(trajectory: Trajectory, metric: Metric) -> State:
    """`d_t = dF/dhs[t]` with all other states held: the readout's part of the adjoint.

    Under `Read`, `hs` is what the readout is shown, and so is what `d` belongs to.

    **Arguments:**

    - `trajectory`: one trial's run.
    - `metric`: `trajectory -> scalar`.

    **Returns:** like `trajectory.hs`.

    **Raises:** `ValueError` where it is no trajectory of one trial, or the metric is no scalar.

    **Example:**

        >>> run = rj.run(network, x)
        >>> d, lam = rj.linear.direct(run, metric), rj.adjoints(network.step, run, metric)
        >>> d.shape, bool(jnp.allclose(d[-1], lam[-1]))  # nothing follows the last step
        ((20, 6), True)
    """

    check_run(trajectory)
    function("metric", metric)

    def of_states(hs: State) -> jax.Array:
        return scalar("metric", metric(eqx.tree_at(lambda run: run.hs, trajectory, hs)))

    return jax.grad(of_states)(trajectory.hs)


def adjoints(
    step: Step, trajectory: Trajectory, metric: Metric, intervention: Intervention = Identity()
) -> State:
    """`lam_t = dF/dhs[t]`, later states following: `lam_t = d_t + J_{t+1}^T lam_{t+1}`.

    It is the gradient with respect to a `Shift` on top of the intervention, at 0. Of a unit
    held at t it says what moving the *held* value would do: the edit of step t itself stays
    out of `lam_t`, so that it does not vanish there, and later edits are in it, as zero rows
    of `J`. Under `Read` it belongs to the carried state, and what the readout is shown
    stands between the two: `lam_t = (1 - m_t) d_t + J_{t+1}^T lam_{t+1}`, `m_t` the
    readout's mask.

    **Arguments:**

    - `step`: `(h, x) -> h`.
    - `trajectory`: one trial's run, under the same intervention.
    - `metric`: `trajectory -> scalar`.
    - `intervention`: what held during it.

    **Returns:** like `trajectory.hs`.

    **Raises:** `ValueError` where it is no trajectory of one trial, or the metric is no scalar.

    **Example:**

        >>> lam = rj.adjoints(network.step, rj.run(network, x), metric)
        >>> lam.shape
        (20, 6)
    """

    check_run(trajectory)
    function("metric", metric)

    def shifted(delta: State) -> jax.Array:
        pushed = Compose(intervention, Shift(delta))
        return scalar("metric", metric(rollout(step, trajectory.h0, trajectory.xs, pushed)))

    return jax.grad(shifted)(jax.tree.map(jnp.zeros_like, trajectory.hs))
