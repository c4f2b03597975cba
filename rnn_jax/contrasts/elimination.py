"""Elimination: the smallest set found that works alone, all other units holding the foil's states.

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


class _State(NamedTuple):
    r: Array
    free: Array
    cost: Array
    course: Course
    done: Array


def eliminate(
    held: Held,
    free: Bool[Array, " G"],
    keep: Float[Array, ""],
    rounds: int,
    least: Int[Array, ""] | int = 1,
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

    **Returns:** a `Course`.
    """
    G = len(free)
    without = free[None] & ~jnp.eye(G, dtype=bool)
    effect, off = held(without)
    blank = jnp.full((rounds, 2), jnp.nan, effect.dtype)
    start = Course(free, jnp.full(rounds, -1), blank, blank)
    first = _State(jnp.asarray(0), free, _cost(effect, off), start, jnp.asarray(False))
    proceed = lambda now: ~now.done & (now.r < rounds) & (now.free.sum() > least)
    return lax.while_loop(proceed, lambda now: _round(held, keep, now), first).course


def _round(held: Held, keep: Float[Array, ""], now: _State) -> _State:
    """Hold the longest row of candidates that leaves the set good enough."""
    G, left = len(now.free), now.free.sum()
    count, prefixes = min(SCREENED, G), min(PREFIXES, G)
    # the least needed so far come first; what is held already comes last
    best = jnp.argsort(jnp.where(now.free, now.cost, jnp.inf))[:count]
    without = now.free[None] & ~(jnp.arange(G)[None] == best[:, None])
    alone = held(without)
    free = now.free[best]
    cost = jnp.where(free, _cost(*alone), jnp.inf)
    # one that may be held by itself comes before one that costs less and may not
    order = best[jnp.lexsort((cost, ~(_enough(*alone, keep) & free)))]
    most = jnp.minimum(jnp.maximum(1, left // SHARE), count)
    lengths = -(-most * jnp.arange(1, prefixes + 1) // prefixes)
    rank = jnp.full(G, G).at[order].set(jnp.arange(count))
    tried = now.free[None] & ~(rank[None] < lengths[:, None])
    effect, off = held(tried)
    good = _enough(effect, off, keep) & (tried.sum(1) < left)
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
    return _State(now.r + 1, found, now.cost.at[best].set(cost), course, ~good.any())


def _enough(
    effect: Float[Array, "2 K"], off: Float[Array, "2 K"], keep: Float[Array, ""]
) -> Bool[Array, " K"]:
    return ((effect <= 1 - keep) & (effect**2 + off <= 1 - keep)).all(0)


def _cost(effect: Float[Array, "2 G"], off: Float[Array, "2 G"]) -> Float[Array, " G"]:
    """How far holding moves both runs, `e^2 + off` summed; a run that fails is needed."""
    cost = (effect**2 + off).sum(0)
    return jnp.where(jnp.isfinite(cost), cost, jnp.finfo(cost.dtype).max)
