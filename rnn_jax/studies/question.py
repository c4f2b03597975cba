"""One question of a network: its sets, and sets of equal size by methods that do not edit.

    found = measured(network, trials, fresh, "bit 0", "hold", search, key)
    found["kept"]          # [selector]: the lesser of undone and restored, on fresh trials
    rows = all_measured(network, trials, fresh, [("bit 0", "hold")], search, key)
    measures_of(rows, 0)   # the same of the first question

The sets of exchanges are chosen and sized by `ask` on one half of some trials. Every other method
ranks units on all of these trials, and gets as many units as the mediator has. All are then
exchanged in trials that none has seen.

What a contrast changes is one variable of the outputs: `u` is the direction in which run and foil
differ most where they are read, and a trial's value is its mean output there along `u`. Methods
that ask for a target are given that value, of runs and of foils.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ..circuits import correlation, readout_weight, selectivity, sparse_probe, variance
from ..contrasts import Answer, Search, aligned, ask, choose, elsewhere, exchanged, shares
from ..contrasts.aligned import Pair
from ..contrasts.exchange import Question
from ..contrasts.halves import Picks, filled, stand
from ..contrasts.sets import of_reach
from ..contrasts.slopes import sums_of_mask
from ..core import Network, Readout, State
from ..tasks import Contrast, Trials

KINDS = ("mediator", "circuit")
OWN = "exchanges"


class Looked(NamedTuple):
    """What a method that ranks units may look at; `B` runs and their foils.

    - `network`, `question`: the network, and all trials as the contrast asks them.
    - `states`: all parts of a state, `[2 B, L, N]` each.
    - `window`: `[1, 2 B, L]`. `value`: `[2 B, L, 1]`, the variable that the contrast changes.
    - `along`: the readout of that variable. `key`: for what is drawn.
    """

    network: Network
    question: Question
    states: State
    window: Float[Array, "1 B2 L"]
    value: Float[Array, "B2 L 1"]
    along: Readout
    key: PRNGKeyArray


def difference(hs: Float[Array, "B2 L N"], seen: Looked) -> Float[Array, " N"]:
    """How far a unit's run and foil lie apart, in its own deviations: the paired contrast."""
    count = hs.shape[0] // 2
    weight = seen.window[0, :count, :, None]
    gap = (hs[count:] - hs[:count]) * weight
    size = jnp.sqrt((gap**2).sum((0, 1)) / weight.sum())
    return size / jnp.maximum(jnp.sqrt(variance(hs, seen.window)[0]), 1e-12)


def first_order(seen: Looked) -> Float[Array, " N"]:
    """What exchanging a unit does to first order, undone and restored."""

    def effect(mask: Float[Array, " N"]) -> Float[Array, " 2"]:
        sums = sums_of_mask(seen.network, seen.question, mask)
        return shares(sums, jnp.asarray(seen.question.norms)).effect

    first = jax.tree.leaves(seen.states)[0]
    return jax.jacrev(effect)(jnp.zeros(first.shape[-1], first.dtype)).sum(0)


Score: TypeAlias = Callable[[Float[Array, "B2 L N"], Looked], Float[Array, " N"]]


def _of_parts(score: Score) -> Callable[[Looked], Float[Array, " N"]]:
    """A unit's largest score over the parts of the state: an LSTM's may show in either."""
    return lambda s: jnp.stack([score(hs, s) for hs in jax.tree.leaves(s.states)]).max(0)


SELECTORS: dict[str, Callable[[Looked], Float[Array, " N"]]] = {
    "correlation": _of_parts(lambda hs, s: correlation(hs, s.value, s.window)[0]),
    "difference": _of_parts(difference),
    "variance": _of_parts(lambda hs, s: variance(hs, s.window)[0]),
    "readout weight": lambda s: readout_weight(s.along, s.states, s.window)[0],
    "selectivity": _of_parts(lambda hs, s: selectivity(hs, s.value, s.window)[0]),
    "sparse probe": _of_parts(lambda hs, s: sparse_probe(hs, s.value, s.window)[0]),
    "gradient": first_order,
    "random": lambda s: jax.random.uniform(s.key, jax.tree.leaves(s.states)[0].shape[-1:]),
}
"""Every method that ranks units without exchanging them; chance is the last."""


def all_measured(
    network: Network,
    trials: Trials,
    fresh: Trials,
    questions: Sequence[tuple[str, str]],
    search: Search,
    key: PRNGKeyArray,
) -> dict[str, np.ndarray]:
    """All questions of one network, in one flat dictionary, as it can be kept.

    **Arguments:** as for `measured`; `questions` are pairs of a contrast and an epoch.
    """
    arrays: dict[str, np.ndarray] = {}
    for k, (contrast, epoch) in enumerate(questions):
        own = jax.random.fold_in(key, k)
        found = measured(network, trials, fresh, contrast, epoch, search, own)
        arrays |= {f"{k}.{name}": value for name, value in found.items()}
    return arrays


def measures_of(found: dict[str, np.ndarray], k: int) -> dict[str, np.ndarray]:
    """The numbers of the question with number `k`, of what `all_measured` gave."""
    return {
        name.partition(".")[2]: value for name, value in found.items() if name.startswith(f"{k}.")
    }


def found_sets(
    network: Network, trials: Trials, contrast: str, epoch: str, search: Search, key: PRNGKeyArray
) -> Bool[np.ndarray, "kind N"]:
    """Mediator and circuit of a question, without bases and half-splits; nobody if refused."""
    one = in_epoch(trials.contrasts[contrast], epoch)
    (answer,) = ask(network, trials, contrast, one, replace(search, bases=0, splits=0), key)
    return _of_sets(answer, len(answer.single[0]))["members"]


def in_epoch(contrast: Contrast, epoch: str) -> Contrast:
    """The contrast, asked in one of its epochs alone."""
    assert contrast.epochs is not None
    return replace(contrast, epochs={epoch: contrast.epochs[epoch]})


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

    - `network`: any.
    - `trials`, `fresh`: to choose by, and to judge on.
    - `contrast`, `epoch`: names.
    - `search`: how many bases and half-splits.
    - `key`: draws them.

    **Returns:** of each of `KINDS` `size`, `base_size`, `undone`, `restored`, `off`, `elsewhere`,
    `holds`, `agreement`; `members` `[kind, N]`; of every method `kept` and `astray`; `difference`,
    how far run and foil are apart where they are read. A size is one more than may be looked for
    where no set is good enough, as it is in bases.
    """
    one = in_epoch(trials.contrasts[contrast], epoch)
    (answer,) = ask(network, trials, contrast, one, search, key)
    found = _of_sets(answer, len(answer.single[0]))
    found["difference"] = np.asarray(answer.difference)
    names = (OWN, *SELECTORS)
    nothing = {"kept": np.full(len(names), np.nan), "astray": np.full(len(names), np.nan)}
    members = found["members"][0]
    if answer.note or not members.any():
        return found | nothing
    scores = ranked(looked(network, aligned(network, trials, one), epoch, key))
    ties = np.asarray(jax.random.uniform(key, members.shape))
    rows = [members, *(top_of(scores[name], ties, int(members.sum())) for name in SELECTORS)]
    return found | _judged(network, fresh, contrast, epoch, np.stack(rows))


def _of_sets(answer: Answer, N: int) -> dict[str, np.ndarray]:
    """What the searches say of mediator and circuit."""
    sets = {found.kind: found for found in answer.sets}
    of_all = lambda of: np.array([of(sets[k]) if k in sets else np.nan for k in KINDS], float)
    known = lambda of: of_all(lambda s: of(s) if s.members.any() else np.nan)
    return {
        "size": of_all(lambda s: s.size),
        "base_size": of_all(lambda s: np.median(s.base_sizes) if len(s.base_sizes) else np.nan),
        "undone": known(lambda s: s.undone[0]),
        "restored": known(lambda s: s.restored[0]),
        "off": known(lambda s: s.off_target[0]),
        "elsewhere": known(lambda s: elsewhere(s.astray, answer.outputs)),
        "holds": known(lambda s: s.holds),
        "agreement": known(lambda s: s.agreement),
        "members": np.stack([sets[k].members if k in sets else np.zeros(N, bool) for k in KINDS]),
    }


def ranked(seen: Looked) -> dict[str, Float[np.ndarray, " N"]]:
    """The scores of every method of `SELECTORS`; NaN where its solver did not end."""
    found = {}
    for name, score in SELECTORS.items():
        try:
            found[name] = np.asarray(eqx.filter_jit(score)(seen))
        except RuntimeError:
            found[name] = np.full(jax.tree.leaves(seen.states)[0].shape[-1], np.nan)
    return found


def top_of(
    score: Float[np.ndarray, " N"], ties: Float[np.ndarray, " N"], count: int
) -> Bool[np.ndarray, " N"]:
    """The units of largest score, like ones by chance; none where a method has no scores."""
    if np.isnan(score).all():
        return np.zeros(len(score), bool)
    order = np.lexsort((ties, -np.nan_to_num(score, nan=-np.inf)))
    return np.isin(np.arange(len(order)), order[:count])


def _picked(valid: Bool[np.ndarray, " B"]) -> Picks:
    """All valid trials, filled up to all trials: questions then share their programs."""
    return filled(np.flatnonzero(valid), len(valid))


def looked(network: Network, pair: Pair, epoch: str, key: PRNGKeyArray) -> Looked:
    """What methods look at, who are to rank units in an epoch."""
    asked = pair.epochs[epoch]
    picks, there = _picked(asked.valid)
    question = choose(pair, asked, picks, there)
    u = _direction(question)
    weight = asked.read[picks].mean(-1)
    said = np.asarray(pair.ys)[:, picks] / pair.scale @ u
    value = (said * weight).sum(-1) / weight.sum(-1)
    value = value - (value * there).sum() / (2 * there.sum())
    L = said.shape[-1]
    both = lambda leaf: jnp.asarray(leaf[:, picks].reshape(-1, *leaf.shape[2:]))
    states = jax.tree.map(both, pair.hs)
    window = np.concatenate([asked.window[picks] * there[:, None]] * 2)
    dtype = question.ys.dtype
    return Looked(
        network, question, states, jnp.asarray(window[None], dtype),
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
    above 1 counts against it, as what is below does. NaN where too few fresh trials can tell, and
    for a method that chose nobody.
    """
    pair = aligned(network, fresh, fresh.contrasts[contrast])
    asked = pair.epochs[epoch]
    question = choose(pair, asked, *_picked(asked.valid))
    if not asked.valid.any() or stand(pair, asked, question, question).note:
        return {name: np.full(len(rows), np.nan) for name in ("kept", "astray")}
    masks = np.concatenate([rows, np.ones((1, rows.shape[1]), bool)]).astype(question.ys.dtype)
    sums = np.asarray(exchanged(network, question, masks), float)
    found = shares(sums, np.asarray(question.norms, float))
    whole = of_reach(found.effect[:, -1])[:, None]
    effect, off = found.effect[:, :-1] / whole, found.off[:, :-1] / whole**2
    kept, astray = (1 - np.abs(1 - effect)).min(0), np.sqrt(np.maximum(off, 0)).max(0)
    blank = np.where(rows.any(1), 0.0, np.nan)
    return {"kept": kept + blank, "astray": astray + blank}
