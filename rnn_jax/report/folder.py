"""A finished run in one folder: configuration, model, results, circuit, figures, report, log.

write_run(Path("runs/ring"), subject, settings, found, lines)
"""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import xarray as xr

from ..circuits import to_dict
from ..data import new_folder, to_graph, write_graphml
from ..studies import Discovery, Settings, Subject
from ..training import save_model
from .course import sets_figure, trajectories_figure
from .explorer import write_explorer
from .heatmap import effects_figure, ranking_figure
from .wiring import circuit_figure, connectivity_figure

FIGURES = {
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
    """Write a record as indented JSON."""
    path.write_text(json.dumps(record, indent=1) + os.linesep)


def write_run(
    out: Path,
    subject: Subject,
    settings: Settings,
    found: Discovery,
    lines: list[str],
    overwrite: bool = False,
) -> None:
    """Write a discovery's folder, whole or not at all.

    **Arguments:**

    - `out`: the folder.
    - `subject`, `settings`, `found`: what was looked at, how, and what was found.
    - `lines`: of the log.
    - `overwrite`: whether a finished run there is replaced.

    **Raises:** `ValueError` where there is one and it is not to be replaced.
    """
    dataset = found.dataset
    with new_folder(out, overwrite) as folder:
        config = {
            "subject": subject.name,
            "origin": subject.origin,
            "settings": asdict(settings),
            "command": dataset.attrs.get("command", ""),
            "versions": json.loads(dataset.attrs["versions"]),
        }
        write_json(folder / "config.json", config)
        save_model(folder / "model.eqx", subject.network, subject.origin)
        dataset.to_netcdf(folder / "results.nc", engine="h5netcdf")
        write_json(folder / "circuit.json", to_dict(found.circuit))
        write_graphml(to_graph(found.circuit), folder / "circuit.graphml")
        save_figures(dataset, folder / "figures")
        write_explorer(dataset, folder / "report.html")
        (folder / "log.txt").write_text("\n".join(lines) + "\n")
