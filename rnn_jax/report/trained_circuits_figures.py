"""Figures of `trained-circuits`: sizes beside those of random axes, and what methods find.

figure = sizes_figure(found)
"""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from .style import FOUND, INK, MISSED, MUTED, Sheet, bare, look


def _kinds(found: xr.Dataset) -> list[str]:
    names = (found["cell"] + " " + found["task"]).values
    return [str(name) for name in dict.fromkeys(names)]


def _rows(found: xr.Dataset, kind: str) -> np.ndarray:
    return (found["cell"] + " " + found["task"]).values == kind


def _mean(values: np.ndarray) -> np.ndarray:
    """Over seeds and questions, of what is known."""
    known = np.isfinite(values).sum((0, 1))
    return np.nansum(values, (0, 1)) / np.where(known, known, np.nan)


def sizes_figure(found: xr.Dataset) -> Figure:
    """Of each question and seed: units needed, and the median of what random axes need."""
    kinds = _kinds(found)
    with look():
        figure = Sheet(figsize=(9, 1.6 + 0.26 * len(kinds)), layout="constrained")
        grid = figure.subplots(1, found.sizes["set"], sharey=True)
        for axes, name in zip(grid, found["set"].values, strict=True):
            one = found.sel(set=name)
            for row, kind in enumerate(kinds):
                which = _rows(found, kind)
                for values, colour, lift, label in (
                    (one["size"], FOUND, -0.14, "units"),
                    (one["base_size"], MUTED, 0.14, "random axes, median"),
                ):
                    x = values.values[:, which].ravel()
                    y = np.full(x.shape, row + lift)
                    axes.scatter(x, y, s=14, color=colour, alpha=0.6, lw=0,
                                 label=label if row == 0 else None)  # fmt: skip
            axes.set_yticks(range(len(kinds)), kinds)
            axes.set_title(str(name))
            axes.set_xlabel("size")
            axes.set_xlim(0, None)
            bare(axes)
        grid[0].invert_yaxis()
        figure.legend(*grid[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def methods_figure(found: xr.Dataset) -> Figure:
    """What each method's units do on fresh trials, beside those of exchanges, by network."""
    kinds, names = _kinds(found), [str(s) for s in found["selector"].values]
    kept = np.stack([_mean(found["kept"].values[:, _rows(found, kind)]) for kind in kinds])
    with look():
        size = (3.2 + 0.7 * len(names), 1.6 + 0.26 * len(kinds))
        figure = Sheet(figsize=size, layout="constrained")
        axes = figure.subplots()
        image = axes.imshow(kept, cmap="cividis", vmin=0, vmax=1, aspect="auto")
        for (row, column), value in np.ndenumerate(kept):
            colour = INK if value > 0.6 else "white"
            axes.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=6,
                      color=MISSED if np.isnan(value) else colour)  # fmt: skip
        axes.set_xticks(range(len(names)), names, rotation=45, ha="right")
        axes.set_yticks(range(len(kinds)), kinds)
        axes.set_title("as many units as the mediator has")
        figure.colorbar(image, ax=axes, shrink=0.7).set_label("lesser of undone and restored")
    return figure
