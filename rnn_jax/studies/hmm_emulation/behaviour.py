"""How a network behaves: how often its output switches, how long it stays, and where it goes.

    found = behaviours(network, masks, key, size)        # of many sets held at 0: [S, B, ...]
    found.rate.mean(1)                                   # switches per step of each set

All sets hear the same noise, so that their runs are paired. Behaviour is that of the argmax of the
logits. A change that lasts less than two steps does not count.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from ...core import Network, in_order
from ...dynamics import without_blips
from .runs import BURN_IN, LASTING, noise_of

LEAST = 20
"""Steps with an output, at the least, from which a probability to leave it is told."""
NEAREST = 8
"""Units that may stand in for a member of a set, of like activity and readout weight."""


class Size(NamedTuple):
    """Runs, steps of each that are looked at, and those before them."""

    trials: int
    steps: int
    burn_in: int = BURN_IN


class Behaviour(NamedTuple):
    """Of `S` edits and `B` runs.

    - `counts`: `[S, B, O, O]`, `[from, to]`: steps from one output to another or the same.
    """

    counts: Float[np.ndarray, "S B O O"]

    @property
    def rate(self) -> Float[np.ndarray, "S B"]:
        """Switches per step."""
        total = self.counts.sum((-1, -2))
        return 1 - np.trace(self.counts, axis1=-2, axis2=-1) / total

    def leaving(self, way: tuple[int, int]) -> Float[np.ndarray, " S"]:
        """Probability per step of a switch out of one output to another, over all runs.

        NaN where the first output was said in fewer than `LEAST` steps: who is never there does
        not leave rarely.
        """
        return self.transition[:, way[1], way[0]]

    @property
    def residence(self) -> Float[np.ndarray, " S"]:
        """Mean steps until the output switches: all steps over all switches."""
        counts = self.counts.sum(1)
        switched = counts.sum((-1, -2)) - np.trace(counts, axis1=-2, axis2=-1)
        return counts.sum((-1, -2)) / np.maximum(switched, 1)

    @property
    def transition(self) -> Float[np.ndarray, "S O O"]:
        """Probability of the next output, `[to, from]`; NaN from one of under `LEAST` steps."""
        counts = np.swapaxes(self.counts.sum(1), -1, -2)
        total = counts.sum(-2, keepdims=True)
        return np.where(total >= LEAST, counts / np.maximum(total, 1), np.nan)


def behaviours(
    network: Network, kept: Float[np.ndarray, "S N"], key: PRNGKeyArray, size: Size
) -> Behaviour:
    """Behaviour while the activity of units is multiplied by numbers, at every step.

    **Arguments:**

    - `network`: as for `noisy_runs`.
    - `kept`: what each unit's activity is multiplied by: 0 is ablation.
    - `key`: draws the noise, the same for all sets.
    - `size`: runs and steps.

    **Returns:** `Behaviour` of `S` edits.
    """
    rows = [_counted(network, jnp.asarray(row, network.h0.dtype), key, size) for row in kept]
    return _behaviour(rows, len(network.readout(network.h0)))


def behaviours_of(networks: list[Network], key: PRNGKeyArray, size: Size) -> Behaviour:
    """Behaviour of several networks of one structure on the same noise."""
    whole = jnp.ones_like(networks[0].h0)
    rows = [_counted(network, whole, key, size) for network in networks]
    return _behaviour(rows, len(networks[0].readout(networks[0].h0)))


@eqx.filter_jit
def _outputs(
    network: Network, kept: Float[Array, " N"], key: PRNGKeyArray, size: Size
) -> Int[Array, "B T"]:
    noise, batched = noise_of(network), in_order(network, "vector first")

    def one(key: PRNGKeyArray) -> Int[Array, " T"]:
        def step(h: Array, key: PRNGKeyArray) -> tuple[Array, Array]:
            # noise is drawn at each step: that of all runs and steps would be large
            h = batched.step(h, noise(key)) * kept
            return h, batched.readout(h).argmax(-1)

        keys = jax.random.split(key, size.burn_in + size.steps)
        return lax.scan(step, network.h0, keys)[1][size.burn_in :]

    return jax.vmap(one)(jax.random.split(key, size.trials))


def _counted(
    network: Network, kept: Float[Array, " N"], key: PRNGKeyArray, size: Size
) -> Int[np.ndarray, "B T"]:
    return np.asarray(_outputs(network, kept, key, size))


def _behaviour(rows: list[Int[np.ndarray, "B T"]], symbols: int) -> Behaviour:
    every = [without_blips(row, LASTING) for row in rows]
    pair = lambda row: np.eye(symbols * symbols)[row[:, :-1] * symbols + row[:, 1:]].sum(1)
    counts = np.stack([pair(row).reshape(-1, symbols, symbols) for row in every])
    return Behaviour(counts)


def matched_sets(
    key: PRNGKeyArray,
    members: Bool[np.ndarray, " N"],
    features: Float[np.ndarray, "N F"],
    count: int,
    among: Bool[np.ndarray, " N"] | None = None,
) -> Bool[np.ndarray, "S N"]:
    """Random sets of as many units, each a near neighbour of a member.

    **Arguments:**

    - `key`: draws them.
    - `members`: at most half of all units.
    - `features`: of each unit, such as activity and readout weight; compared in deviations.
    - `count`: how many sets.
    - `among`: units that may be drawn; by default those that are no members.

    **Returns:** masks, a row for each set.
    """
    draw = np.random.default_rng(np.asarray(jax.random.key_data(key)).tolist())
    spread = features.std(0)
    scaled = features / np.where(spread > 0, spread, 1)
    own, others = np.flatnonzero(members), np.flatnonzero(~members if among is None else among)
    apart = np.linalg.norm(scaled[own][:, None] - scaled[others][None], axis=-1)
    order = others[np.argsort(apart, 1)]
    sets = np.zeros((count, len(members)), bool)
    for row in sets:
        for near in order[draw.permutation(len(own))]:
            free = near[~row[near]][:NEAREST]
            row[draw.choice(free)] = True
    return sets
