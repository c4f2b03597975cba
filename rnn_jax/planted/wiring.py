"""Networks written down unit by unit: what each one reads, and nothing else.

    units = {
        "memory": Unit({"memory": 1.0}, {"set": 1.0, "reset": -1.0}),
        "reader": Unit({"memory": 1.0}),
    }
    network = wire(units, ("set", "reset"), {"out": {"memory": 1.0}})
    truth = truth_of(units, {"cue": ("memory",), "delay": ("memory",)})

All units have one activation; `clip`, 0 to 1, makes of them exact logic.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ..cells import Affine, Vanilla
from ..core import Network
from .planted import Truth

Weights = Mapping[str, float]
NOTHING: Weights = MappingProxyType({})


class Unit(NamedTuple):
    """What a unit reads: weights by the names of units and of inputs; and its label.

    - `units`: of the step before. `inputs`: of the same step.
    - `bias`: added. `start`: its state before step 0. `group`: for reports.

    **Example:**

        >>> memory = rj.planted.Unit(units={"memory": 1.0, "relay": 1.0})  # what it reads
        >>> memory.group, memory.bias, dict(memory.inputs)
        ('circuit', 0.0, {})
    """

    units: Weights = NOTHING
    inputs: Weights = NOTHING
    bias: float = 0.0
    start: float = 0.0
    group: str = "circuit"


def clip(a: Array) -> Array:
    """`min(max(a, 0), 1)`: a sum of bits less a bias is their logic, exactly."""
    return jnp.clip(a, 0.0, 1.0)


def wire(
    units: Mapping[str, Unit],
    inputs: Sequence[str],
    outputs: Mapping[str, Weights],
    activation: Callable[[Array], Array] = clip,
) -> Network:
    """The network `h_t = phi(W h_{t-1} + U x_t + b)`, `y_t = C h_t`, of what is written down.

    **Arguments:**

    - `units`: by name, in the state's order.
    - `inputs`: names, in the order of `x`'s channels.
    - `outputs`: what each output reads, in the order of `y`'s channels.
    - `activation`: `phi`, made once.

    **Returns:** a `Network` of a `Vanilla` cell with an `Affine` readout.

    **Raises:** `ValueError` where a unit or output reads what is not there.

    **Example:**

        >>> units = {"relay": rj.planted.Unit(inputs={"set": 1.0}),
        ...          "memory": rj.planted.Unit(units={"relay": 1.0, "memory": 1.0})}
        >>> made = rj.planted.wire(units, ["set"], {"bit": {"memory": 1.0}})
        >>> pulse = jnp.zeros((5, 1)).at[1].set(1.0)
        >>> rj.outputs(made, rj.run(made, pulse)).ravel().tolist()  # a step later, and held
        [0.0, 0.0, 1.0, 1.0, 1.0]
    """
    names = tuple(units)
    w = _matrix({name: unit.units for name, unit in units.items()}, names)
    u = _matrix({name: unit.inputs for name, unit in units.items()}, inputs)
    b = np.array([unit.bias for unit in units.values()])
    # shapes alone: to draw weights that are replaced would cost a compilation a shape
    blank, key = eqx.filter_eval_shape, jax.random.key(0)
    cell = blank(Vanilla, len(inputs), len(names), key=key, activation=activation)
    readout = blank(Affine, len(names), len(outputs), key=key)
    cast = lambda a: jnp.asarray(a, cell.w.dtype)
    cell = eqx.tree_at(lambda c: (c.w, c.u, c.b), cell, (cast(w), cast(u), cast(b)))
    c = cast(_matrix(outputs, names))
    readout = eqx.tree_at(lambda r: (r.c, r.b), readout, (c, cast(np.zeros(len(outputs)))))
    return Network(cell, readout, cast([unit.start for unit in units.values()]))


def truth_of(units: Mapping[str, Unit], members: Mapping[str, Sequence[str]]) -> Truth:
    """The members of each epoch, and the wires among them.

    **Arguments:**

    - `units`: as for `wire`.
    - `members`: the names of the units that belong to the circuit, by epoch.

    **Returns:** `Truth`: nodes `[N]` and edges `[N, N]`, `[to, from]`, of each epoch.

    **Raises:** `ValueError` where a member is no unit.

    **Example:**

        >>> units = {"relay": rj.planted.Unit(inputs={"set": 1.0}),
        ...          "memory": rj.planted.Unit(units={"relay": 1.0, "memory": 1.0})}
        >>> truth = rj.planted.truth_of(units, {"set": ["relay", "memory"], "hold": ["memory"]})
        >>> truth.edges["set"].tolist(), truth.edges["hold"].tolist()  # [to, from]
        ([[0.0, 0.0], [1.0, 1.0]], [[0.0, 0.0], [0.0, 1.0]])
    """
    names = tuple(units)
    wired = _matrix({name: unit.units for name, unit in units.items()}, names) != 0
    ones = {epoch: dict.fromkeys(chosen, 1.0) for epoch, chosen in members.items()}
    nodes = {epoch: _matrix({epoch: row}, names)[0] for epoch, row in ones.items()}
    cast = lambda a: jnp.asarray(a, jnp.zeros(()).dtype)
    edges = {epoch: cast(wired * np.outer(row, row)) for epoch, row in nodes.items()}
    return Truth({epoch: cast(row) for epoch, row in nodes.items()}, edges)


def truth_over(
    units: Mapping[str, Unit],
    times: Mapping[str, Collection[int]],
    epochs: Mapping[str, Collection[int]],
) -> Truth:
    """The members of each epoch, from the steps at which each unit matters.

    A unit belongs to an epoch if it matters at some step of it. A wire belongs to it if at some
    step t of it the receiver matters, and the sender did at t - 1: so `sweep_edges` has it.

    **Arguments:**

    - `units`: as for `wire`.
    - `times`: the steps at which a unit's value bears on outputs; a unit left out never does.
    - `epochs`: the steps of each.

    **Returns:** `Truth`: nodes `[N]` and edges `[N, N]`, `[to, from]`, of each epoch.

    **Raises:** `ValueError` where times are given of what is no unit.

    **Example:**

        >>> units = {"relay": rj.planted.Unit(inputs={"set": 1.0}),
        ...          "memory": rj.planted.Unit(units={"relay": 1.0, "memory": 1.0})}
        >>> epochs = {"set": range(2), "hold": range(2, 5)}
        >>> truth = rj.planted.truth_over(units, {"relay": [0], "memory": range(1, 5)}, epochs)
        >>> truth.nodes["set"].tolist(), truth.nodes["hold"].tolist()
        ([1.0, 1.0], [0.0, 1.0])
    """
    members = {
        epoch: [name for name, when in times.items() if set(when) & set(steps)]
        for epoch, steps in epochs.items()
    }
    nodes = truth_of(units, members).nodes
    edges = {}
    for epoch, steps in epochs.items():
        used = np.zeros((len(units), len(units)))
        for i, (name, unit) in enumerate(units.items()):
            for j, other in enumerate(units):
                landing = {t + 1 for t in times.get(other, ())} & set(times.get(name, ()))
                used[i, j] = unit.units.get(other, 0.0) != 0 and bool(landing & set(steps))
        edges[epoch] = jnp.asarray(used, jnp.zeros(()).dtype)
    return Truth(nodes, edges)


def with_unread(units: Mapping[str, Unit], extra: int) -> dict[str, Unit]:
    """The units and `extra` distractors: copies of them, evenly spread, which nothing reads.

    A copy reads what its original reads, the original itself included, so that it is as active
    and as correlated with everything as the original, and no intervention on it does anything.

    **Raises:** `ValueError` where `extra` is negative.

    **Example:**

        >>> units = {"memory": rj.planted.Unit(units={"memory": 1.0}, inputs={"set": 1.0})}
        >>> more = rj.planted.with_unread(units, 2)
        >>> list(more), more["unread 0"].units  # it reads its original, and nothing reads it
        (['memory', 'unread 0', 'unread 1'], {'memory': 1.0})
    """
    if extra < 0:
        raise ValueError(f"extra must be at least 0, got {extra}")
    names = list(units)
    copies = spread_copies(len(names), extra)
    copied = {f"unread {i}": units[names[j]] for i, j in enumerate(copies)}
    return {**units, **{name: unit._replace(group="unread") for name, unit in copied.items()}}


def spread_copies(count: int, extra: int) -> np.ndarray:
    """`[extra]`: which of `count` units each distractor copies."""
    return np.arange(extra) * count // max(extra, 1)


def _matrix(rows: Mapping[str, Weights], columns: Sequence[str]) -> np.ndarray:
    """Weights by name as `[to, from]`."""
    found = np.zeros((len(rows), len(columns)))
    for i, (name, row) in enumerate(rows.items()):
        for column, weight in row.items():
            if column not in columns:
                raise ValueError(f"{name!r} reads {column!r}, which is not in {list(columns)}")
            found[i, list(columns).index(column)] = weight
    return found
