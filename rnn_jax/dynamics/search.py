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

from .lanes import Lane, advance, begin
from .problem import Problem

SQUARES = {False: 6, True: 16}
"""`[N, N]` arrays of a lane: Jacobian, normal matrix, factors; more for the Hessian of `q`."""

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
            lanes.damping[away], lanes.growth[away] = np.minimum(lanes.damping[away], 1), 2
            _descend(problem, lanes, away, limits, room[curved], curved)
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
    size = min(room, len(waiting))
    most = limits.iterations * (1 + curved)
    while waiting.size:
        while size > 4 * len(waiting):
            size = -(-size // 4)
        now = waiting[:size]
        before = lanes.q[now]
        done = _advanced(problem, lanes, np.resize(now, size), limits.tolerance, curved)
        for kept, part in zip(lanes, done):
            kept[now] = part[: len(now)]
        here = Lane(*(part[now] for part in lanes))
        ended = _home(here, limits) | _lost(here, limits) | _stuck(here) | (here.count >= most)
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
