"""Selectors: methods that score units in each epoch, from a network and its trials alone.

    scores = unit_scores(network, trials, key)      # {"exact ablation": [E, N], ...}

None is handed a truth, so that none can lean on one. Larger is more important.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from ...causal import derangement, mean_of_finite, resample, squared_error, sweep
from ...circuits import baseline_scores, without_rounding
from ...core import Network, clean_run
from ...tasks import Trials


def unit_scores(
    network: Network, trials: Trials, key: PRNGKeyArray
) -> dict[str, Float[np.ndarray, "E N"]]:
    """Every method's scores in each of the trials' epochs.

    Causal effects are those on minus the squared change of the outputs, each unit clamped to its
    states on another trial (`ablation`), or restored into a run on another trial's inputs
    (`restoring`). `ablation, whole trial` clamps in all epochs at once, and says the same of
    each. The gradient is that of the first on a metric linear in the outputs.

    **Arguments:**

    - `network`, `trials`: at least two trials, with epochs.
    - `key`: draws which trial serves which, and random scores.

    **Returns:** by name `[E, N]`, in the order of `trials.epochs`.
    """
    value_key, order_key, baseline_key = jax.random.split(key, 3)
    hs, ys = clean_run(network, trials.xs)
    windows = np.stack([np.asarray(window) for window in trials.epochs.values()])
    spans = np.concatenate([windows, windows.max(0, keepdims=True)])
    units = np.eye(jax.tree.leaves(hs)[0].shape[-1])
    value = resample(hs, value_key)
    order = np.asarray(derangement(order_key, len(ys)))
    others = jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf)[order]), trials.xs)
    size = lambda effects: np.abs(mean_of_finite(effects))
    ablated = size(sweep(network, trials.xs, ys, squared_error, units, spans, value))
    restored = size(sweep(network, others, ys, squared_error, units, windows, hs))
    targets = ys if trials.targets is None else trials.targets
    baselines = baseline_scores(
        network, trials.xs, targets, jnp.asarray(windows), value, baseline_key
    )
    found = {
        "exact ablation": ablated[:-1],
        "exact restoring": restored,
        "exact ablation, whole trial": np.broadcast_to(ablated[-1:], restored.shape),
        **baselines,
    }
    return {name: without_rounding(scores) for name, scores in found.items()}


def with_noise(trials: Trials, scale: float, key: PRNGKeyArray) -> Trials:
    """Trials whose inputs have normal noise of a standard deviation added."""
    leaves, treedef = jax.tree.flatten(trials.xs)
    keys = jax.random.split(key, len(leaves))
    noisy = [x + scale * jax.random.normal(k, x.shape, x.dtype) for x, k in zip(leaves, keys)]
    return Trials(treedef.unflatten(noisy), trials.targets, trials.epochs)
