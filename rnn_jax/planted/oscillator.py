"""Oscillators: two rotating pairs of units, each of which carries a phase in time.

    planted = oscillators()
    planted.truth.nodes["early slow"]     # the slow pair

No unit holds anything: what a pair carries is where it is on its cycle. A pair is
`h <- tanh(g Q h)`, `Q` a rotation by `2 pi / period`; it settles on a cycle of one amplitude, and
its phase, which nothing brings back, stays what the cue made it.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from .causes import Cause, named_for, number, truth_for, with_causes
from .planted import Planted
from .wiring import Unit, wire, with_unread

STEPS, EVENT = 36, 2
EPOCHS = {"set": range(2, 6), "early": range(8, 14), "late": range(18, 24)}
PERIODS = {"slow": 12, "fast": 8}
"""Multiples of four, so that what tanh does to a phase cancels over a cycle."""
GAIN = 1.15
AMPLITUDE = 0.655
"""Of the cycle, measured (`tests/test_planted_hard.py` holds it to the network)."""
CUE = 1.0
CROSS = 0.05
"""Between the pairs: false wires, off resonance."""


def oscillators(extra: int = 4) -> Planted:
    """Two phases, each set by a cue and carried by a pair of units.

    Outputs are the first units of the pairs.

    True: both units of each pair; of one where its cue alone is turned. The border: a member or
    true wire does at least 0.15 of a contrast, other units and the wires between pairs at most
    0.02. Fooled: means over whole cycles, which are 0; a correlation at one time, which the units
    of a pair have a quarter of a cycle apart; and the smallest set that undoes the difference:
    over half a cycle either unit draws the other after it, and is a cut without it.

    **Arguments:** `extra`: distractors that nothing reads.

    **Returns:** a `Planted` of inputs `[B, 36, 4]` (cosine and sine of either phase), targets
    `[B, 36, 2]`. Contrasts: the phases are turned by a quarter, both, or that of `slow` or `fast`.

    **Example:**

        >>> made = rj.planted.oscillators(extra=0)
        >>> np.compress(made.truth.nodes["late slow"] > 0, made.units).tolist()
        ['slow 0', 'slow 1']
    """
    units = {f"{name} {k}": _unit(name, k) for name in PERIODS for k in (0, 1)}
    false = (("slow 1", "fast 0"), ("fast 0", "slow 0"))
    for to, source in false:
        units[to] = units[to]._replace(units={**units[to].units, source: CROSS})
    times = dict.fromkeys(units, range(EVENT, STEPS))
    parts = {"": list(times)} | {n: [f"{n} 0", f"{n} 1"] for n in PERIODS}
    units = with_unread(units, extra)
    inputs = tuple(f"{name} {part}" for name in PERIODS for part in ("cosine", "sine"))
    causes = {"both": Cause(lambda xs: _quarter(xs, (0, 1)), EPOCHS)}
    for k, name in enumerate(PERIODS):
        causes[name] = Cause(lambda xs, k=k: _quarter(xs, (k,)), named_for(EPOCHS, name))
    return with_causes(
        wire(units, inputs, {name: {f"{name} 0": 1.0} for name in PERIODS}, jnp.tanh),
        units,
        truth_for(units, times, EPOCHS, parts, false),
        _draw,
        follow,
        EPOCHS,
        causes,
        tuple(PERIODS),
    )


def _unit(name: str, k: int) -> Unit:
    """The first or the second of a rotating pair."""
    turn = 2 * np.pi / PERIODS[name]
    own, other = f"{name} {k}", f"{name} {1 - k}"
    weights = {own: GAIN * np.cos(turn), other: GAIN * np.sin(turn) * (2 * k - 1)}
    return Unit(weights, {f"{name} {('cosine', 'sine')[k]}": CUE}, group=name)


def follow(xs: Float[Array, "T 4"]) -> dict[str, Float[Array, " T"]]:
    """The cosine of each phase, at the cycle's amplitude, from its cue on.

    **Arguments:**

    - `xs`: `[T, 4]`, the cues.
    """
    T = len(xs)
    since = number(np.arange(T) - EVENT)
    told = {}
    for k, (name, period) in enumerate(PERIODS.items()):
        cosine, sine = xs[:, 2 * k].sum(), xs[:, 2 * k + 1].sum()
        turn = 2 * np.pi / period * since
        said = cosine * jnp.cos(turn) - sine * jnp.sin(turn)
        told[name] = AMPLITUDE * said * number(np.arange(T) >= EVENT)
    return told


def _draw(key: PRNGKeyArray, count: int) -> Float[Array, "B T 4"]:
    """Two phases, each uniform on the cycle, at one step."""
    dtype = jnp.zeros(()).dtype
    phase = jax.random.uniform(key, (count, 2), dtype, maxval=2 * np.pi)
    cues = jnp.stack([jnp.cos(phase), jnp.sin(phase)], -1).reshape(count, 1, 4)
    return cues * number(np.arange(STEPS) == EVENT)[None, :, None]


def _quarter(xs: np.ndarray, pairs: tuple[int, ...]) -> np.ndarray:
    """The phases of these pairs are a quarter of a cycle further."""
    foil = xs.copy()
    for k in pairs:
        foil[..., 2 * k], foil[..., 2 * k + 1] = -xs[..., 2 * k + 1], xs[..., 2 * k]
    return foil
