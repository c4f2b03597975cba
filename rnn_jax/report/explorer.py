"""The explorer: one HTML file, without a library or a network, to walk through a circuit in time.

    write_explorer(dataset, Path("report.html"))

The folder `explorer` beside this file holds the page, its style and its scripts, which are put
together into one file. Numbers travel as base64; of each window the strongest connections alone
are kept, and the page says which.
"""

import importlib.resources
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from .answers import answer_lines
from .explorer_edges import kept_edges
from .explorer_questions import question_data
from .packing import halves, numbers, plain
from .style import EPOCHS
from .table import performance_line
from .view import (
    CONVENTION,
    array,
    circle,
    divided,
    epoch_of,
    failures,
    interval,
    labels,
    over_remaining,
    set_p,
    unit_groups,
    window_share,
)

TRIALS = 16
SCRIPTS = (
    "state", "drawing", "rows", "windows", "circuit", "times", "effects", "matrix", "tables",
    "saving", "start",
)  # fmt: skip
"""Scripts in the order in which they are put together: later ones use earlier ones."""
MARKS = ("faithfulness", "necessity", "precision", "recall", "auroc")


def write_explorer(dataset: xr.Dataset, path: Path) -> None:
    """Write the page for a dataset of results.

    **Arguments:**

    - `dataset`: as `discover` makes it.
    - `path`: the `.html` file.

    **Raises:** `ValueError` where the dataset lacks something that is to be shown.

    **Example:**

        >>> rj.report.write_explorer(found.dataset, folder / "mine.html")
        >>> "https://" in (folder / "mine.html").read_text()  # one file, which works offline
        False
    """
    path.write_text(with_data(page(), payload(dataset)), "utf-8")


def page() -> str:
    """The page without its data: HTML, style and scripts in one text."""
    return assembled("explorer/page.html", [f"explorer/{name}.js" for name in SCRIPTS])


def assembled(html: str, scripts: Sequence[str]) -> str:
    """A page from files of this room, in the explorer's style and the colours of the figures."""
    room = importlib.resources.files(str(__package__))
    read = lambda name: room.joinpath(*name.split("/")).read_text("utf-8")
    whole = read(html).replace("__STYLE__", read("explorer/style.css"))
    whole = whole.replace("__SCRIPT__", "\n".join(map(read, scripts)))
    return whole.replace("__EPOCHS__", json.dumps(EPOCHS))


def with_data(whole: str, data: dict[str, Any]) -> str:
    """A page with its data, as plain JSON."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    # a closing tag inside a user's string must not end the block of data
    return whole.replace("__DATA__", text.replace("<", "\\u003c"))


def payload(dataset: xr.Dataset) -> dict[str, Any]:
    """All that the page shows, as plain JSON."""
    about = {
        name: str(dataset.attrs.get(name, "")) for name in ("subject", "metric", "value", "kind")
    }
    asked = question_data(dataset)
    members = [np.asarray(one["members"], int) for one in asked["questions"]]
    return {
        "about": about
        | {"convention": CONVENTION, "failures": failures(dataset), "divided": divided(dataset)}
        | {"performance": performance_line(dataset)},
        "units": labels(dataset, "unit"),
        "groups": unit_groups(dataset),
        "places": halves(circle(dataset)),
        "windows": [
            [int(a), int(b)]
            for a, b in zip(dataset["window_start"].values, dataset["window_stop"].values)
        ],
        "effects": _effects(dataset),
        "edges": kept_edges(dataset, members),
        "epochs": _epochs(dataset),
        "paths": _paths(dataset),
        "answers": answer_lines(dataset),
        "asked": asked,
    }


def _effects(dataset: xr.Dataset) -> dict[str, Any]:
    low, high = interval(dataset, "effect", "window", "unit")
    parts = (low, array(dataset, "effect", "window", "unit"), high)
    low, mean, high = (over_remaining(dataset, part) for part in parts)
    return {"mean": halves(mean), "low": halves(low), "high": halves(high)}


def _epochs(dataset: xr.Dataset) -> dict[str, Any]:
    rows, p = [], set_p(dataset)
    for e, name in enumerate(labels(dataset, "epoch")):
        row = dataset.isel(epoch=e)
        figures = {key: plain(row[key]) if key in row else None for key in MARKS}
        rows.append({"name": name, "circuit_p": p[e], **figures})
    return {
        "rows": rows,
        "window_share": halves(window_share(dataset)),
        "effect": halves(array(dataset, "epoch_effect", "epoch", "unit")),
        "member": numbers(array(dataset, "member", "epoch", "unit"), "u1"),
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
        "extent": scale,
        "variance": [float(v) for v in np.append(share, 0.0)[:2]],
        "points": numbers(np.round(30000 * paths / scale), "<i2"),
        "epoch": numbers(epoch_of(dataset)[:TRIALS], "i1"),
    }
