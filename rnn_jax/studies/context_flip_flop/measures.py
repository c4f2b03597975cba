"""What is measured of one network: shares of excitation and inhibition, and sets that stay or go.

    found = measure(network, excitatory, inhibitory, trials, key)    # numbers by name
    found["jaccard"]                                          # [value, floor, pair]

With `s[i, j]` the mean size of the flow from `j` to `i` in a window, gate x wire x signal, and
`M` the memory circuit, the share of excitation is `sum_{i in M, j in E} s / sum_{i in M, j} s`.
A unit below its threshold has gate 0, so that the inhibition which holds it there carries no
flow; the same share of **currents**, wire x signal without the gate, does see it.

A Jaccard index is corrected for chance: `(J - E J) / (1 - E J)`, with `E J` that of two random
sets of the same sizes among the units that move at all. Hubert and Arabie, J. Classification 2
(1985), for the form of the correction.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ...causal import mean, resample
from ...circuits import corrected_jaccard, random_sets, select_units
from ...core import Network, State, clean_run
from ...core.checks import floats
from ...core.types import Numbers
from ...discovery.connections import find_connections
from ...linear import Connectivity
from ...tasks import Trials
from .probe import EPOCHS, effects_after, epoch_windows, unit_effects, window_starts

REPLACED = ("resample", "mean")
"""What a clamped unit is replaced with; the first decides."""
FLOORS = (0.1, 0.05, 0.2)
"""Shares of an epoch's largest effect that a member must reach; the first decides."""
PAIRS = {
    "memory, early and late": "the same context, other trials",
    "memory, again": "early hold, the same context, other trials",
    "memory, between contexts": "early hold, other trials",
    "gates, between contexts": "at switches, without memory's units, other trials",
    "gates, again": "at switches of one context, without memory's units, other trials",
    "switch circuits, between contexts": "gates and memory together, other trials",
}
DRAWS = 16


def measure(
    network: Network,
    excitatory: Bool[Array, " N"],
    inhibitory: Bool[Array, " N"],
    trials: Trials,
    key: PRNGKeyArray,
) -> dict[str, np.ndarray]:
    """All numbers of one network; no truth is read.

    **Arguments:**

    - `network`: inputs and outputs as of `ContextBit`, a step with `parts`.
    - `excitatory`, `inhibitory`: who excites and who inhibits whom it reaches.
    - `trials`: of `probe_trials`.
    - `key`: draws donors, signs and sets.

    **Returns:** per name an array. By what units are replaced with: `effect_share` (of
    inhibition), `members`, `inhibitory_members`, `largest` `[value, E]`, `circuits
    [value, E, N]`, `jaccard [value, floor, pair]`, NaN where sets are empty. Of the first value's
    memory circuit: `flow_share`, `current_share` (of inhibition) `[E]`, `wire_share`, and `sets
    [2]`, excitatory and inhibitory. And `rate_e`, `rate_i` `[E]`, `unit_share`, `moving`.
    """
    donors, signs, sets = jax.random.split(key, 3)
    hs, ys = clean_run(network, trials.xs)
    values = {"resample": resample(hs, donors), "mean": mean(hs)}
    moving = moving_units(hs)
    signed = (excitatory, inhibitory)
    rows = []
    for name in REPLACED:
        effects = np.asarray(unit_effects(network, trials, values[name], ys))
        rows.append(_causal(effects, signed, moving, signs))
    causal = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    memory = jnp.asarray(causal["circuits"][0, EPOCHS.index("early hold")])
    connections = find_connections(network, trials.xs, epoch_windows(len(ys) // 6))
    value = values[REPLACED[0]]
    return {
        **causal,
        **_shares(connections, memory, *signed),
        "unit_share": np.asarray(inhibitory.sum() / (excitatory | inhibitory).sum()),
        "sets": _sets(network, trials, value, ys, memory, signed, sets),
        "moving": np.asarray(moving),
    }


def moving_units(hs: Float[Array, "B T N"]) -> int:
    """How many units are not constant over trials and time."""
    return int(np.sum(np.asarray(hs.std((0, 1))) > 1e-4))


def _causal(
    effects: Float[np.ndarray, "E N K 2"],
    signed: tuple[Array, Array],
    moving: int,
    key: PRNGKeyArray,
) -> dict[str, np.ndarray]:
    """What exact effects alone say."""
    E, N = effects.shape[:2]
    circuits = members(effects.reshape(E, N, -1), key, FLOORS[0])
    size = np.abs(effects.mean((2, 3)))
    return {
        "effect_share": inhibitory_share(size, *signed),
        "members": circuits.sum(1),
        "inhibitory_members": (circuits & np.asarray(signed[1])).sum(1),
        "largest": size.max(1),
        "jaccard": np.array([_jaccards(effects, key, floor, moving) for floor in FLOORS]),
        "circuits": circuits,
    }


def members(
    effects: Float[np.ndarray, "E N B"], key: PRNGKeyArray, floor: float
) -> Bool[np.ndarray, "E N"]:
    """Circuits of one family of epochs, by `select_units`.

    These effects have one sign, of which a test of the mean finds any but 0 significant: the
    floor decides.
    """
    return select_units(effects, key, floor=floor).members


def inhibitory_share(
    size: Float[Numbers, "... N"], excitatory: Bool[Array, " N"], inhibitory: Bool[Array, " N"]
) -> np.ndarray:
    """`sum_{j in I} size_j / sum_{j in E or I} size_j`; NaN where there is nothing."""
    sums = [np.asarray(size) @ np.asarray(who, float) for who in (excitatory, inhibitory)]
    total = sums[0] + sums[1]
    return np.where(total > 0, sums[1] / np.where(total > 0, total, 1), np.nan)


def _shares(
    found: Connectivity, memory: Array, excitatory: Array, inhibitory: Array
) -> dict[str, np.ndarray]:
    """Inhibition's share of what reaches memory: of flows, currents and wires; and mean rates."""
    if found.wire is None or found.signal is None:
        raise ValueError("the step offers no parts: it has no single matrix of weights")
    into = memory.astype(found.size.dtype)
    wire = into @ jnp.abs(found.wire)
    share = lambda size: inhibitory_share(size, excitatory, inhibitory)
    signal = np.asarray(found.signal)
    rate = lambda who: signal[:, np.asarray(who)].mean(1)
    return {
        "flow_share": share(jnp.einsum("i,eij->ej", into, found.size)),
        "current_share": share(wire[None] * jnp.abs(found.signal)),
        "wire_share": share(wire),
        "rate_e": rate(excitatory),
        "rate_i": rate(inhibitory),
    }


def _sets(
    network: Network,
    trials: Trials,
    value: State,
    ys: Array,
    memory: Array,
    signed: tuple[Array, Array],
    key: PRNGKeyArray,
) -> np.ndarray:
    """Mean effect of equally large sets of memory's excitatory and inhibitory units, per unit."""
    ours = [np.asarray(memory & who) for who in signed]
    size = min(int(who.sum()) for who in ours)
    if size == 0:
        return np.full(2, np.nan)
    groups = np.concatenate(
        [_subsets(jax.random.fold_in(key, k), who, size) for k, who in enumerate(ours)]
    )
    start = window_starts()["early hold"]
    effects = effects_after(network, trials, floats(groups), start, value, ys)
    of_kind = np.asarray(effects).reshape(2, DRAWS, -1, 3, 2)[:, :, :, 0]
    return np.abs(of_kind.mean((1, 2, 3))) / size


def _subsets(key: PRNGKeyArray, of: np.ndarray, size: int) -> Bool[np.ndarray, "D N"]:
    """`DRAWS` sets of `size` units among those given."""
    at = np.flatnonzero(of)
    drawn = random_sets(key, np.arange(len(at)) < size, DRAWS)
    sets = np.zeros((DRAWS, len(of)), bool)
    sets[:, at] = drawn
    return sets


def _jaccards(
    effects: Float[np.ndarray, "E N K 2"], key: PRNGKeyArray, floor: float, moving: int
) -> list[float]:
    """The corrected Jaccard of each of `PAIRS`, every set from half of a context's trials."""
    N, count = effects.shape[1:3]
    names = ("switch", "early hold", "late hold")
    rows = np.stack([effects[EPOCHS.index(name)] for name in names])
    halves = rows[:, :, : count // 2 * 2].reshape(3, N, 2, -1, 2)
    # [epoch, half, context, N, trial]
    halves = np.moveaxis(halves, (2, 4), (1, 2))
    found = members(halves.reshape(12, N, -1), key, floor).reshape(3, 2, 2, N)
    switch, early, late = found
    gates = switch & ~early
    across = lambda a, b: ((a[0], b[1]), (a[1], b[0]))
    contexts = lambda a: ((a[0, 0], a[1, 1]), (a[1, 0], a[0, 1]))
    again = lambda a: ((a[0, 0], a[1, 0]), (a[0, 1], a[1, 1]))
    pairs = [
        [(a[c], b[c]) for a, b in across(early, late) for c in (0, 1)],
        again(early), contexts(early), contexts(gates), again(gates), contexts(switch),
    ]  # fmt: skip
    return [mean_known([corrected_jaccard(a, b, moving) for a, b in those]) for those in pairs]


def mean_known(values: list[float]) -> float:
    """The mean of those that are numbers; NaN where none is."""
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")


@eqx.filter_jit
def accuracy(network: Network, trials: Trials) -> Float[Array, ""]:
    """The share of held steps, those of the epoch `hold`, on which the right side is larger."""
    _, ys = clean_run(network, trials.xs)
    if trials.targets is None:
        raise ValueError("accuracy needs trials with targets")
    up, down = jnp.moveaxis(trials.targets, -1, 0)
    asked = (trials.epochs["hold"] > 0) & (up + down > 0)
    right = (ys[..., 0] > ys[..., 1]) == (up > down)
    return (asked & right).sum() / asked.sum()
