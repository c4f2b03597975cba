"""Fixed points of any step, each start with a verdict.

    found = fixed_points(step, jnp.zeros(3), starts_from(hs, key, 1024))
    points = unique(taken(found.points, found.converged), hs).points
    near = stability(step, jnp.zeros(3), points)

A state rests where `h = F(h, x)`. Each start is followed in float64, whatever JAX is set to, and
judged by `q = |F(h, x) - h|^2 / 2` where it ends, computed once more by the step itself.
"""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int, PyTree

from ..core import State, Step
from ..core.checks import at_least, positive
from ..core.tree import prefix_leaves
from .problem import Problem, posed
from .search import Limits, search
from .trees import tree_of
from .verdicts import Verdict, judged

FAR = 1e6
"""A state this many times beyond the scale of the starts has diverged."""


class FixedPoints(NamedTuple):
    """Where every start ended, arrays on the host.

    - `points`: a tree like the starts, `[S, ...]`.
    - `verdict`: `[S]`, codes of `Verdict`; `VERDICTS` has their names.
    - `residual`: `[S]`, `q = |F(h) - h|^2 / 2`.
    - `iterations`: `[S]`, until `q` was below the tolerance; all that were made, where it was not.
    - `precision`: "float64", or the one in which a step had to be computed.

    **Example:**

        >>> starts = jnp.array([[2.0], [-1.0]])
        >>> found = rj.fixed_points(lambda h, x: jnp.cos(h), jnp.zeros(1), starts)
        >>> found.converged, found.points.ravel().round(4)
        (array([ True,  True]), array([0.7391, 0.7391]))
    """

    points: PyTree
    verdict: Int[np.ndarray, " S"]
    residual: Float[np.ndarray, " S"]
    iterations: Int[np.ndarray, " S"]
    precision: str

    @property
    def converged(self) -> Bool[np.ndarray, " S"]:
        """`[S]`, which are fixed points, those known only to their step's rounding included."""
        return np.isin(self.verdict, (Verdict.CONVERGED, Verdict.ROUNDED))

    @property
    def speed(self) -> Float[np.ndarray, " S"]:
        """`|F(h) - h|`, `[S]`: how far the state moves in a step."""
        return np.sqrt(2 * self.residual)


def fixed_points(
    step: Step,
    x: PyTree,
    starts: PyTree,
    tolerance: float = 1e-24,
    iterations: int = 200,
    box: tuple[Any, Any] | None = None,
    per_point: bool = False,
    memory: int | str | None = None,
) -> FixedPoints:
    """Fixed points, and slow ones: the local minima of `q = |F(h) - h|^2 / 2`.

    Four phases run in turn. Newton's method comes first. Levenberg-Marquardt takes the starts it
    left, from where they were. Newton's method follows again. Last comes Newton's method on `q`.
    A start left without a point, fixed or slow, goes through all four once more, from where the
    step itself brings it in 1000 steps.

    The setting of JAX is left as it is: a module's arrays are cast to float64 for this call, a
    plain function's are promoted; a step that rounds on its way is computed in the precision of
    the starts, and its points are at best `ROUNDED`. A singular `1 - J` is no obstacle, but where
    it is, a small `q` says little of how near a fixed point lies.

    Host code around compiled parts: not under `jit` or `vmap`; `refine` is.

    **Arguments:**

    - `step`: `(h, x) -> h`; `held(step, intervention, h0)` for one under an intervention.
    - `x`: the input, held; `[S, ...]` one for each start with `per_point`.
    - `starts`: a tree of `[S, ...]`, as `starts_from` makes them.
    - `tolerance`: of `q`.
    - `iterations`: at most, in each of the four phases; in tens, since starts leave after ten.
        Starts left over go through the phases twice.
    - `box`: the lowest and the highest state, each a number or a prefix of the state's tree.
        Starts may pass through what lies outside, but not end there.
    - `per_point`: whether `x` leads with `S`.
    - `memory`: a budget in bytes, or like "2GiB", that sets how many starts run at once.

    **Returns:** `FixedPoints`.

    **Raises:** `ValueError` where there are no starts, one is outside the box or not finite, the
    step rejects them, a number is out of range, or something is traced.

    Sussillo and Barak, Neural Computation 25 (2013), for the method; Golub and Sussillo, Journal
    of Open Source Software 3 (2018), for the tool known best.

    **Example:**

        >>> step = lambda h, x: jnp.tanh(2 * h + x)
        >>> found = rj.fixed_points(step, jnp.zeros(1), jnp.array([[-1.0], [0.1], [2.0]]))
        >>> np.round(found.points[found.converged].ravel(), 3).tolist()
        [-0.958, 0.0, 0.958]
    """
    positive("tolerance", tolerance)
    at_least(1, iterations=iterations)
    problem = posed("starts", step, x, starts, per_point)
    low, high = _box(box, starts, problem.rows.shape[1])
    _inside(problem.rows, low, high)
    far = FAR * (1 + float(np.abs(problem.rows).max()))
    lanes = search(problem, Limits(tolerance, iterations, far), memory)
    h = np.asarray(lanes.h)
    outside = np.any((h < low) | (h > high), axis=1)
    moved = _moved(problem, tree_of(h, starts))
    verdict, q = judged(h, moved, lanes.slope, tolerance, far, outside, problem.precise)
    count = np.where(verdict == Verdict.CONVERGED, np.maximum(lanes.reached, 0), lanes.count)
    return FixedPoints(tree_of(h, starts), verdict, q, count, str(h.dtype))


@eqx.filter_jit
def _steps(step: Step, x: PyTree, hs: State, per_point: bool) -> State:
    return jax.vmap(step, (0, 0 if per_point else None))(hs, x)


def _moved(problem: Problem, hs: PyTree) -> Float[np.ndarray, "S N"]:
    """What the step itself makes of each state."""
    with problem.precision():
        device = lambda tree: jax.tree.map(jnp.asarray, tree)
        moved = _steps(problem.step, device(problem.x), device(hs), problem.per_point)
        leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(moved)]
    return np.concatenate([leaf.reshape(len(leaf), -1) for leaf in leaves], 1)


def _box(box: Any, starts: PyTree, N: int) -> tuple[np.ndarray, np.ndarray]:
    """The lowest and highest entries of a state, `[1, N]`."""
    if box is None:
        return np.full((1, N), -np.inf), np.full((1, N), np.inf)
    if not isinstance(box, tuple | list) or len(box) != 2:
        raise ValueError(f"box must be a pair (lowest, highest), got {box!r}")
    low, high = (_corner(side, starts) for side in box)
    if not (low < high).all():
        raise ValueError("box must have its lowest state below its highest in every entry")
    return low, high


def _corner(side: PyTree, starts: PyTree) -> np.ndarray:
    leaves = jax.tree.leaves(starts)
    parts = []
    for part, leaf in zip(prefix_leaves(side, starts), leaves, strict=True):
        shape = np.shape(leaf)[1:]
        try:
            parts.append(np.broadcast_to(np.asarray(part, float), shape).reshape(1, -1))
        except (TypeError, ValueError):
            raise ValueError(f"box must fit a state of shape {shape}, got {part!r}") from None
    return np.concatenate(parts, 1)


def _inside(rows: np.ndarray, low: np.ndarray, high: np.ndarray) -> None:
    out = ((rows < low) | (rows > high)).any(1)
    if out.any():
        raise ValueError(
            f"starts must lie inside the box: start {int(out.argmax())} and {int(out.sum()) - 1} "
            "more do not"
        )
