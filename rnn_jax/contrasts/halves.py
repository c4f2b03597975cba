"""Which trials choose and which judge, and whether there are enough of them.

halves = split(key, epoch.valid)
standing = stand(pair, epoch, choosing, judging)
standing.note                    # why the question is refused; empty where it is not
"""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import jax
import numpy as np
from jaxtyping import Bool, Float, Int, PRNGKeyArray

from . import search as rule
from .aligned import Epoch, Pair
from .exchange import Question
from .intervals import effective

GRAIN = 8
"""A half is filled up to a multiple of this."""

Picks: TypeAlias = tuple[Int[np.ndarray, " n"], Float[np.ndarray, " n"]]
"""Trials, and 1, or 0 for one that only fills up."""


class Halves(NamedTuple):
    """The trials that choose and those that judge, filled up to lengths that are often the same.

    - `valid`: all of them, in a random order; `most`: how many may choose.
    """

    choosing: Picks
    judging: Picks
    valid: Int[np.ndarray, " V"]
    most: int | None


class Standing(NamedTuple):
    """What a question stands on.

    - `note`: why it is refused; empty where it is not.
    - `trials`: that differ where they are read, in the choosing and the judging half.
    - `effective`: the lesser effective number of trials.
    - `difference`: the root mean square of `D` where outputs are read, in deviations.
    """

    note: str
    trials: tuple[int, int]
    effective: float
    difference: float


def split(key: PRNGKeyArray, valid: Bool[np.ndarray, " B"], most: int | None = None) -> Halves:
    """A random half of the valid trials chooses, or `most` of them; the rest judges."""
    order = np.asarray(jax.random.permutation(key, len(valid)))
    order = order[valid[order]]
    first = _first(len(order), most)
    choosing, judging = (filled(part, _size(len(part))) for part in (order[:first], order[first:]))
    return Halves(choosing, judging, order, most)


def resplit(key: PRNGKeyArray, halves: Halves) -> Picks:
    """Other random trials, of the same ones and as many, to choose by."""
    order = halves.valid[np.asarray(jax.random.permutation(key, len(halves.valid)))]
    return filled(order[: _first(len(order), halves.most)], len(halves.choosing[0]))


def _first(count: int, most: int | None) -> int:
    half = -(-count // 2)
    return half if most is None else min(half, most)


def _size(count: int) -> int:
    """Rounded up, so that questions of about as many trials share their programs."""
    return -(-max(count, 1) // GRAIN) * GRAIN


def filled(picks: Int[np.ndarray, " k"], size: int) -> Picks:
    """Trials filled up to `size` with the first of them, which then weighs nothing."""
    spare = np.full(size - len(picks), picks[0] if len(picks) else 0)
    weights = np.concatenate([np.ones(len(picks)), np.zeros(len(spare))])
    return np.concatenate([picks, spare]).astype(int), weights


def stand(
    pair: Pair, epoch: Epoch, choosing: Question, judging: Question, most: int | None = None
) -> Standing:
    """Whether both halves hold enough, of what is read and of all outputs at its times; `most`
    is how many trials may choose."""
    norms = [np.asarray(q.norms, float)[0] for q in (choosing, judging)]
    counts = (int((norms[0] > 0).all(-1).sum()), int((norms[1] > 0).all(-1).sum()))
    worths = [min(float(effective(n[:, k])) for k in range(2)) for n in norms]
    # the weights hold 1 / variance: without it they count the entries that are read
    variance = np.where(np.isfinite(pair.scale), pair.scale, 0) ** 2
    weights = [[np.asarray(w)[0] for w in (q.read, q.times)] for q in (choosing, judging)]
    entries = [sum(float((w[k] * variance).sum()) for w in weights) for k in range(2)]
    total = [sum(float(n[:, k].sum()) for n in norms) for k in range(2)]
    difference = min((t / e) ** 0.5 if e else 0.0 for t, e in zip(total, entries, strict=True))
    note = _note(pair, epoch, most, counts, worths, difference)
    return Standing(note, counts, min(worths), difference)


def _note(
    pair: Pair,
    epoch: Epoch,
    most: int | None,
    counts: tuple[int, int],
    worths: list[float],
    difference: float,
) -> str:
    B, events, valid = len(pair.event), int((pair.event >= 0).sum()), int(epoch.valid.sum())
    if min(counts) < rule.TRIALS:
        if not events:
            return f"refused: the foil equals the inputs in all {B} trials, or none has the event"
        said = f"refused: of {B} trials {events} have the event"
        if valid < events:
            said += f", {valid} of these are finite, exchanged after it and read within the trial"
        if sum(counts) < valid:
            said += f", {sum(counts)} of these differ there"
        return f"{said}; each half needs {rule.TRIALS}{_enough(B, counts, valid, most)}"
    if not difference >= rule.DIFFERENCE:
        return (
            f"refused: run and foil differ by {difference:.2g} of the outputs' deviations where "
            "they are read; `read` says where that is"
        )
    if not min(worths) >= rule.TRIALS:
        said = f"refused: few trials hold the difference, worth {min(worths):.1f} of {min(counts)}"
        enough = _enough(B, worths, valid, most)
        return f"{said}; each half needs a worth of {rule.TRIALS}{enough}"
    return ""


def _enough(trials: int, have: Sequence[float | int], valid: int, most: int | None) -> str:
    """What would hold enough: about how many trials, in tens, or a larger share of those that
    choose, where more of them would not; empty where not even that is known."""
    if most is not None and _first(valid, most) == most and have[0] < rule.TRIALS:
        return f" (above {rule.MANY} units {most} trials choose: more of these must differ there)"
    if min(have) < 1:
        return ""
    return f" (draw about {10 * int(np.ceil(1.2 * trials * rule.TRIALS / min(have) / 10))} trials)"


def repeated(pair: Pair, halves: Halves) -> float:
    """The share of the judging trials that a choosing trial is like: inputs of run and foil from
    the event on, and the state before it."""
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves((pair.h0, pair.xs))]
    trial = lambda b: b"".join(leaf[:, b].tobytes() for leaf in leaves)
    of_half = lambda picks, weights: [trial(b) for b in picks[weights > 0]]
    chose, judge = set(of_half(*halves.choosing)), of_half(*halves.judging)
    return float(np.mean([one in chose for one in judge])) if judge else 0.0
