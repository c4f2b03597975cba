"""The rectified cell: what a unit sends is its positive part; what it holds may be negative.

    cell = Rectified(18, 180, key=key)
    cell = Rectified(18, 180, mask=anatomy, input_mask=own_channel, key=key)

Masks hold whatever the weights; signs are held by `training.keep_signs`, after each step.
"""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ..core import Input, State
from .shapes import check_sizes, check_step, flags


class Rectified(eqx.Module):
    """`h_t = tanh((W * M) r(h_{t-1}) + (U * K) x_t)`, `r(h) = max(h, 0)`: no bias.

    The state is what readouts see; other units get its rate `r`. A sender that is silent has no
    gain, so that the Jacobian is no gate times one wire, and the cell offers no `parts`.

    **Arguments:**

    - `inputs`, `units`: sizes `I` and `N`.
    - `key`: draws `W ~ Uniform(+-1 / sqrt(N))` and `U ~ Uniform(+-1 / sqrt(I))`.
    - `mask`: `M`, `[N, N]` `[to, from]`, 0 where there is no connection; by default all are.
    - `input_mask`: `K`, `[N, I]` `[to, from]`, 0 where a channel does not reach a unit.
    - `rate`: `r`, elementwise, a function that is made once.

    Its fields are `w [N, N]` and `u [N, I]`, both `[to, from]`, and the booleans `mask` and
    `input_mask`, which have no gradient.

    **Raises:** `ValueError` at sizes, masks, states or inputs that do not fit.

    Balwani, Wang, Najafi & Choi, Science Advances (2025), sadv.adw4970, for the rule; there the
    positive part is called the state.

    **Example:**

        >>> cell = rj.cells.Rectified(2, 6, key=key)
        >>> low = cell(-jnp.ones(6), jnp.zeros(2))
        >>> low.tolist()  # units below 0 send nothing
        [0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    """

    w: Float[Array, "N N"]
    u: Float[Array, "N I"]
    mask: Bool[Array, "N N"]
    input_mask: Bool[Array, "N I"]
    rate: Callable[[Array], Array] = eqx.field(static=True)

    def __init__(
        self,
        inputs: int,
        units: int,
        *,
        key: PRNGKeyArray,
        mask: ArrayLike | None = None,
        input_mask: ArrayLike | None = None,
        rate: Callable[[Array], Array] = jax.nn.relu,
    ):
        check_sizes(inputs, units)
        self.rate = rate
        mask = jnp.ones((units, units)) if mask is None else mask
        input_mask = jnp.ones((units, inputs)) if input_mask is None else input_mask
        self.mask = flags("the mask [to, from] of Rectified", mask, (units, units))
        self.input_mask = flags(
            "the input mask [to, from] of Rectified", input_mask, (units, inputs)
        )
        w_key, u_key = jax.random.split(key)
        uniform = lambda key, shape: jax.random.uniform(key, shape, minval=-1.0)
        self.w = uniform(w_key, (units, units)) / units**0.5
        self.u = uniform(u_key, (units, inputs)) / max(inputs, 1) ** 0.5

    @property
    def wire(self) -> Float[Array, "N N"]:
        """`W * M`, `[to, from]`: what the network uses of `w`."""
        return self.w * self.mask.astype(self.w.dtype)

    def __call__(self, h: State, x: Input) -> State:
        check_step(self, h, x)
        drive = (self.u * self.input_mask.astype(self.u.dtype)) @ x
        return jnp.tanh(self.wire @ self.rate(h) + drive)
