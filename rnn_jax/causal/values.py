"""Replacement values: what a unit is set to when it is taken out, for all trials at once.

    value = mean(hs)                 # over trials, at each time
    value = resample(hs, key)        # each trial takes another's states

Zero leaves the data's range where states do not lie around it; the mean stays inside but takes
the spread away; resampling keeps both and breaks only what ties a unit to its trial. Since
rankings under them agree at 0.8 to 0.95 only, results should show two.
"""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, PRNGKeyArray

from ..core import State
from ..core.checks import numbers, random_key, whole_number


def _count(hs: State) -> int:
    shapes = [numbers("states", leaf).shape for leaf in jax.tree.leaves(hs) or [hs]]
    count = shapes[0][0] if shapes[0] else 0
    if count < 2:
        raise ValueError(f"this replacement needs at least 2 trials, got {count}")
    return count


def zero(hs: State) -> State:
    """0. **Arguments:** `hs`: `[B, T, N]` states, or a tree of them. **Returns:** like `hs`.

    **Example:**

        >>> rj.causal.zero(jnp.ones((2, 1, 3))).shape
        (2, 1, 3)
    """
    return jax.tree.map(jnp.zeros_like, hs)


def mean(hs: State) -> State:
    """The mean over trials at each time, `mean_b h_bt`.

    **Arguments:**

    - `hs`: `[B, T, N]` clean states, or a tree of them.

    **Returns:** like `hs`, the same for every trial.

    **Raises:** `ValueError` where there is a single trial.

    **Example:**

        >>> hs = jnp.array([1.0, 3.0])[:, None, None]  # two trials, one step, one unit
        >>> rj.causal.mean(hs).ravel().tolist()
        [2.0, 2.0]
    """
    _count(hs)
    return jax.tree.map(lambda h: jnp.broadcast_to(h.mean(0, keepdims=True), h.shape), hs)


def derangement(key: PRNGKeyArray, count: int) -> Int[Array, " B"]:
    """A random order of trials in which none keeps its place.

    It is a random cycle through all of them.

    **Raises:** `ValueError` where there is a single trial.

    **Example:**

        >>> order = rj.causal.derangement(key, 5)
        >>> sorted(order.tolist()), bool((order == jnp.arange(5)).any())
        ([0, 1, 2, 3, 4], False)
    """
    random_key(key)
    if whole_number("count", count) < 2:
        raise ValueError(f"a derangement needs at least 2 trials, got {count}")
    return _cycle(key, count)


@functools.partial(jax.jit, static_argnums=1)
def _cycle(key: PRNGKeyArray, count: int) -> Array:
    """Who follows whom in a random cycle, as one program instead of one for each operation."""
    cycle = jax.random.permutation(key, count)
    return jnp.zeros(count, cycle.dtype).at[cycle].set(jnp.roll(cycle, 1))


def resample(hs: State, key: PRNGKeyArray) -> State:
    """The states of another trial, `h_{pi(b) t}`, with no trial its own donor.

    **Arguments:**

    - `hs`: `[B, T, N]` clean states, or a tree of them.
    - `key`: draws who gives to whom.

    **Returns:** like `hs`.

    **Raises:** `ValueError` where there is a single trial.

    **Example:**

        >>> hs = jnp.array([1.0, 3.0])[:, None, None]  # two trials, one step, one unit
        >>> rj.causal.resample(hs, key).ravel().tolist()  # they exchange
        [3.0, 1.0]
    """
    order = derangement(key, _count(hs))
    return jax.tree.map(lambda h: h[order], hs)


def noise(hs: State, key: PRNGKeyArray) -> State:
    """Gaussian noise of each unit's mean and spread over trials at each time.

    **Arguments, returns, raises:** as for `resample`.

    **Example:**

        >>> hs = jnp.ones((5, 3, 2)).at[:, :, 1].set(jnp.arange(5.0)[:, None])
        >>> drawn = rj.causal.noise(hs, key)
        >>> bool((drawn[:, :, 0] == 1).all())  # what does not vary over trials stays
        True
    """
    _count(hs)
    random_key(key)
    leaves, treedef = jax.tree.flatten(hs)
    keys = jax.random.split(key, len(leaves))
    return treedef.unflatten(
        [
            h.mean(0, keepdims=True)
            + h.std(0, keepdims=True) * jax.random.normal(k, h.shape, h.dtype)
            for h, k in zip(leaves, keys, strict=True)
        ]
    )


def patch(hs: State, counterfactual: State) -> State:
    """The states of a counterfactual run, which must be of the same trials, times and units.

    **Raises:** `ValueError` where shapes differ.

    **Example:**

        >>> hs, other = (rj.core.clean_run(network, inputs)[0] for inputs in (xs, -xs))
        >>> bool((rj.causal.patch(hs, other) == other).all())
        True
    """
    shapes = [jax.tree.map(jnp.shape, tree) for tree in (hs, counterfactual)]
    if shapes[0] != shapes[1]:
        raise ValueError(f"counterfactual states of {shapes[1]} do not fit states of {shapes[0]}")
    return counterfactual


VALUES = {
    "zero": lambda hs, key: zero(hs),
    "mean": lambda hs, key: mean(hs),
    "resample": resample,
    "noise": noise,
}


def replacement(kind: str, hs: State, key: PRNGKeyArray) -> State:
    """The values `[B, T, N]` that units are replaced with.

    **Example:**

        >>> hs = rj.core.clean_run(network, xs)[0]
        >>> swapped = rj.causal.replacement("resample", hs, key)
        >>> bool((swapped == hs).all((1, 2)).any())  # no trial gives to itself
        False
    """
    # one program instead of one for each operation
    return eqx.filter_jit(VALUES[kind])(hs, key)
