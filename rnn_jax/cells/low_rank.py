"""The low-rank cell: recurrence through a few latent variables `kappa = N^T h / N`.

    cell = LowRank(3, 64, rank=2, key=key)
    kappa = cell.n.T @ h / 64           # [R], all that the units tell each other

Its weights are never formed in a step: two thin products serve.
"""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ..core import Input, State
from .parts import Parts, slope
from .shapes import check_sizes, check_step, check_tau


class LowRank(eqx.Module):
    """`h_t = (1 - a) h_{t-1} + a phi(W h_{t-1} + U x_t + b)`, `W = M N^T / units`.

    **Arguments:**

    - `inputs`, `units`, `rank`: sizes `I`, `N` and `R <= N`.
    - `key`: draws `M` and `N` from Normal(0, 1), `U ~ Normal(0, 1 / I)`; `b = 0`.
    - `activation`: `phi`, elementwise, a function that is made once.
    - `tau`, `dt`: time constant and length of a step; equal, there is no leak (`a = 1`).

    Its fields are `m [N, R]` `[to, latent]`, `n [N, R]` `[from, latent]`, `u [N, I]`
    `[to, from]` and `b [N]`; `wire` is the product.

    **Raises:** `ValueError` at sizes, time constants, states or inputs that do not fit.

    Mastrogiuseppe & Ostojic, Neuron (2018), eq. 1-3; Dubreuil et al., Nat Neurosci (2022).

    **Example:**

        >>> cell = rj.cells.LowRank(2, 6, rank=2, key=key)
        >>> cell.wire.shape, int(jnp.linalg.matrix_rank(cell.wire))
        ((6, 6), 2)
    """

    m: Float[Array, "N R"]
    n: Float[Array, "N R"]
    u: Float[Array, "N I"]
    b: Float[Array, " N"]
    activation: Callable[[Array], Array] = eqx.field(static=True)
    tau: float = eqx.field(static=True)
    dt: float = eqx.field(static=True)

    def __init__(
        self,
        inputs: int,
        units: int,
        rank: int,
        *,
        key: PRNGKeyArray,
        activation: Callable[[Array], Array] = jnp.tanh,
        tau: float | int = 1.0,
        dt: float | int = 1.0,
    ):
        check_sizes(inputs, units)
        self.tau, self.dt = check_tau(tau, dt)
        if not 1 <= rank <= units:
            raise ValueError(f"rank must be from 1 to the number of units {units}, got {rank}")
        m_key, n_key, u_key = jax.random.split(key, 3)
        self.m = jax.random.normal(m_key, (units, rank))
        self.n = jax.random.normal(n_key, (units, rank))
        self.u = jax.random.normal(u_key, (units, inputs)) / max(inputs, 1) ** 0.5
        self.b = jnp.zeros(units)
        self.activation = activation

    @property
    def wire(self) -> Float[Array, "N N"]:
        """`W = M N^T / units`, `[to, from]`."""
        return self.m @ self.n.T / self.b.shape[-1]

    def __call__(self, h: State, x: Input) -> State:
        a = self.dt / self.tau
        return (1 - a) * h + a * self.activation(self._drive(h, x))

    def parts(self, h: State, x: Input) -> Parts:
        """The Jacobian's parts at `(h, x)`: leak `1 - a`, gate `a phi'`, wire `M N^T / units`."""
        a = self.dt / self.tau
        gate = a * slope(self.activation, self._drive(h, x))
        return Parts(jnp.full_like(gate, 1 - a), gate, self.wire)

    def _drive(self, h: State, x: Input) -> Float[Array, " N"]:
        check_step(self, h, x)
        kappa = self.n.T @ h / self.b.shape[-1]
        return self.m @ kappa + self.u @ x + self.b
