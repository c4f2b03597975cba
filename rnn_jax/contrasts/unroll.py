"""The circuit unrolled in time: which connections inside it carry the difference, and when.

    found = unroll(asking, circuit)
    found.source, found.to           # of the edges that are kept
    found.by_window[1, v, k]         # restored less, where edge k alone is cut in window v

Edges are cut as sets, by elimination inside the closed circuit, on the choosing half. First an
edge acts from the event to the read or not at all; then each kept edge acts in some windows of
time. What the edges do is told on the judging half.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, Shaped

from ..circuits import random_sets
from . import search as rule
from .answers import UnitSet
from .candidates import Candidates, candidates, filled, reads_by_products, spans
from .edges import sums_by_edges
from .elimination import Course, curve_of, eliminate, enough
from .exchange import Question, choose, shares
from .intervals import Intervals, share_intervals
from .judged import alone
from .sets import Asking, activity, of_reach, side_by_side
from .unrolled import Unrolled


class _Cut(NamedTuple):
    """What every run of cut edges shares: the epoch, a half, the reach, and how steps read."""

    asking: Asking
    choosing: Question
    judging: Question
    reach: Float[np.ndarray, " 2"]
    products: bool


def unroll(asking: Asking, circuit: UnitSet) -> Unrolled | None:
    """The edges of a circuit, searched and judged; `None` where no set of edges is good enough.

    **Arguments:**

    - `asking`: the epoch of a contrast.
    - `circuit`: the closed circuit, of units or of whole groups.
    """
    cut, members = _cut(asking, circuit), circuit.members
    found = candidates(asking, members, cut.choosing)
    course, own, good = _tied(cut, found, asking.search.keep, 1)
    if not good:
        return None
    kept, curve = np.asarray(course.free), curve_of(course, cut.reach)
    windows, at = spans(cut.choosing)
    timed = _acting(cut, found, kept, at)
    of_random, of_others = jax.random.split(jax.random.fold_in(asking.key, 1))
    draws = _random_edges(of_random, found.free, int(kept.sum()), asking.search.random_sets)
    judged = _judged(cut, found, at, kept, timed, draws)
    others = _others(of_others, cut, members, int(kept.sum()))
    p = (_p(judged.pop("own"), judged["random"]), _p(float(np.min(own)), others))
    picked = np.flatnonzero(kept)
    return Unrolled(
        kind=tuple(found.kind[g] for g in picked), to=found.to[picked],
        source=found.source[picked], groups=asking.names, count=len(found.kind), windows=windows,
        acts=timed[:, picked], curve=curve, others=others, p=np.array(p), **judged,
    )  # fmt: skip


def _cut(asking: Asking, circuit: UnitSet) -> _Cut:
    sides = (asking.halves.choosing, asking.halves.judging)
    window = asking.epoch.closed
    choosing, judging = (choose(asking.pair, asking.epoch, *half, window) for half in sides)
    reach = of_reach(circuit.reach).astype(choosing.ys.dtype)
    products = reads_by_products(asking.network, choosing)
    return _Cut(asking, choosing, judging, reach, products)


@eqx.filter_jit
def _eliminated(network, question, closed, free, keep, least, reach, products: bool):
    """The elimination of edges in windows of time, `free` `[V, H]`."""

    def held(sets: Shaped[Array, "K F"]) -> tuple[Array, Array]:
        rows = sets.reshape(-1, *free.shape)
        found = shares(sums_by_edges(network, question, closed, rows, products), question.norms)
        return found.effect / reach[:, None], found.off / reach[:, None] ** 2

    cost, every = None, free.ravel().astype(reach.dtype)
    if free.size > rule.SINGLY:
        # a run for each edge would take longer than all the rest
        cost = (jax.jacrev(lambda kept: held(kept[None])[0][:, 0])(every) ** 2).sum(0)
    course = eliminate(held, free.ravel(), keep, rule.EDGE_ROUNDS, least, complete=True, cost=cost)
    # once more at the end: where nothing may be cut, the course says nothing of what is kept
    effect, off = held(course.free[None])
    return course, 1 - (effect[:, 0] * reach)[::-1], enough(effect, off, keep)[0]


_sums = eqx.filter_jit(sums_by_edges)


def _tied(cut: _Cut, found: Candidates, keep: float, least: int) -> tuple[Course, Array, Array]:
    """Edges that act from the event to the read, or not at all; undone and restored by them, and
    whether that is good enough."""
    keep_, least_ = np.asarray(keep, cut.reach.dtype), np.asarray(least)
    return _eliminated(
        cut.asking.network, cut.choosing, found.closed, found.free[None], keep_, least_, cut.reach,
        cut.products,
    )  # fmt: skip


def _acting(
    cut: _Cut, found: Candidates, kept: Bool[np.ndarray, " H"], at: Int[np.ndarray, " L"]
) -> Bool[np.ndarray, "V H"]:
    """In which windows each kept edge is needed."""
    picked = np.flatnonzero(kept)
    slots = filled(len(picked))
    rank = np.full(len(kept) + 1, slots)
    rank[picked] = np.arange(len(picked))
    closed = found.closed._replace(places=rank[found.closed.places], at=at)
    free = np.tile(np.arange(slots) < len(picked), (at.max() + 1, 1))
    keep, least = np.asarray(cut.asking.search.keep, cut.reach.dtype), np.asarray(1)
    course, *_ = _eliminated(
        cut.asking.network, cut.choosing, closed, free, keep, least, cut.reach, cut.products
    )
    acts = np.zeros((len(free), len(kept)), bool)
    acts[:, picked] = np.asarray(course.free).reshape(free.shape)[:, : len(picked)]
    return acts


def _judged(
    cut: _Cut,
    found: Candidates,
    at: Int[np.ndarray, " L"],
    kept: Bool[np.ndarray, " H"],
    timed: Bool[np.ndarray, "V H"],
    draws: Bool[np.ndarray, "R H"],
) -> dict:
    """What the edges do on the judging half: together, each cut alone, and random ones."""
    V, picked = len(timed), np.flatnonzero(kept)
    always = lambda rows: np.repeat(np.atleast_2d(rows)[:, None], V, 1)
    but_one = ~np.eye(len(kept), dtype=bool)[picked]
    here = np.eye(V, dtype=bool)[:, None, :, None]
    once = (~here | but_one[None, :, None]).reshape(-1, V, len(kept))
    parts = [always(kept), timed[None], always(kept & but_one), once & kept, always(draws)]
    ends = np.cumsum([len(part) for part in parts])
    rows = np.concatenate(parts)
    rows = np.concatenate([rows, np.zeros((-len(rows) % 256, *rows.shape[1:]), bool)])
    closed = found.closed._replace(at=at)
    sums = _sums(cut.asking.network, cut.judging, closed, rows, cut.products)
    sums, norms = np.asarray(sums, float)[:, : ends[-1]], np.asarray(cut.judging.norms, float)
    together, own_time, single, by_window, random = np.split(sums, ends[:-1], 1)
    less = lambda part: share_intervals(part - together, norms).effect[::-1]
    whole, timed_ = (_kept(share_intervals(part, norms)) for part in (together, own_time))
    return {
        "effect": less(single),
        "by_window": less(by_window)[..., 0].reshape(2, V, -1),
        "undone": whole[0], "restored": whole[1], "off_target": whole[2], "timed": timed_,
        "random": (1 - shares(random, norms).effect).min(0),
        "own": whole[:2, 0].min(),
    }  # fmt: skip


def _kept(found: Intervals) -> Float[np.ndarray, "3 3"]:
    """Undone, restored and off target of a set alone, from what holding the others does."""
    off = found.off[:, 0]
    return np.stack([*alone(found.effect[:, 0]), off[off[:, 0].argmax()]])


def _random_edges(
    key: PRNGKeyArray, free: Bool[np.ndarray, " H"], count: int, draws: int
) -> Bool[np.ndarray, "R H"]:
    """Random sets of as many candidates."""
    order = np.asarray(jax.random.uniform(key, (draws, len(free)))) + ~free
    return np.asarray(order.argsort(1).argsort(1) < count)


def _others(
    key: PRNGKeyArray, cut: _Cut, members: Bool[np.ndarray, " N"], count: int
) -> Float[np.ndarray, " S"]:
    """What as many edges keep that the same search finds in random closed sets of equal size."""
    draws = 0 if cut.asking.names else cut.asking.search.edge_nulls
    sets = random_sets(key, members, max(draws, 1), activity(cut.asking.pair))[:draws]

    def one(drawn: Bool[np.ndarray, " N"]) -> float:
        found = candidates(cut.asking, drawn, cut.choosing)
        return float(np.min(_tied(cut, found, -np.inf, count)[1]))

    return np.array(side_by_side(one, list(np.asarray(sets))))


def _p(own: float, null: Float[np.ndarray, " R"]) -> float:
    """The share of random ones that keep as much, counting this one; a failed run does."""
    return (1 + int((~(null < own - 1e-6)).sum())) / (1 + len(null)) if len(null) else np.nan
