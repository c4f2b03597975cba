"""What the contrasts found, in sentences: for the terminal, and for the report's page.

    print("\\n".join(answer_lines(dataset)))

One paragraph for each question, one line for each set of units.
"""

import json
from collections import Counter
from typing import Any

import numpy as np
import xarray as xr

from ..contrasts.answers import beside_bases
from ..contrasts.search import HALF
from .style import short
from .view import labels, unit_groups

SHOWN = 8
"""Units that a line names."""
BEYOND = 1.05
"""From here on a share is more than rounding above the whole, which is then said to be 1."""


def answer_lines(dataset: xr.Dataset) -> list[str]:
    """One line for each question, and one or two for each of its sets; none without contrasts."""
    if "circuits" not in dataset.attrs or not dataset.attrs["circuits"]:
        return []
    sets, notes = (json.loads(dataset.attrs[name]) for name in ("circuits", "undecided"))
    if not sets and not notes:
        return []
    names = labels(dataset, "question")
    judged = "judged on held-out trials" if set(names) - set(notes) else "no question was answered"
    lines = [f"contrasts: {dataset.attrs.get('contrasts', '?')}; {judged}"]
    for question in names:
        if question in notes:
            lines.append(f"{question}: {notes[question]}")
            continue
        row = dataset.sel(question=question)
        own = [s for s in sets if s["question"] == question]
        direct = " (read inside the window)" if own and own[0]["direct"] else ""
        share = own[0].get("repeated") or 0.0 if own else 0.0
        lines.append(f"{question}{_reach(row)}{direct}{_marks(row)}")
        repeats = f"  {share:.0%} of held-out trials repeat one of the trials that chose"
        lines += [repeats] * (share >= HALF)
        lines += [line for s in own for line in _set(dataset, s)]
        lines += _acting(dataset, row)
    return [*lines, ""]


def _reach(row: xr.Dataset) -> str:
    reach = np.asarray(row["reach"].values, float)
    return "" if reach.min() >= 0.9 else f" (reach {reach[0]:.2f}, {reach[1]:.2f})"


def _marks(row: xr.Dataset) -> str:
    if "question_recall" not in row or not np.isfinite(row["question_recall"]):
        return ""
    precision, recall = (float(row[f"question_{mark}"]) for mark in ("precision", "recall"))
    return f"   precision {precision:.2f}, recall {recall:.2f}"


def _set(dataset: xr.Dataset, record: dict[str, Any]) -> list[str]:
    kind = record["kind"]
    what = f"carriers, step {record['step']}" if kind == "carriers" else kind
    if not record["units"]:
        return [f"  {what:<19} no set is good enough"]
    fails = "" if record.get("holds", True) else "; held-out trials do not agree"
    lines = [f"  {what:<19} {named(dataset, record['units'])}{fails}"]
    if kind == "carriers":
        return lines
    off = np.nan if record["off_target"][0] is None else record["off_target"][0]
    undone, restored = (interval(record[part]) for part in ("undone", "restored"))
    does = f"alone keeps {restored}, brings about {undone}"
    if kind == "mediator":
        does = f"undoes {undone}, restores {restored}"
    shares = [record[part][0] or 0.0 for part in ("undone", "restored")]
    beyond = " (1 is the whole difference)" if any(share >= BEYOND for share in shares) else ""
    lines.append(f"{'':<21} {does}, off target {off:.2f}{beyond}")
    return lines + [f"{'':<21} {said}" for said in (*_standing(record), *_edges(record))]


def _edges(record: dict[str, Any]) -> list[str]:
    """The edges of a circuit, how many of each kind, and what they do alone."""
    found = record.get("unrolled")
    if found is None:
        return []
    own = lambda edge: edge["kind"] == "unit" and edge["to"] == edge["from"]
    kinds = Counter("self" if own(edge) else edge["kind"] for edge in found["edges"])
    count = (
        f"{kinds['unit']} between them, {kinds['self']} to themselves, "
        f"{kinds['input']} from inputs, {kinds['output']} to outputs"
    )
    off = np.nan if found["off_target"][0] is None else found["off_target"][0]
    return [
        f"{len(found['edges'])} of {found['candidates']} edges: {count}",
        f"alone keep {interval(found['restored'])}, bring about {interval(found['undone'])}, "
        f"off target {off:.2f}",
    ]


def _acting(dataset: xr.Dataset, row: xr.Dataset) -> list[str]:
    """Units that act alone in one direction only."""
    acts, names = row["acts"].values, {1: "AND-like", -1: "OR-like"}
    return [
        f"  {names[sign]:<19} {named(dataset, np.flatnonzero(acts == sign).tolist())}"
        for sign in names
        if (acts == sign).any()
    ]


def _standing(record: dict[str, Any]) -> list[str]:
    """How often its units are chosen, and how it stands beside random bases."""
    lines = []
    often = [value for value in record["frequency"].values() if value is not None]
    if often:
        low, high = (round(100 * end) for end in (min(often), max(often)))
        share = f"{high} %" if low == high else f"{low} to {high} %"
        lines.append(f"its units are chosen in {share} of half-splits")
    if record["base_sizes"]:
        low, high = np.quantile(record["base_sizes"], [0.05, 0.95])
        beside = f"random axes need {low:.0f} to {high:.0f}, q = {record['q_bases']:.2f}"
        said = beside_bases(record)
        lines.append(f"{beside}: {said}" if said else beside)
    return lines


def interval(row: list[float | None]) -> str:
    """An estimate with its interval."""
    at, low, high = (np.nan if value is None else value for value in row)
    return f"{at:.2f} [{low:.2f}, {high:.2f}]"


def named(dataset: xr.Dataset, units: list[int]) -> str:
    """Units by name; whole groups by theirs, with how many of them belong."""
    groups, names = unit_groups(dataset), labels(dataset, "unit")
    whole, inside = Counter(groups), Counter(groups[i] for i in units)
    if len(whole) > 1 and len(units) > SHOWN:
        return ", ".join(f"{name} {count}/{whole[name]}" for name, count in inside.items())
    shown = ", ".join(short(names[i], 20) for i in units[:SHOWN])
    more = f", and {len(units) - SHOWN} more" if len(units) > SHOWN else ""
    return f"{len(units)} unit{'s' if len(units) != 1 else ''}: {shown}{more}"
