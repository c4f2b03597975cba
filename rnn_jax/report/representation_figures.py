"""Figures of `representation-vs-role`: what is represented against what counts, and who finds it.

figure = represented_figure(found)
"""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from .style import FOUND, INK, MISSED, MUTED, Sheet, bare, look

COLOURS = {"easy": FOUND, "hard": MISSED}


def represented_figure(found: xr.Dataset) -> Figure:
    """Each network's two features: the role of its plane over its share of the variance."""
    cells = found["cell"].values
    with look():
        figure = Sheet(figsize=(3.6 * len(cells), 3.2), layout="constrained")
        grid = figure.subplots(1, len(cells), sharey=True, squeeze=False)[0]
        for axes, cell in zip(grid, cells, strict=True):
            one = found.sel(cell=cell)
            for feature, colour in COLOURS.items():
                share = one["share"].sel(network="trained", part=feature).values
                roles = one["role"].sel(feature=feature, output=feature)
                axes.scatter(
                    share, roles.sel(plane="coding").values, color=colour, s=26, alpha=0.8, lw=0,
                    label=f"{feature}, its own plane",
                )  # fmt: skip
                axes.scatter(
                    share, roles.sel(plane="random").values, edgecolor=colour, s=22, lw=0.8,
                    facecolor="none", label=f"{feature}, a random plane",
                )  # fmt: skip
            axes.axhline(0, color=MUTED, lw=0.7)
            axes.set_xlim(0, 1)
            axes.set_title(str(cell))
            axes.set_xlabel("share of variance in the delay")
            bare(axes)
        grid[0].set_ylabel("role for the feature's own output")
        figure.legend(*grid[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


def precision_figure(found: xr.Dataset) -> Figure:
    """Every method's precision for the units of the easy and of the hard output, seed by seed."""
    cells = found["cell"].values
    precision = found["precision"].sel(truth="single")
    order = precision.mean(("seed", "cell", "output")).values.argsort()
    names = [str(name) for name in precision["selector"].values[order]]
    with look():
        figure = Sheet(
            figsize=(2 + 3.2 * len(cells), 1.4 + 0.3 * len(names)), layout="constrained"
        )
        grid = figure.subplots(1, len(cells), sharey=True, squeeze=False)[0]
        for axes, cell in zip(grid, cells, strict=True):
            for feature, colour in COLOURS.items():
                lift = 0.14 if feature == "easy" else -0.14
                values = precision.sel(cell=cell, output=feature).transpose("selector", "seed")
                values = values.values[order]
                rows = np.arange(len(names)) + lift
                spread = np.broadcast_to(rows[:, None], values.shape)
                axes.scatter(values, spread, color=colour, s=9, alpha=0.35, lw=0)
                axes.scatter(values.mean(1), rows, color=colour, s=30, lw=0, label=feature)
            axes.axvline(0.25, color=INK, lw=0.7, ls=":")
            axes.set_xlim(-0.03, 1.03)
            axes.set_yticks(range(len(names)), names)
            axes.set_title(str(cell))
            axes.set_xlabel("precision (dotted: chance)")
            bare(axes)
        figure.legend(*grid[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure
