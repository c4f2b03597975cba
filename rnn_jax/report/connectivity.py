"""Through which connections: effective connectivity of each epoch, as matrices `[to, from]`.

connectivity_figure(dataset)
"""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from .panels import matrix
from .style import Sheet, centred, colour_bar, fitting, group_rules, look
from .view import by_group, carried, group_spans, labels

PANEL = 2.6
"""Inches of an epoch's panel, with the names beside it."""


def _panels(dataset: xr.Dataset, side: float) -> tuple[Figure, np.ndarray]:
    """One square panel an epoch, at most four in a row."""
    count = dataset.sizes["epoch"]
    columns = min(4, count)
    rows = -(-count // columns)
    figure = Sheet(figsize=(side * columns + 0.9, side * rows + 0.7), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid[count:]:
        axes.set_visible(False)
    return figure, grid


def connectivity_figure(dataset: xr.Dataset) -> Figure:
    """What each connection carries on average in each epoch, units by group.

    **Example:**

        >>> *matrices, scale = rj.report.connectivity_figure(found.dataset).axes
        >>> [(ax.get_xlabel(), ax.get_ylabel()) for ax in matrices]  # of each epoch
        [('from', 'to'), ('from', 'to')]
    """
    order = by_group(dataset)
    matrices = carried(dataset, "epoch_connectivity", "epoch")[:, order][:, :, order]
    spans = group_spans(dataset)
    with look():
        figure, grid = _panels(dataset, PANEL)
        norm = centred(matrices)
        for axes, values, name in zip(grid, matrices, labels(dataset, "epoch")):
            matrix(values, axes, norm=norm)
            group_rules(axes, dataset, both=True)
            axes.set_title(fitting(name, PANEL - 0.4, 10, "bold"))
            if len(spans) > 1:
                ticks = [(a + b) / 2 for _, a, b in spans]
                # a name wider than its group's rows would run into the next
                room = (PANEL - 0.5) / spans[-1][2]
                names = [fitting(group, room * (b - a) - 0.05, 8) for group, a, b in spans]
                axes.set_xticks(ticks, names)
                axes.set_yticks(ticks, names, rotation=90, va="center")
                axes.tick_params(length=0)
        said = "mean |J$_{ij}$ h$_j$|, sign of the mean"
        colour_bar(figure, grid[0].images[0], list(grid), said, shrink=0.7, pad=0.02)
        figure.suptitle("Effective connectivity per epoch", x=0.01, ha="left")
    return figure
