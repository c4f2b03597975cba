"""Figures of `hmm-resonance`: how often and how regularly symbols change, by the noise's scale.

scales_figure(found).savefig("scales.png")
"""

from collections.abc import Callable

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .style import MUTED, PALETTE, Sheet, bare, look

LABELS = {
    "irregularity": "variation of residences over chance",
    "changes": "changes of the symbol per step",
    "switches": "switches of the logits per step",
}


def scales_figure(found: xr.Dataset) -> Figure:
    """A row for each network: three measures over the scale of the noise, a line for each cell."""
    seeds = found["seed"].values
    with look():
        size = (3.4 * len(LABELS), 2.8 * len(seeds))
        figure = Sheet(figsize=size, layout="constrained")
        grid = figure.subplots(len(seeds), len(LABELS), squeeze=False)
        for line, seed in zip(grid, seeds, strict=True):
            for axes, (name, label) in zip(line, LABELS.items(), strict=True):
                _measure(axes, found.sel(seed=seed), name)
                axes.set_ylabel(label)
            line[0].set_title(f"seed {seed}", loc="left", color=MUTED)
            line[0].legend()
    return figure


def _measure(axes: Axes, one: xr.Dataset, name: str) -> None:
    scales = one["scale"].values
    bare(axes)
    for cell, colour in zip(one["cell"].values, PALETTE):
        row = one.sel(cell=cell)
        axes.plot(scales, row[name].values, color=colour, lw=1.4, marker="o", ms=3, label=cell)
        if f"{name}_low" in row:
            ends = row[f"{name}_low"].values, row[f"{name}_high"].values
            axes.fill_between(scales, *ends, color=colour, alpha=0.2, lw=0)
    axes.axvline(1, color=MUTED, lw=0.7, ls=":")
    axes.set_xscale("log", base=2)
    axes.set_xticks(scales[::2], [f"{scale:g}" for scale in scales[::2]])
    axes.set_xlabel("scale of the noise")


RESONANCE_FIGURES: dict[str, Callable[[xr.Dataset], Figure]] = {"scales": scales_figure}
