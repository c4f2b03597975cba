"""What is seen of a landscape: paths and points in the planes, the flow, the nearest point.

    seen = view_of(found, ground, axes, spans, spread, as_it_is)
    seen.nearest[b, t], seen.distance[b, t]

Which point a state is nearest to is asked in the whole state space, not in a plane.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Int
from scipy.spatial.distance import cdist

from ...dynamics.trees import rows_of
from .landscape import Ground, Landscape
from .plane import Axes, flow


class View(NamedTuple):
    """One landscape, seen.

    - `paths`: `[B, T, K]`, the trials in the components.
    - `points`: `[P, K]`.
    - `at`, `arrows`: `[plane, node, 2]`, the flow.
    - `nearest`: `[B, T]`, the fixed point nearest to each state, -1 without fixed points.
    - `distance`: `[B, T]`, how far that is, as a share of the spread.
    """

    paths: Float[np.ndarray, "B T K"]
    points: Float[np.ndarray, "P K"]
    at: Float[np.ndarray, "plane node 2"]
    arrows: Float[np.ndarray, "plane node 2"]
    nearest: Int[np.ndarray, "B T"]
    distance: Float[np.ndarray, "B T"]


class Drawn(NamedTuple):
    """The components, what is drawn of each, the spread of the states, and every landscape."""

    axes: Axes
    spans: Float[np.ndarray, "K 2"]
    spread: float
    views: list[View]


def as_it_is(rows: np.ndarray) -> np.ndarray:
    """Takes nothing out."""
    return rows


def view_of(
    found: Landscape,
    ground: Ground,
    axes: Axes,
    spans: Float[np.ndarray, "K 2"],
    spread: float,
    put: Callable[[np.ndarray], np.ndarray],
) -> View:
    """What is seen of a landscape.

    **Arguments:**

    - `found`: the landscape.
    - `ground`: for the input held.
    - `axes`, `spans`: the components of the intact states, and what is drawn of each.
    - `spread`: of the intact states.
    - `put`: sets what is held in states of the planes.

    **Returns:** `View`.
    """
    B, T = jax.tree.leaves(found.hs)[0].shape[:2]
    flat = jax.tree.map(lambda leaf: np.asarray(leaf).reshape(B * T, -1), found.hs)
    rows = rows_of("states", flat).astype(float)
    at, arrows = flow(found.step, ground.x, axes, spans, ground.states, put)
    nearest, distance = np.full(B * T, -1), np.full(B * T, np.nan)
    known = np.isfinite(rows).all(1)
    if len(found.fixed):
        away = cdist(rows[known], found.fixed) / spread
        nearest[known], distance[known] = away.argmin(1), away.min(1)
    return View(
        axes.project(rows).reshape(B, T, -1), axes.project(found.points), at, arrows,
        nearest.reshape(B, T), distance.reshape(B, T),
    )  # fmt: skip
