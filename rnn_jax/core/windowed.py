"""Interventions on units in a window: three ways to take a unit out, three questions.

clamp(units, window, 0.0)   # held there at every step of the window
pulse(units, window, 0.0)   # set once, at the window's first step, then free
read(units, window, 0.0)    # evolves on, while everyone else reads the replacement
"""

from typing import Any, Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from .checks import in_unit, one_of, vector
from .interventions import Read, Replace
from .units import over
from .windows import first


def clamp(units: PyTree, window: Float[Array, " T"], value: Any) -> Replace:
    """Hold units at a value at every step of a window.

    **Arguments:**

    - `units`: an index, or several in a list or an integer array; or a mask `[N]` of floats or
        bools, 1 where held; or a tuple of these, a prefix of the state's tree.
    - `window`: float `[T]`.
    - `value`: float `[T, N]`, `[1, N]` or a scalar.

    **Returns:** an intervention, for `run`, `finite` or a sweep.

    **Raises:** `ValueError` where a mask or the window leaves [0, 1], or an index is negative or
    given twice; where the intervention meets a state, if an index is not one of its units.

    **Example:**

        >>> edit = rj.clamp([0, 3], rj.span(20, 5, 10), 0.0)
        >>> hs = rj.run(network, x, edit).hs
        >>> bool((hs[5:10, jnp.array([0, 3])] == 0).all()), bool((hs[10:, 0] == 0).any())
        (True, False)
    """
    return Replace(over(units, within(window)), value)


def pulse(units: PyTree, window: Float[Array, " T"], value: Any) -> Replace:
    """Set units to a value once, at the window's first step.

    **Arguments, raises:** as for `clamp`.

    **Example:**

        >>> hs = rj.run(network, x, rj.pulse(0, rj.span(20, 5, 10), 0.0)).hs
        >>> bool(hs[5, 0] == 0), bool(hs[6, 0] == 0)
        (True, False)
    """
    return Replace(over(units, first(within(window))), value)


def read(
    units: PyTree,
    window: Float[Array, " T"],
    value: Any,
    readers: Literal["all", "units", "readout"] = "all",
) -> Read:
    """Show replacements to the readers of units, which themselves evolve on.

    **Arguments:** as for `clamp`, and

    - `readers`: who is shown them: the other `units`, the `readout` (the direct effect
        alone), or `all`.

    **Returns:** an intervention, for `run`, `finite` or a sweep.

    **Raises:** as `clamp`, and `ValueError` where `readers` is unknown.

    **Example:**

        >>> trajectory = rj.run(network, x, rj.read(0, rj.span(20, 5, 10), 0.0))
        >>> bool((trajectory.hs[5:10, 0] == 0).all())  # what others see
        True
        >>> bool((trajectory.carried[5:10, 0] == 0).any())  # what it carries on
        False
    """
    one_of("readers", readers, ("all", "units", "readout"))
    window = within(window)
    T = window.shape[0]

    def delay(row: Array) -> Array:
        row = jnp.broadcast_to(row, (T, *row.shape[1:]))
        return jnp.concatenate([jnp.zeros_like(row[:1]), row[:-1]])

    now = Replace(over(units, window), value)
    later = Replace(over(units, delay(window)), jax.tree.map(delay, now.value))
    return Read(later if readers != "readout" else None, now if readers != "units" else None)


def within(window: Any) -> Float[Array, " T"]:
    """A window, which `over` makes a part of a mask."""
    window = vector("a window [T], as span(T, start, stop) makes one,", window)
    return in_unit("a window [T], as rj.span(T, start, stop) makes it,", window, traced=False)
