"""Through which connections: effective connectivity per epoch, and the circuit drawn.

connectivity_figure(dataset)     # matrices, [to, from]
circuit_figure(dataset)          # members on a circle, joined by what they carry
"""

import numpy as np
import xarray as xr
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from .panels import matrix
from .style import DIVERGING, GRID, INK, Sheet, centred, group_rules, look, plain, short
from .view import array, by_group, carried, circle, group_spans, labels

EDGES_DRAWN = 150


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
    """What each connection carries on average in each epoch, units by group."""
    order = by_group(dataset)
    matrices = carried(dataset, "epoch_connectivity", "epoch")[:, order][:, :, order]
    spans = group_spans(dataset)
    with look():
        figure, grid = _panels(dataset, 2.6)
        norm = centred(matrices)
        for axes, values, name in zip(grid, matrices, labels(dataset, "epoch")):
            matrix(values, axes, norm=norm)
            group_rules(axes, dataset, both=True)
            axes.set_title(plain(short(name, 24)))
            if len(spans) > 1:
                ticks = [(a + b) / 2 for _, a, b in spans]
                names = [plain(short(group, 8)) for group, _, _ in spans]
                axes.set_xticks(ticks, names)
                axes.set_yticks(ticks, names, rotation=90, va="center")
                axes.tick_params(length=0)
        bar = figure.colorbar(grid[0].images[0], ax=list(grid), shrink=0.7, pad=0.02)
        bar.set_label("mean |J$_{ij}$ h$_j$|, sign of the mean", color=INK)
        bar.outline.set_visible(False)  # pyright: ignore[reportCallIssue]
        figure.suptitle("Effective connectivity per epoch", x=0.01, ha="left")
    return figure


def circuit_figure(dataset: xr.Dataset) -> Figure:
    """Members per epoch on a circle, their size by effect, joined by the strongest edges."""
    places = circle(dataset)
    effect = np.abs(array(dataset, "epoch_effect", "epoch", "unit"))
    member = array(dataset, "member", "epoch", "unit")
    flow = carried(dataset, "epoch_connectivity", "epoch")
    edges = array(dataset, "edge_member", "epoch", "to", "from")
    with look():
        figure, grid = _panels(dataset, 2.7)
        for e, (axes, name) in enumerate(zip(grid, labels(dataset, "epoch"))):
            shown = _draw_edges(axes, places, np.where(edges[e], flow[e], 0.0))
            axes.scatter(*places.T, s=5, color=GRID, zorder=2)
            who = np.flatnonzero(member[e])
            size = effect[e, who] / max(effect[e].max(), 1e-30)
            axes.scatter(*places[who].T, s=6 + 40 * size, color=INK, zorder=3)
            _name_groups(axes, dataset, places)
            axes.set(xlim=(-1.32, 1.32), ylim=(-1.32, 1.32), aspect="equal", xticks=[], yticks=[])
            for spine in axes.spines.values():
                spine.set_visible(False)
            axes.set_title(plain(short(name, 24)))
            axes.set_xlabel(f"{len(who)} units, {shown} of {int(edges[e].sum())} edges")
        figure.suptitle(
            "The circuit of each epoch (size: effect; red pushes up, blue down)",
            x=0.01,
            ha="left",
        )
    return figure


def _draw_edges(axes, places: np.ndarray, weight: np.ndarray) -> int:
    """The strongest edges as curves bent inwards, the weakest first."""
    pairs = np.argwhere(weight != 0)
    strength = np.abs(weight[tuple(pairs.T)])
    top = np.argsort(strength, kind="stable")[-EDGES_DRAWN:]
    pairs, strength = pairs[top], strength[top]
    if not len(pairs):
        return 0
    t = np.linspace(0, 1, 16)[None, :, None]
    start, stop = places[pairs[:, 1]][:, None], places[pairs[:, 0]][:, None]
    curves = (1 - t) ** 2 * start + 2 * t * (1 - t) * 0.25 * (start + stop) + t**2 * stop
    share = strength / strength.max()
    lines = LineCollection(
        list(curves),
        cmap=DIVERGING,
        norm=Normalize(-1, 1),
        alpha=0.7,
        linewidths=0.3 + 1.7 * share,
    )
    lines.set_array(np.sign(weight[tuple(pairs.T)]) * (0.35 + 0.65 * share))
    axes.add_collection(lines)
    return len(pairs)


def _name_groups(axes, dataset: xr.Dataset, places: np.ndarray) -> None:
    spans = group_spans(dataset)
    if len(spans) == 1:
        return
    ordered = places[by_group(dataset)]
    for name, start, stop in spans:
        middle = ordered[(start + stop) // 2]
        side = "left" if middle[0] > 0.2 else "right" if middle[0] < -0.2 else "center"
        axes.text(*(1.12 * middle), plain(short(name, 12)), ha=side, va="center", fontsize=8)
