"""What the readout sees of a state under an intervention."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from .checks import described
from .types import State, Step


def shown(intervention: Callable[[Step], Step], h: State) -> State:
    """What the readout sees of `h`: `h` itself, unless the intervention has a method `shown`.

    A function that closes over an intervention cannot be seen through: make it a module.

    **Raises:** `ValueError` where `shown` gives no state like `h`, or where a wrapper of an
    intervention with a `shown` has none: its readout would see the truth.
    """
    if _shows(intervention):
        return _like(intervention.shown(h), h, intervention)  # pyright: ignore
    for part in jax.tree.leaves(intervention, is_leaf=_shows):
        if _shows(part) and part.shown(h) is not h:
            raise ValueError(
                f"{described(intervention)} holds {described(part)} and does not say what the "
                "readout sees: give it a method shown(h), for instance one that calls that of "
                "the inner one"
            )
    return h


def _shows(thing: Any) -> bool:
    """Whether it has the method, rather than a field of that name."""
    return callable(getattr(type(thing), "shown", None))


def _like(seen: Any, h: State, intervention: Any) -> State:
    """**Raises:** `ValueError` where what the readout sees is not a state like `h`."""
    kinds = [
        jax.tree.map(lambda leaf: (jnp.shape(leaf), jnp.result_type(leaf)), t) for t in (seen, h)
    ]
    if kinds[0] != kinds[1]:
        raise ValueError(
            f"shown(h) of {described(intervention)} must give a state like h, "
            f"{kinds[1]}; got {kinds[0]}"
        )
    return seen
