"""The context-dependent flip-flop under Dale's law: what may be written depends on a memory.

    planted = context_flip_flop()
    trials = planted.sample(jax.random.key(0), 24)

Two latches. The *context* is set by cues; the *memory*, which is the output, by the pulses of
two channels, of which each counts in its own context only. A latch has two sides, each of two
units that excite one another and one that inhibits the other side; a steady drive would lift
either side, so that inhibition is at work at all times. A *gate* adds a pulse to its context:

    gate = clip(2 pulse + context a + context b - 3)

so the latches always belong to the circuit, and gates only while their context is written in.
All weights of a unit have one sign, those of the readout too, and all states are exact bits.

Mante, Sussillo, Shenoy and Newsome, Nature 503 (2013), for the question; Wong and Wang,
J. Neurosci. 26 (2006), for latches by excitation with inhibition across.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from ..core import span
from ..tasks import Contrast, Trials
from ..tasks.contrast import epochs_after
from .causes import inside_epochs
from .planted import Planted, Truth
from .wiring import Unit, truth_of, wire

DRIVE, EXCITE, INHIBIT = 0.25, 1.0, 2.5
"""On: 1.25, over 1. Off: -2.25, and -1.25 however its twin excites it. Released: it rises."""
KICK = 4.0
"""What turns a unit on against inhibition: 1.75, over 1."""

EVENTS = ("cue", 1, 2, 1, "cue", 2, 1, 2)
"""Of all trials alike, so that a unit silent in an epoch is silent in all trials just then."""
STARTS = tuple(1 + 7 * k for k in range(len(EVENTS)))
STEPS = 58
PULSE = 4
"""Steps a pulse lasts: until the side that loses has stopped inhibiting."""
SETTLE = 5
"""Steps from a pulse's first until all is at rest."""
LAG = 3
"""Steps from a pulse's first until the outputs are right: the winner is up after 1."""

INPUTS = ("cue 1", "cue 2", "pulse 1", "pulse 2")
SIGN = {"up": 1.0, "down": -1.0}

Pair = tuple[Array, Array]


def _latch(sides: dict[str, Unit], on: str) -> dict[str, Unit]:
    """Two sides that exclude one another; each side's `Unit` is what may turn it on."""
    units = {}
    for side, other in (tuple(sides), tuple(sides)[::-1]):
        kick, start = sides[side], float(side == on)
        for one, twin in ("ab", "ba"):
            reads = {f"{side} {twin}": EXCITE, f"{other} inhibits": -INHIBIT, **kick.units}
            units[f"{side} {one}"] = Unit(reads, kick.inputs, DRIVE, start, kick.group)
        reads = {f"{side} a": 1.0, f"{side} b": 1.0}
        group = f"{kick.group} inhibition"
        units[f"{side} inhibits"] = Unit(reads, start=start, group=group)
    return units


def _circuit() -> dict[str, Unit]:
    kicks = lambda side: {f"gate 1 {side}": KICK, f"gate 2 {side}": KICK}
    memory = {side: Unit(kicks(side), group="memory") for side in SIGN}
    cues = {f"context {c}": Unit(inputs={f"cue {c}": KICK}, group="context") for c in (1, 2)}
    gates = {
        f"gate {c} {side}": Unit(
            {f"context {c} a": 1.0, f"context {c} b": 1.0},
            {f"pulse {c}": 2 * sign},
            bias=-3.0,
            group=f"gate {c}",
        )
        for c in (1, 2)
        for side, sign in SIGN.items()
    }
    return {**_latch(memory, "down"), **_latch(cues, "context 1"), **gates}


def _with_copies(circuit: dict[str, Unit], extra: int) -> dict[str, Unit]:
    """Units that say, a step later, what another says, or its opposite where that inhibits."""
    units = dict(circuit)
    for k in range(extra):
        source = list(units)[k]
        inhibits = source.endswith("inhibits") and source in circuit
        weight, bias = (-1.0, 1.0) if inhibits else (1.0, 0.0)
        start = weight * units[source].start + bias
        units[f"copy of {source}"] = Unit({source: weight}, {}, bias, start, "copy")
    return units


def context_flip_flop(extra: int = 20) -> Planted:
    """The context-dependent flip-flop with its trials and its truth.

    Outputs are the two sides of the memory, `(up, down)`, each the mean of its two units.
    Trials start in context 1 with the memory down.

    **Arguments:**

    - `extra`: units that nobody in the circuit reads, each a copy, one step late, of the
        circuit's 16 units in turn; from the 17th on of copies.

    **Returns:** a `Planted` of `16 + extra` units. Its members are those whose exchange for
    another trial's value tells in the outputs. While a context is written in, zero finds all
    of them but the other context's side, which is off, and the mean over trials all but the
    unit by which this side inhibits: half as much is enough. A pulse that changes nothing is
    in no epoch: whether a silent gate belongs there depends on the replacement. Contrasts: the
    second context cue is the other (`context`); the first pulse that counts of channel 1, or of
    channel 2, has the other sign (`pulse 1`, `pulse 2`). Their epochs are the SETTLE steps of the
    event (`set context`, `switch 1`, `switch 2`), and the rest until the next event
    (`hold context`) or the next pulse that counts (`hold memory`).

    **Raises:** `ValueError` where `extra` is negative.

    **Example:**

        >>> made = rj.planted.context_flip_flop(extra=0)
        >>> here, there = (made.truth.nodes[f"switch context {k}"] > 0 for k in (1, 2))
        >>> np.compress(here & ~there, made.units).tolist()  # the gates of the first context alone
        ['gate 1 up', 'gate 1 down']
    """
    if extra < 0:
        raise ValueError(f"extra must be at least 0, got {extra}")
    circuit = _circuit()
    units = _with_copies(circuit, extra)
    outputs = {side: {f"{side} a": 0.5, f"{side} b": 0.5} for side in SIGN}
    return Planted(
        wire(units, INPUTS, outputs),
        sample_trials,
        _truth(units),
        tuple(units),
        tuple(unit.group for unit in units.values()),
        latents,
        _contrasts,
    )


def _truth(units: dict[str, Unit]) -> Truth:
    """Both latches always, a context's gates while they switch the memory.

    While a context is written in, two kinds of wire among members do nothing by themselves: to
    its inhibition from either unit of its side, since the other is enough; and between the
    units of the other side, which stay off whatever one says to the other. Under contrasts the
    twins of what a cue or pulse sets are, and those of context 1: the event drives each of them.
    """
    of = lambda *groups: [name for name, unit in units.items() if unit.group in groups]
    latches = of("memory", "memory inhibition", "context", "context inhibition")
    members = {"context cue": latches, "hold": latches}
    members |= {f"switch context {c}": latches + of(f"gate {c}") for c in (1, 2)}
    context, memory = of("context", "context inhibition"), of("memory", "memory inhibition")
    members |= {"set context": context, "hold context": context, "hold memory": memory}
    members |= {f"switch {c}": memory + of(f"gate {c}") for c in (1, 2)}
    truth = truth_of(units, members)
    edges = dict(truth.edges)
    idle = {f"switch context {on}": _idle(on, off) for on, off in ((1, 2), (2, 1))}
    idle |= {f"{name} context": _twins("context 1") for name in ("set", "hold")}
    idle |= {f"switch {c}": _twins("up") + _twins("down") for c in (1, 2)}
    for epoch, wires in idle.items():
        to, source = np.array([[list(units).index(end) for end in wire] for wire in wires]).T
        edges[epoch] = edges[epoch].at[to, source].set(0.0)
    return Truth(truth.nodes, edges)


def _idle(on: int, off: int) -> list[tuple[str, str]]:
    """Wires `(to, from)` that are silent one by one while a context is on and the other off."""
    heard = [(f"context {on} inhibits", f"context {on} {unit}") for unit in "ab"]
    return heard + _twins(f"context {off}")


def _twins(side: str) -> list[tuple[str, str]]:
    """Wires between the two units of a side, either way."""
    return [(f"{side} {unit}", f"{side} {twin}") for unit, twin in ("ab", "ba")]


def latents(xs: Float[Array, "T 4"]) -> dict[str, Float[Array, " T"]]:
    """The last cue, and the last pulse of what was then the context's channel.

    **Arguments:**

    - `xs`: `[T, 4]`, `(cue 1, cue 2, pulse 1, pulse 2)`.

    **Returns:** `context`, 1 or -1 for the second, and `memory`, 1 for up or -1, each `[T]`.
    """

    def latch(carry: Pair, x: Array) -> tuple[Pair, Pair]:
        context, memory = carry
        cue, pulse = jnp.sign(x[0] - x[1]), jnp.sign(x[2:])
        context = jnp.where(cue == 0, context, cue)
        heard = jnp.where(context > 0, pulse[0], pulse[1])
        memory = jnp.where(heard == 0, memory, heard)
        return (context, memory), (context, memory)

    one = jnp.ones((), xs.dtype)
    context, memory = lax.scan(latch, (one, -one), xs)[1]
    return {"context": context, "memory": memory}


def sample_trials(key: PRNGKeyArray, count: int) -> Trials:
    """Trials of two cues and six pulses, three in each channel, every one of random sign.

    **Arguments:**

    - `key`: draws each cue's context and each pulse's sign.
    - `count`: the number of trials.

    **Returns:** `Trials` with inputs `[count, 58, 4]`, `(cue 1, cue 2, pulse 1, pulse 2)`, and
    targets `[count, 58, 2]`, 1 for the side of the memory that should be on.
    """
    dtype = jnp.zeros(()).dtype
    box = lambda width: jnp.stack([span(STEPS, s, s + width) for s in STARTS]).astype(dtype)
    kind = lambda *kinds: jnp.asarray([event in kinds for event in EVENTS], dtype)
    cue, one, two = kind("cue"), kind(1), kind(2)
    signs = jax.random.rademacher(key, (count, len(EVENTS)), dtype)
    cues = jnp.maximum(signs, 0) * cue[None], jnp.maximum(-signs, 0) * cue[None]
    events = jnp.stack([*cues, signs * one[None], signs * two[None]])
    xs = jnp.moveaxis(events @ box(PULSE)[None], 0, -1)
    memory = jax.vmap(latents)(xs)["memory"]
    at = np.asarray(STARTS)
    flips = (memory[:, at] != memory[:, at - 1]).astype(dtype)
    inside = lambda events: events @ box(SETTLE)
    epochs = {
        "context cue": jnp.broadcast_to(inside(cue)[None], memory.shape),
        "hold": jnp.broadcast_to(1 - inside(cue + one + two)[None], memory.shape),
        "switch context 1": inside(flips * one[None]),
        "switch context 2": inside(flips * two[None]),
    }
    targets = jnp.stack([memory > 0, memory < 0], -1).astype(dtype)
    return Trials(xs, targets, epochs)


def _contrasts(key: PRNGKeyArray, trials: Trials) -> dict[str, Contrast]:
    """The second cue exchanged; the first pulse that counts of either channel, turned."""
    xs = np.asarray(trials.xs)
    B, at = len(xs), np.asarray(STARTS)
    second = EVENTS.index("cue", 1)
    event, inside = np.full(B, at[second]), _steps_of(np.full(B, second))
    foil = np.where(inside[..., None], xs[..., [1, 0, 2, 3]], xs)
    windows = epochs_after(event, STEPS, set=(0, SETTLE), hold=(SETTLE, STARTS[1] - STARTS[0]))
    epochs = {f"{name} context": window for name, window in windows.items()}
    found = {"context": inside_epochs(foil, event, epochs)}
    context = np.asarray(jax.vmap(latents)(trials.xs)["context"])[:, at]
    heard = np.where([kind == 1 for kind in EVENTS], context > 0, context < 0)
    heard &= np.array([kind != "cue" for kind in EVENTS])
    for c in (1, 2):
        counts = heard & np.array([kind == c for kind in EVENTS])
        found[f"pulse {c}"] = _turned(xs, c, heard, counts)
    return found


def _turned(
    xs: Float[np.ndarray, "B T 4"],
    channel: int,
    heard: Bool[np.ndarray, "B K"],
    counts: Bool[np.ndarray, "B K"],
) -> Contrast:
    """The first pulse of a channel that counts, turned; held until the next that is heard."""
    slot = np.where(counts.any(1), counts.argmax(1), -1)
    later = heard & (np.arange(len(EVENTS)) > slot[:, None])
    at = np.asarray(STARTS)
    event = np.where(slot >= 0, at[slot], -1)
    end = np.where(later.any(1), at[later.argmax(1)], STEPS)[:, None]
    turns = _steps_of(slot)[..., None] & (np.arange(len(INPUTS)) == 1 + channel)
    windows = epochs_after(event, STEPS, switch=(0, SETTLE), hold=(SETTLE, STEPS))
    hold = np.asarray(windows["hold"]) * (np.arange(STEPS) < end)
    epochs = {f"switch {channel}": windows["switch"], "hold memory": hold}
    return inside_epochs(np.where(turns, -xs, xs), event, epochs)


def _steps_of(slot: Int[np.ndarray, " B"]) -> Bool[np.ndarray, "B T"]:
    """The steps of the cue or pulse of a slot; none for -1."""
    since = np.arange(STEPS) - np.asarray(STARTS)[slot][:, None]
    return (since >= 0) & (since < PULSE) & (slot >= 0)[:, None]
