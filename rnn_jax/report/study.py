"""A study in one folder: its table with verdicts, its numbers, its figures.

said = write_study(Path("runs/study-recovery"), "recovery", found, lines)
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from ..data import new_folder
from ..studies import STUDIES, write_up
from .context_flip_flop_figures import alike_figure, course_figure, shares_figure
from .folder import write_json
from .hmm_inference_figures import INFERENCE_FIGURES
from .representation_figures import precision_figure, represented_figure
from .style import INK, look


def recovery_figure(found: xr.Dataset) -> Figure:
    """Mean AUROC of every method on every kind, without noise and with the most."""
    levels = [min(found["noise"].values), max(found["noise"].values)]
    kinds, methods = found["kind"].values, found["selector"].values
    with look():
        size = (2.6 + 0.9 * len(methods), 1.6 + 0.24 * len(kinds))
        figure = Figure(figsize=size, layout="constrained")
        grid = figure.subplots(1, 2, sharey=True)
        for axes, level in zip(grid, levels, strict=True):
            mean = found["auroc"].sel(noise=level).mean("seed").transpose("kind", "selector")
            image = axes.imshow(mean.values, cmap="RdBu", vmin=0, vmax=1, aspect="auto")
            for (row, column), value in np.ndenumerate(mean.values):
                dark = abs(value - 0.5) > 0.35
                axes.text(
                    column, row, f"{value:.2f}", ha="center", va="center", fontsize=6,
                    color="white" if dark else INK,
                )  # fmt: skip
            axes.set_xticks(range(len(methods)), methods, rotation=45, ha="right")
            axes.set_yticks(range(len(kinds)), kinds)
            axes.set_title(f"noise {level:g}")
        figure.colorbar(image, ax=list(grid), shrink=0.7, pad=0.01).set_label("AUROC")
    return figure


STUDY_FIGURES: dict[str, dict[str, Callable[[xr.Dataset], Figure]]] = {
    "recovery": {"auroc": recovery_figure},
    "representation-vs-role": {
        "represented": represented_figure,
        "precision": precision_figure,
    },
    "hmm-inference": INFERENCE_FIGURES,
    "context-flip-flop": {
        "shares": shares_figure,
        "jaccard": alike_figure,
        "course": course_figure,
    },
}


def write_study(
    out: Path, name: str, found: xr.Dataset, lines: list[str], overwrite: bool = False
) -> str:
    """Write a study's folder, whole or not at all.

    **Arguments:**

    - `out`: the folder.
    - `name`: of `STUDIES`.
    - `found`: what its `run` gave.
    - `lines`: of the log.
    - `overwrite`: whether a finished study there is replaced.

    **Returns:** the text of `NAME.md`.

    **Raises:** `ValueError` where there is one and it is not to be replaced.
    """
    said = write_up(name, STUDIES[name], found)
    with new_folder(out, overwrite) as folder:
        for figure, draw in STUDY_FIGURES[name].items():
            draw(found).savefig(folder / f"{name}-{figure}.png", dpi=120)
            said += f"\n![{figure}]({name}-{figure}.png)\n"
        (folder / f"{name}.md").write_text(said)
        write_json(folder / "config.json", {"study": name, **found.attrs})
        found.to_netcdf(folder / f"{name}.nc", engine="h5netcdf")
        (folder / "log.txt").write_text("\n".join(lines) + "\n")
    return said
