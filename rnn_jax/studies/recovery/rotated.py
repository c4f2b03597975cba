"""The negative control: a circuit of units in a basis that has none.

    built, rotated = kept(planted, trials, key)    # faithfulness of the strongest units

A random rotation leaves the function and takes away the units. As many units as the circuit has
members, those of the largest exact effect, are kept, and all others replaced; in the planted
basis that is the circuit, in a random one it is no circuit at all.
"""

import jax
import numpy as np
from jaxtyping import PRNGKeyArray

from ...causal import mean_of_finite, resample, squared_error, sweep
from ...circuits import largest, share_kept, without_rounding
from ...core import Network, clean_run
from ...planted import Planted, rotate
from ...tasks import Trials


def kept(planted: Planted, trials: Trials, key: PRNGKeyArray) -> tuple[float, float]:
    """Faithfulness of the strongest units as built, and after a random rotation.

    `1 - e(only k kept) / e(none kept)`, `e` the mean squared change of the outputs with units
    clamped to another trial's states, `k` the number of members; the mean over epochs in which
    some units are members and some are not.

    **Arguments:**

    - `planted`, `trials`: the planted network, and trials of it.
    - `key`: draws the rotation, and which trial serves which.

    **Returns:** as built, and rotated; NaN where the state is no vector, which has no basis.
    """
    if not isinstance(planted.network.h0, jax.Array):
        return np.nan, np.nan
    turn, value = jax.random.split(key)
    nodes = np.stack([np.asarray(planted.truth.nodes[name]) for name in trials.epochs]) > 0
    mixed = nodes.any(1) & ~nodes.all(1)
    sizes = nodes.sum(1)[mixed]
    windows = np.stack([np.asarray(w) for w in trials.epochs.values()])[mixed]
    forms = (planted.network, rotate(planted, turn).network)
    built, rotated = (
        float(_kept(network, trials, windows, sizes, value).mean()) for network in forms
    )
    return built, rotated


def _kept(
    network: Network, trials: Trials, windows: np.ndarray, sizes: np.ndarray, key: PRNGKeyArray
) -> np.ndarray:
    value_key, tie_key = jax.random.split(key)
    hs, ys = clean_run(network, trials.xs)
    N = hs.shape[-1]
    units, value = np.eye(N), resample(hs, value_key)
    effects = lambda masks: np.asarray(
        sweep(network, trials.xs, ys, squared_error, masks, windows, value)
    )
    scores = without_rounding(np.abs(mean_of_finite(effects(units))))
    # ties are drawn, since planted networks list members first
    strongest = [largest(score, k[None], tie_key)[0] for score, k in zip(scores, sizes)]
    others = 1.0 - np.stack(strongest)
    found = effects(np.stack([others, np.ones_like(others)], 1))
    return np.array([share_kept(kept, nothing) for kept, nothing in found])
