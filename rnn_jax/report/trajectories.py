"""Trajectories of the network.

trajectories_figure(dataset)
"""

import numpy as np
import xarray as xr
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from .style import MUTED, Sheet, bare, epoch_colour, fitting, look
from .view import array, epoch_of, labels

TRIALS_DRAWN = 40


def trajectories_figure(dataset: xr.Dataset) -> Figure:
    """Every trial's path through the first principal components, coloured by epoch.

    **Example:**

        >>> rj.report.trajectories_figure(found.dataset).axes[0].get_xlabel()
        'PC 1 (...% of variance)'
    """
    paths = array(dataset, "pca", "trial", "time", "pc")[:TRIALS_DRAWN]
    epoch = epoch_of(dataset)[:TRIALS_DRAWN]
    share = array(dataset, "pca_variance", "pc")
    planes = [(0, 1), (0, 2)] if paths.shape[-1] > 2 else [(0, min(1, paths.shape[-1] - 1))]
    with look():
        figure = Sheet(figsize=(max(4.8, 4.1 * len(planes)), 4.3), layout="constrained")
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
        shown = [fitting(name, 1.3, 8) for name in names]
        if (epoch < 0).any():
            handles, shown = [*handles, Line2D([], [], color=MUTED)], [*shown, "in no epoch"]
        handles.append(Line2D([], [], color=MUTED, marker="o", ms=3, ls=""))
        shown.append("end of a trial")
        figure.legend(handles, shown, loc="outside lower center", ncols=2 * len(planes))
        figure.suptitle("Trajectories by principal components", x=0.01, ha="left")
    return figure
