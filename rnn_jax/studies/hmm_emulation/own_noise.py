"""Is the noise that kick neurons hear what starts a switch?

    found = own_noise(network, sets, features, key, 100, Size(64, 400))
    found["silent_leaving"]       # [way, group], p and the range of matched groups beside it

For whole runs, a group of units hears no noise. The probability per step of a direction's own
switch is held against that of random groups of as many units, alike in activity, in their weight
to each output and in the size of their noise weights, and against two rivals that need no search:
as many units of largest deviation, and of largest noise weights.

The direction's own switch is judged, and not the rate of all: that falls, too, where a network
stays in one output.
"""

import jax
import numpy as np
from jaxtyping import Bool, Float, PRNGKeyArray

from ...core import Network
from .behaviour import Behaviour, Size, behaviours_of, matched_sets
from .populations import scaled
from .switches import directions

SILENT = ("whole", "kick", "deviation", "noise weights", "matched")
"""Whose noise is taken away: nobody's, and that of four groups; of `matched` the mean."""


def own_noise(
    network: Network,
    sets: Bool[np.ndarray, "way N"],
    features: Float[np.ndarray, "N F"],
    key: PRNGKeyArray,
    matched: int,
    size: Size,
) -> dict[str, np.ndarray]:
    """Behaviour without the noise of kick neurons, of rivals, and of random groups.

    **Arguments:**

    - `network`: as for `noisy_runs`.
    - `sets`: the kick neurons of each of `switches.directions`; nobody where none were found.
    - `features`: of each unit; the second is its deviation.
    - `key`: draws runs and groups.
    - `matched`, `size`: how many random groups; runs and steps.

    **Returns:** `[way, group]` in the order of `SILENT`: `leaving` and `returning`, the
    probabilities per step of the direction's switch and of its reverse; `rate`, of all switches;
    `share`, of steps in the output that is left. `[way]`: `low` and `high`, the 2.5 and 97.5 %
    quantiles of `leaving` over random groups, and `p`, the share of them, counting the kick
    neurons, in which it is as low. `apart [way, F + 1]`: the mean of each feature, noise weights
    last, over kick neurons less that over random groups, in deviations over units. NaN where a
    direction has no kick neurons, or more than half of all units.
    """
    heard = np.linalg.norm(np.asarray(network.step.u), axis=1)
    whole = np.column_stack([features, heard])
    of_sets, of_runs = jax.random.split(key)
    rows = []
    for k, (way, members) in enumerate(zip(directions(len(network.readout(network.h0))), sets)):
        if not 0 < members.sum() <= len(members) / 2:
            rows.append(None)
            continue
        random = matched_sets(jax.random.fold_in(of_sets, k), members, whole, matched)
        rivals = [most(column, int(members.sum())) for column in (features[:, 1], heard)]
        groups = [np.zeros_like(members), members, *rivals, *random]
        found = behaviours_of([scaled(network, g, "noise", 0.0) for g in groups], of_runs, size)
        rows.append(_of_groups(found, way) | {"apart": _apart(whole, members, random)})
    return _stacked(rows, len(whole[0]))


def most(values: Float[np.ndarray, " N"], count: int) -> Bool[np.ndarray, " N"]:
    """The units of the largest values."""
    return np.isin(np.arange(len(values)), np.argsort(-values)[:count])


def _of_groups(found: Behaviour, way: tuple[int, int]) -> dict[str, np.ndarray]:
    """Numbers of each of `SILENT`: random groups come last, and are averaged."""
    first = len(SILENT) - 1
    counts = found.counts.sum(1)
    told = {
        "leaving": found.leaving(way),
        "returning": found.leaving((way[1], way[0])),
        "rate": found.rate.mean(1),
        "share": counts[:, way[0]].sum(-1) / counts.sum((1, 2)),
    }
    null = told["leaving"][first:]
    null = null[np.isfinite(null)]
    own = told["leaving"][SILENT.index("kick")]
    ends = np.quantile(null, (0.025, 0.975)) if null.size else (np.nan, np.nan)
    known = null.size and np.isfinite(own)
    p = (1 + (null <= own).sum()) / (1 + len(null)) if known else np.nan
    brief = {name: np.append(x[:first], np.nanmean(x[first:])) for name, x in told.items()}
    return brief | dict(zip(("low", "high", "p"), map(np.asarray, (*ends, p))))


def _apart(
    features: Float[np.ndarray, "N F"],
    members: Bool[np.ndarray, " N"],
    random: Bool[np.ndarray, "S N"],
) -> Float[np.ndarray, " F"]:
    spread = features.std(0)
    of_random = np.mean([features[group].mean(0) for group in random], 0)
    return (features[members].mean(0) - of_random) / np.where(spread > 0, spread, 1)


def _stacked(rows: list[dict[str, np.ndarray] | None], features: int) -> dict[str, np.ndarray]:
    """Rows of all directions, NaN where one has no kick neurons."""
    shapes = dict.fromkeys(("leaving", "returning", "rate", "share"), (len(SILENT),))
    shapes |= {"low": (), "high": (), "p": (), "apart": (features,)}
    return {
        name: np.stack([np.full(shape, np.nan) if row is None else row[name] for row in rows])
        for name, shape in shapes.items()
    }
