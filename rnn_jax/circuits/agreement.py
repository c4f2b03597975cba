"""Agreement between circuits: of bootstraps, seeds, configurations.

jaccard(a, b)                    # shared members over all members
consensus(members).members       # in at least half of the runs
"""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float


class Consensus(NamedTuple):
    """Members of most runs, and how often each unit was one."""

    members: Bool[Array, "..."]
    frequency: Float[Array, "..."]


def jaccard(a: Bool[Array, "*K N"], b: Bool[Array, "*K N"]) -> Float[Array, "*K"]:
    """`|A and B| / |A or B|`, 1 where both are empty."""
    dtype = jnp.zeros(()).dtype
    both, either = (a & b).sum(-1).astype(dtype), (a | b).sum(-1).astype(dtype)
    return jnp.where(either == 0, 1.0, both / jnp.maximum(either, 1))


def consensus(members: Bool[Array, "R *K N"], share: float = 0.5) -> Consensus:
    """Units that belong in at least `share` of the runs, with their inclusion frequency."""
    if not 0 < share <= 1:
        raise ValueError(f"share must lie in (0, 1], got {share}")
    frequency = members.astype(jnp.zeros(()).dtype).mean(0)
    return Consensus(frequency >= share, frequency)
