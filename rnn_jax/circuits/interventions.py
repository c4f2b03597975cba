"""Keep only a circuit, or drop it: the two interventions on a set of units.

    rollout(step, h0, xs, keep(members, window, value))   # does it suffice?
    rollout(step, h0, xs, drop(members, window, value))   # is it needed?

Keeping every unit, like dropping none, edits nothing: `finite` and `sweep` call that an error
unless they are told to allow it.
"""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import Replace, clamp


def keep(members: Array, window: Float[Array, " T"], value: Any) -> Replace:
    """Clamp every unit outside a set: `mask = w (1 - C)^T`.

    **Arguments:**

    - `members`: bool or 0 / 1, `[N]`.
    - `window`: float `[T]`.
    - `value`: float `[T, N]`, `[1, N]` or a scalar, in the state's unit.

    **Returns:** a `Replace` whose mask is `[T, N]`.

    **Raises:** `ValueError` where `members` or `window` is no vector.
    """
    return clamp(1 - _units(members, window), window, value)


def drop(members: Array, window: Float[Array, " T"], value: Any) -> Replace:
    """Clamp every unit of a set: `mask = w C^T`. Arguments, returns, raises: as for `keep`."""
    return clamp(_units(members, window), window, value)


def _units(members: Array, window: Array) -> Float[Array, " N"]:
    # an outer product would flatten whatever it is given
    if jnp.ndim(members) != 1 or window.ndim != 1:
        raise ValueError(
            f"members must be [N] and window [T], got {jnp.shape(members)} and {window.shape}"
        )
    return jnp.asarray(members, window.dtype)
