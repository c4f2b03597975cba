"""Graded distractors: units that are read, as active as the circuit, and hardly matter.

    planted = graded_distractors()
    planted.truth.nodes["hold"]       # the memories and the report, none of the leaks

Where a distractor has an effect of exactly 0, any threshold above 0 finds the circuit. Here eight
units hold what the memories hold and are read, with 0.02 to 0.2 of a memory's weight, so that a
method must say how much is enough.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from .causes import Cause, number, truth_for, with_causes
from .planted import Planted
from .wiring import Unit, wire, with_unread

STEPS, EVENT = 24, 2
EPOCHS = {"cue": range(4), "hold": range(4, 18)}
WEIGHT = 0.3
"""Of each memory in the report."""
LEAKS = (0.2, -0.15, 0.12, -0.1, 0.08, -0.05, 0.03, -0.02)
"""Shares of a memory's weight, of either sign: together they do less than the largest, 0.11."""


def graded_distractors(memories: int = 3, extra: int = 4) -> Planted:
    """A number held by several memories and told by their sum, with leaks into it.

    `y = report + sum_k c_k leak_k`, `report = 0.3 sum_m memory_m + sum_j c_j leak_j`. Every other
    pair of leaks is read by the report, the rest by the readout. Every memory and leak holds the
    cue's number.

    True: relay, memories, report. The border: a memory's share of what is read is about
    `1 / memories`, a leak's at most 0.2 of that, and all leaks together 0.11 of it. So with three
    memories a member or true wire does at least 0.2 of the contrast, a leak at most 0.07, and a
    set without any leak keeps 0.96 of it. Fooled: whatever asks whether an effect differs from 0,
    and any correlation.

    **Arguments:**

    - `memories`: the number of units that hold the number, from 1 to 3.
    - `extra`: distractors that nothing reads.

    **Returns:** a `Planted` of inputs and targets `[B, 24, 1]`. Contrast `number`: the cue v
    becomes 1 - v.

    **Raises:** `ValueError` where the report would leave the linear part.

    **Example:**

        >>> made = rj.planted.graded_distractors(memories=2, extra=0)
        >>> np.compress(made.truth.nodes["hold"] > 0, made.units).tolist()  # no leak
        ['memory 0', 'memory 1', 'report']
    """
    if not 1 <= memories <= 3:
        raise ValueError(f"memories must be from 1 to 3, got {memories}")
    held = tuple(f"memory {k}" for k in range(memories))
    leaks = {f"leak {k}": WEIGHT * share for k, share in enumerate(LEAKS)}
    units = {"relay": Unit(inputs={"cue": 1.0})}
    units |= {name: Unit({name: 1.0, "relay": 1.0}) for name in held}
    of_readout = {name: c for k, (name, c) in enumerate(leaks.items()) if k % 4 < 2}
    of_report = {name: c for name, c in leaks.items() if name not in of_readout}
    units["report"] = Unit({**dict.fromkeys(held, WEIGHT), **of_report})
    unread = with_unread(units, extra)
    units |= {name: Unit({name: 1.0, "relay": 1.0}, group="leak") for name in leaks}
    units |= {name: unit for name, unit in unread.items() if name not in units}
    times = {"relay": [EVENT], **dict.fromkeys(held, range(EVENT + 1, STEPS))}
    times |= {"report": range(EVENT + 2, STEPS)}

    def follow(xs: Array) -> dict[str, Array]:
        told = memories * WEIGHT * jnp.cumsum(xs[:, 0])
        return {"number": jnp.pad(told, (2, 0))[: len(told)]}

    return with_causes(
        wire(units, ("cue",), {"number": {"report": 1.0, **of_readout}}),
        units,
        truth_for(units, times, EPOCHS, {"": list(times)}),
        lambda key, count: two_sided(key, count, 1)[:, None] * number(_pulse()),
        follow,
        EPOCHS,
        {"number": Cause(lambda xs: mirrored(xs, 0), EPOCHS)},
        ["number"],
    )


def two_sided(key: PRNGKeyArray, count: int, channels: int) -> Float[Array, "B C"]:
    """Numbers of 0.15 to 0.35 or 0.65 to 0.85, multiples of 1/256: far from 1 less themselves."""
    size, side = jax.random.split(key)
    dtype = jnp.zeros(()).dtype
    low = jax.random.uniform(size, (count, channels), dtype, 0.15, 0.35)
    low = jnp.round(low * 256) / 256
    return jnp.where(jax.random.bernoulli(side, 0.5, low.shape), low, 1 - low)


def mirrored(xs: np.ndarray, *channels: int) -> np.ndarray:
    """The cues of these channels are 1 less what they were."""
    mine = np.isin(np.arange(xs.shape[-1]), channels)[None, None]
    return np.where((xs > 0) & mine, 1 - xs, xs)


def _pulse() -> Float[np.ndarray, "1 T 1"]:
    return (np.arange(STEPS) == EVENT).astype(float)[None, :, None]
