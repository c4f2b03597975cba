"""A circuit in a chaotic reservoir, which hears the circuit and is heard by nobody.

    planted = in_reservoir()
    planted.truth.nodes["hold"]       # the latch and its report, none of the reservoir

Run and foil drive the reservoir apart, so that its units hold most of the state's difference and
of its variance, and go on doing so after the event.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from .causes import Cause, number, truth_for, with_causes
from .planted import Planted
from .wiring import Unit, wire

STEPS, EVENT = 30, 2
EPOCHS = {"set": range(4), "hold": range(4, 20)}
LATCH, EAR, READ = 2.5, 3.0, 1.0
GAIN = 3.0
"""Standard deviation of a reservoir unit's weights, together: chaotic even when it is driven."""
KICKS = 4


def in_reservoir(size: int = 60, hears: float = 0.4, seed: int = 0) -> Planted:
    """A bit that is set, held by two units and told, within a random network of strong weights.

    True: ear and latch; then latch and report. The border: a member does at least 0.3 of the
    contrast, a true wire at least 0.2; units and wires of the reservoir do nothing. Each trial
    kicks the reservoir in its own way. Fooled: variance, principal components, and any decoder,
    since the reservoir tells the bit as well as the circuit.

    **Arguments:**

    - `size`: the number of reservoir units. `hears`: the size of its weights from the circuit.
    - `seed`: draws its weights.

    **Returns:** a `Planted` of inputs `[B, 30, 5]` (set, four kicks), targets `[B, 30, 1]`.
    Contrast `bit`: the pulse is turned, the kicks stay.

    **Raises:** `ValueError` where the size is below 1.

    **Example:**

        >>> made = rj.planted.in_reservoir(size=60)
        >>> np.compress(made.truth.nodes["hold"] > 0, made.units).tolist(), len(made.units)
        (['left', 'right', 'report'], 64)
    """
    if size < 1:
        raise ValueError(f"size must be at least 1, got {size}")
    units = {
        "ear": Unit(inputs={"set": EAR}),
        "left": Unit({"right": LATCH, "ear": LATCH}),
        "right": Unit({"left": LATCH, "ear": LATCH}),
        "report": Unit({"left": READ, "right": READ}),
    }
    times = {"ear": [EVENT], "report": range(EVENT + 2, STEPS)}
    times |= dict.fromkeys(("left", "right"), range(EVENT + 1, STEPS - 1))
    units |= _reservoir(size, hears, seed, tuple(units))
    inputs = ("set", *(f"kick {k}" for k in range(KICKS)))

    def follow(xs: Array) -> dict[str, Array]:
        return {"bit": jnp.pad(jnp.cumsum(xs[:, 0]), (2, 0))[: len(xs)]}

    sign = np.array([-1.0] + [1.0] * KICKS)[None, None]
    return with_causes(
        wire(units, inputs, {"bit": {"report": 1.0}}, jnp.tanh),
        units,
        truth_for(units, times, EPOCHS, {"": list(times)}),
        _draw,
        follow,
        EPOCHS,
        {"bit": Cause(lambda xs: xs * sign, EPOCHS)},
        ["bit"],
    )


def _reservoir(size: int, hears: float, seed: int, circuit: tuple[str, ...]) -> dict[str, Unit]:
    """Units that hear all of one another, the circuit, and the kicks."""
    rng = np.random.default_rng(seed)
    names = [f"reservoir {k}" for k in range(size)]
    w = rng.normal(size=(size, size)) * GAIN / np.sqrt(size)
    of_circuit = rng.normal(size=(size, len(circuit))) * hears
    kicks = rng.normal(size=(size, KICKS))
    found = {}
    for k, name in enumerate(names):
        reads = dict(zip((*names, *circuit), (*w[k].tolist(), *of_circuit[k].tolist())))
        inputs = {f"kick {m}": float(kick) for m, kick in enumerate(kicks[k])}
        found[name] = Unit(reads, inputs, group="reservoir")
    return found


def _draw(key: PRNGKeyArray, count: int) -> Float[Array, "B T 5"]:
    """A pulse of random sign, and kicks at step 0."""
    sign, kick = jax.random.split(key)
    at = lambda t: number(np.arange(STEPS) == t)[None, :, None]
    pulse = jax.random.rademacher(sign, (count, 1, 1), at(0).dtype) * at(EVENT)
    kicks = jax.random.normal(kick, (count, 1, KICKS), at(0).dtype) * at(0)
    return jnp.concatenate([pulse, kicks], -1)
