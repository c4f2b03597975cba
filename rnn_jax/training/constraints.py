"""Constraints: projections that hold after every gradient step, as the last link of a chain.

    wire = lambda network: network.step.w
    optax.chain(adam(1e-2, 1000), keep_mask(wire, anatomy))          # anatomy [to, from]
    optax.chain(adam(1e-2, 1000), keep_signs(wire, signs))           # signs [to, from]
    optax.chain(adam(1e-2, 1000), hold(lambda network: network.readout))

A cell whose parametrisation holds its constraint, such as `cells.Dale`, needs none of them.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.typing import ArrayLike
from jaxtyping import Array, PyTree

from ..core.checks import function, numbers

Where = Callable[[Any], Array]
"""Picks one array of weights out of a network."""

Project = Callable[[Array, Array, Array], Array]
"""`(update, weights, rule) -> update` that leaves the weights where the rule wants them."""


class ConstraintState(NamedTuple):
    """The rule is carried as data, so that it is saved with the training state.

    - `rule`: an array of the weights' shape.
    """

    rule: Array


def keep_mask(where: Where, mask: ArrayLike) -> optax.GradientTransformation:
    """Hold weights at 0 outside a mask: `w <- [m != 0] (w + u)`.

    It is exact from the first step on, whatever the weights started from.

    **Arguments:**

    - `where`: picks the weights, as in `equinox.tree_at`.
    - `mask`: of the weights' shape, `[to, from]` where they connect units; 0 where there is
        no weight.

    **Returns:** an Optax transformation, to be put last.

    **Raises:** `ValueError` where the mask is not finite, or at the start of training where
    the shapes differ.

    **Example:**

        >>> W = jnp.array([[1.0, 2.0], [3.0, 4.0]])
        >>> kept = rj.training.keep_mask(lambda W: W, jnp.eye(2))
        >>> updates, _ = kept.update(jnp.full((2, 2), 0.5), kept.init(W), W)
        >>> (W + updates).tolist()
        [[1.5, 0.0], [0.0, 4.5]]
    """
    if not np.isfinite(numbers("mask", mask)).all():
        raise ValueError("a mask must be finite")
    return _constraint(where, mask, lambda u, w, m: jnp.where(m != 0, u, -w))


def keep_signs(where: Where, signs: ArrayLike) -> optax.GradientTransformation:
    """Hold weights at their signs: `w <- w + u` where that has sign `s`, else 0.

    Weights at 0 may grow again, on their own side.

    **Arguments:**

    - `where`: picks the weights, as in `equinox.tree_at`.
    - `signs`: of the weights' shape, `[to, from]` where they connect units; 1, -1, or 0 where
        either sign will do.

    **Returns:** an Optax transformation, to be put last.

    **Raises:** `ValueError` where a sign is invalid, or at the start of training where the shapes
    differ.

    Song, Yang & Wang, PLoS Comput Biol (2016), "Dale's principle", for the constraint.

    **Example:**

        >>> W = jnp.array([0.2, -0.2])
        >>> kept = rj.training.keep_signs(lambda W: W, jnp.array([1.0, -1.0]))
        >>> updates, _ = kept.update(jnp.array([-0.5, -0.5]), kept.init(W), W)
        >>> print((W + updates).round(2))  # the first would have changed its sign
        [ 0.  -0.7]
    """
    if not np.isin(numbers("signs", signs), (-1, 0, 1)).all():
        raise ValueError("signs must be -1, 0 or 1")
    return _constraint(where, signs, _within_signs)


def hold(where: Callable[[Any], PyTree]) -> optax.GradientTransformation:
    """Leave a part of the network as it is: `w <- w`. What is not trained stays anyway.

    **Arguments:**

    - `where`: picks the part, as in `equinox.tree_at`.

    **Returns:** an Optax transformation, to be put last.

    **Raises:** `ValueError` where `where` is no function.

    **Example:**

        >>> kept = rj.training.hold(lambda network: network.readout)
        >>> update, _ = kept.update(network, kept.init(network), network)  # would move all weights
        >>> bool((update.readout.c == 0).all()), bool((update.step.w == network.step.w).all())
        (True, True)
    """
    function("where", where)

    def update(updates: PyTree, params: PyTree | None = None) -> PyTree:
        zeros = jax.tree.map(jnp.zeros_like, where(updates))
        # what is not trained has no update, `None`
        return eqx.tree_at(where, updates, zeros, is_leaf=lambda leaf: leaf is None)

    return optax.stateless(update)


def _within_signs(u: Array, w: Array, signs: Array) -> Array:
    # a sum of 0 is projected too: fused, it may round to the wrong side
    outside = (signs != 0) & (signs * (w + u) <= 0)
    return jnp.where(outside, -w, u)


def _constraint(where: Where, rule: ArrayLike, project: Project) -> optax.GradientTransformation:
    function("where", where)

    def init(params: PyTree) -> ConstraintState:
        picked, array = where(params), jnp.asarray(rule)
        if array.shape != picked.shape:
            raise ValueError(
                f"a constraint of shape {array.shape} does not fit weights of {picked.shape}"
            )
        return ConstraintState(array.astype(picked.dtype))

    def update(updates: PyTree, state: Any, params: PyTree | None = None) -> tuple[PyTree, Any]:
        if params is None:
            raise ValueError("a constraint needs the weights: update(updates, state, weights)")
        inside = project(where(updates), where(params), state.rule)
        return eqx.tree_at(where, updates, inside), state

    return optax.GradientTransformation(init, update)
