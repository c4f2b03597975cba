"""A fixed point followed while something changes: an input, a strength, the weights in training.

    over_input = lambda b: lambda h, x: step(h, b)
    branch = continuation(over_input, None, point, jnp.linspace(-1, 1, 21))
    branch.points, branch.values, branch.unstable, branch.folds

    branch = continuation(lambda network: network.step, x, point, [early, middle, late])

Whatever changes lies on a path, straight from each value to the next, with a position `s` from 0
to K - 1. Fixed points of the step at `s` are a curve in `(h, s)`; it is followed by its tangent,
so that a fold, where `s` turns and no point exists beyond, is passed and not jumped over.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from ..core import Input, State, Step
from ..core.checks import all_finite, at_least, function, numbers, positive, state
from .branch import Branch, End
from .follow import corrected
from .precision import doubled
from .problem import Problem, posed
from .trees import tree_of
from .verdicts import rounding_of

SHORTEST = 1e-7
"""A move this short, relative to the longest, that still fails ends the branch."""

FAR = 1e6
"""A point this many times beyond the scale of the start has gone to infinity."""

STRAIGHT = 0.9
"""The cosine of the sharpest turn of a move."""

SECANTS = 12
"""Moves that may be spent on where a fold is."""

FLAT = 3e-5
"""The least part of a tangent along the parameter at a value, where a fold is not at the value."""

SLACK = 1e-8
"""The share of a segment by which a fold may be beyond it."""


class _Spot(NamedTuple):
    """A point of the curve: `z = (h / sqrt(N), s / (K - 1))`, its tangent, and what is there.

    `segment` is k where the way goes on between value k and the next: at a value, `s` does not
    tell.
    """

    z: np.ndarray
    tangent: np.ndarray
    segment: int
    q: float
    fixed: bool
    jacobian: np.ndarray


class _Path(NamedTuple):
    """The curve that is followed: `problem` is that of the first value."""

    step_at: Callable[[Any], Step]
    x: Any
    values: Any
    fixed: Any
    problem: Problem
    tolerance: float


def continuation(
    step_at: Callable[[Any], Step],
    x: PyTree,
    start: PyTree,
    values: PyTree,
    tolerance: float = 1e-24,
    longest: float = 0.05,
    moves: int = 1000,
) -> Branch:
    """The branch of fixed points from `start` at the first value, through folds.

    With `z = (h / sqrt(N), s / (K - 1))` the curve is `F_s(h) = h`. A move goes along its tangent
    and is corrected across it by Newton's method (pseudo-arclength). Where it would cross one of
    the values it is corrected at that value instead (natural parameter), so that each value that
    the branch passes has its point; the tangent is then taken anew, since the path of values may
    have a corner there. A move is halved where it does not arrive on a fixed point, is
    corrected by more than half its length, or turns by more than 25 degrees: so that the branch
    is not left for another one. A fold is found to about the root of rounding; where the branch
    turns at a crossing with another one, the search ends earlier, within part of a move. So it may
    where a fold is just beyond a value (1e-7 of a segment, or 1e-5 with a `longest` of 0.3); the
    two points at that value may then be missing.

    Host code around one compiled move, in float64 as `fixed_points`; `jax.vmap` of `refine` is
    the quick way where no fold is met.

    **Arguments:**

    - `step_at`: a value's step, `(h, x) -> h`; the value is traced.
    - `x`: the input, held; not used by a step whose input is what changes.
    - `start`: a state, at or near a fixed point of the first value.
    - `values`: `[K]` numbers, a tree of `[K, ...]`, or a list of K trees, as of checkpoints.
    - `tolerance`: of `q`.
    - `longest`: the longest move, in `z`; times the size of `z` where that is above 1.
    - `moves`: at most, failed ones included.

    **Returns:** `Branch`. A point that vanishes has a fold, and no point at the values beyond.

    **Raises:** `ValueError` where there is no fixed point at the start, values are fewer than two
    or are no numbers, or as `fixed_points`.

    Keller, in Applications of Bifurcation Theory (1977); Allgower and Georg, Introduction to
    Numerical Continuation Methods (2003), chapter 6.

    **Example:**

        >>> step_at = lambda r: lambda h, x: h + 0.5 * (r - h**2)  # fixed points at +-sqrt(r)
        >>> asked = jnp.zeros(1), np.ones(1), np.array([1.0, -1.0])
        >>> found = rj.dynamics.continuation(step_at, *asked)
        >>> found.folds.round(4), found.folds_at.round(4)  # at r = 0, half of the way
        (array([[0.]]), array([0.5]))
        >>> found.points[-1].round(4), found.end.name  # back at r = 1, on the other side
        (array([-1.]), 'RETURNED')
    """
    for name, number in {"tolerance": tolerance, "longest": longest}.items():
        positive(name, number)
    at_least(1, moves=moves)
    function("step_at", step_at)
    start = state("start", start)
    changing, fixed, count = _stacked(values)
    first = eqx.combine(jax.tree.map(lambda leaf: jnp.asarray(leaf[0]), changing), fixed)
    problem = posed("start", step_at(first), x, jax.tree.map(lambda h: h[None], start), False)
    path = _Path(step_at, problem.x, changing, fixed, problem, tolerance)
    spots, folds, end = _followed(path, count, longest, moves)
    size = np.sqrt(problem.rows.shape[1])
    like = jax.tree.map(lambda h: np.asarray(h)[None], start)
    states = lambda spots: tree_of(
        np.array([spot.z[:-1] for spot in spots]).reshape(len(spots), -1) * size
        if spots
        else np.zeros((0, problem.rows.shape[1])), like,
    )  # fmt: skip
    at = np.array([spot.z[-1] for spot in spots]) * (count - 1)
    at = np.where(np.abs(at - np.round(at)) < 1e-12 * count, np.round(at), at)
    segments = np.array([spot.segment for spot in spots])
    eigenvalues = np.linalg.eigvals(np.stack([spot.jacobian for spot in spots])).astype(complex)
    order = np.argsort(-np.abs(eigenvalues), axis=1, kind="stable")
    eigenvalues = np.take_along_axis(eigenvalues, order, 1)
    return Branch(
        states(spots), at, _between(changing, segments, np.clip(at - segments, 0, 1)),
        np.array([spot.q for spot in spots]),
        eigenvalues, (np.abs(eigenvalues) > 1).sum(1), states(folds),
        np.array([fold.z[-1] for fold in folds]) * (count - 1), end,
    )  # fmt: skip


def _stacked(values: PyTree) -> tuple[PyTree, PyTree, int]:
    """Arrays that change `[K, ...]`, what does not change, and K."""
    if isinstance(values, list | tuple) and all(np.isscalar(value) for value in values):
        values = np.asarray(values)
    if isinstance(values, list):
        parts = [eqx.partition(value, eqx.is_inexact_array_like) for value in values]
        fixed = parts[0][1]
        if len({jax.tree.structure(part) for part, _ in parts}) > 1:
            raise ValueError("values must have one structure, got a list of different ones")
        changing = jax.tree.map(lambda *leaves: np.stack(leaves), *(part for part, _ in parts))
    else:
        changing = jax.tree.map(lambda v: np.asarray(numbers("values", v), float), values)
        fixed = None
    sizes = {np.shape(leaf)[:1] for leaf in jax.tree.leaves(changing)}
    if len(sizes) != 1 or min(sizes, default=()) < (2,):
        raise ValueError(
            f"values must be at least 2, the same for all arrays; got {sorted(sizes)}"
        )
    return all_finite("values", changing), fixed, min(sizes)[0]


def _between(values: PyTree, segment: Any, part: Any) -> PyTree:
    """Values this part of the way along their segments: on the host, or traced."""

    def one(leaf: Any) -> Any:
        share = part.astype(leaf.dtype).reshape(*part.shape, *(1,) * (leaf.ndim - 1))
        return leaf[segment] * (1 - share) + leaf[segment + 1] * share

    return jax.tree.map(one, values)


@eqx.filter_jit
def _moved(
    step_at: Any, x: Input, values: Any, like: State, segment: Any, predicted: Any, across: Any
) -> tuple[Any, Any, Any]:
    """A prediction corrected, what the step makes of it, and the derivative of both."""
    last = jax.tree.leaves(values[0])[0].shape[0] - 1
    parts, treedef = jax.tree.flatten(like)
    N = predicted.size - 1
    scale = jnp.sqrt(jnp.asarray(N, predicted.dtype))

    def F(z: Any) -> Any:
        ends = np.cumsum([part.size for part in parts])[:-1]
        rows = [p.reshape(q.shape) for p, q in zip(jnp.split(z[:-1] * scale, ends), parts)]
        part = z[-1] * last - segment
        # beyond the segment no step is asked, where a mask would leave [0, 1]; the slope is that
        # within, at the ends too
        part = part + jax.lax.stop_gradient(jnp.clip(part, 0, 1) - part)
        step = step_at(eqx.combine(_between(values[0], segment, part), values[1]))
        return jnp.concatenate(
            [p.reshape(-1) for p in jax.tree.leaves(step(treedef.unflatten(rows), x))]
        )

    z = corrected(lambda z: (F(z) - z[:-1] * scale) / scale, predicted, across[None])
    return z, F(z), jax.jacfwd(F)(z)


def _spot(
    path: _Path, segment: int, predicted: np.ndarray, across: np.ndarray, ahead: np.ndarray
) -> _Spot:
    """Where a prediction arrives on a segment; its tangent looks `ahead`."""
    problem = path.problem
    with problem.precision():
        kind, one = problem.rows.dtype, jax.tree.map(jnp.asarray, problem.x)
        step_at, values, fixed = path.step_at, path.values, path.fixed
        if problem.precise:
            step_at, values, fixed = doubled((step_at, values, fixed))
        else:
            values = jax.tree.map(lambda leaf: jnp.asarray(leaf, kind), values)
        like = problem.flat.unflatten(jnp.asarray(problem.rows[0]))  # pyright: ignore
        found = _moved(
            step_at, one, (values, fixed), like, jnp.asarray(segment),
            jnp.asarray(predicted, kind), jnp.asarray(across, kind),
        )  # fmt: skip
        z, moved, slope = (np.array(part, float) for part in found)
    N = len(moved)
    h = z[:-1] * np.sqrt(N)
    q = float(0.5 * ((moved - h) ** 2).sum())
    limit = max(path.tolerance, float(rounding_of(h[None], moved[None], np.finfo(kind).eps)[0]))
    if not np.isfinite(slope).all():
        return _Spot(z, ahead, segment, q, False, slope)
    matrix = slope.copy()
    matrix[:, :N] -= np.sqrt(N) * np.eye(N)
    try:
        tangent = np.linalg.solve(np.vstack([matrix, ahead]), np.eye(N + 1)[-1])
        tangent = tangent / np.linalg.norm(tangent)
    except np.linalg.LinAlgError:
        # where branches cross there is no one tangent: straight on
        tangent = ahead
    return _Spot(z, tangent, segment, q, q <= limit, slope[:, :N] / np.sqrt(N))


def _followed(
    path: _Path, count: int, longest: float, moves: int
) -> tuple[list[_Spot], list[_Spot], End]:
    N = path.problem.rows.shape[1]
    along = np.eye(N + 1)[-1]
    here = _spot(path, 0, np.append(path.problem.rows[0] / np.sqrt(N), 0.0), along, along)
    if not here.fixed:
        raise ValueError(f"start leads to no fixed point at the first value: q is {here.q:.3g}")
    far = FAR * (1 + np.abs(here.z).max())
    spots, folds, length = [here], [], longest
    for _ in range(moves):
        there = _tried(path, here, length, count - 1)
        if there is None:
            length /= 2
            if length < SHORTEST * longest:
                return spots, folds, End.STOPPED
            continue
        if here.tangent[-1] * there.tangent[-1] < 0:
            folds.append(_fold(path, here, there))
        spots.append(there)
        here = there
        length = min(1.5 * length, longest * max(1.0, float(np.abs(here.z).max())))
        if np.abs(here.z).max() > far:
            return spots, folds, End.DIVERGED
        if here.z[-1] in (0.0, 1.0):
            return spots, folds, End.REACHED if here.z[-1] == 1 else End.RETURNED
    return spots, folds, End.UNFINISHED


def _tried(path: _Path, here: _Spot, length: float, last: int) -> _Spot | None:
    """A move, to the value ahead where it reaches so far; none where it fails."""
    move = length * here.tangent
    side = 1 if move[-1] >= 0 else -1
    knot = (here.segment + (side > 0)) / last
    left = lambda z: side * (knot - z[-1])
    to = move
    if left(here.z + move) > 0:
        there = _arrival(path, here, move, here.tangent)
        if there is None or left(there.z) > 1e-9 * left(here.z):
            return there if there is not None and _inside(here, there, knot, last) else None
        to = there.z - here.z
    # cut at the value: beyond it there is another segment, or no step to ask
    share = max(left(here.z), 0.0) / (abs(to[-1]) or 1.0)
    there = _arrival(path, here, share * to, np.eye(len(to))[-1])
    if there is not None and side * there.tangent[-1] > FLAT:
        # rounding aside it is there
        there.z[-1] = knot
        return _turned(path, there, side, last)
    # a fold is near the value: it may be passed without a point there
    there = _arrival(path, here, move, here.tangent)
    return there if there is not None and _inside(here, there, knot, last) else None


def _inside(here: _Spot, there: _Spot, knot: float, last: int) -> bool:
    """Whether a move has kept to its segment, also past a fold, which is nearly a parabola."""
    side = np.sign(knot - here.z[-1])
    back = side * (knot - there.z[-1])
    rise, fall = abs(here.tangent[-1]), -side * there.tangent[-1]
    ahead = 0.0
    if fall > 0:
        ahead = 0.5 * rise**2 / (rise + fall) * np.linalg.norm(there.z - here.z)
    return bool(0 <= back <= (1 + SLACK) / last and ahead <= abs(knot - here.z[-1]) + SLACK / last)


def _turned(path: _Path, there: _Spot, side: int, last: int) -> _Spot:
    """A spot at a value, on the segment that follows there: its tangent is another one."""
    segment = there.segment + side
    if not 0 <= segment < last:
        return there
    onward = side * np.eye(len(there.z))[-1]
    tangent = _spot(path, segment, there.z, onward, onward).tangent
    return there._replace(tangent=tangent, segment=segment)


def _arrival(path: _Path, here: _Spot, move: np.ndarray, across: np.ndarray) -> _Spot | None:
    """Where a move arrives; none where it is not the same branch."""
    there = _spot(path, here.segment, here.z + move, across, here.tangent)
    bent = np.linalg.norm(there.z - here.z - move)
    straight = there.tangent @ here.tangent >= STRAIGHT
    near = bent <= 0.5 * np.linalg.norm(move) + 1e-12
    return there if there.fixed and straight and near else None


def _fold(path: _Path, here: _Spot, there: _Spot) -> _Spot:
    """Where between two spots the tangent has no part along the parameter."""
    # from the chord, since the tangent may lead beyond the segment
    chord = there.z - here.z
    low, high = 0.0, float(np.linalg.norm(chord))
    chord = chord / high
    below, above = here.tangent[-1], there.tangent[-1]
    best = min(here, there, key=lambda spot: abs(spot.tangent[-1]))
    for _ in range(SECANTS):
        length = low - below * (high - low) / (above - below)
        found = _arrival(path, here, length * chord, chord)
        if found is None:
            # where branches cross, the other one is near: what is known is as good as it gets
            break
        bend = found.tangent[-1]
        best = min(best, found, key=lambda spot: abs(spot.tangent[-1]))
        if abs(bend) < 1e-12:
            break
        # Illinois: an end that stays counts half
        if bend * above < 0:
            low, below = high, above
        else:
            below /= 2
        high, above = length, bend
    return best
