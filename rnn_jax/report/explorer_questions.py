"""What the explorer's page shows of the contrasts: one block per question, one per example.

    question_data(dataset)["questions"][0]["sentences"]

A dataset without contrasts has no question; one without examples or unrolled circuits says so by
`None`, and the page shows what there is.
"""

import json
from typing import Any

import numpy as np
import xarray as xr

from ..contrasts.answers import WAYS
from .explorer_edges import group_flows
from .packing import bytes_of, halves, numbers, plain
from .sentences import question_sentences, units_named
from .view import array, either_sign, labels, stretches, unit_groups

UNITS = 64
"""Units of a question whose effects by window are shown, those of the largest effects."""
SAMPLES = 250
"""Most steps of an example: longer ones are thinned, which the page says."""
CHANNELS = 6
"""Inputs, and outputs, of an example: those in which run and foil differ most."""
GROUPS = 12
"""Most groups between which arrows are drawn."""
SHOWN = 120_000
"""Samples of states that all examples may hold together."""
KINDS = {"unit": 0, "input": 1, "output": 2}


def question_data(dataset: xr.Dataset) -> dict[str, Any]:
    """All questions of a dataset; none where no contrast was asked."""
    if not json.loads(dataset.attrs.get("circuits") or "[]") and "question" not in dataset.dims:
        return {"questions": [], "examples": []}
    sets = json.loads(dataset.attrs.get("circuits") or "[]")
    notes = json.loads(dataset.attrs.get("undecided") or "{}")
    names = labels(dataset, "question")
    contrasts = [str(name) for name in dataset["question_contrast"].values]
    questions = [
        _question(dataset, q, [s for s in sets if s["question"] == name], notes.get(name, ""))
        for q, name in enumerate(names)
    ]
    _say_shared(dataset, questions, contrasts)
    single = array(dataset, "single", "direction", "question", "unit")
    ways = array(dataset, "came_in", "question", "way", "unit")
    order = [str(way) for way in dataset["way"].values]
    # bit k says whether a unit came in by the k-th way
    bits = sum(ways[:, order.index(way)].astype(int) << k for k, way in enumerate(WAYS))
    examples = _examples(dataset)
    known = list(dict.fromkeys(contrasts))
    return {
        "source": str(dataset.attrs.get("contrasts", "")),
        "questions": questions,
        "contrast": [known.index(name) for name in contrasts],
        "contrasts": known,
        "single": halves(single),
        "ways": numbers(bits, "u1"),
        "acts": numbers(array(dataset, "acts", "question", "unit"), "i1"),
        "examples": [examples.get(name) for name in known],
    }


def _question(
    dataset: xr.Dataset, q: int, sets: list[dict[str, Any]], note: str
) -> dict[str, Any]:
    """One question: its sentences, its sets, when its units act, and its unrolled circuit."""
    units = lambda kind: next((s["units"] for s in sets if s["kind"] == kind), [])
    carriers = [[s["step"], s["units"]] for s in sets if s["kind"] == "carriers"]
    members = sorted({*units("circuit"), *units("mediator")})
    members = members or sorted({i for _, each in carriers for i in each})
    row = dataset.isel(question=q)
    unrolled = next((s["unrolled"] for s in sets if s.get("unrolled")), None)
    return {
        "name": str(row["question"].values),
        "contrast": str(row["question_contrast"].values),
        "epoch": str(row["question_epoch"].values),
        "note": note,
        "sentences": question_sentences(dataset, row, sets, note),
        "members": members,
        "mediator": units("mediator"),
        "circuit": units("circuit"),
        "carriers": carriers,
        "reach": [plain(value) for value in np.ravel(row["reach"].values)],
        "spans": _spans(row),
        "when": None if note else _when(row),
        "unrolled": _unrolled(dataset, unrolled),
        "flows": _flows(dataset, np.asarray(members, int)),
    }


def _say_shared(
    dataset: xr.Dataset, questions: list[dict[str, Any]], contrasts: list[str]
) -> None:
    """Add to each question which of its units other contrasts have in their circuits."""
    for q, own in enumerate(questions):
        shared = {
            unit: [
                other["name"]
                for k, other in enumerate(questions)
                if contrasts[k] != contrasts[q] and unit in other["members"]
            ]
            for unit in own["members"]
        }
        others = {name for found in shared.values() for name in found}
        if not own["members"] or len(set(contrasts)) < 2:
            continue
        who = [unit for unit, found in shared.items() if found]
        text = "None of the units of its sets is in a set of another contrast."
        if who:
            text = (
                f"{len(who)} of the {len(own['members'])} units of its sets are also in a set of "
                f"another contrast ({', '.join(sorted(others)[:4])}): {units_named(dataset, who)}."
            )
        own["sentences"].append({"kind": "shared", "text": text + _elsewhere(dataset, own, q)})


def _elsewhere(dataset: xr.Dataset, own: dict[str, Any], q: int) -> str:
    """What the units of a mediator do alone in the questions of other contrasts."""
    contrasts = dataset["question_contrast"].values
    notes = json.loads(dataset.attrs.get("undecided") or "{}")
    answered = np.array([name not in notes for name in labels(dataset, "question")])
    others = np.flatnonzero((contrasts != contrasts[q]) & answered)
    if not own["mediator"] or not len(others):
        return ""
    single = array(dataset, "single", "question", "direction", "unit")
    most = float(np.nan_to_num(np.abs(single[others][..., own["mediator"]])).max())
    return (
        " In the questions of other contrasts, a unit of its mediator alone does at most "
        f"{most:.2f} of the difference."
    )


def _spans(row: xr.Dataset) -> dict[str, Any] | None:
    """Window and read in steps of the contrast's example, `[[start, stop], ...]`."""
    if "example_window" not in row:
        return None
    window, read = row["example_window"].values > 0, row["example_read"]
    read = read.transpose("time", "output").values > 0
    return {
        "window": stretches(np.asarray(window)),
        "read": stretches(np.asarray(read.any(1))),
        "outputs": np.flatnonzero(read.any(0)).tolist(),
    }


def _when(row: xr.Dataset) -> dict[str, Any] | None:
    """Effects by window of exchange: of the set as read in each window, and of each unit."""
    if "by_unit" not in row:
        return None
    mask = array(row, "exchange_mask", "exchange", "since")
    used = np.flatnonzero(mask.any(1))
    if not len(used):
        return None
    by_unit = array(row, "by_unit", "direction", "exchange", "unit")[:, used]
    by_read = array(row, "by_read", "direction", "exchange", "read_window")[:, used][:, :, used]
    size = np.nan_to_num(np.abs(by_unit)).max((0, 1), initial=0)
    known = np.flatnonzero(np.isfinite(by_unit).any((0, 1)))
    units = known[np.argsort(-size[known], kind="stable")[:UNITS]]
    ends = [[int(m.argmax()), int(m.argmax() + (m > 0).sum())] for m in mask[used]]
    return {
        "windows": ends,
        "units": units.tolist(),
        "of": len(known),
        "by_unit": halves(by_unit[:, :, units]),
        "by_read": halves(by_read),
    }


def _unrolled(dataset: xr.Dataset, found: dict[str, Any] | None) -> dict[str, Any] | None:
    """The edges of an unrolled circuit, ends by number; of groups where groups were searched."""
    if not found:
        return None
    names, groups = labels(dataset, "unit"), list(dict.fromkeys(unit_groups(dataset)))
    edges = found["edges"]
    ends = [edge[end] for edge in edges for end in ("to", "from") if isinstance(edge[end], str)]
    of_groups = bool(ends) and not set(ends) <= set(names)
    place = {name: i for i, name in enumerate(groups if of_groups else names)}
    number = lambda end: place[end] if isinstance(end, str) else int(end)
    column = lambda part: np.array([edge[part] for edge in edges], float)  # None becomes NaN
    does = np.stack([column("undone")[:, 0], column("restored")[:, 0]], 1) if edges else []
    return {
        "candidates": found["candidates"],
        "groups": groups if of_groups else None,
        "windows": found["windows"],
        "kind": [KINDS[edge["kind"]] for edge in edges],
        "to": [number(edge["to"]) for edge in edges],
        "from": [number(edge["from"]) for edge in edges],
        "acts": [sum(1 << v for v in set(edge["windows"])) for edge in edges],
        "lost": halves(column("by_window") if edges else []),
        "does": halves(does),
        "keeps": [plain(found[part][0]) for part in ("undone", "restored")],
    }


def _flows(dataset: xr.Dataset, members: np.ndarray) -> dict[str, Any] | None:
    """What the members of each group carry to those of each other, in each window."""
    groups = unit_groups(dataset)
    names = list(dict.fromkeys(groups))
    if not 1 < len(names) <= GROUPS or not len(members):
        return None
    number = np.array([names.index(label) for label in groups])
    size, mean = (
        group_flows(array(dataset, name, "window", "to", "from"), number, len(names), members)
        for name in ("connectivity_size", "connectivity")
    )
    return {
        "carried": halves(np.copysign(size, mean)),
        "mixed": numbers(either_sign(mean, size), "u1"),
    }


def _examples(dataset: xr.Dataset) -> dict[str, dict[str, Any]]:
    """One example per contrast, by its name; empty where the dataset has none."""
    if "example_states" not in dataset:
        return {}
    names = labels(dataset, "contrast")
    T = dataset.sizes["time"]
    stride = -(-T // SAMPLES)
    room = max(4, SHOWN // (2 * max(len(names), 1) * -(-T // stride)))
    return {
        name: _example(dataset, dataset.isel(contrast=k), stride, room)
        for k, name in enumerate(names)
    }


def _example(dataset: xr.Dataset, row: xr.Dataset, stride: int, room: int) -> dict[str, Any]:
    """Inputs, targets, outputs and states of one trial, run and foil, every `stride` steps."""
    trial = int(row["example_trial"])
    take = lambda name, last: array(row, f"example_{name}", "version", last, "time")
    inputs, outputs = take("inputs", "input"), take("outputs", "output")
    states, units = take("states", "shown"), row["example_unit"].values.astype(int)
    real = np.flatnonzero(units >= 0)[: min(UNITS, room)]
    targets = None
    if "targets" in dataset and trial >= 0:
        targets = array(dataset.isel(trial=trial), "targets", "output", "time")
    ins, outs = _differing(inputs), _differing(outputs)
    return {
        "trial": trial,
        "event": int(row["example_event"]),
        "start": int(row["example_start"]),
        "steps": inputs.shape[-1],
        "stride": stride,
        "input": ins.tolist(),
        "inputs": halves(inputs[:, ins, ::stride]),
        "of_inputs": inputs.shape[1],
        "output": outs.tolist(),
        "outputs": halves(outputs[:, outs, ::stride]),
        "of_outputs": outputs.shape[1],
        "targets": None if targets is None else halves(targets[outs, ::stride]),
        "units": units[real].tolist(),
        # run and foil of a unit share one range
        "states": bytes_of(_joined(states[:, real, ::stride])),
    }


def _joined(states: np.ndarray) -> np.ndarray:
    """`[2, K, T]` to `[K, 2 T]`."""
    return np.concatenate([states[0], states[1]], -1)


def _differing(channels: np.ndarray) -> np.ndarray:
    """The channels in which run and foil differ most, by number."""
    size = np.nan_to_num(np.abs(channels[0] - channels[1])).sum(-1)
    return np.sort(np.argsort(-size, kind="stable")[:CHANNELS])
