"""Kick neurons: the units whose states decide whether the output is about to switch.

    found = kick_neurons(network, key, FULL)
    found["members"]          # [way, epoch, kind, N]: the smallest sets found, by direction

The rule. Each direction of a switch is a contrast (see
`switches`). Its *kick neurons* are the mediator of the two steps before the switch: the smallest
set found, on half of the trials, whose exchange turns the run that switches into the one that does
not, and the reverse, up to a residual of 0.05. The other half judges it, and fresh trials hold it
against as many units by other methods. The mediator of the two steps before that is the set that
*gathers*.

What the kick neurons do to behaviour is asked apart: they are held at 0 in long runs, beside as
many units chosen by correlation, and beside random sets whose units are alike in activity and
in their weight to each output.
"""

from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Bool, Float, PRNGKeyArray

from ...contrasts import Search, aligned
from ...core import Network
from ...tasks import Trials
from ..question import KINDS, SELECTORS, all_measured, in_epoch, looked, measures_of, top_of
from .behaviour import Size, behaviours, matched_sets
from .runs import noisy_runs
from .switches import LATE, Span, directions, name_of, pools

EPOCHS = ("gather", "kick")
SETS = ("whole", "kick", "gather", "correlation", "matched")
"""What is held at 0; of `matched` the mean over sets."""


class Asked(NamedTuple):
    """How much is asked, and where in a run.

    - `trials`, `search`: trials a direction, and the search over sets.
    - `matched`, `behaviour`: random sets, and runs of each set.
    - `looked`: runs that tell how active units are.
    - `span`: where switches are sought.
    """

    trials: int
    search: Search
    matched: int
    behaviour: Size
    looked: Size = Size(16, 200)
    span: Span = LATE


FULL = Asked(64, Search(bases=5, splits=2, random_sets=99), 100, Size(64, 400))
QUICK = Asked(32, Search(bases=1, splits=1, random_sets=9), 19, Size(16, 120))


def kick_neurons(network: Network, key: PRNGKeyArray, size: Asked) -> dict[str, np.ndarray]:
    """Kick neurons of every direction, and what they do to behaviour.

    **Arguments:**

    - `network`: as for `noisy_runs`.
    - `key`: draws runs, foils, halves, and all that is compared with.
    - `size`: how much is asked.

    **Returns:** with `way`, the directions of `switches.directions`, NaN where too few runs switch
    so: what `question.measured` says, `[way, epoch, ...]`; and of behaviour, `[way, set]`, the
    `rate` of all switches per step, `leaving`, the probability per step of the direction's own,
    `other`, of all others together, `residence` in steps, and `transition [way, set, to, from]`;
    `matched_low` and `matched_high [way]`, the 2.5 and 97.5 % quantiles of `leaving` over matched
    sets, and `p [way]`, the share of them, counting the kick neurons, in which it is as low. NaN
    where runs are never in the output that is left. `foils [way]`: the share of switches that one
    of 32 draws of noise prevents; only these are asked about.
    """
    of_trials, of_fresh, of_search, of_sets, of_runs = jax.random.split(key, 5)
    (trials, shares), (fresh, _) = (
        pools(network, k, size.trials, span=size.span) for k in (of_trials, of_fresh)
    )
    ways = directions(len(network.readout(network.h0)))
    features = unit_features(network, of_sets, size.looked)
    rows = []
    for k, way in enumerate(ways):
        if way not in trials or way not in fresh or not _enough(trials[way], size):
            rows.append(None)
            continue
        own = jax.random.fold_in(of_search, k)
        found = asked(network, way, trials[way], fresh[way], size.search, own)
        sets = found["members"][:, KINDS.index("mediator")]
        rival = by_correlation(network, trials[way], way, int(sets[1].sum()), own)
        groups = [sets[EPOCHS.index("kick")], sets[EPOCHS.index("gather")], rival]
        rows.append(found | held(network, way, groups, features, size, of_runs))
    found = stacked(rows)
    nobody = np.zeros((len(ways), len(EPOCHS), len(KINDS), len(features)), bool)
    prevented = np.array([shares.get(way, np.nan) for way in ways])
    return {"members": nobody, "foils": prevented} | found


def mediators(found: dict[str, np.ndarray]) -> Bool[np.ndarray, "way N"]:
    """The kick neurons of each direction, of what `kick_neurons` returned; nobody without any."""
    return found["members"][:, EPOCHS.index("kick"), KINDS.index("mediator")].astype(bool)


def asked(
    network: Network,
    way: tuple[int, int],
    trials: Trials,
    fresh: Trials,
    search: Search,
    key: PRNGKeyArray,
) -> dict[str, np.ndarray]:
    """What `question.measured` says of both epochs of a direction, `[epoch, ...]`."""
    questions = [(name_of(way), epoch) for epoch in EPOCHS]
    found = all_measured(network, trials, fresh, questions, search, key)
    each = [measures_of(found, k) for k in range(len(EPOCHS))]
    return {name: np.stack([one[name] for one in each]) for name in each[0]}


def by_correlation(
    network: Network, trials: Trials, way: tuple[int, int], count: int, key: PRNGKeyArray
) -> Bool[np.ndarray, " N"]:
    """As many units of largest correlation with the switch to come, in the kick window."""
    contrast = in_epoch(trials.contrasts[name_of(way)], "kick")
    seen = looked(network, aligned(network, trials, contrast), "kick", key)
    score = np.asarray(SELECTORS["correlation"](seen))
    return top_of(score, np.zeros(len(score)), count)


def held(
    network: Network,
    way: tuple[int, int],
    groups: list[Bool[np.ndarray, " N"]],
    features: Float[np.ndarray, "N F"],
    size: Asked,
    key: PRNGKeyArray,
) -> dict[str, np.ndarray]:
    """Behaviour with groups held at 0: kick neurons first, then others, then matched sets."""
    of_sets, of_runs = jax.random.split(key)
    matched = matched_sets(of_sets, groups[0], features, size.matched)
    rows = np.concatenate([[np.zeros_like(groups[0])], groups, matched])
    found = behaviours(network, 1.0 - rows, of_runs, size.behaviour)
    leaving, rate = found.leaving(way), found.rate.mean(1)
    counts = found.counts.sum(1)
    own = counts[:, way[0], way[1]] / counts.sum((1, 2))
    told = {"rate": rate, "leaving": leaving, "other": rate - own, "residence": found.residence}
    told |= {"transition": found.transition}
    first = len(groups) + 1
    empty = np.array([False, *(not group.any() for group in groups), not groups[0].any()])
    brief = lambda x: np.concatenate([x[:first], _mean(x[first:])[None]])
    kept = {name: brief(x) for name, x in told.items()}
    for x in kept.values():
        x[empty] = np.nan
    low, high, p = _against(leaving[1], leaving[first:]) if groups[0].any() else (np.nan,) * 3
    return kept | {
        "matched_low": np.asarray(low), "matched_high": np.asarray(high), "p": np.asarray(p)
    }  # fmt: skip


def _mean(rows: np.ndarray) -> np.ndarray:
    """The mean over rows of what is known."""
    known = np.isfinite(rows)
    return np.asarray(np.nansum(rows, 0) / np.where(known.any(0), known.sum(0), np.nan))


def _against(own: float, null: Float[np.ndarray, " S"]) -> tuple[float, float, float]:
    """Two quantiles of what is known of the null, and how often it is as low as one's own."""
    null = null[np.isfinite(null)]
    if np.isnan(own) or not null.size:
        return np.nan, np.nan, np.nan
    low, high = np.quantile(null, (0.025, 0.975))
    return float(low), float(high), float((1 + (null <= own).sum()) / (1 + len(null)))


def unit_features(
    network: Network, key: PRNGKeyArray, looked: Size = Size(16, 200)
) -> Float[np.ndarray, "N F"]:
    """Mean activity, its deviation, and the weight to each output, of each unit.

    The weights keep their sign: units of one size of weight may drive either of two outputs.
    """
    hs = noisy_runs(network, key, looked.trials, looked.steps, burn_in=looked.burn_in)[0]
    hs = np.asarray(hs)
    read = np.asarray(network.readout.wire)
    return np.stack([hs.mean((0, 1)), hs.std((0, 1)), *read], 1)


def _enough(trials: Trials, size: Asked) -> bool:
    """Whether at least half of the trials have an event."""
    (contrast,) = trials.contrasts.values()
    return bool((np.asarray(contrast.event) >= 0).sum() >= size.trials / 2)


def stacked(rows: list[dict[str, np.ndarray] | None]) -> dict[str, np.ndarray]:
    """Rows of all directions; NaN, and nobody, where a row is missing."""
    known = [row for row in rows if row]
    names = {name: value for row in known for name, value in row.items()}
    blank = lambda v: np.zeros(v.shape, bool) if v.dtype == bool else np.full(v.shape, np.nan)
    full = [row or {} for row in rows]
    return {
        name: np.stack([row.get(name, blank(value)) for row in full])
        for name, value in names.items()
    }
