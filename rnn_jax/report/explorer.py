"""The explorer: one HTML file, without a library or a network, to walk through a circuit in time.

    write_explorer(dataset, Path("report.html"))

Numbers travel as base64 of float32 and int16; of each window the strongest edges alone are kept,
and the strongest into and out of each unit, and the page says how many. `explorer.html` beside
this file is the page itself.
"""

import base64
import importlib.resources
import json
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from .answers import answer_lines
from .view import (
    CONVENTION,
    array,
    carried,
    circle,
    epoch_of,
    epoch_share,
    failures,
    interval,
    labels,
    per_step,
    set_p,
    unit_groups,
    window_share,
)

EDGES = 300
EACH = 5
TRIALS = 16


def write_explorer(dataset: xr.Dataset, path: Path) -> None:
    """Write the page for a dataset of results.

    **Arguments:**

    - `dataset`: as `discover` makes it.
    - `path`: the `.html` file.

    **Raises:** `ValueError` where the dataset lacks something that is to be shown.
    """
    page = importlib.resources.files(str(__package__)).joinpath("explorer.html").read_text("utf-8")
    # a closing tag inside a user's string must not end the block of data
    data = json.dumps(payload(dataset), allow_nan=False).replace("<", "\\u003c")
    path.write_text(page.replace("__DATA__", data), "utf-8")


def payload(dataset: xr.Dataset) -> dict[str, Any]:
    """All that the page shows, as plain JSON."""
    about = {
        name: str(dataset.attrs.get(name, "")) for name in ("subject", "metric", "value", "kind")
    }
    return {
        "about": about | {"convention": CONVENTION, "failures": failures(dataset)},
        "units": labels(dataset, "unit"),
        "groups": unit_groups(dataset),
        "places": _floats(circle(dataset)),
        "windows": [
            [int(a), int(b)]
            for a, b in zip(dataset["window_start"].values, dataset["window_stop"].values)
        ],
        "effects": _effects(dataset),
        "edges": _edges(dataset),
        "epochs": _epochs(dataset),
        "paths": _paths(dataset),
        "answers": answer_lines(dataset),
    }


def _pack(values: np.ndarray, dtype: str) -> str:
    return base64.b64encode(np.ascontiguousarray(values, dtype).tobytes()).decode()


def _floats(values: np.ndarray) -> str:
    return _pack(values, "<f4")


def _effects(dataset: xr.Dataset) -> dict[str, str]:
    low, high = interval(dataset, "effect", "window", "unit")
    low, mean, high = (
        per_step(dataset, part) for part in (low, array(dataset, "effect", "window", "unit"), high)
    )
    return {"mean": _floats(mean), "low": _floats(low), "high": _floats(high)}


def _edges(dataset: xr.Dataset) -> dict[str, Any]:
    """The strongest edges of each window, strongest first: receiver, sender, what is carried."""
    flow = carried(dataset, "connectivity", "window")
    size, (windows, units, _) = np.nan_to_num(np.abs(flow)), flow.shape
    kept = np.zeros(flow.shape, bool)
    for axis in (1, 2):
        best = np.argsort(-size, axis=axis, kind="stable").take(range(min(EACH, units)), axis)
        np.put_along_axis(kept, best, True, axis)
    flat, size, kept = (a.reshape(windows, -1) for a in (flow, size, kept))
    drawn = min(EDGES, flat.shape[1])
    np.put_along_axis(kept, np.argsort(-size, axis=1, kind="stable")[:, :drawn], True, 1)
    count = int(kept.sum(1).max())
    top = np.argsort(np.where(kept, -size, np.inf), axis=1, kind="stable")[:, :count]
    to, source = np.divmod(top, units)
    # Windows keep different numbers of edges; the shorter ones end in edges of no weight.
    weight = np.take_along_axis(np.where(kept, np.nan_to_num(flat), 0.0), top, 1)
    return {
        "count": count,
        "drawn": drawn,
        "each": min(EACH, units),
        "of": int(flat.shape[1]),
        "to": _pack(to, "<u2"),
        "from": _pack(source, "<u2"),
        "weight": _floats(weight),
    }


def _epochs(dataset: xr.Dataset) -> dict[str, Any]:
    rows, p = [], set_p(dataset)
    for e, name in enumerate(labels(dataset, "epoch")):
        row = dataset.isel(epoch=e)
        figures = {
            key: None if key not in row or not np.isfinite(row[key]) else float(row[key])
            for key in ("faithfulness", "necessity", "precision", "recall", "auroc")
        }
        rows.append({"name": name, "circuit_p": p[e], **figures})
    return {
        "rows": rows,
        "share": _floats(epoch_share(dataset)),
        "window_share": _floats(window_share(dataset)),
        "effect": _floats(array(dataset, "epoch_effect", "epoch", "unit")),
        "member": _pack(array(dataset, "member", "epoch", "unit"), "u1"),
    }


def _paths(dataset: xr.Dataset) -> dict[str, Any]:
    """Trajectories in the plane of two components, in thousandths of their largest extent."""
    paths = array(dataset, "pca", "trial", "time", "pc")[:TRIALS, :, :2]
    if paths.shape[-1] < 2:
        paths = np.concatenate([paths, np.zeros_like(paths)], -1)
    scale = max(float(np.abs(paths).max()), 1e-12)
    share = array(dataset, "pca_variance", "pc")
    return {
        "trials": len(paths),
        "steps": paths.shape[1],
        "variance": [float(v) for v in np.append(share, 0.0)[:2]],
        "points": _pack(np.round(30000 * paths / scale), "<i2"),
        "epoch": _pack(epoch_of(dataset)[:TRIALS], "i1"),
    }
