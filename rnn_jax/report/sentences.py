"""Each question's answer in a few plain sentences, made from its record.

    question_sentences(dataset, row, sets, note)[0]["text"]

The kinds are `answer`, `detail`, `warning` (what speaks against it), `edges` and `shared`.
"""

from typing import Any

import numpy as np
import xarray as xr

from ..contrasts.answers import beside_bases
from ..contrasts.search import HALF
from .answers import interval
from .style import short
from .view import clock, labels, stretches, unit_groups

SHOWN = 12
"""Units that a sentence names."""
OTHERS = 4
"""Outputs whose movement a sentence tells."""
HELD = 0.5
"""The least effect of an exchange in one window that says a set holds the difference there."""
Sentence = dict[str, str]


def question_sentences(
    dataset: xr.Dataset, row: xr.Dataset, sets: list[dict[str, Any]], note: str
) -> list[Sentence]:
    """What a question's record says.

    **Arguments:**

    - `dataset`: the results, for names.
    - `row`: the question's own row of them.
    - `sets`: its sets, as `circuit.json` holds them.
    - `note`: why it was refused; empty where it was not.
    """
    contrast, epoch = (str(row[f"question_{part}"].values) for part in ("contrast", "epoch"))
    head = epoch if contrast == epoch else f"{contrast}, {epoch}"
    if note or not sets:
        return [_say("warning", f"{head}: {note or 'no set was searched'}.")]
    found = {s["kind"]: s for s in sets if s["kind"] != "carriers"}
    mediator, circuit = found.get("mediator"), found.get("circuit")
    said = [_mediator(dataset, head, mediator), _circuit(dataset, circuit, mediator)]
    said += [_warning(one) for one in (mediator, circuit)] + [_repeated(sets[0])]
    said += [
        _standing(mediator, circuit),
        _carried(dataset, sets),
        _held(dataset, row, contrast),
        _reach(row),
    ]
    if circuit and circuit.get("unrolled"):
        said.append(_edges(circuit["unrolled"], clock(dataset, contrast)))
    return [one for one in said if one]


def _say(kind: str, text: str) -> Sentence:
    return {"kind": kind, "text": text}


def units_named(dataset: xr.Dataset, units: list[int]) -> str:
    """`units 11, 56, 13`; whole groups where there are many units and several groups."""
    groups, names = unit_groups(dataset), labels(dataset, "unit")
    several = list(dict.fromkeys(groups))
    if len(several) > 1 and len(units) > SHOWN:
        of = lambda name: sum(groups[i] == name for i in units)
        parts = [f"{of(name)} of {groups.count(name)} {name}" for name in several if of(name)]
        return f"{len(units)} units ({', '.join(parts)})"
    shown = ", ".join(short(names[i], 20) for i in units[:SHOWN])
    more = f" and {len(units) - SHOWN} more" if len(units) > SHOWN else ""
    return f"unit{'s' if len(units) != 1 else ''} {shown}{more}"


def _off(record: dict[str, Any]) -> str:
    """How far each output moves that should not; all that is off target where all differ."""
    off, moved_by = record["off_target"][0], record.get("astray")
    if off is None or not moved_by or None in moved_by:
        # an older run has no numbers by output
        return "other outputs were not measured"
    others = [(moved, o) for o, moved in enumerate(moved_by) if o not in record["outputs"]]
    if not others:
        return f"off target {off:.2f}"
    few = others if len(others) <= OTHERS else sorted(others, reverse=True)[:OTHERS]
    each = ", ".join(f"output {o} by {moved:.2f}" for moved, o in few)
    rest = f" (the {OTHERS} largest of {len(others)})" if len(others) > OTHERS else ""
    return f"moves {each}{rest}; off target {off:.2f} in all"


def _mediator(dataset: xr.Dataset, head: str, record: dict[str, Any] | None) -> Sentence:
    if not record or not record["units"]:
        return _say("answer", f"{head}: no small set of units is a mediator within the tolerance.")
    undone, restored = interval(record["undone"]), interval(record["restored"])
    return _say(
        "answer",
        f"{head}: exchanging {units_named(dataset, record['units'])} undoes {undone} and "
        f"restores {restored} of the difference; {_off(record)}.",
    )


def _circuit(
    dataset: xr.Dataset, record: dict[str, Any] | None, mediator: dict[str, Any] | None
) -> Sentence:
    if not record or not record["units"]:
        return _say("answer", "No set of units keeps the required share of the difference alone.")
    units = record["units"]
    same = mediator and sorted(mediator["units"]) == sorted(units)
    who = "these units" if same else units_named(dataset, units)
    count = f"{len(units)} unit{'s' if len(units) != 1 else ''}"
    verb = "keep" if len(units) != 1 else "keeps"
    listed = "" if who.startswith(count) else f" ({who})"
    return _say(
        "answer",
        f"Alone, {who if not listed else count + listed} {verb} {interval(record['restored'])} of "
        f"the difference; {_off(record)}.",
    )


def _warning(record: dict[str, Any] | None) -> Sentence | None:
    """What speaks against a set: it is no better than random axes, or other trials disagree."""
    if not record or not record["units"]:
        return None
    name, said = record["kind"].capitalize(), []
    if record.get("distributed"):
        said.append("distributed: random axes do as well")
    if record.get("holds") is False:
        said.append("held-out trials do not agree")
    return _say("warning", f"{name}: {'; '.join(said)}.") if said else None


def _repeated(record: dict[str, Any]) -> Sentence | None:
    """Whether held-out trials are other trials at all."""
    share = record.get("repeated") or 0.0
    if share < HALF:
        return None
    return _say(
        "warning",
        f"{share:.0%} of the held-out trials repeat one of the trials that chose the set (same "
        "inputs, same state before): the intervals say little about other trials.",
    )


def _standing(*records: dict[str, Any] | None) -> Sentence | None:
    """How often the units are chosen, and how many random axes would be needed."""
    parts = []
    for record in records:
        if not record or not record["units"]:
            continue
        often = [v for v in record.get("frequency", {}).values() if v is not None]
        own = []
        if often:
            low, high = (round(100 * end) for end in (min(often), max(often)))
            own.append(f"chosen in {low if low == high else f'{low} to {high}'} % of half-splits")
        if record.get("base_sizes"):
            low, high = np.quantile(record["base_sizes"], [0.05, 0.95])
            q = record["q_bases"]
            fewer = "" if q is None else f", q = {q:.2f}"
            said = beside_bases(record)
            told = f": {said}" if said and not record["distributed"] else ""
            own.append(f"random axes need {low:.0f} to {high:.0f}{fewer}{told}")
        if own:
            parts.append(f"{record['kind'].capitalize()}: {'; '.join(own)}.")
    return _say("detail", " ".join(parts)) if parts else None


def _carried(dataset: xr.Dataset, sets: list[dict[str, Any]]) -> Sentence | None:
    """Since when: the carriers of each step that was searched."""
    steps = [s for s in sets if s["kind"] == "carriers"]
    found = [s for s in steps if s["units"]]
    if not steps:
        return None
    if not found:
        return _say(
            "detail", "No small set carries the difference at any of the steps that were searched."
        )
    first = found[0]
    count = lambda units: f"{len(units)} unit{'s' if len(units) != 1 else ''}"
    rest = ", ".join(f"{count(s['units'])} at step {s['step']}" for s in found[1:])
    who = units_named(dataset, first["units"])
    text = f"The difference is carried at step {first['step']} of the window by {who}"
    return _say("detail", f"{text}{f'; by {rest}' if rest else ''}.")


def _held(dataset: xr.Dataset, row: xr.Dataset, contrast: str) -> Sentence | None:
    """The longest stretch of windows in each of which an exchange still shows at the end."""
    if "by_read" not in row:
        return None
    dims = ("direction", "exchange", "read_window")
    undone = row["by_read"].transpose(*dims).values[0]
    windows = row["exchange_mask"].transpose("exchange", "since").values > 0
    seen = np.isfinite(undone).any(0) & windows.any(1)
    if not seen.any():
        return None
    last = int(np.flatnonzero(seen)[-1])
    # what is exchanged while it is read says nothing of holding
    held = stretches(undone[:last, last] >= HELD)
    first, past = max(held, key=lambda ends: ends[1] - ends[0], default=(0, 0))
    if past - first < 2:
        return None
    start, stop = np.flatnonzero(windows[first:past].any(0))[[0, -1]]
    least = undone[first:past, last].min()
    return _say(
        "detail",
        f"The difference is held from step {start} to step {stop} {clock(dataset, contrast)}: "
        f"exchanged in any one window of this stretch, these units undo at least {least:.2f} of "
        "it, as read in the last window in which run and foil differ.",
    )


def _reach(row: xr.Dataset) -> Sentence | None:
    reach = np.asarray(row["reach"].values, float)
    if not np.isfinite(reach).all() or reach.min() >= 0.9:
        return None
    return _say(
        "detail",
        f"Exchanging all units in this window undoes {reach[0]:.2f} and restores {reach[1]:.2f}: "
        "the numbers of the sets are shares of that.",
    )


def _edges(found: dict[str, Any], clock: str) -> Sentence:
    """What writes the units and what they drive, by the edges that are needed."""
    edges = found["edges"]
    listed = lambda kind, end: list(dict.fromkeys(str(e[end]) for e in edges if e["kind"] == kind))
    several = lambda names: (
        ", ".join(short(name, 16) for name in names[:SHOWN])
        + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
    )
    parts = [f"{len(edges)} of {found['candidates']} connections are needed (steps {clock})"]
    for kind, end, verb, named in (
        ("input", "to", "writes", "input"), ("output", "from", "is driven by", "output")
    ):  # fmt: skip
        other = "from" if end == "to" else "to"
        for name in listed(kind, other):
            own = [e for e in edges if e["kind"] == kind and str(e[other]) == name]
            own.sort(key=lambda e: -abs(e["restored"][0] or 0.0))
            to = several([str(e[end]) for e in own])
            parts.append(f"{named} {name} {verb} {to}{_since(found, own)}")
    return _say("edges", "; ".join(parts) + ".")


def _since(found: dict[str, Any], own: list[dict[str, Any]]) -> str:
    """In which steps of the question's clock these edges are needed."""
    when = sorted({v for edge in own for v in edge["windows"]})
    if not when:
        return ""
    start, stop = found["windows"][when[0]][0], found["windows"][when[-1]][1] - 1
    return f" (step {start})" if start == stop else f" (within steps {start} to {stop})"
