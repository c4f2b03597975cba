"""Limit cycles of a step that samples a flow: closed curves whose period is no number of steps.

    cycle = limit_cycle(step, x, hs[-1])          # a late state of a run
    cycle.period                                  # in steps, 62.83 say
    floquet(step, x, cycle).multipliers

The unknowns are a state h and the share s of one last step. With k whole steps and `P_s` the s-th
part of a step

    P_s(F^k(h)) = h,       n . (h - c) = 0,       period = k + s

The plane, the section, is the one through the start c at a right angle to its motion n: it takes
away the freedom of phase. Both equations together are one fixed point of a larger step, so
`fixed_points` solves and judges them. Shooting: Guckenheimer and Meloon, SIAM J. Sci. Comput. 22
(2000).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, PyTree
from scipy.interpolate import CubicSpline

from ..core import Input, State, Step, from_field
from ..core.checks import at_least, function, positive, state
from .fixed_points import fixed_points
from .problem import posed
from .trees import rows_of, taken, tree_of
from .unique import spread_of

BEFORE, AFTER = 2, 3
"""States before and after the crossing step by which a step is interpolated, its start aside."""

FEWEST = 4
"""Steps that a period must have: fewer do not tell a curve."""

SAME = 1e-3
"""States nearer than this share of the cycle's spread are one turn apart."""

RESTING = 1e-6
"""A curve smaller than this share of 1 and the states' size is a fixed point."""

Part = Callable[[State, Input, Float[Array, ""]], State]
"""`(h, x, share) -> h`: the share-th part of a step."""


class Cycle(NamedTuple):
    """A limit cycle.

    - `points`: a tree of `[k + 1, ...]`, the states after 0 to k whole steps; the first lies on
        the section, and a part of a step leads from the last back to it.
    - `period`: in steps, of one turn; 0 for a fixed point, NaN where no cycle was found.
    - `verdict`: a code of `Verdict`.
    - `residual`: `q = |P_s(F^k(h)) - h|^2 / 2`, and the square of the distance from the section.
    - `gap`: how far interpolation by six states and by four lie apart at the closing, in the unit
        of the state: what is known of the error of interpolation. 0 where `part` was given.
    - `precision`: "float64", or the one in which the step had to be computed.

    **Example:**

        >>> angle = 2 * jnp.pi / 12.5
        >>> M = jnp.array([[jnp.cos(angle), -jnp.sin(angle)], [jnp.sin(angle), jnp.cos(angle)]])
        >>> ring = lambda h, x: M @ h * (1.5 - 0.5 * h @ h)
        >>> found = rj.dynamics.limit_cycle(ring, jnp.zeros(1), jnp.array([1.1, 0.0]))
        >>> len(found.points)  # the start, and 12 whole steps of the turn of 12.5
        13
    """

    points: PyTree
    period: float
    verdict: int
    residual: float
    gap: float
    precision: str


class Interpolated(eqx.Module):
    """Part of a step by a polynomial of degree five through six states in a row.

    It starts `BEFORE` steps earlier: `(h[k - 2], x, s) -> h[k + s]`. For a smooth flow its error
    is of the order `(2 pi / period)^6` of the orbit's size.
    """

    step: Step

    def __call__(self, h: State, x: Input, share: float | Float[Array, ""]) -> State:
        _, after = lax.scan(lambda h, _: (self.step(h, x),) * 2, h, None, BEFORE + AFTER)
        weights = _weights(share, BEFORE, AFTER)

        def mean(first: Array, rest: Array) -> Array:
            states = jnp.concatenate([first[None], rest])
            return jnp.tensordot(jnp.asarray(weights, states.dtype), states, 1)

        return jax.tree.map(mean, h, after)


def part_of_field(field: Any, dt: float, solver: Any = None, substeps: int = 1) -> Part:
    """The share-th part of the step that `from_field` makes of the same arguments.

    A step of `dt` of the field `s f(s t, h, x)` is one of `s dt` of f, for every solver.

    **Arguments:** as `from_field`, without a controller.

    **Returns:** `(h, x, share) -> h`, the `part` of `limit_cycle`.

    **Example:**

        >>> part = rj.dynamics.part_of_field(lambda t, h, x: -x, dt=0.1)
        >>> print(part(jnp.ones(1), jnp.ones(1), 0.5).round(3))  # half a step of 0.1, at speed -1
        [0.95]
    """
    from_field(field, dt, solver, substeps)
    return _PartOfField(field, dt, solver, substeps)


class _PartOfField(eqx.Module):
    field: Any
    dt: float = eqx.field(static=True)
    solver: Any
    substeps: int = eqx.field(static=True)

    def __call__(self, h: State, x: Input, share: float | Float[Array, ""]) -> State:
        def slower(t: Any, h: State, x: Input) -> State:
            slopes = self.field(share * t, h, x)
            return jax.tree.map(lambda slope: jnp.asarray(share, slope.dtype) * slope, slopes)

        return from_field(slower, self.dt, self.solver, self.substeps)(h, x)


class _Closing(eqx.Module):
    """The larger step, of `(h, s)` on `(x, n, c)`."""

    step: Step
    part: Part
    before: int = eqx.field(static=True)

    def __call__(self, state: PyTree, x: PyTree) -> PyTree:
        (h, share), (x, normal, centre) = state, x
        last = lax.scan(lambda h, _: (self.step(h, x), None), h, None, self.before)[0]
        away = jax.tree.map(lambda n, h, c: (n * (h - c)).sum(), normal, h, centre)
        return self.part(last, x, share), share + sum(jax.tree.leaves(away))


def limit_cycle(
    step: Step,
    x: PyTree,
    start: PyTree,
    period: float | None = None,
    part: Part | None = None,
    longest: int = 1000,
    tolerance: float = 1e-24,
    iterations: int = 200,
) -> Cycle:
    """The closed curve near a start, stable or not, with its period in steps, a real number.

    It is for a step that follows a flow with several steps a turn. Without `part` a step is
    interpolated through six states, and the result is as good as that: see `gap`. Omit `part` for
    a solver of low order: part of an Euler step leaves the curve of the whole steps. A guess of
    two periods leads to the same curve: where the state comes back after an m-th of the period,
    one turn is solved for again. A fixed point in the section solves the equations for every
    period: it has period 0 here.

    Host code around compiled parts: not under `jit` or `vmap`; each number of whole steps tried
    compiles a program.

    **Arguments:**

    - `step`: `(h, x) -> h`.
    - `x`: the input, held.
    - `start`: a state near the cycle.
    - `period`: a guess in steps; `None`: the first return of the start through its section.
    - `part`: `(h, x, share) -> h`, the share-th part of a step, as `part_of_field` makes it.
    - `longest`: for how many steps a return is waited for.
    - `tolerance`, `iterations`: as for `fixed_points`.

    **Returns:** a `Cycle`.

    **Raises:** `ValueError` as `fixed_points`; where the start does not move or does not return;
    where the guess is below 4 steps.

    **Example:**

        >>> angle = 2 * jnp.pi / 12.5  # no whole number of steps makes a turn
        >>> M = jnp.array([[jnp.cos(angle), -jnp.sin(angle)], [jnp.sin(angle), jnp.cos(angle)]])
        >>> ring = lambda h, x: M @ h * (1.5 - 0.5 * h @ h)
        >>> found = rj.dynamics.limit_cycle(ring, jnp.zeros(1), jnp.array([1.1, 0.0]))
        >>> round(found.period, 2)
        12.5
    """
    at_least(FEWEST, longest=longest)
    start = jax.tree.map(np.asarray, state("start", start))
    section = _section(step, x, start)
    if period is None:
        period = _first_return(step, x, start, section, longest)
    positive("period", period)
    if period < FEWEST:
        raise ValueError(f"period must be at least {FEWEST} steps of a limit cycle, got {period}")
    solve = lambda h, period: _solved(step, x, h, period, part, section, tolerance, iterations)
    cycle = solve(start, period)
    turns = _turns(step, x, cycle)
    if turns > 1:
        cycle = solve(taken(cycle.points, 0), cycle.period / turns)
    return cycle


def _solved(
    step: Step,
    x: PyTree,
    h: PyTree,
    period: float,
    part: Part | None,
    section: tuple[PyTree, PyTree],
    tolerance: float,
    iterations: int,
) -> Cycle:
    """Shooting, again with other whole steps where the last step is no part of one."""
    last, lead = closing(step, part)
    for _ in range(5):
        whole = max(int(period), FEWEST - 1)
        starts = jax.tree.map(lambda leaf: leaf[None], (h, np.asarray(period - whole, float)))
        larger = _Closing(step, last, whole - lead)
        found = fixed_points(larger, (x, *section), starts, tolerance, iterations)
        h, share = taken(found.points, 0)
        period = whole + float(share)
        if not found.converged[0] or not FEWEST <= period < 1e6 or 0 <= share < 1:
            break
    verdict, residual = int(found.verdict[0]), float(found.residual[0])
    if not found.converged[0]:
        return Cycle(
            taken(found.points[0], [0]), np.nan, verdict, residual, np.nan, found.precision
        )
    points = _run(step, x, h, whole + AFTER)
    rows = rows_of("points", points)
    resting = np.abs(rows - rows[:1]).max() <= RESTING * (1 + np.abs(rows).max())
    gap = 0.0 if lead == 0 else _gap(rows, whole, float(share))
    kept = jax.tree.map(lambda leaf: leaf[: whole + 1], points)
    return Cycle(kept, 0.0 if resting else period, verdict, residual, gap, found.precision)


def closing(step: Step, part: Part | None) -> tuple[Part, int]:
    """What makes part of a step, and how many steps before the last whole one it starts."""
    if part is None:
        return Interpolated(step), BEFORE
    function("part", part)
    return part, 0


def _weights(share: Any, before: int, after: int) -> list:
    """Lagrange's weights at `share` of the states at `-before .. after`."""
    nodes = range(-before, after + 1)
    weights = []
    for a in nodes:
        weight = 1.0
        for b in nodes:
            weight = weight * ((share - b) / (a - b)) if a != b else weight
        weights.append(weight)
    return weights


def _gap(rows: np.ndarray, whole: int, share: float) -> float:
    at = lambda before, after: np.tensordot(
        _weights(share, before, after), rows[whole - before : whole + after + 1], 1
    )
    return float(np.linalg.norm(at(BEFORE, AFTER) - at(BEFORE - 1, AFTER - 1)))


def _section(step: Step, x: PyTree, start: PyTree) -> tuple[PyTree, PyTree]:
    """The direction of motion at the start, of length 1; and the start."""
    ran = _run(step, x, start, 1)
    if not all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(ran)):
        raise ValueError("the step is not finite at start, so no section passes there")
    rows = rows_of("start", ran)
    motion = rows[1:] - rows[:1]
    size = np.linalg.norm(motion)
    if not size > 0:
        raise ValueError("start must move: it rests under the step, so no section passes there")
    like = jax.tree.map(lambda leaf: leaf[None], start)
    return taken(tree_of(motion / size, like), 0), start


def _first_return(
    step: Step, x: PyTree, start: PyTree, section: tuple[PyTree, PyTree], longest: int
) -> float:
    rows = rows_of("start", _run(step, x, start, longest))
    normal = rows_of("start", jax.tree.map(lambda leaf: leaf[None], section[0]))[0]
    side = (rows - rows[:1]) @ normal
    back = np.flatnonzero((side[1:-1] < 0) & (side[2:] >= 0)) + 1
    if back.size == 0:
        raise ValueError(f"start does not return through its section in {longest} steps")
    t = back[0]
    return float(t + side[t] / (side[t] - side[t + 1]))


def _turns(step: Step, x: PyTree, cycle: Cycle) -> int:
    """How many turns of the curve a period is made of."""
    if not cycle.period > 0:
        return 1
    most = int(cycle.period / FEWEST)
    rows = rows_of("points", _run(step, x, taken(cycle.points, 0), int(cycle.period) + AFTER))
    path, size = CubicSpline(np.arange(len(rows)), rows), spread_of(rows, False)
    back = lambda m: np.linalg.norm(path(cycle.period / m) - rows[0]) <= SAME * size
    return next((m for m in range(most, 1, -1) if back(m)), 1)


def _run(step: Step, x: PyTree, h: PyTree, steps: int) -> PyTree:
    """`[steps + 1, ...]`, a state and those after it, on the host, in the best precision."""
    problem = posed("start", step, x, jax.tree.map(lambda leaf: np.asarray(leaf)[None], h), False)
    with problem.precision():
        device = lambda tree: jax.tree.map(jnp.asarray, tree)
        like = jax.tree.map(lambda leaf: np.asarray(leaf).astype(problem.rows.dtype), h)
        states = _ran(problem.step, device(problem.x), device(like), steps)
        return jax.tree.map(lambda a, b: np.concatenate([a[None], b]), like, states)


@eqx.filter_jit
def _ran(step: Step, x: PyTree, h: State, steps: int) -> PyTree:
    return lax.scan(lambda h, _: (step(h, x),) * 2, h, None, steps)[1]
