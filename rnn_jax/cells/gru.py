"""The gated recurrent unit, in PyTorch's equations: the reset gate acts after the product.

    cell = GRU(3, 64, key=key)
    trajectory = rollout(cell, zero_state(cell), xs)

It has no single wire, so no `parts`: only its whole Jacobian is meaningful.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ..core import Input, State
from .shapes import check_sizes, check_step


class GRU(eqx.Module):
    """A gated recurrent unit:

    ```
    r = sigmoid(W_r h + U_r x + b_r)
    z = sigmoid(W_z h + U_z x + b_z)
    n = tanh(r * (W_n h + c) + U_n x + b_n)
    h <- (1 - z) n + z h
    ```

    **Arguments:**

    - `inputs`, `units`: sizes `I` and `N`.
    - `key`: draws every weight from Uniform(-1 / sqrt(N), 1 / sqrt(N)); biases are 0.

    Its fields lead with the gates r, z, n: `w [3, N, N]` and `u [3, N, I]`, both
    `[gate, to, from]`, `b [3, N]`, and `c [N]`, the candidate's bias inside the reset product.

    **Raises:** `ValueError` at a call whose state is not `[N]` or whose input is not `[I]`.

    Cho et al., EMNLP (2014); `torch.nn.GRU` for the place of the reset gate.

    **Example:**

        >>> cell = rj.cells.GRU(2, 6, key=key)
        >>> rj.rollout(cell, rj.cells.zero_state(cell), x).hs.shape
        (20, 6)
    """

    w: Float[Array, "3 N N"]
    u: Float[Array, "3 N I"]
    b: Float[Array, "3 N"]
    c: Float[Array, " N"]

    def __init__(self, inputs: int, units: int, *, key: PRNGKeyArray):
        check_sizes(inputs, units)
        w_key, u_key = jax.random.split(key)
        bound = units**-0.5
        self.w = jax.random.uniform(w_key, (3, units, units), minval=-bound, maxval=bound)
        self.u = jax.random.uniform(u_key, (3, units, inputs), minval=-bound, maxval=bound)
        self.b = jnp.zeros((3, units))
        self.c = jnp.zeros(units)

    def __call__(self, h: State, x: Input) -> State:
        check_step(self, h, x)
        wh, ux = self.w @ h, self.u @ x + self.b
        r, z = jax.nn.sigmoid(wh[:2] + ux[:2])
        n = jnp.tanh(r * (wh[2] + self.c) + ux[2])
        return (1 - z) * n + z * h
