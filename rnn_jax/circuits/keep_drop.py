"""Keep only a circuit, or drop it: the two interventions on a set of units.

    rollout(step, h0, xs, keep(members, window, value))   # does it suffice?
    rollout(step, h0, xs, drop(members, window, value))   # is it needed?

Keeping every unit, like dropping none, edits nothing: `finite` and `sweep` call that an error
unless they are told to allow it.
"""

from typing import Any

from jaxtyping import Array, Float, PyTree

from ..core import Replace
from ..core.units import over
from ..core.windowed import within


def keep(members: PyTree, window: Float[Array, " T"], value: Any) -> Replace:
    """Clamp every unit outside a set: `mask = w (1 - C)^T`.

    **Arguments:**

    - `members`: a mask `[N]` of floats or bools, or indices, as for `clamp`.
    - `window`: float `[T]`.
    - `value`: float `[T, N]`, `[1, N]` or a scalar, in the state's unit.

    **Returns:** a `Replace`, whose mask is `[T, N]` where members are one.

    **Raises:** as `clamp`.

    **Example:**

        >>> circuit = jnp.array([1.0, 1, 0, 0, 0, 0])
        >>> hs = rj.run(network, x, rj.keep(circuit, rj.span(20, 0, 20), 0.0)).hs
        >>> bool((hs[:, 2:] == 0).all())
        True
    """
    return Replace(over(members, within(window), outside=True), value)


def drop(members: PyTree, window: Float[Array, " T"], value: Any) -> Replace:
    """Clamp every unit of a set: `mask = w C^T`. Arguments, returns, raises: as for `keep`.

    **Example:**

        >>> circuit = jnp.array([1.0, 1, 0, 0, 0, 0])
        >>> hs = rj.run(network, x, rj.drop(circuit, rj.span(20, 0, 20), 0.0)).hs
        >>> bool((hs[:, :2] == 0).all())
        True
    """
    return Replace(over(members, within(window)), value)
