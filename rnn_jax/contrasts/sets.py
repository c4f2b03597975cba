"""The searches of one epoch of a contrast: its mediator, its carriers, its circuit.

    mediator(asking), carriers(asking), circuit(asking)

Each is one compiled program, whatever the trials, the window and the basis.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from ..circuits import random_sets, stability
from ..core import Network
from ..core.network import num_units
from . import search as rule
from .aligned import Epoch, Pair
from .answers import Kind, UnitSet
from .audit import audited
from .bases import own_bases, random_bases, turned
from .elimination import curve_of, eliminate, enough, halved
from .exchange import Question, Share, choose, exchanged, shares, sums_of
from .growth import grow
from .halves import Halves, Picks, resplit, stand
from .judged import Judged, judge
from .search import Search
from .slopes import sums_of_mask


class Asking(NamedTuple):
    """One epoch of a contrast, with all that its searches share.

    - `candidates`: masks `[G, N]` of what may join a set; `names`: of groups, empty for units.
    - `most`: how large a mediator grows, before what it does not need is dropped.
    - `progress`: goes on by one for each half-split and each basis that was searched.
    """

    network: Network
    pair: Pair
    epoch: Epoch
    halves: Halves
    search: Search
    key: PRNGKeyArray
    candidates: Float[np.ndarray, "G N"]
    names: tuple[str, ...]
    most: int = rule.LIMIT
    progress: Iterator[Any] = iter(())


class Found(NamedTuple):
    """What a search has found on the choosing trials.

    - `order`: candidates in the order in which they joined; `None` where no set is good enough.
    - `size`: how many; more than may join where none is good enough.
    - `curve`: `[K, 5]`, size, undone, restored, and both off target; of a mediator while it grew.
    - `joined`: candidates in the order in which a mediator grew, with those dropped in the end.
    """

    order: Int[np.ndarray, " k"] | None
    size: float
    curve: Float[np.ndarray, "K 5"]
    joined: Int[np.ndarray, " K"]


SearchOf = Callable[[Asking, Question, Any, Float[np.ndarray, " 2"]], Found]


def mediator(asking: Asking) -> UnitSet:
    """The mediator of the epoch's window."""
    return _tested(asking, "mediator", grown, asking.epoch.window)


def circuit(asking: Asking) -> UnitSet:
    """The circuit: the others are held from the event to the read, or inside the epoch."""
    return _tested(asking, "circuit", reduced, asking.epoch.closed)


def carriers(asking: Asking) -> list[UnitSet]:
    """The mediators of single steps of the window, where enough trials decide them.

    Steps are counted from each trial's own first one, so that trials whose windows start at
    different times are asked alike.
    """
    window, found = asking.epoch.window > 0, []
    rank = np.cumsum(window, 1) - 1
    most = int(window[asking.halves.valid].sum(1).max())
    spread = np.linspace(0, most - 1, min(rule.STEPS, most)).round().astype(int)
    for step in map(int, spread):
        at = (window & (rank == step)).astype(float)
        sides = [_with_step(half, at) for half in (asking.halves.choosing, asking.halves.judging)]
        choosing, judging = (choose(asking.pair, asking.epoch, *half, at) for half in sides)
        if stand(asking.pair, asking.epoch, choosing, judging).note:
            continue
        reach = reach_of(asking.network, choosing)
        if not reach.min() >= rule.REACH:
            continue
        chosen = grown(asking, choosing, None, of_reach(reach))
        none = np.zeros((0, asking.candidates.shape[1]), bool)
        found.append(_unit_set(asking, "carriers", step, chosen, reach, judging, none))
    return found


def _with_step(half: Picks, at: Float[np.ndarray, "B L"]) -> Picks:
    """The same trials; those whose window has no such step weigh nothing."""
    picks, weights = half
    return picks, weights * at[picks].any(1)


def reach_of(network: Network, question: Question) -> Float[np.ndarray, " 2"]:
    """The effect of exchanging all units."""
    everyone = np.ones((1, jax.tree.leaves(network.h0)[0].shape[0]), question.ys.dtype)
    sums = np.asarray(exchanged(network, question, everyone), float)
    return np.asarray(shares(sums, np.asarray(question.norms, float)).effect[:, 0])


def of_reach(reach: Float[np.ndarray, " 2"]) -> Float[np.ndarray, " 2"]:
    """What effects are shares of: the reach where it is small, else the whole difference."""
    return np.where(reach < rule.WHOLE, reach, 1.0)


def grown(asking: Asking, question: Question, bases: Any, reach: np.ndarray) -> Found:
    """A mediator."""
    G, dtype = len(asking.candidates), question.ys.dtype
    limit, most = min(rule.LIMIT, G), min(asking.most, G)
    tolerance = np.asarray(asking.search.tolerance * rule.MARGIN, dtype)
    path = _grown(
        asking.network, question, asking.candidates.astype(dtype), _own(asking, bases), limit,
        np.asarray(most), tolerance, reach.astype(dtype),
    )  # fmt: skip
    ran, kept = min(int(path.grown), most), np.asarray(path.kept)
    effect, off = np.asarray(path.effect)[:ran] * reach, np.asarray(path.off)[:ran] * reach**2
    curve = np.column_stack([np.arange(1, ran + 1), effect, off])
    order = np.asarray(path.order)[kept] if kept.any() else None
    size = float(path.size) if kept.any() else most + 1.0
    return Found(order, size, curve, np.asarray(path.order)[:ran])


def reduced(asking: Asking, question: Question, bases: Any, reach: np.ndarray) -> Found:
    """A circuit."""
    dtype, keep = question.ys.dtype, 1 - rule.MARGIN * (1 - asking.search.keep)
    course = _reduced(
        asking.network, question, asking.candidates.astype(dtype), _own(asking, bases),
        rule.ROUNDS, np.asarray(keep, dtype), reach.astype(dtype),
    )  # fmt: skip
    free = np.flatnonzero(np.asarray(course.free))
    return Found(free, float(len(free)), curve_of(course, reach), free[:0])


@eqx.filter_jit
def _grown(network, question, candidates, bases, limit: int, most, tolerance, reach):
    return grow(*turned(network, question, bases), candidates, limit, most, tolerance, reach)


@eqx.filter_jit
def _reduced(network, question, candidates, bases, rounds: int, keep, reach):
    network, question = turned(network, question, bases)

    def held(free: Bool[Array, "K G"]) -> tuple[Array, Array]:
        masks = 1 - jnp.clip(free.astype(candidates.dtype) @ candidates, 0, 1)
        found = shares(sums_of(network, question, masks), question.norms)
        return found.effect / reach[:, None], found.off / reach[:, None] ** 2

    def slope(free: Bool[Array, " G"]) -> Float[Array, " G"]:
        def effect(mask: Float[Array, " N"]) -> Float[Array, " 2"]:
            return shares(sums_of_mask(network, question, mask), question.norms).effect / reach

        mask = 1 - jnp.clip(free.astype(candidates.dtype) @ candidates, 0, 1)
        return ((jax.jacrev(effect)(mask) @ candidates.T) ** 2).sum(0)

    free, cost = jnp.ones(len(candidates), bool), None
    if len(candidates) > rule.MANY:
        free, cost = halved(held, slope, free, keep, rule.MANY)
    return eliminate(held, free, keep, rounds, cost=cost)


def _own(asking: Asking, bases: Any) -> Any:
    return own_bases(asking.network.h0) if bases is None else bases


def _tested(asking: Asking, kind: Kind, search: SearchOf, window: np.ndarray) -> UnitSet:
    """A set with everything that is asked of one: half-splits, random sets, random bases."""
    sides = (asking.halves.choosing, asking.halves.judging)
    choosing, judging = (choose(asking.pair, asking.epoch, *half, window) for half in sides)
    reach = reach_of(asking.network, choosing)
    whole = of_reach(reach)
    of_halves, of_bases, of_sets = jax.random.split(asking.key, 3)
    chosen = search(asking, choosing, None, whole)
    members = _members(asking, chosen)
    draws = random_sets(of_sets, members, asking.search.random_sets, activity(asking.pair))
    found = _unit_set(asking, kind, -1, chosen, reach, judging, np.asarray(draws))

    def again(key: PRNGKeyArray) -> np.ndarray:
        half = resplit(key, asking.halves)
        other = choose(asking.pair, asking.epoch, *half, window)
        return _members(asking, search(asking, other, None, whole))

    bases, count = repeats(asking)
    shorter = asking._replace(most=_most(asking, len(chosen.joined)))

    def in_basis(key: PRNGKeyArray) -> float:
        return search(shorter, choosing, random_bases(key, asking.network.h0), whole).size

    splits = side_by_side(again, jax.random.split(of_halves, count), asking.progress)
    keys = jax.random.split(of_bases, bases)
    sizes = np.array(side_by_side(in_basis, keys, asking.progress), float)
    p = (1 + (sizes <= chosen.size).sum()) / (1 + len(sizes)) if len(sizes) else np.nan
    frequency = np.mean(splits, 0) if splits else found.frequency
    agreement = float(stability(np.stack(splits)).jaccard) if len(splits) > 1 else np.nan
    rows = rows_of_single(asking.network, asking.search)
    right = audited(asking.network, choosing, asking.candidates, chosen.joined, whole, rows)
    return found._replace(
        frequency=frequency, agreement=agreement, base_sizes=sizes, p_bases=float(p), screen=right
    )


def rows_of_single(network: Network, search: Search) -> int:
    """Sets that are run at once where each unit is: as many as random sets need later."""
    return max(num_units(network), search.random_sets) + 1


def repeats(asking: Asking) -> tuple[int, int]:
    """In how many random bases, none for groups, and half-splits each kind of set is searched."""
    bases, splits = 0 if asking.names else asking.search.bases, asking.search.splits
    if asking.candidates.shape[1] > rule.MANY:
        return min(bases, rule.FEW_BASES), min(splits, rule.FEW_SPLITS)
    return bases, splits


def _most(asking: Asking, rounds: int) -> int:
    """How large a mediator grows in a basis, where the own one took so many rounds."""
    many = asking.candidates.shape[1] > rule.MANY
    return min(rule.LIMIT, rule.BEYOND * max(rounds, 1)) if many else rule.LIMIT


def activity(pair: Pair) -> Float[np.ndarray, " N"]:
    """Each unit's standard deviation over both runs, trials and steps, parts of a state alike."""
    parts = [leaf.reshape(-1, leaf.shape[-1]) for leaf in jax.tree.leaves(pair.hs)]
    return np.nanstd(np.concatenate(parts), 0)


def _members(asking: Asking, found: Found) -> Bool[np.ndarray, " N"]:
    rows = asking.candidates[:0] if found.order is None else asking.candidates[found.order]
    return np.asarray((rows > 0).any(0))


def _unit_set(
    asking: Asking,
    kind: Kind,
    step: int,
    found: Found,
    reach: np.ndarray,
    judging: Question,
    draws: np.ndarray,
) -> UnitSet:
    """A chosen set with what it does on the judging half."""
    members = _members(asking, found)
    numbers = judge(asking.network, judging, members, draws, kind == "circuit")
    order, groups = (() if found.order is None else tuple(map(int, found.order))), ()
    if asking.names:
        groups = tuple(asking.names[i] for i in order)
        order = tuple(map(int, np.flatnonzero(members)))
    holds = found.order is not None and _holds(kind, numbers, of_reach(reach), asking.search)
    return UnitSet(
        kind, step, members, order, groups, reach, *numbers, np.full(len(members), np.nan),
        found.size, np.array([]), np.nan, found.curve, holds=holds,
    )  # fmt: skip


def _holds(kind: Kind, judged: Judged, whole: Float[np.ndarray, " 2"], search: Search) -> bool:
    """Whether fresh trials agree: what was allowed of a set, without the margin."""
    effect, off = np.array([judged.undone[0], judged.restored[0]]), judged.off_target[0] / whole
    if kind == "circuit":
        # what holding all others does: directions swap
        held, strays = jnp.stack([(1 - effect[::-1]) / whole, off**2])[..., None]
        return bool(enough(held, strays, search.keep)[0])
    return bool((Share(effect / whole, off**2).residual <= search.tolerance).all())


def side_by_side(
    job: Callable[[Any], Any], inputs: Iterable, progress: Iterator[Any] = iter(())
) -> list:
    """The same search many times, some at once: one alone is too small to fill the cores."""
    found = []
    with ThreadPoolExecutor(min(os.cpu_count() or 1, rule.AT_ONCE)) as pool:
        for one in pool.map(job, inputs):
            found.append(one)
            next(progress, None)
    return found
