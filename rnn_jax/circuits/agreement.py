"""Agreement between circuits: of bootstraps, seeds, configurations.

    jaccard(a, b)                    # shared members over all members
    consensus(members).members       # in at least half of the runs
    stability(reselect(select, effects, key)).jaccard        # over bootstraps of the trials

A frequency says more than the verdict: it stands beside every member.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Bool, Float, PRNGKeyArray

from ..core.checks import at_least, axes, bools, function, random_key
from ..core.checks import share as check_share
from ..core.types import Numbers


class Consensus(NamedTuple):
    """Members of most runs, and how often each unit was one.

    **Example:**

        >>> runs = np.array([[True, False], [True, True], [True, False]])  # [run, unit]
        >>> rj.circuits.consensus(runs).members  # of more than half of the runs
        array([ True, False])
    """

    members: Bool[np.ndarray, "..."]
    frequency: Float[np.ndarray, "..."]


class Stability(NamedTuple):
    """How alike the circuits of several runs are.

    - `jaccard`: `[...]`, the mean over all pairs of different runs.
    - `consensus`: of `[..., N]`, with each unit's inclusion frequency.

    **Example:**

        >>> runs = np.array([[True, False], [True, True]])  # of two runs
        >>> found = rj.circuits.stability(runs)
        >>> found.jaccard.item(), found.consensus.frequency
        (0.5, array([1. , 0.5]))
    """

    jaccard: Float[np.ndarray, "..."]
    consensus: Consensus


def jaccard(a: Bool[Numbers, "*K N"], b: Bool[Numbers, "*K N"]) -> Float[np.ndarray, "*K"]:
    """The share two sets have in common: `|A and B| / |A or B|`, 1 where both are empty.

    **Arguments:**

    - `a`, `b`: bool `[..., N]`.

    **Returns:** `[...]`, in [0, 1].

    **Raises:** `ValueError` where they are not bool, or `N` differs.

    **Example:**

        >>> a, b = np.array([True, True, False]), np.array([True, False, True])
        >>> rj.circuits.jaccard(a, b).round(3).item()
        0.333
    """
    axes(a=(a, "... N"), b=(b, "... N"))
    bools(a=a, b=b)
    a, b = np.asarray(a), np.asarray(b)
    both, either = (a & b).sum(-1), (a | b).sum(-1)
    return np.where(either == 0, 1.0, both / np.maximum(either, 1))


def chance_jaccard(a: int, b: int, units: int) -> float:
    """The mean Jaccard of two random sets: `sum_k P(k) k / (a + b - k)`, `P` hypergeometric.

    **Arguments:**

    - `a`, `b`: how many members they have.
    - `units`: how many there are to draw from.
    """
    shared = range(max(0, a + b - units), min(a, b) + 1)
    ways = lambda k: math.comb(a, k) * math.comb(units - a, b - k) / math.comb(units, b)
    return sum(ways(k) * k / (a + b - k) for k in shared)


def corrected_jaccard(a: Bool[Numbers, " N"], b: Bool[Numbers, " N"], units: int) -> float:
    """`(J - E J) / (1 - E J)`: 1 for equal sets, 0 on average for random ones of their sizes.

    **Arguments:**

    - `a`, `b`: two sets.
    - `units`: how many there are to draw from.

    **Returns:** NaN where either is empty, or both hold all there are.

    Hubert and Arabie, J. Classification 2 (1985), for the form of the correction.

    **Example:**

        >>> a, b = np.array([True, True, False, False]), np.array([True, False, True, False])
        >>> round(float(rj.circuits.jaccard(a, b)), 3)
        0.333
        >>> round(rj.circuits.corrected_jaccard(a, b, 4), 3)  # two random pairs of four have more
        -0.091
    """
    sizes = int(a.sum()), int(b.sum())
    if min(sizes) == 0 or min(sizes) >= units:
        return float("nan")
    chance = chance_jaccard(*sizes, max(units, *sizes))
    return (float(jaccard(a, b)) - chance) / (1 - chance)


def consensus(members: Bool[Numbers, "R *K N"], share: float = 0.5) -> Consensus:
    """Units that belong in at least `share` of the runs, with their inclusion frequency.

    **Arguments:**

    - `members`: bool `[R, ...]`, one circuit a run.
    - `share`: of the runs, in (0, 1].

    **Returns:** a `Consensus` of `[...]`.

    **Raises:** `ValueError` where `share` leaves (0, 1], members are not bool or there is no run.

    **Example:**

        >>> runs = np.array([[True, True, False], [True, False, False], [True, True, False]])
        >>> found = rj.circuits.consensus(runs)
        >>> found.members, found.frequency.round(2)
        (array([ True,  True, False]), array([1.  , 0.67, 0.  ]))
    """
    check_share("share", share, above=0)
    axes(members=(members, "... N"))
    bools(members=members)
    at_least(1, runs=len(members))
    runs, count = len(members), np.asarray(members).sum(0)
    # counts are exact, where a share that is rounded would lose a unit of all 49 runs
    needed = math.ceil(share * runs - 1e-9)
    return Consensus(count >= needed, count / runs)


def stability(members: Bool[Numbers, "R *K N"], share: float = 0.5) -> Stability:
    """`2 / (R (R - 1)) sum_{r < s} jaccard(C_r, C_s)`, and the consensus of all runs.

    Chance is not 0: two random sets of `k` of `N` units share about `k / (2 N - k)`.

    **Arguments:**

    - `members`: bool `[R, ..., N]`, one circuit a run: a bootstrap, a seed, a configuration.
    - `share`: as for `consensus`.

    **Returns:** a `Stability`.

    **Raises:** `ValueError` with fewer than two runs, or as `consensus`.

    Meinshausen and Bühlmann, J. R. Stat. Soc. B 72 (2010), for inclusion frequencies.

    **Example:**

        >>> runs = np.array([[True, True, False], [True, False, False], [True, True, False]])
        >>> found = rj.circuits.stability(runs)
        >>> found.jaccard.round(3).item(), found.consensus.frequency.round(3)
        (0.667, array([1.   , 0.667, 0.   ]))
    """
    axes(members=(members, "... R N"))
    members = np.asarray(members)
    runs = len(members)
    if runs < 2:
        raise ValueError(f"stability needs at least 2 runs, got {runs}")
    one, other = np.triu_indices(runs, 1)
    return Stability(jaccard(members[one], members[other]).mean(0), consensus(members, share))


def reselect(
    select: Callable[[Float[np.ndarray, "*K B"]], Bool[Numbers, "..."]],
    values: Float[Numbers, "*K B"],
    key: PRNGKeyArray,
    resamples: int = 100,
) -> Bool[np.ndarray, "R ..."]:
    """The circuit again and again, each time from trials drawn with replacement.

    **Arguments:**

    - `select`: values of any trials to members, such as
        `lambda effects: select_units(effects, key).members`.
    - `values`: `[..., B]`, trials last: effects.
    - `key`, `resamples`: draw the trials.

    **Returns:** bool `[resamples, ...]`.

    **Raises:** `ValueError` without a trial or a draw.

    Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 6.

    **Example:**

        >>> effects = np.array([[1.0, 1.0, 1.0, 1.0], [5.0, 0.0, 0.0, 0.0]])  # [unit, trial]
        >>> sets = rj.circuits.reselect(lambda drawn: drawn.mean(-1) > 0.5, effects, key)
        >>> sets.shape, sets.all(0)  # the second hangs on a single trial
        ((100, 2), array([ True, False]))
    """
    function("select", select)
    random_key(key)
    trials = axes(values=(values, "... B"))["B"]
    at_least(1, trials=trials, resamples=resamples)
    draws = np.asarray(jax.random.randint(key, (resamples, trials), 0, trials))
    known = np.asarray(values)
    return np.stack([np.asarray(select(known[..., draw])) for draw in draws])
