"""Balance: a number held between excitation and inhibition that cancel, under Dale's law.

    planted = balanced_memory()
    planted.network.step.wire         # [to, from], each column of one sign

Two populations excite themselves and inhibit each other, so that their difference stays; shared
inhibition cancels a drive four times what is left of it. The cell is our `Dale`, its rates between
0 and 1, and in every trial in the linear part.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..cells import Affine, Dale
from ..core import Network
from .causes import Cause, number, truth_for, with_causes
from .graded import two_sided
from .planted import Planted
from .wiring import Unit, clip

STEPS, EVENT = 32, 2
EPOCHS = {"cue": range(2, 8), "hold": range(10, 20)}
TAU = 3.0
"""Steps."""
EXCITE, INHIBIT, SHARED, DRIVE = 0.5, 0.5, 3.0, 2.0
"""`EXCITE + INHIBIT = 1` holds the difference; rest is 1/2 where `DRIVE = SHARED / 2 + 1/2`."""
CUE = 1.6
"""Half of it excites a side, half of the other's cue inhibits it."""
BACK = 0.02
"""From the background into the circuit: weak wires."""
SIDES = ("a", "b")
BACKGROUND = (8, 2)
"""Excitatory and inhibitory units outside the circuit."""


def balanced_memory(seed: int = 0) -> Planted:
    """A number as the difference of two balanced populations.

    With a unit's own leak, for side a (of b likewise), each of two excitatory units has the drive
    `0.5 twin - 0.5 inhibition b - 3 shared + 2`, and `inhibition a` is the mean of side a. So the
    sides' difference is kept, and their sum returns to rest.

    True: both sides' units and their inhibition. `shared inhibition`, without which all
    saturates, is the same in all trials: it carries no difference, and is no member. Eight
    excitatory and two inhibitory units are driven by the circuit, and heard weakly. The border: a
    member does at least 0.2 of the contrast, a true wire at least 0.07, others at most 0.02.
    Fooled: lesions, which find the shared inhibition; what reads net currents, a fifth of what
    excites or inhibits.

    **Arguments:** `seed`: draws the background's weights.

    **Returns:** a `Planted` of inputs `[B, 32, 2]` and targets `[B, 32, 2]`, the sides' rates.
    Contrast `number`: the cue v to side a, 1 - v to side b, change places.

    **Example:**

        >>> made = rj.planted.balanced_memory()
        >>> np.compress(made.truth.nodes["hold"] > 0, made.units).tolist()
        ['a 0', 'a 1', 'b 0', 'b 1', 'inhibition a', 'inhibition b']
    """
    units = _units(seed)
    # a leak is a wire of a unit to itself
    listed = {k: u._replace(units={**u.units, k: 1 - 1 / TAU}) for k, u in units.items()}
    members = [name for name, unit in units.items() if unit.group in SIDES]
    times = {name: range(EVENT, STEPS) for name in members}
    times |= {f"inhibition {side}": range(EVENT + 1, STEPS) for side in SIDES}

    def follow(xs: Array) -> dict[str, Array]:
        # a side keeps two thirds of what the cue does, once inhibition has its part of it
        moved = jnp.cumsum(xs[:, 0] - xs[:, 1]) * CUE / (3 * TAU)
        return {side: 0.5 + sign * moved for side, sign in zip(SIDES, (1, -1))}

    pulse = (np.arange(STEPS) == EVENT).astype(float)[None, :, None]

    def draw(key: Array, count: int) -> Float[Array, "B T 2"]:
        v = two_sided(key, count, 1)
        return jnp.concatenate([v, 1 - v], -1)[:, None] * number(pulse)

    return with_causes(
        _network(units),
        listed,
        truth_for(listed, times, EPOCHS, {"": members}),
        draw,
        follow,
        EPOCHS,
        {"number": Cause(lambda xs: xs[..., ::-1], EPOCHS)},
        SIDES,
    )


def _units(seed: int) -> dict[str, Unit]:
    """Excitatory units first; every weight as a size, whose sign is its sender's."""
    rng = np.random.default_rng(seed)
    exciting, inhibiting = BACKGROUND
    outside = [f"background {k}" for k in range(exciting)]
    quiet = [f"background inhibition {k}" for k in range(inhibiting)]
    circuit = [f"{side} {k}" for side in SIDES for k in (0, 1)]
    units = {}
    for side, other in (SIDES, SIDES[::-1]):
        for k in (0, 1):
            reads = {f"{side} {1 - k}": EXCITE, f"inhibition {other}": INHIBIT}
            reads |= {"shared inhibition": SHARED, outside[len(units)]: BACK}
            cue = {side: CUE / 2, other: -CUE / 2}
            units[f"{side} {k}"] = Unit(reads, cue, DRIVE, 0.5, side)
    drawn = lambda size, sum_: rng.dirichlet(np.ones(size)) * sum_
    for name in outside:
        # twice the circuit's mean, of which inhibition takes a half
        reads = dict(zip(circuit, drawn(4, 2.0))) | dict(zip(quiet, drawn(inhibiting, 1.0)))
        units[name] = Unit(reads, group="background")
    for side in SIDES:
        units[f"inhibition {side}"] = Unit({f"{side} {k}": 0.5 for k in (0, 1)}, group=side)
    units["shared inhibition"] = Unit(dict.fromkeys(circuit, 0.25), group="shared")
    for name in quiet:
        units[name] = Unit(dict(zip(outside, drawn(exciting, 1.0))), group="background")
    return units


def _network(units: dict[str, Unit]) -> Network:
    """A `Dale` cell of these weights, from its rest, and the rates of either side."""
    names, N, exciting = list(units), len(units), 4 + BACKGROUND[0]
    w, u = np.zeros((N, N)), np.zeros((N, 2))
    for i, unit in enumerate(units.values()):
        for source, weight in unit.units.items():
            w[i, names.index(source)] = weight
        for source, weight in unit.inputs.items():
            u[i, SIDES.index(source)] = weight
    b = np.array([unit.bias for unit in units.values()])
    key = jax.random.key(0)
    blank = eqx.filter_eval_shape
    cell = blank(Dale, 2, N, key=key, activation=clip, tau=TAU)
    where = lambda c: (c.w, c.u, c.b, c.excitatory, c.mask)
    signs = (jnp.asarray(np.arange(N) < exciting), jnp.asarray(w != 0))
    cell = eqx.tree_at(where, cell, (*map(number, (w, u, b)), *signs))
    c = np.array(
        [[0.5 * (name in (f"{side} 0", f"{side} 1")) for name in names] for side in SIDES]
    )
    readout = blank(Affine, N, 2, key=key)
    readout = eqx.tree_at(lambda r: (r.c, r.b), readout, (number(c), number(np.zeros(2))))
    return Network(cell, readout, number(_rest(w * _signs(N, exciting), b)))


def _signs(N: int, exciting: int) -> Float[np.ndarray, "1 N"]:
    return np.where(np.arange(N) < exciting, 1.0, -1.0)[None]


def _rest(w: Float[np.ndarray, "N N"], b: Float[np.ndarray, " N"]) -> Float[np.ndarray, " N"]:
    """The settled rates without a cue."""
    h = np.full(len(b), 0.5)
    for _ in range(500):
        h = h + (np.clip(w @ h + b, 0, 1) - h) / TAU
    return h
