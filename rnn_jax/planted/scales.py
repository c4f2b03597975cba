"""Outputs of unequal scale: two numbers are told, one at a twentieth of the other's size.

    planted = unequal_outputs()
    planted.truth.nodes["hold small"]     # the small output's memory and report

Each output has its own circuit. In the outputs' own units, leaks into the large one do twenty
times as much as the whole circuit of the small one.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from .causes import Cause, named_for, number, truth_for, with_causes
from .graded import mirrored, two_sided
from .planted import Planted
from .wiring import Unit, wire, with_unread

STEPS, EVENT = 24, 2
EPOCHS = {"cue": range(4), "hold": range(4, 18)}
SCALE = 0.05
"""Of the small output, beside 1 of the large one."""
LEAKS = (0.05, -0.05, 0.04, -0.04, 0.03, -0.03)
"""Into the large output, of its memory's number: shares of its scale."""
CROSS = 0.04
"""From either memory into the other's report: a false wire among members."""
NAMES = ("large", "small")


def unequal_outputs(scale: float = SCALE, extra: int = 4) -> Planted:
    """Two numbers, each held by its own memory and told by its own output, one of them small.

    True: relays, memories and reports of both outputs; of one alone where its cue alone is
    changed. The border, outputs in their own standard deviations: a member or true wire does at
    least 0.3 of a contrast, a leak at most 0.05, a wire between the two circuits 0.04. Fooled:
    whatever adds the outputs' changes without their scales: the small circuit is then 0.0025 of
    the whole, and a leak 0.05.

    **Arguments:**

    - `scale`: of the small output, above 0.
    - `extra`: distractors that nothing reads.

    **Returns:** a `Planted` of inputs and targets `[B, 24, 2]`, `(large, small)`. Contrasts: the
    cues v become 1 - v, those of `large`, of `small`, or of both.

    **Raises:** `ValueError` where the scale is not positive.

    **Example:**

        >>> made = rj.planted.unequal_outputs(extra=0)
        >>> drawn = made.sample(key, 200).targets[:, -1]
        >>> print((drawn.std(0)[1] / drawn.std(0)[0]).round(2))
        0.05
    """
    if not scale > 0:
        raise ValueError(f"scale must be above 0, got {scale}")
    units, leaks = _units(extra)
    outputs = {"large": {"report large": 1.0, **leaks}, "small": {"report small": scale}}
    false = [("report large", "small"), ("report small", "large")]
    late = {f"relay {n}": [EVENT] for n in NAMES}
    late |= {n: range(EVENT + 1, STEPS) for n in NAMES}
    times = {**late, **{f"report {n}": range(EVENT + 2, STEPS) for n in NAMES}}
    parts = {"": list(times)} | {n: [u for u in times if units[u].group == n] for n in NAMES}

    def follow(xs: Array) -> dict[str, Array]:
        told = jnp.pad(jnp.cumsum(xs, 0), ((2, 0), (0, 0)))[: len(xs)]
        return {"large": told[:, 0], "small": scale * told[:, 1]}

    pulse = (np.arange(STEPS) == EVENT).astype(float)[None, :, None]
    causes = {"both": Cause(lambda xs: mirrored(xs, 0, 1), EPOCHS)}
    for k, n in enumerate(NAMES):
        causes[n] = Cause(lambda xs, k=k: mirrored(xs, k), named_for(EPOCHS, n))
    return with_causes(
        wire(units, NAMES, outputs),
        units,
        truth_for(units, times, EPOCHS, parts, false),
        lambda key, count: two_sided(key, count, 2)[:, None] * number(pulse),
        follow,
        EPOCHS,
        causes,
        NAMES,
    )


def _units(extra: int) -> tuple[dict[str, Unit], dict[str, float]]:
    """All units, and the leaks' weights in the large output."""
    units = {f"relay {n}": Unit(inputs={n: 1.0}, group=n) for n in NAMES}
    units |= {n: Unit({n: 1.0, f"relay {n}": 1.0}, group=n) for n in NAMES}
    # a number's mean is 1/2, so that what crosses moves a report about what it would tell
    for n, other in (NAMES, NAMES[::-1]):
        units[f"report {n}"] = Unit({n: 1.0, other: CROSS}, bias=-CROSS / 2, group=n)
    unread = with_unread(units, extra)
    leaks = {f"leak {k}": share for k, share in enumerate(LEAKS)}
    units |= {name: Unit({name: 1.0, "relay large": 1.0}, group="leak") for name in leaks}
    units |= {name: unit for name, unit in unread.items() if name not in units}
    return units, leaks
