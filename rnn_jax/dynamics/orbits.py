"""Periodic orbits of any step: states to which it comes back after some steps.

    found = periodic_orbits(step, x, starts, period=4)     # many starts
    found.orbits, found.period                             # the distinct ones, least periods
    orbit = periodic_orbit(step, x, start, period=4)       # one start
    floquet(step, x, orbit).multipliers

A state of an orbit of period p rests under the step made p times, `F^p(h) = h`, and `F^p` is a
step like any other: `fixed_points` finds and judges it. What is added here is the least period,
since a state of period 1 or 2 rests under `F^4` too, and which starts found the same orbit.
"""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Int, PyTree

from ..core import Input, State, Step
from ..core.checks import at_least, function, numbers, state
from .fixed_points import FixedPoints, fixed_points
from .problem import posed
from .trees import rows_of, taken
from .unique import unique


class Orbit(NamedTuple):
    """One orbit.

    - `points`: a tree of `[p, ...]`, p the least period; `points[k]` is the state before the k-th
        step. Where none was found, the states from where the search ended.
    - `period`: the least period in steps; 1 is a fixed point, 0 where none was found.
    - `verdict`: a code of `Verdict`.
    - `residual`: `q = |F^p(h) - h|^2 / 2` for the period that was asked for.
    - `precision`: "float64", or the one in which the step had to be computed.

    **Example:**

        >>> flip = lambda h, x: -jnp.tanh(2.0 * h)
        >>> found = rj.dynamics.periodic_orbit(flip, jnp.zeros(1), jnp.ones(1), period=4)
        >>> found.period, found.points.shape  # the least period, and not 4
        (2, (2, 1))
    """

    points: PyTree
    period: int
    verdict: int
    residual: float
    precision: str


class Orbits(NamedTuple):
    """Distinct orbits, and which of them each start found.

    - `orbits`: a list of trees `[p, ...]`, each of its own least period p.
    - `labels`: `[S]`, the orbit that each start found; -1 where it found none.
    - `period`: `[S]`, least periods; 0 where it found none.
    - `found`: the `FixedPoints` of `F^p`: a state of the orbit and the verdict of each start.

    **Example:**

        >>> flip = lambda h, x: -jnp.tanh(2.0 * h)
        >>> starts = np.array([[1.0], [-1.0], [0.0]])
        >>> found = rj.dynamics.periodic_orbits(flip, jnp.zeros(1), starts, period=2)
        >>> [orbit.shape for orbit in found.orbits]  # one of two states, and a fixed point
        [(2, 1), (1, 1)]
    """

    orbits: list[PyTree]
    labels: Int[np.ndarray, " S"]
    period: Int[np.ndarray, " S"]
    found: FixedPoints


class _Iterated(eqx.Module):
    step: Step
    period: int = eqx.field(static=True)
    driven: bool = eqx.field(static=True)

    def __call__(self, h: State, x: Input) -> State:
        return self.around(h, x)[0]

    def around(self, h: State, x: Input) -> tuple[State, State]:
        """The last state, and `[p, ...]` the states before each step."""
        make = lambda h, x: (self.step(h, x), h)
        if self.driven:
            return lax.scan(make, h, x, self.period)
        return lax.scan(lambda h, _: make(h, x), h, None, self.period)


def iterated(step: Step, period: int, driven: bool = False) -> Step:
    """`F^p`, a step made several times: a step like any other.

    **Arguments:**

    - `step`: `(h, x) -> h`.
    - `period`: how many times, `p`.
    - `driven`: whether the input leads with `p`, one for each of them; else it is held.

    **Returns:** a step.

    **Raises:** `ValueError` where `period` is below 1.
    """
    function("the step", step)
    at_least(1, period=period)
    return _Iterated(step, int(period), bool(driven))


def periodic_orbits(
    step: Step,
    x: PyTree,
    starts: PyTree,
    period: int,
    driven: bool = False,
    same: float = 1e-6,
    tolerance: float = 1e-24,
    iterations: int = 200,
    memory: int | str | None = None,
) -> Orbits:
    """Orbits with `F^p(h) = h`, each start with its verdict and its least period.

    The least period is the smallest d that divides p for which all states d steps apart are one
    by `unique`. Orbits that share a state are one orbit. Under inputs that vary, a phase of the
    orbit belongs to a phase of the inputs: then d must be a period of the inputs too, and orbits
    share a state only at equal phases of the inputs.

    Host code around compiled parts: not under `jit` or `vmap`.

    **Arguments:**

    - `step`: `(h, x) -> h`.
    - `x`: the input, held; `[p, ...]`, one for each step, with `driven`.
    - `starts`: a tree of `[S, ...]`.
    - `period`: `p`, in steps.
    - `driven`: whether `x` leads with `p`.
    - `same`: two states are one within `same` times the spread of all states of the orbits found.
    - `tolerance`, `iterations`, `memory`: as for `fixed_points`, of the residual of `F^p`.

    **Returns:** `Orbits`.

    **Raises:** `ValueError` as `fixed_points`, or where `period` is below 1 or inputs do not lead
    with it.

    **Example:**

        >>> flip = lambda h, x: -jnp.tanh(2.0 * h)
        >>> starts = np.array([[1.0], [-1.0], [0.0]])
        >>> found = rj.dynamics.periodic_orbits(flip, jnp.zeros(1), starts, period=2)
        >>> found.labels, found.period  # two starts share an orbit; the third is at a fixed point
        (array([0, 0, 1]), array([2, 2, 1]))
    """
    again = iterated(step, period, driven)
    _leads(x, period, driven)
    found = fixed_points(again, x, starts, tolerance, iterations, memory=memory)
    home = np.flatnonzero(found.converged)
    labels, periods = np.full(len(found.verdict), -1), np.zeros(len(found.verdict), int)
    if home.size == 0:
        return Orbits([], labels, periods, found)
    states = _around(again, x, taken(found.points, home))
    rows = rows_of("points", jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), states))
    which = unique(rows, tolerance=same).labels.reshape(len(home), period)
    unit = _input_period(x, period) if driven else 1
    periods[home] = [_least(row, unit) for row in which]
    # the lowest label among the phases that may be exchanged names the orbit
    names = which[:, ::unit].min(1)
    _, first, labels[home] = np.unique(names, return_index=True, return_inverse=True)
    orbits = [jax.tree.map(lambda leaf, k=k: leaf[k, : periods[home[k]]], states) for k in first]
    return Orbits(orbits, labels, periods, found)


def periodic_orbit(
    step: Step,
    x: PyTree,
    start: PyTree,
    period: int,
    driven: bool = False,
    same: float = 1e-6,
    tolerance: float = 1e-24,
    iterations: int = 200,
) -> Orbit:
    """The orbit with `F^p(h) = h` to which one start leads: `periodic_orbits` of one start.

    **Arguments:** as `periodic_orbits`; `start` is one state.

    **Returns:** an `Orbit`.

    **Raises:** as `periodic_orbits`.

    **Example:**

        >>> flip = lambda h, x: -jnp.tanh(2.0 * h)
        >>> orbit = rj.dynamics.periodic_orbit(flip, jnp.zeros(1), jnp.ones(1), period=2)
        >>> orbit.period, bool(np.allclose(orbit.points[1], -orbit.points[0]))
        (2, True)
    """
    start = state("start", start)
    starts = jax.tree.map(lambda leaf: np.asarray(leaf)[None], start)
    many = periodic_orbits(step, x, starts, period, driven, same, tolerance, iterations)
    found = many.found
    points = many.orbits[0] if many.orbits else None
    if points is None:
        with np.errstate(all="ignore"):
            around = _around(iterated(step, period, driven), x, starts)
        points = taken(around, 0)
    return Orbit(
        points, int(many.period[0]), int(found.verdict[0]), float(found.residual[0]),
        found.precision,
    )  # fmt: skip


def _around(again: Step, x: PyTree, hs: PyTree) -> PyTree:
    """`[S, p, ...]`, the states before each step, on the host."""
    problem = posed("points", again, x, hs, False)
    with problem.precision():
        device = lambda tree: jax.tree.map(jnp.asarray, tree)
        like = jax.tree.map(lambda leaf: leaf.astype(problem.rows.dtype), hs)
        states = _states(problem.step, device(problem.x), device(like))
        return jax.tree.map(np.asarray, states)


@eqx.filter_jit
def _states(again: Any, x: PyTree, hs: PyTree) -> PyTree:
    return jax.vmap(lambda h: again.around(h, x)[1])(hs)


def _leads(x: PyTree, period: int, driven: bool) -> None:
    shapes = [np.shape(numbers("x", leaf)) for leaf in jax.tree.leaves(x)]
    if driven and any(shape[:1] != (period,) for shape in shapes):
        raise ValueError(f"x must lead with the period, {period}, where driven; got {shapes}")


def _least(labels: Int[np.ndarray, " p"], unit: int) -> int:
    """The smallest period of a row of labels that is a multiple of `unit`."""
    p = len(labels)
    fits = lambda d: p % d == 0 and (labels == np.roll(labels, -d)).all()
    return next(d for d in range(unit, p + 1, unit) if fits(d))


def _input_period(x: PyTree, period: int) -> int:
    """The least period of inputs `[p, ...]`, one that divides p."""
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(x)]
    fits = lambda d: all(np.array_equal(leaf, np.roll(leaf, -d, 0)) for leaf in leaves)
    return next(d for d in range(1, period + 1) if period % d == 0 and fits(d))
