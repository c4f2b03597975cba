"""What the traps are made of: a relay and memories, bystanders, cues, and their foils."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from .causes import Cause, Steps, with_causes
from .planted import Planted
from .wiring import Unit, Weights, truth_of, wire

STEPS = 30
EPOCHS: Mapping[str, Steps] = MappingProxyType({"cue": range(6), "delay": range(6, STEPS)})
EXTRA = 8
Foil: TypeAlias = Callable[[np.ndarray], np.ndarray]
RELAY = Unit(inputs={"cue": 1.0}, group="relay")
LINE = Unit({"memory": 1.0, "relay": 1.0}, group="memory")
"""Holds any number from 0 to 1."""

LATCH = Unit({"memory": 2.0, "relay": 2.0}, bias=-0.5, group="memory")
"""Holds a bit, saturated at both ends."""


def plant(
    units: Mapping[str, Unit],
    outputs: Mapping[str, Weights],
    members: Mapping[str, Sequence[str]],
    draw: Callable[[PRNGKeyArray, int], Array],
    foil: Foil,
    latents: Callable[[Array], dict[str, Array]],
    extra: int,
    inputs: Sequence[str] = ("cue",),
    epochs: Mapping[str, Steps] = EPOCHS,
) -> Planted:
    """Wire the units and bystanders; an output is asked for the latent of its name.

    The contrast is `cue`, whose foil is given.
    """
    circuit = tuple(dict.fromkeys(name for chosen in members.values() for name in chosen))
    units = {**units, **bystanders(circuit, extra)}
    return with_causes(
        wire(units, inputs, outputs),
        units,
        truth_of(units, members),
        draw,
        latents,
        epochs,
        {"cue": Cause(foil, epochs)},
        list(outputs),
    )


def bystanders(circuit: Sequence[str], count: int) -> dict[str, Unit]:
    """Units that hold weighted means of a circuit's units, and are read by nobody."""
    if count < 0:
        raise ValueError(f"extra must be at least 0, got {count}")
    weights = np.random.default_rng(0).dirichlet(np.ones(len(circuit)), count)
    drives = [dict(zip(circuit, row.tolist())) for row in weights]
    return {f"bystander {k}": Unit(drive, group="bystander") for k, drive in enumerate(drives)}


def pulses(
    key: PRNGKeyArray, count: int, channels: int = 1, low: float = 0.2, high: float = 0.8
) -> Float[Array, "B T C"]:
    """A pulse of random size a channel, all at one random step of the cue epoch.

    Never in its last step, which the memory behind the relay needs. Sizes are multiples of
    1/256, so that sums of them are exact and what cancels leaves no rounding to be ranked.
    """
    when, size = jax.random.split(key)
    dtype = jnp.zeros(()).dtype
    at = jax.random.randint(when, (count,), 1, len(EPOCHS["cue"]) - 1)
    sizes = jax.random.uniform(size, (count, 1, channels), dtype, low, high)
    sizes = jnp.round(sizes * 256) / 256
    return jax.nn.one_hot(at, STEPS, dtype=dtype)[:, :, None] * sizes


def bits(key: PRNGKeyArray, count: int) -> Float[Array, "B T 1"]:
    """A pulse of size 1 in half of the trials."""
    return jnp.round(pulses(key, count, low=0.0, high=1.0))


def other(channels: int = 1, by: float = 0.3) -> Foil:
    """Pulses of the first channels larger or smaller by as much, towards the other half of 0 to 1.

    All trials then differ by as much, and weigh alike.
    """

    def foil(xs: Float[np.ndarray, "B T C"]) -> Float[np.ndarray, "B T C"]:
        pulse = (xs > 0) & (np.arange(xs.shape[2]) < channels)
        return np.where(pulse, xs + np.where(xs < 0.5, by, -by), xs)

    return foil


def louder(xs: Float[np.ndarray, "B T C"]) -> Float[np.ndarray, "B T C"]:
    """Each pulse larger by a tenth."""
    return np.where(xs > 0, xs + 0.1, xs)


def other_bit(xs: Float[np.ndarray, "B T 1"]) -> Float[np.ndarray, "B T 1"]:
    """No pulse where a trial had one; at the fourth step where it had none."""
    absent = (xs == 0).all((1, 2))[:, None, None]
    return (absent & (np.arange(xs.shape[1]) == 3)[None, :, None]).astype(xs.dtype)


def sum_of(name: str, cues: int | None = None) -> Callable[[Array], dict[str, Array]]:
    """One latent: the sum so far of a trial's first `cues` channels, or of all."""
    return lambda xs: {name: jnp.cumsum(xs[:, :cues].sum(-1))}
