"""Motifs that decide: circuits of exact logic over what a trial brings at two times or more.

    planted = comparator()
    planted.truth.nodes["delay"]      # the memory of the first stimulus, alone

Built as the other motifs are.
"""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ..core.checks import at_least
from .causes import Cause, number
from .motif import around, late, motif, pulses, window
from .planted import Planted, Truth
from .wiring import Unit, truth_of, with_unread


def xor_latch(extra: int = 4) -> Planted:
    """A bit that two pulses, each there or not, turn over: it stores their exclusive or.

    `parity_t = clip(parity_{t-1} + relay_{t-1} - 2 both_{t-1})`, where
    `both_t = clip(parity_{t-1} + pulse_t - 1)`. Epochs: `first` (relay and parity), `between`
    (parity alone), `second` (all three, the only time at which both can be), `after` (parity).

    **Arguments:** `extra`: distractors.

    **Returns:** a `Planted` of inputs and targets `[B, 16, 1]`. Contrasts: the `first` pulse, or
    the `second`, is there where it was not, and the other way round. The epoch `turned` is the
    `second` as its contrast asks about it: parity, which has not changed before, tells nothing.

    **Example:**

        >>> made = rj.planted.xor_latch(extra=0)
        >>> epochs = [made.truth.nodes[epoch] > 0 for epoch in ("between", "second")]
        >>> [np.compress(members, made.units).tolist() for members in epochs]
        [['parity'], ['relay', 'both', 'parity']]
    """
    steps, slots = 16, (2, 8)
    units = {
        "relay": Unit(inputs={"pulse": 1.0}),
        "both": Unit({"parity": 1.0}, {"pulse": 1.0}, bias=-1.0),
        "parity": Unit({"parity": 1.0, "relay": 1.0, "both": -2.0}),
    }
    epochs = {
        "first": range(4), "between": range(4, 8), "second": (8, 9), "after": range(10, steps)
    }  # fmt: skip
    asked = (
        {"first": epochs["first"], "between": epochs["between"]},
        {"turned": epochs["second"], "after": epochs["after"]},
    )
    causes = {
        name: Cause(lambda xs, at=at: _turned_at(xs, at), own)
        for name, at, own in zip(("first", "second"), slots, asked)
    }
    planted = motif(
        units,
        ("pulse",),
        {"parity": {"parity": 1.0}},
        {"relay": slots, "both": slots[1:], "parity": range(slots[0] + 1, steps)},
        epochs,
        lambda key: pulses(key, steps, slots)[:, None],
        lambda xs: {"parity": late(jnp.cumsum(xs[:, 0]) % 2, 1)},
        extra,
        causes,
    )
    turned = truth_of(with_unread(units, extra), {"turned": tuple(units)})
    names, nodes = list(planted.units), planted.truth.nodes | turned.nodes
    silent = np.ones((len(names), len(names)))
    silent[:, names.index("parity")] = 0.0
    edges = planted.truth.edges | {"turned": turned.edges["turned"] * number(silent)}
    return replace(planted, truth=Truth(nodes, edges))


def comparator(extra: int = 4) -> Planted:
    """Whether the second of two stimuli is the larger: `y_t = go_t [f2 > f1]`.

    The stimuli are two of 0.1, 0.2, ..., 0.9 and last three steps each. Cues open the way to
    one memory or the other, and a go cue lifts the decision, of a gain that saturates, from
    silence. Epochs: `first` (its loader and memory), `delay` (that memory alone), `second` (that
    memory, and the second's loader and memory), `response` (memories and decision).

    **Arguments:** `extra`: distractors.

    **Returns:** a `Planted` of inputs `[B, 17, 4]` (stimulus, two cues, go), targets `[B, 17, 1]`.
    Contrasts: the `first` stimulus is beyond the second, so that the answer is the other one; the
    two stimuli are exchanged in their `order`.

    Romo, Brody, Hernandez & Lemus, Nature 399 (1999), for the task.

    **Example:**

        >>> made = rj.planted.comparator(extra=0)
        >>> epochs = [made.truth.nodes[epoch] > 0 for epoch in ("delay", "response")]
        >>> [np.compress(members, made.units).tolist() for members in epochs]
        [['f1'], ['f1', 'f2', 'decision']]
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
        cues = [window(steps, when) for when in (one, two, asked)]
        return jnp.stack([levels[0] * cues[0] + levels[1] * cues[1], *cues], -1)

    def follow(xs: Array) -> dict[str, Array]:
        heard = jnp.cumsum(xs[:, :1] * xs[:, 1:3], 0) / 3
        f1, f2 = late(heard[:, 0], 1), late(heard[:, 1], 1)
        decision = xs[:, 3] * late((f2 > f1).astype(xs.dtype), 1)
        return {"f1": f1, "f2": f2, "decision": decision}

    def other_first(xs: np.ndarray) -> np.ndarray:
        least = xs[:, one[:1], 0] < xs[:, two[:1], 0]
        return _said(xs, one, np.where(least, 0.95, 0.05))

    def other_order(xs: np.ndarray) -> np.ndarray:
        return _said(_said(xs, one, xs[:, two[:1], 0]), two, xs[:, one[:1], 0])

    of = lambda *names: {name: epochs[name] for name in names}
    causes = {
        "first": Cause(other_first, of("first", "delay")),
        "order": Cause(other_order, of("second", "response")),
    }
    outputs = {"decision": {"decision": 1.0}}
    inputs = ("stimulus", "cue 1", "cue 2", "go")
    return motif(units, inputs, outputs, times, epochs, draw, follow, extra, causes)


def counter(modulus: int = 4, extra: int = 4) -> Planted:
    """Pulses counted modulo K, from a first count that is given: `y_kt = [count_t = k]`.

    One unit a count holds itself; a pulse and the count k together wake `move k`, which ends
    count k and starts the next. A trial has each of four pulses or not. Epochs: `pulse` (a pulse's
    step and the next: counts and moves), `hold` (counts alone).

    **Arguments:**

    - `modulus`: K, at least 2.
    - `extra`: distractors.

    **Returns:** a `Planted` of inputs `[B, 28, K + 1]` (first count, pulse), targets `[B, 28, K]`.
    Contrast: the `first count` is the next one.

    **Raises:** `ValueError` where K is below 2.

    **Example:**

        >>> made = rj.planted.counter(modulus=2, extra=0)
        >>> epochs = [made.truth.nodes[epoch] > 0 for epoch in ("pulse", "hold")]
        >>> [np.compress(members, made.units).tolist() for members in epochs]
        [['count 0', 'count 1', 'move 0', 'move 1'], ['count 0', 'count 1']]
    """
    at_least(2, modulus=modulus)
    steps, slots, numbers = 28, (4, 10, 16, 22), range(modulus)
    counts, moves = [f"count {k}" for k in numbers], [f"move {k}" for k in numbers]
    units = {
        counts[k]: Unit({counts[k]: 1.0, moves[k]: -1.0, moves[k - 1]: 1.0}, {f"first {k}": 1.0})
        for k in numbers
    }
    units |= {moves[k]: Unit({counts[k]: 1.0}, {"pulse": 1.0}, bias=-1.0) for k in numbers}

    epochs = around(steps, slots)

    def next_count(xs: np.ndarray) -> np.ndarray:
        return np.concatenate([np.roll(xs[..., :-1], 1, axis=-1), xs[..., -1:]], -1)

    def draw(key: PRNGKeyArray) -> Array:
        which, when = jax.random.split(key)
        given = jax.nn.one_hot(jax.random.randint(which, (), 0, modulus), modulus)
        given = window(steps, [0])[:, None] * given[None]
        return jnp.concatenate([given, pulses(when, steps, slots)[:, None]], -1)

    def follow(xs: Array) -> dict[str, Array]:
        count = jnp.argmax(xs[0, :-1]) + late(jnp.cumsum(xs[:, -1]), 1).astype(int)
        return {name: (count % modulus == k).astype(xs.dtype) for k, name in enumerate(counts)}

    return motif(
        units,
        (*(f"first {k}" for k in numbers), "pulse"),
        {name: {name: 1.0} for name in counts},
        dict.fromkeys(counts, range(steps)) | dict.fromkeys(moves, slots),
        epochs,
        draw,
        follow,
        extra,
        {"first count": Cause(next_count, epochs)},
    )


def _turned_at(xs: Float[np.ndarray, "B T 1"], at: int) -> Float[np.ndarray, "B T 1"]:
    """The pulse at one step is there where it was not, and the other way round."""
    return np.where(np.arange(xs.shape[1])[None, :, None] == at, 1 - xs, xs)


def _said(
    xs: Float[np.ndarray, "B T 4"], steps: range, level: Float[np.ndarray, "B 1"]
) -> Float[np.ndarray, "B T 4"]:
    """The stimulus at these steps is of another level."""
    xs = xs.copy()
    xs[:, steps.start : steps.stop, 0] = level
    return xs
