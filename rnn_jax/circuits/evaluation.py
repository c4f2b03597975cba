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
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from .statistics import Ratio, ratio_of_means

Evaluate: TypeAlias = Callable[[Float[Array, "S N"]], Float[Array, "S B"]]
"""Metrics of each trial with only the units of each mask left to themselves."""


class Worst(NamedTuple):
    """The subset for which a circuit and the network part most.

    - `worst`: `|m(C \\ K) - m(all \\ K)|`, a mean over trials.
    - `subset`: bool `[N]`, that K.
    - `path`: `[size + 1]`, the largest difference found with 0, 1, ... units in K.
    """

    worst: Float[Array, ""]
    subset: Bool[Array, " N"]
    path: Float[Array, " K"]


class Minimality(NamedTuple):
    """How much each member matters, at the K where it matters most.

    - `gain`: `[N]`, `max_K |m(C \\ (K + v)) - m(C \\ K)|`; 0 outside the circuit.
    - `subset`: bool `[N, N]`, the K of each member, `[member, unit]`.
    """

    gain: Float[Array, " N"]
    subset: Bool[Array, "N N"]


def faithfulness(
    evaluate: Evaluate, members: Array, key: PRNGKeyArray, resamples: int = 2000
) -> Ratio:
    """`(m(C) - m(0)) / (m(all) - m(0))`, a ratio of means with a bootstrap interval.

    Above 1 the circuit overshoots: it is not clipped.

    **Arguments:**

    - `evaluate`: kept units to metrics.
    - `members`: bool or 0 / 1, `[N]`.
    - `key`, `resamples`: of the bootstrap.

    Wang et al., ICLR (2023), section 4; refused where the denominator's interval contains 0.
    """
    members = members.astype(jnp.zeros(()).dtype)
    masks = jnp.stack([members, jnp.zeros_like(members), jnp.ones_like(members)])
    circuit, nothing, everything = evaluate(masks)
    return ratio_of_means(circuit - nothing, everything - nothing, key, resamples)


def completeness(evaluate: Evaluate, members: Array, size: int) -> Worst:
    """`max over K in C of |m(C \\ K) - m(all \\ K)|`, K grown greedily up to `size` units.

    A small number says that whatever part is broken, the circuit breaks as the network does.

    **Arguments:**

    - `evaluate`: kept units to metrics; it is called `size + 1` times on at most 2 N masks.
    - `members`: bool or 0 / 1, `[N]`.
    - `size`: the most units K may have.

    Wang et al., ICLR (2023), section 4.
    """
    members = jnp.asarray(members, jnp.zeros(()).dtype)
    eye = jnp.eye(members.size, dtype=members.dtype)
    subset = jnp.zeros_like(members)
    best, worst, path = subset, jnp.asarray(0.0, members.dtype), []
    for grown in range(size + 1):
        trials = subset[None] + eye if grown else subset[None]
        metrics = evaluate(jnp.concatenate([members[None] * (1 - trials), 1 - trials]))
        gap = jnp.abs(jnp.subtract(*jnp.split(metrics.mean(-1), 2)))
        # K grows within C, and by a unit it does not hold yet
        gap = jnp.where((members - subset > 0) if grown else True, gap, -jnp.inf)
        at = gap.argmax()
        if not bool(jnp.isfinite(gap[at])):
            break
        subset = trials[at]
        best = jnp.where(gap[at] > worst, subset, best)
        worst = jnp.maximum(worst, gap[at])
        path.append(gap[at])
    return Worst(worst, best > 0, jnp.stack(path))


def minimality(
    evaluate: Evaluate, members: Array, key: PRNGKeyArray, draws: int = 16
) -> Minimality:
    """For each member the K, among the empty one and random ones, for which it matters most.

    **Arguments:**

    - `evaluate`: kept units to metrics.
    - `members`: bool or 0 / 1, `[N]`.
    - `key`, `draws`: random subsets K tried besides the empty one.

    Wang et al., ICLR (2023), section 4.
    """
    members = jnp.asarray(members, jnp.zeros(()).dtype)
    eye = jnp.eye(members.size, dtype=members.dtype)
    random = jax.random.bernoulli(key, 0.5, (draws, members.size)).astype(members.dtype)
    subsets = jnp.concatenate([jnp.zeros_like(members)[None], random * members[None]])
    gains = []
    for subset in subsets:
        without = subset[None] * (1 - eye)
        kept = members[None] * (1 - without)
        metrics = evaluate(jnp.concatenate([kept * (1 - eye), kept])).mean(-1)
        gains.append(jnp.abs(jnp.subtract(*jnp.split(metrics, 2))) * members)
    gains = jnp.stack(gains)
    best = subsets[gains.argmax(0)] * (1 - eye)
    return Minimality(gains.max(0), best > 0)
