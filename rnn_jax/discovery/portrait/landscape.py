"""One landscape: the trials run, the points found, and how the step moves near them.

    intact = landscape(network, ground, None, track)
    without = landscape(network, ground, removal("bit 0", [3, 7], states, "mean"), track)

All landscapes of a network share their ground: trials, the input held, starts, what is near.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PyTree

from ...core import Identity, Network, State, Step, outputs, run
from ...core.progress import Track
from ...dynamics import (
    Coverage,
    Families,
    FixedPoints,
    Stability,
    Unique,
    Verdict,
    coverage,
    families,
    fixed_points,
    held,
    stability,
    taken,
    unique,
)
from ...dynamics.trees import rows_of, tree_of
from .removal import Removal
from .settings import DynamicsSettings

Found = TypeVar("Found")
INTACT = "intact"
"""The landscape without any removal."""


class Ground(NamedTuple):
    """What all landscapes of a network share.

    - `xs`: inputs of the trials.
    - `x`: the input held.
    - `starts`, `states`: trees of `[S, ...]` and `[M, ...]`, the states of the intact trials.
    - `settings`: how points are found.
    """

    xs: PyTree
    x: PyTree
    starts: PyTree
    states: PyTree
    settings: DynamicsSettings


class Landscape(NamedTuple):
    """The points of one step, fixed ones first and then slow ones.

    - `name`, `step`: what it is of.
    - `hs`, `ys`: states and outputs of the trials.
    - `found`: of the starts.
    - `points`: `[P, E]`, states with all their entries in a row; `slow`: `[P]`.
    - `count`, `residual`: `[P]`, how many starts found each, and its `q`.
    - `outputs`: `[P, O]`, the readout at each.
    - `near`: how the step moves near each; `None` without points.
    - `labels`: `[S]`, the point that each start found, -1 for none.
    - `seen`: how many points were found over the starts.
    """

    name: str
    step: Step
    hs: State
    ys: Array
    found: FixedPoints
    points: Float[np.ndarray, "P E"]
    slow: np.ndarray
    count: Int[np.ndarray, " P"]
    residual: Float[np.ndarray, " P"]
    outputs: Float[np.ndarray, "P O"]
    near: Stability | None
    labels: Int[np.ndarray, " S"]
    seen: Coverage

    @property
    def fixed(self) -> Float[np.ndarray, "U E"]:
        """The fixed points alone."""
        return self.points[~self.slow]


def landscape(
    network: Network,
    ground: Ground,
    out: Removal | None,
    track: Track,
    more: Float[np.ndarray, "U E"] | None = None,
) -> Landscape:
    """The landscape of a network, as it is or without a set of units.

    **Arguments:**

    - `network`: the network.
    - `ground`: trials, the input held, starts.
    - `out`: what is taken out; `None` for nothing.
    - `track`: a wrapper of loops that shows progress.
    - `more`: states to start from beside the starts, which coverage does not count.

    **Returns:** `Landscape`.
    """
    name, edit, step, starts = INTACT, Identity(), network.step, ground.starts
    rows = rows_of("starts", starts)
    if out is not None:
        name, edit = f"without {out.name}", out.intervention(network.h0)
        step = held(network.step, edit, network.h0)
        rows = out.put(rows if more is None else np.concatenate([rows, more]))
    hs, ys = runs(network, ground.xs, edit)
    found = _found(step, ground, tree_of(rows, starts), name, track)
    return _measured(name, network, ground, step, found, hs, ys)


def once(compute: Callable[[], Found], track: Track, label: str) -> Found:
    """One computation as a loop of one, so that its progress is shown."""
    (found,) = (compute() for _ in track([0], label))
    return found


def families_of(found: Landscape, ground: Ground, track: Track) -> Families | None:
    """The lines, rings and surfaces on which fixed points lie.

    **Arguments:**

    - `found`: a landscape.
    - `ground`: the input held, and the states whose spread says how far is far.
    - `track`: a wrapper of loops that shows progress.

    **Returns:** `Families` of the fixed points; `None` where none has a neutral mode.
    """
    if found.near is None or not (found.near.neutral[~found.slow] > 0).any():
        return None
    points = tree_of(found.fixed, ground.starts)
    tolerance = max(ground.settings.tolerance, _as_slow_as_weights(found.step, points))
    search = lambda: families(found.step, ground.x, points, ground.states, tolerance)
    return once(search, track, f"families, {found.name}")


def _as_slow_as_weights(step: Step, points: PyTree) -> float:
    """`q` of a speed that the rounding of a step's weights makes, `(eps |h|)^2 / 2`.

    A ring whose weights were rounded to single precision rests at some of its points only, and
    creeps between them as slowly as that. It is a ring all the same.
    """
    kinds = [leaf.dtype for leaf in jax.tree.leaves(eqx.filter(step, eqx.is_inexact_array))]
    eps = max((float(np.finfo(kind).eps) for kind in kinds), default=0.0)
    rows = [np.asarray(leaf).reshape(len(leaf), -1) for leaf in jax.tree.leaves(points)]
    length = np.sqrt(sum((row**2).sum(1) for row in rows)).max(initial=0.0)
    return (eps * float(length)) ** 2 / 2


@eqx.filter_jit
def runs(
    network: Network, xs: PyTree, intervention: Callable[[Step], Step]
) -> tuple[State, Float[Array, "B T O"]]:
    """States and outputs of every trial under an intervention."""

    def one(x: PyTree) -> tuple[State, Array]:
        trajectory = run(network, x, intervention)
        return trajectory.hs, outputs(network, trajectory)

    return jax.vmap(one)(xs)


def _found(step: Step, ground: Ground, starts: PyTree, name: str, track: Track) -> FixedPoints:
    """Where each start ends."""
    settings = ground.settings
    search = lambda: fixed_points(
        step, ground.x, starts, settings.tolerance, settings.iterations, settings.box
    )
    return once(search, track, f"points, {name}")


def _measured(
    name: str,
    network: Network,
    ground: Ground,
    step: Step,
    found: FixedPoints,
    hs: State,
    ys: Array,
) -> Landscape:
    """Distinct points, the stable ones first and the slow ones last, and what is known of each."""
    S = len(jax.tree.leaves(ground.starts)[0])
    settings = ground.settings
    distinct = lambda which: unique(
        taken(found.points, which), ground.states, tolerance=settings.same
    )
    index, slow = np.flatnonzero(found.converged), np.flatnonzero(found.verdict == Verdict.SLOW)
    same, idle = distinct(index), distinct(slow)
    near = _near(step, ground.x, same.points)
    if near is not None:
        # what is not known stands after what is
        order = np.lexsort((-same.counts, near.unstable, near.unstable < 0))
        same, near = _ordered(same, order), Stability(*(part[order] for part in near))
    labels = np.full(len(found.verdict), -1)
    labels[index] = same.labels
    first = np.concatenate([index[same.first], slow[idle.first]])
    points = rows_of("points", taken(found.points, first))
    whole = tree_of(points, found.points)
    return Landscape(
        name, step, hs, ys, found, points, np.arange(len(first)) >= len(same.first),
        np.concatenate([same.counts, idle.counts]), found.residual[first],
        _read(network, whole, ys), _joined(near, _near(step, ground.x, idle.points)),
        labels[:S], coverage(labels[:S]),
    )  # fmt: skip


def _near(step: Step, x: PyTree, points: PyTree) -> Stability | None:
    return stability(step, x, points) if len(jax.tree.leaves(points)[0]) else None


def _joined(*parts: Stability | None) -> Stability | None:
    known = [part for part in parts if part is not None]
    return Stability(*(np.concatenate(rows) for rows in zip(*known))) if known else None


def _ordered(same: Unique, order: np.ndarray) -> Unique:
    rank = np.argsort(order)
    return Unique(
        taken(same.points, order), rank[same.labels], same.counts[order], same.first[order]
    )


def _read(network: Network, points: PyTree, ys: Array) -> Float[np.ndarray, "P O"]:
    """The readout at each point, in the network's own precision."""
    if not len(jax.tree.leaves(points)[0]):
        return np.zeros((0, ys.shape[-1]))
    own = jax.tree.map(lambda p, h: jnp.asarray(p, jnp.asarray(h).dtype), points, network.h0)
    return np.asarray(jax.vmap(network.readout)(own), float).reshape(-1, ys.shape[-1])
