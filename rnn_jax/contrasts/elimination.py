"""Elimination: a small set that works alone, all other units holding the foil's states.

    course = eliminate(held, jnp.ones(G, bool), keep=0.9, rounds=256)
    course.free                       # [N]: the closed circuit

It starts with all units free and holds the least needed ones, in rounds. A round runs the
candidates that mattered least so far, sorts them, and holds the longest row of them that leaves
the set good enough, at most a tenth of what is free. Growth from nothing needs joint sets that it
cannot see; what remains when nothing more may be held is such a set.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float, Int

SCREENED = 16
"""Candidates that are run exactly in a round."""
PREFIXES = 8
"""Rows of candidates, from one to all that may go, that a round tries to hold."""
SHARE = 10
"""One in so many of the free candidates may be held in one round, and one at least."""


class Course(NamedTuple):
    """The course of an elimination.

    - `free`: `[G]`, whether a candidate is left free in the end.
    - `sizes`: `[R]`, how many were free after each round; -1 past the end.
    - `effect`, `off`: `[R, 2]`, what holding the others moves the run, and the foil.
    """

    free: Bool[Array, " G"]
    sizes: Int[Array, " R"]
    effect: Float[Array, "R 2"]
    off: Float[Array, "R 2"]


Held: TypeAlias = Callable[[Bool[Array, "K G"]], tuple[Array, Array]]
"""Effect and off target of holding all that is not free, as shares of the reach."""

Slope: TypeAlias = Callable[[Bool[Array, " G"]], Float[Array, " G"]]
"""Which candidates are free, to how much holding each of them matters to first order."""


class _State(NamedTuple):
    r: Array
    free: Array
    cost: Array
    tried: Array
    course: Course
    done: Array


def eliminate(
    held: Held,
    free: Bool[Array, " G"],
    keep: Float[Array, ""],
    rounds: int,
    least: Int[Array, ""] | int = 1,
    complete: bool = False,
    cost: Float[Array, " G"] | None = None,
) -> Course:
    """Hold candidates at the foil's values while the rest keeps a share of the difference.

    Good enough: in both directions `e <= 1 - keep` and `e^2 + off <= 1 - keep`, `e` the effect of
    holding all others: what the set keeps alone is at least `keep`, and what it does too much of,
    or otherwise, is little. It is one part of a program: call it inside `jit`.

    **Arguments:**

    - `held`: `[K, G]`, which candidates are free, to effect and off target of holding the others,
        each `[2, K]`.
    - `free`: which candidates there are.
    - `keep`: the share that the free set must keep.
    - `rounds`: the most rounds.
    - `least`: the size at which it ends.
    - `complete`: whether a round in which nothing may be held is followed by one that tries the
        next candidates, until all that are free were tried; else it is the last.
    - `cost`: how much each candidate is thought to matter, for the order of the first rounds; what
        holding each of them alone does unless given.

    **Returns:** a `Course`.
    """
    G = len(free)
    if cost is None:
        cost = _cost(*held(free[None] & ~jnp.eye(G, dtype=bool)))
    blank = jnp.full((rounds, 2), jnp.nan, cost.dtype)
    start = Course(free, jnp.full(rounds, -1), blank, blank)
    first = _State(jnp.asarray(0), free, cost, jnp.zeros(G, bool), start, jnp.asarray(False))
    proceed = lambda now: ~now.done & (now.r < rounds) & (now.free.sum() > least)
    round_ = lambda now: _round(held, keep, least, complete, now)
    return lax.while_loop(proceed, round_, first).course


def halved(
    held: Held, slope: Slope, free: Bool[Array, " G"], keep: Float[Array, ""], least: int
) -> tuple[Bool[Array, " G"], Float[Array, " G"]]:
    """Hold many candidates at once, the least by first order, while the rest is good enough.

    A round holds a half, a quarter, ... of what is free: the largest part that may go.

    **Arguments:**

    - `held`, `free`, `keep`: as for `eliminate`.
    - `slope`: which candidates are free to how much each matters, `[G]`.
    - `least`: the size from which on `eliminate` goes on.

    **Returns:** what is free, and its slope.
    """
    powers = 2 ** jnp.arange(1, PREFIXES + 1)

    def round_(now: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        free, cost, _ = now
        rank = jnp.argsort(jnp.argsort(jnp.where(free, cost, jnp.inf)))
        tried = free[None] & (rank[None] >= (free.sum() // powers)[:, None])
        good = enough(*held(tried), keep) & (tried.sum(1) < free.sum())
        free = jnp.where(good.any(), tried[jnp.argmax(good)], free)
        return free, slope(free), ~good.any()

    proceed = lambda now: ~now[2] & (now[0].sum() > least)
    return lax.while_loop(proceed, round_, (free, slope(free), jnp.asarray(False)))[:2]


def _round(
    held: Held, keep: Float[Array, ""], least: Int[Array, ""] | int, complete: bool, now: _State
) -> _State:
    """Hold the longest row of candidates that leaves the set good enough."""
    G, left = len(now.free), now.free.sum()
    count, prefixes = min(SCREENED, G), min(PREFIXES, G)
    # the least needed so far come first; what is held already, or was tried in vain, comes last
    best = jnp.argsort(jnp.where(now.free & ~now.tried, now.cost, jnp.inf))[:count]
    without = now.free[None] & ~(jnp.arange(G)[None] == best[:, None])
    alone = held(without)
    may = now.free[best] & ~now.tried[best]
    cost = jnp.where(now.free[best], _cost(*alone), jnp.inf)
    # one that may be held by itself comes before one that costs less and may not
    order = best[jnp.lexsort((jnp.where(may, cost, jnp.inf), ~(enough(*alone, keep) & may)))]
    most = jnp.minimum(jnp.minimum(jnp.maximum(1, left // SHARE), count), left - least)
    lengths = -(-most * jnp.arange(1, prefixes + 1) // prefixes)
    rank = jnp.full(G, G).at[order].set(jnp.arange(count))
    tried = now.free[None] & ~(rank[None] < lengths[:, None])
    effect, off = held(tried)
    good = enough(effect, off, keep) & (tried.sum(1) < left)
    at = prefixes - 1 - jnp.argmax(good[::-1])
    found = jnp.where(good.any(), tried[at], now.free)
    # a round in which nothing goes leaves no trace
    put = lambda rows, row: jnp.where(good.any(), rows.at[now.r].set(row), rows)
    course = Course(
        found,
        put(now.course.sizes, found.sum()),
        put(now.course.effect, effect[:, at]),
        put(now.course.off, off[:, at]),
    )
    in_vain = jnp.where(good.any(), False, now.tried.at[best].set(True))
    done = ~good.any() & (~(found & ~in_vain).any() if complete else True)
    return _State(now.r + 1, found, now.cost.at[best].set(cost), in_vain, course, done)


def curve_of(course: Course, reach: Float[np.ndarray, " 2"]) -> Float[np.ndarray, "R 5"]:
    """Size, undone, restored, and both off target, after each round that held something.

    Alone in the run a set keeps what holding the others does not take: it restores there.
    """
    sizes = np.asarray(course.sizes)
    ran = sizes >= 0
    kept = 1 - (np.asarray(course.effect)[ran] * reach)[:, ::-1]
    off = (np.asarray(course.off)[ran] * reach**2)[:, ::-1]
    return np.column_stack([sizes[ran], kept, off]).astype(float)


def enough(
    effect: Float[Array, "2 K"], off: Float[Array, "2 K"], keep: Float[Array, ""] | float
) -> Bool[Array, " K"]:
    """Whether both directions lack little, and neither overshoots nor strays much."""
    return ((effect <= 1 - keep) & (effect**2 + off <= 1 - keep)).all(0)


def _cost(effect: Float[Array, "2 G"], off: Float[Array, "2 G"]) -> Float[Array, " G"]:
    """How far holding moves both runs, `e^2 + off` summed; a run that fails is needed."""
    cost = (effect**2 + off).sum(0)
    return jnp.where(jnp.isfinite(cost), cost, jnp.finfo(cost.dtype).max)
