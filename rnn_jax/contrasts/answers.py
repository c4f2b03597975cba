"""What is found out about one epoch of a contrast: its sets of units, and how good they are."""

from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from .search import ALPHA
from .times import Times
from .unrolled import Unrolled, edge_record

Kind = Literal["mediator", "carriers", "circuit"]
WAYS = ("mediator", "carriers", "circuit", "single")
"""How a unit comes into an answer: by one of three kinds of set, or by a large single effect."""
ALONE = 0.25
"""The least effect of a unit alone that may make it AND-like or OR-like."""
SHOWN = 12
"""Units that a set names when it is printed."""
FEWER = 0.25
"""One direction's effect up to this share of the other's makes a unit AND-like or OR-like."""


class UnitSet(NamedTuple):
    """A set of units, chosen on one half of the trials and judged on the other.

    - `kind`: `mediator` of the epoch's window, `carriers` of one step, or `circuit`.
    - `step`: of carriers, which step of the window, from 0; else -1.
    - `members`: bool `[N]`; all False where no set is good enough.
    - `order`: members in the order in which they joined; of a circuit by their number.
    - `groups`: the groups that it is made of; empty where units were searched.
    - `reach`: `[undone, restored]` of exchanging all units where this set is exchanged. What is
        searched are shares of it where it is below 0.9; what is told here is not divided.
    - `undone`, `restored`, `off_target`: `[estimate, low, high]` on the judging half. A mediator
        undoes or restores by its exchange. Of a circuit, `restored` is the share that it keeps
        alone in the run, `undone` the share of the foil that it brings about alone in the foil.
        `off_target` is the larger amplitude of the two directions.
    - `median`: of the trials' own effects, `[undone, restored]`.
    - `p_sets`: `[undone, restored]`, against random sets of like size and activity.
    - `astray`: `[O]`, each output's part of what is off target, the larger of the two directions.
    - `frequency`: `[N]`, in what share of half-splits a unit was chosen; NaN where not asked.
    - `agreement`: the mean Jaccard of the sets of two half-splits; NaN where not asked.
    - `size`: units (or groups) needed; `base_sizes`: axes needed in each random basis.
    - `p_bases`: share of bases, counting this one, in which as few axes are enough; NaN where
        not asked.
    - `curve`: `[K, 5]`, on the choosing half: size, undone, restored, and off target of both.
    - `screen`: of a mediator, in what share of rounds no unit was better than the one that joined,
        all of them run exactly; NaN where nothing joined, and for other kinds.
    - `holds`: whether the judging half agrees: the residual, or what a circuit lacks, is within
        the tolerance there as well, with the larger of the two directions off target.

    **Example:**

        >>> memory = answers[0].sets[0]  # of `ask`: a planted latch with distractors
        >>> memory.kind, np.flatnonzero(memory.members).tolist(), memory.holds
        ('mediator', [2], True)
    """

    kind: Kind
    step: int
    members: Bool[np.ndarray, " N"]
    order: tuple[int, ...]
    groups: tuple[str, ...]
    reach: Float[np.ndarray, " 2"]
    undone: Float[np.ndarray, " 3"]
    restored: Float[np.ndarray, " 3"]
    off_target: Float[np.ndarray, " 3"]
    median: Float[np.ndarray, " 2"]
    p_sets: Float[np.ndarray, " 2"]
    astray: Float[np.ndarray, " O"]
    frequency: Float[np.ndarray, " N"]
    size: float
    base_sizes: Float[np.ndarray, " R"]
    p_bases: float
    curve: Float[np.ndarray, "K 5"]
    screen: float = np.nan
    holds: bool = False
    agreement: float = np.nan

    def __repr__(self) -> str:
        what = f"carriers of step {self.step}" if self.kind == "carriers" else self.kind
        units = np.flatnonzero(self.members).tolist()
        if not units:
            return f"<{what}: no set is good enough>"
        who = ", ".join(map(str, units[:SHOWN])) + (" ..." if len(units) > SHOWN else "")
        does = f"undone {self.undone[0]:.2f}, restored {self.restored[0]:.2f}"
        return f"<{what}: {len(units)} of {len(self.members)} units, {who}; {does}>"


class Answer(NamedTuple):
    """One epoch of a contrast.

    - `contrast`, `epoch`: their names.
    - `note`: why it was not searched; empty where it was.
    - `trials`: of the choosing and of the judging half; `effective`: the lesser effective number.
    - `difference`: the outputs' root mean squared change at the times read, in their standard
        deviations.
    - `direct`: whether outputs are read inside the window.
    - `outputs`: which outputs differ between run and foil: those with at least a hundredth of the
        squared difference that is read.
    - `reach`: `[undone, restored]` of exchanging all units in the window.
    - `single`: `[2, N]`, undone and restored by each unit alone, on the choosing half.
    - `sets`: mediator, carriers of each step that was searched, circuit.
    - `ways`: bool `[4, N]`, who came in by each of `WAYS`.
    - `times`: effects of the members by window of exchange and of read; `None` where not asked.
    - `unrolled`: the circuit's edges; `None` where not asked, or where there is no circuit.
    - `repeated`: which share of the judging half are like a trial of the choosing half. Where it
        is 1, intervals and `holds` say nothing of other trials.

    **Example:**

        >>> few = rj.contrasts.Search(bases=0, splits=0, random_sets=19)
        >>> answers = rj.contrasts.ask(network, trials, "pulse", contrast, few, key)
        >>> answers[0].name, answers[0].sets  # refused, so that no set was searched
        ('pulse: event', ())
    """

    contrast: str
    epoch: str
    note: str
    trials: tuple[int, int]
    effective: float
    difference: float
    direct: bool
    outputs: tuple[int, ...]
    reach: Float[np.ndarray, " 2"]
    single: Float[np.ndarray, "2 N"]
    sets: tuple[UnitSet, ...]
    ways: Bool[np.ndarray, "4 N"]
    times: Times | None = None
    unrolled: Unrolled | None = None
    repeated: float = 0.0

    def __repr__(self) -> str:
        return f"<{self.name}: {self.note or ' '.join(map(repr, self.sets))}>"

    @property
    def members(self) -> Bool[np.ndarray, " N"]:
        """Units of any of the sets, or of a large single effect."""
        return np.asarray(self.ways.any(0))

    @property
    def acts(self) -> Int[np.ndarray, " N"]:
        """1 where a unit alone undoes and does not restore (AND-like), -1 for the reverse
        (OR-like), else 0. Run and foil exchanged turn the labels round."""
        return like(self.single, ALONE)

    @property
    def name(self) -> str:
        """`contrast: epoch`, or the name that both have."""
        return self.epoch if self.contrast == self.epoch else f"{self.contrast}: {self.epoch}"


def distributed(found: UnitSet, q: float) -> bool | None:
    """Whether units are no better than random axes: `q > 0.05`, and half of the bases need as few.

    `None` where bases were not asked, and for a set of one unit: no set is smaller, so that it
    says nothing that an axis does as well. A network of a few units may have neither: its units
    need fewer than most bases, and chance is enough for that.
    """
    if not len(found.base_sizes) or found.size <= 1:
        return None
    return bool(q > ALPHA and found.size >= np.median(found.base_sizes))


def elsewhere(astray: Float[np.ndarray, " O"], outputs: tuple[int, ...]) -> float:
    """How far the outputs that do not differ are moved together; NaN where all differ.

    **Arguments:**

    - `astray`: of a set of units or of edges.
    - `outputs`: which differ between run and foil.

    **Returns:** the root of the sum of their squares.

    **Example:**

        >>> astray = np.array([0.1, 0.3, 0.4])  # of three outputs, the first of which differs
        >>> rj.contrasts.elsewhere(astray, (0,))
        0.5
    """
    others = np.delete(astray, outputs)
    return float(np.sqrt((others**2).sum())) if len(others) else np.nan


def like(single: Float[np.ndarray, "2 N"], least: float) -> Int[np.ndarray, " N"]:
    """1 for AND-like units, -1 for OR-like ones: one effect at least `least`, the other small.

    An AND needs all of its parts: taking one away undoes, giving one back does not restore.

    Heimersheim and Nanda, "How to use and interpret activation patching" (2024).
    """
    undone, restored = np.nan_to_num(single)
    alike = lambda a, b: (a >= least) & (np.abs(b) <= FEWER * a)
    return alike(undone, restored).astype(int) - alike(restored, undone).astype(int)


def beside_bases(record: dict[str, Any]) -> str:
    """What random bases say of a set, in words; empty where nothing speaks against it.

    **Arguments:**

    - `record`: of the set, see `as_record`.
    """
    q, sizes = record["q_bases"], record["base_sizes"]
    if q is None or q <= ALPHA or not sizes:
        return ""
    if record["distributed"]:
        return "distributed: random axes do as well"
    if record["size"] is not None and record["size"] <= 1:
        return "no set is smaller, in any basis"
    if not any(size <= record["size"] for size in sizes):
        return f"{len(sizes)} bases are too few to tell"
    return "not told from random axes"


def as_record(answer: Answer, q: list[float], units: tuple[str, ...]) -> list[dict[str, Any]]:
    """The sets of an answer as plain dictionaries, for JSON.

    **Arguments:**

    - `answer`: of one epoch.
    - `q`: the corrected p of each set.
    - `units`: names.

    **Returns:** one dictionary per set; a number that is not finite is `None`.

    **Example:**

        >>> answer = answers[0]  # of `ask`: a planted latch with distractors
        >>> q = [0.01] * len(answer.sets)
        >>> record = rj.contrasts.as_record(answer, q, rj.planted.latch().units)[0]
        >>> record["kind"], record["names"], record["q_bases"]
        ('mediator', ['memory'], 0.01)
    """
    number = lambda x: round(float(x), 6) if np.isfinite(x) else None
    row = lambda values: [number(x) for x in values]
    return [
        {
            "question": answer.name,
            "contrast": answer.contrast,
            "epoch": answer.epoch,
            "kind": found.kind,
            "step": None if found.step < 0 else found.step,
            "units": [int(i) for i in found.order],
            "names": [units[i] for i in found.order],
            "groups": list(found.groups),
            "undone": row(found.undone),
            "restored": row(found.restored),
            "off_target": row(found.off_target),
            "astray": row(found.astray),
            "outputs": list(answer.outputs),
            "reach": row(found.reach),
            "direct": answer.direct,
            "repeated": number(answer.repeated),
            "median": row(found.median),
            "p_sets": row(found.p_sets),
            "frequency": {units[i]: number(found.frequency[i]) for i in found.order},
            "size": number(found.size),
            "base_sizes": row(found.base_sizes),
            "p_bases": number(found.p_bases),
            "q_bases": number(value),
            "distributed": distributed(found, value),
            "curve": [row(point) for point in found.curve],
            "screen": number(found.screen),
            "holds": found.holds,
            "agreement": number(found.agreement),
            "unrolled": None
            if answer.unrolled is None or found.kind != "circuit"
            else edge_record(answer.unrolled, units),
        }
        for found, value in zip(answer.sets, q, strict=True)
    ]
