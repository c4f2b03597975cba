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
from enum import IntEnum
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Complex, Float, Int, PyTree

from ..core import Input, State, Step
from ..core.checks import all_finite, at_least, function, numbers, positive
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


class End(IntEnum):
    """How a branch ended.

    - `REACHED`: at the last value.
    - `RETURNED`: back at the first value, after a fold.
    - `UNFINISHED`: it was not done within the moves.
    - `STOPPED`: however short a move, none leads on: the step has a kink there, or branches meet.
    - `DIVERGED`: the point goes to infinity.
    """

    REACHED = 0
    RETURNED = 1
    UNFINISHED = 2
    STOPPED = 3
    DIVERGED = 4


class Branch(NamedTuple):
    """Fixed points along a branch, in the order in which they were met; arrays on the host.

    - `points`: a tree of `[P, ...]`.
    - `at`: `[P]`, the position of each, from 0 to K - 1; whole where it is at a value.
    - `values`: what was changed, at each: a tree of `[P, ...]`.
    - `residual`: `[P]`, `q = |F(h) - h|^2 / 2`.
    - `eigenvalues`: `[P, N]` of `dF/dh`, by falling size.
    - `unstable`: `[P]`, how many of them are outside the unit circle. A change without a fold is
        a bifurcation at which this branch goes on.
    - `folds`: `[F, ...]`, the points at which the branch turns; `folds_at`: `[F]`, where.
    - `end`: how it ended.
    """

    points: PyTree
    at: Float[np.ndarray, " P"]
    values: PyTree
    residual: Float[np.ndarray, " P"]
    eigenvalues: Complex[np.ndarray, "P N"]
    unstable: Int[np.ndarray, " P"]
    folds: PyTree
    folds_at: Float[np.ndarray, " F"]
    end: End


class _Spot(NamedTuple):
    """A point of the curve: `z = (h / sqrt(N), s / (K - 1))`, its tangent, and what is there."""

    z: np.ndarray
    tangent: np.ndarray
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
    the branch passes has its point. A move is halved where it does not arrive on a fixed point, is
    corrected by more than half its length, or turns by more than 25 degrees: so that the branch
    is not left for another one. A fold is found to about the root of rounding; where the branch
    turns at a crossing with another one, the search ends earlier, within part of a move.

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
    """
    for name, number in {"tolerance": tolerance, "longest": longest}.items():
        positive(name, number)
    at_least(1, moves=moves)
    function("step_at", step_at)
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
    eigenvalues = np.linalg.eigvals(np.stack([spot.jacobian for spot in spots])).astype(complex)
    order = np.argsort(-np.abs(eigenvalues), axis=1, kind="stable")
    eigenvalues = np.take_along_axis(eigenvalues, order, 1)
    return Branch(
        states(spots), at, _between(changing, at), np.array([spot.q for spot in spots]),
        eigenvalues, (np.abs(eigenvalues) > 1).sum(1), states(folds),
        np.array([fold.z[-1] for fold in folds]) * (count - 1), end,
    )  # fmt: skip


def _stacked(values: PyTree) -> tuple[PyTree, PyTree, int]:
    """Arrays that change `[K, ...]`, what does not change, and K."""
    if isinstance(values, list) and values and not all(np.isscalar(value) for value in values):
        parts = [eqx.partition(value, eqx.is_inexact_array_like) for value in values]
        fixed = parts[0][1]
        if len({jax.tree.structure(part) for part, _ in parts}) > 1:
            raise ValueError("values must have one structure, got a list of different ones")
        changing = jax.tree.map(lambda *leaves: np.stack(leaves), *(part for part, _ in parts))
    else:
        changing, fixed = (
            jax.tree.map(lambda v: np.asarray(numbers("values", v), float), values),
            None,
        )
    sizes = {np.shape(leaf)[:1] for leaf in jax.tree.leaves(changing)}
    if len(sizes) != 1 or min(sizes, default=()) < (2,):
        raise ValueError(
            f"values must be at least 2, the same for all arrays; got {sorted(sizes)}"
        )
    return all_finite("values", changing), fixed, min(sizes)[0]


def _between(values: PyTree, at: Any) -> PyTree:
    """Values at positions, straight between those given: on the host, or traced."""
    module: Any = np if isinstance(at, np.ndarray) else jnp
    last = jax.tree.leaves(values)[0].shape[0] - 1
    # a prediction may look beyond the ends, where a mask would leave [0, 1]; the slope at an end
    # is that within, which `clip` would halve
    at = module.where(at < 0, 0 * at, module.where(at > last, 0 * at + last, at))

    def one(leaf: Any) -> Any:
        low = module.clip(module.floor(at), 0, len(leaf) - 2)
        part = (at - low).astype(leaf.dtype).reshape(*at.shape, *(1,) * (leaf.ndim - 1))
        low = low.astype(int)
        return leaf[low] * (1 - part) + leaf[low + 1] * part

    return jax.tree.map(one, values)


@eqx.filter_jit
def _moved(
    step_at: Any, x: Input, values: Any, like: State, predicted: Any, across: Any
) -> tuple[Any, Any, Any]:
    """A prediction corrected, what the step makes of it, and the derivative of both."""
    last = jax.tree.leaves(values[0])[0].shape[0] - 1
    parts, treedef = jax.tree.flatten(like)
    N = predicted.size - 1
    scale = jnp.sqrt(jnp.asarray(N, predicted.dtype))

    def F(z: Any) -> Any:
        ends = np.cumsum([part.size for part in parts])[:-1]
        rows = [p.reshape(q.shape) for p, q in zip(jnp.split(z[:-1] * scale, ends), parts)]
        step = step_at(eqx.combine(_between(values[0], z[-1] * last), values[1]))
        return jnp.concatenate(
            [p.reshape(-1) for p in jax.tree.leaves(step(treedef.unflatten(rows), x))]
        )

    z = corrected(lambda z: (F(z) - z[:-1] * scale) / scale, predicted, across[None])
    return z, F(z), jax.jacfwd(F)(z)


def _spot(path: _Path, predicted: np.ndarray, across: np.ndarray, ahead: np.ndarray) -> _Spot:
    """Where a prediction arrives; its tangent looks `ahead`."""
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
            step_at, one, (values, fixed), like, jnp.asarray(predicted, kind),
            jnp.asarray(across, kind),
        )  # fmt: skip
        z, moved, slope = (np.array(part, float) for part in found)
    N = len(moved)
    h = z[:-1] * np.sqrt(N)
    q = float(0.5 * ((moved - h) ** 2).sum())
    limit = max(path.tolerance, float(rounding_of(h[None], moved[None], np.finfo(kind).eps)[0]))
    if not np.isfinite(slope).all():
        return _Spot(z, ahead, q, False, slope)
    matrix = slope.copy()
    matrix[:, :N] -= np.sqrt(N) * np.eye(N)
    try:
        tangent = np.linalg.solve(np.vstack([matrix, ahead]), np.eye(N + 1)[-1])
        tangent = tangent / np.linalg.norm(tangent)
    except np.linalg.LinAlgError:
        # where branches cross there is no one tangent: straight on
        tangent = ahead
    return _Spot(z, tangent, q, q <= limit, slope[:, :N] / np.sqrt(N))


def _followed(
    path: _Path, count: int, longest: float, moves: int
) -> tuple[list[_Spot], list[_Spot], End]:
    N = path.problem.rows.shape[1]
    along = np.eye(N + 1)[-1]
    here = _spot(path, np.append(path.problem.rows[0] / np.sqrt(N), 0.0), along, along)
    if not here.fixed:
        raise ValueError(f"start leads to no fixed point at the first value: q is {here.q:.3g}")
    far = FAR * (1 + np.abs(here.z).max())
    spots, folds, length = [here], [], longest
    for _ in range(moves):
        knot = _next_value(here, count)
        there = _tried(path, here, length, knot)
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


def _next_value(here: _Spot, count: int) -> float:
    """The position in [0, 1] of the value that lies ahead."""
    last, at = count - 1, here.z[-1] * (count - 1)
    whole = np.round(at)
    at = whole if abs(at - whole) < 1e-12 * count else at
    following = np.floor(at) + 1 if here.tangent[-1] >= 0 else np.ceil(at) - 1
    return float(np.clip(following, 0, last) / last)


def _tried(path: _Path, here: _Spot, length: float, knot: float) -> _Spot | None:
    """A move, to the value ahead where it reaches so far; none where it fails."""
    gap, move = knot - here.z[-1], length * here.tangent
    if gap == 0 or move[-1] / gap < 1:
        there = _arrival(path, here, move, here.tangent)
        if there is None or gap == 0 or (there.z[-1] - here.z[-1]) / gap < 1 - 1e-9:
            return there
        move = there.z - here.z
    # cut at the value: beyond the last one there is no step to ask
    at_value = _arrival(path, here, move * (gap / move[-1]), np.eye(len(move))[-1])
    if at_value is not None:
        # rounding aside it is there
        at_value.z[-1] = knot
    return at_value


def _arrival(path: _Path, here: _Spot, move: np.ndarray, across: np.ndarray) -> _Spot | None:
    """Where a move arrives; none where it is not the same branch."""
    there = _spot(path, here.z + move, across, here.tangent)
    bent = np.linalg.norm(there.z - here.z - move)
    straight = there.tangent @ here.tangent >= STRAIGHT
    near = bent <= 0.5 * np.linalg.norm(move) + 1e-12
    return there if there.fixed and straight and near else None


def _fold(path: _Path, here: _Spot, there: _Spot) -> _Spot:
    """Where between two spots the tangent has no part along the parameter."""
    low, high = 0.0, float((there.z - here.z) @ here.tangent)
    below, above = here.tangent[-1], there.tangent[-1]
    best = min(here, there, key=lambda spot: abs(spot.tangent[-1]))
    for _ in range(SECANTS):
        length = low - below * (high - low) / (above - below)
        found = _arrival(path, here, length * here.tangent, here.tangent)
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
