"""The leaky cell: rates that decay toward what drives them, Euler's rule of a rate equation.

    cell = Leaky(3, 64, tau=100.0, dt=20.0, key=key)
    noisy = Leaky(3, 64, tau=100.0, dt=20.0, noise=0.05, key=key)   # takes (x, xi)

Noise is an input, so that an ablated run is paired with its clean one:

    rollout(noisy, zero_state(noisy), (xs, jax.random.normal(key, (T, 64))))
"""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ..core import Input, State
from .parts import Parts, slope
from .shapes import check_noise, check_sizes, check_step, check_tau, expect, split_noise


class Leaky(eqx.Module):
    """`h_t = (1 - a) h_{t-1} + a phi(W h_{t-1} + U x_t + b) + s sqrt(2 a) xi_t`, `a = dt / tau`.

    **Arguments:**

    - `inputs`, `units`: sizes `I` and `N`.
    - `tau`, `dt`: time constant and length of a step, in one unit of time; `0 < dt <= tau`.
    - `key`: draws `W ~ Normal(0, 1 / N)` and `U ~ Normal(0, 1 / I)`; `b = 0`.
    - `activation`: `phi`, elementwise, a function that is made once.
    - `noise`: `s`, in the state's units. Where it is positive the cell takes a pair
        `(x [I], xi [N])` with `xi` standard normal, else `x [I]` alone.

    Its fields are `w [N, N]` and `u [N, I]`, both `[to, from]`, and `b [N]`.

    **Raises:** `ValueError` at sizes, time constants, states or inputs that do not fit.

    Song, Yang & Wang, PLoS Comput Biol (2016), Methods, for the discretisation and its noise.

    **Example:**

        >>> cell = rj.cells.Leaky(2, 6, tau=100.0, dt=20.0, key=key)
        >>> still = eqx.tree_at(lambda cell: (cell.w, cell.u), cell, (cell.w * 0, cell.u * 0))
        >>> still(jnp.ones(6), x[0])[0].item()  # without drive, 1 - dt / tau is left
        0.8
    """

    w: Float[Array, "N N"]
    u: Float[Array, "N I"]
    b: Float[Array, " N"]
    tau: float = eqx.field(static=True)
    dt: float = eqx.field(static=True)
    activation: Callable[[Array], Array] = eqx.field(static=True)
    noise: float = eqx.field(static=True)

    def __init__(
        self,
        inputs: int,
        units: int,
        *,
        tau: float | int,
        dt: float | int,
        key: PRNGKeyArray,
        activation: Callable[[Array], Array] = jnp.tanh,
        noise: float | int = 0.0,
    ):
        check_sizes(inputs, units)
        self.tau, self.dt = check_tau(tau, dt)
        w_key, u_key = jax.random.split(key)
        self.w = jax.random.normal(w_key, (units, units)) / units**0.5
        self.u = jax.random.normal(u_key, (units, inputs)) / max(inputs, 1) ** 0.5
        self.b = jnp.zeros(units)
        self.activation, self.noise = activation, check_noise(noise)

    def __call__(self, h: State, x: Input) -> State:
        x, xi = split_noise(self.noise, x)
        a = self.dt / self.tau
        h_new = (1 - a) * h + a * self.activation(self._drive(h, x))
        if xi is None:
            return h_new
        expect("the noise of Leaky", xi, h.shape)
        return h_new + self.noise * (2 * a) ** 0.5 * xi

    def parts(self, h: State, x: Input) -> Parts:
        """The Jacobian's parts at `(h, x)`: leak `1 - a`, gate `a phi'`, wire `W`."""
        x, _ = split_noise(self.noise, x)
        a = self.dt / self.tau
        gate = a * slope(self.activation, self._drive(h, x))
        return Parts(jnp.full_like(gate, 1 - a), gate, self.w)

    def _drive(self, h: State, x: Input) -> Float[Array, " N"]:
        check_step(self, h, x)
        return self.w @ h + self.u @ x + self.b
