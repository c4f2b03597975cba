"""Statistics over trials: p-values by random signs, false-discovery rates, bootstrap intervals.

    p = sign_flip_p(effects, key)             # [..., B] -> [...]
    q = benjamini_hochberg(p)                 # over the family that was searched
    ratio_of_means(above, below, key)         # with its interval, or refused

Trials lie last everywhere. Draws come from a `jax.random` key, so that they are the same on every
machine; the rest is NumPy in double precision on the host, since each eager JAX operation of a new
shape would be a program to compile. None of it runs under `jit`.
"""

from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float, PRNGKeyArray
from scipy.special import betainc

from ..core.checks import at_least, axes, in_unit, on_host, random_key, share
from ..core.types import Numbers

REFUSED = (
    "refused: the interval of the denominator's mean contains 0, so that the ratio could be "
    "anything; replacing everything does not measurably change the metric"
)
ROWS = 2**24
"""Entries of a table of resampled means that are held at once."""


class Interval(NamedTuple):
    """The two ends of a bootstrap interval.

    **Example:**

        >>> found = rj.circuits.bootstrap_mean(np.full(5, 2.0), key)
        >>> found.low.item(), found.high.item()  # five equal trials
        (2.0, 2.0)
    """

    low: np.ndarray
    high: np.ndarray


class Ratio(NamedTuple):
    """A ratio of means with its interval; all NaN where `refused`.

    - `refused`: whether the denominator's own interval contains 0.

    **Example:**

        >>> found = rj.circuits.ratio_of_means(np.ones(4), np.array([1.0, -1.0, 1.0, -1.0]), key)
        >>> found.refused.item(), found.reason
        (True, "refused: the interval of the denominator's mean contains 0, ...")
    """

    estimate: np.ndarray
    low: np.ndarray
    high: np.ndarray
    refused: np.ndarray

    @property
    def reason(self) -> str:
        """Why it was refused, in a sentence; empty where it was not."""
        return REFUSED if bool(np.any(self.refused)) else ""


def permutation_p(
    observed: Float[Numbers, "..."], null: Float[Numbers, "... R"]
) -> Float[np.ndarray, "..."]:
    """`(1 + #{null >= observed}) / (R + 1)`: never 0, since the observed one counts too.

    **Arguments:**

    - `observed`: `[...]`, larger against the null.
    - `null`: `[..., R]`, the same quantity of `R` random draws.

    **Returns:** `[...]`, one-sided.

    **Raises:** `ValueError` where an entry is NaN.

    Phipson and Smyth, Stat. Appl. Genet. Mol. Biol. 9 (2010).

    **Example:**

        >>> null = np.array([0.5, 1.0, 2.5])
        >>> rj.circuits.permutation_p(np.array(2.0), null).item()  # (1 + 1) / (3 + 1)
        0.5
    """
    observed, null = on_host("observed", observed), on_host("null", null)
    if null.shape[:-1] != observed.shape or null.ndim == 0:
        raise ValueError(f"null must be {list(observed.shape)} and a last axis, got {null.shape}")
    # rounding must not turn a tie into a win
    slack = 1e-6 * np.abs(observed)
    count = np.sum(null >= (observed - slack)[..., None], -1)
    return np.asarray((1 + count) / (null.shape[-1] + 1))


def sign_flip_p(
    effects: Float[Numbers, "*K B"], key: PRNGKeyArray, flips: int = 9999
) -> Float[np.ndarray, "*K"]:
    """Two-sided p of a mean effect: under the null, each trial's sign is as good as its opposite.

    `p = (1 + #{|mean_b s_b e_b| >= |mean_b e_b|}) / (flips + 1)`. It cannot fall below
    `smallest_p`. A trial whose effect is 0 is no evidence: it has no sign to flip, so that
    `n` trials that are not 0 show no p below `2^(1 - n)`, and none at all have p = 1.

    **Arguments:**

    - `effects`: `[..., B]`, trials last.
    - `key`: draws the signs, the same for all effects.
    - `flips`: the number of draws.

    **Returns:** `[...]`.

    **Raises:** `ValueError` without a trial or a flip, or where an entry is NaN.

    Ernst, Statistical Science 19 (2004), section 3.

    **Example:**

        >>> effects = np.stack([np.full(12, 0.3), np.tile([0.3, -0.3], 6)])  # of twelve trials
        >>> found = rj.circuits.sign_flip_p(effects, key)
        >>> bool(found[0] < 0.005), found[1].item()
        (True, 1.0)
    """
    trials = axes(effects=(effects, "... B"))["B"]
    at_least(1, trials=trials, flips=flips)
    random_key(key)
    effects = on_host("effects", effects)
    signs = np.asarray(jax.random.rademacher(key, (trials, flips), int), float)
    rows = effects.reshape(-1, trials)
    parts = [
        permutation_p(np.abs(part.mean(-1)), np.abs(part @ signs) / trials)
        for part in _blocks(rows, flips)
    ]
    p = np.concatenate(parts).reshape(effects.shape[:-1])
    return np.asarray(np.maximum(p, smallest_p(trials, flips)))


def sign_test_p(differences: Float[Numbers, "*K S"]) -> Float[np.ndarray, "*K"]:
    """Two-sided exact p of how often a difference is positive; those that are 0 do not count.

    `p = min(1, 2 P(X <= min(above, below)))`, `X ~ Binomial(above + below, 1/2)`. It asks for
    nothing but independent seeds, and pays for that: `n` seeds that agree have `2^(1 - n)`.

    **Arguments:**

    - `differences`: `[..., S]`, of one method and another, seeds last.

    **Returns:** `[...]`; 1 where there is no difference at all.

    **Raises:** `ValueError` without a seed, or where an entry is NaN.

    Conover, Practical Nonparametric Statistics (1999), section 3.4.

    **Example:**

        >>> five = np.array([0.1, 0.2, 0.1, 0.4, 0.3])  # of as many seeds, which agree
        >>> rj.circuits.sign_test_p(five).item()
        0.0625
    """
    at_least(1, seeds=axes(differences=(differences, "... S"))["S"])
    differences = on_host("differences", differences)
    above, below = (differences > 0).sum(-1), (differences < 0).sum(-1)
    fewer, more = np.minimum(above, below), np.maximum(above, below)
    # P(X <= k) of n is the incomplete beta function at 1/2 of n - k and k + 1
    tail = betainc(np.maximum(more, 1), fewer + 1, 0.5)
    return np.where(more == 0, 1.0, np.minimum(2 * tail, 1.0))


def smallest_p(trials: int, flips: int) -> float:
    """The smallest p that random signs can show: of `trials` signs, and of `flips` draws.

    `max(2^(1 - trials), 1 / (flips + 1))`; all signs alike and all reversed tie with the truth.

    **Raises:** `ValueError` where a number is negative.

    **Example:**

        >>> rj.circuits.smallest_p(trials=5, flips=9999)
        0.0625
    """
    at_least(0, trials=trials, flips=flips)
    return max(2.0 ** (1 - trials), 1 / (flips + 1))


def _blocks(rows: np.ndarray, draws: int) -> list[np.ndarray]:
    """Rows in parts whose tables over all draws fit in memory."""
    return np.array_split(rows, max(1, -(-len(rows) * draws // ROWS)))


def benjamini_hochberg(p: Float[Numbers, "..."]) -> Float[np.ndarray, "..."]:
    """q-values: the smallest false-discovery rate at which each hypothesis would be rejected.

    `q_(k) = min_{j >= k} m p_(j) / j`, over all `m` entries of `p` as one family.

    **Arguments:**

    - `p`: p-values, of any shape.

    **Returns:** q-values of that shape.

    **Raises:** `ValueError` where an entry is NaN.

    Benjamini and Hochberg, J. R. Stat. Soc. B 57 (1995).

    **Example:**

        >>> rj.circuits.benjamini_hochberg(np.array([0.01, 0.02, 0.03, 0.5])).round(3)
        array([0.04, 0.04, 0.04, 0.5 ])
    """
    known = in_unit("p", on_host("p", p))
    flat = known.ravel()
    if flat.size == 0:
        raise ValueError("p is empty: there is no hypothesis")
    order = np.argsort(flat, kind="stable")
    scaled = flat[order] * flat.size / np.arange(1, flat.size + 1)
    lowest = np.minimum.accumulate(scaled[::-1])[::-1]
    q = np.empty_like(flat)
    q[order] = np.minimum(lowest, 1)
    return q.reshape(known.shape)


def resample_shares(key: PRNGKeyArray, trials: int, resamples: int) -> np.ndarray:
    """How often each trial is drawn in each resample, as shares `[B, R]`."""
    random_key(key)
    draws = np.asarray(jax.random.randint(key, (resamples, trials), 0, trials))
    places = draws + trials * np.arange(resamples)[:, None]
    counts = np.bincount(places.ravel(), minlength=resamples * trials)
    return counts.reshape(resamples, trials).T / trials


def bootstrap_mean(
    values: Float[Numbers, "*K B"], key: PRNGKeyArray, resamples: int = 2000, level: float = 0.95
) -> Interval:
    """Percentile interval of the mean over trials.

    **Arguments:**

    - `values`: `[..., B]`, trials last.
    - `key`: draws the trials, the same for all entries.
    - `resamples`, `level`: how many draws, and the share they must cover.

    **Returns:** an `Interval` of `[...]`, in the unit of `values`.

    **Raises:** `ValueError` without a trial or a draw, or where `level` is not in (0, 1), or
    where an entry is NaN.

    Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13.

    **Example:**

        >>> found = rj.circuits.bootstrap_mean(np.array([1.0, 2.0, 3.0, 4.0]), key)
        >>> bool(found.low < 2.5 < found.high), bool(found.low >= 1), bool(found.high <= 4)
        (True, True, True)
    """
    trials = axes(values=(values, "... B"))["B"]
    at_least(1, trials=trials, resamples=resamples)
    share("level", level, above=0, below=1)
    values = on_host("values", values)
    shares = resample_shares(key, trials, resamples)
    rows = values.reshape(-1, trials)
    parts = [_percentiles(part @ shares, level) for part in _blocks(rows, resamples)]
    low, high = (np.concatenate(ends).reshape(values.shape[:-1]) for ends in zip(*parts))
    return Interval(low, high)


def _percentiles(samples: np.ndarray, level: float) -> Interval:
    tail = (1 - level) / 2
    return Interval(*np.quantile(samples, [tail, 1 - tail], axis=-1))


def ratio_of_means(
    above: Float[Numbers, "*K B"],
    below: Float[Numbers, " B"],
    key: PRNGKeyArray,
    resamples: int = 2000,
    level: float = 0.95,
) -> Ratio:
    """`mean(above) / mean(below)` with a bootstrap interval over trials drawn in pairs.

    It is refused where the interval of `mean(below)` contains 0: such a ratio is noise.

    **Arguments:**

    - `above`, `below`: `[..., B]` and `[B]`, of the same trials.
    - `key`, `resamples`, `level`: as for `bootstrap_mean`.

    **Returns:** a `Ratio` of `[...]`, whose `reason` says in a sentence why it was refused.

    **Raises:** as `bootstrap_mean`.

    **Example:**

        >>> above, below = np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 6.0])
        >>> found = rj.circuits.ratio_of_means(above, below, key)  # trials are drawn in pairs
        >>> found.estimate.item(), found.low.item(), found.high.item()
        (0.5, 0.5, 0.5)
    """
    trials = axes(above=(above, "... B"), below=(below, "B"))["B"]
    at_least(1, trials=trials, resamples=resamples)
    share("level", level, above=0, below=1)
    above, below = on_host("above", above), on_host("below", below)
    shares = resample_shares(key, trials, resamples)
    tops, bottoms = above @ shares, below @ shares
    denominator = _percentiles(bottoms, level)
    refused = (denominator.low <= 0) & (denominator.high >= 0)
    safe = lambda x: np.where(x == 0, 1.0, x)
    interval = _percentiles(tops / safe(bottoms), level)
    estimate = above.mean(-1) / safe(below.mean())
    withhold = lambda x: np.where(refused, np.nan, x)
    whether = np.broadcast_to(refused, np.shape(estimate))
    return Ratio(withhold(estimate), withhold(interval.low), withhold(interval.high), whether)


def without_rounding(scores: Float[Numbers, "E N"]) -> Float[np.ndarray, "E N"]:
    """Scores of at most 64 roundings of their epoch's largest, as 0.

    What cancels exactly on paper is rounding in a machine, and rounding has an order too.

    **Example:**

        >>> rj.circuits.without_rounding(np.array([[1.0, 1e-16, 0.5]]))
        array([[1. , 0. , 0.5]])
    """
    known = np.asarray(scores)
    floor = 64 * np.finfo(known.dtype).eps * known.max(-1, keepdims=True)
    return np.where(known > floor, known, 0.0)
