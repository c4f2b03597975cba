"""Connectivity between groups of units: `P^T S Q`.

    groups = membership(["ring", "ring", "shifter"])      # [G, N]
    between = group_connectivity(found.total, groups)     # [W, G, G]

Every array is `[to, from]`.
"""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core.checks import axes


def membership(labels: Sequence[str]) -> Float[Array, "G N"]:
    """Groups of units from their labels: `P[a, i] = 1` where unit i bears label a.

    **Arguments:**

    - `labels`: `N` labels, one per unit.

    **Returns:** float `[G, N]`, one row a group in the order of first appearance.

    **Raises:** `ValueError` where labels are not a list, or the list is empty.

    **Example:**

        >>> print(rj.linear.membership(["VIP", "SST", "VIP"]))
        [[1. 0. 1.]
         [0. 1. 0.]]
    """
    if isinstance(labels, str) or not isinstance(labels, Sequence | np.ndarray) or not len(labels):
        raise ValueError(f"labels must be a list, at least one, got {labels!r:.60}")
    names = list(dict.fromkeys(labels))
    return jnp.asarray(np.array([[label == name for label in labels] for name in names], float))


def group_connectivity(
    connectivity: Float[Array, "*W N N"], groups: Float[Array, "G N"]
) -> Float[Array, "*W G G"]:
    """`S_ab = sum_{i in a} sum_{j in b} S_ij`, `[to, from]`.

    **Arguments:**

    - `connectivity`: `[..., N, N]`, `[to, from]`.
    - `groups`: float `[G, N]`, weights of the units in each group.

    **Returns:** `[..., G, G]`, `[to, from]`.

    **Raises:** `ValueError` where shapes do not fit.

    **Example:**

        >>> groups = jnp.array([[1.0, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]])
        >>> rj.group_connectivity(jnp.ones((6, 6)), groups).tolist()
        [[9.0, 9.0], [9.0, 9.0]]
    """
    axes(connectivity=(connectivity, "... N N"), groups=(groups, "G N"))
    groups = jnp.asarray(groups, connectivity.dtype)
    return jnp.einsum("ai,...ij,bj->...ab", groups, connectivity, groups)
