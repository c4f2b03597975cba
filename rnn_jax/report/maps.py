"""Units against windows, and units against units: the two maps of numbers.

    effect_map(dataset).savefig("effect_map.png")
    connectivity_matrices(dataset)       # [to, from], one panel per epoch

Rows are ordered by group; one diverging scale centred at 0 serves every panel of a figure.
"""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from .style import (
    DIVERGING,
    EXTRA,
    FOUND,
    INK,
    MISSED,
    centred,
    epoch_strip,
    frame,
    group_rules,
    look,
    plain,
    short,
)
from .view import (
    array,
    by_group,
    epoch_spans,
    group_spans,
    labels,
    require,
    window_edges,
)

NAMED = 48
"""Up to so many units every row carries its name; beyond, groups do."""


def title_of(dataset: xr.Dataset) -> str:
    """Subject, metric, replacement value and kind, in one line."""
    attrs = dataset.attrs
    parts = [f"{k} {attrs[k]}" for k in ("metric", "value", "kind", "direction") if k in attrs]
    return plain(" · ".join([short(str(attrs.get("subject", "network")), 60), *parts]))


def _unit_rows(axes: Axes, dataset: xr.Dataset) -> None:
    """Names on the rows: every unit's where they fit, else the groups' at their middles."""
    order, spans = by_group(dataset), group_spans(dataset)
    if len(order) <= NAMED:
        names = [plain(short(labels(dataset, "unit")[i], 16)) for i in order]
        axes.set_yticks(np.arange(len(order)) + 0.5, names, fontsize=8 if len(order) < 30 else 6)
    else:
        middles = [(start + stop) / 2 for _, start, stop in spans]
        names = [f"{plain(short(n, 18))}\n({b - a} units)" for n, a, b in spans]
        axes.set_yticks(middles, names)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(order), 0)


def _membership(axes: Axes, dataset: xr.Dataset) -> None:
    """One column an epoch: found, and where truth is known also missed and not in the truth."""
    order, member = by_group(dataset), array(dataset, "member", "epoch", "unit")
    known = "truth" in dataset
    truth = array(dataset, "truth", "epoch", "unit") if known else member
    code = np.where(member & truth, 1, np.where(truth, 2, np.where(member, 3, 0)))
    axes.pcolormesh(
        np.arange(len(code) + 1) - 0.5,
        np.arange(len(order) + 1),
        code[:, order].T,
        cmap=ListedColormap(["#f3f4f6", FOUND, MISSED, EXTRA]),
        vmin=-0.5,
        vmax=3.5,
        edgecolors="white",
        linewidth=1.0 if len(order) <= NAMED else 0.3,
    )
    names = [plain(short(n, 18)) for n in labels(dataset, "epoch")]
    axes.set_xticks(range(len(code)), names, rotation=60, ha="right", rotation_mode="anchor")
    axes.set_ylim(len(order), 0)
    axes.set_yticks([])
    axes.tick_params(length=0)
    axes.set_title("Circuit")
    group_rules(axes, dataset)


def _frames(axes: Axes, dataset: xr.Dataset) -> None:
    """Outline runs of true units over the stretch in which their epoch lasts."""
    truth = array(dataset, "truth", "epoch", "unit")[:, by_group(dataset)]
    for row, spans in zip(truth, epoch_spans(dataset)):
        turns = np.flatnonzero(np.diff(np.concatenate([[0], row.astype(int), [0]])))
        for top, bottom in zip(turns[::2], turns[1::2]):
            for start, stop in spans:
                frame(axes, start, float(top), stop - start, float(bottom - top))


def _map_legend(figure: Figure, dataset: xr.Dataset) -> None:
    handles = [Patch(fc=FOUND, label="in the circuit")]
    if "truth" in dataset:
        handles = [
            Patch(fc=FOUND, label="found, true"),
            Patch(fc=MISSED, label="missed"),
            Patch(fc=EXTRA, label="found, not true"),
            Patch(fc="none", ec=INK, label="outline: true unit in its epoch"),
        ]
    figure.legend(handles=handles, loc="outside lower center", ncols=4)


def effect_map(dataset: xr.Dataset) -> Figure:
    """Effects of unit x window, epochs above, the circuit of each epoch beside.

    `effect[w, i] = F(unit i replaced in window w) - F(clean)`

    **Arguments:**

    - `dataset`: results with `effect`, windows, `epoch_mask` and `member`; `truth` is outlined
      where known.

    **Returns:** the figure.

    **Raises:** `ValueError` where a variable is missing.
    """
    require(dataset, "effect", "epoch_mask", "member")
    effect, order = array(dataset, "effect", "window", "unit"), by_group(dataset)
    epochs = dataset.sizes["epoch"]
    height = float(np.clip(0.2 * len(order), 1.8, 7.5))
    strip, side = 0.2 * epochs, 0.22 * epochs
    with look():
        figure = Figure(figsize=(8.2 + side, height + strip + 2.0), layout="constrained")
        grid = figure.add_gridspec(
            2, 2, height_ratios=[strip, height], width_ratios=[6.2, max(side, 0.5)]
        )
        top, axes = figure.add_subplot(grid[0, 0]), figure.add_subplot(grid[1, 0])
        right = figure.add_subplot(grid[1, 1])
        edges = window_edges(dataset)
        mesh = axes.pcolormesh(
            edges,
            np.arange(len(order) + 1),
            effect[:, order].T,
            cmap=DIVERGING,
            norm=centred(effect),
        )
        _unit_rows(axes, dataset)
        group_rules(axes, dataset)
        if "truth" in dataset:
            _frames(axes, dataset)
        epoch_strip(top, dataset)
        for one in (top, axes):
            one.set_xlim(edges[0], edges[-1])
        top.set_title("Epochs (strength: share of trials)")
        axes.set_title("Effect of replacing one unit in one window")
        axes.set(xlabel="time (steps)", ylabel="unit, by group")
        _membership(right, dataset)
        bar = figure.colorbar(mesh, ax=right, fraction=0.5, pad=0.12, aspect=30)
        bar.set_label(plain(f"F(intervened) − F(clean) of {dataset.attrs.get('metric', 'F')}"))
        bar.outline.set_visible(False)  # pyright: ignore[reportCallIssue]
        figure.suptitle(title_of(dataset), x=0.01, ha="left")
        _map_legend(figure, dataset)
    return figure


def _matrix_ticks(axes: Axes, dataset: xr.Dataset) -> None:
    order, spans = by_group(dataset), group_spans(dataset)
    if len(order) <= 16:
        names = [plain(short(labels(dataset, "unit")[i], 10)) for i in order]
        axes.set_xticks(np.arange(len(order)) + 0.5, names, rotation=90)
        axes.set_yticks(np.arange(len(order)) + 0.5, names)
    else:
        middles = [(start + stop) / 2 for _, start, stop in spans]
        names = [plain(short(name, 14)) for name, _, _ in spans]
        axes.set_xticks(middles, names, rotation=30, ha="right", rotation_mode="anchor")
        axes.set_yticks(middles, names)
    axes.tick_params(length=0)


def _edge_dots(axes: Axes, chosen: np.ndarray) -> None:
    """A dot on each edge of the circuit, as small as the cell asks."""
    to, source = np.nonzero(chosen)
    size = float(np.clip(60 / len(chosen), 0.5, 5)) ** 2
    axes.scatter(source + 0.5, to + 0.5, s=size, c=INK, lw=0)


def connectivity_matrices(dataset: xr.Dataset) -> Figure:
    """Effective connectivity of each epoch, `[to, from]`, units ordered by group.

    `S[e, i, j] = mean over the epoch of J[t, i, j] h[t - 1, j]`

    **Arguments:**

    - `dataset`: results with `epoch_connectivity`; edges of the circuit are dotted where
      `edge_member` is known and there are at most 48 units.

    **Returns:** the figure, one panel per epoch on one scale.

    **Raises:** `ValueError` where `epoch_connectivity` is missing.
    """
    matrices, order = (
        array(dataset, "epoch_connectivity", "epoch", "to", "from"),
        by_group(dataset),
    )
    columns = min(len(matrices), 4)
    rows = -(-len(matrices) // columns)
    dotted = "edge_member" in dataset and len(order) <= NAMED
    with look():
        figure = Figure(figsize=(1.4 + 3.1 * columns, 1.2 + 3.1 * rows), layout="constrained")
        grid = figure.subplots(rows, columns, squeeze=False)
        norm, cells = centred(matrices), np.arange(len(order) + 1)
        for e, axes in enumerate(grid.flat):
            if e >= len(matrices):
                axes.set_visible(False)
                continue
            ordered = matrices[e][np.ix_(order, order)]
            mesh = axes.pcolormesh(cells, cells, ordered, cmap=DIVERGING, norm=norm)
            if dotted:
                chosen = array(dataset, "edge_member", "epoch", "to", "from")[e]
                _edge_dots(axes, chosen[np.ix_(order, order)])
            axes.set(aspect="equal", ylim=(len(order), 0), xlabel="from unit")
            axes.set_title(plain(short(labels(dataset, "epoch")[e], 24)))
            _matrix_ticks(axes, dataset)
            group_rules(axes, dataset, both=True)
            if e % columns == 0:
                axes.set_ylabel("to unit")
            else:
                axes.set_yticklabels([])
        bar = figure.colorbar(mesh, ax=grid, fraction=0.03, pad=0.01, aspect=30)
        bar.set_label("mean of J[to, from] · h[from]")
        bar.outline.set_visible(False)  # pyright: ignore[reportCallIssue]
        note = " (dots: edges of the circuit)" if dotted else ""
        figure.suptitle(f"Effective connectivity by epoch{note}", x=0.01, ha="left")
    return figure
