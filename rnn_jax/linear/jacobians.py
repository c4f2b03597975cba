"""Jacobians along a trajectory: how each state depends on the one before, and on the input.

    J = jacobians(step, trajectory)                       # [T, N, N], [to, from]
    J = jax.vmap(lambda run: jacobians(step, run))(runs)  # [B, T, N, N]

`vmap` over `jacfwd` is the right route: the basis of tangents is shared by all steps, so that
`W @ I` is computed once and the work is bound by writing its result. What needs only a sum, a
norm or a few columns of these arrays is in `streamed`, which never forms them.
"""

import jax
from jaxtyping import PyTree

from ..core import Identity, Step, Trajectory
from .along import Intervention, each_step, forward


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

    **Example:**

        >>> J = rj.jacobians(network.step, rj.run(network, x))
        >>> J.shape  # [time, to, from]
        (20, 6, 6)
    """
    on, rows = each_step(step, trajectory, intervention)
    return jax.vmap(on(lambda step, h, x: forward(lambda h: step(h, x), h)))(rows)


def input_jacobians(
    step: Step, trajectory: Trajectory, intervention: Intervention = Identity()
) -> PyTree:
    """`d hs[t] / d xs[t]`. Arguments as for `jacobians`.

    **Returns:** `[T, N, I]`, `[to, from]`; trees of blocks where state or input has parts.

    **Example:**

        >>> U = jnp.array([[1.0, 2.0]])
        >>> step = lambda h, x: 0.5 * h + U @ x
        >>> J = rj.linear.input_jacobians(step, rj.rollout(step, jnp.zeros(1), x))
        >>> J.shape, J[0].tolist()  # [time, unit, input]
        ((20, 1, 2), [[1.0, 2.0]])
    """
    on, rows = each_step(step, trajectory, intervention)
    return jax.vmap(on(lambda step, h, x: forward(lambda x: step(h, x), x)))(rows)
