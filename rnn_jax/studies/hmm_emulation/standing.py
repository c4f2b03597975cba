"""Whether symbols are as a hidden Markov model emits them: three numbers and their limits.

    look = standing(model, symbols)                 # symbols [B, T]; cheap, at any epoch
    met(look)

The model is taken at rest: it starts from its stationary distribution, as a network that has run
for a while does. Of a network that starts at 0, the caller leaves the first symbol out.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ...core.checks import described, instance, numbers
from ...core.types import Numbers
from ...tasks import HiddenMarkov, change_rate, stationary, symbol_transition
from ...tasks.symbol_statistics import conditional

TRANSITION, CHANGES, NATS = 0.02, 0.05, 0.01
"""Limits: of the largest difference of a transition's probability; of the change rate, as a share
of the exact one; of the log-likelihood, in nats per symbol."""

DRAWN = 4096
"""Sequences of the model over which its own log-likelihood is averaged."""


def standing(model: HiddenMarkov, symbols: Int[Numbers, "B T"]) -> dict[str, np.ndarray]:
    """How far symbols are from a model.

    **Arguments:**

    - `model`: of `O` symbols.
    - `symbols`: sequences, without what comes before the network has settled.

    **Returns:** scalars by name. `transition`: `max |P - P*|` over `p(y_{t+1} | y_t)`, observed
    and exact; a symbol that nothing follows counts as a column of 0. `changes`: the observed share
    of steps at which the symbol changes, over the exact one. `nats`: the log-likelihood per symbol
    less the model's own; minus infinity where the model cannot emit a sequence.

    **Raises:** `ValueError` where symbols are not whole numbers `[B, T]` of the model's, `T` is
    below 2, or the model has more than one stationary distribution.
    """
    rested, symbols = at_rest(model), sequences("symbols", symbols, model)
    counts = ngram_counts(symbols, len(model.emission), 2)
    found = log_likelihoods(rested, symbols).mean() / symbols.shape[1]
    return {
        "transition": np.asarray(np.abs(next_symbol(counts.sum(0)) - next_symbol(rested)).max()),
        "changes": np.asarray(change_shares(counts).mean() / change_rate(rested)),
        "nats": np.asarray(found - expected_nats(rested, symbols.shape[1])),
    }


def met(look: dict[str, np.ndarray]) -> bool:
    """Whether all three numbers of `standing` keep their limits."""
    return bool(strain(look) <= 1)


def strain(look: dict[str, np.ndarray]) -> Float[np.ndarray, "..."]:
    """The largest of the three distances from the model, each over its limit; of looks of any
    shape."""
    apart = look["transition"], look["changes"] - 1, look["nats"]
    limits = TRANSITION, CHANGES, NATS
    return np.asarray(np.max([np.abs(far) / limit for far, limit in zip(apart, limits)], 0))


def sequences(
    name: str, symbols: Any, model: HiddenMarkov, steps: int = 2
) -> Int[np.ndarray, "B T"]:
    """Symbols on the host.

    **Raises:** `ValueError` where they are not whole numbers `[B, T]` that the model has, or are
    shorter than `steps`.
    """
    known = numbers(name, symbols)
    if known.ndim != 2 or not jnp.issubdtype(known.dtype, jnp.integer):
        raise ValueError(f"{name} must be whole numbers [B, T], got {described(known)}")
    if known.shape[0] < 1 or known.shape[1] < steps:
        raise ValueError(f"{name} must have {steps} steps or more, got {described(known)}")
    known, count = np.asarray(known), len(model.emission)
    if known.min() < 0 or known.max() >= count:
        raise ValueError(
            f"{name} must lie in 0 to {count - 1}, got {known.min()} to {known.max()}"
        )
    return known


def at_rest(model: HiddenMarkov) -> HiddenMarkov:
    """The model started from its stationary distribution."""
    instance("model", model, HiddenMarkov)
    return HiddenMarkov(model.transition, model.emission, stationary(model))


def ngram_counts(
    symbols: Int[np.ndarray, "B T"], symbol_count: int, n: int
) -> Int[np.ndarray, "B ..."]:
    """How often each run of `n` neighbours occurs in each sequence, `[B] + [O] * n`."""
    B, T = symbols.shape
    weights = symbol_count ** np.arange(n)[::-1]
    places = sum(w * symbols[:, k : T - n + 1 + k].astype(int) for k, w in enumerate(weights))
    rows = places + symbol_count**n * np.arange(B)[:, None]
    counts = np.bincount(rows.ravel(), minlength=B * symbol_count**n)
    return counts.reshape(B, *[symbol_count] * n)


def next_symbol(
    of: HiddenMarkov | Float[np.ndarray, "*K O O"] | Int[np.ndarray, "*K O O"],
) -> Float[np.ndarray, "*K O O"]:
    """`p(y_{t+1} | y_t)`, `[to, from]`, exact of a model or of counts `[first, second]`.

    A column is 0 where nothing follows its symbol.
    """
    exact = isinstance(of, HiddenMarkov)
    return np.nan_to_num(symbol_transition(of) if exact else conditional(of))


def change_shares(counts: Int[np.ndarray, "B O O"]) -> Float[np.ndarray, " B"]:
    """The share of steps of each sequence at which its symbol changes, of counts of pairs."""
    return 1 - np.trace(counts, axis1=1, axis2=2) / counts.sum((1, 2))


def log_likelihoods(
    model: HiddenMarkov, symbols: Int[np.ndarray, "B T"]
) -> Float[np.ndarray, " B"]:
    """Of each sequence, in nats."""
    return np.asarray(_log_likelihoods(model, jnp.asarray(symbols)), float)


@eqx.filter_jit
def _log_likelihoods(model: HiddenMarkov, symbols: Int[Array, "B T"]) -> Float[Array, " B"]:
    return jax.vmap(model.log_likelihood)(symbols)


def expected_nats(model: HiddenMarkov, steps: int) -> float:
    """`E log p(y_1 .. y_T) / T` of the model's own sequences, in nats per symbol.

    A mean over drawn sequences of minus the entropy of what is predicted at each step, which has
    the expectation of the log-likelihood and varies less. The draw is always the same.

    **Arguments:**

    - `model`: as it starts.
    - `steps`: `T`.

    **Returns:** a number at most 0.
    """
    return float(_expected_nats(model, steps))


@eqx.filter_jit
def _expected_nats(model: HiddenMarkov, steps: int) -> Float[Array, ""]:
    symbols = model.sample(jax.random.key(0), DRAWN, steps)[1]
    told = jax.vmap(model.predicted)(symbols)
    # a mean of means: a long sum in single precision would round
    return jax.scipy.special.xlogy(told, told).sum(-1).mean(1).mean()
