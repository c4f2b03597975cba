"""One question of a trained network: its sets, and sets of equal size by methods that do not edit.

    found = measured(network, trials, fresh, "bit 0", "hold", search, key)
    found["kept"]          # [selector]: the lesser of undone and restored, on fresh trials

The sets of exchanges are chosen and sized by `ask` on one half of some trials. Every other method
ranks units on all of these trials, and gets as many units as the mediator has. All are then
exchanged in trials that none has seen.

What a contrast changes is one variable of the outputs: `u` is the direction in which run and foil
differ most where they are read, and a trial's value is its mean output there along `u`. Methods
that ask for a target are given that value, of runs and of foils.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ...circuits import correlation, readout_weight, selectivity, sparse_probe, variance
from ...contrasts import Answer, Search, aligned, ask, choose, exchanged, shares
from ...contrasts.aligned import Epoch, Pair
from ...contrasts.exchange import Question
from ...contrasts.sets import of_reach
from ...contrasts.slopes import sums_of_mask
from ...core import Network, Readout, State
from ...tasks import Trials

KINDS = ("mediator", "circuit")
OWN = "exchanges"


class Seen(NamedTuple):
    """What a method that ranks units may look at; `B` runs and their foils.

    - `network`, `question`: the network, and all trials as the contrast asks them.
    - `hs`: `[2 B, L, N]`, what units show; `states`: all parts of a state.
    - `window`: `[1, 2 B, L]`. `value`: `[2 B, L, 1]`, the variable that the contrast changes.
    - `along`: the readout of that variable. `key`: for what is drawn.
    """

    network: Network
    question: Question
    hs: Float[Array, "B2 L N"]
    states: State
    window: Float[Array, "1 B2 L"]
    value: Float[Array, "B2 L 1"]
    along: Readout
    key: PRNGKeyArray


def difference(seen: Seen) -> Float[Array, " N"]:
    """How far a unit's run and foil lie apart, in its own deviations: the paired contrast."""
    count = seen.hs.shape[0] // 2
    weight = seen.window[0, :count, :, None]
    gap = (seen.hs[count:] - seen.hs[:count]) * weight
    size = jnp.sqrt((gap**2).sum((0, 1)) / weight.sum())
    return size / jnp.maximum(jnp.sqrt(variance(seen.hs, seen.window)[0]), 1e-12)


def first_order(seen: Seen) -> Float[Array, " N"]:
    """What exchanging a unit does to first order, undone and restored."""

    def effect(mask: Float[Array, " N"]) -> Float[Array, " 2"]:
        sums = sums_of_mask(seen.network, seen.question, mask)
        return shares(sums, jnp.asarray(seen.question.norms)).effect

    return jax.jacrev(effect)(jnp.zeros(seen.hs.shape[-1], seen.hs.dtype)).sum(0)


SELECTORS: dict[str, Callable[[Seen], Float[Array, " N"]]] = {
    "correlation": lambda s: correlation(s.hs, s.value, s.window)[0],
    "difference": difference,
    "variance": lambda s: variance(s.hs, s.window)[0],
    "readout weight": lambda s: readout_weight(s.along, s.states, s.window)[0],
    "selectivity": lambda s: selectivity(s.hs, s.value, s.window)[0],
    "sparse probe": lambda s: sparse_probe(s.hs, s.value, s.window)[0],
    "gradient": first_order,
    "random": lambda s: jax.random.uniform(s.key, (s.hs.shape[-1],)),
}
"""Every method that ranks units without exchanging them; chance is the last."""


def measured(
    network: Network,
    trials: Trials,
    fresh: Trials,
    contrast: str,
    epoch: str,
    search: Search,
    key: PRNGKeyArray,
) -> dict[str, np.ndarray]:
    """All numbers of one question; NaN where it is refused, or no set is good enough.

    **Arguments:**

    - `network`: trained.
    - `trials`, `fresh`: to choose by, and to judge on.
    - `contrast`, `epoch`: names.
    - `search`: how many bases and half-splits.
    - `key`: draws them.

    **Returns:** `size`, `base_size`, `p`, `undone`, `restored`, `off`, `holds` of each of `KINDS`;
    `members` and `frequency` `[kind, N]`; `kept` and `astray` of every method.
    """
    asked = trials.contrasts[contrast]
    assert asked.epochs is not None
    one = replace(asked, epochs={epoch: asked.epochs[epoch]})
    (answer,) = ask(network, trials, contrast, one, search, key)
    found = _of_sets(answer, len(answer.single[0]))
    names = (OWN, *SELECTORS)
    nothing = {"kept": np.full(len(names), np.nan), "astray": np.full(len(names), np.nan)}
    members = found["members"][0]
    if answer.note or not members.any():
        return found | nothing
    scores = _ranked(_seen(network, aligned(network, trials, one), epoch, key))
    rows = [members, *(_top(scores[name], int(members.sum())) for name in SELECTORS)]
    return found | _judged(network, fresh, contrast, epoch, np.stack(rows))


def _of_sets(answer: Answer, N: int) -> dict[str, np.ndarray]:
    """What the searches say of mediator and circuit."""
    sets = {found.kind: found for found in answer.sets}
    number = lambda of: np.array(
        [
            of(sets[kind]) if kind in sets and sets[kind].members.any() else np.nan
            for kind in KINDS
        ],
        float,
    )
    row = lambda of, blank: np.stack([of(sets[k]) if k in sets else blank for k in KINDS])
    return {
        "size": number(lambda s: s.size),
        "base_size": number(lambda s: np.median(s.base_sizes) if len(s.base_sizes) else np.nan),
        "p": number(lambda s: s.p_bases),
        "undone": number(lambda s: s.undone[0]),
        "restored": number(lambda s: s.restored[0]),
        "off": number(lambda s: s.off_target[0]),
        "holds": number(lambda s: s.holds),
        "members": row(lambda s: s.members, np.zeros(N, bool)),
        "frequency": row(lambda s: s.frequency, np.full(N, np.nan)),
    }


@eqx.filter_jit
def _ranked(seen: Seen) -> dict[str, Array]:
    return {name: score(seen) for name, score in SELECTORS.items()}


def _top(score: Array, count: int) -> Bool[np.ndarray, " N"]:
    order = np.argsort(-np.nan_to_num(np.asarray(score), nan=-np.inf), kind="stable")
    return np.isin(np.arange(len(order)), order[:count])


def _seen(network: Network, pair: Pair, epoch: str, key: PRNGKeyArray) -> Seen:
    """What methods look at."""
    asked = pair.epochs[epoch]
    picks = np.flatnonzero(asked.valid)
    question = choose(pair, asked, picks, np.ones(len(picks)))
    u = _direction(question)
    weight = asked.read[picks].mean(-1)
    said = np.asarray(pair.ys)[:, picks] / pair.scale @ u
    value = (said * weight).sum(-1) / weight.sum(-1)
    L = said.shape[-1]
    both = lambda leaf: jnp.asarray(leaf[:, picks].reshape(-1, *leaf.shape[2:]))
    states = jax.tree.map(both, pair.hs)
    window = np.concatenate([asked.window[picks]] * 2)
    dtype = question.ys.dtype
    return Seen(
        network, question, jax.tree.leaves(states)[0], states,
        jnp.asarray(window[None], dtype),
        jnp.asarray(np.repeat(value.reshape(-1, 1, 1), L, 1), dtype),
        _Along(network.readout, jnp.asarray(u / pair.scale, dtype)), key,
    )  # fmt: skip


def _direction(question: Question) -> Float[np.ndarray, " O"]:
    """The direction of outputs, in their deviations, in which run and foil differ most."""
    gap = np.asarray(question.gap[0]) * np.sqrt(np.asarray(question.read[0]))
    return np.linalg.svd(gap.reshape(-1, gap.shape[-1]), full_matrices=False)[2][0]


class _Along(eqx.Module):
    """One direction of a readout."""

    readout: Readout
    weights: Float[Array, " O"]

    def __call__(self, h: State) -> Float[Array, " 1"]:
        return (self.readout(h) @ self.weights)[None]


def _judged(
    network: Network, fresh: Trials, contrast: str, epoch: str, rows: Bool[np.ndarray, "S N"]
) -> dict[str, np.ndarray]:
    """What each set does in trials that none has seen: the lesser effect, and what is off target.

    Both are shares of what exchanging all units does, where that is below 0.9. What an effect is
    above 1 counts against it, as what is below does.
    """
    pair = aligned(network, fresh, fresh.contrasts[contrast])
    asked: Epoch = pair.epochs[epoch]
    picks = np.flatnonzero(asked.valid)
    question = choose(pair, asked, picks, np.ones(len(picks)))
    masks = np.concatenate([rows, np.ones((1, rows.shape[1]), bool)]).astype(question.ys.dtype)
    sums = np.asarray(exchanged(network, question, masks), float)
    found = shares(sums, np.asarray(question.norms, float))
    whole = of_reach(found.effect[:, -1])[:, None]
    effect, off = found.effect[:, :-1] / whole, found.off[:, :-1] / whole**2
    return {"kept": (1 - np.abs(1 - effect)).min(0), "astray": np.sqrt(np.maximum(off, 0)).max(0)}
