"""Whether two rankings of units agree.

rank_agreement(estimate, exact)      # [E]: Spearman's correlation of sizes, per epoch
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.checks import axes


def rank_agreement(a: Float[Array, "E N"], b: Float[Array, "E N"]) -> Float[Array, " E"]:
    """Spearman's rank correlation of two rankings by size, per epoch, ties sharing their rank.

    **Returns:** NaN where all effects of a side are alike, or one is NaN.

    **Raises:** `ValueError` where shapes differ.
    """
    axes(a=(a, "E N"), b=(b, "E N"))

    def ranks(values: Float[Array, " N"]) -> Float[Array, " N"]:
        ordered = jnp.sort(values)
        sides = [jnp.searchsorted(ordered, values, side=side) for side in ("left", "right")]
        mean = (sides[0] + sides[1]).astype(values.dtype) / 2
        return mean - mean.mean()

    x, y = (jax.vmap(ranks)(jnp.abs(values)) for values in (a, b))
    spread = jnp.sqrt((x**2).sum(-1) * (y**2).sum(-1))
    safe = jnp.where(spread == 0, 1.0, spread)
    unknown = (spread == 0) | jnp.isnan(a).any(-1) | jnp.isnan(b).any(-1)
    return jnp.where(unknown, jnp.nan, (x * y).sum(-1) / safe)
