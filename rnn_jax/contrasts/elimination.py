"""Elimination: the smallest set found that works alone, all other units holding the foil's states.

    course = eliminate(network, question, candidates, keep=0.9)
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

from ..core import Network
from .exchange import Question, shares, sums_of

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


class _State(NamedTuple):
    r: Array
    free: Array
    cost: Array
    course: Course
    done: Array


def eliminate(
    network: Network,
    question: Question,
    candidates: Float[Array, "G N"],
    keep: Float[Array, ""],
    reach: Float[Array, " 2"],
    rounds: int,
) -> Course:
    """Hold candidates at the foil's states while the rest keeps a share of the difference.

    Good enough: in both directions `e <= 1 - keep` and `e^2 + off <= 1 - keep`, `e` the effect of
    holding all others: what the set keeps alone is at least `keep`, and what it does too much of,
    or otherwise, is little. It is one part of a program: call it inside `jit`.

    **Arguments:**

    - `network`, `question`: the trials on which it is searched; its window holds the others.
    - `candidates`: masks of units, or groups.
    - `keep`: the share that the free set must keep.
    - `reach`: effects count as shares of this, `[2]`.
    - `rounds`: the most rounds.

    **Returns:** a `Course`.
    """
    G = len(candidates)

    def held(free: Bool[Array, "K G"]) -> tuple[Array, Array]:
        """Effect and off target, `[2, K]`, of holding all that is not free."""
        masks = 1 - jnp.clip(free.astype(candidates.dtype) @ candidates, 0, 1)
        found = shares(sums_of(network, question, masks), question.norms)
        return found.effect / reach[:, None], found.off / reach[:, None] ** 2

    everyone, blank = jnp.ones(G, bool), jnp.full((rounds, 2), jnp.nan, candidates.dtype)
    cost = _cost(*held(~jnp.eye(G, dtype=bool)))
    start = Course(everyone, jnp.full(rounds, -1), blank, blank)
    first = _State(jnp.asarray(0), everyone, cost, start, jnp.asarray(False))
    proceed = lambda now: ~now.done & (now.r < rounds) & (now.free.sum() > 1)
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
