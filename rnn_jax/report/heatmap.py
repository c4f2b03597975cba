"""Who matters when: the unit x window heat map of effects, and the ranking per epoch.

effects_figure(dataset).savefig("effects.png")
ranking_figure(dataset)
"""

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from .panels import heat_map, ranking
from .style import (
    INK,
    Sheet,
    epoch_strip,
    group_rules,
    look,
    plain,
    short,
)
from .view import (
    CONVENTION,
    array,
    by_group,
    epoch_share,
    group_spans,
    interval,
    labels,
    per_step,
    stretches,
    window_edges,
)


def effects_figure(dataset: xr.Dataset) -> Figure:
    """The mean effect of taking each unit out of each window, units by group, epochs above.

    Effects are per step that remains: one of the last steps can change little of a trial's mean.
    """
    order = by_group(dataset)
    effect = per_step(dataset, array(dataset, "effect", "window", "unit"))[:, order].T
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
        spans = group_spans(dataset)
        if len(spans) > 1:
            names = [plain(short(name, 18)) for name, _, _ in spans]
            axes.set_yticks([(a + b) / 2 for _, a, b in spans], names)
        axes.set(xlabel="time (steps)", ylabel="unit" if len(spans) == 1 else "")
        bar = figure.colorbar(axes.collections[0], ax=axes, shrink=0.8, pad=0.02)
        bar.set_label(f"{CONVENTION}\nper remaining step (root scale)", color=INK)
        bar.outline.set_visible(False)  # pyright: ignore[reportCallIssue]
        subject = short(str(dataset.attrs.get("subject", "")), 40)
        title = f"Effect of each unit in each window: {subject}"
        if "truth" in dataset:
            title += " (outlined: truth)"
        figure.suptitle(plain(title), x=0.01, ha="left")
    return figure


def _outline_truth(axes: Axes, dataset: xr.Dataset) -> None:
    """Frame the units that are true in an epoch, where at least half the trials are in it."""
    truth = array(dataset, "truth", "epoch", "unit")[:, by_group(dataset)]
    for units, steps in zip(truth, epoch_share(dataset) >= 0.5):
        for top, bottom in stretches(units):
            for start, stop in stretches(steps):
                size = (stop - start, bottom - top)
                axes.add_patch(Rectangle((start, top), *size, fill=False, ec=INK, lw=0.9))


def ranking_figure(dataset: xr.Dataset, count: int = 12) -> Figure:
    """The units of largest effect in each epoch with their intervals; members filled."""
    epochs = labels(dataset, "epoch")
    effect = array(dataset, "epoch_effect", "epoch", "unit")
    low, high = interval(dataset, "epoch_effect", "epoch", "unit")
    member = array(dataset, "member", "epoch", "unit")
    units = labels(dataset, "unit")
    with look():
        columns = min(4, len(epochs))
        rows = -(-len(epochs) // columns)
        size = (2.6 * columns + 0.6, 0.24 * count * rows + 1.0 * rows)
        figure = Sheet(figsize=size, layout="constrained")
        grid = figure.subplots(rows, columns, squeeze=False).ravel()
        for e, (axes, name) in enumerate(zip(grid, epochs)):
            ranking(effect[e], axes, low[e], high[e], units, member[e], count)
            axes.set_title(plain(short(name, 24)))
        for axes in grid[len(epochs) :]:
            axes.set_visible(False)
        figure.suptitle(
            "Largest effects per epoch, 95 % interval (blue: members)", x=0.01, ha="left"
        )
        figure.supxlabel(CONVENTION, fontsize=9)
    return figure
