"""Statistics over trials: p-values by random signs, false-discovery rates, bootstrap intervals.

p = sign_flip_p(effects, key)             # [..., B] -> [...]
q = benjamini_hochberg(p)                 # over the family that was searched
ratio_of_means(above, below, key)         # with its interval, or refused
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray


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


def permutation_p(
    observed: Float[Array, "..."], null: Float[Array, "... R"]
) -> Float[Array, "..."]:
    """`(1 + #{null >= observed}) / (R + 1)`: never 0, since the observed one counts too.

    Phipson and Smyth, Stat. Appl. Genet. Mol. Biol. 9 (2010).
    """
    # rounding must not turn a tie into a win
    slack = 1e-6 * jnp.abs(observed)
    count = jnp.sum(null >= (observed - slack)[..., None], -1)
    return (1 + count).astype(observed.dtype) / (null.shape[-1] + 1)


def sign_flip_p(
    effects: Float[Array, "*K B"], key: PRNGKeyArray, flips: int = 9999
) -> Float[Array, "*K"]:
    """Two-sided p of a mean effect: under the null, each trial's sign is as good as its opposite.

    `p = (1 + #{|mean_b s_b e_b| >= |mean_b e_b|}) / (flips + 1)`. It cannot fall below
    `smallest_p`; an effect that is 0 on every trial has p = 1.

    **Arguments:**

    - `effects`: `[..., B]`, trials last.
    - `key`: draws the signs, the same for all effects.
    - `flips`: the number of draws.
    """
    signs = jax.random.rademacher(key, (effects.shape[-1], flips), effects.dtype)
    null = jnp.abs(effects @ signs) / effects.shape[-1]
    return permutation_p(jnp.abs(effects.mean(-1)), null)


def smallest_p(trials: int, flips: int) -> float:
    """The smallest p that random signs can show: of `trials` signs, and of `flips` draws."""
    return max(2.0 ** (1 - trials), 1 / (flips + 1))


def benjamini_hochberg(p: Float[Array, "..."]) -> Float[Array, "..."]:
    """q-values: the smallest false-discovery rate at which each hypothesis would be rejected.

    `q_(k) = min_{j >= k} m p_(j) / j`, over all entries of `p` as one family.

    Benjamini and Hochberg, J. R. Stat. Soc. B 57 (1995).
    """
    flat = p.ravel()
    order = jnp.argsort(flat)
    ranks = jnp.arange(1, flat.size + 1, dtype=p.dtype)
    scaled = flat[order] * flat.size / ranks
    lowest = jax.lax.cummin(scaled, reverse=True)
    return jnp.zeros_like(flat).at[order].set(jnp.minimum(lowest, 1)).reshape(p.shape)


def _counts(key: PRNGKeyArray, trials: int, resamples: int, dtype: jnp.dtype) -> Array:
    """How often each trial is drawn in each resample, as shares `[B, R]`."""
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
    """
    means = values @ _counts(key, values.shape[-1], resamples, values.dtype)
    return _percentiles(means, level)


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
    """
    counts = _counts(key, above.shape[-1], resamples, above.dtype)
    tops, bottoms = above @ counts, below @ counts
    denominator = _percentiles(bottoms, level)
    refused = (denominator.low <= 0) & (denominator.high >= 0)
    safe = lambda x: jnp.where(x == 0, jnp.ones_like(x), x)
    interval = _percentiles(tops / safe(bottoms), level)
    estimate = above.mean() / safe(below.mean())
    withhold = lambda x: jnp.where(refused, jnp.nan, x)
    return Ratio(withhold(estimate), withhold(interval.low), withhold(interval.high), refused)
