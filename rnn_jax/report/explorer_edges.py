"""Which connections the explorer's page carries: a few into each unit, and a few in all.

    kept_edges(dataset, [members of each question])

One cut for all units hides a path of many weak connections. So the strongest few into each member
of a circuit, from other members, are kept whatever their size, each member's own connection to
itself too; then the strongest of the window, and the strongest into and out of each unit.
"""

from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Bool, Float, Int

from .packing import halves, numbers
from .view import carried, mixed

EDGES = 300
EACH = 5
INTO = 3
"""Connections into each member of a circuit, besides its own to itself."""
MANY = 512
"""Above so many units only the strongest into each is kept, besides those of members."""
ROOM = 2000
"""Connections into and out of all units of a window: fewer of each where units are many."""


def kept_edges(dataset: xr.Dataset, members: list[np.ndarray]) -> dict[str, Any]:
    """The kept connections of each window, strongest first: receiver, sender, what is carried.

    `mixed` marks those whose sign differs over trials and steps.

    **Arguments:**

    - `dataset`: the results.
    - `members`: the units of each question's circuit, by number.
    """
    flow = carried(dataset, "connectivity", "window")
    units = flow.shape[1]
    each = int(np.clip(ROOM // (2 * units), 1, min(EACH, units)))
    drawn = 0 if units > MANY else min(EDGES, units**2)
    size = np.nan_to_num(np.abs(flow))
    kept = np.zeros(flow.shape, bool)
    for axis in (2,) if units > MANY else (1, 2):
        best = np.argpartition(-size, each - 1, axis=axis).take(range(each), axis)
        np.put_along_axis(kept, best, True, axis)
    for who in members:
        _keep_inside(kept, size, who)
    if drawn:
        flat = size.reshape(len(size), -1)
        top = np.argpartition(-flat, drawn - 1, axis=1)[:, :drawn]
        np.put_along_axis(kept.reshape(flat.shape), top, True, 1)
    to, source, weight = _listed(flow, kept)
    rows = np.arange(len(flow))[:, None]
    return {
        "count": to.shape[1],
        "drawn": drawn,
        "each": each,
        "out": units <= MANY,
        "into": INTO,
        "of": units**2,
        "to": numbers(to, "<u2"),
        "from": numbers(source, "<u2"),
        "weight": halves(weight),
        "mixed": numbers(mixed(dataset, "connectivity", "window")[rows, to, source], "u1"),
    }


def _listed(
    flow: Float[np.ndarray, "W to from"], kept: Bool[np.ndarray, "W to from"]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The kept ones of each window, strongest first; shorter lists end in edges of no weight."""
    count = int(kept.sum((1, 2)).max())
    to, source = (np.zeros((len(flow), count), int) for _ in range(2))
    weight = np.zeros((len(flow), count))
    for w, (row, mask) in enumerate(zip(flow, kept, strict=True)):
        i, j = np.nonzero(mask)
        values = np.nan_to_num(row[i, j])
        order = np.argsort(-np.abs(values), kind="stable")
        to[w, : len(i)], source[w, : len(i)] = i[order], j[order]
        weight[w, : len(i)] = values[order]
    return to, source, weight


def _keep_inside(
    kept: Bool[np.ndarray, "W to from"],
    size: Float[np.ndarray, "W to from"],
    who: Int[np.ndarray, " K"],
) -> None:
    """Mark the strongest connections into each member from other members, and to itself."""
    if not len(who):
        return
    kept[:, who, who] = True
    inside = size[:, who][:, :, who]
    inside[:, np.arange(len(who)), np.arange(len(who))] = -1.0
    best = np.argsort(-inside, axis=2, kind="stable")[:, :, : min(INTO, len(who))]
    for w, rows in enumerate(best):
        kept[w, np.repeat(who, rows.shape[1]), who[rows.ravel()]] = True


def group_flows(
    flow: Float[np.ndarray, "W to from"], group: Int[np.ndarray, " N"], count: int, who: np.ndarray
) -> Float[np.ndarray, "W G G"]:
    """What members of one group carry to a member of another, on the mean over receivers.

    **Arguments:**

    - `flow`: of each window, `[to, from]`.
    - `group`, `count`: the number of each unit's group, and how many groups there are.
    - `who`: the members, by number.
    """
    belongs = np.zeros((count, len(group)))
    belongs[group[who], who] = 1
    summed = np.einsum("an,wnm,bm->wab", belongs, np.nan_to_num(flow), belongs, optimize=True)
    return summed / np.maximum(belongs.sum(1), 1)[None, :, None]
