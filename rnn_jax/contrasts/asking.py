"""Ask a contrast: which units carry the difference, and which produce it alone.

    answers = ask(network, trials, "bit 0", trials.contrasts["bit 0"], Search(), key)
    answers[0].sets[0].members           # the mediator of the first epoch

Half of the trials choose the sets, sizes included; the other half judges them. The same search
runs in random bases, in which a network without a circuit of units needs as few axes as units.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key, PRNGKeyArray

from ..circuits import random_sets
from ..core import Network
from ..core.network import num_units
from ..core.progress import Track, in_silence
from ..tasks import Contrast, Trials
from . import search as rule
from .aligned import Asked, Pair, aligned
from .answers import Answer, Kind, UnitSet
from .bases import own_bases, random_bases, turned
from .elimination import eliminate
from .exchange import Question, choose, exchanged, shares
from .growth import grow
from .intervals import effective, share_intervals
from .search import Search


class Halves(NamedTuple):
    """The trials that choose and those that judge, each filled up to one length.

    - `choosing`, `judging`: `(picks, weights)`.
    - `valid`: all of them.
    """

    choosing: tuple[np.ndarray, np.ndarray]
    judging: tuple[np.ndarray, np.ndarray]
    valid: np.ndarray


def ask(
    network: Network,
    trials: Trials,
    name: str,
    contrast: Contrast,
    search: Search,
    key: PRNGKeyArray,
    groups: Sequence[str] = (),
    track: Track = in_silence,
) -> list[Answer]:
    """Mediators, carriers and circuits of each epoch of a contrast.

    It compiles itself: one program for each search, whatever the epoch and the basis.

    **Arguments:**

    - `network`, `trials`: what is asked about.
    - `name`, `contrast`: the question.
    - `search`: tolerances, and how many bases, half-splits and random sets.
    - `key`: draws them, and the halves.
    - `groups`: a label for each unit; where single units do next to nothing, groups are searched.
    - `track`: shows progress over epochs.

    **Returns:** an `Answer` for each epoch.
    """
    pair = aligned(network, trials, contrast)
    answers = []
    for e, epoch in enumerate(track(list(pair.epochs), name)):
        asked = pair.epochs[epoch]
        of_halves, of_rest = jax.random.split(jax.random.fold_in(key, e))
        halves = _halves(of_halves, asked.valid)
        answers.append(
            _Asking(network, pair, asked, halves, search, of_rest, tuple(groups)).answer(
                name, epoch
            )
        )
    return answers


def _halves(key: PRNGKeyArray, valid: Bool[np.ndarray, " B"]) -> Halves:
    """A random half of the valid trials, and the rest."""
    order = np.asarray(jax.random.permutation(key, len(valid)))
    order = order[valid[order]]
    size = -(-len(valid) // 2)
    first = -(-len(order) // 2)
    return Halves(_filled(order[:first], size), _filled(order[first:], size), order)


def _filled(picks: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Trials filled up with the first one, which then weighs nothing."""
    fill = size - len(picks)
    return np.pad(picks, (0, fill)), np.pad(np.ones(len(picks)), (0, fill))


class _Asking(NamedTuple):
    """One epoch of a contrast, with all that its searches share."""

    network: Network
    pair: Pair
    asked: Asked
    halves: Halves
    search: Search
    key: PRNGKeyArray
    groups: tuple[str, ...]

    def question(
        self, which: tuple[np.ndarray, np.ndarray], window: np.ndarray | None = None
    ) -> Question:
        picks, weights = which
        return choose(self.pair, self.asked, picks, weights, window)

    def answer(self, contrast: str, epoch: str) -> Answer:
        N = num_units(self.network)
        both = [self.question(which) for which in (self.halves.choosing, self.halves.judging)]
        norms = [np.asarray(q.norms, float) for q in both]
        counts = (int((norms[0][0, :, 1] > 0).sum()), int((norms[1][0, :, 1] > 0).sum()))
        worth = min(float(effective(n[0, :, 1])) for n in norms)
        difference = _difference(both)
        nothing = np.zeros((2, N))
        blank = Answer(
            contrast, epoch, "", counts, worth, difference, np.full(2, np.nan), nothing, (),
            np.zeros(N, bool),
        )  # fmt: skip
        if note := _refusal(counts, worth, difference):
            return blank._replace(note=note)
        # as many rows as the random sets fill, where units are fewer: one program for both
        rows = np.zeros((max(N, self.search.random_sets) + 1, N))
        rows[:N], rows[-1] = np.eye(N), 1
        found = _shares(self.network, both[0], rows)
        reach, single = np.asarray(found.effect[:, -1]), np.asarray(found.effect[:, :N])
        blank = blank._replace(reach=reach, single=single)
        if reach.min() < rule.REACH:
            note = f"not decided in this window: exchanging all units does {reach.min():.2f}"
            return blank._replace(note=note)
        share = np.where(reach < rule.WHOLE, reach, 1.0)
        alone = (np.abs(single) / share[:, None]).max(0)
        large = alone >= rule.LARGE
        names, candidates = _candidates(N, self.groups, bool(alone.max() >= rule.SMALL))
        sets = _Sets(self, candidates, names, share)
        found = (sets.mediator(), *sets.carriers(), sets.circuit())
        members = np.any([part.members for part in found], 0) | large
        return blank._replace(sets=found, members=members)


def _refusal(counts: tuple[int, ...], worth: float, difference: float) -> str:
    """Why a question is not asked, in a line; empty where it is."""
    if min(counts) < rule.TRIALS:
        return f"refused: {sum(counts)} trials have the event, and each half needs {rule.TRIALS}"
    if difference < rule.DIFFERENCE:
        return (
            f"refused: run and foil differ by {difference:.2g} standard deviations of the outputs"
        )
    if worth < rule.TRIALS:
        return f"refused: few trials hold the difference, worth {worth:.1f} of {min(counts)}"
    return ""


def _difference(both: list[Question]) -> float:
    """The root mean square of `D` at the times read, in standard deviations."""
    total = sum(float(q.norms[..., 1].sum()) for q in both)
    count = sum(int((q.times > 0).sum()) for q in both)
    return (total / count) ** 0.5 if count else 0.0


def _candidates(
    N: int, groups: tuple[str, ...], units_do: bool
) -> tuple[tuple[str, ...], Float[np.ndarray, "G N"]]:
    """Units; or groups, where there are some and no unit alone does a quarter."""
    names = tuple(dict.fromkeys(groups))
    if len(names) < 2 or units_do:
        return (), np.eye(N)
    return names, np.array([[label == name for label in groups] for name in names], float)


def _shares(network: Network, question: Question, sets: np.ndarray):
    sums = exchanged(network, question, np.asarray(sets, question.ys.dtype))
    return shares(np.asarray(sums, float), np.asarray(question.norms, float))


def _side_by_side(job: Callable[[PRNGKeyArray], Any], keys: Key[Array, " K"]) -> list:
    """The same search many times, on all cores: one alone is too small to fill them."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(job, keys))


@eqx.filter_jit
def _grown(network, question, candidates, bases, limit: int, tolerance, reach):
    return grow(*turned(network, question, bases), candidates, limit, tolerance, reach)


@eqx.filter_jit
def _reduced(network, question, candidates, bases, rounds: int, keep, reach):
    return eliminate(*turned(network, question, bases), candidates, keep, reach, rounds)


class _Sets(NamedTuple):
    """The searches of one epoch."""

    asking: _Asking
    candidates: Float[np.ndarray, "G N"]
    names: tuple[str, ...]
    reach: Float[np.ndarray, " 2"]

    def mediator(self) -> UnitSet:
        """The mediator of the epoch's window, with its halves, bases and random sets."""
        return self._tested("mediator", self._grow, self.asking.asked.window)

    def circuit(self) -> UnitSet:
        """The closed circuit, with its halves, bases and random sets."""
        return self._tested("circuit", self._reduce, self.asking.asked.closed)

    def carriers(self) -> list[UnitSet]:
        """The mediators of single steps of the epoch, where these decide anything."""
        asking, found = self.asking, []
        window = asking.asked.window
        steps = np.flatnonzero((window[asking.asked.valid] > 0).any(0))
        spread = np.linspace(0, len(steps) - 1, min(rule.STEPS, len(steps))).round().astype(int)
        everyone = np.ones((1, self.candidates.shape[1]))
        for step in steps[spread]:
            at = np.zeros_like(window)
            at[:, step] = window[:, step] > 0
            question = asking.question(asking.halves.choosing, at)
            reach = np.asarray(_shares(asking.network, question, everyone).effect[:, 0])
            if reach.min() < rule.REACH:
                continue
            share = np.where(reach < rule.WHOLE, reach, 1.0)
            order, _, curve = self._grow(question, None, share)
            if order is not None:
                found.append(self._judged("carriers", int(step), order, curve, at))
        return found

    def _grow(self, question: Question, bases, reach: np.ndarray):
        """Members in their order, the size, and the curve; no members where none is enough."""
        G, dtype = len(self.candidates), question.ys.dtype
        limit = min(rule.LIMIT, G)
        path = _grown(
            self.asking.network, question, np.asarray(self.candidates, dtype), self._own(bases),
            limit, np.asarray(self.asking.search.tolerance * rule.MARGIN, dtype),
            np.asarray(reach, dtype),
        )  # fmt: skip
        size = int(path.size)
        ran = min(size, limit)
        curve = np.column_stack([np.arange(1, ran + 1), path.effect[:ran], path.off[:ran]])
        return (None if size > limit else np.asarray(path.order[:size])), float(size), curve

    def _reduce(self, question: Question, bases, reach: np.ndarray):
        dtype = question.ys.dtype
        course = _reduced(
            self.asking.network, question, np.asarray(self.candidates, dtype), self._own(bases),
            rule.ROUNDS, np.asarray(self.asking.search.keep, dtype), np.asarray(reach, dtype),
        )  # fmt: skip
        ran = np.asarray(course.sizes) >= 0
        kept = 1 - np.asarray(course.effect)[ran][:, ::-1]
        curve = np.column_stack([np.asarray(course.sizes)[ran], kept, np.asarray(course.off)[ran]])
        free = np.flatnonzero(np.asarray(course.free))
        return free, float(len(free)), curve

    def _own(self, bases):
        return own_bases(self.asking.network.h0) if bases is None else bases

    def _tested(self, kind: Kind, search: Callable, window: np.ndarray) -> UnitSet:
        """A set with everything that is asked of one."""
        asking = self.asking
        question = asking.question(asking.halves.choosing, window)
        order, size, curve = search(question, None, self.reach)
        half_key, base_key, set_key = jax.random.split(asking.key, 3)
        found = self._judged(kind, -1, order, curve, window, set_key)
        frequency = self._frequency(half_key, search, window)
        base_sizes = np.array([])
        if not self.names:
            N = self.candidates.shape[1]
            count = asking.search.bases
            count = count if rule.MANY >= N else min(count, rule.FEW_BASES)
            in_basis = lambda k: search(question, random_bases(k, asking.network.h0), self.reach)[
                1
            ]
            base_sizes = np.array(_side_by_side(in_basis, jax.random.split(base_key, count)))
        p = (1 + (base_sizes <= size).sum()) / (1 + len(base_sizes)) if len(base_sizes) else np.nan
        return found._replace(
            frequency=frequency, size=size, base_sizes=base_sizes, p_bases=float(p)
        )

    def _frequency(self, key: PRNGKeyArray, search: Callable, window: np.ndarray) -> np.ndarray:
        """In what share of random halves of all trials each unit is chosen."""
        asking = self.asking
        valid, length = asking.halves.valid, len(asking.halves.choosing[0])

        def chosen(key: PRNGKeyArray) -> np.ndarray:
            order = valid[np.asarray(jax.random.permutation(key, len(valid)))]
            half = _filled(order[: -(-len(order) // 2)], length)
            return self._mask(search(asking.question(half, window), None, self.reach)[0])

        found = _side_by_side(chosen, jax.random.split(key, asking.search.splits))
        return np.mean(found, 0) if found else np.full(self.candidates.shape[1], np.nan)

    def _mask(self, order: Int[np.ndarray, " k"] | None) -> Bool[np.ndarray, " N"]:
        rows = self.candidates[:0] if order is None else self.candidates[order]
        return np.asarray((rows > 0).any(0))

    def _judged(
        self,
        kind: Kind,
        step: int,
        order: np.ndarray | None,
        curve: np.ndarray,
        window: np.ndarray,
        key: PRNGKeyArray | None = None,
    ) -> UnitSet:
        """A chosen set on the judging half, beside random sets of its size and activity."""
        asking, members = self.asking, self._mask(order)
        N = len(members)
        question = asking.question(asking.halves.judging, window)
        rows = members[None]
        if key is not None:
            states = np.concatenate(
                [leaf.reshape(-1, N) for leaf in jax.tree.leaves(asking.pair.hs)]
            )
            draws = random_sets(key, members, asking.search.random_sets, activity=states.std(0))
            rows = np.concatenate([rows, np.asarray(draws)])
        # a circuit is what is left when all others are held
        edited = 1.0 - rows if kind == "circuit" else rows.astype(float)
        dtype = question.ys.dtype
        sums = np.asarray(exchanged(asking.network, question, np.asarray(edited, dtype)), float)
        found = share_intervals(sums[:, :1], np.asarray(question.norms, float))
        effect, off = found.effect[:, 0], found.off[:, 0]
        median = found.median[:, 0]
        all_effects = shares(sums, np.asarray(question.norms, float)).effect
        if kind == "circuit":
            # alone in the run it keeps what holding the others does not take; low and high swap
            effect = 1 - effect[::-1][:, [0, 2, 1]]
            median, all_effects = 1 - median[::-1], 1 - all_effects[::-1]
        null = all_effects[:, 1:]
        p = np.full(2, np.nan)
        if null.shape[1]:
            p = (1 + (null >= all_effects[:, :1] - 1e-6).sum(1)) / (1 + null.shape[1])
        chosen = self._units(order, members)
        groups = (
            tuple(self.names[i] for i in (() if order is None else order)) if self.names else ()
        )
        return UnitSet(
            kind, step, members, chosen, groups, effect[0], effect[1], off[off[:, 0].argmax()],
            median, p, np.full(N, np.nan), float(len(chosen)), np.array([]), np.nan, curve,
        )  # fmt: skip

    def _units(self, order: np.ndarray | None, members: np.ndarray) -> tuple[int, ...]:
        if order is None:
            return ()
        if self.names:
            return tuple(np.flatnonzero(members).tolist())
        return tuple(int(i) for i in order)
