"""The contrasts of a subject, asked one after the other: those of its trials, or of other trials.

found = ask_contrasts(subject, settings, key, track)
found.answers[0].members          # [N], of the first epoch of the first contrast
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from ..circuits import benjamini_hochberg, precision_recall
from ..contrasts import Answer, Search, Times, as_record, ask, other_trials
from ..contrasts.answers import WAYS
from ..contrasts.search import MANY
from ..core.progress import Track
from ..tasks import Contrast
from .settings import Settings
from .subject import Subject

OWN, OTHERS, NONE = "the trials' own", "from other trials", "not asked"
"""Where contrasts come from."""
REPEATED = ("mediator", "circuit")
"""Kinds of set that are searched on other half-splits as well."""


class Answers(NamedTuple):
    """The answers of all contrasts.

    - `source`: where the contrasts come from.
    - `answers`: one for each epoch of each contrast.
    - `q`: for each answer, the corrected p of its sets against random bases; NaN where untested.
    - `contrasts`: what was asked, by name.
    """

    source: str
    answers: tuple[Answer, ...]
    q: tuple[list[float], ...]
    contrasts: dict[str, Contrast]


def ask_contrasts(
    subject: Subject, settings: Settings, key: PRNGKeyArray, track: Track, store: Path | None
) -> Answers:
    """Ask each contrast of a subject for its mediators, carriers and circuits.

    **Arguments:**

    - `subject`: whose trials may bring contrasts; else each epoch is asked about by a foil that
        has another trial's inputs until its end.
    - `settings`: how many bases, half-splits and random sets.
    - `key`: draws them.
    - `track`: shows progress.
    - `store`: a folder that keeps each answer once it is found; `None` keeps nothing.

    **Returns:** `Answers`, p-values corrected over all sets that were searched.
    """
    if not settings.contrasts:
        return Answers(NONE, (), (), {})
    of_foils, of_sets = jax.random.split(key)
    own = subject.trials.contrasts
    contrasts = own or other_trials(of_foils, subject.network, subject.trials)
    search = Search(
        settings.tolerance, settings.keep, settings.bases, settings.splits, settings.random_sets,
        settings.unrolled,
    )  # fmt: skip
    answers: list[Answer] = []
    for k, (name, contrast) in enumerate(contrasts.items()):
        each = jax.random.fold_in(of_sets, k)
        answers += ask(
            subject.network, subject.trials, name, contrast, search, each, subject.groups, track,
            store,
        )  # fmt: skip
    return Answers(OWN if own else OTHERS, tuple(answers), corrected(answers), dict(contrasts))


def pooled_p(answers: list[Answer], kind: str) -> float:
    """The p of one kind of set over all questions: with few bases each, one test for all.

    The statistic is the mean over questions of the logarithm of the size.
    """
    sets = [s for answer in answers for s in answer.sets if s.kind == kind and len(s.base_sizes)]
    if not sets:
        return np.nan
    bases = np.mean([np.log(found.base_sizes) for found in sets], 0)
    own = np.mean([np.log(found.size) for found in sets])
    return float((1 + (bases <= own + 1e-9).sum()) / (1 + len(bases)))


def corrected(answers: list[Answer]) -> tuple[list[float], ...]:
    """The p-values against random bases, corrected over all sets of all answers.

    Above 128 units all questions share one test for each kind of set.
    """
    many = any(answer.single.shape[1] > MANY for answer in answers)
    p_of = lambda found: found.p_bases
    if many:
        pooled = {kind: pooled_p(answers, kind) for kind in ("mediator", "circuit")}
        p_of = lambda found: pooled[found.kind] if len(found.base_sizes) else np.nan
    p = [np.array([p_of(found) for found in answer.sets]) for answer in answers]
    flat = np.concatenate([*p, np.array([])])
    q, told = np.full(flat.shape, np.nan), np.isfinite(flat)
    if told.any():
        q[told] = benjamini_hochberg(flat[told])
    ends = np.cumsum([len(row) for row in p])
    return tuple(part.tolist() for part in np.split(q, ends[:-1])) if p else ()


def of_answers(subject: Subject, asked: Answers) -> tuple[dict, dict[str, Any], dict[str, Any]]:
    """Variables, coordinates and attributes of the answers, for the dataset."""
    records = [
        record
        for answer, q in zip(asked.answers, asked.q, strict=True)
        for record in as_record(answer, q, subject.unit_names)
    ]
    notes = {answer.name: answer.note for answer in asked.answers if answer.note}
    attributes = {
        "contrasts": asked.source,
        "circuits": json.dumps(records),
        "undecided": json.dumps(notes),
    }
    if not asked.answers:
        return {}, {}, attributes
    stack = lambda part: np.stack([np.asarray(getattr(a, part)) for a in asked.answers])
    variables = {
        "reach": (("question", "direction"), stack("reach")),
        "single": (("question", "direction", "unit"), stack("single")),
        "in_circuit": (("question", "unit"), stack("members")),
        "came_in": (("question", "way", "unit"), stack("ways")),
        "acts": (("question", "unit"), stack("acts")),
        "question_trials": (("question", "half"), stack("trials")),
        "question_effective": (("question",), stack("effective")),
        "question_difference": (("question",), stack("difference")),
        "chosen": (("question", "kind", "unit"), np.stack([_chosen(a) for a in asked.answers])),
    }
    coords = {
        "question": [answer.name for answer in asked.answers],
        "question_contrast": ("question", [answer.contrast for answer in asked.answers]),
        "question_epoch": ("question", [answer.epoch for answer in asked.answers]),
        "direction": ["undone", "restored"],
        "half": ["choosing", "judging"],
        "way": list(WAYS),
        "kind": list(REPEATED),
    }
    variables |= _times([answer.times for answer in asked.answers])
    return variables | _against(subject, asked), coords, attributes


def _chosen(answer: Answer) -> Float[np.ndarray, "2 N"]:
    """In what share of half-splits each unit was chosen, for mediator and circuit."""
    rows = {found.kind: found.frequency for found in answer.sets}
    nothing = np.full(answer.single.shape[1], np.nan)
    return np.stack([rows.get(kind, nothing) for kind in REPEATED])


def _times(found: list[Times | None]) -> dict[str, Any]:
    """Effects by window of exchange; questions of fewer or shorter windows end in NaN."""
    known = [times for times in found if times is not None]
    if not known:
        return {}
    W, L = (max(times.windows.shape[axis] for times in known) for axis in range(2))
    blank = Times(
        np.zeros((W, L)),
        np.full((2, W, W), np.nan),
        np.full((2, W, known[0].by_unit.shape[-1]), np.nan),
    )
    put = lambda part, into: np.pad(
        part, [(0, n - m) for n, m in zip(into.shape, part.shape, strict=True)],
        constant_values=into.flat[0],
    )  # fmt: skip
    whole = [blank if times is None else jax.tree.map(put, times, blank) for times in found]
    stack = lambda part: np.stack([getattr(times, part) for times in whole])
    return {
        "exchange_mask": (("question", "exchange", "since"), stack("windows")),
        "by_read": (("question", "direction", "exchange", "read_window"), stack("by_read")),
        "by_unit": (("question", "direction", "exchange", "unit"), stack("by_unit")),
    }


def _against(subject: Subject, asked: Answers) -> dict:
    """The truth of each question's epoch, and precision and recall; NaN where it is not known."""
    if subject.truth is None:
        return {}
    rows, unknown = [], np.full(subject.size, np.nan)
    known = [np.asarray(subject.truth.get(a.epoch, unknown), float) for a in asked.answers]
    for answer in asked.answers:
        truth = subject.truth.get(answer.epoch)
        if truth is None or answer.note:
            rows.append((np.nan, np.nan))
            continue
        hit = precision_recall(answer.members, np.asarray(truth) > 0)
        rows.append((float(hit.precision), float(hit.recall)))
    precision, recall = np.transpose(rows)
    return {
        "question_precision": (("question",), precision),
        "question_recall": (("question",), recall),
        "question_truth": (("question", "unit"), np.stack(known)),
    }
