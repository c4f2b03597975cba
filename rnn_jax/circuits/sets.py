"""Random sets of units to hold a circuit against: of its size, and if asked of its activity.

    sets = random_sets(key, members, 200)                      # bool [200, N]
    sets = random_sets(key, members, 200, activity=hs.std((0, 1)))

The sets of one key are the same on every machine.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

NEIGHBOURS = 8
"""Units of like activity that may stand in for one another."""


def random_sets(
    key: PRNGKeyArray,
    members: Array,
    count: int,
    activity: Float[Array, " N"] | None = None,
) -> Bool[Array, "S N"]:
    """Sets with as many units as `members`, drawn without replacement.

    **Arguments:**

    - `key`: draws them.
    - `members`: bool or 0 / 1, `[N]`.
    - `count`: how many sets.
    - `activity`: `[N]`; given, each member is exchanged within its eight neighbours in
        activity only.

    **Returns:** bool `[count, N]`.
    """
    N = members.shape[0]
    members = members.astype(bool)
    order = jnp.arange(N) if activity is None else jnp.argsort(activity)
    block = jnp.arange(N) // (N if activity is None else NEIGHBOURS)

    def draw(key: PRNGKeyArray) -> Bool[Array, " N"]:
        # sorting block number plus a random fraction shuffles within blocks
        jitter = jax.random.uniform(key, (N,))
        shuffled = jnp.argsort(block.astype(jitter.dtype) + jitter)
        return jnp.zeros(N, bool).at[order].set(members[order[shuffled]])

    return jax.vmap(draw)(jax.random.split(key, count))
