"""Noise-driven switching: a bit that only noise turns, and noise is an input.

    planted = noise_switch()
    trials = planted.sample(key, 48)      # the foil has the same noise but for one burst

Since noise is an input of the step, a run and its foil, or a run and the same run under an
intervention, hear the same noise: what differs between them is the cause.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ..core import Network, clean_run
from .causes import Cause, number, truth_for, with_causes
from .planted import Planted
from .wiring import Unit, wire, with_unread

STEPS, EVENT = 24, 8
EPOCHS = {"before": range(2, 8), "burst": range(8, 14), "after": range(14, 18)}
BURST = range(8, 12)
LATCH, READ, SET = 2.0, 1.0, 3.0
SIZE, SPREAD, CALM = 1.1, 0.4, 0.12
"""Of a burst: its drift and standard deviation; and the standard deviation at other times.

A steady input of 0.53 turns a latch."""
OTHER = 0.1
"""From the other latch, whose bursts are its own: a weak wire."""
INPUTS = ("set", "noise", "other noise", "own 0", "own 1")


def noise_switch(extra: int = 4) -> Planted:
    """A bit, set at step 0, that a burst of noise turns in about two thirds of the trials.

    Two units excite one another and hear common noise, and each its own as well. Another such
    latch hears noise of its own, switches as often, and is read weakly. A burst of four steps
    drifts to one side, against the bit in two thirds of the trials.

    True: both units of the latch and the report. The border: a member or true wire does at least
    0.15 of a contrast, the other latch at most 0.01. Fooled: runs whose noise is drawn
    anew, in which all differs; and what takes a switch for a circuit's, since the other latch
    switches at the same steps.

    **Arguments:** `extra`: distractors that nothing reads.

    **Returns:** a `Planted` of inputs `[B, 24, 5]` (set, noise, the other latch's, each unit's
    own), targets `[B, 24, 1]`, the bit. Contrast `burst`: the common noise of the burst is turned
    over, in trials in which run and foil end on different sides. Contrast `set`: the first pulse
    is turned, read until the burst, which makes the two runs one.

    **Example:**

        >>> made = rj.planted.noise_switch(extra=0)
        >>> np.compress(made.truth.nodes["burst"] > 0, made.units).tolist()
        ['left', 'right', 'report']
    """
    noise = lambda k: {"set": SET, "noise": 1.0, f"own {k}": 1.0}
    units = {
        "left": Unit({"right": LATCH, "other left": OTHER}, noise(0)),
        "right": Unit({"left": LATCH, "other right": OTHER}, noise(1)),
        "report": Unit({"left": READ, "right": READ}),
    }
    times = dict.fromkeys(("left", "right"), range(STEPS - 1)) | {"report": range(1, STEPS)}
    copied = {k: u for k, u in with_unread(units, extra).items() if k not in units}
    heard = {"set": SET, "other noise": 1.0}
    for side, twin in (("left", "right"), ("right", "left")):
        units[f"other {side}"] = Unit({f"other {twin}": LATCH}, heard, group="other")
    network = wire({**units, **copied}, INPUTS, {"bit": {"report": 1.0}}, jnp.tanh)
    first, later = {"before": EPOCHS["before"]}, {k: EPOCHS[k] for k in ("burst", "after")}
    return with_causes(
        network,
        {**units, **copied},
        truth_for({**units, **copied}, times, EPOCHS, {"": list(times)}),
        _draw,
        follow,
        EPOCHS,
        {
            "burst": Cause(lambda xs: _burst(network, xs), later, range(EVENT, 20)),
            "set": Cause(_other_set, first, range(EVENT)),
        },
        ["bit"],
    )


def follow(xs: Float[Array, "T 5"]) -> dict[str, Float[Array, " T"]]:
    """The bit: as it was set, then the side of the burst, if that is strong enough to turn it.

    **Arguments:**

    - `xs`: `[T, 5]`, the inputs.
    """

    def step(h: Array, x: Array) -> tuple[Array, Array]:
        h = jnp.tanh(LATCH * h + SET * x[0] + x[1])
        return h, jnp.sign(h)

    bit = jax.lax.scan(step, jnp.zeros((), xs.dtype), xs)[1]
    return {"bit": jnp.pad(bit, (1, 0))[: len(xs)]}


def _draw(key: PRNGKeyArray, count: int) -> Float[Array, "B T 5"]:
    """A first pulse of random sign, calm noise, and a burst that drifts to one side."""
    first, side, white = jax.random.split(key, 3)
    burst = number(np.isin(np.arange(STEPS), BURST))[None, :, None]
    sign = jax.random.rademacher(first, (count, 1, 1), burst.dtype)
    against = jax.random.bernoulli(side, 2 / 3, (count, 1, 2))
    drift = jnp.where(against, -sign, sign) * SIZE
    xi = jax.random.normal(white, (count, STEPS, 4), burst.dtype)
    common = xi[..., :2] * (CALM + (SPREAD - CALM) * burst) + drift * burst
    pulse = sign * number(np.arange(STEPS) == 0)[None, :, None]
    return jnp.concatenate([pulse, common, CALM * xi[..., 2:]], -1)


def _burst(network: Network, xs: np.ndarray) -> np.ndarray:
    """The burst turned over; the trial itself where that ends on the same side."""
    burst = np.isin(np.arange(STEPS), BURST)[None, :, None]
    common = (np.arange(len(INPUTS)) == INPUTS.index("noise"))[None, None]
    foil = np.where(burst & common, -xs, xs)
    ends = [np.sign(np.asarray(clean_run(network, jnp.asarray(x))[1])) for x in (xs, foil)]
    same = (ends[0] == ends[1])[:, EPOCHS["after"].start :].any((1, 2))
    return np.where(same[:, None, None], xs, foil)


def _other_set(xs: np.ndarray) -> np.ndarray:
    """The first pulse turned."""
    return np.where((np.arange(len(INPUTS)) == 0)[None, None], -xs, xs)
