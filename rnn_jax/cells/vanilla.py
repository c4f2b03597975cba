"""The vanilla (Elman) cell: a weighted sum and a nonlinearity.

    cell = Vanilla(3, 64, key=key)
    trajectory = rollout(cell, zero_state(cell), xs)

Weights of your own go in with `eqx.tree_at(lambda c: (c.w, c.u), cell, (w, u))`.
"""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ..core import Input, State
from .parts import Parts, slope
from .shapes import check_sizes, check_step


class Vanilla(eqx.Module):
    """`h_t = phi(W h_{t-1} + U x_t + b)`, or without `b`.

    **Arguments:**

    - `inputs`, `units`: sizes `I` and `N`.
    - `key`: draws `W ~ Normal(0, 1 / N)` and `U ~ Normal(0, 1 / I)`; `b = 0`.
    - `activation`: `phi`, elementwise, a function that is made once: another object is
        another compilation.
    - `use_bias`: whether there is a `b`.

    Its fields are `w [N, N]` and `u [N, I]`, both `[to, from]`, and `b [N]` or `None`.

    **Raises:** `ValueError` at a call whose state is not `[N]` or whose input is not `[I]`.

    Elman, "Finding structure in time" (1990).

    **Example:**

        >>> cell = rj.cells.Vanilla(2, 6, key=key)
        >>> h = jnp.ones(6)
        >>> bool(jnp.allclose(cell(h, x[0]), jnp.tanh(cell.w @ h + cell.u @ x[0] + cell.b)))
        True
    """

    w: Float[Array, "N N"]
    u: Float[Array, "N I"]
    b: Float[Array, " N"] | None
    activation: Callable[[Array], Array] = eqx.field(static=True)

    def __init__(
        self,
        inputs: int,
        units: int,
        *,
        key: PRNGKeyArray,
        activation: Callable[[Array], Array] = jnp.tanh,
        use_bias: bool = True,
    ):
        check_sizes(inputs, units)
        w_key, u_key = jax.random.split(key)
        self.w = jax.random.normal(w_key, (units, units)) / units**0.5
        self.u = jax.random.normal(u_key, (units, inputs)) / max(inputs, 1) ** 0.5
        self.b = jnp.zeros(units) if use_bias else None
        self.activation = activation

    def __call__(self, h: State, x: Input) -> State:
        return self.activation(self._drive(h, x))

    def parts(self, h: State, x: Input) -> Parts:
        """The Jacobian's parts at `(h, x)`: no leak, gate `phi'`, wire `W`."""
        gate = slope(self.activation, self._drive(h, x))
        return Parts(jnp.zeros_like(gate), gate, self.w)

    def _drive(self, h: State, x: Input) -> Float[Array, " N"]:
        check_step(self, h, x)
        drive = self.w @ h + self.u @ x
        return drive if self.b is None else drive + self.b
