"""Who matters when: the unit x window heat map of effects, and the ranking per epoch.

effects_figure(dataset).savefig("effects.png")
ranking_figure(dataset)
"""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from .panels import heat_map, ranking
from .style import FOUND, INK, MUTED, Sheet, colour_bar, epoch_strip, fitting, group_rules, look
from .view import (
    CONVENTION,
    array,
    by_group,
    divided,
    epoch_share,
    group_spans,
    interval,
    labels,
    over_remaining,
    stretches,
    window_edges,
)

NAMED, GROUP_ROWS = 24, 30
"""Units that are named one by one, and rows of names that a heat map of groups has room for."""


def effects_figure(dataset: xr.Dataset) -> Figure:
    """The mean effect of taking each unit out of each window, units by group, epochs above.

    Effects are divided by the share of the trial that remains: one of the last steps can change
    little of a trial's mean.

    **Example:**

        >>> above, map, scale = rj.report.effects_figure(found.dataset).axes
        >>> map.get_xlabel(), map.get_ylabel()
        ('time (steps)', 'unit')
    """
    order = by_group(dataset)
    effect = over_remaining(dataset, array(dataset, "effect", "window", "unit"))[:, order].T
    with look():
        height = min(9.0, 3.4 + 0.05 * len(order))
        figure = Sheet(figsize=(8, height), layout="constrained")
        epochs = dataset.sizes["epoch"]
        ratio = [0.22 * epochs, height - 0.22 * epochs]
        strip, axes = figure.subplots(2, 1, sharex=True, height_ratios=ratio)
        epoch_strip(strip, dataset)
        heat_map(effect.T, axes, window_edges(dataset))
        group_rules(axes, dataset)
        if "truth" in dataset:
            _outline_truth(axes, dataset)
            outline = Rectangle((0, 0), 1, 1, fill=False, ec=INK, lw=0.9, label="truth")
            figure.legend(handles=[outline], loc="outside lower right")
        _name_rows(axes, dataset)
        axes.set_xlabel("time (steps)")
        share = "over the share of the trial left " if divided(dataset) else ""
        said = f"{CONVENTION}\n{share}(root scale)"
        colour_bar(figure, axes.collections[0], axes, said, shrink=0.8, pad=0.02)
        title = f"Effect of each unit in each window: {dataset.attrs.get('subject', '')}"
        figure.suptitle(fitting(title, 7.8, 12, "bold"), x=0.01, ha="left")
    return figure


def _name_rows(axes: Axes, dataset: xr.Dataset) -> None:
    """The names of units where each has room, else those of groups; few groups have none."""
    spans, order = group_spans(dataset), by_group(dataset)
    if len(order) <= NAMED:
        names = labels(dataset, "unit")
        axes.set_yticks(np.arange(len(order)) + 0.5, [fitting(names[i], 1.2, 7) for i in order])
        axes.tick_params(axis="y", labelsize=7)
    elif len(spans) > 1:
        # a group of one row among a thousand has no room for its name
        wide = [span for span in spans if (span[2] - span[1]) * GROUP_ROWS >= len(order)]
        names = [fitting(name, 1.2, 8) for name, _, _ in wide]
        axes.set_yticks([(a + b) / 2 for _, a, b in wide], names)
        axes.set_ylabel("")


def _outline_truth(axes: Axes, dataset: xr.Dataset) -> None:
    """Frame the units that are true in an epoch, where at least half the trials are in it."""
    truth = array(dataset, "truth", "epoch", "unit")[:, by_group(dataset)]
    for units, steps in zip(truth, epoch_share(dataset) >= 0.5):
        for top, bottom in stretches(units):
            for start, stop in stretches(steps):
                size = (stop - start, bottom - top)
                axes.add_patch(Rectangle((start, top), *size, fill=False, ec=INK, lw=0.9))


def ranking_figure(dataset: xr.Dataset, count: int = 12) -> Figure:
    """The units of largest effect in each epoch with their intervals; members filled.

    **Example:**

        >>> len(rj.report.ranking_figure(found.dataset, count=3).axes)  # a panel for each epoch
        2
    """
    epochs = labels(dataset, "epoch")
    effect = array(dataset, "epoch_effect", "epoch", "unit")
    low, high = interval(dataset, "epoch_effect", "epoch", "unit")
    member = array(dataset, "member", "epoch", "unit")
    units = labels(dataset, "unit")
    with look():
        columns = min(4, len(epochs))
        rows = -(-len(epochs) // columns)
        shown = min(count, len(units))
        size = (max(4.2, 2.8 * columns + 0.4), (0.24 * shown + 0.9) * rows + 0.8)
        figure = Sheet(figsize=size, layout="constrained")
        grid = figure.subplots(rows, columns, squeeze=False).ravel()
        for e, (axes, name) in enumerate(zip(grid, epochs)):
            ranking(effect[e], axes, low[e], high[e], units, member[e], count)
            axes.set_title(fitting(name, 1.7, 10, "bold"))
        for axes in grid[len(epochs) :]:
            axes.set_visible(False)
        figure.suptitle("Largest effects per epoch", x=0.01, ha="left")
        kinds = {"member": FOUND, "no member": MUTED}
        handles = [
            Line2D([], [], color=c, marker="o", ms=4, lw=2, label=k) for k, c in kinds.items()
        ]
        title = f"{CONVENTION}, 95 % interval"
        figure.legend(handles=handles, title=title, loc="outside lower center", ncols=2)
    return figure
