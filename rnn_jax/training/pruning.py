"""Pruning: which trained weights stay, so that each block has the density of an anatomy.

    mask = pruned(network.step.w, anatomy, key)          # [N, N], [to, from]

A weight stays with a probability in proportion to its size, so that large ones mostly do.
"""

import jax
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, PRNGKeyArray

from ..cells import Anatomy, unit_labels
from ..core.checks import all_finite, numbers, random_key


def pruned(w: ArrayLike, anatomy: Anatomy, key: PRNGKeyArray) -> Bool[np.ndarray, "N N"]:
    """One draw of the weights that stay, each with probability `P_ij = min(1, K_b |w_ij|)`.

    `K_b` is such that the expected number in block `b` of `n` pairs is `p_b n`. Where fewer than
    that are other than 0, all of them stay, and the block is sparser than asked.

    **Arguments:**

    - `w`: `[N, N]`, `[to, from]`, the trained weights.
    - `anatomy`: populations, and the density `p_b` of each block.
    - `key`: draws which.

    **Returns:** bool `[N, N]`, `[to, from]`.

    **Raises:** `ValueError` where the weights do not fit the anatomy or are not finite, or it is
    no key.

    After Balwani, Wang, Najafi & Choi, Science Advances (2025), sadv.adw4970, with two changes.
    There `K` also grows with the share of weights that are 0, which makes a block denser than
    asked; and pathways between areas are drawn without regard to size.

    **Example:**

        >>> density = [[0.1, 0.4], [0.3, 0.2]]
        >>> anatomy = rj.cells.Anatomy(("E", "I"), (160, 40), (True, False), density)
        >>> W = np.asarray(jax.random.normal(jax.random.key(1), (200, 200)))
        >>> stay = rj.training.pruned(W, anatomy, key)
        >>> print(rj.cells.block_mean(anatomy, stay).round(2))  # [to, from]
        [[0.1  0.4 ]
         [0.3  0.22]]
        >>> bool(np.abs(W[stay]).mean() > np.abs(W).mean())  # large weights rather stay
        True
    """
    random_key(key)
    sizes = np.abs(np.asarray(all_finite("w", numbers("w", w)), float))
    if sizes.shape != (anatomy.units, anatomy.units):
        raise ValueError(f"weights {sizes.shape} do not fit an anatomy of {anatomy.units} units")
    labels = unit_labels(anatomy)
    chance = np.zeros_like(sizes)
    for to, source in np.argwhere(anatomy.density > 0):
        block = np.ix_(labels == to, labels == source)
        chance[block] = inclusion(sizes[block], float(anatomy.density[to, source]))
    return np.asarray(jax.random.uniform(key, chance.shape)) < chance


def inclusion(sizes: Float[np.ndarray, "M N"], density: float) -> Float[np.ndarray, "M N"]:
    """`min(1, K size)` whose mean is the density, or 1 for all that are above 0.

    With the `m` largest at 1, `K = (p n - m) / (the sum of the others)`: `m` is the least at
    which none of the others passes 1.
    """
    # a mean does not overflow, as a sum of the largest floats would
    sizes = sizes / sizes.size
    wanted, ordered = density * sizes.size, np.sort(sizes, None)[::-1]
    if wanted >= np.count_nonzero(ordered):
        return (sizes > 0).astype(float)
    rest = ordered[::-1].cumsum()[::-1]
    left = wanted - np.arange(len(ordered))
    m = np.argmax(left * ordered <= rest)
    # K itself may be too large for a float
    share = np.minimum(1.0, left[m] * (np.minimum(sizes, ordered[m]) / rest[m]))
    return np.where(sizes > ordered[m], 1.0, share)
