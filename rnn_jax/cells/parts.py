"""The parts of an additive cell's Jacobian: `J = diag(leak) + diag(gate) @ wire`, exactly.

A cell whose step is a leak of its state plus a gain of `W h + ...` keeps anatomy (`wire`)
apart from the moment's gain (`gate`), so that a connection's effect is gate x wire x signal:

    parts = Vanilla(3, 64, key=key).parts(h, x)
    jnp.diag(parts.leak) + parts.gate[:, None] * parts.wire     # jax.jacfwd(cell)(h, x)

Any step with a method `parts(h, x) -> Parts` is treated so; GRU and LSTM have no single wire.
"""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


class Parts(eqx.Module):
    """`d step(h, x)[i] / d h[j] = leak[i] [i = j] + gate[i] * wire[i, j]`.

    - `leak`: what a unit keeps of itself.
    - `gate`: the slope of a unit's activation, times `dt / tau` of a leaky cell.
    - `wire`: the weights, `[to, from]`.

    **Example:**

        >>> cell, h = rj.cells.Vanilla(2, 6, key=key), jnp.zeros(6)
        >>> parts = cell.parts(h, x[0])
        >>> J = jax.jacfwd(lambda h: cell(h, x[0]))(h)
        >>> bool(jnp.allclose(jnp.diag(parts.gate) @ parts.wire, J))  # a plain cell has no leak
        True
    """

    leak: Float[Array, " N"]
    gate: Float[Array, " N"]
    wire: Float[Array, "N N"]


def slope(activation: Callable[[Array], Array], a: Float[Array, " N"]) -> Float[Array, " N"]:
    """The derivative `phi'(a)` of an elementwise activation.

    **Arguments:**

    - `activation`: `phi`, entry by entry.
    - `a`: preactivations `[N]`.

    **Returns:** `[N]`, with JAX's own choice at a kink.

    **Example:**

        >>> print(rj.cells.slope(jnp.tanh, jnp.array([0.0, 20.0])).round(3))  # open, and saturated
        [1. 0.]
    """
    return jax.jvp(activation, (a,), (jnp.ones_like(a),))[1]
