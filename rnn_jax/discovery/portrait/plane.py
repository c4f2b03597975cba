"""The planes that a portrait is drawn in: principal components of the states, and the flow there.

    axes = axes_of(states)                       # mean, basis, share
    at, arrows = flow(step, x, axes, spans, like, put)

A state of several parts is one vector here, leaf by leaf.
"""

from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, PyTree

from ...core import Step
from ...dynamics.trees import rows_of, tree_of
from ...linear import pca

NODES = 18
"""Arrows along each side of a plane."""


class Axes(NamedTuple):
    """Principal components of states: `mean [E]`, `basis [E, K]`, `share [K]` of the variance."""

    mean: Float[np.ndarray, " E"]
    basis: Float[np.ndarray, "E K"]
    share: Float[np.ndarray, " K"]

    def project(self, rows: Float[np.ndarray, "*M E"]) -> Float[np.ndarray, "*M K"]:
        """Coordinates of states."""
        return (rows - self.mean) @ self.basis


def axes_of(rows: Float[np.ndarray, "M E"]) -> Axes:
    """The first three principal components, or as many as there are."""
    found = eqx.filter_jit(pca)(jnp.asarray(rows), min(3, *rows.shape))
    return Axes(*(np.asarray(part, float) for part in (found.mean, found.basis, found.share)))


def planes_of(axes: Axes) -> list[tuple[int, int]]:
    """Pairs of components: the first with the second, and with the third where there is one."""
    K = axes.basis.shape[1]
    return [(0, k) for k in range(1, K)] or [(0, 0)]


def spans_of(paths: Float[np.ndarray, "M K"], points: Float[np.ndarray, "P K"]) -> np.ndarray:
    """`[K, 2]`, what is drawn of each component: the states, and points not far beyond them."""
    low, high = paths.min(0), paths.max(0)
    wide = np.maximum(high - low, 1e-12)
    near = ((points > low - wide) & (points < high + wide)).all(1)
    both = np.concatenate([paths, points[near]])
    low, high = both.min(0), both.max(0)
    room = 0.06 * np.maximum(high - low, 1e-12)
    return np.stack([low - room, high + room], 1)


def flow(
    step: Step,
    x: PyTree,
    axes: Axes,
    spans: Float[np.ndarray, "K 2"],
    like: PyTree,
    put: Callable[[np.ndarray], np.ndarray],
) -> tuple[Float[np.ndarray, "plane node 2"], Float[np.ndarray, "plane node 2"]]:
    """How the step moves states of each plane, seen in that plane.

    A state of the plane is the mean state plus its two coordinates along the components, all other
    components 0; `put` then sets what is held. An arrow is `F(h, x) - h`, projected.

    **Arguments:**

    - `step`, `x`: what moves states, and the input held.
    - `axes`, `spans`: the components, and what is drawn of each.
    - `like`: a tree of `[S, ...]` states, for its structure.
    - `put`: a map of states `[M, E]`.

    **Returns:** where the states lie and their displacements, `[plane, node, 2]`.
    """
    at, moved = [], []
    for a, b in planes_of(axes):
        sides = np.meshgrid(*(np.linspace(spans[k, 0], spans[k, 1], NODES) for k in (a, b)))
        side = np.stack([part.ravel() for part in sides], 1)
        coordinates = np.zeros((len(side), axes.basis.shape[1]))
        coordinates[:, [b, a]] = side[:, ::-1]
        rows = put(axes.mean + coordinates @ axes.basis.T)
        hs = jax.tree.map(lambda row, h: jnp.asarray(row, h.dtype), tree_of(rows, like), like)
        after = rows_of("states", _steps(step, x, hs)).astype(float)
        here = axes.project(rows)[:, [a, b]]
        at.append(here)
        moved.append(axes.project(after)[:, [a, b]] - here)
    return np.stack(at), np.stack(moved)


@eqx.filter_jit
def _steps(step: Step, x: PyTree, hs: PyTree) -> PyTree:
    return jax.vmap(step, (0, None))(hs, x)
