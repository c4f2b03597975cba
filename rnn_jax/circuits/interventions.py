"""Keep only a circuit, or drop it: the two interventions on a set of units.

rollout(step, h0, xs, keep(members, window, value))   # does it suffice?
rollout(step, h0, xs, drop(members, window, value))   # is it needed?
"""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import Replace, clamp


def keep(members: Array, window: Float[Array, " T"], value: Any) -> Replace:
    """Clamp every unit outside a set.

    **Arguments:**

    - `members`: bool or 0 / 1, `[N]`.
    - `window`, `value`: as for `clamp`.
    """
    return clamp(1 - jnp.asarray(members, window.dtype), window, value)


def drop(members: Array, window: Float[Array, " T"], value: Any) -> Replace:
    """Clamp every unit of a set. Arguments as for `keep`."""
    return clamp(jnp.asarray(members, window.dtype), window, value)
