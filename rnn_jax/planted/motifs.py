"""Motifs: small circuits of exact logic, each of which computes one thing at a known time.

    planted = gate()
    planted.truth.nodes["a"]          # the route from a, and not the one from b
    planted = comparator()
    planted.truth.nodes["delay"]      # the memory of the first stimulus, alone

All units clip to [0, 1], so that bits are kept as they are and a unit whose sum stays below 0
says nothing of what it hears. A relay takes a step, so that units follow their input by one or
two. The times of pulses and cues are the same in all trials and what they bring is drawn: a unit
that is silent at a time is silent then in every trial, whatever it is replaced by.

`extra` distractors copy circuit units (see `with_unread`): they are as active, and read by none.
"""

from collections.abc import Callable, Collection, Mapping
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ..tasks import Trials
from .planted import Planted
from .wiring import Unit, Weights, truth_over, wire, with_unread

Steps = Collection[int]


def delay_line(delay: int = 12, width: int = 2, extra: int = 12) -> Planted:
    """A packet that travels down a chain: `y_t = x_{t - delay + 1}`.

    The packet is `width` uniform numbers, then silence. Unit i holds it at steps
    `[i, i + width)`, and belongs to the circuit then only. Epochs: `early`, `middle`, `late`,
    each a third of the way.

    **Arguments:**

    - `delay`: units of the chain, at least 3. `width`: steps of the packet.
    - `extra`: distractors.

    **Returns:** a `Planted` of inputs and targets `[B, delay + width, 1]`.

    **Raises:** `ValueError` where the chain or the packet is too short.
    """
    _at_least(delay, 3, "delay")
    _at_least(width, 1, "width")
    steps, thirds = delay + width, (0, delay // 3, 2 * delay // 3, delay + width)
    names = ("early", "middle", "late")
    return _motif(
        _chain("cell", delay, "packet"),
        ("packet",),
        {"echo": {f"cell {delay - 1}": 1.0}},
        {f"cell {i}": range(i, i + width) for i in range(delay)},
        {name: range(*ends) for name, ends in zip(names, pairwise(thirds))},
        lambda key: _within(steps, range(width))[:, None] * jax.random.uniform(key, (steps, 1)),
        lambda xs: {"echo": _late(xs[:, 0], delay - 1)},
        extra,
    )


def sequence(elements: int = 5, dwell: int = 2, extra: int = 10) -> Planted:
    """Units active in turn after a go cue: `y_kt = sum_d x_{t - k dwell - d}`, `d < dwell`.

    The cue comes at step 0, and all follows at its strength, drawn from 0.5 to 1. Each element
    is `dwell` units that hand it on. Epochs: `element 0`, ..., in which only its units belong
    to the circuit.

    **Arguments:**

    - `elements`, `dwell`: elements of the sequence, and steps that each lasts.
    - `extra`: distractors.

    **Returns:** a `Planted` of inputs `[B, T, 1]` and targets `[B, T, elements]`, T = elements
    times dwell.

    **Raises:** `ValueError` where either is below 1.
    """
    _at_least(elements, 1, "elements")
    _at_least(dwell, 1, "dwell")
    steps = elements * dwell
    spans = {f"element {k}": range(k * dwell, (k + 1) * dwell) for k in range(elements)}
    first = _within(steps, [0])[:, None]

    def follow(xs: Array) -> dict[str, Array]:
        late = jnp.stack([_late(xs[:, 0], by) for by in range(steps)])
        return {name: late[span.start : span.stop].sum(0) for name, span in spans.items()}

    return _motif(
        _chain("link", steps, "go"),
        ("go",),
        {name: {f"link {i}": 1.0 for i in links} for name, links in spans.items()},
        {f"link {i}": [i] for i in range(steps)},
        spans,
        lambda key: first * jax.random.uniform(key, (1, 1), minval=0.5),
        follow,
        extra,
    )


def integrator(gain: float = 0.05, extra: int = 4) -> Planted:
    """A sum that is gathered, held, and told when asked: `s_t = 1/2 + gain sum_{u < t} x_u`.

    Evidence is uniform in [-1, 1]; one relay takes its positive part, another its negative.
    Epochs: `evidence` (relays and sum), `delay` (the sum alone), `response` (the sum and the
    unit that reports it once a go cue lifts it from saturation).

    **Arguments:**

    - `gain`: from 0 to 0.05, where the sum of ten steps cannot leave [0, 1].
    - `extra`: distractors.

    **Returns:** a `Planted` of inputs `[B, 22, 2]` (evidence, go), targets `[B, 22, 1]`.

    **Raises:** `ValueError` where the gain lies outside.
    """
    if not 0 < gain <= 0.05:
        raise ValueError(f"gain must lie in (0, 0.05], got {gain}")
    steps, seen, asked = 22, range(10), range(16, 22)
    units = {
        "up": Unit(inputs={"evidence": 1.0}),
        "down": Unit(inputs={"evidence": -1.0}),
        "sum": Unit({"sum": 1.0, "up": gain, "down": -gain}, start=0.5),
        "report": Unit({"sum": 1.0}, {"go": 1.0}, bias=-1.0),
    }

    def draw(key: PRNGKeyArray) -> Array:
        evidence = jax.random.uniform(key, (steps,), minval=-1.0)
        return jnp.stack([evidence * _within(steps, seen), _within(steps, asked)], -1)

    def follow(xs: Array) -> dict[str, Array]:
        total = 0.5 + gain * _late(jnp.cumsum(xs[:, 0]), 1)
        return {"sum": total, "report": xs[:, 1] * _late(total, 1)}

    return _motif(
        units,
        ("evidence", "go"),
        {"report": {"report": 1.0}},
        {"up": seen, "down": seen, "sum": range(steps - 1), "report": asked},
        {"evidence": range(11), "delay": range(11, 16), "response": asked},
        draw,
        follow,
        extra,
    )


def latch(extra: int = 4) -> Planted:
    """A bit that is set, reset, and held: `m_t = clip(m_{t-1} + set_{t-1} - reset_{t-1})`.

    At each of three times a trial has a set pulse, a reset pulse, or none. Epochs: `pulse` (a
    pulse's step and the next, in which it lands: relays and memory), `hold` (the memory alone).

    **Arguments:** `extra`: distractors.

    **Returns:** a `Planted` of inputs `[B, 27, 2]` (set, reset), targets `[B, 27, 1]`.
    """
    steps, slots = 27, (3, 11, 19)
    units = {
        "set": Unit(inputs={"set": 1.0}),
        "reset": Unit(inputs={"reset": 1.0}),
        "memory": Unit({"memory": 1.0, "set": 1.0, "reset": -1.0}),
    }
    times = {"set": slots, "reset": slots, "memory": range(slots[0] + 1, steps)}

    def draw(key: PRNGKeyArray) -> Array:
        which = jax.nn.one_hot(jax.random.randint(key, (steps,), 0, 3), 3)[:, :2]
        return which * _within(steps, slots)[:, None]

    def follow(xs: Array) -> dict[str, Array]:
        last = jax.lax.cummax(jnp.arange(1, steps + 1)[:, None] * (xs > 0).astype(int))
        return {"memory": _late((last[:, 0] > last[:, 1]).astype(xs.dtype), 1)}

    epochs = _around(steps, slots)
    outputs = {"memory": {"memory": 1.0}}
    return _motif(units, ("set", "reset"), outputs, times, epochs, draw, follow, extra)


def gate(extra: int = 4) -> Planted:
    """Two routes to one output, of which a control input opens one by saturation.

    `gate_a = clip(ear_a - 1 + control)`, `gate_b = clip(ear_b - control)`: the shut gate's sum
    is never positive, so that its ear, as active as ever, is heard by none. Epochs: `a` and `b`
    (the open route's ear and gate, and the output), `switch` (a change's step and the one before:
    both ears, since one fills the route that opens, and both gates).

    **Arguments:** `extra`: distractors.

    **Returns:** a `Planted` of inputs `[B, 24, 3]` (a, b, control), targets `[B, 24, 1]`.
    """
    steps, first, second = 24, 8, 16
    open_a, open_b = [*range(first), *range(second, steps)], range(first, second)
    units = {
        "ear a": Unit(inputs={"a": 1.0}),
        "ear b": Unit(inputs={"b": 1.0}),
        "gate a": Unit({"ear a": 1.0}, {"control": 1.0}, bias=-1.0),
        "gate b": Unit({"ear b": 1.0}, {"control": -1.0}),
        "out": Unit({"gate a": 1.0, "gate b": 1.0}),
    }
    heard = {"a": set(open_a) & set(range(1, steps - 1)), "b": set(open_b)}
    times = {f"gate {name}": when for name, when in heard.items()}
    times |= {f"ear {name}": {t - 1 for t in when} for name, when in heard.items()}
    times |= {"out": set(range(2, steps))}
    switch = {first - 1, first, second - 1, second}
    epochs = {"a": set(open_a) - switch, "b": set(open_b) - switch, "switch": switch}

    def draw(key: PRNGKeyArray) -> Array:
        control = _within(steps, open_a)[:, None]
        return jnp.concatenate([jax.random.uniform(key, (steps, 2)), control], -1)

    def follow(xs: Array) -> dict[str, Array]:
        routed = jnp.where(xs[:, 2] > 0, _late(xs[:, 0], 1), _late(xs[:, 1], 1))
        return {"out": _late(routed, 1)}

    outputs = {"out": {"out": 1.0}}
    return _motif(units, ("a", "b", "control"), outputs, times, epochs, draw, follow, extra)


def xor_latch(extra: int = 4) -> Planted:
    """A bit that two pulses, each there or not, turn over: it stores their exclusive or.

    `parity_t = clip(parity_{t-1} + relay_{t-1} - 2 both_{t-1})`, where
    `both_t = clip(parity_{t-1} + pulse_t - 1)`. Epochs: `first` (relay and parity), `between`
    (parity alone), `second` (all three, the only time at which both can be), `after` (parity).

    **Arguments:** `extra`: distractors.

    **Returns:** a `Planted` of inputs and targets `[B, 16, 1]`.
    """
    steps, slots = 16, (2, 8)
    units = {
        "relay": Unit(inputs={"pulse": 1.0}),
        "both": Unit({"parity": 1.0}, {"pulse": 1.0}, bias=-1.0),
        "parity": Unit({"parity": 1.0, "relay": 1.0, "both": -2.0}),
    }
    return _motif(
        units,
        ("pulse",),
        {"parity": {"parity": 1.0}},
        {"relay": slots, "both": slots[1:], "parity": range(slots[0] + 1, steps)},
        {"first": range(4), "between": range(4, 8), "second": (8, 9), "after": range(10, steps)},
        lambda key: _pulses(key, steps, slots)[:, None],
        lambda xs: {"parity": _late(jnp.cumsum(xs[:, 0]) % 2, 1)},
        extra,
    )


def comparator(extra: int = 4) -> Planted:
    """Whether the second of two stimuli is the larger: `y_t = go_t [f2 > f1]`.

    The stimuli are two of 0.1, 0.2, ..., 0.9 and last three steps each. Cues open the way to
    one memory or the other, and a go cue lifts the decision, of a gain that saturates, from
    silence. Epochs: `first` (its loader and memory), `delay` (that memory alone), `second` (that
    memory, and the second's loader and memory), `response` (memories and decision).

    **Arguments:** `extra`: distractors.

    **Returns:** a `Planted` of inputs `[B, 17, 4]` (stimulus, two cues, go), targets `[B, 17, 1]`.

    Romo, Brody, Hernandez & Lemus, Nature 399 (1999), for the task.
    """
    steps, one, two, asked, gain = 17, range(3), range(9, 12), range(13, 17), 20.0
    units = {
        "load 1": Unit(inputs={"stimulus": 1.0, "cue 1": 1.0}, bias=-1.0),
        "load 2": Unit(inputs={"stimulus": 1.0, "cue 2": 1.0}, bias=-1.0),
        "f1": Unit({"f1": 1.0, "load 1": 1 / 3}),
        "f2": Unit({"f2": 1.0, "load 2": 1 / 3}),
        "decision": Unit({"f2": gain, "f1": -gain}, {"go": gain}, bias=-gain),
    }
    times = {"load 1": one, "load 2": two, "f1": range(1, steps - 1)}
    times |= {"f2": range(10, steps - 1), "decision": asked}
    epochs = {"first": range(4), "delay": range(4, 9), "second": range(9, 13), "response": asked}

    def draw(key: PRNGKeyArray) -> Array:
        levels = jax.random.choice(key, jnp.linspace(0.1, 0.9, 9), (2,), replace=False)
        cues = [_within(steps, when) for when in (one, two, asked)]
        return jnp.stack([levels[0] * cues[0] + levels[1] * cues[1], *cues], -1)

    def follow(xs: Array) -> dict[str, Array]:
        heard = jnp.cumsum(xs[:, :1] * xs[:, 1:3], 0) / 3
        f1, f2 = _late(heard[:, 0], 1), _late(heard[:, 1], 1)
        decision = xs[:, 3] * _late((f2 > f1).astype(xs.dtype), 1)
        return {"f1": f1, "f2": f2, "decision": decision}

    outputs = {"decision": {"decision": 1.0}}
    inputs = ("stimulus", "cue 1", "cue 2", "go")
    return _motif(units, inputs, outputs, times, epochs, draw, follow, extra)


def counter(modulus: int = 4, extra: int = 4) -> Planted:
    """Pulses counted modulo K, from a first count that is given: `y_kt = [count_t = k]`.

    One unit a count holds itself; a pulse and the count k together wake `move k`, which ends
    count k and starts the next. A trial has each of four pulses or not. Epochs: `pulse` (a pulse's
    step and the next: counts and moves), `hold` (counts alone).

    **Arguments:**

    - `modulus`: K, at least 2.
    - `extra`: distractors.

    **Returns:** a `Planted` of inputs `[B, 28, K + 1]` (first count, pulse), targets `[B, 28, K]`.

    **Raises:** `ValueError` where K is below 2.
    """
    _at_least(modulus, 2, "modulus")
    steps, slots, numbers = 28, (4, 10, 16, 22), range(modulus)
    counts, moves = [f"count {k}" for k in numbers], [f"move {k}" for k in numbers]
    units = {
        counts[k]: Unit({counts[k]: 1.0, moves[k]: -1.0, moves[k - 1]: 1.0}, {f"first {k}": 1.0})
        for k in numbers
    }
    units |= {moves[k]: Unit({counts[k]: 1.0}, {"pulse": 1.0}, bias=-1.0) for k in numbers}

    def draw(key: PRNGKeyArray) -> Array:
        which, when = jax.random.split(key)
        given = jax.nn.one_hot(jax.random.randint(which, (), 0, modulus), modulus)
        given = _within(steps, [0])[:, None] * given[None]
        return jnp.concatenate([given, _pulses(when, steps, slots)[:, None]], -1)

    def follow(xs: Array) -> dict[str, Array]:
        count = jnp.argmax(xs[0, :-1]) + _late(jnp.cumsum(xs[:, -1]), 1).astype(int)
        return {name: (count % modulus == k).astype(xs.dtype) for k, name in enumerate(counts)}

    return _motif(
        units,
        (*(f"first {k}" for k in numbers), "pulse"),
        {name: {name: 1.0} for name in counts},
        dict.fromkeys(counts, range(steps)) | dict.fromkeys(moves, slots),
        _around(steps, slots),
        draw,
        follow,
        extra,
    )


def _motif(
    units: Mapping[str, Unit],
    inputs: tuple[str, ...],
    outputs: Mapping[str, Weights],
    times: Mapping[str, Steps],
    epochs: Mapping[str, Steps],
    draw: Callable[[PRNGKeyArray], Array],
    follow: Callable[[Array], dict[str, Array]],
    extra: int,
) -> Planted:
    """What a motif says of itself, as a planted network; its targets are latents by name."""
    units = with_unread(units, extra)

    def sample(key: PRNGKeyArray, count: int) -> Trials:
        xs = jax.vmap(draw)(jax.random.split(key, count))
        latents = jax.vmap(follow)(xs)
        steps = xs.shape[1]
        windows = {name: _within(steps, when) for name, when in epochs.items()}
        spread = {name: jnp.broadcast_to(w, (count, steps)) for name, w in windows.items()}
        return Trials(xs, jnp.stack([latents[name] for name in outputs], -1), spread)

    groups = tuple(unit.group for unit in units.values())
    truth = truth_over(units, times, epochs)
    return Planted(wire(units, inputs, outputs), sample, truth, tuple(units), groups, follow)


def _chain(name: str, count: int, source: str) -> dict[str, Unit]:
    """Units of which the first reads the input, and each other the one before."""
    later = {f"{name} {i}": Unit({f"{name} {i - 1}": 1.0}) for i in range(1, count)}
    return {f"{name} 0": Unit(inputs={source: 1.0}), **later}


def _within(T: int, steps: Steps) -> Float[Array, " T"]:
    """The window that holds these steps."""
    return jnp.asarray(np.isin(np.arange(T), list(steps)), jnp.zeros(()).dtype)


def _around(T: int, slots: Steps) -> dict[str, Steps]:
    """The steps of pulses and those in which they land, and all others."""
    pulse = {t + late for t in slots for late in (0, 1)}
    return {"pulse": pulse, "hold": set(range(T)) - pulse}


def _pulses(key: PRNGKeyArray, T: int, slots: Steps) -> Float[Array, " T"]:
    """At each slot a pulse or none."""
    window = _within(T, slots)
    return window * jax.random.bernoulli(key, 0.5, (T,)).astype(window.dtype)


def _late(x: Float[Array, " T"], by: int) -> Float[Array, " T"]:
    """`x_{t - by}`, 0 before."""
    return jnp.pad(x, (by, 0))[: len(x)]


def _at_least(value: int, low: int, name: str) -> None:
    if value < low:
        raise ValueError(f"{name} must be at least {low}, got {value}")
