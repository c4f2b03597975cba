"""Does the circuit do the work? Faithfulness, completeness, minimality.

    kept = lambda masks: run_with_only(masks)           # [S, N] -> metrics [S, B]
    faithfulness(kept, members, key).estimate
    completeness(kept, members, size=3).worst, .subset

All take one function, which runs the network with everything outside a mask replaced: any
user's function will do.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import jax
import numpy as np
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ..core.checks import at_least, floats, function, numbers, on_host, random_key
from ..core.checks import members as as_set
from ..core.types import Numbers
from .statistics import Ratio, ratio_of_means

Evaluate: TypeAlias = Callable[[Float[Array, "S N"]], Float[Numbers, "S B"]]
"""Metrics of each trial with only the units of each mask left to themselves."""


class Worst(NamedTuple):
    """The subset for which a circuit and the network part most.

    - `worst`: `|m(C \\ K) - m(all \\ K)|`, a mean over trials.
    - `subset`: bool `[N]`, that K.
    - `path`: `[size + 1]`, the largest difference found with 0, 1, ... units in K.
    """

    worst: float
    subset: Bool[np.ndarray, " N"]
    path: Float[np.ndarray, " K"]


class Minimality(NamedTuple):
    """How much each member matters, at the K where it matters most.

    - `gain`: `[N]`, `max_K |m(C \\ (K + v)) - m(C \\ K)|`; 0 outside the circuit.
    - `subset`: bool `[N, N]`, the K of each member, `[member, unit]`.
    """

    gain: Float[np.ndarray, " N"]
    subset: Bool[np.ndarray, "N N"]


def kept_metrics(evaluate: Evaluate, masks: Float[np.ndarray, "S N"]) -> Float[np.ndarray, "S B"]:
    """What `evaluate` makes of masks, checked: it may be anybody's.

    **Raises:** `ValueError` where the metrics have another shape, or one is NaN.
    """
    function("evaluate", evaluate)
    metrics = numbers("the metrics of evaluate", evaluate(floats(masks)))
    if metrics.ndim != 2 or metrics.shape[0] != masks.shape[0]:
        raise ValueError(
            f"evaluate must map masks {masks.shape} to metrics [{masks.shape[0]}, trials], "
            f"got {metrics.shape}"
        )
    return on_host("the metrics of evaluate", metrics)


def _mask(members: Numbers) -> Float[np.ndarray, " N"]:
    return np.asarray(as_set("members", members), float)


def faithfulness(
    evaluate: Evaluate, members: Numbers, key: PRNGKeyArray, resamples: int = 2000
) -> Ratio:
    """`(m(C) - m(0)) / (m(all) - m(0))`, a ratio of means with a bootstrap interval.

    Above 1 the circuit overshoots: it is not clipped.

    **Arguments:**

    - `evaluate`: kept units to metrics.
    - `members`: bool or 0 / 1, `[N]`.
    - `key`, `resamples`: of the bootstrap.

    **Returns:** a `Ratio`, refused where the denominator's interval contains 0: NaN, with the
    flag `refused` and a sentence in `reason`.

    **Raises:** `ValueError` where the metrics have another shape, or one is NaN.

    Wang et al., ICLR (2023), section 4.
    """
    members = _mask(members)
    masks = np.stack([members, np.zeros_like(members), np.ones_like(members)])
    circuit, nothing, everything = kept_metrics(evaluate, masks)
    return ratio_of_means(circuit - nothing, everything - nothing, key, resamples)


def completeness(evaluate: Evaluate, members: Numbers, size: int) -> Worst:
    """`max over K in C of |m(C \\ K) - m(all \\ K)|`, K grown greedily up to `size` units.

    A small number says that whatever part is broken, the circuit breaks as the network does.

    **Arguments:**

    - `evaluate`: kept units to metrics; it is called `size + 1` times on at most 2 N masks.
    - `members`: bool or 0 / 1, `[N]`.
    - `size`: the most units K may have; K stops growing once it holds the circuit.

    **Returns:** a `Worst`.

    **Raises:** `ValueError` where `size` is negative or the metrics have another shape,
    `ValueError` where one is NaN.

    Wang et al., ICLR (2023), section 4.
    """
    at_least(0, size=size)
    members = _mask(members)
    eye = np.eye(members.size)
    subset = np.zeros_like(members)
    subsets, path = [], []
    for grown in range(min(size, int(members.sum())) + 1):
        trials = subset[None] + eye if grown else subset[None]
        metrics = kept_metrics(evaluate, np.concatenate([members * (1 - trials), 1 - trials]))
        gap = np.abs(np.subtract(*np.split(metrics.mean(-1), 2)))
        # K grows within C, and by a unit it does not hold yet
        gap = np.where((members - subset > 0) if grown else True, gap, -np.inf)
        subset = trials[gap.argmax()]
        subsets.append(subset)
        path.append(gap.max())
    path = np.stack(path)
    return Worst(float(path.max()), np.stack(subsets)[path.argmax()] > 0, path)


def minimality(
    evaluate: Evaluate, members: Numbers, key: PRNGKeyArray, draws: int = 16
) -> Minimality:
    """For each member the K, among the empty one and random ones, for which it matters most.

    **Arguments:**

    - `evaluate`: kept units to metrics.
    - `members`: bool or 0 / 1, `[N]`.
    - `key`, `draws`: random subsets K tried besides the empty one.

    **Returns:** a `Minimality`; a member of gain 0 was not needed for any K that was tried.

    **Raises:** `ValueError` where the metrics have another shape, or one is NaN.

    Wang et al., ICLR (2023), section 4.
    """
    at_least(0, draws=draws)
    random_key(key)
    members = _mask(members)
    eye = np.eye(members.size)
    random = np.asarray(jax.random.bernoulli(key, 0.5, (draws, members.size)))
    subsets = np.concatenate([np.zeros_like(members)[None], random * members])
    gains = []
    for subset in subsets:
        without = subset[None] * (1 - eye)
        kept = members[None] * (1 - without)
        metrics = kept_metrics(evaluate, np.concatenate([kept * (1 - eye), kept])).mean(-1)
        gain = np.abs(np.subtract(*np.split(metrics, 2)))
        gains.append(np.where(members > 0, gain, 0.0))
    gains = np.stack(gains)
    best = subsets[gains.argmax(0)] * (1 - eye)
    return Minimality(gains.max(0), best > 0)
