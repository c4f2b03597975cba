"""A finished run in one folder: configuration, model, results, circuit, figures, report, log.

save(discover(subject), "runs/mine")
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from ..circuits import to_dict
from ..core.checks import described
from ..data import Workplace, filled, reserved, to_graph, write_graphml
from ..discovery import Discovery
from ..training import save_model
from .answer_figures import holders_figure, when_figure
from .circuit_drawing import circuit_figure
from .connectivity import connectivity_figure
from .explorer import write_explorer
from .heatmap import effects_figure, ranking_figure
from .sets import sets_figure
from .trajectories import trajectories_figure
from .unrolled_figure import unrolled_figure

EDGES = 1000
"""Connections of an epoch that a file lists, the strongest first: all are in `results.nc`."""

FIGURES = {
    "holders": holders_figure,
    "when": when_figure,
    "unrolled": unrolled_figure,
    "effects": effects_figure,
    "ranking": ranking_figure,
    "connectivity": connectivity_figure,
    "circuit": circuit_figure,
    "trajectories": trajectories_figure,
    "sets": sets_figure,
}


def save_figures(dataset: xr.Dataset, folder: Path) -> None:
    """Draw every figure into a folder as PNG."""
    folder.mkdir(exist_ok=True)
    for name, draw in FIGURES.items():
        draw(dataset).savefig(folder / f"{name}.png", dpi=150)


def write_json(path: Path, record: Any) -> None:
    """Write a record as indented JSON, numbers of NumPy's included."""
    plain = json.dumps(record, indent=1, default=lambda value: np.asarray(value).tolist())
    path.write_text(plain + "\n", "utf-8")


def write_netcdf(path: Path, dataset: xr.Dataset) -> None:
    """Write a dataset as NetCDF-4.

    The file is made in memory: on a full disk HDF5 cannot close its own, and prints a stack dump.
    """
    path.write_bytes(dataset.to_netcdf(engine="h5netcdf"))


def save(found: Discovery, folder: str | Path, overwrite: bool = False) -> None:
    """Write a discovery as the command line does: numbers, model, circuit, figures and report.

    `rnn_jax.load` opens the folder again. A step that holds its weights in a closure, rather than
    in the fields of a module, has none to write: `load` then needs the same step.

    **Arguments:**

    - `found`: what `discover` gave.
    - `folder`: made, with the folders above it.
    - `overwrite`: whether a finished run in that folder is replaced.

    **Raises:** `ValueError` where the folder cannot be written, or holds anything but a run.
    """
    if not isinstance(found, Discovery) or not isinstance(folder, str | Path):
        raise ValueError(
            f"save takes a Discovery and a folder, got {described(found)} and {described(folder)}"
        )
    with reserved(Path(folder), overwrite) as work:
        write_run(work, found, "")


def write_run(work: Workplace, found: Discovery, log: str) -> None:
    """Write a discovery's folder, its numbers first: a figure that fails must not lose them.

    **Arguments:**

    - `work`: where, as `rnn_jax.data.reserved` gives it.
    - `found`: what was found, from what, and how.
    - `log`: the text of `log.txt`.

    **Raises:** what the writing raises; a note names the folder of what was written until then.
    """
    dataset, subject = found.dataset, found.subject
    with filled(work) as folder:
        write_netcdf(folder / "results.nc", dataset)
        config = {
            "subject": subject.name,
            "origin": subject.origin,
            "settings": asdict(found.settings) | {"score": dataset.attrs["metric"]},
            "command": dataset.attrs.get("command", ""),
            "versions": json.loads(dataset.attrs["versions"]),
        }
        write_json(folder / "config.json", config)
        (folder / "log.txt").write_text(log, "utf-8")
        save_model(folder / "model.eqx", subject.network, subject.origin)
        circuits = json.loads(dataset.attrs["circuits"])
        single = to_dict(found.circuit, EDGES)
        write_json(folder / "circuit.json", {"circuits": circuits, "single units": single})
        write_graphml(to_graph(found.circuit, EDGES), folder / "circuit.graphml")
        save_figures(dataset, folder / "figures")
        write_explorer(dataset, folder / "report.html")
