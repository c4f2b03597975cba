"""The rate network in continuous time: currents that decay, driven by the rates of others.

field = RateField(3, 64, tau=0.1, key=key)                    # (t, h, x) -> dh/dt
cell = from_field(field, dt=0.02)                             # Euler's rule
cell = from_field(field, dt=0.02, solver=diffrax.Tsit5())
trajectory = rollout(cell, zero_state(cell), xs)
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float, PRNGKeyArray

from ..core import Input, State
from ..core.checks import numbers
from .shapes import check_sizes, check_step, expect


class RateField(eqx.Module):
    """`tau dh/dt = -h + W phi(h) + U x + b`.

    A state `h*` rests where the rates `phi(h*)` rest in the `Vanilla` cell of the same weights.
    The gain `phi'` is the sender's, so that the step offers no `parts`.

    **Arguments:**

    - `inputs`, `units`: sizes `I` and `N`.
    - `tau`: time constants in the unit of `dt`, a number above 0 or `[N]` of them; not trained.
    - `key`: draws `W ~ Normal(0, 1 / N)` and `U ~ Normal(0, 1 / I)`; `b = 0`.
    - `activation`: `phi`, elementwise, a function that is made once.

    Its fields are `w [N, N]` and `u [N, I]`, both `[to, from]`, and `b [N]`.

    **Raises:** `ValueError` at sizes, time constants, states or inputs that do not fit.

    Sompolinsky, Crisanti & Sommers, Phys Rev Lett (1988), eq. 1.

    **Example:**

        >>> field = rj.cells.RateField(2, 6, tau=10.0, key=key)
        >>> alone = eqx.tree_at(lambda field: field.w, field, jnp.zeros((6, 6)))
        >>> print(alone(0.0, jnp.ones(6), jnp.zeros(2)))  # back to 0, a tenth per unit of time
        [-0.1 -0.1 -0.1 -0.1 -0.1 -0.1]
    """

    w: Float[Array, "N N"]
    u: Float[Array, "N I"]
    b: Float[Array, " N"]
    tau: float | tuple[float, ...] = eqx.field(static=True)
    activation: Callable[[Array], Array] = eqx.field(static=True)

    def __init__(
        self,
        inputs: int,
        units: int,
        *,
        tau: ArrayLike,
        key: PRNGKeyArray,
        activation: Callable[[Array], Array] = jnp.tanh,
    ):
        check_sizes(inputs, units)
        self.tau = _constants(tau, units)
        w_key, u_key = jax.random.split(key)
        self.w = jax.random.normal(w_key, (units, units)) / units**0.5
        self.u = jax.random.normal(u_key, (units, inputs)) / max(inputs, 1) ** 0.5
        self.b = jnp.zeros(units)
        self.activation = activation

    def __call__(self, t: Any, h: State, x: Input) -> State:
        check_step(self, h, x)
        drive = self.w @ self.activation(h) + self.u @ x + self.b
        return (drive - h) / jnp.asarray(self.tau, h.dtype)


def _constants(tau: Any, units: int) -> float | tuple[float, ...]:
    """Time constants as what cannot be trained, a number or a tuple of them."""
    found = np.asarray(numbers("tau", tau), float)
    if not (np.isfinite(found) & (found > 0)).all():
        raise ValueError(f"tau must be above 0, got {found.min():.9g} to {found.max():.9g}")
    if not found.ndim:
        return float(found)
    expect("tau", found, (units,))
    return tuple(found.tolist())
