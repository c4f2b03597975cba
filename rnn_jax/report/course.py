"""Trajectories of the network, and tests of the circuits as sets.

trajectories_figure(dataset)
sets_figure(dataset)
"""

import numpy as np
import xarray as xr
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from .style import FOUND, MISSED, MUTED, Sheet, bare, epoch_colour, look, plain, short
from .view import array, epoch_of, interval, labels

TRIALS_DRAWN = 40


def trajectories_figure(dataset: xr.Dataset) -> Figure:
    """Every trial's path through the first principal components, coloured by epoch."""
    paths = array(dataset, "pca", "trial", "time", "pc")[:TRIALS_DRAWN]
    epoch = epoch_of(dataset)[:TRIALS_DRAWN]
    share = array(dataset, "pca_variance", "pc")
    planes = [(0, 1), (0, 2)] if paths.shape[-1] > 2 else [(0, min(1, paths.shape[-1] - 1))]
    with look():
        figure = Sheet(figsize=(4.1 * len(planes), 4.3), layout="constrained")
        for axes, (a, b) in zip(figure.subplots(1, len(planes), squeeze=False)[0], planes):
            points = paths[..., [a, b]]
            segments = np.stack([points[:, :-1], points[:, 1:]], 2).reshape(-1, 2, 2)
            colours = [MUTED if e < 0 else epoch_colour(e) for e in epoch[:, 1:].ravel()]
            axes.add_collection(LineCollection(list(segments), colors=colours, lw=0.9, alpha=0.7))
            axes.scatter(*points[:, -1].T, s=8, color=MUTED, zorder=3)
            axes.autoscale()
            axes.set_xlabel(f"PC {a + 1} ({share[a]:.0%} of variance)")
            axes.set_ylabel(f"PC {b + 1} ({share[b]:.0%} of variance)")
            axes.grid()
            bare(axes)
        names = labels(dataset, "epoch")
        handles = [Line2D([], [], color=epoch_colour(e)) for e in range(len(names))]
        shown = [plain(short(name, 20)) for name in names]
        if (epoch < 0).any():
            handles, shown = [*handles, Line2D([], [], color=MUTED)], [*shown, "in no epoch"]
        figure.legend(handles, shown, loc="outside lower center", ncols=min(5, len(shown)))
        figure.suptitle("Trajectories in the space of principal components", x=0.01, ha="left")
    return figure


def sets_figure(dataset: xr.Dataset) -> Figure:
    """Faithfulness and necessity of each epoch's circuit, with 95 % intervals."""
    names = labels(dataset, "epoch")
    with look():
        figure = Sheet(figsize=(2.2 + 1.15 * len(names), 3.2), layout="constrained")
        axes = figure.subplots()
        x = np.arange(len(names))
        for shift, name, colour, what in (
            (-0.12, "faithfulness", FOUND, "only the circuit kept"),
            (0.12, "necessity", MISSED, "only the circuit dropped"),
        ):
            value = array(dataset, name, "epoch")
            low, high = interval(dataset, name, "epoch")
            axes.vlines(x + shift, low, high, color=colour, lw=2)
            axes.scatter(x + shift, value, color=colour, s=28, zorder=3, label=f"{name}: {what}")
        axes.axhline(1, color=MUTED, lw=0.7)
        axes.axhline(0, color=MUTED, lw=0.7)
        axes.set_xticks(x, [plain(short(name, 14)) for name in names])
        axes.set_xlim(-0.5, len(names) - 0.5)
        axes.set_ylabel("share of the whole network")
        axes.grid(axis="y")
        bare(axes)
        figure.legend(loc="outside lower center", ncols=1)
        figure.suptitle("Circuits as sets", x=0.01, ha="left")
    return figure
