"""The circuit unrolled in time, as it is found: its edges, what each does, and when."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int


class Unrolled(NamedTuple):
    """The `m` edges of a circuit; axis 0 of effects is `(undone, restored)`.

    - `kind`: `unit` (to unit), `input` (to unit) or `output` (from unit); `to`, `source`: the
        numbers of both ends, of groups where groups were searched.
    - `groups`: names of all groups, where groups were searched.
    - `count`: candidates: all pairs of members, each with itself too, and all ends.
    - `effect`: `[2, m, 3]`, how much less the circuit keeps where this edge is cut as well:
        `[estimate, low, high]`.
    - `windows`: `[V, L]`, in steps since the event. `by_window`: `[2, V, m]`, as `effect` where an
        edge is cut in one window. `acts`: `[V, m]`, in which windows an edge is needed.
    - `undone`, `restored`, `off_target`, `astray`: as of a circuit, with these edges alone.
        `timed`: the first three, `[3, 3]`, where each edge acts only in its windows.
    - `curve`: `[R, 5]`, on the choosing half: edges, undone, restored, and off target of both.
    - `random`: what random edges of equal number among the candidates keep, the lesser of undone
        and restored; `others`: what as many edges keep that are searched in random closed sets of
        equal size, on the choosing half; `shuffled`: the same in this circuit with the weights
        among its members permuted. `p`: against these three, NaN where not asked.
    """

    kind: tuple[str, ...]
    to: Int[np.ndarray, " m"]
    source: Int[np.ndarray, " m"]
    groups: tuple[str, ...]
    count: int
    effect: Float[np.ndarray, "2 m 3"]
    windows: Float[np.ndarray, "V L"]
    by_window: Float[np.ndarray, "2 V m"]
    acts: Bool[np.ndarray, "V m"]
    undone: Float[np.ndarray, " 3"]
    restored: Float[np.ndarray, " 3"]
    off_target: Float[np.ndarray, " 3"]
    astray: Float[np.ndarray, " O"]
    timed: Float[np.ndarray, "3 3"]
    curve: Float[np.ndarray, "R 5"]
    random: Float[np.ndarray, " R"]
    others: Float[np.ndarray, " S"]
    shuffled: Float[np.ndarray, " S"]
    p: Float[np.ndarray, " 3"]


def edge_record(found: Unrolled, units: tuple[str, ...]) -> dict[str, Any]:
    """The edges of a circuit as plain dictionaries, for JSON.

    **Arguments:**

    - `found`: the edges.
    - `units`: names.
    """
    number = lambda x: round(float(x), 4) if np.isfinite(x) else None
    row = lambda values: [number(x) for x in values]
    ends, rows = found.groups or units, zip(found.kind, found.to, found.source, strict=True)
    of_unit = {"unit": (True, True), "input": (True, False), "output": (False, True)}
    said = lambda i, is_unit: ends[i] if is_unit else int(i)
    edges = [
        {
            "kind": kind,
            "to": said(to, of_unit[kind][0]),
            "from": said(source, of_unit[kind][1]),
            "undone": row(found.effect[0, k]),
            "restored": row(found.effect[1, k]),
            "windows": [int(v) for v in np.flatnonzero(found.acts[:, k])],
            "by_window": row(found.by_window[1, :, k]),
        }
        for k, (kind, to, source) in enumerate(rows)
    ]
    return {
        "candidates": found.count,
        "undone": row(found.undone),
        "restored": row(found.restored),
        "off_target": row(found.off_target),
        "astray": row(found.astray),
        "timed": [row(part) for part in found.timed],
        "p_random": number(found.p[0]),
        "p_others": number(found.p[1]),
        "p_shuffled": number(found.p[2]),
        "others": row(found.others),
        "shuffled": row(found.shuffled),
        "curve": [row(point) for point in found.curve],
        "windows": [[int(w.argmax()), int(w.argmax() + w.sum())] for w in found.windows],
        "edges": edges,
    }
