"""Anatomy: populations of units, who excites, and how densely one population reaches another.

    anatomy = Anatomy(("E", "I"), (80, 20), (True, False), [[0.1, 0.4], [0.3, 0.2]])
    mask = block_mask(anatomy, key)                      # [N, N], [to, from]
    signs = jnp.broadcast_to(unit_signs(anatomy), mask.shape)        # for training.keep_signs

Every array is `[to, from]`. Units stand population after population.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from ..core.checks import at_least, bools


class Anatomy(eqx.Module):
    """Populations and the densities of their connections.

    - `names`: of `P` populations.
    - `sizes`: units of each population, at least 1.
    - `excitatory`: true where a population excites, false where it inhibits.
    - `density`: `[P, P]`, `[to, from]`, the share of the pairs of units that are connected.

    **Raises:** `ValueError` where the numbers of populations differ, a name stands twice, a sign
    is no bool, a size is below 1, or a density leaves [0, 1].

    **Example:**

        >>> density = [[0.1, 0.4], [0.3, 0.2]]  # [to, from]
        >>> anatomy = rj.cells.Anatomy(("E", "I"), (80, 20), (True, False), density)
        >>> anatomy.units, anatomy.density[0, 1].item()  # of all pairs from I to E
        (100, 0.4)
    """

    names: tuple[str, ...] = eqx.field(static=True, converter=tuple)
    sizes: tuple[int, ...] = eqx.field(static=True, converter=tuple)
    excitatory: tuple[bool, ...] = eqx.field(static=True, converter=tuple)
    density: Float[np.ndarray, "P P"] = eqx.field(converter=lambda rows: np.asarray(rows, float))

    def __check_init__(self) -> None:
        P = len(self.names)
        if not P or len(set(self.names)) < P:
            raise ValueError(f"populations need different names, got {', '.join(self.names)}")
        if len(self.sizes) != P or len(self.excitatory) != P:
            raise ValueError(
                f"{P} populations have {len(self.sizes)} sizes and {len(self.excitatory)} signs"
            )
        bools(excitatory=self.excitatory)
        at_least(1, **{f"the size of {n}": s for n, s in zip(self.names, self.sizes, strict=True)})
        if self.density.shape != (P, P):
            raise ValueError(f"density must be [{P}, {P}], got {self.density.shape}")
        if not ((self.density >= 0) & (self.density <= 1)).all():
            raise ValueError("a density is a share from 0 to 1")

    @property
    def units(self) -> int:
        """The number of units `N`."""
        return sum(self.sizes)


def unit_labels(anatomy: Anatomy) -> Int[np.ndarray, " N"]:
    """The population of each unit, by its index.

    **Example:**

        >>> anatomy = rj.cells.Anatomy(("E", "I"), (2, 1), (True, False), np.ones((2, 2)))
        >>> rj.cells.unit_labels(anatomy)
        array([0, 0, 1])
    """
    return np.repeat(np.arange(len(anatomy.names)), anatomy.sizes)


def unit_signs(anatomy: Anatomy) -> Float[np.ndarray, " N"]:
    """1 for each unit that excites, -1 for each that inhibits.

    **Example:**

        >>> anatomy = rj.cells.Anatomy(("E", "I"), (2, 1), (True, False), np.ones((2, 2)))
        >>> rj.cells.unit_signs(anatomy)
        array([ 1.,  1., -1.])
    """
    return np.where(np.repeat(anatomy.excitatory, anatomy.sizes), 1.0, -1.0)


def members(anatomy: Anatomy) -> Float[np.ndarray, "P N"]:
    """1 where a unit belongs to a population.

    **Example:**

        >>> anatomy = rj.cells.Anatomy(("E", "I"), (2, 1), (True, False), np.ones((2, 2)))
        >>> print(rj.cells.members(anatomy))
        [[1. 1. 0.]
         [0. 0. 1.]]
    """
    return (np.arange(len(anatomy.names))[:, None] == unit_labels(anatomy)).astype(float)


def per_block(anatomy: Anatomy, blocks: Float[np.ndarray, "P P"]) -> Float[np.ndarray, "N N"]:
    """A number per pair of populations as one per pair of units, `[to, from]`.

    **Example:**

        >>> anatomy = rj.cells.Anatomy(("E", "I"), (2, 1), (True, False), np.ones((2, 2)))
        >>> print(rj.cells.per_block(anatomy, np.array([[1.0, 2.0], [3.0, 4.0]])))
        [[1. 1. 2.]
         [1. 1. 2.]
         [3. 3. 4.]]
    """
    labels = unit_labels(anatomy)
    return np.asarray(blocks)[np.ix_(labels, labels)]


def block_mask(anatomy: Anatomy, key: PRNGKeyArray) -> Bool[Array, "N N"]:
    """Connections drawn one by one with the probability of their block, `[to, from]`.

    **Example:**

        >>> density = [[0.1, 0.4], [0.3, 0.2]]  # [to, from]
        >>> anatomy = rj.cells.Anatomy(("E", "I"), (160, 40), (True, False), density)
        >>> mask = rj.cells.block_mask(anatomy, key)
        >>> print(rj.cells.block_mean(anatomy, mask).round(1))
        [[0.1 0.4]
         [0.3 0.2]]
    """
    shape = (anatomy.units, anatomy.units)
    return jax.random.uniform(key, shape) < jnp.asarray(per_block(anatomy, anatomy.density))


def block_mean(anatomy: Anatomy, weights: ArrayLike) -> Float[np.ndarray, "P P"]:
    """The mean of each block of an array `[to, from]`: of a mask, the share of connected pairs.

    **Example:**

        >>> anatomy = rj.cells.Anatomy(("E", "I"), (2, 1), (True, False), np.ones((2, 2)))
        >>> W = np.array([[1.0, 2.0, -3.0], [3.0, 2.0, -5.0], [1.0, 1.0, 0.0]])
        >>> print(rj.cells.block_mean(anatomy, W))  # [to, from]
        [[ 2. -4.]
         [ 1.  0.]]
    """
    of, sizes = members(anatomy), np.array(anatomy.sizes, float)
    return of @ np.asarray(weights, float) @ of.T / np.outer(sizes, sizes)
