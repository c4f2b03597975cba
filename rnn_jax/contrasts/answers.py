"""What is found out about one epoch of a contrast: its sets of units, and how good they are."""

from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from .search import ALPHA

Kind = Literal["mediator", "carriers", "circuit"]


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
    - `frequency`: `[N]`, in what share of half-splits a unit was chosen; NaN where not asked.
    - `size`: units (or groups) needed; `base_sizes`: axes needed in each random basis.
    - `p_bases`: share of bases, counting this one, in which as few axes are enough; NaN where
        not asked.
    - `curve`: `[K, 5]`, on the choosing half: size, undone, restored, and off target of both.
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
    frequency: Float[np.ndarray, " N"]
    size: float
    base_sizes: Float[np.ndarray, " R"]
    p_bases: float
    curve: Float[np.ndarray, "K 5"]


class Answer(NamedTuple):
    """One epoch of a contrast.

    - `contrast`, `epoch`: their names.
    - `note`: why it was not searched; empty where it was.
    - `trials`: of the choosing and of the judging half; `effective`: the lesser effective number.
    - `difference`: the outputs' root mean squared change at the times read, in their standard
        deviations.
    - `direct`: whether outputs are read inside the window.
    - `reach`: `[undone, restored]` of exchanging all units in the window.
    - `single`: `[2, N]`, undone and restored by each unit alone, on the choosing half.
    - `sets`: mediator, carriers, circuit.
    - `members`: bool `[N]`, units of any of them or of a large single effect.
    """

    contrast: str
    epoch: str
    note: str
    trials: tuple[int, int]
    effective: float
    difference: float
    direct: bool
    reach: Float[np.ndarray, " 2"]
    single: Float[np.ndarray, "2 N"]
    sets: tuple[UnitSet, ...]
    members: Bool[np.ndarray, " N"]

    @property
    def name(self) -> str:
        """`contrast: epoch`, or the name that both have."""
        return self.epoch if self.contrast == self.epoch else f"{self.contrast}: {self.epoch}"


def distributed(found: UnitSet, q: float) -> bool | None:
    """Whether units are no better than random axes: `q > 0.05`, and half of the bases need as few.

    `None` where bases were not asked. A network of a few units may have neither: its units need
    fewer than most bases, and chance is enough for that.
    """
    if not len(found.base_sizes):
        return None
    return bool(q > ALPHA and found.size >= np.median(found.base_sizes))


def as_record(answer: Answer, q: list[float], units: tuple[str, ...]) -> list[dict[str, Any]]:
    """The sets of an answer as plain dictionaries, for JSON.

    **Arguments:**

    - `answer`: of one epoch.
    - `q`: the corrected p of each set.
    - `units`: names.
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
            "reach": row(found.reach),
            "direct": answer.direct,
            "median": row(found.median),
            "p_sets": row(found.p_sets),
            "frequency": {units[i]: number(found.frequency[i]) for i in found.order},
            "size": number(found.size),
            "base_sizes": row(found.base_sizes),
            "p_bases": number(found.p_bases),
            "q_bases": number(value),
            "distributed": distributed(found, value),
            "curve": [row(point) for point in found.curve],
        }
        for found, value in zip(answer.sets, q, strict=True)
    ]
