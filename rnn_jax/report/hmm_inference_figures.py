"""Figures of the study of inference: accuracy against state noise, faithfulness against size.

accuracy_figure(found).savefig("accuracy.png")
"""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..studies.seeds import over_seeds
from .style import INK, MUTED, PALETTE, Sheet, bare, look

COLOURS = {
    "whole": INK,
    "circuit": PALETTE[0],
    "correlation": PALETTE[5],
    "correlation with readout": PALETTE[1],
    "variance": PALETTE[3],
    "random": MUTED,
}


def accuracy_figure(found: xr.Dataset) -> Figure:
    """Accuracy by the readout, then by the decoder, of every set at every level of noise."""
    levels = found["noise"].values
    rows = {"readout": "own readout", "linear": "linear decoder"}
    figure, grid = _grid(found, len(rows), 2.6)
    for line, (way, said) in zip(grid, rows.items(), strict=True):
        for axes, kind in zip(line, found["network"].values, strict=True):
            of = found.sel(network=kind)
            for name in found["set"].values:
                values = of["accuracy"].sel(decoder=way, set=name)
                _line(axes, np.arange(levels.size), values, str(name), "noise")
            axes.axhline(float(of["bayes"].mean()), color=MUTED, lw=0.7, ls=":")
            axes.set_xticks(
                range(found["noise"].size), [f"{at:g}" for at in found["noise"].values]
            )
            axes.set_title(str(kind))
            axes.set_xlabel("state noise / standard deviation of units")
        line[0].set_ylabel(f"accuracy, {said}")
    grid[0, 0].legend(fontsize=7)
    return figure


def faithfulness_figure(found: xr.Dataset) -> Figure:
    """Faithfulness of the best sets of every size, by each ranking; the rule's bar is dotted."""
    figure, (line,) = _grid(found, 1, 2.9)
    for axes, kind in zip(line, found["network"].values, strict=True):
        of = found.sel(network=kind)
        for name in found["ranking"].values:
            _line(
                axes,
                found["share"].values,
                of["faithfulness"].sel(ranking=name),
                str(name),
                "share",
            )
        axes.axhline(found.attrs["faithful"], color=MUTED, lw=0.7, ls=":")
        axes.axvline(float(of["size"].mean()), color=COLOURS["circuit"], lw=0.7, ls=":")
        # far below none at all, curves of bad sets would hide the rest
        axes.set_ylim(-1.05, 1.1)
        axes.set_title(str(kind))
        axes.set_xlabel("share of units kept")
    line[0].set_ylabel("faithfulness")
    line[0].legend(fontsize=7)
    return figure


def _grid(found: xr.Dataset, rows: int, height: float) -> tuple[Figure, np.ndarray]:
    columns = found["network"].size
    with look():
        figure = Sheet(figsize=(3.1 * columns, height * rows), layout="constrained")
        grid = figure.subplots(rows, columns, sharey=True, squeeze=False)
    for axes in grid.ravel():
        bare(axes)
    return figure, grid


def _line(axes: Axes, x: np.ndarray, values: xr.DataArray, name: str, along: str) -> None:
    """The mean over seeds, with its interval."""
    means = [over_seeds(values.isel({along: i})) for i in range(values[along].size)]
    mean, low, high, _ = np.asarray(means).T
    wide = 1.8 if name in ("whole", "circuit") else 1.1
    axes.plot(x, mean, color=COLOURS[name], lw=wide, label=name)
    axes.fill_between(x, low, high, color=COLOURS[name], alpha=0.2, lw=0)


INFERENCE_FIGURES = {"accuracy": accuracy_figure, "faithfulness": faithfulness_figure}
