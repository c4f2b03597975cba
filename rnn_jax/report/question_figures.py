"""Figures of studies that ask questions: sizes beside random axes', and what each method finds.

sizes_of({"flip-flop": part, ...})    # a part: the numbers of some questions, over seeds
methods_of(rows)
"""

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from ..studies.question_numbers import Row
from .style import FOUND, INK, MISSED, MUTED, Sheet, bare, look


def named(rows: list[Row]) -> dict[str, xr.Dataset]:
    """Rows of a table, by their labels."""
    return {": ".join(labels): part for labels, part in rows}


def sizes_of(rows: Mapping[str, xr.Dataset]) -> Figure:
    """Of each question and seed: units needed, and the median of what random axes need."""
    sets = [str(name) for name in next(iter(rows.values()))["set"].values]
    with look():
        figure = Sheet(figsize=(9, 1.6 + 0.26 * len(rows)), layout="constrained")
        grid = figure.subplots(1, len(sets), sharey=True)
        for axes, name in zip(grid, sets, strict=True):
            for at, part in enumerate(rows.values()):
                one = part.sel(set=name)
                for values, colour, lift, label in (
                    (one["size"], FOUND, -0.14, "units"),
                    (one["base_size"], MUTED, 0.14, "random axes, median"),
                ):
                    x = values.values.ravel()
                    y = np.full(x.shape, at + lift)
                    axes.scatter(x, y, s=14, color=colour, alpha=0.6, lw=0,
                                 label=label if at == 0 else None)  # fmt: skip
            axes.set_yticks(range(len(rows)), list(rows))
            axes.set_title(name)
            axes.set_xlabel("size")
            axes.set_xlim(0, None)
            bare(axes)
        grid[0].invert_yaxis()
        figure.legend(*grid[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def methods_of(rows: Mapping[str, xr.Dataset]) -> Figure:
    """What each method's units do on fresh trials, beside those of exchanges."""
    names = [str(s) for s in next(iter(rows.values()))["selector"].values]
    kept = np.stack([_mean(part["kept"].values) for part in rows.values()])
    with look():
        size = (3.2 + 0.7 * len(names), 1.6 + 0.26 * len(rows))
        figure = Sheet(figsize=size, layout="constrained")
        axes = figure.subplots()
        image = axes.imshow(kept, cmap="cividis", vmin=0, vmax=1, aspect="auto")
        for (row, column), value in np.ndenumerate(kept):
            colour = INK if value > 0.6 else "white"
            axes.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=6,
                      color=MISSED if np.isnan(value) else colour)  # fmt: skip
        axes.set_xticks(range(len(names)), names, rotation=45, ha="right")
        axes.set_yticks(range(len(rows)), list(rows))
        axes.set_title("as many units as the mediator has")
        figure.colorbar(image, ax=axes, shrink=0.7).set_label("lesser of undone and restored")
    return figure


def _mean(values: np.ndarray) -> np.ndarray:
    """Over seeds and questions, of what is known."""
    known = np.isfinite(values).sum((0, 1))
    return np.nansum(values, (0, 1)) / np.where(known, known, np.nan)
