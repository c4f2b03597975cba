"""What the motifs are built from: clipping units, named times, and what is drawn and followed.

planted = motif(units, inputs, outputs, times, epochs, draw, follow, extra, causes)
"""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from .causes import Cause, Steps, number, with_causes, within
from .planted import Planted
from .wiring import Unit, Weights, truth_over, wire, with_unread


def motif(
    units: Mapping[str, Unit],
    inputs: tuple[str, ...],
    outputs: Mapping[str, Weights],
    times: Mapping[str, Steps],
    epochs: Mapping[str, Steps],
    draw: Callable[[PRNGKeyArray], Array],
    follow: Callable[[Array], dict[str, Array]],
    extra: int,
    causes: Mapping[str, Cause],
) -> Planted:
    """What a motif says of itself, as a planted network; its targets are latents by name.

    **Arguments:** as for `wire`, `truth_over`, `with_unread` and `with_causes`; `draw` makes the
    inputs `[T, I]` of one trial.
    """
    units = with_unread(units, extra)
    return with_causes(
        wire(units, inputs, outputs),
        units,
        truth_over(units, times, epochs),
        lambda key, count: jax.vmap(draw)(jax.random.split(key, count)),
        follow,
        epochs,
        causes,
        list(outputs),
    )


def chain(name: str, count: int, source: str) -> dict[str, Unit]:
    """Units of which the first reads the input, and each other the one before."""
    later = {f"{name} {i}": Unit({f"{name} {i - 1}": 1.0}) for i in range(1, count)}
    return {f"{name} 0": Unit(inputs={source: 1.0}), **later}


def window(T: int, steps: Steps) -> Float[Array, " T"]:
    """The window that holds these steps."""
    return number(within(T, steps))


def around(T: int, slots: Steps) -> dict[str, Steps]:
    """The steps of pulses and those in which they land, and all others."""
    pulse = {t + late for t in slots for late in (0, 1)}
    return {"pulse": pulse, "hold": set(range(T)) - pulse}


def pulses(key: PRNGKeyArray, T: int, slots: Steps) -> Float[Array, " T"]:
    """At each slot a pulse or none."""
    at = window(T, slots)
    return at * jax.random.bernoulli(key, 0.5, (T,)).astype(at.dtype)


def late(x: Float[Array, " T"], by: int) -> Float[Array, " T"]:
    """`x_{t - by}`, 0 before."""
    return jnp.pad(x, (by, 0))[: len(x)]
