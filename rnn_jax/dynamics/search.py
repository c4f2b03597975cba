"""Many starts through their phases in chunks: who is finished leaves, who waits moves up.

    lanes = search(problem, Limits(tolerance=1e-24, iterations=200, far=1e6), memory="1GiB")

The loop is host code between compiled chunks of iterations. A batch holds as many lanes as a
memory budget allows; as fewer are left it shrinks by quarters, so that few sizes are compiled.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int

from .lanes import Lane, Mode, advance, begin, carried, falls
from .problem import Problem
from .verdicts import rounding_of

MODES: tuple[Mode, ...] = ("newton", "damped", "newton", "curved")
"""The phases: each takes those that the ones before did not bring to a fixed point."""

SQUARES: dict[Mode, int] = {"damped": 6, "newton": 6, "curved": 16}
"""`[N, N]` arrays of a lane: Jacobian, normal matrix, factors; more for the Hessian of `q`."""

NUDGES, PUSH = 2, 1e-2
"""How often, and how far beside it, a lane at a saddle of `q` is put: as a share of its state."""

STUCK: dict[Mode, float] = {"damped": 1e12, "newton": 1e4, "curved": 1e12}
"""A damping at which no move is left."""

CARRY = 1000
"""Steps of the network itself, after which a start that is left over is taken up again."""

FEWEST = 16
"""A batch of so few lanes does not shrink further: to compile once more would take longer."""

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

    A start that all of them leave without a point, fixed or slow, is taken up again from where the
    network itself brings it in `CARRY` steps. Noise, and moves that are not the network's own,
    reach states that it never visits: beyond (-1, 1) a GRU's shut gates hold nearly anything.

    **Arguments:**

    - `problem`: step and starts.
    - `limits`: when a lane ends.
    - `memory`: a budget, as bytes or like "1GiB".

    **Returns:** lanes, arrays on the host.

    **Raises:** `ValueError` where not even one lane fits the budget.
    """
    room: dict[Mode, int] = {m: problem.at_once(memory, SQUARES[m]) for m in SQUARES}
    with problem.precision():
        xs = jax.tree.map(jnp.asarray, problem.x)
        lanes = begin(problem.flat, xs, jnp.asarray(problem.rows), problem.per_point)
        lanes = Lane(*(np.array(part) for part in lanes))
        _phases(problem, lanes, np.arange(len(lanes.q)), limits, room)
        again = _carried(problem, lanes, limits)
        _phases(problem, lanes, again, limits, room)
    return lanes


def _phases(
    problem: Problem,
    lanes: Lane,
    which: Int[np.ndarray, " M"],
    limits: Limits,
    room: dict[Mode, int],
) -> None:
    """Some lanes through all phases; those that rest on a saddle of `q` are pushed off it."""
    for mode in MODES:
        away = which[~(_home(lanes, limits) | _lost(lanes, limits))[which]]
        phase = _tried if mode == "newton" else _descend
        phase(problem, lanes, away, limits, room[mode], mode)
    for _ in range(NUDGES):
        tops = _pushed(problem, lanes, which[_resting(lanes, limits)[which]], room["curved"])
        _descend(problem, lanes, tops, limits, room["curved"], "curved")
    tops = _pushed(problem, lanes, which[_resting(lanes, limits)[which]], room["curved"])
    lanes.slope[tops] = np.inf


def _carried(problem: Problem, lanes: Lane, limits: Limits) -> Int[np.ndarray, " K"]:
    """Lanes without a point, put to where the step itself brings their starts in `CARRY` steps.

    A start that the step carries beyond all scale stays where its lane is.
    """
    eps = float(np.finfo(lanes.h.dtype).eps)
    rounded = lanes.q <= rounding_of(lanes.h, lanes.h, eps)
    # so far out that a move is lost in rounding, q is 0 as well
    there = (_home(lanes, limits) | rounded) & ~_lost(lanes, limits)
    left = np.flatnonzero(~there & ~_resting(lanes, limits))
    if left.size:
        carry = lambda step, x, hs, per_point: carried(step, x, hs, CARRY, per_point)
        hs = _padded(problem, carry, left, problem.rows[left], len(lanes.q))
        kept = np.abs(hs).max(1) <= limits.far
        left = left[kept]
        _put(problem, lanes, left, hs[kept])
    return left


def _put(
    problem: Problem, lanes: Lane, which: Int[np.ndarray, " M"], hs: Float[np.ndarray, "M N"]
) -> None:
    """Lanes put to other states, to begin anew there."""
    if which.size:
        fresh = _padded(problem, begin, which, hs, len(lanes.q))
        lanes.h[which], lanes.q[which], lanes.damping[which] = hs, fresh.q, 1


def _batch(count: int, most: int) -> int:
    """Lanes of a batch for so many that wait: the most, a quarter of it, a quarter of that, ..."""
    size = most
    while size > max(FEWEST, 4 * count):
        size = -(-size // 4)
    return size


def _padded(
    problem: Problem,
    ask: Callable,
    which: Int[np.ndarray, " M"],
    hs: Float[np.ndarray, "M N"],
    most: int,
) -> Any:
    """What a compiled function says of some states, in a batch of one of the few sizes."""
    index = np.resize(np.arange(len(which)), _batch(len(which), most))
    x = jax.tree.map(jnp.asarray, problem.inputs(which[index]))
    found = ask(problem.flat, x, jnp.asarray(hs[index]), problem.per_point)
    return jax.tree.map(lambda part: np.asarray(part)[: len(which)], found)


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
    begun, most = lanes.count.copy(), min(room, len(lanes.q))
    while waiting.size:
        size = _batch(len(waiting), most)
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
        bent, way = _padded(problem, falls, now, lanes.h[now], min(room, len(lanes.q)))
        top = bent < -(float(np.finfo(bent.dtype).eps) ** 0.4)
        size = 1 + np.linalg.norm(lanes.h[now[top]], axis=1, keepdims=True)
        _put(problem, lanes, now[top], lanes.h[now[top]] + PUSH * size * way[top])
        tops.append(now[top])
    return np.concatenate([np.zeros(0, int), *tops])


def _resting(lanes: Lane, limits: Limits) -> Bool[np.ndarray, " S"]:
    """Lanes that would be called slow."""
    near = np.asarray(lanes.slope) <= float(np.finfo(lanes.slope.dtype).eps) ** 0.25
    return near & ~_home(lanes, limits) & ~_lost(lanes, limits)


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
