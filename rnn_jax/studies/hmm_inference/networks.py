"""The networks of the study of inference: the filter built by hand, and trained ones.

made = networks("64 units", range(10), steps=800)      # one a seed, trained in one program
"""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, PRNGKeyArray

from ...cells import Affine, Vanilla, zero_state
from ...core import Network
from ...planted import hmm_filter, permute
from ...tasks import HiddenState
from ...training import Loss, adam, fit_seeds, logistic, with_rate_penalty
from ..keeping import Keep, in_memory, keep_networks

TASK = HiddenState(hazard=0.05, strength=1.0)
BUILT = "hand-built"
BUILT_UNITS = 64
LEARNING_RATE = 3e-3
PENALISED = with_rate_penalty(logistic, 0.1)
TRAINED: dict[str, tuple[int, Loss]] = {
    "64 units": (64, logistic),
    "128 units": (128, logistic),
    "64 units, rates penalised": (64, PENALISED),
}
"""Units and loss of each kind that is trained."""


def networks(kind: str, seeds: Sequence[int], steps: int, keep: Keep = in_memory) -> list[Network]:
    """A network of a kind for each seed.

    `hand-built` is the filter's 4 units and 60 unread copies, in an order drawn by the seed. The
    others are tanh networks `h_t = tanh(W h_{t-1} + U x_t + b)` that report the log-odds.

    **Arguments:**

    - `kind`: `BUILT` or of `TRAINED`.
    - `seeds`: of order, or of weights and trials.
    - `steps`: of gradient, in batches of 64 trials.
    - `keep`: keeps what was trained.

    **Raises:** `ValueError` where training diverged for a seed.
    """
    if kind == BUILT:
        return [built(seed)[0] for seed in seeds]
    units, loss = TRAINED[kind]
    keys = jax.vmap(jax.random.key)(jnp.asarray(seeds))
    make = lambda key: untrained(key, units)

    def train() -> Network:
        optimiser = adam(LEARNING_RATE, steps)
        found = fit_seeds(make, TASK.sample, loss, keys, steps=steps, optimiser=optimiser)
        lost = [seed for seed, good in zip(seeds, np.asarray(found.converged)) if not good]
        if lost:
            raise ValueError(f"training of {kind} diverged for seeds {lost}")
        return found.networks

    found = keep_networks(keep, f"{kind} trained", lambda: eqx.filter_vmap(make)(keys), train)
    one: Any = lambda i: jax.tree.map(lambda a: a[i] if eqx.is_array(a) else a, found)
    return [one(i) for i in range(len(seeds))]


def built(seed: int) -> tuple[Network, Bool[Array, " N"]]:
    """The filter by hand, its units in an order drawn by the seed, and which are its circuit."""
    planted = hmm_filter(TASK.hazard, TASK.strength, BUILT_UNITS - 4)
    shuffled = permute(planted, np.random.default_rng(seed).permutation(BUILT_UNITS))
    return shuffled.network, shuffled.truth.nodes["stable"] > 0


def untrained(key: PRNGKeyArray, units: int) -> Network:
    """A fresh tanh network with one output."""
    cell_key, readout_key = jax.random.split(key)
    cell = Vanilla(TASK.inputs, units, key=cell_key)
    return Network(cell, Affine(units, TASK.outputs, key=readout_key), zero_state(cell))
