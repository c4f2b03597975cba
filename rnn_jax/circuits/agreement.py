"""Agreement between circuits: of bootstraps, seeds, configurations.

    jaccard(a, b)                    # shared members over all members
    consensus(members).members       # in at least half of the runs

A frequency says more than the verdict: it stands beside every member.
"""

import math
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float


class Consensus(NamedTuple):
    """Members of most runs, and how often each unit was one."""

    members: Bool[Array, "..."]
    frequency: Float[Array, "..."]


def jaccard(a: Bool[Array, "*K N"], b: Bool[Array, "*K N"]) -> Float[Array, "*K"]:
    """The share two sets have in common: `|A and B| / |A or B|`, 1 where both are empty.

    **Arguments:**

    - `a`, `b`: bool `[..., N]`.

    **Returns:** `[...]`, in [0, 1].
    """
    dtype = jnp.zeros(()).dtype
    both, either = (a & b).sum(-1).astype(dtype), (a | b).sum(-1).astype(dtype)
    return jnp.where(either == 0, 1.0, both / jnp.maximum(either, 1))


def consensus(members: Bool[Array, "R *K N"], share: float = 0.5) -> Consensus:
    """Units that belong in at least `share` of the runs, with their inclusion frequency.

    **Arguments:**

    - `members`: bool `[R, ...]`, one circuit a run.
    - `share`: of the runs, in (0, 1].

    **Returns:** a `Consensus` of `[...]`.

    **Raises:** `ValueError` where `share` is none, or there is no run.
    """
    if not 0 < share <= 1 or members.shape[0] < 1:
        raise ValueError(
            f"share must lie in (0, 1] and there be a run, got {share} and {members.shape[0]} runs"
        )
    runs, count = members.shape[0], members.sum(0)
    # counts are exact, where a share that is rounded would lose a unit of all 49 runs
    needed = math.ceil(share * runs - 1e-9)
    return Consensus(count >= needed, count.astype(jnp.zeros(()).dtype) / runs)
