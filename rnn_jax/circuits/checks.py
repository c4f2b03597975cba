"""NaN has a name: a comparison with NaN is false, so it would pass for a verdict.

    effects = no_nan("effects", effects)     # [..., B], or an error that says which array

Unnamed, a NaN effect beats every random sign and so gets the smallest p there is, and a NaN
score ranks above all others.
"""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array


def no_nan(name: str, array: Array) -> Array:
    """The array itself, once it is known to hold no NaN; also under `jit` and `vmap`.

    **Arguments:**

    - `name`: what to call it in the message.
    - `array`: of any shape.

    **Raises:** `RuntimeError` where an entry is NaN.
    """
    return eqx.error_if(array, jnp.isnan(array).any(), f"{name}: an entry is NaN")
