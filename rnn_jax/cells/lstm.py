"""The long short-term memory, in PyTorch's equations; its state is the pair `(h, c)`.

    cell = LSTM(3, 64, key=key)
    trajectory = rollout(cell, zero_state(cell), xs)     # hs is a pair of [T, 64]

Unit i is entry i of both; what a unit shows is `h`.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ..core import Input, State
from .shapes import check_sizes, check_step, expect


class LSTM(eqx.Module):
    """A long short-term memory:

    ```
    i, f, o = sigmoid(W_k h + U_k x + b_k) for k = i, f, o
    g       = tanh(W_g h + U_g x + b_g)
    c <- f c + i g
    h <- o tanh(c)
    ```

    **Arguments:**

    - `inputs`, `units`: sizes `I` and `N`.
    - `key`: draws every weight from Uniform(-1 / sqrt(N), 1 / sqrt(N)); biases are 0 but
        the forget gate's, 1, so that an untrained cell remembers.

    Its fields lead with the gates i, f, g, o: `w [4, N, N]` and `u [4, N, I]`, both
    `[gate, to, from]`, and `b [4, N]`.

    **Raises:** `ValueError` at a call whose state is not a pair of `[N]`, or whose input is
    not `[I]`.

    Hochreiter & Schmidhuber, Neural Comput (1997); Gers et al. (2000) for the forget gate;
    Jozefowicz et al., ICML (2015) for its bias.

    **Example:**

        >>> cell = rj.cells.LSTM(2, 6, key=key)
        >>> h, c = rj.rollout(cell, rj.cells.zero_state(cell), x).hs
        >>> h.shape, c.shape
        ((20, 6), (20, 6))
    """

    w: Float[Array, "4 N N"]
    u: Float[Array, "4 N I"]
    b: Float[Array, "4 N"]

    def __init__(self, inputs: int, units: int, *, key: PRNGKeyArray):
        check_sizes(inputs, units)
        w_key, u_key = jax.random.split(key)
        bound = units**-0.5
        self.w = jax.random.uniform(w_key, (4, units, units), minval=-bound, maxval=bound)
        self.u = jax.random.uniform(u_key, (4, units, inputs), minval=-bound, maxval=bound)
        self.b = jnp.zeros((4, units)).at[1].set(1.0)

    def __call__(self, h: State, x: Input) -> State:
        if not (isinstance(h, tuple) and len(h) == 2):
            raise ValueError(f"the state of LSTM: got {type(h).__name__}, expected a pair (h, c)")
        shown, memory = h
        check_step(self, shown, x)
        expect("the memory of LSTM", memory, shown.shape)
        a = self.w @ shown + self.u @ x + self.b
        i, f, o = jax.nn.sigmoid(a[0]), jax.nn.sigmoid(a[1]), jax.nn.sigmoid(a[3])
        memory = f * memory + i * jnp.tanh(a[2])
        return o * jnp.tanh(memory), memory
