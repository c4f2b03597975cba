"""The sign-constrained cell: each unit excites, or inhibits, all whom it reaches.

    cell = Dale(3, 50, tau=100.0, dt=20.0, key=key)      # 40 excitatory units, 10 inhibitory
    local = Dale(3, 50, mask=anatomy, key=key)           # anatomy [to, from], 0 where no synapse

Signs and mask hold whatever the parameters: training moves `w`, the network uses `wire`.
"""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ..core import Input, State
from .parts import Parts, slope
from .shapes import check_noise, check_sizes, check_step, check_tau, expect, flags, split_noise


class Dale(eqx.Module):
    """`h_t = (1 - a) h_{t-1} + a phi(W h_{t-1} + U x_t + b + s sqrt(2 / a) xi_t)`,
    `W = |w| * sign * mask`, `a = dt / tau`.

    The state is a rate, and the noise enters before `phi`, so rates stay non-negative.

    **Arguments:**

    - `inputs`, `units`: sizes `I` and `N`.
    - `key`: draws `w` (see `balanced`) and `U ~ Normal(0, 1 / I)`; `b = 0`.
    - `excitatory`: the fraction of units that excite; they come first.
    - `mask`: `[N, N]` `[to, from]`, 0 where there is no synapse; by default a unit has none
        on itself.
    - `activation`: `phi`, elementwise and non-negative, a function that is made once.
    - `tau`, `dt`: time constant and length of a step; equal, there is no leak (`a = 1`).
    - `noise`: `s`. Where it is positive the cell takes `(x [I], xi [N])`, `xi` standard
        normal, else `x [I]` alone.

    Its fields are `w [N, N]` and `u [N, I]`, both `[to, from]`, `b [N]`, and the booleans
    `excitatory [N]` and `mask [N, N]`, which have no gradient (use `eqx.filter_grad`).

    **Raises:** `ValueError` at sizes, fractions, masks, states or inputs that do not fit.

    Song, Yang & Wang, PLoS Comput Biol (2016), "Dale's principle", for the constraint;
    Yang et al., Nat Neurosci (2019), Methods, for this rate equation and its noise. Song et
    al. integrate currents with `phi` on the sender's side, an equivalent form: Miller &
    Fumarola, Neural Comput (2012).

    **Example:**

        >>> W = rj.cells.Dale(2, 10, key=key).wire  # [to, from]
        >>> bool((W[:, :8] >= 0).all()), bool((W[:, 8:] <= 0).all())  # four fifths excite
        (True, True)
        >>> jnp.diag(W).any().item()  # no unit reaches itself
        False
    """

    w: Float[Array, "N N"]
    u: Float[Array, "N I"]
    b: Float[Array, " N"]
    excitatory: Bool[Array, " N"]
    mask: Bool[Array, "N N"]
    activation: Callable[[Array], Array] = eqx.field(static=True)
    tau: float = eqx.field(static=True)
    dt: float = eqx.field(static=True)
    noise: float = eqx.field(static=True)

    def __init__(
        self,
        inputs: int,
        units: int,
        *,
        key: PRNGKeyArray,
        excitatory: float | int = 0.8,
        mask: ArrayLike | None = None,
        activation: Callable[[Array], Array] = jax.nn.relu,
        tau: float | int = 1.0,
        dt: float | int = 1.0,
        noise: float | int = 0.0,
    ):
        check_sizes(inputs, units)
        self.tau, self.dt = check_tau(tau, dt)
        if not 0 <= excitatory <= 1:
            raise ValueError(f"excitatory is a fraction from 0 to 1, got {excitatory}")
        self.excitatory = jnp.arange(units) < round(excitatory * units)
        mask = ~jnp.eye(units, dtype=bool) if mask is None else mask
        self.mask = flags("the mask [to, from] of Dale", mask, (units, units))
        w_key, u_key = jax.random.split(key)
        self.w = balanced(w_key, self.excitatory, self.mask)
        self.u = jax.random.normal(u_key, (units, inputs)) / max(inputs, 1) ** 0.5
        self.b = jnp.zeros(units)
        self.activation, self.noise = activation, check_noise(noise)

    @property
    def wire(self) -> Float[Array, "N N"]:
        """`W = |w| * sign * mask`, `[to, from]`: what the network uses of `w`."""
        return signed(self.w, self.excitatory, self.mask)

    def __call__(self, h: State, x: Input) -> State:
        a = self.dt / self.tau
        return (1 - a) * h + a * self.activation(self._drive(h, x))

    def parts(self, h: State, x: Input) -> Parts:
        """The Jacobian's parts at `(h, x)`: leak `1 - a`, gate `a phi'`, wire `W`."""
        a = self.dt / self.tau
        gate = a * slope(self.activation, self._drive(h, x))
        return Parts(jnp.full_like(gate, 1 - a), gate, self.wire)

    def _drive(self, h: State, x: Input) -> Float[Array, " N"]:
        x, xi = split_noise(self.noise, x)
        check_step(self, h, x)
        drive = self.wire @ h + self.u @ x + self.b
        if xi is None:
            return drive
        expect("the noise of Dale", xi, h.shape)
        return drive + self.noise * (2 * self.tau / self.dt) ** 0.5 * xi


def signed(
    w: Float[Array, "M N"],
    excitatory: Bool[Array, " N"] | None,
    mask: Bool[Array, "M N"] | None,
) -> Float[Array, "M N"]:
    """`|w| * sign * mask`, each column of the sign of its sender.

    **Arguments:**

    - `w`: free parameters `[to, from]`.
    - `excitatory`: true where a sender excites, false where it inhibits; `None` leaves the
        signs of `w` alone.
    - `mask`: `[to, from]`, true where there is a synapse; `None` is everywhere.

    **Returns:** the weights, `[to, from]`.

    **Example:**

        >>> W = jnp.array([[0.5, 0.5], [-0.5, -0.5]])
        >>> rj.cells.signed(W, jnp.array([True, False]), None).tolist()  # by the sender's sign
        [[0.5, -0.5], [0.5, -0.5]]
    """
    if excitatory is not None:
        w = jnp.abs(w) * jnp.where(excitatory, 1, -1).astype(w.dtype)[None]
    return w if mask is None else w * mask.astype(w.dtype)


def balanced(
    key: PRNGKeyArray,
    excitatory: Bool[Array, " N"],
    mask: Bool[Array, "N N"],
    gain: float | int = 0.9,
) -> Float[Array, "N N"]:
    """Magnitudes whose excitation and inhibition cancel at each receiver.

    Few inhibitory units face many excitatory ones, and a common drive would grow without
    bound: in each row the inhibitory weights are scaled to the excitatory ones' sum, and
    the whole to a spectral radius of at most `gain`.

    **Arguments:**

    - `key`: draws from Gamma(2), so that few weights are near 0.
    - `excitatory`: `[N]`, true where a sender excites.
    - `mask`: `[N, N]` `[to, from]`, true where there is a synapse.
    - `gain`: the radius.

    **Returns:** `[N, N]` `[to, from]`, non-negative, 0 outside the mask.

    Song, Yang & Wang (2016), Methods; Rajan & Abbott, Phys Rev Lett (2006).

    **Example:**

        >>> excites, pairs = jnp.arange(10) < 8, jnp.ones((10, 10), bool)
        >>> W = rj.cells.balanced(key, excites, pairs)  # [to, from]
        >>> bool(jnp.allclose(W[:, :8].sum(1), W[:, 8:].sum(1)))  # two against eight
        True
    """
    w = jnp.where(mask, jax.random.gamma(key, 2.0, mask.shape), 0)
    plus = jnp.sum(jnp.where(excitatory[None], w, 0), axis=1)
    minus = jnp.sum(jnp.where(excitatory[None], 0, w), axis=1)
    # a receiver with one sort of sender has nothing to balance
    ratio = jnp.where((plus > 0) & (minus > 0), plus / jnp.where(minus > 0, minus, 1), 1)
    w = jnp.where(excitatory[None], w, w * ratio[:, None])
    # a network without loops has radius 0, yet its rows must not be large either
    rows = jnp.sqrt(jnp.sum(w**2) / mask.shape[0])
    bound = jnp.maximum(_radius(signed(w, excitatory, mask)), rows)
    return w * (gain / jnp.where(bound > 0, bound, 1))


def _radius(w: Float[Array, "N N"]) -> Float[Array, ""]:
    """Gelfand's bound on the spectral radius, `|W^64|^(1/64)`.

    From above and close, and unlike eigenvalues it runs on any device and under `vmap`.
    """
    log = jnp.zeros((), w.dtype)
    for _ in range(6):
        norm = jnp.linalg.norm(w)
        w = w / jnp.where(norm > 0, norm, 1)
        w, log = w @ w, 2 * (log + jnp.log(norm))
    return jnp.exp((log + jnp.log(jnp.linalg.norm(w))) / 64)
