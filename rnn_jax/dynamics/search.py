"""Many starts through their phases in chunks: who is finished leaves, who waits moves up.

    lanes = search(problem, Limits(tolerance=1e-24, iterations=200, far=1e6), memory="1GiB")

The loop is host code between compiled chunks of iterations. A batch holds as many lanes as a
memory budget allows; as fewer are left it shrinks by quarters, so that few sizes are compiled.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Int

from .lanes import Lane, Mode, advance, begin, falls
from .problem import Problem

MODES: tuple[Mode, ...] = ("newton", "damped", "newton", "curved")
"""The phases: each takes those that the ones before did not bring to a fixed point."""

SQUARES: dict[Mode, int] = {"damped": 6, "newton": 6, "curved": 16}
"""`[N, N]` arrays of a lane: Jacobian, normal matrix, factors; more for the Hessian of `q`."""

NUDGES, PUSH = 2, 1e-2
"""How often, and how far beside it, a lane at a saddle of `q` is put: as a share of its state."""

STUCK: dict[Mode, float] = {"damped": 1e12, "newton": 1e4, "curved": 1e12}
"""A damping at which no move is left."""

CRAWL = 0.9
"""How much of `q` a chunk of Levenberg-Marquardt may leave."""


class Limits(NamedTuple):
    """When a lane ends: `tolerance` of `q`, `iterations` of each phase, `far` for states."""

    tolerance: float
    iterations: int
    far: float


def search(problem: Problem, limits: Limits, memory: int | str | None) -> Lane:
    """Every start after Newton's method, Levenberg-Marquardt, both, and Newton's method on `q`.

    Newton's method comes first: where gates are nearly shut `q` is small all over, and descent on
    it crawls (of 256 starts of a GRU 101 came to a fixed point without it, 237 with it).

    **Arguments:**

    - `problem`: step and starts.
    - `limits`: when a lane ends.
    - `memory`: a budget, as bytes or like "1GiB".

    **Returns:** lanes, arrays on the host.

    **Raises:** `ValueError` where not even one lane fits the budget.
    """
    room = {mode: problem.at_once(memory, SQUARES[mode]) for mode in SQUARES}
    with problem.precision():
        xs = jax.tree.map(jnp.asarray, problem.x)
        lanes = begin(problem.flat, xs, jnp.asarray(problem.rows), problem.per_point)
        lanes = Lane(*(np.array(part) for part in lanes))
        for mode in MODES:
            away = np.flatnonzero(~_home(lanes, limits) & ~_lost(lanes, limits))
            phase = _tried if mode == "newton" else _descend
            phase(problem, lanes, away, limits, room[mode], mode)
        for _ in range(NUDGES):
            tops = _pushed(problem, lanes, _resting(lanes, limits), room["curved"])
            _descend(problem, lanes, tops, limits, room["curved"], "curved")
        tops = _pushed(problem, lanes, _resting(lanes, limits), room["curved"])
        lanes.slope[tops] = np.inf
    return lanes


def _descend(
    problem: Problem,
    lanes: Lane,
    waiting: Int[np.ndarray, " M"],
    limits: Limits,
    room: int,
    mode: Mode,
) -> None:
    """The lanes that wait, batch after batch, written back in place."""
    lanes.damping[waiting], lanes.growth[waiting] = np.minimum(lanes.damping[waiting], 1), 2
    size, begun = min(room, len(waiting)), lanes.count.copy()
    while waiting.size:
        while size > 4 * len(waiting):
            size = -(-size // 4)
        now = waiting[:size]
        before = lanes.q[now]
        done = _advanced(problem, lanes, np.resize(now, size), limits.tolerance, mode)
        for kept, part in zip(lanes, done):
            kept[now] = part[: len(now)]
        here = Lane(*(part[now] for part in lanes))
        ended = _home(here, limits) | _lost(here, limits) | _stuck(here, mode)
        ended |= here.count - begun[now] >= limits.iterations
        if mode == "damped":
            # what crawls has a minimum above 0 ahead, where only Newton's method is quick
            ended |= here.q > CRAWL * before
        waiting = np.concatenate([now[~ended], waiting[size:]])


def _tried(
    problem: Problem,
    lanes: Lane,
    waiting: Int[np.ndarray, " M"],
    limits: Limits,
    room: int,
    mode: Mode,
) -> None:
    """As `_descend`, but a lane that finds no fixed point is put back to where it was."""
    before = [part[waiting] for part in lanes]
    lanes.slope[waiting] = lanes.damping[waiting] = 1
    _descend(problem, lanes, waiting, limits, room, mode)
    failed = ~_home(Lane(*(part[waiting] for part in lanes)), limits)
    for name, part, old in zip(Lane._fields, lanes, before):
        if name != "count":
            part[waiting[failed]] = old[failed]


def _advanced(
    problem: Problem, lanes: Lane, index: np.ndarray, goal: float, mode: Mode
) -> list[np.ndarray]:
    """A chunk of iterations of some lanes."""
    now = Lane(*(jnp.asarray(part[index]) for part in lanes))
    x = jax.tree.map(jnp.asarray, problem.inputs(index))
    return [np.asarray(p) for p in advance(problem.flat, x, now, goal, mode, problem.per_point)]


def _pushed(
    problem: Problem, lanes: Lane, resting: Int[np.ndarray, " M"], room: int
) -> Int[np.ndarray, " K"]:
    """Lanes at a saddle or a top of `q`, put a little beside it, the way it falls."""
    tops = []
    for begin_at in range(0, len(resting), room):
        now = resting[begin_at : begin_at + room]
        x = jax.tree.map(jnp.asarray, problem.inputs(now))
        h = jnp.asarray(lanes.h[now])
        bent, way = map(np.asarray, falls(problem.flat, x, h, problem.per_point))
        top = bent < -(float(np.finfo(bent.dtype).eps) ** 0.4)
        size = 1 + np.linalg.norm(lanes.h[now[top]], axis=1, keepdims=True)
        lanes.h[now[top]] += PUSH * size * way[top]
        tops.append(now[top])
    found = np.concatenate([np.zeros(0, int), *tops])
    if found.size:
        x = jax.tree.map(jnp.asarray, problem.inputs(found))
        fresh = begin(problem.flat, x, jnp.asarray(lanes.h[found]), problem.per_point)
        lanes.q[found], lanes.damping[found] = fresh.q, 1
    return found


def _resting(lanes: Lane, limits: Limits) -> Int[np.ndarray, " M"]:
    """Lanes that would be called slow."""
    near = np.asarray(lanes.slope) <= float(np.finfo(lanes.slope.dtype).eps) ** 0.25
    return np.flatnonzero(near & ~_home(lanes, limits) & ~_lost(lanes, limits))


def _home(lanes: Lane, limits: Limits) -> Bool[np.ndarray, " M"]:
    """Below the tolerance, and for one iteration more, which makes a point exact."""
    return (lanes.q <= limits.tolerance) & (lanes.count > lanes.reached) & (lanes.count > 0)


def _lost(lanes: Lane, limits: Limits) -> Bool[np.ndarray, " M"]:
    return ~np.isfinite(lanes.q) | (np.abs(lanes.h).max(1) > limits.far)


def _stuck(lanes: Lane, mode: Mode) -> Bool[np.ndarray, " M"]:
    """At a stationary point, or where no move is taken any more."""
    slope = np.asarray(lanes.slope)
    still = float(np.finfo(slope.dtype).eps) ** 0.5
    return (slope <= still) | (np.asarray(lanes.damping) > STUCK[mode])
