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
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ..core.checks import at_least, axes, bools, function, random_key
from ..core.checks import share as check_share


class Consensus(NamedTuple):
    """Members of most runs, and how often each unit was one."""

    members: Bool[Array, "..."]
    frequency: Float[Array, "..."]


class Stability(NamedTuple):
    """How alike the circuits of several runs are.

    - `jaccard`: `[...]`, the mean over all pairs of different runs.
    - `consensus`: of `[..., N]`, with each unit's inclusion frequency.
    """

    jaccard: Float[Array, "..."]
    consensus: Consensus


def jaccard(a: Bool[Array, "*K N"], b: Bool[Array, "*K N"]) -> Float[Array, "*K"]:
    """The share two sets have in common: `|A and B| / |A or B|`, 1 where both are empty.

    **Arguments:**

    - `a`, `b`: bool `[..., N]`.

    **Returns:** `[...]`, in [0, 1].

    **Raises:** `ValueError` where they are not bool, or `N` differs.
    """
    axes(a=(a, "... N"), b=(b, "... N"))
    bools(a=a, b=b)
    dtype = jnp.zeros(()).dtype
    both, either = (a & b).sum(-1).astype(dtype), (a | b).sum(-1).astype(dtype)
    return jnp.where(either == 0, 1.0, both / jnp.maximum(either, 1))


def consensus(members: Bool[Array, "R *K N"], share: float = 0.5) -> Consensus:
    """Units that belong in at least `share` of the runs, with their inclusion frequency.

    **Arguments:**

    - `members`: bool `[R, ...]`, one circuit a run.
    - `share`: of the runs, in (0, 1].

    **Returns:** a `Consensus` of `[...]`.

    **Raises:** `ValueError` where `share` leaves (0, 1], members are not bool or there is no run.
    """
    check_share("share", share, above=0)
    axes(members=(members, "... N"))
    bools(members=members)
    at_least(1, runs=len(members))
    runs, count = members.shape[0], members.sum(0)
    # counts are exact, where a share that is rounded would lose a unit of all 49 runs
    needed = math.ceil(share * runs - 1e-9)
    return Consensus(count >= needed, count.astype(jnp.zeros(()).dtype) / runs)


def stability(members: Bool[Array, "R *K N"], share: float = 0.5) -> Stability:
    """`2 / (R (R - 1)) sum_{r < s} jaccard(C_r, C_s)`, and the consensus of all runs.

    Chance is not 0: two random sets of `k` of `N` units share about `k / (2 N - k)`.

    **Arguments:**

    - `members`: bool `[R, ..., N]`, one circuit a run: a bootstrap, a seed, a configuration.
    - `share`: as for `consensus`.

    **Returns:** a `Stability`.

    **Raises:** `ValueError` with fewer than two runs, or as `consensus`.

    Meinshausen and Bühlmann, J. R. Stat. Soc. B 72 (2010), for inclusion frequencies.
    """
    axes(members=(members, "... R N"))
    runs = members.shape[0]
    if runs < 2:
        raise ValueError(f"stability needs at least 2 runs, got {runs}")
    one, other = np.triu_indices(runs, 1)
    return Stability(jaccard(members[one], members[other]).mean(0), consensus(members, share))


def reselect(
    select: Callable[[Float[Array, "*K B"]], Bool[Array, "..."]],
    values: Float[Array, "*K B"],
    key: PRNGKeyArray,
    resamples: int = 100,
) -> Bool[Array, "R ..."]:
    """The circuit again and again, each time from trials drawn with replacement.

    **Arguments:**

    - `select`: values of any trials to members, such as
        `lambda effects: select_units(effects, key).members`.
    - `values`: `[..., B]`, trials last: effects.
    - `key`, `resamples`: draw the trials.

    **Returns:** bool `[resamples, ...]`.

    **Raises:** `ValueError` without a trial or a draw.

    Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 6.
    """
    function("select", select)
    random_key(key)
    trials = axes(values=(values, "... B"))["B"]
    at_least(1, trials=trials, resamples=resamples)
    draws = jax.random.randint(key, (resamples, trials), 0, trials)
    return lax.map(lambda draw: select(values[..., draw]), draws)
