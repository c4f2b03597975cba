"""A study in one folder: its table with verdicts, its numbers, its figures.

with reserved(Path("runs/study-recovery")) as work:
    said = write_study(work, "recovery", found, "the log")
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from ..data import Workplace, filled
from ..studies import STUDIES, write_up
from ..studies.context_flip_flop.asked_tables import question_rows as of_flip_flop
from ..studies.hmm_inference.asked_tables import question_rows as of_inference
from ..studies.question_numbers import Row
from .context_flip_flop_figures import alike_figure, course_figure, shares_figure
from .hmm_emulation_figures import EMULATION_FIGURES
from .hmm_inference_figures import INFERENCE_FIGURES
from .hmm_resonance_figures import RESONANCE_FIGURES
from .question_figures import methods_of, named, sizes_of
from .representation_figures import precision_figure, represented_figure
from .run_folder import write_json, write_netcdf
from .style import INK, Sheet, look
from .trained_circuits_figures import methods_figure, sizes_figure
from .visual_behavior_figures import course_figure as vip_course
from .visual_behavior_figures import replaced_figure, silencing_figure


def recovery_figure(found: xr.Dataset) -> Figure:
    """Mean AUROC of every method on every kind, without noise and with the most."""
    levels = [min(found["noise"].values), max(found["noise"].values)]
    kinds, methods = found["kind"].values, found["selector"].values
    with look():
        size = (2.6 + 0.9 * len(methods), 1.6 + 0.24 * len(kinds))
        figure = Sheet(figsize=size, layout="constrained")
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


def _asked(rows: Callable[[xr.Dataset], list[Row]]) -> dict[str, Callable[[xr.Dataset], Figure]]:
    """The figures of a study's questions."""
    return {
        "asked-sizes": lambda found: sizes_of(named(rows(found))),
        "asked-methods": lambda found: methods_of(named(rows(found))),
    }


STUDY_FIGURES: dict[str, dict[str, Callable[[xr.Dataset], Figure]]] = {
    "recovery": {"auroc": recovery_figure},
    "representation-vs-role": {
        "represented": represented_figure,
        "precision": precision_figure,
    },
    "hmm-inference": INFERENCE_FIGURES | _asked(of_inference),
    "context-flip-flop": {
        "shares": shares_figure,
        "jaccard": alike_figure,
        "course": course_figure,
        **_asked(of_flip_flop),
    },
    "trained-circuits": {"sizes": sizes_figure, "methods": methods_figure},
    "hmm-emulation": EMULATION_FIGURES,
    "hmm-resonance": RESONANCE_FIGURES,
    "visual-behavior": {
        "silencing": silencing_figure,
        "course": vip_course,
        "replaced": replaced_figure,
    },
}


def write_study(work: Workplace, name: str, found: xr.Dataset, log: str) -> str:
    """Write a study's folder, its numbers before they are judged and drawn.

    **Arguments:**

    - `work`: where, as `rnn_jax.data.reserved` gives it.
    - `name`: of `STUDIES`.
    - `found`: what its `run` gave.
    - `log`: the text of `log.txt`.

    **Returns:** the text of `NAME.md`.

    **Raises:** what the writing raises; a note names the folder of what was written until then.

    **Example:**

        >>> found = rj.studies.recovery({"latch": rj.planted.latch}, range(2), (0.0,), count=16)
        >>> found = found.assign_attrs(study="recovery")
        >>> with rj.data.reserved(folder / "recovery") as work:
        ...     said = rj.report.write_study(work, "recovery", found, "what was said")
        >>> (folder / "recovery" / "recovery.md").read_text() == said
        True
    """
    with filled(work) as folder:
        write_netcdf(folder / f"{name}.nc", found)
        write_json(folder / "config.json", found.attrs)
        (folder / "log.txt").write_text(log, "utf-8")
        said = write_up(name, STUDIES[name], found)
        for figure, draw in STUDY_FIGURES[name].items():
            draw(found).savefig(folder / f"{name}-{figure}.png", dpi=120)
            said += f"\n![{figure}]({name}-{figure}.png)\n"
        (folder / f"{name}.md").write_text(said, "utf-8")
    return said


def read_study(path: Path, name: str) -> xr.Dataset:
    """The numbers that an earlier run of a study saved.

    **Raises:** `ValueError` where the file is missing, cut off, or of another study.

    **Example:**

        >>> found.dataset.assign_attrs(study="mine").to_netcdf(folder / "mine.nc")
        >>> rj.report.read_study(folder / "mine.nc", "mine").sizes["unit"]
        6
        >>> rj.report.read_study(folder / "mine.nc", "recovery")
        Traceback (most recent call last):
            ...
        ValueError: ...mine.nc holds mine, not recovery
    """
    try:
        found = xr.load_dataset(path, engine="h5netcdf")
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file") from None
    except Exception as error:  # whatever foreign bytes provoke
        raise ValueError(f"{path} is cut off or no NetCDF file: {error}") from error
    if found.attrs.get("study") != name:
        raise ValueError(f"{path} holds {found.attrs.get('study', 'no study')}, not {name}")
    return found
