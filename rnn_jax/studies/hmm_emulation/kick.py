"""Kick neurons: the units whose states decide whether the output is about to switch.

    found = kick_neurons(network, key, FULL)
    found["members"]          # [way, epoch, kind, N]: the smallest sets found, by direction

The rule, fixed before any network was asked. Each direction of a switch is a contrast (see
`switches`). Its *kick neurons* are the mediator of the two steps before the switch: the smallest
set found, on half of the trials, whose exchange turns the run that switches into the one that does
not, and the reverse, up to a residual of 0.05. The other half judges it, and fresh trials hold it
against as many units by other methods. The mediator of the two steps before that is the set that
*gathers*.

What the kick neurons do to behaviour is asked apart: they are held at 0 in runs as long as one
likes, beside as many units chosen by correlation, and beside random sets whose units are alike in
activity and readout weight.
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
from .switches import directions, name_of, pools

EPOCHS = ("gather", "kick")
SETS = ("whole", "kick", "gather", "correlation", "matched")
"""What is held at 0; of `matched` the mean over sets."""


class Asked(NamedTuple):
    """How much is asked: trials a direction, the search, sets to compare with, and behaviour."""

    trials: int
    search: Search
    matched: int
    behaviour: Size


FULL = Asked(64, Search(bases=5, splits=2, random_sets=99), 100, Size(64, 400))
QUICK = Asked(32, Search(bases=1, splits=1, random_sets=9), 9, Size(16, 120))


def kick_neurons(network: Network, key: PRNGKeyArray, size: Asked) -> dict[str, np.ndarray]:
    """Kick neurons of every direction, and what they do to behaviour.

    **Arguments:**

    - `network`: as for `noisy_runs`.
    - `key`: draws runs, foils, halves, and all that is compared with.
    - `size`: how much is asked.

    **Returns:** with `way`, the directions of `switches.directions`, NaN where too few runs switch
    so: what `question.measured` says, `[way, epoch, ...]`; and of behaviour, `[way, set]`, the
    `rate` of all switches per step, `leaving`, the probability per step of the direction's own,
    `other`, of all others together, and `residence` in steps; `matched_low` and `matched_high
    [way]`, the 2.5 and 97.5 % quantiles of `leaving` over matched sets, and `p [way]`, the share
    of them, counting the kick neurons, in which it is as low.
    """
    of_trials, of_fresh, of_search, of_sets, of_runs = jax.random.split(key, 5)
    trials, fresh = (pools(network, k, size.trials) for k in (of_trials, of_fresh))
    ways = directions(len(network.readout(network.h0)))
    features = unit_features(network, of_sets)
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
    return {"members": nobody} | found


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
    if not groups[0].any():
        return {}
    matched = matched_sets(of_sets, groups[0], features, size.matched)
    rows = np.concatenate([[np.zeros_like(groups[0])], groups, matched])
    found = behaviours(network, 1.0 - rows, of_runs, size.behaviour)
    leaving, rate = found.leaving(way), found.rate.mean(1)
    counts = found.counts.sum(1)
    own = counts[:, way[0], way[1]] / counts.sum((1, 2))
    told = {"rate": rate, "leaving": leaving, "other": rate - own, "residence": found.residence}
    empty = np.array([False, *(not group.any() for group in groups)])
    first = len(groups) + 1
    brief = lambda x: np.append(np.where(empty, np.nan, x[:first]), x[first:].mean())
    low, high = np.quantile(leaving[first:], (0.025, 0.975))
    p = (1 + (leaving[first:] <= leaving[1]).sum()) / (1 + len(matched))
    ends = {"matched_low": low, "matched_high": high, "p": p}
    return {name: brief(x) for name, x in told.items()} | {
        k: np.asarray(v) for k, v in ends.items()
    }


def unit_features(network: Network, key: PRNGKeyArray) -> Float[np.ndarray, "N 3"]:
    """Mean activity, its deviation, and the norm of the readout's weights, of each unit."""
    hs = np.asarray(noisy_runs(network, key, 16, 200)[0])
    read = np.linalg.norm(np.asarray(network.readout.wire), axis=0)
    return np.stack([hs.mean((0, 1)), hs.std((0, 1)), read], 1)


def _enough(trials: Trials, size: Asked) -> bool:
    """Whether at least half of the trials have an event."""
    (contrast,) = trials.contrasts.values()
    return bool((np.asarray(contrast.event) >= 0).sum() >= size.trials / 2)


def stacked(rows: list[dict[str, np.ndarray] | None]) -> dict[str, np.ndarray]:
    """Rows of all directions; NaN, and nobody, where there is none."""
    known = [row for row in rows if row]
    names = {name: value for row in known for name, value in row.items()}
    blank = lambda v: np.zeros(v.shape, bool) if v.dtype == bool else np.full(v.shape, np.nan)
    full = [row or {} for row in rows]
    return {
        name: np.stack([row.get(name, blank(value)) for row in full])
        for name, value in names.items()
    }
