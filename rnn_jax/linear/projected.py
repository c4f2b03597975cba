"""Connectivity over several steps, whole or as a readout sees it.

    flow = multistep_connectivity(J, before, lag=5)          # [T - 4, N, N]
    seen = projected_connectivity(J, before, readout, lag=5) # [T - 4, N]

A vector pushed back through the Jacobians costs N a step where the product costs N^2.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.checks import axes, whole_number


def _starts(jacobians: Array, before: Array, lag: int) -> int:
    """How many starts have `lag` steps ahead of them."""
    T = axes(jacobians=(jacobians, "T N N"), before=(before, "T N"))["T"]
    if not 1 <= whole_number("lag", lag) <= T:
        raise ValueError(f"lag must lie in [1, {T}], got {lag}")
    return T - lag + 1


def multistep_connectivity(
    jacobians: Float[Array, "T N N"], before: Float[Array, "T N"], lag: int
) -> Float[Array, "S N N"]:
    """`J_{s+lag-1} ... J_s diag(h_{s-1})` for every start `s`: what `lag` steps carry.

    **Arguments:**

    - `jacobians`: `[T, N, N]`, `[to, from]`.
    - `before`: `[T, N]`, the state each step starts from (`trajectory.previous`).
    - `lag`: the number of steps.

    **Returns:** `[T - lag + 1, N, N]`, `[to, from]`.

    **Raises:** `ValueError` where no `lag` steps fit, or `before` does not.

    **Example:**

        >>> run = rj.run(network, x)
        >>> J = rj.jacobians(network.step, run)
        >>> two = rj.linear.multistep_connectivity(J, run.previous, 2)
        >>> two.shape, bool(jnp.allclose(two[4], J[5] @ J[4] @ jnp.diag(run.hs[3])))
        ((19, 6, 6), True)
    """
    count = _starts(jacobians, before, lag)
    product = jacobians[:count]
    for step in range(1, lag):
        product = jacobians[step : step + count] @ product
    return product * before[:count, None]


def projected_connectivity(
    jacobians: Float[Array, "T N N"],
    before: Float[Array, "T N"],
    readout: Float[Array, " N"],
    lag: int,
) -> Float[Array, "S N"]:
    """`r^T J_{s+lag-1} ... J_s diag(h_{s-1})`: what each unit adds to a readout `lag` steps on.

    **Arguments:** as for `multistep_connectivity`, and

    - `readout`: `[N]` weights of one output.

    **Returns:** `[T - lag + 1, N]`.

    **Raises:** as `multistep_connectivity`.

    **Example:**

        >>> run = rj.run(network, x)
        >>> J = rj.jacobians(network.step, run)
        >>> adds = rj.linear.projected_connectivity(J, run.previous, jnp.ones(6), 2)
        >>> whole = rj.linear.multistep_connectivity(J, run.previous, 2)
        >>> bool(jnp.allclose(adds, whole.sum(1), atol=1e-5))  # a readout that adds up all units
        True
    """
    count = _starts(jacobians, before, lag)
    axes(before=(before, "T N"), readout=(readout, "N"))
    seen = jnp.broadcast_to(readout[None], before[:count].shape)
    for step in reversed(range(lag)):
        seen = jnp.einsum("si,sij->sj", seen, jacobians[step : step + count])
    return seen * before[:count]
