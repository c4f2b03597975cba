"""Populations that gather noise for the kick neurons, found by their connections.

    found = populations(network, towards, back, key, FULL)
    found["leaving"]             # [group, part, scale, way]

With `g_j` the mean weight of unit j onto the kick neurons of one direction, and `g'_j` of the
other, the units of most negative `g_j g'_j` push the one and hold back the other: by the sign of
`g` they are two populations. Their noise, or all that they hear from the network, is scaled by
0 to 2 at every step. Controls are random groups of as many units, alike in activity and in their
weight to each output.

arXiv 2510.25674 names 70 such units, for kick neurons chosen by hand.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, PRNGKeyArray

from ...core import Network
from .behaviour import Size, behaviours_of, matched_sets

POPULATION = 70
"""Units of both populations together, of 150; as large a share of other networks."""
SCALES = (0.0, 0.5, 1.0, 1.5, 2.0)
PARTS = ("noise", "recurrent")
GROUPS = ("kick", "pushing", "holding", "both")


def integrating(
    network: Network, towards: Bool[np.ndarray, " N"], back: Bool[np.ndarray, " N"]
) -> tuple[Bool[np.ndarray, " N"], Bool[np.ndarray, " N"]]:
    """The two populations of a direction: which push its kick neurons, and which hold them back.

    **Arguments:**

    - `network`: whose step has weights `w [to, from]`.
    - `towards`, `back`: kick neurons of the direction, and of its reverse; not empty. A unit
        of either is in no population.

    **Returns:** two masks over units.
    """
    w = np.asarray(network.step.w)
    g, other = (w[group].mean(0) for group in (towards, back))
    product = np.where(towards | back, np.inf, g * other)
    count = round(POPULATION / 150 * len(w))
    chosen = np.isin(np.arange(len(w)), np.argsort(product)[:count]) & (product < 0)
    return chosen & (g > 0), chosen & (g < 0)


def scaled(network: Network, group: Bool[np.ndarray, " N"], part: str, scale: float) -> Network:
    """The network whose group hears its noise, or its recurrent input, times a number."""
    where = lambda n: n.step.u if part == "noise" else n.step.w
    rows = jnp.where(jnp.asarray(group), scale, 1.0)[:, None]
    return eqx.tree_at(where, network, where(network) * rows.astype(network.h0.dtype))


def populations(
    network: Network,
    way: tuple[int, int],
    towards: Bool[np.ndarray, " N"],
    back: Bool[np.ndarray, " N"],
    features: Float[np.ndarray, "N F"],
    key: PRNGKeyArray,
    matched: int,
    size: Size,
) -> dict[str, np.ndarray]:
    """What scaling each population's noise and recurrent input does to one direction's switches.

    **Arguments:**

    - `way`: the direction; `towards`, `back`: its kick neurons, and those of its reverse.
    - `features`: of each unit, `[N, F]`, that random groups are alike in.
    - `key`: draws runs and groups.
    - `matched`, `size`: how many random groups; runs and steps.

    **Returns:** `count [group]`, units; `leaving [group, part, scale]` and `returning`, the
    probabilities per step of the direction's switch and of its reverse; `rate` of all switches;
    and for `both` without noise `control_low`, `control_high`, quantiles of `rate` over random
    groups without theirs, and `p`, two-sided.
    """
    pushing, holding = integrating(network, towards, back)
    both = pushing | holding
    groups = [towards, pushing, holding, both]
    of_sets, of_runs = jax.random.split(key)
    edits = [scaled(network, g, part, mu) for g in groups for part in PARTS for mu in SCALES]
    shape = len(GROUPS), len(PARTS), len(SCALES)
    found = behaviours_of(edits, of_runs, size)
    rate = found.rate.mean(1).reshape(shape)
    told = {
        "count": np.array([group.sum() for group in groups]),
        "leaving": found.leaving(way).reshape(shape),
        "returning": found.leaving((way[1], way[0])).reshape(shape),
        "rate": rate,
    }
    ends, p = (np.nan, np.nan), np.nan
    if 0 < both.sum() <= len(both) / 2:
        of_both = jax.random.fold_in(of_sets, GROUPS.index("both"))
        sets = matched_sets(of_both, both, features, matched)
        without = [scaled(network, row, "noise", 0.0) for row in sets]
        null = behaviours_of(without, of_runs, size).rate.mean(1)
        own, clean = rate[GROUPS.index("both"), 0, [0, SCALES.index(1.0)]]
        ends, p = np.quantile(null, (0.025, 0.975)), _two_sided(own - clean, null - clean)
    return told | dict(zip(("control_low", "control_high", "p"), map(np.asarray, (*ends, p))))


def _two_sided(own: float, null: Float[np.ndarray, " S"]) -> float:
    """The share of a null, counting one's own, that is as far from 0."""
    return float((1 + (np.abs(null) >= abs(own)).sum()) / (1 + len(null)))
