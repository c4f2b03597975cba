"""The networks of the study asked by contrasts, on trials of the probe's timetable.

    trials = asked_trials(key, 48)
    row = asked(network, inhibitory, None, 0, FULL)
    row["inhibitory"]             # [question, set]: the inhibitory share of each set

Three contrasts turn the sign of the second slot's pulse and differ in whose trials they ask: where
it is heard it sets the memory, in either context (`memory 1`, `memory 2`), else it is `ignored`,
which should change nothing and be refused. A fourth exchanges the cue (`context`), as the task's
own does, in trials whose two first pulses differ: these are read after they came. Windows are the
probe's, and what is read are all outputs 2 to 5 steps after them, or after the first slot's pulse.
"""

from dataclasses import replace
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Bool, PRNGKeyArray

from ...circuits import corrected_jaccard
from ...contrasts import Search
from ...core import Network, clean_run, span
from ...core.types import Numbers
from ...tasks import Contrast, Trials
from ..question import KINDS, all_measured, found_sets, measures_of
from ..question_numbers import DIMS, one_network, scored
from .measures import mean_known, moving_units
from .probe import TASK, WIDTH, probe_trials, window_starts

MEMORY = ("memory 1", "memory 2")
HELD = ("early hold", "late hold")
AGAIN = ("switch", "early hold")
"""Epochs in which the memory is asked about on other trials, too."""
QUESTIONS = (
    ("context", "cue"), ("context", "kept"),
    *((name, epoch) for name in MEMORY for epoch in ("switch", *HELD)),
    ("ignored", "switch"),
)  # fmt: skip
OVERLAPS = {
    "memory, early and late": "mediators of one context, other trials",
    "memory, again": "mediators of one context in early hold, other trials",
    "memory, between contexts": "mediators in early hold, other trials",
    "switch circuits, between contexts": "circuits from the pulse to its read, other trials",
    "switch circuits, again": "of one context, other trials",
}
"""Pairs of sets; those that the old table has too bear the same name."""
ASKED_DIMS = {
    **{name: ("question", *dims) for name, dims in DIMS.items()},
    **dict.fromkeys(("precision", "recall", "inhibitory"), ("question", "set")),
    "shared": ("overlap",),
}


Sets = dict[tuple[str, str], Bool[np.ndarray, "kind N"]]
"""Mediator and circuit of some questions."""


class Asked(NamedTuple):
    """How much is asked: of how many seeds, by how many probe trials of each pulse in each
    context, in how many bases and splits, and what."""

    seeds: int
    count: int
    search: Search
    questions: tuple[tuple[str, str], ...] = QUESTIONS


FULL = Asked(5, 48, Search(bases=19, splits=6, random_sets=49))
BRIEF = tuple((name, "early hold") for name in MEMORY)
QUICK = Asked(1, 24, Search(bases=1, splits=2, random_sets=9), BRIEF)


def asked_trials(key: PRNGKeyArray, count: int) -> Trials:
    """Probe trials with the contrasts of this study.

    **Arguments:**

    - `key`: draws signs of pulses and their onsets.
    - `count`: trials of each kind of pulse in each context.
    """
    trials = probe_trials(key, count, varied=True)
    xs, T = np.asarray(trials.xs), TASK.steps
    at = np.arange(len(xs))
    context, heard = at % 2, (at // 2) % 3 < 2
    starts, slot = window_starts(), int(TASK.starts[1])
    turned = xs.copy()
    turned[:, slot : slot + TASK.pulse, 2:] *= -1

    def contrast(which: Bool[np.ndarray, " B"], *epochs: str) -> Contrast:
        rows = {name: span(T, start, start + WIDTH)[None] for name, start in starts.items()}
        rows["switch"] = rows["pulse"]
        windows = {name: np.repeat(np.asarray(rows[name]), len(xs), 0) for name in epochs}
        return Contrast(turned, np.where(which, slot, -1), windows)

    # a pulse lasts longer than its onset may be late
    first = xs[:, int(TASK.starts[0]) + TASK.jitter - 1, 2:]
    cue = TASK.contrasts(key, trials)["context"]
    cue = replace(cue, event=np.where(heard & (first[:, 0] != first[:, 1]), 0, -1))
    memory = {
        name: contrast(heard & (context == c), "switch", *HELD) for c, name in enumerate(MEMORY)
    }
    contrasts = {"context": cue, **memory, "ignored": contrast(~heard, "switch")}
    return replace(trials, contrasts=contrasts)


def asked(
    network: Network,
    inhibitory: Bool[Numbers, " N"],
    groups: tuple[str, ...] | None,
    seed: int,
    size: Asked,
) -> dict[str, np.ndarray]:
    """All questions of one network.

    **Arguments:**

    - `network`: inputs and outputs as of `ContextBit`.
    - `inhibitory`: who inhibits whom it reaches.
    - `groups`: of the hand-built network's units; `None` where no truth is known.
    - `seed`: draws trials, fresh trials and all that is searched.
    - `size`: how much is asked.

    **Returns:** by the names of `ASKED_DIMS`: what `question.measured` says; `inhibitory`, the
    share of each set's members; `precision` and `recall` of the truth, NaN where it is unknown;
    `shared`, the corrected Jaccard of each of `OVERLAPS`.
    """
    own = jax.random.fold_in(jax.random.key(seed), 4)
    of_trials, of_fresh, of_search, of_again = jax.random.split(own, 4)
    trials, fresh = (asked_trials(key, size.count) for key in (of_trials, of_fresh))
    found = all_measured(network, trials, fresh, size.questions, size.search, of_search)
    each = [measures_of(found, k) for k in range(len(size.questions))]
    members = np.stack([one["members"] for one in each])
    unknown = np.full((*members.shape[:2], 2), np.nan)
    told = unknown if groups is None else scored(members, planted_sets(groups, size.questions))
    count = members.sum(-1)
    share = (members & np.asarray(inhibitory)).sum(-1) / np.where(count, count, np.nan)
    return one_network(each) | {
        "precision": told[..., 0],
        "recall": told[..., 1],
        "inhibitory": share,
        "shared": overlaps(
            dict(zip(size.questions, members, strict=True)),
            _again(network, fresh, size, of_again),
            moving_units(clean_run(network, trials.xs)[0]),
        ),
    }


def _again(network: Network, trials: Trials, size: Asked, key: PRNGKeyArray) -> Sets:
    """The memory's sets on other trials."""
    return {
        (name, epoch): found_sets(network, trials, name, epoch, size.search, key)
        for name, epoch in size.questions
        if name in MEMORY and epoch in AGAIN
    }


def overlaps(first: Sets, again: Sets, moving: int) -> np.ndarray:
    """The corrected Jaccard of each of `OVERLAPS`, `[pair]`; NaN where there are no two sets.

    **Arguments:**

    - `first`, `again`: the sets of each question, and of some on other trials.
    - `moving`: how many units there are to draw from.
    """

    def of(sets: Sets, epoch: str, kind: str) -> list[np.ndarray]:
        """Of either context; nobody where it was not asked."""
        nobody = np.zeros_like(next(iter(first.values())))
        return [sets.get((name, epoch), nobody)[KINDS.index(kind)] for name in MEMORY]

    early, other = (of(sets, "early hold", "mediator") for sets in (first, again))
    switch, switch_other = (of(sets, "switch", "circuit") for sets in (first, again))
    pairs = [
        zip(other, of(first, "late hold", "mediator"), strict=True),
        zip(early, other, strict=True), [early, other],
        [switch, switch_other], zip(switch, switch_other, strict=True),
    ]  # fmt: skip
    return np.array([mean_known([corrected_jaccard(a, b, moving) for a, b in p]) for p in pairs])


def planted_sets(
    groups: tuple[str, ...], questions: tuple[tuple[str, str], ...] = QUESTIONS
) -> Bool[np.ndarray, "question kind N"]:
    """What each set of the hand-built network may hold.

    In hold the memory's latch carries its bit, at switches the context's gates carry it too, and
    before the first slot the context's latch does. A circuit begins at the event and ends at the
    read: it holds the gates in any case, and that of the cue holds all but the copies.
    """
    who = np.array(groups)
    latch = lambda name: np.isin(who, [name, f"{name} inhibition"])
    memory, context = latch("memory"), latch("context")
    gates = {name: who == f"gate {c + 1}" for c, name in enumerate(MEMORY)}
    everyone = memory | context | np.any(list(gates.values()), 0)
    rows = []
    for name, epoch in questions:
        if name in gates:
            whole = memory | gates[name]
            rows.append([whole if epoch == "switch" else memory, whole])
        else:
            rows.append([context, everyone])
    return np.array(rows)
