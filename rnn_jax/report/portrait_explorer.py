"""The page of a portrait: one HTML file, without a library or a network, to walk through trials.

    write_portrait_page(dataset, Path("report.html"))

For a chosen trial and step it shows the fixed point that the state is nearest to, and how near;
for a chosen removal, which points are kept, move or vanish. Style and drawing are the
explorer's; the folder `portrait_page` beside this file holds the rest.
"""

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from .dynamics_table import kind_of, kinds, leading, points_of, removal_sentence, search_lines
from .explorer import assembled, with_data
from .packing import halves, numbers, plain
from .portrait_panels import FLOW, longest, planes
from .view import array, epoch_of, labels

TRIALS = 24
MODES = 64
"""Most eigenvalues of a point that the page holds, those of the largest size."""
SCRIPTS = (
    "portrait_page/state.js", "explorer/drawing.js", "explorer/rows.js",
    "portrait_page/plane.js", "portrait_page/panels.js", "portrait_page/tables.js",
    "explorer/saving.js", "portrait_page/start.js",
)  # fmt: skip


def write_portrait_page(dataset: xr.Dataset, path: Path) -> None:
    """Write the page for a dataset of a portrait.

    **Arguments:**

    - `dataset`: as `portrait` makes it.
    - `path`: the `.html` file.

    **Raises:** `ValueError` where the dataset lacks something that is to be shown.

    **Example:**

        >>> rj.report.write_portrait_page(seen.dataset, folder / "dynamics.html")  # of `portrait`
        >>> "https://" in (folder / "dynamics.html").read_text()  # one file, which works offline
        False
    """
    path.write_text(with_data(portrait_page(), portrait_data(dataset)), "utf-8")


def portrait_page() -> str:
    """The page without its data: HTML, style and scripts in one text."""
    return assembled("portrait_page/page.html", SCRIPTS)


def portrait_data(dataset: xr.Dataset) -> dict[str, Any]:
    """All that the page shows, as plain JSON."""
    removals = labels(dataset, "removal") if "removal" in dataset.dims else []
    span = array(dataset, "span", "pc", "end")
    return {
        "subject": str(dataset.attrs.get("subject", "")),
        "hold": str(dataset.attrs["hold"]),
        "flow_note": FLOW.format(longest(dataset)).replace("\n", " "),
        "epochs": labels(dataset, "epoch"),
        "landscapes": _landscapes(dataset, removals),
        "planes": [list(pair) for pair in planes(dataset)],
        "variance": [float(v) for v in array(dataset, "pca_variance", "pc")],
        "span": span.tolist(),
        "paths": _paths(dataset, span),
        "flow": _flow(dataset),
        "points": _points(dataset),
    }


def _landscapes(dataset: xr.Dataset, removals: list[str]) -> list[dict[str, Any]]:
    """Name, sentences, points and fates of each landscape; the intact one has no fates."""
    intact = {"name": "intact", "said": search_lines(dataset), "fates": None}
    found = [intact]
    for r, name in enumerate(removals):
        rows = dataset.isel(removal=r)
        fates = {
            "fate": numbers(rows["fate"].values, "u1"),
            "partner": numbers(rows["partner"].values, "<i4"),
            "distance": halves(rows["fate_distance"].values),
            "change": halves(rows["fate_unstable"].values),
        }
        said = removal_sentence(dataset, r)
        found.append({"name": f"without {name}", "said": [said], "fates": fates})
    for k, one in enumerate(found):
        one["points"] = [int(p) for p in points_of(dataset, k)]
    return found


def _paths(dataset: xr.Dataset, span: np.ndarray) -> dict[str, Any]:
    """The first trials of every landscape, and the fixed point nearest to each state."""
    dims = ("landscape", "trial", "time")
    paths = array(dataset, "pca", *dims, "pc")[:, :TRIALS]
    return {
        "trials": paths.shape[1],
        "steps": paths.shape[2],
        "points": halves(paths),
        "epoch": numbers(epoch_of(dataset)[:TRIALS], "i1"),
        "nearest": numbers(array(dataset, "nearest", *dims)[:, :TRIALS], "<i4"),
        "distance": halves(array(dataset, "distance", *dims)[:, :TRIALS]),
    }


def _flow(dataset: xr.Dataset) -> dict[str, Any]:
    dims = ("landscape", "plane", "node", "axis")
    return {
        "at": halves(array(dataset, "flow_at", *dims)),
        "moved": halves(array(dataset, "flow", *dims)),
        "nodes": dataset.sizes["node"],
    }


def _points(dataset: xr.Dataset) -> dict[str, Any]:
    count = dataset.sizes["point"]
    parts = [array(dataset, f"eigenvalue_{p}", "point", "mode") for p in ("real", "imag")]
    return {
        "landscape": numbers(array(dataset, "point_landscape", "point"), "u1"),
        "kind": [str(kind) for kind in kinds(dataset)],
        "said": [kind_of(dataset, p) for p in range(count)],
        "at": halves(array(dataset, "point_pca", "point", "pc")),
        "starts": numbers(array(dataset, "point_count", "point"), "<i4"),
        "residual": [plain(q) for q in array(dataset, "point_residual", "point")],
        "leading": ["neutral" if np.isposinf(c) else plain(c) for c in leading(dataset)],
        "outputs": halves(array(dataset, "point_output", "point", "output")),
        "real": halves(parts[0][:, :MODES]),
        "imag": halves(parts[1][:, :MODES]),
        "modes": min(MODES, parts[0].shape[1]),
        "of_modes": parts[0].shape[1],
    }
