"""A gated route: in a gated recurrent unit, one unit multiplies what another passes on.

    planted = gated_route()
    planted.truth.nodes["hold signal"]     # signal and product: the gate does not differ
    planted.truth.nodes["hold context"]    # gate and product

All weights are written down in our GRU's equations. A memory's update gate is shut but for the
step at which it is loaded; the product's reset gate is driven by the gate's unit alone, so that

    product = tanh(sigmoid(4 gate) * signal)

and no weight between the gate's unit and the product is a wire that carries a signal.
"""

from collections.abc import Mapping
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ..cells import GRU, Affine
from ..core import Network
from .causes import Cause, named_for, number, truth_for, with_causes
from .planted import Planted
from .wiring import NOTHING, Unit, Weights

STEPS, EVENT = 24, 2
EPOCHS = {"load": range(3), "hold": range(3, 18)}
INPUTS = ("signal", "context", "other", "load")
TIMES = {
    "signal": range(EVENT, STEPS), "gate": range(EVENT, STEPS), "product": range(EVENT + 1, STEPS)
}  # fmt: skip
PARTS = {"": list(TIMES), "signal": ["signal", "product"], "context": ["gate", "product"]}
SHUT = 12.0
"""A gate's drive: it lets 6e-6 through a step."""
GATE = 4.0
"""The reset gate's drive: 0.982 of the signal passes, or 0.018."""
WEAK_GATE, WEAK_SIGNAL = 0.2, 0.05


class GatedUnit(NamedTuple):
    """What the parts of a gated unit read: weights by the names of units, or of inputs.

    - `reset`, `candidate`: of units. `update`, `drive`: of inputs, the last for the candidate.
    - `bias`: the update gate's: positive, the unit holds what it has.
    """

    reset: Weights = NOTHING
    candidate: Weights = NOTHING
    update: Weights = NOTHING
    drive: Weights = NOTHING
    bias: float = -SHUT
    group: str = "circuit"


def gated_route() -> Planted:
    """A signal and a context are held; the signal is told where the context is open.

    True: the units `signal`, `gate` and `product`. Where the signal alone is changed, signal and
    product; where the context is, gate and product. The border: a true member or wire does at
    least 0.65 of its contrast. `weak gate` holds the context and turns the product's reset gate by
    a twentieth of what the gate does; `weak signal` holds the signal and has a twentieth of its
    weight: each does at most 0.04. `other signal`, with the same weight, is another number, and
    the unread ones are copies of all three members. Fooled: a wire by weight times signal,
    since the gate's is no summand of the product; a linear account, since either factor's effect
    hangs on the other.

    **Returns:** a `Planted` of inputs `[B, 24, 4]` (signal, context, another signal, load) and
    targets `[B, 24, 1]`. The context is open in two thirds of the trials. Contrasts: the `signal`
    is turned, in trials whose context is open; the `context` is turned.

    **Example:**

        >>> made = rj.planted.gated_route()
        >>> np.compress(made.truth.nodes["hold"] > 0, made.units).tolist()
        ['signal', 'gate', 'product']
    """
    units = _units()

    def follow(xs: Array) -> dict[str, Array]:
        signal, context = jnp.cumsum(xs[:, 0]), jnp.cumsum(xs[:, 1])
        told = jnp.tanh(jnp.tanh(signal)) * (context > 0).astype(xs.dtype)
        return {"signal": signal, "context": context, "told": jnp.pad(told, (1, 0))[:STEPS]}

    listed = {name: _wires(name, unit) for name, unit in units.items()}
    causes = {"signal": _other_signal, "context": _other_context}
    return with_causes(
        _network(units, {"product": 1.0}),
        listed,
        truth_for(listed, TIMES, EPOCHS, PARTS),
        _draw,
        follow,
        EPOCHS,
        {name: Cause(foil, named_for(EPOCHS, name)) for name, foil in causes.items()},
        ["told"],
    )


def _units() -> dict[str, GatedUnit]:
    load = {"load": -2 * SHUT}
    signal = GatedUnit(update=load, drive={"signal": 1.0}, bias=SHUT)
    gate = GatedUnit(update=load, drive={"context": 3.0}, bias=SHUT)
    weak = {"weak signal": WEAK_SIGNAL, "other signal": WEAK_SIGNAL}
    product = GatedUnit({"gate": GATE, "weak gate": WEAK_GATE}, {"signal": 1.0, **weak})
    copy = GatedUnit({"unread gate": GATE}, {"unread signal": 1.0})
    found = {"signal": signal, "gate": gate, "product": product}
    weakly = {"weak signal": signal, "weak gate": gate}
    weakly["other signal"] = signal._replace(drive={"other": 1.0})
    unread = {"unread signal": signal, "unread gate": gate, "unread product": copy}
    for group, units in (("weak", weakly), ("unread", unread)):
        found |= {name: unit._replace(group=group) for name, unit in units.items()}
    return found


def _wires(name: str, unit: GatedUnit) -> Unit:
    """Whom a unit hears through any of its gates, itself where it holds what it has."""
    own = {name: 1.0} if unit.bias > 0 else {}
    return Unit({**unit.reset, **unit.candidate, **own}, group=unit.group)


def _network(units: Mapping[str, GatedUnit], told: Weights) -> Network:
    """A GRU of these weights and no others, with a linear readout."""
    names, N = tuple(units), len(units)
    w, u, b = np.zeros((3, N, N)), np.zeros((3, N, len(INPUTS))), np.zeros((3, N))
    for i, unit in enumerate(units.values()):
        for into, gate, order, weights in (
            (w, 0, names, unit.reset),
            (w, 2, names, unit.candidate),
            (u, 1, INPUTS, unit.update),
            (u, 2, INPUTS, unit.drive),
        ):
            for source, weight in weights.items():
                into[gate, i, order.index(source)] = weight
        b[1, i] = unit.bias
    blank, key = eqx.filter_eval_shape, jax.random.key(0)
    cell = blank(GRU, len(INPUTS), N, key=key)
    arrays = tuple(map(number, (w, u, b, np.zeros(N))))
    cell = eqx.tree_at(lambda c: (c.w, c.u, c.b, c.c), cell, arrays)
    c = np.array([[told.get(name, 0.0) for name in names]])
    readout = blank(Affine, N, 1, key=key)
    readout = eqx.tree_at(lambda r: (r.c, r.b), readout, (number(c), number(np.zeros(1))))
    return Network(cell, readout, number(np.zeros(N)))


def _draw(key: PRNGKeyArray, count: int) -> Float[Array, "B T 4"]:
    """Signals of 0.5 to 1 and either sign, all loaded at one step."""
    size, side, order = jax.random.split(key, 3)
    dtype = jnp.zeros(()).dtype
    signals = jax.random.uniform(size, (count, 2), dtype, 0.5, 1.0)
    signals = signals * jax.random.rademacher(side, (count, 2), dtype)
    shut = jax.random.permutation(order, jnp.arange(count)) % 3 == 2
    context = jnp.where(shut, -1.0, 1.0).astype(dtype)
    given = jnp.stack([signals[:, 0], context, signals[:, 1], jnp.ones_like(context)], -1)
    return given[:, None] * number(np.arange(STEPS) == EVENT)[None, :, None]


def _other_signal(xs: np.ndarray) -> np.ndarray:
    """The signal of the other sign, where the context is open."""
    open_ = (xs[..., 1].sum(1) > 0)[:, None, None]
    return np.where(open_ & (np.arange(4) == 0)[None, None], -xs, xs)


def _other_context(xs: np.ndarray) -> np.ndarray:
    """The other context."""
    return np.where((np.arange(4) == 1)[None, None], -xs, xs)
