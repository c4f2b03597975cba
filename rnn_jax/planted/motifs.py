"""Motifs: small circuits of exact logic, each of which computes one thing at a known time.

    planted = gate()
    planted.truth.nodes["a"]          # the route from a, and not the one from b

All units clip to [0, 1], so that bits are kept as they are and a unit whose sum stays below 0
says nothing of what it hears. A relay takes a step, so that units follow their input by one or
two. The times of pulses and cues are the same in all trials and what they bring is drawn: a unit
that is silent at a time is silent then in every trial, whatever it is replaced by.

`extra` distractors copy circuit units (see `with_unread`): they are as active, and read by none.
"""

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PRNGKeyArray

from ..core.checks import at_least
from .causes import Cause, within
from .motif import around, chain, late, motif, window
from .planted import Planted
from .wiring import Unit


def delay_line(delay: int = 12, width: int = 2, extra: int = 12) -> Planted:
    """A packet that travels down a chain: `y_t = x_{t - delay + 1}`.

    The packet is `width` uniform numbers, then silence. Unit i holds it at steps
    `[i, i + width)`, and belongs to the circuit then only. Epochs: `early`, `middle`, `late`,
    each a third of the way.

    **Arguments:**

    - `delay`: units of the chain, at least 3. `width`: steps of the packet.
    - `extra`: distractors.

    **Returns:** a `Planted` of inputs and targets `[B, delay + width, 1]`. Contrast: another
    `packet`.

    **Raises:** `ValueError` where the chain or the packet is too short.

    **Example:**

        >>> made = rj.planted.delay_line(delay=6, extra=0)
        >>> {epoch: np.flatnonzero(now).tolist() for epoch, now in made.truth.nodes.items()}
        {'early': [0, 1], 'middle': [1, 2, 3], 'late': [3, 4, 5]}
    """
    at_least(3, delay=delay)
    at_least(1, width=width)
    steps, thirds = delay + width, (0, delay // 3, 2 * delay // 3, delay + width)
    epochs = {
        name: range(*ends) for name, ends in zip(("early", "middle", "late"), pairwise(thirds))
    }
    return motif(
        chain("cell", delay, "packet"),
        ("packet",),
        {"echo": {f"cell {delay - 1}": 1.0}},
        {f"cell {i}": range(i, i + width) for i in range(delay)},
        epochs,
        lambda key: window(steps, range(width))[:, None] * jax.random.uniform(key, (steps, 1)),
        lambda xs: {"echo": late(xs[:, 0], delay - 1)},
        extra,
        {"packet": Cause(lambda xs: np.where(xs > 0, 1 - xs, 0), epochs)},
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
    times dwell. Contrast: a `go` cue of another strength.

    **Raises:** `ValueError` where either is below 1.

    **Example:**

        >>> made = rj.planted.sequence(elements=3, dwell=2, extra=0)
        >>> {epoch: np.flatnonzero(now).tolist() for epoch, now in made.truth.nodes.items()}
        {'element 0': [0, 1], 'element 1': [2, 3], 'element 2': [4, 5]}
    """
    at_least(1, elements=elements)
    at_least(1, dwell=dwell)
    steps = elements * dwell
    spans = {f"element {k}": range(k * dwell, (k + 1) * dwell) for k in range(elements)}
    first = window(steps, [0])[:, None]

    def follow(xs: Array) -> dict[str, Array]:
        lags = jnp.stack([late(xs[:, 0], by) for by in range(steps)])
        return {name: lags[span.start : span.stop].sum(0) for name, span in spans.items()}

    return motif(
        chain("link", steps, "go"),
        ("go",),
        {name: {f"link {i}": 1.0 for i in links} for name, links in spans.items()},
        {f"link {i}": [i] for i in range(steps)},
        spans,
        lambda key: first * jax.random.uniform(key, (1, 1), minval=0.5),
        follow,
        extra,
        {"go": Cause(lambda xs: np.where(xs > 0, 1.5 - xs, 0), spans)},
    )


def integrator(gain: float = 0.05, extra: int = 4) -> Planted:
    """A sum that is gathered, held, and told when asked: `s_t = 1/2 + gain sum_{u < t} x_u`.

    Evidence is uniform in [-1, 1]; one relay takes its positive part, another its negative.
    Epochs: `evidence` (relays and sum), `delay` (the sum alone), `response` (the sum and the
    unit that reports it once a go cue lifts it from saturation).

    **Arguments:**

    - `gain`: from 0 to 0.05, where the sum of ten steps cannot leave [0, 1].
    - `extra`: distractors.

    **Returns:** a `Planted` of inputs `[B, 22, 2]` (evidence, go), targets `[B, 22, 1]`. Contrast:
    every sample of `evidence` is averaged with -1 where the trial's sum is positive, with 1 else.

    **Raises:** `ValueError` where the gain lies outside.

    **Example:**

        >>> made = rj.planted.integrator(extra=0)
        >>> epochs = [made.truth.nodes[epoch] > 0 for epoch in ("evidence", "delay")]
        >>> [np.compress(members, made.units).tolist() for members in epochs]
        [['up', 'down', 'sum'], ['sum']]
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

    epochs = {"evidence": range(11), "delay": range(11, 16), "response": asked}

    def draw(key: PRNGKeyArray) -> Array:
        evidence = jax.random.uniform(key, (steps,), minval=-1.0)
        return jnp.stack([evidence * window(steps, seen), window(steps, asked)], -1)

    def against(xs: np.ndarray) -> np.ndarray:
        side = np.where(xs[:, :, 0].sum(1) < 0, -1, 1)[:, None]
        moved = (xs[:, :, 0] - side) / 2 * within(steps, seen)
        return np.stack([moved, xs[:, :, 1]], -1)

    def follow(xs: Array) -> dict[str, Array]:
        total = 0.5 + gain * late(jnp.cumsum(xs[:, 0]), 1)
        return {"sum": total, "report": xs[:, 1] * late(total, 1)}

    return motif(
        units,
        ("evidence", "go"),
        {"report": {"report": 1.0}},
        {"up": seen, "down": seen, "sum": range(steps - 1), "report": asked},
        epochs,
        draw,
        follow,
        extra,
        {"evidence": Cause(against, epochs)},
    )


def latch(extra: int = 4) -> Planted:
    """A bit that is set, reset, and held: `m_t = clip(m_{t-1} + set_{t-1} - reset_{t-1})`.

    At each of three times a trial has a set pulse, a reset pulse, or none. Epochs: `pulse` (a
    pulse's step and the next, in which it lands: relays and memory), `hold` (the memory alone).

    **Arguments:** `extra`: distractors.

    **Returns:** a `Planted` of inputs `[B, 27, 2]` (set, reset), targets `[B, 27, 1]`. Contrast:
    set and reset `pulses` are exchanged.

    **Example:**

        >>> made = rj.planted.latch(extra=0)
        >>> epochs = [made.truth.nodes[epoch] > 0 for epoch in ("pulse", "hold")]
        >>> [np.compress(members, made.units).tolist() for members in epochs]
        [['set', 'reset', 'memory'], ['memory']]
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
        return which * window(steps, slots)[:, None]

    def follow(xs: Array) -> dict[str, Array]:
        last = jax.lax.cummax(jnp.arange(1, steps + 1)[:, None] * (xs > 0).astype(int))
        return {"memory": late((last[:, 0] > last[:, 1]).astype(xs.dtype), 1)}

    epochs = around(steps, slots)
    outputs = {"memory": {"memory": 1.0}}
    causes = {"pulses": Cause(lambda xs: xs[..., ::-1], epochs)}
    return motif(units, ("set", "reset"), outputs, times, epochs, draw, follow, extra, causes)


def gate(extra: int = 4) -> Planted:
    """Two routes to one output, of which a control input opens one by saturation.

    `gate_a = clip(ear_a - 1 + control)`, `gate_b = clip(ear_b - control)`: the shut gate's sum
    is never positive, so that its ear, as active as ever, is heard by none. Epochs: `a` and `b`
    (the open route's ear and gate, and the output), `switch` (a change's step and the one before:
    both ears, since one fills the route that opens, and both gates).

    **Arguments:** `extra`: distractors.

    **Returns:** a `Planted` of inputs `[B, 24, 3]` (a, b, control), targets `[B, 24, 1]`.
    Contrast: other numbers on both `routes`.

    **Example:**

        >>> made = rj.planted.gate(extra=0)
        >>> epochs = [made.truth.nodes[epoch] > 0 for epoch in ("a", "b")]
        >>> [np.compress(members, made.units).tolist() for members in epochs]
        [['ear a', 'gate a', 'out'], ['ear b', 'gate b', 'out']]
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
        control = window(steps, open_a)[:, None]
        return jnp.concatenate([jax.random.uniform(key, (steps, 2)), control], -1)

    def follow(xs: Array) -> dict[str, Array]:
        routed = jnp.where(xs[:, 2] > 0, late(xs[:, 0], 1), late(xs[:, 1], 1))
        return {"out": late(routed, 1)}

    outputs, inputs = {"out": {"out": 1.0}}, ("a", "b", "control")
    causes = {"routes": Cause(lambda xs: np.where([True, True, False], 1 - xs, xs), epochs)}
    return motif(units, inputs, outputs, times, epochs, draw, follow, extra, causes)
