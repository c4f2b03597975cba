"""Does a network emulate a hidden Markov model? All that is measured of its symbols.

    found = measured(model, symbols, key)           # symbols [B, T], arrays by name
    found["distance"]                               # [source]: network, model, independent
    found["changes"][1], exact(model, T)["changes"]

Every number is of three sources of equally many sequences: the **network** that is asked about;
the **model**, a fresh sample of it; and **independent** symbols, drawn one by one at the model's
frequencies. Sampling noise is the same in all three, so that the aim is to be equal to the model's
own number, not to be small: the matched distance of a network can be below the model's.

The first four measures (`distance`, `volatility`, `frequencies`, `transition`) are those of arXiv
2510.25674; there, matrices are compared with those of a sample, here with the exact ones.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from ...circuits import bootstrap_mean
from ...circuits.statistics import resample_shares
from ...core.checks import random_key
from ...core.types import Numbers
from ...tasks import HiddenMarkov, change_rate, mutual_information, ngrams
from ...tasks.symbol_statistics import information
from ...training import distance, transport_plan
from ..question_numbers import stacked
from .standing import (
    at_rest,
    change_shares,
    expected_nats,
    log_likelihoods,
    next_symbol,
    ngram_counts,
    sequences,
)

SOURCES = ("network", "model", "independent")
LAGS = tuple(range(1, 11))
MATCHED = 2000
"""Sequences that are matched at most: the plan between two sets is a matrix."""
EPS = 0.1
"""Strength of the entropy of the published plan, in the unit of the distance."""
SCALING = 0.95
"""Of its annealing: slower than for a loss, since few updates give sequences unequal shares."""
RESAMPLES = 1000

DIMS: dict[str, tuple[str, ...]] = {
    "distance": (),
    "volatility": (),
    "frequencies": ("symbol",),
    "transition": ("to", "from"),
    "transition_squared": (),
    "transition_difference": (),
    "transition_difference_interval": ("end",),
    "changes": (),
    "changes_interval": ("end",),
    "nats": (),
    "nats_interval": ("end",),
    "trigrams": (),
    "information": ("lag",),
}
"""What is measured of each source, and its dimensions after `source`."""
EXACT_DIMS: dict[str, tuple[str, ...]] = {
    "volatility": (),
    "frequencies": ("symbol",),
    "transition": ("to", "from"),
    "change_rate": (),
    "expected_nats": (),
    "information": ("lag",),
}
"""What `exact` says of a model, and its dimensions."""


def measured(
    model: HiddenMarkov, symbols: Int[Numbers, "B T"], key: PRNGKeyArray
) -> dict[str, np.ndarray]:
    """All measures of a network's symbols, beside the model's own and independent ones.

    **Arguments:**

    - `model`: of `O` symbols.
    - `symbols`: of the network, without what comes before it has settled; `T` 11 or more.
    - `key`: draws what is compared with, and the intervals.

    **Returns:** by the names of `DIMS` arrays `[source, ...]`, sources in the order of `SOURCES`:

    - `distance`: mean Euclidean distance of a one-hot sequence to the one of another sample of the
        model that the entropic plan gives most to; of the first `MATCHED` sequences.
    - `volatility`: how often the symbol changes in a sequence.
    - `frequencies`: of symbols.
    - `transition`: `p(y_{t+1} | y_t)`, `[to, from]`; a column of 0 where nothing follows.
    - `transition_squared`, `transition_difference`: the largest squared and absolute difference
        from the exact one; the interval is of the absolute one.
    - `changes`: the change rate over the exact one, with its interval.
    - `nats`: log-likelihood per symbol less the model's expectation, with its interval; minus
        infinity where the model cannot emit a sequence.
    - `trigrams`: Jensen-Shannon divergence of three neighbours from the exact table, in bits.
    - `information`: mutual information of symbols that are `LAGS` apart, in bits, as counted:
        that of few sequences is too high.

    Intervals are 95 % bootstraps over sequences, `[..., 2]`. That of the transition is the
    estimate more or less the 95 % quantile of the largest change of an entry by resampling, so
    that it covers all entries at once.

    **Raises:** `ValueError` as `standing`, where `T` is below 11, or without a key.

    Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13, for the intervals;
    Lin, IEEE Trans. Inf. Theory 37 (1991), for the divergence.
    """
    random_key(key)
    rested = at_rest(model)
    symbols = sequences("symbols", symbols, model, steps=LAGS[-1] + 1)
    of_model, of_other, of_chance, of_intervals = jax.random.split(key, 4)
    drawn = lambda key: np.asarray(rested.sample(key, *symbols.shape)[1])
    other = drawn(of_other)
    sources = (symbols, drawn(of_model), independent(rested, of_chance, symbols.shape))
    return stacked([_of_source(rested, one, other, of_intervals) for one in sources])


def exact(model: HiddenMarkov, steps: int) -> dict[str, np.ndarray]:
    """What the model itself comes to in sequences of `steps`, by the names of `EXACT_DIMS`.

    All is exact but `expected_nats`, a mean over many sequences; see there.
    """
    rested = at_rest(model)
    rate = change_rate(rested)
    return {
        "volatility": np.asarray(rate * (steps - 1)),
        "frequencies": ngrams(rested, 1),
        "transition": next_symbol(rested),
        "change_rate": np.asarray(rate),
        "expected_nats": np.asarray(expected_nats(rested, steps)),
        "information": np.asarray([mutual_information(rested, lag) for lag in LAGS]),
    }


def independent(
    model: HiddenMarkov, key: PRNGKeyArray, shape: tuple[int, int]
) -> Int[np.ndarray, "B T"]:
    """Symbols drawn one by one at the frequencies of a model."""
    chances = jnp.log(jnp.asarray(ngrams(model, 1)))
    return np.asarray(jax.random.categorical(key, chances, shape=shape))


def _of_source(
    model: HiddenMarkov,
    symbols: Int[np.ndarray, "B T"],
    other: Int[np.ndarray, "B T"],
    key: PRNGKeyArray,
) -> dict[str, np.ndarray]:
    """All measures of one source; `other` is the sample of the model that it is matched with."""
    O, T = len(model.emission), symbols.shape[1]  # noqa: E741
    count = partial(ngram_counts, symbols, O)
    counts = count(2)
    apart = next_symbol(counts.sum(0)) - next_symbol(model)
    ratios = change_shares(counts) / change_rate(model)
    gaps = log_likelihoods(model, symbols) / T - expected_nats(model, T)
    size = np.abs(apart).max()
    found = {
        "distance": matched_distance(symbols[:MATCHED], other[:MATCHED], O),
        "volatility": change_shares(counts).mean() * (T - 1),
        "frequencies": count(1).mean(0) / T,
        "transition": next_symbol(counts.sum(0)),
        "transition_squared": size**2,
        "transition_difference": size,
        "transition_difference_interval": _around(size, counts, key),
        "changes": ratios.mean(),
        "changes_interval": bootstrap_mean(ratios, key, RESAMPLES),
        "nats": gaps.mean(),
        "nats_interval": _mean_interval(gaps, key),
        "trigrams": divergence(count(3).sum(0), ngrams(model, 3)),
        "information": information(np.stack([lagged(symbols, O, lag) for lag in LAGS])),
    }
    return {name: np.asarray(value) for name, value in found.items()}


def matched_distance(
    symbols: Int[np.ndarray, "B T"], other: Int[np.ndarray, "C T"], symbol_count: int
) -> float:
    """The mean Euclidean distance of one-hot sequences to those that they are matched with.

    `mean_i |x_i - y_m(i)|`, `m(i) = argmax_j P_ij` of the plan of strength `EPS` on the same
    distance. Several sequences may be matched with one, so that it is no metric.
    """
    match = np.asarray(_matches(jnp.asarray(symbols), jnp.asarray(other), symbol_count))
    return float(np.sqrt(2 * (symbols != other[match]).sum(1)).mean())


@partial(jax.jit, static_argnames="symbol_count")
def _matches(
    symbols: Int[Array, "B T"], other: Int[Array, "C T"], symbol_count: int
) -> Int[Array, " B"]:
    flat = lambda rows: jax.nn.one_hot(rows, symbol_count).reshape(len(rows), -1)
    # the first strength of the entropy is the largest distance
    widest = float(2 * symbols.shape[1]) ** 0.25
    plan = transport_plan(
        flat(symbols), flat(other), EPS**0.5, cost=distance, diameter=widest, scaling=SCALING
    )
    return plan.argmax(1)


def divergence(
    counts: Int[np.ndarray, "..."], chances: Float[np.ndarray, "..."]
) -> Float[np.ndarray, ""]:
    """The Jensen-Shannon divergence of counts from probabilities, in bits: from 0 to 1.

    It is the information of an outcome about which of the two it was drawn from.
    """
    return information(np.stack([counts.ravel() / counts.sum(), chances.ravel()]))


def lagged(symbols: Int[np.ndarray, "B T"], symbol_count: int, lag: int) -> Int[np.ndarray, "O O"]:
    """How often each pair of symbols is `lag` steps apart, `[first, second]`."""
    places = symbol_count * symbols[:, :-lag].astype(int) + symbols[:, lag:]
    counts = np.bincount(places.ravel(), minlength=symbol_count**2)
    return counts.reshape(symbol_count, symbol_count)


def _around(
    size: float, counts: Int[np.ndarray, "B O O"], key: PRNGKeyArray
) -> Float[np.ndarray, "2"]:
    """The largest difference of a transition matrix, more or less what resampling moves it by."""
    rows = counts.reshape(len(counts), -1)
    drawn = (resample_shares(key, len(counts), RESAMPLES).T @ rows).reshape(-1, *counts.shape[1:])
    moved = np.abs(next_symbol(drawn) - next_symbol(counts.sum(0))).max((1, 2))
    width = np.quantile(moved, 0.95)
    return np.array([max(size - width, 0.0), size + width])


def _mean_interval(values: Float[np.ndarray, " B"], key: PRNGKeyArray) -> Float[np.ndarray, "2"]:
    """The interval of a mean; at minus infinity where a value is."""
    if np.isneginf(values).any():
        return np.full(2, -np.inf)
    return np.asarray(bootstrap_mean(values, key, RESAMPLES))
