"""Where to look for fixed points: states of runs, and states between and beside them.

    starts = starts_from(hs.reshape(-1, N), key, 1024)

Where one starts matters more than how one goes on: on a trained flip-flop, states of trajectories
alone found 10 of 27 fixed points, these starts all of them (benchmarks/bench_fixed_points.py).
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, PRNGKeyArray, PyTree

from ..core.checks import at_least, random_key, state

KINDS = 4


def starts_from(states: PyTree, key: PRNGKeyArray, count: int, noise: float = 0.5) -> PyTree:
    """Starts from states: as they are, with noise, mixtures of three, and midpoints of two.

    A quarter of each, in this order; the states are drawn with replacement. Noise is normal, of
    `noise` times each unit's standard deviation over the states; a mixture's weights are uniform
    over all of them (Dirichlet). It is pure: `jit`, `vmap` over keys.

    **Arguments:**

    - `states`: a tree of `[M, ...]`, as states of runs, one axis leading.
    - `key`: draws them.
    - `count`: how many, `S`.
    - `noise`: in standard deviations.

    **Returns:** a tree of `[S, ...]`.

    **Raises:** `ValueError` where there are no states, leading axes differ, or `count` is below 1.

    **Example:**

        >>> states = jnp.array([[0.0, 0.0], [1.0, 1.0]])
        >>> starts = rj.dynamics.starts_from(states, key, 8)
        >>> starts.shape, np.isin(starts[:2], states).all().item()  # the first quarter as they are
        ((8, 2), True)
    """
    at_least(1, count=count)
    random_key(key)
    states = state("states", states)
    sizes = {leaf.shape[:1] for leaf in jax.tree.leaves(states)}
    if len(sizes) != 1 or () in sizes or (0,) in sizes:
        raise ValueError(f"states need one leading axis of at least 1, got {sorted(sizes)}")
    ((M,),) = sizes
    which, weight, *rest = jax.random.split(key, 2 + len(jax.tree.leaves(states)))
    index = jax.random.randint(which, (count, 3), 0, M)
    kind = jnp.arange(count) * KINDS // count
    drawn = jax.random.dirichlet(weight, jnp.ones(3), (count,))
    fixed = jnp.array([[1.0, 0, 0], [1, 0, 0], [0, 0, 0], [0.5, 0.5, 0]], drawn.dtype)
    weights = jnp.where((kind == 2)[:, None], drawn, fixed[kind])

    def one(leaf: Array, key: Array) -> Array:
        w = weights.astype(leaf.dtype).reshape(count, 3, *(1,) * (leaf.ndim - 1))
        push = jax.random.normal(key, (count, *leaf.shape[1:]), leaf.dtype)
        push = noise * leaf.std(0, keepdims=True) * push
        noisy = (kind == 1).reshape(count, *(1,) * (leaf.ndim - 1))
        return (w * leaf[index]).sum(1) + jnp.where(noisy, push, 0)

    leaves, treedef = jax.tree.flatten(states)
    return treedef.unflatten([one(leaf, k) for leaf, k in zip(leaves, rest)])
