"""Statistics over trials: p-values by random signs, false-discovery rates, bootstrap intervals.

    p = sign_flip_p(effects, key)             # [..., B] -> [...]
    q = benjamini_hochberg(p)                 # over the family that was searched
    ratio_of_means(above, below, key)         # with its interval, or refused

Trials lie last everywhere, and everything runs under `jit` and `vmap`.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.special import betainc
from jaxtyping import Array, Float, PRNGKeyArray

from ..core.checks import array, at_least, axes, in_unit, no_nan, random_key, share

REFUSED = (
    "refused: the interval of the denominator's mean contains 0, so that the ratio could be "
    "anything; replacing everything does not measurably change the metric"
)


class Interval(NamedTuple):
    """The two ends of a bootstrap interval."""

    low: Array
    high: Array


class Ratio(NamedTuple):
    """A ratio of means with its interval; all NaN where `refused`.

    - `refused`: whether the denominator's own interval contains 0.
    """

    estimate: Array
    low: Array
    high: Array
    refused: Array

    @property
    def reason(self) -> str:
        """Why it was refused, in a sentence; empty where it was not. Outside `jit` only."""
        return REFUSED if bool(self.refused.any()) else ""


def permutation_p(
    observed: Float[Array, "..."], null: Float[Array, "... R"]
) -> Float[Array, "..."]:
    """`(1 + #{null >= observed}) / (R + 1)`: never 0, since the observed one counts too.

    **Arguments:**

    - `observed`: `[...]`, larger against the null.
    - `null`: `[..., R]`, the same quantity of `R` random draws.

    **Returns:** `[...]`, one-sided.

    **Raises:** `ValueError` where an entry is NaN.

    Phipson and Smyth, Stat. Appl. Genet. Mol. Biol. 9 (2010).
    """
    observed, null = _values("observed", observed), _values("null", null)
    if null.shape[:-1] != observed.shape or null.ndim == 0:
        raise ValueError(f"null must be {list(observed.shape)} and a last axis, got {null.shape}")
    # rounding must not turn a tie into a win
    slack = 1e-6 * jnp.abs(observed)
    count = jnp.sum(null >= (observed - slack)[..., None], -1)
    return (1 + count).astype(observed.dtype) / (null.shape[-1] + 1)


def sign_flip_p(
    effects: Float[Array, "*K B"], key: PRNGKeyArray, flips: int = 9999
) -> Float[Array, "*K"]:
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
    """
    trials = axes(effects=(effects, "... B"))["B"]
    at_least(1, trials=trials, flips=flips)
    random_key(key)
    effects = _values("effects", effects)
    signs = jax.random.rademacher(key, (effects.shape[-1], flips), effects.dtype)
    null = jnp.abs(_product(effects, signs)) / effects.shape[-1]
    p = permutation_p(jnp.abs(effects.mean(-1)), null)
    return jnp.maximum(p, smallest_p(effects.shape[-1], flips))


def sign_test_p(differences: Float[Array, "*K S"]) -> Float[Array, "*K"]:
    """Two-sided exact p of how often a difference is positive; those that are 0 do not count.

    `p = min(1, 2 P(X <= min(above, below)))`, `X ~ Binomial(above + below, 1/2)`. It asks for
    nothing but independent seeds, and pays for that: `n` seeds that agree have `2^(1 - n)`.

    **Arguments:**

    - `differences`: `[..., S]`, of one method and another, seeds last.

    **Returns:** `[...]`; 1 where there is no difference at all.

    **Raises:** `ValueError` without a seed, or where an entry is NaN.

    Conover, Practical Nonparametric Statistics (1999), section 3.4.
    """
    at_least(1, seeds=axes(differences=(differences, "... S"))["S"])
    differences = _values("differences", differences)
    count = lambda which: which.sum(-1).astype(differences.dtype)
    above, below = count(differences > 0), count(differences < 0)
    fewer, more = jnp.minimum(above, below), jnp.maximum(above, below)
    # P(X <= k) of n is the incomplete beta function at 1/2 of n - k and k + 1
    half = jnp.full_like(more, 0.5)
    tail = betainc(jnp.maximum(more, 1.0), fewer + 1, half)
    return jnp.where(more == 0, 1.0, jnp.minimum(2 * tail, 1.0))


def smallest_p(trials: int, flips: int) -> float:
    """The smallest p that random signs can show: of `trials` signs, and of `flips` draws.

    `max(2^(1 - trials), 1 / (flips + 1))`; all signs alike and all reversed tie with the truth.

    **Raises:** `ValueError` where a number is negative.
    """
    at_least(0, trials=trials, flips=flips)
    return max(2.0 ** (1 - trials), 1 / (flips + 1))


def _values(name: str, values: Array) -> Array:
    """Floats without a NaN."""
    return no_nan(name, array(name, values))


def _product(values: Array, draws: Array) -> Array:
    # accelerators round the factors of a float32 product by default, which unties ties
    return jnp.matmul(values, draws, precision="highest")


def benjamini_hochberg(p: Float[Array, "..."]) -> Float[Array, "..."]:
    """q-values: the smallest false-discovery rate at which each hypothesis would be rejected.

    `q_(k) = min_{j >= k} m p_(j) / j`, over all `m` entries of `p` as one family.

    **Arguments:**

    - `p`: p-values, of any shape.

    **Returns:** q-values of that shape.

    **Raises:** `ValueError` where an entry is NaN.

    Benjamini and Hochberg, J. R. Stat. Soc. B 57 (1995).
    """
    flat = in_unit("p", _values("p", p)).ravel()
    if flat.size == 0:
        raise ValueError("p is empty: there is no hypothesis")
    order = jnp.argsort(flat)
    ranks = jnp.arange(1, flat.size + 1, dtype=p.dtype)
    scaled = flat[order] * flat.size / ranks
    lowest = jax.lax.cummin(scaled, reverse=True)
    return jnp.zeros_like(flat).at[order].set(jnp.minimum(lowest, 1)).reshape(p.shape)


def _counts(key: PRNGKeyArray, trials: int, resamples: int, dtype: jnp.dtype) -> Array:
    """How often each trial is drawn in each resample, as shares `[B, R]`."""
    random_key(key)
    draws = jax.random.randint(key, (resamples, trials), 0, trials)
    ones = jax.vmap(lambda draw: jnp.zeros(trials, dtype).at[draw].add(1))(draws)
    return ones.T / trials


def bootstrap_mean(
    values: Float[Array, "*K B"], key: PRNGKeyArray, resamples: int = 2000, level: float = 0.95
) -> Interval:
    """Percentile interval of the mean over trials.

    **Arguments:**

    - `values`: `[..., B]`, trials last.
    - `key`: draws the trials, the same for all entries.
    - `resamples`, `level`: how many draws, and the share they must cover.

    **Returns:** an `Interval` of `[...]`, in the unit of `values`.

    **Raises:** `ValueError` without a trial or a draw, or where `level` is not in (0, 1);
    `ValueError` where an entry is NaN.

    Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13.
    """
    trials = axes(values=(values, "... B"))["B"]
    at_least(1, trials=trials, resamples=resamples)
    share("level", level, above=0, below=1)
    values = _values("values", values)
    counts = _counts(key, trials, resamples, values.dtype)
    return _percentiles(_product(values, counts), level)


def _percentiles(samples: Array, level: float) -> Interval:
    tail = jnp.asarray((1 - level) / 2, samples.dtype)
    return Interval(jnp.quantile(samples, tail, axis=-1), jnp.quantile(samples, 1 - tail, axis=-1))


def ratio_of_means(
    above: Float[Array, " B"],
    below: Float[Array, " B"],
    key: PRNGKeyArray,
    resamples: int = 2000,
    level: float = 0.95,
) -> Ratio:
    """`mean(above) / mean(below)` with a bootstrap interval over trials drawn in pairs.

    It is refused where the interval of `mean(below)` contains 0: such a ratio is noise.

    **Arguments:**

    - `above`, `below`: `[B]`, of the same trials.
    - `key`, `resamples`, `level`: as for `bootstrap_mean`.

    **Returns:** a `Ratio` of scalars, whose `reason` says in a sentence why it was refused.

    **Raises:** as `bootstrap_mean`.
    """
    trials = axes(above=(above, "... B"), below=(below, "B"))["B"]
    at_least(1, trials=trials, resamples=resamples)
    share("level", level, above=0, below=1)
    above, below = _values("above", above), _values("below", below)
    counts = _counts(key, trials, resamples, above.dtype)
    tops, bottoms = _product(above, counts), _product(below, counts)
    denominator = _percentiles(bottoms, level)
    refused = (denominator.low <= 0) & (denominator.high >= 0)
    safe = lambda x: jnp.where(x == 0, jnp.ones_like(x), x)
    interval = _percentiles(tops / safe(bottoms), level)
    estimate = above.mean() / safe(below.mean())
    withhold = lambda x: jnp.where(refused, jnp.nan, x)
    return Ratio(withhold(estimate), withhold(interval.low), withhold(interval.high), refused)


def without_rounding(scores: Float[Array, "E N"]) -> Float[Array, "E N"]:
    """Scores of at most 64 roundings of their epoch's largest, as 0.

    What cancels exactly on paper is rounding in a machine, and rounding has an order too.
    """
    floor = 64 * jnp.finfo(scores.dtype).eps * scores.max(-1, keepdims=True)
    return jnp.where(scores > floor, scores, 0.0)
