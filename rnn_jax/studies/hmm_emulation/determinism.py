"""Is what follows a state set by the state, or by the noise that comes?

    found = determinism(network, key, 300)
    found["spread"][1]              # half of the noise fresh: [zone, step]
    found["agreement_switched"]     # [level, zone]: the same switch again

From each state one run goes on with the noise that followed: the nominal one. 100 more runs have
noise `sqrt(1 - g^2) nominal + g fresh`, which is normal with unit variance whatever g is. So
they differ in how much of the noise is known, and in nothing else.

Of a linear network the spread is `g^2` times that of all fresh noise, at every step.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from ...core import Network
from .runs import LASTING, Output
from .zones import Samples, Zoned, by_zone, chosen, zoned

RUNS, STEPS = 100, 5
FRESH = (0.0, 0.5**0.5, 1.0)
"""The share `g` of fresh noise: none, half of the variance, all."""

CANDIDATES = 7
"""States whose zone is found for each that is asked, since some zones are small."""


class Repeats(NamedTuple):
    """What repeated runs from one state do.

    - `spread`: `[L, STEPS]`, the trace of the covariance over runs after each step.
    - `relative`: `[L, STEPS]`, over the mean squared length of the state.
    - `agreement`: `[L]`, the share of runs with the outcome of the nominal run.
    - `switched`: whether the nominal run switches within `STEPS` steps.
    """

    spread: Float[Array, "L W"]
    relative: Float[Array, "L W"]
    agreement: Float[Array, " L"]
    switched: Bool[Array, ""]


def mixed(nominal: Array, fresh: Array, g: float) -> Array:
    """`sqrt(1 - g^2) nominal + g fresh`: normal with unit variance if both are."""
    return (1 - g**2) ** 0.5 * nominal + g * fresh


def outcome(
    outputs: Int[Array, " T"], first: Int[Array, ""], lasting: int = LASTING
) -> Int[Array, ""]:
    """The output that a run switches to first; that of its start where it does not switch.

    **Arguments:**

    - `outputs`: `[T]`; a switch within the first `T - lasting + 1` steps is seen.
    - `first`: the output before.
    - `lasting`: for how many steps it must be another.
    """
    away = outputs != first
    stays = jnp.stack([away[k : len(away) - lasting + 1 + k] for k in range(lasting)]).all(0)
    return jnp.where(stays.any(), outputs[stays.argmax() + lasting - 1], first)


def repeats(
    network: Network,
    h: Float[Array, " N"],
    nominal: Float[Array, "T I"],
    key: PRNGKeyArray,
) -> Repeats:
    """`RUNS` runs from one state for each level of `FRESH`, the fresh noise the same for all.

    **Arguments:**

    - `network`: its step and its readout.
    - `h`: the state.
    - `nominal`: the inputs that followed it, `STEPS + LASTING - 1` of them.
    - `key`: draws the fresh noise.

    **Returns:** `Repeats`.
    """
    fresh = jax.random.normal(key, (RUNS, *nominal.shape), nominal.dtype)
    output = Output(network.readout)
    first = output(h)

    def one(xs: Float[Array, "T I"]) -> tuple[Float[Array, "W N"], Int[Array, ""]]:
        move = lambda h, x: (network.step(h, x),) * 2
        hs = lax.scan(move, h, xs)[1]
        return hs[:STEPS], outcome(jax.vmap(output)(hs), first)

    def at(g: float) -> tuple[Array, Array, Array]:
        hs, ends = jax.vmap(one)(mixed(nominal[None], fresh, g))
        spread = hs.var(0, ddof=1).sum(-1)
        size = (hs**2).sum(-1).mean(0)
        # a state that is 0 in every run has no spread
        return spread, spread / jnp.where(size > 0, size, 1), ends

    spread, relative, ends = map(jnp.stack, zip(*map(at, FRESH)))
    usual = one(nominal)[1]
    return Repeats(spread, relative, (ends == usual).mean(1), usual != first)


@eqx.filter_jit
def _all_repeats(network: Network, states: Samples, key: PRNGKeyArray) -> Repeats:
    nominal = states.after[:, : STEPS + LASTING - 1]
    rows = states.h, nominal, jax.random.split(key, len(states.h))
    return lax.map(lambda row: repeats(network, *row), rows, batch_size=8)


def determinism(network: Network, key: PRNGKeyArray, size: int) -> dict[str, np.ndarray]:
    """How much of the next five steps is set, by zone and by how much of the noise is known.

    **Arguments:**

    - `network`: as for `noisy_runs`.
    - `key`: draws states, noise and intervals.
    - `size`: states, a quarter of each zone as far as there are so many.

    **Returns:** means over states of a zone and their bootstrap intervals, `_low` and `_high`, for
    the levels of `FRESH` and the zones of `ZONES`: `spread` and `relative [3, 5, 4]`, after each
    of the next five steps; `agreement [3, 4]`, the share of runs with the nominal outcome;
    `agreement_stayed [3, 4]`, the same of those whose nominal run does not switch, and
    `agreement_switched [3, 4]` of as many states of each zone whose nominal run does; `switched
    [4]`, their share in a zone; `count` and `count_switched [4]`.

    **Raises:** `ValueError` as `zoned`.
    """
    state_key, noise_key, draw_key = jax.random.split(key, 3)
    found = zoned(network, state_key, CANDIDATES * size)
    return measured(network, found, max(1, size // 4), noise_key, draw_key)


def measured(
    network: Network, found: Zoned, count: int, noise_key: PRNGKeyArray, draw_key: PRNGKeyArray
) -> dict[str, np.ndarray]:
    """Numbers of `determinism` for `count` states of each zone, and as many that switch."""
    every, real = chosen(found.zone, count)
    # few states of a cluster switch: they are looked for among all that have a zone
    those, switching = chosen(np.where(_switch(network, found.states), found.zone, -1), count)
    of = lambda index: _repeated(network, found.states, index, noise_key)
    spread, relative, agreement, switched = of(every)
    mean = lambda name, values, which, at=every: by_zone(name, values, which, at, draw_key)
    return {
        **mean("spread", spread, real),
        **mean("relative", relative, real),
        **mean("agreement", agreement, real),
        **mean("agreement_switched", of(those)[2], switching, those),
        **mean("agreement_stayed", agreement, real & ~switched),
        **mean("switched", switched.astype(float), real),
        "count": real.sum(1),
        "count_switched": switching.sum(1),
    }


def _switch(network: Network, states: Samples) -> Bool[np.ndarray, " S"]:
    """Whether the nominal run out of each state switches within `STEPS` steps."""
    hs = clean_from(network, states.h, states.after[:, : STEPS + LASTING - 1])
    said = jax.vmap(jax.vmap(Output(network.readout)))(hs)
    first = jax.vmap(Output(network.readout))(states.h)
    return np.asarray(jax.vmap(outcome)(said, first) != first)


@eqx.filter_jit
def clean_from(
    network: Network, h: Float[Array, "S N"], xs: Float[Array, "S T I"]
) -> Float[Array, "S T N"]:
    """Runs from given states."""
    move = lambda h, x: (network.step(h, x),) * 2
    return jax.vmap(lambda h, xs: lax.scan(move, h, xs)[1])(h, xs)


def _repeated(
    network: Network, states: Samples, index: Int[np.ndarray, "4 P"], key: PRNGKeyArray
) -> tuple[np.ndarray, ...]:
    """The parts of `Repeats` of chosen states, each `[..., 4, P]` on the host."""
    taken = jax.tree.map(lambda leaf: leaf[index.ravel()], states)
    back = lambda part: np.moveaxis(np.asarray(part), 0, -1).reshape(*part.shape[1:], *index.shape)
    return tuple(map(back, _all_repeats(network, taken, key)))
