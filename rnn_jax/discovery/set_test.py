"""The set as a whole: does the circuit suffice, is it needed, and could chance have found it?

    test = check_set(plan, members, window, value, key, count=200)
    test.faithfulness.estimate      # what remains when only the circuit is kept
    test.p_value                    # random sets of equal size that keep as much

Faithfulness is `(m(C) - m(0)) / (m(all) - m(0))`, with everything outside C replaced inside
the epoch, and necessity `(m(all) - m(all without C)) / (m(all) - m(0))`.
"""

from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from ..causal import mean_of_finite
from ..circuits import Ratio, permutation_p, random_sets, ratio_of_means
from ..core import State
from ..core.types import Numbers
from .plan import Plan


class SetTest(NamedTuple):
    """How one epoch's circuit fares as a set.

    - `faithfulness`, `necessity`: ratios with their bootstrap intervals.
    - `p_value`: share of random sets of equal size that keep at least as much.
    """

    faithfulness: Ratio
    necessity: Ratio
    p_value: np.ndarray


def check_set(
    plan: Plan,
    members: Float[np.ndarray, " N"],
    window: Float[Numbers, "B T"],
    value: State,
    key: PRNGKeyArray,
    count: int,
    resamples: int,
) -> SetTest:
    """Keep only a set, drop only a set, and keep random sets of its size, in one sweep.

    **Arguments:**

    - `plan`: the network, trials and metric.
    - `members`: float `[N]`, 1 for the set's units.
    - `window`: float `[B, T]`, where the intervention holds.
    - `value`: `[B, T, N]` replacement.
    - `key`: for the random sets and the bootstrap.
    - `count`: the number of random sets.
    - `resamples`: the number of bootstrap samples.

    **Returns:** a `SetTest`.
    """
    draw, boot = jax.random.split(key)
    sets = np.asarray(random_sets(draw, members, count))
    masks = np.concatenate([np.stack([1 - members, members, np.ones_like(members)]), 1 - sets])
    # an empty circuit drops nothing, a full one keeps all: both are answers here
    (effect,) = plan.effects(masks, window[None], value, allow_noop=True)
    keep, drop, nothing, random = effect[0], effect[1], effect[2], effect[3:]
    # every metric is the clean one plus an effect, so the clean one cancels
    return SetTest(
        ratio_of_means(*_known(keep - nothing, -nothing), boot, resamples),
        ratio_of_means(*_known(-drop, -nothing), boot, resamples),
        permutation_p(mean_of_finite(keep), mean_of_finite(random)),
    )


def _known(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both 0, and so no part of a ratio of means, on a trial where the run of either failed."""
    known = np.isfinite(a) & np.isfinite(b)
    return np.where(known, a, 0.0), np.where(known, b, 0.0)
