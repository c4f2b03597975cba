"""The neural ODE: a multilayer perceptron says how fast the state changes.

field = NeuralField(3, 64, key=key)                           # (t, h, x) -> dh/dt
cell = from_field(field, dt=1.0, solver=diffrax.Heun())
trajectory = rollout(cell, zero_state(cell), xs)
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ..core import Input, State
from ..core.checks import at_least
from .shapes import check_sizes, expect


class NeuralField(eqx.Module):
    """`dh/dt = V tanh(W h + U x + b) + c`, an MLP of one hidden layer.

    **Arguments:**

    - `inputs`, `units`: sizes `I` and `N`.
    - `hidden`: the hidden layer's size `H`; by default `N`.
    - `key`: draws `W ~ Normal(0, 1 / N)`, `U ~ Normal(0, 1 / I)` and `V ~ Normal(0, 1 / H)`;
        `b = c = 0`.
    - `activation`: in the place of tanh, elementwise, a function that is made once.

    Its fields are `w [H, N]`, `u [H, I]` and `v [N, H]`, all `[to, from]`, `b [H]` and `c [N]`.

    **Raises:** `ValueError` at sizes, states or inputs that do not fit.

    Chen, Rubanova, Bettencourt & Duvenaud, NeurIPS (2018), eq. 2.

    **Example:**

        >>> field = rj.cells.NeuralField(2, 6, hidden=32, key=key)
        >>> field(0.0, jnp.zeros(6), jnp.zeros(2)).tolist()  # at the start 0 is a fixed point
        [0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    """

    w: Float[Array, "H N"]
    u: Float[Array, "H I"]
    b: Float[Array, " H"]
    v: Float[Array, "N H"]
    c: Float[Array, " N"]
    activation: Callable[[Array], Array] = eqx.field(static=True)

    def __init__(
        self,
        inputs: int,
        units: int,
        *,
        key: PRNGKeyArray,
        hidden: int | None = None,
        activation: Callable[[Array], Array] = jnp.tanh,
    ):
        check_sizes(inputs, units)
        hidden = units if hidden is None else hidden
        at_least(1, hidden=hidden)
        w_key, u_key, v_key = jax.random.split(key, 3)
        self.w = jax.random.normal(w_key, (hidden, units)) / units**0.5
        self.u = jax.random.normal(u_key, (hidden, inputs)) / max(inputs, 1) ** 0.5
        self.v = jax.random.normal(v_key, (units, hidden)) / hidden**0.5
        self.b, self.c = jnp.zeros(hidden), jnp.zeros(units)
        self.activation = activation

    def __call__(self, t: Any, h: State, x: Input) -> State:
        expect("the state of NeuralField", h, self.c.shape)
        expect("the input of NeuralField", x, self.u.shape[-1:])
        return self.v @ self.activation(self.w @ h + self.u @ x + self.b) + self.c
