"""Nulls: what the same analysis finds where there is nothing to find.

    null = rotation_null(statistic, key, N)            # random axes in the place of units
    null.p_value
    scores = method(network, shuffle_trials(targets, key))       # labels of other trials
    scores = method(shuffle_weights(network, key), targets)      # nothing was learned

Sets of a circuit's size and activity come from `random_sets`, masks of an anatomy's degrees from
`rewired`. Each null is a pure function of a key, and each takes away one thing: the basis, the
pairing, the training.
"""

from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from ..core import Network
from ..core.checks import array, at_least, axes, function, no_nan, random_key
from ..core.network import check_network
from ..linear import haar
from .statistics import permutation_p


class RotationNull(NamedTuple):
    """A statistic of the units, and of random orthonormal axes.

    - `observed`: of the units themselves.
    - `null`: `[R]`, of each random basis.
    - `p_value`: `(1 + #{null >= observed}) / (R + 1)`.

    **Example:**

        >>> code = jnp.zeros(6).at[0].set(1.0)  # one unit holds it all
        >>> statistic = lambda Q: rj.circuits.concentration(code @ Q)
        >>> found = rj.circuits.rotation_null(statistic, key, units=6, draws=19)
        >>> bool((found.null < found.observed).all())
        True
    """

    observed: Float[Array, ""]
    null: Float[Array, " R"]
    p_value: Float[np.ndarray, ""]


def rotation_null(
    statistic: Callable[[Float[Array, "N N"]], Float[Array, ""]],
    key: PRNGKeyArray,
    units: int,
    draws: int = 200,
) -> RotationNull:
    """How often random axes of state space look as much like a circuit as the units do.

    With `s(Q)` a statistic of an orthonormal basis, it holds `s(I)` against `s(Q_r)`, `Q_r`
    uniform over all rotations and reflections: a code that is spread over units has axes as
    good as the units, and `s` is then no evidence that units are what it is made of.

    **Arguments:**

    - `statistic`: a basis `[N, N]`, a direction a column, to a scalar that is larger the more it
        looks like a circuit: the `concentration` of scores along the columns, or the
        faithfulness of the best `k` of them, kept by `Project`.
    - `key`: draws the bases.
    - `units`: `N`.
    - `draws`: how many bases; they are gone through one by one.

    **Returns:** a `RotationNull`.

    **Raises:** `ValueError` where `draws` is below 1, or the statistic is NaN.

    **Example:**

        >>> code = jnp.zeros(6).at[0].set(1.0)  # one unit holds it all
        >>> statistic = lambda Q: rj.circuits.concentration(code @ Q)
        >>> found = rj.circuits.rotation_null(statistic, key, units=6, draws=19)
        >>> found.observed.item(), found.p_value.item()  # no random axes reach it
        (1.0, 0.05)
    """
    function("statistic", statistic)
    random_key(key)
    at_least(1, draws=draws, units=units)
    observed = jnp.asarray(statistic(jnp.eye(units)))
    if observed.ndim:
        raise ValueError(f"statistic must return a scalar, got an array {observed.shape}")
    null = lax.map(lambda k: statistic(haar(k, units)), jax.random.split(key, draws))
    return RotationNull(observed, null, permutation_p(observed, null))


def concentration(scores: Float[Array, "*K N"]) -> Float[Array, "*K"]:
    """How few units hold a score: `sum_i s_i^2 / (sum_i |s_i|)^2`.

    Its inverse is the effective number of units.

    **Arguments:**

    - `scores`: `[..., N]`, of any sign and scale.

    **Returns:** `[...]` in `[1 / N, 1]`: `1 / N` where all are of one size, 1 where one unit
    holds all; NaN where there is nothing to hold.

    **Raises:** `ValueError` where a score is NaN.

    Gao et al., bioRxiv 214262 (2017), for the participation ratio.

    **Example:**

        >>> scores = jnp.array([[1.0, 1.0, 1.0, 1.0], [0.0, 5.0, 0.0, 0.0]])
        >>> rj.circuits.concentration(scores).tolist()  # spread over four units, held by one
        [0.25, 1.0]
    """
    at_least(1, units=axes(scores=(scores, "... N"))["N"])
    size = jnp.abs(no_nan("scores", array("scores", scores)))
    size = size / size.max(-1, keepdims=True)
    return (size**2).sum(-1) / size.sum(-1) ** 2


def shuffle_trials(values: PyTree, key: PRNGKeyArray) -> PyTree:
    """Whole trials in a random order, which unties labels from what they label.

    **Arguments:**

    - `values`: arrays `[B, ...]`, all in one new order: the targets, say, but not the states.
    - `key`: draws the order, any of the `B!`.

    **Returns:** like `values`.

    **Raises:** `ValueError` where there is no array, or numbers of trials differ.

    **Example:**

        >>> order = rj.circuits.shuffle_trials(jnp.arange(8), key)
        >>> sorted(order.tolist()), bool((order == jnp.arange(8)).all())
        ([0, 1, 2, 3, 4, 5, 6, 7], False)
    """
    counts = {leaf.shape[:1] for leaf in jax.tree.leaves(values)}
    if len(counts) != 1 or () in counts:
        raise ValueError(f"shuffle_trials needs arrays [B, ...] of one B, got {sorted(counts)}")
    random_key(key)
    order = jax.random.permutation(key, counts.pop()[0])
    return jax.tree.map(lambda leaf: leaf[order], values)


def shuffle_weights(network: Network, key: PRNGKeyArray) -> Network:
    """A network of the same numbers that has learned nothing: each array's entries permuted.

    Every floating array of the step and the readout keeps its multiset of values, and so its
    scale and spread; which entry stands where is uniform. The first state stays, and so does
    whatever is no floating array, masks and signs among it.

    **Arguments:**

    - `network`: any.
    - `key`: draws an order for each array.

    **Returns:** a `Network` of the same shapes, which runs in the same compiled program.

    **Example:**

        >>> other = rj.circuits.shuffle_weights(network, key)
        >>> a, b = (np.sort(np.ravel(made.step.w)) for made in (network, other))
        >>> bool((a == b).all()), bool((network.step.w == other.step.w).all())
        (True, False)
    """
    check_network(network)
    weights, rest = eqx.partition((network.step, network.readout), eqx.is_inexact_array)
    leaves, treedef = jax.tree.flatten(weights)
    keys = jax.random.split(key, max(len(leaves), 1))
    mixed = [jax.random.permutation(k, w.ravel()).reshape(w.shape) for k, w in zip(keys, leaves)]
    step, readout = eqx.combine(treedef.unflatten(mixed), rest)
    return Network(step, readout, network.h0)
