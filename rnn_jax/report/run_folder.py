"""A finished run in one folder: configuration, model, results, circuit, figures, report, log.

save(discover(subject), "runs/mine")
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from ..circuits import to_dict
from ..core.checks import described
from ..data import Workplace, filled, reserved, to_graph, write_graphml
from ..discovery import Discovery, Subject
from ..training import save_model
from .answer_figures import holders_figure, when_figure
from .circuit_drawing import circuit_figure
from .connectivity import connectivity_figure
from .explorer import write_explorer
from .heatmap import effects_figure, ranking_figure
from .sets import sets_figure
from .table import epoch_table
from .trajectories import trajectories_figure
from .unrolled_figure import unrolled_figure

EDGES = 1000
"""Connections of an epoch that a file lists, the strongest first: all are in `results.nc`."""

Draw = Callable[[xr.Dataset], Figure | None]
"""A figure of a dataset, `None` where the dataset has no numbers for it."""

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


def save_figures(dataset: xr.Dataset, folder: Path, figures: Mapping[str, Draw] = FIGURES) -> None:
    """Draw figures into a folder as PNG.

    **Arguments:**

    - `dataset`: what is drawn.
    - `folder`: made, if need be.
    - `figures`: by name, each a function of the dataset; one that gives `None` is left out.

    **Example:**

        >>> figures = {"sets": rj.report.sets_figure}
        >>> rj.report.save_figures(found.dataset, folder / "figures", figures)
        >>> [path.name for path in (folder / "figures").iterdir()]
        ['sets.png']
    """
    folder.mkdir(exist_ok=True)
    for name, draw in figures.items():
        if (figure := draw(dataset)) is not None:
            figure.savefig(folder / f"{name}.png", dpi=150)


def write_json(path: Path, record: Any) -> None:
    """Write a record as indented JSON, numbers of NumPy's included.

    **Example:**

        >>> rj.report.write_json(folder / "record.json", {"units": np.arange(2)})
        >>> "".join((folder / "record.json").read_text().split())
        '{"units":[0,1]}'
    """
    plain = json.dumps(record, indent=1, default=lambda value: np.asarray(value).tolist())
    path.write_text(plain + "\n", "utf-8")


def write_netcdf(path: Path, dataset: xr.Dataset) -> None:
    """Write a dataset as NetCDF-4.

    The file is made in memory: on a full disk HDF5 cannot close its own, and prints a stack dump.
    """
    path.write_bytes(dataset.to_netcdf(engine="h5netcdf"))


def write_record(
    folder: Path, dataset: xr.Dataset, subject: Subject, settings: dict, log: str, **more: Any
) -> None:
    """Write what every run's folder begins with: numbers, configuration, log and model.

    **Arguments:**

    - `folder`: an empty one.
    - `dataset`: all numbers, with the versions and the command among its attributes.
    - `subject`: what was asked about.
    - `settings`, `more`: of `config.json`.
    - `log`: the text of `log.txt`.
    """
    write_netcdf(folder / "results.nc", dataset)
    config = {
        "subject": subject.name,
        "origin": subject.origin,
        "settings": settings,
        **more,
        "command": dataset.attrs.get("command", ""),
        "versions": json.loads(dataset.attrs["versions"]),
    }
    write_json(folder / "config.json", config)
    (folder / "log.txt").write_text(log, "utf-8")
    save_model(folder / "model.eqx", subject.network, subject.origin)


def save(found: Discovery, folder: str | Path, overwrite: bool = False) -> None:
    """Write a discovery as the command line does: numbers, model, circuit, figures and report.

    `rnn_jax.load` opens the folder again. A step that holds its weights in a closure, rather than
    in the fields of a module, has none to write: `load` then needs the same step.

    **Arguments:**

    - `found`: what `discover` gave.
    - `folder`: made, with the folders above it.
    - `overwrite`: whether a finished run in that folder is replaced.

    **Raises:** `ValueError` where the folder cannot be written, or holds anything but a run.

    **Example:**

        >>> rj.save(found, folder / "saved")  # of a `discover`
        >>> (folder / "saved" / "report.html").exists()
        True
    """
    if not isinstance(found, Discovery) or not isinstance(folder, str | Path):
        raise ValueError(
            f"save takes a Discovery and a folder, got {described(found)} and {described(folder)}"
        )
    with reserved(Path(folder), overwrite) as work:
        write_run(work, found, epoch_table(found.dataset))


def write_run(work: Workplace, found: Discovery, log: str) -> None:
    """Write a discovery's folder, its numbers first: a figure that fails must not lose them.

    **Arguments:**

    - `work`: where, as `rnn_jax.data.reserved` gives it.
    - `found`: what was found, from what, and how.
    - `log`: the text of `log.txt`.

    **Raises:** what the writing raises; a note names the folder of what was written until then.

    **Example:**

        >>> with rj.data.reserved(folder / "written") as work:
        ...     rj.report.write_run(work, found, "what was said")
        >>> (folder / "written" / "log.txt").read_text()
        'what was said'
    """
    dataset = found.dataset
    settings = asdict(found.settings) | {"score": dataset.attrs["metric"]}
    with filled(work) as folder:
        write_record(folder, dataset, found.subject, settings, log)
        circuits = json.loads(dataset.attrs["circuits"])
        single = to_dict(found.circuit, EDGES)
        write_json(folder / "circuit.json", {"circuits": circuits, "single units": single})
        write_graphml(to_graph(found.circuit, EDGES), folder / "circuit.graphml")
        save_figures(dataset, folder / "figures")
        write_explorer(dataset, folder / "report.html")
