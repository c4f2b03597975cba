"""Traps: small planted networks, each of which fools a method, and says which and why.

    planted = copies(redundancy=3)
    planted = cancelled_pair(extra=0)

All are written down unit by unit. A cue arrives at a random step of the epoch `cue`, is relayed
and then held through `delay`; outputs follow a step or two later. Bits are held where the case
rests on saturation, real numbers elsewhere, in the part of `clip` that is linear.

Every trap has one contrast, `cue`: a bit that is the other one, numbers of another size.

Every trap has `extra` bystanders: each holds a weighted mean of the circuit's own units of the
step before, so that it is driven as they are, and nobody reads it.
"""

from collections.abc import Mapping
from types import MappingProxyType

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from .causes import Steps, number, within
from .planted import Planted
from .trap_parts import (
    EXTRA,
    LATCH,
    LINE,
    RELAY,
    STEPS,
    bits,
    louder,
    other,
    other_bit,
    plant,
    pulses,
    sum_of,
)
from .wiring import Unit


def copies(redundancy: int = 3, extra: int = EXTRA) -> Planted:
    """A bit held by several latches, of which a majority unit tells what most of them say.

    True: every copy holds the bit. Fooled: one unit at a time held at any value from 0 to 1, and
    any gradient, for the majority is saturated and stays as it is until more than half of the
    copies are taken out together. Every connection of a single copy is silent likewise.

    **Arguments:**

    - `redundancy`: the number of copies, odd.
    - `extra`: the number of bystanders.

    **Returns:** a `Planted` with its trials, contrasts and truth.

    **Raises:** `ValueError` where the redundancy is even or below 3.

    **Example:**

        >>> made = rj.planted.copies(extra=0)
        >>> np.compress(made.truth.nodes["delay"] > 0, made.units).tolist()
        ['copy 0', 'copy 1', 'copy 2', 'majority']
    """
    if redundancy < 3 or redundancy % 2 == 0:
        raise ValueError(f"redundancy must be odd and at least 3, got {redundancy}")
    names = tuple(f"copy {k}" for k in range(redundancy))
    units = {"relay": RELAY}
    units |= {name: Unit({name: 2.0, "relay": 2.0}, bias=-0.5, group="copy") for name in names}
    one_each = dict.fromkeys(names, 1.0)
    units["majority"] = Unit(one_each, bias=-(redundancy - 1) / 2, group="majority")
    held = (*names, "majority")
    members = {"cue": ("relay", *held), "delay": held}
    return plant(units, {"bit": {"majority": 1.0}}, members, bits, other_bit, sum_of("bit"), extra)


def and_pair(extra: int = EXTRA) -> Planted:
    """A bit held twice, told only where both say 1.

    True: both hold it. Fooled: denoising. In a run without a cue, a single unit that is given
    its value from a run with one changes nothing, both do; taking out either breaks the bit.
    Gradients: either is 0, for the reader is saturated.

    **Arguments:** `extra`: the number of bystanders.

    **Returns:** a `Planted` with its trials, contrasts and truth.

    **Example:**

        >>> made = rj.planted.and_pair(extra=0)
        >>> made.units, np.flatnonzero(made.truth.nodes["delay"]).tolist()
        (('relay', 'left', 'right', 'reader'), [1, 2, 3])
        >>> h, quiet = jnp.zeros(4), jnp.zeros(1)
        >>> step = lambda held: made.network.step(h.at[held].set(1.0), quiet)
        >>> [step(jnp.array(held))[3].item() for held in ([1], [1, 2])]  # one holds it, or both
        [0.0, 1.0]
    """
    return _pair(-2.5, extra)


def or_pair(extra: int = EXTRA) -> Planted:
    """A bit held twice, told where either says 1.

    True: both hold it. Fooled: noising. Setting either to 0 changes nothing, setting both does;
    in a run without a cue, either alone restores the whole. Resampling does both at once, and
    is not fooled, and nor is the mean, which lies between the bits. Gradients: as for the other.

    **Arguments:** `extra`: the number of bystanders.

    **Returns:** a `Planted` with its trials, contrasts and truth.

    **Example:**

        >>> made = rj.planted.or_pair(extra=0)
        >>> h, quiet = jnp.zeros(4), jnp.zeros(1)
        >>> step = lambda held: made.network.step(h.at[held].set(1.0), quiet)
        >>> [step(jnp.array(held))[3].item() for held in ([1], [1, 2])]  # one holds it, or both
        [1.0, 1.0]
    """
    return _pair(-0.5, extra)


def _pair(bias: float, extra: int) -> Planted:
    pair = ("left", "right")
    units = {"relay": RELAY}
    units |= {name: Unit({name: 2.0, "relay": 2.0}, bias=-0.5, group="memory") for name in pair}
    units["reader"] = Unit(dict.fromkeys(pair, 2.0), bias=bias, group="reader")
    members = {"cue": ("relay", *pair, "reader"), "delay": (*pair, "reader")}
    return plant(units, {"bit": {"reader": 1.0}}, members, bits, other_bit, sum_of("bit"), extra)


def cancelled_pair(extra: int = EXTRA) -> Planted:
    """A unit whose two paths to the output are opposite and cancel: `y = memory + plus - minus`.

    True: `source` drives `plus` and `minus`, each of which matters. Fooled: every total effect
    of the unit `source` and of the connection into it, exact or by gradient, is 0. Its two
    connections outwards, one at a time, show it.

    **Arguments:** `extra`: the number of bystanders.

    **Returns:** a `Planted` with its trials, contrasts and truth.

    **Example:**

        >>> made = rj.planted.cancelled_pair(extra=0)
        >>> np.compress(made.truth.nodes["delay"] > 0, made.units).tolist()
        ['memory', 'source', 'plus', 'minus']
    """
    units = {
        "relay": RELAY,
        "memory": LINE,
        "source": Unit({"memory": 1.0}, group="source"),
        "plus": Unit({"source": 1.0}, group="path"),
        "minus": Unit({"source": 1.0}, group="path"),
    }
    paths = ("memory", "source", "plus", "minus")
    members = {"cue": ("relay", *paths), "delay": paths}
    outputs = {"value": {"memory": 1.0, "plus": 1.0, "minus": -1.0}}
    return plant(units, outputs, members, pulses, other(), sum_of("value"), extra)


def correlated_unread(echoes: int = 4, extra: int = EXTRA) -> Planted:
    """Two numbers are held apart and read as their sum, which unread units hold as well.

    True: `left` and `right`, and what relays them. Fooled: correlation. An echo is driven by
    the same relays as the two, and goes with the target nearly perfectly where a member goes
    with half of its variance; nobody reads it.

    **Arguments:**

    - `echoes`: the number of unread units that hold about the sum.
    - `extra`: the number of bystanders.

    **Returns:** a `Planted` with its trials, contrasts and truth.

    **Example:**

        >>> made = rj.planted.correlated_unread(echoes=2, extra=0)
        >>> np.compress(made.truth.nodes["delay"] > 0, made.units).tolist()  # no echo
        ['left', 'right']
    """
    relays = {side: f"{side} relay" for side in ("left", "right")}
    units = {name: Unit(inputs={side: 1.0}, group="relay") for side, name in relays.items()}
    for side, name in relays.items():
        units[side] = Unit({side: 1.0, name: 1.0}, group="memory")
    for k, tilt in enumerate(np.linspace(-0.1, 0.1, echoes)):
        name, drive = f"echo {k}", zip(relays.values(), (1 + tilt, 1 - tilt))
        units[name] = Unit({name: 1.0, **dict(drive)}, group="echo")
    members = {"cue": (*relays.values(), *relays), "delay": tuple(relays)}
    draw = lambda key, count: pulses(key, count, channels=2, low=0.1, high=0.45)
    outputs = {"sum": {"left": 1.0, "right": 1.0}}
    told = sum_of("sum")
    return plant(units, outputs, members, draw, louder, told, extra, tuple(relays))


def high_variance_unread(loud: int = 6, extra: int = EXTRA) -> Planted:
    """A number of small range is held; a block of units amplifies it, with noise, to no end.

    True: `relay` and `memory`. Fooled: variance, and what looks at leading components: `loud`
    units span most of 0 to 1 while the memory moves by a fifth of that.

    **Arguments:**

    - `loud`: the number of unread units in the block.
    - `extra`: the number of bystanders.

    **Returns:** a `Planted` with its trials, contrasts and truth.

    **Example:**

        >>> made = rj.planted.high_variance_unread(loud=2, extra=0)
        >>> np.compress(made.truth.nodes["cue"] > 0, made.units).tolist()  # no loud unit
        ['relay', 'memory']
    """
    units = {"relay": RELAY, "memory": LINE}
    for k in range(loud):
        noise = {f"noise {k % 2}": 0.25}
        units[f"loud {k}"] = Unit({"memory": 4.0}, noise, bias=-1.5, group="loud")

    def draw(key: PRNGKeyArray, count: int) -> Float[Array, "B T 3"]:
        cue, noise = jax.random.split(key)
        xs = pulses(cue, count, low=0.4, high=0.6)
        return jnp.concatenate([xs, jax.random.normal(noise, (count, STEPS, 2), xs.dtype)], -1)

    inputs = ("cue", "noise 0", "noise 1")
    members = {"cue": ("relay", "memory"), "delay": ("memory",)}
    outputs = {"value": {"memory": 1.0}}
    return plant(units, outputs, members, draw, other(by=0.1), sum_of("value", 1), extra, inputs)


def dormant_path(extra: int = EXTRA) -> Planted:
    """A strong path from memory to output that `lock`, always at 1, keeps shut.

    True: `relay` and `memory`. The input `unlock`, 0 in every trial, would open the path. Fooled:
    ablation to zero, which leaves the data, opens the path and ranks `lock` first; what reads
    anatomy, since `dormant` has the largest weight to the output. The mean or another trial's
    value of either is its own.

    **Arguments:** `extra`: the number of bystanders.

    **Returns:** a `Planted` with its trials, contrasts and truth.

    **Example:**

        >>> made = rj.planted.dormant_path(extra=0)  # neither `lock` nor `dormant` is a member
        >>> np.compress(made.truth.nodes["cue"] > 0, made.units).tolist()
        ['relay', 'memory']
    """
    units = {
        "relay": RELAY,
        "memory": LINE,
        "lock": Unit(inputs={"unlock": -2.0}, bias=1.5, start=1.0, group="dormant"),
        "dormant": Unit({"memory": 1.0, "lock": -2.0}, group="dormant"),
    }
    draw = lambda key, count: jnp.pad(pulses(key, count), ((0, 0), (0, 0), (0, 1)))
    outputs, inputs = {"value": {"memory": 1.0, "dormant": 3.0}}, ("cue", "unlock")
    members = {"cue": ("relay", "memory"), "delay": ("memory",)}
    return plant(units, outputs, members, draw, other(), sum_of("value", 1), extra, inputs)


def self_repairing(extra: int = EXTRA) -> Planted:
    """A bit told by `primary`, for which `backup` takes over two steps after it fails, for good.

    True: `relay`, `memory`, `primary`; in a run left alone the others are silent. Fooled:
    ablation to zero, whose effect is two steps long however long its window, while the direct
    effect lasts as long as the window; and what looks at a late output alone, where it is 0.
    `watch` compares memory and primary, `backup` latches on, and it shuts `primary` off: the
    other of two attractors. A 1 in the place of a 0 is not repaired, so resampling shows it. The
    connections into `watch` do nothing as long as memory and primary agree, as they do in every
    trial; resampling one of the two raises a false alarm.

    **Arguments:** `extra`: the number of bystanders.

    **Returns:** a `Planted` with its trials, contrasts and truth.

    **Example:**

        >>> made = rj.planted.self_repairing(extra=0)  # nor `watch` or `backup`
        >>> np.compress(made.truth.nodes["delay"] > 0, made.units).tolist()
        ['memory', 'primary']
    """
    units = {
        "relay": RELAY,
        "memory": LATCH,
        # relayed to as well as the memory, so that the watch sees no gap between the two
        "primary": Unit({"memory": 2.0, "relay": 2.0, "backup": -4.0}, bias=-0.5, group="primary"),
        "watch": Unit({"memory": 2.0, "primary": -2.0}, bias=-0.5, group="backup"),
        "backup": Unit({"backup": 2.0, "watch": 2.0}, bias=-0.5, group="backup"),
    }
    members = {"cue": ("relay", "memory", "primary"), "delay": ("memory", "primary")}
    outputs = {"bit": {"primary": 1.0, "backup": 1.0}}
    return plant(units, outputs, members, bits, other_bit, sum_of("bit"), extra)


CORRUPTED: Mapping[str, Steps] = MappingProxyType(
    {
        "cue": range(6),
        "before": range(6, 14),
        "corrupted": range(14, 22),
        "after": range(22, STEPS),
    }
)


def local_corruption(extra: int = EXTRA) -> Planted:
    """Two numbers are held; in one window a control input saturates the usual path shut.

    True: `usual` tells number a before and after the window, `detour` tells b inside it. Both
    memories belong for as long as something later depends on them, so a's does throughout, and
    b's does until the window ends. Fooled: whatever gives one ranking or one circuit for a
    whole trial, and anatomy, in which both paths are always there.

    **Arguments:** `extra`: the number of bystanders.

    **Returns:** a `Planted` with its trials, contrasts and truth.

    **Example:**

        >>> made = rj.planted.local_corruption(extra=0)
        >>> np.compress(made.truth.nodes["corrupted"] > 0, made.units).tolist()
        ['memory a', 'memory b', 'detour']
    """
    names = ("a", "b")
    units = {f"relay {n}": Unit(inputs={n: 1.0}, group="relay") for n in names}
    for n in names:
        own = {f"memory {n}": 1.0, f"relay {n}": 1.0}
        units[f"memory {n}"] = Unit(own, group="memory")
    units["usual"] = Unit({"memory a": 1.0}, {"switch": -2.0}, group="path")
    units["detour"] = Unit({"memory b": 1.0}, {"switch": 2.0}, bias=-2.0, group="path")
    both = ("memory a", "memory b")
    members = {
        "cue": ("relay a", "relay b", *both, "usual"),
        "before": (*both, "usual"),
        "corrupted": (*both, "detour"),
        "after": ("memory a", "usual"),
    }

    def draw(key: PRNGKeyArray, count: int) -> Float[Array, "B T 3"]:
        xs = pulses(key, count, channels=2)
        switch = number(within(STEPS, CORRUPTED["corrupted"]))
        return jnp.concatenate(
            [xs, jnp.broadcast_to(switch[None, :, None], (count, STEPS, 1))], -1
        )

    def latents(xs: Array) -> dict[str, Array]:
        a, b = jnp.cumsum(xs[:, 0]), jnp.cumsum(xs[:, 1])
        return {"a": a, "b": b, "told": jnp.where(xs[:, 2] > 0, b, a)}

    outputs, inputs = {"told": {"usual": 1.0, "detour": 1.0}}, ("a", "b", "switch")
    foil = other(channels=2)
    return plant(units, outputs, members, draw, foil, latents, extra, inputs, CORRUPTED)
