"""The liquid time-constant network: inputs and units set how fast each unit forgets.

field = LiquidField(3, 64, key=key)                           # (t, h, x) -> dh/dt
cell = from_field(field, dt=1.0, solver=diffrax.Tsit5())
cell = fused(field, dt=1.0)                                   # its own rule, stable at any dt
trajectory = rollout(cell, zero_state(cell), xs)
"""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, PRNGKeyArray

from ..core import Input, State, Step
from ..core.checks import at_least, described, positive
from .shapes import check_sizes, check_step


class LiquidField(eqx.Module):
    """`dh/dt = -(1 / tau + f) h + f A`, `f = sigmoid(W h + U x + b)`.

    A unit's time constant is `1 / (1 / tau + f)`, at most `tau`; its state stays between 0 and `A`
    once it is there.

    **Arguments:**

    - `inputs`, `units`: sizes `I` and `N`.
    - `key`: draws `W ~ Normal(0, 1 / N)`, `U ~ Normal(0, 1 / I)` and `A ~ Normal(0, 1)`; `b = 0`.
    - `tau`: the first value of all time constants, above 0; they are trained.

    Its fields are `w [N, N]` and `u [N, I]`, both `[to, from]`, `b [N]`, `a [N]`, and
    `log_tau [N]`, so that `tau` stays above 0.

    **Raises:** `ValueError` at sizes, a time constant, states or inputs that do not fit.

    Hasani, Lechner, Amini, Rus & Grosu, AAAI (2021), eq. 1.

    **Example:**

        >>> field = rj.cells.LiquidField(2, 6, key=key)
        >>> hs = rj.rollout(rj.from_field(field, dt=0.1), jnp.zeros(6), x).hs
        >>> share = hs / field.a[None]
        >>> bool((share >= 0).all()), bool((share <= 1).all())  # between 0 and A
        (True, True)
    """

    w: Float[Array, "N N"]
    u: Float[Array, "N I"]
    b: Float[Array, " N"]
    a: Float[Array, " N"]
    log_tau: Float[Array, " N"]

    def __init__(self, inputs: int, units: int, *, key: PRNGKeyArray, tau: float | int = 1.0):
        check_sizes(inputs, units)
        positive("tau", tau)
        w_key, u_key, a_key = jax.random.split(key, 3)
        self.w = jax.random.normal(w_key, (units, units)) / units**0.5
        self.u = jax.random.normal(u_key, (units, inputs)) / max(inputs, 1) ** 0.5
        self.b = jnp.zeros(units)
        self.a = jax.random.normal(a_key, (units,))
        self.log_tau = jnp.full(units, math.log(tau))

    def __call__(self, t: Any, h: State, x: Input) -> State:
        gate = self.gate(h, x)
        return -(jnp.exp(-self.log_tau) + gate) * h + gate * self.a

    def gate(self, h: State, x: Input) -> Float[Array, " N"]:
        """`f(h, x)`, in (0, 1)."""
        check_step(self, h, x)
        return jax.nn.sigmoid(self.w @ h + self.u @ x + self.b)


class _Fused(eqx.Module):
    field: LiquidField
    dt: float = eqx.field(static=True)
    substeps: int = eqx.field(static=True)

    def __call__(self, h: State, x: Input) -> State:
        dt, rate = self.dt / self.substeps, jnp.exp(-self.field.log_tau)

        def once(h: Array, _: None) -> tuple[Array, None]:
            gate = self.field.gate(h, x)
            return (h + dt * gate * self.field.a) / (1 + dt * (rate + gate)), None

        if self.substeps == 1:
            return once(h, None)[0]
        return lax.scan(once, h, None, length=self.substeps)[0]


def fused(field: LiquidField, dt: float, substeps: int = 1) -> Step:
    """A step of a liquid network by its authors' rule: Euler's, implicit in all but the gate,

    `h <- (h + dt f A) / (1 + dt (1 / tau + f))`.

    It is of first order, and stable at any `dt`.

    **Arguments:**

    - `field`: a `LiquidField`.
    - `dt`: the length of a step, in the unit of `tau`, the input held.
    - `substeps`: applications of the rule in a step.

    **Returns:** a step `(h, x) -> h`.

    **Raises:** `ValueError` where an argument is of another kind or out of range.

    Hasani et al., AAAI (2021), eq. 3 and algorithm 1.

    **Example:**

        >>> field = rj.cells.LiquidField(2, 6, key=key)
        >>> step = rj.cells.fused(field, dt=100.0)  # Euler's rule alone would diverge
        >>> share = rj.rollout(step, jnp.zeros(6), x).hs / field.a[None]
        >>> bool((share >= 0).all()), bool((share <= 1).all())  # between 0 and A
        (True, True)
    """
    if not isinstance(field, LiquidField):
        raise ValueError(f"fused needs a LiquidField, got {described(field)}")
    at_least(1, substeps=substeps)
    return _Fused(field, positive("dt", dt), substeps)
