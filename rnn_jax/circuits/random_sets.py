"""Random sets of units to hold a circuit against: of its size, and if asked of its activity.

    sets = random_sets(key, members, 200)                      # bool [200, N]
    sets = random_sets(key, members, 200, activity=hs.std((0, 1)))

A set is a mask, so that no unit is in it twice. The sets of one key are the same on every machine.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ..core.checks import at_least, axes, on_host, random_key
from ..core.checks import members as as_set
from ..core.types import Numbers

NEIGHBOURS = 8
"""Units of like activity that may stand in for one another, at the least."""


def random_sets(
    key: PRNGKeyArray,
    members: Numbers,
    count: int,
    activity: Float[Numbers, " N"] | None = None,
) -> Bool[Array, "S N"]:
    """Sets with as many units as `members`, drawn without replacement.

    **Arguments:**

    - `key`: draws them.
    - `members`: bool or 0 / 1, `[N]`.
    - `count`: how many sets.
    - `activity`: `[N]`; given, units are ranked by it and cut into blocks of eight or more,
        and members are exchanged within blocks only.

    **Returns:** bool `[count, N]`.

    **Raises:** `ValueError` where shapes do not fit or `count` is below 1, or where an activity
    is NaN.

    **Example:**

        >>> sets = rj.circuits.random_sets(key, np.array([1, 1, 0, 0, 0, 0]), 5)
        >>> sets.sum(1).tolist()  # as many units as the set
        [2, 2, 2, 2, 2]
    """
    at_least(1, count=count)
    random_key(key)
    members = as_set("members", members)
    N, order = members.size, np.arange(members.size)
    if activity is not None:
        axes(members=(members, "N"), activity=(activity, "N"))
        order = np.argsort(on_host("activity", activity), kind="stable")
    # blocks of like size: a short last one would leave its units nobody to change with
    blocks = 1 if activity is None else max(1, N // NEIGHBOURS)
    block = np.arange(N) * blocks // max(N, 1)

    return _draws(key, members, jnp.asarray(block), jnp.asarray(order), count)


@functools.partial(jax.jit, static_argnames="count")
def _draws(key: PRNGKeyArray, members: Array, block: Array, order: Array, count: int) -> Array:
    """All sets in one program: each block's members in a random order of the block."""
    N, members = members.size, members.astype(bool)

    def draw(key: PRNGKeyArray) -> Bool[Array, " N"]:
        shuffled = jnp.lexsort((jax.random.uniform(key, (N,)), block))
        return jnp.zeros(N, bool).at[order].set(members[order[shuffled]])

    return jax.vmap(draw)(jax.random.split(key, count))
