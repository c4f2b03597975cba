"""Many starts through Levenberg-Marquardt in chunks: who is finished leaves, who waits moves up.

    lanes = search(problem, Limits(tolerance=1e-24, iterations=200, far=1e6), memory="1GiB")

The loop is host code between compiled chunks of iterations. A batch holds as many lanes as a
memory budget allows; as fewer are left it shrinks by quarters, so that few sizes are compiled.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Int

from .lanes import Lane, advance, begin, falls
from .problem import Problem

SQUARES = {False: 6, True: 16}
"""`[N, N]` arrays of a lane: Jacobian, normal matrix, factors; more for the Hessian of `q`."""

NUDGES, PUSH = 2, 1e-2
"""How often, and how far beside it, a lane at a saddle of `q` is put: as a share of its state."""

STUCK = 1e12
"""A damping at which no move is left."""


CRAWL = 0.9
"""How much of `q` a chunk of Levenberg-Marquardt may leave."""


class Limits(NamedTuple):
    """When a lane ends: `tolerance` of `q`, `iterations` of each phase, `far` for states."""

    tolerance: float
    iterations: int
    far: float


def search(problem: Problem, limits: Limits, memory: int | str | None) -> Lane:
    """Every start after Levenberg-Marquardt, and after Newton on `q` where that did not do.

    **Arguments:**

    - `problem`: step and starts.
    - `limits`: when a lane ends.
    - `memory`: a budget, as bytes or like "1GiB".

    **Returns:** lanes, arrays on the host.

    **Raises:** `ValueError` where not even one lane fits the budget.
    """
    room = {curved: problem.at_once(memory, SQUARES[curved]) for curved in SQUARES}
    with problem.precision():
        xs = jax.tree.map(jnp.asarray, problem.x)
        lanes = begin(problem.flat, xs, jnp.asarray(problem.rows), problem.per_point)
        lanes = Lane(*(np.array(part) for part in lanes))
        for curved in SQUARES:
            away = np.flatnonzero(~_home(lanes, limits) & ~_lost(lanes, limits))
            _descend(problem, lanes, away, limits, room[curved], curved)
        for _ in range(NUDGES):
            tops = _pushed(problem, lanes, _resting(lanes, limits), room[True])
            _descend(problem, lanes, tops, limits, room[True], True)
        tops = _pushed(problem, lanes, _resting(lanes, limits), room[True])
        lanes.slope[tops] = np.inf
    return lanes


def _descend(
    problem: Problem,
    lanes: Lane,
    waiting: Int[np.ndarray, " M"],
    limits: Limits,
    room: int,
    curved: bool,
) -> None:
    """The lanes that wait, batch after batch, written back in place."""
    lanes.damping[waiting], lanes.growth[waiting] = np.minimum(lanes.damping[waiting], 1), 2
    size, begun = min(room, len(waiting)), lanes.count.copy()
    while waiting.size:
        while size > 4 * len(waiting):
            size = -(-size // 4)
        now = waiting[:size]
        before = lanes.q[now]
        done = _advanced(problem, lanes, np.resize(now, size), limits.tolerance, curved)
        for kept, part in zip(lanes, done):
            kept[now] = part[: len(now)]
        here = Lane(*(part[now] for part in lanes))
        ended = _home(here, limits) | _lost(here, limits) | _stuck(here)
        ended |= here.count - begun[now] >= limits.iterations
        if not curved:
            # what crawls has a minimum above 0 ahead, where only Newton's method is quick
            ended |= here.q > CRAWL * before
        waiting = np.concatenate([now[~ended], waiting[size:]])


def _advanced(
    problem: Problem, lanes: Lane, index: np.ndarray, goal: float, curved: bool
) -> list[np.ndarray]:
    """A chunk of iterations of some lanes."""
    now = Lane(*(jnp.asarray(part[index]) for part in lanes))
    x = jax.tree.map(jnp.asarray, problem.inputs(index))
    return [np.asarray(p) for p in advance(problem.flat, x, now, goal, curved, problem.per_point)]


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


def _stuck(lanes: Lane) -> Bool[np.ndarray, " M"]:
    """At a stationary point, or where no move is taken any more."""
    slope = np.asarray(lanes.slope)
    still = float(np.finfo(slope.dtype).eps) ** 0.5
    return (slope <= still) | (np.asarray(lanes.damping) > STUCK)
