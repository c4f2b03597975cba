"""The circuit of each epoch, drawn: units on a circle, edges that bend through its middle.

    circuit_graph(dataset).savefig("circuit.png")

A member's area and colour are its effect; an edge's width and colour the epoch's effective
connectivity `[to, from]`; units outside the circuit stay as grey dots in their place.
"""

import matplotlib
import numpy as np
import xarray as xr
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch
from matplotlib.path import Path as Curve

from .style import DIVERGING, INK, MUTED, centred, look, plain, short, spaced
from .view import array, by_group, circle, group_spans, labels, require

DRAWN = 120
"""The strongest edges of a panel that are drawn; more would hide one another."""


def _edges(dataset: xr.Dataset, epoch: int) -> Int[np.ndarray, "K 2"]:
    """The strongest edges between members, weakest first, as pairs `(to, from)`."""
    weight = np.abs(array(dataset, "epoch_connectivity", "epoch", "to", "from")[epoch])
    member = array(dataset, "member", "epoch", "unit")[epoch]
    allowed = member[:, None] & member[None, :] & ~np.eye(len(member), dtype=bool)
    if "edge_member" in dataset:
        allowed &= array(dataset, "edge_member", "epoch", "to", "from")[epoch]
    pairs = np.argwhere(allowed & (weight > 0))
    strength = weight[pairs[:, 0], pairs[:, 1]]
    return pairs[np.argsort(strength, kind="stable")][-DRAWN:]


def _arrow(start: np.ndarray, stop: np.ndarray) -> Curve:
    """A curve between two places, bent towards the middle, a little short of its end."""
    bend = 0.25 * (start + stop)
    direction = stop - bend
    stop = stop - 0.05 * direction / max(float(np.hypot(*direction)), 1e-9)
    return Curve([start, bend, stop], [Curve.MOVETO, Curve.CURVE3, Curve.CURVE3])


def _draw_edges(
    axes: Axes, places: Float[np.ndarray, "N 2"], pairs: np.ndarray, weight: np.ndarray, norm
) -> None:
    colours = matplotlib.colormaps[DIVERGING]
    for to, source in pairs:
        share = min(abs(weight[to, source]) / norm.vmax, 1.0)
        axes.add_patch(
            FancyArrowPatch(
                path=_arrow(places[source], places[to]),
                arrowstyle="-|>",
                mutation_scale=4 + 4 * share,
                color=colours(norm(weight[to, source])),
                lw=0.4 + 1.8 * share,
                alpha=0.35 + 0.6 * share,
                zorder=1 + share,
            )
        )


def _draw_units(
    axes: Axes, places: np.ndarray, effect: np.ndarray, member: np.ndarray, norm: Normalize
) -> None:
    axes.scatter(*places[~member].T, s=9, c="#c9cdd3", lw=0, zorder=3)
    top = norm.vmax or 1.0
    largest = 190 if len(effect) <= 40 else 80
    size = 14 + largest * np.clip(np.abs(effect[member]) / top, 0, 1)
    axes.scatter(
        *places[member].T,
        s=size,
        c=effect[member],
        cmap=DIVERGING,
        norm=norm,
        edgecolors=INK,
        linewidths=0.6,
        zorder=4,
    )


def _radial(axes: Axes, place: np.ndarray, text: str, radius: float, **style) -> None:
    """A text that reads outwards from the circle."""
    angle = float(np.degrees(np.arctan2(place[1], place[0])))
    left = place[0] < -1e-9
    axes.text(
        *(radius * place / np.hypot(*place)),
        text,
        rotation=angle + 180 if left else angle,
        rotation_mode="anchor",
        ha="right" if left else "left",
        va="center",
        **style,
    )


def _name_units(axes: Axes, dataset: xr.Dataset, places: np.ndarray, size: np.ndarray) -> None:
    """Names of the members of largest effect, as many as the circle has room for."""
    slots = np.empty(len(places))
    slots[by_group(dataset)] = np.arange(len(places))
    gap = len(places) * 0.026
    ids = np.flatnonzero(size > 0)
    for i in spaced(slots[ids], size[ids], gap, 24):
        name = plain(short(labels(dataset, "unit")[ids[i]], 8))
        _radial(axes, places[ids[i]], name, 1.1, fontsize=7)


def _name_groups(axes: Axes, dataset: xr.Dataset, places: np.ndarray) -> None:
    order = by_group(dataset)
    for name, start, stop in group_spans(dataset):
        arc = places[order[start:stop]]
        angles = np.unwrap(np.arctan2(arc[:, 1], arc[:, 0]))
        x, y = 1.44 * np.array([np.cos(angles), np.sin(angles)])
        axes.plot(x, y, color=MUTED, lw=2, solid_capstyle="round")
        middle = float(angles.mean())
        turn = np.degrees(middle) - 90
        turn = turn + 180 if np.cos(np.radians(turn)) < 0 else turn
        axes.text(
            1.56 * np.cos(middle),
            1.56 * np.sin(middle),
            plain(short(name, 22)),
            rotation=turn,
            ha="center",
            va="center",
            color=MUTED,
            fontsize=8,
        )


def circuit_graph(dataset: xr.Dataset) -> Figure:
    """The circuit of each epoch on a circle of units.

    **Arguments:**

    - `dataset`: results with `epoch_effect`, `member` and `epoch_connectivity` `[to, from]`;
      `edge_member` restricts the edges where it is known.

    **Returns:** the figure, one panel per epoch; at most 120 edges a panel, the strongest.

    **Raises:** `ValueError` where a variable is missing.
    """
    require(dataset, "epoch_effect", "member", "epoch_connectivity")
    effect = array(dataset, "epoch_effect", "epoch", "unit")
    member = array(dataset, "member", "epoch", "unit")
    weight = array(dataset, "epoch_connectivity", "epoch", "to", "from")
    places, norm, flow = circle(dataset), centred(effect), centred(weight)
    columns = len(effect) if len(effect) <= 3 else -(-len(effect) // 2)
    rows = -(-len(effect) // columns)
    with look():
        figure = Figure(figsize=(1.6 + 4.0 * columns, 0.8 + 4.2 * rows), layout="constrained")
        grid = figure.subplots(rows, columns, squeeze=False)
        for axes in grid.flat:
            axes.set(aspect="equal", xlim=(-1.72, 1.72), ylim=(-1.72, 1.72))
            axes.axis("off")
        for e, axes in enumerate(grid.flat[: len(effect)]):
            pairs = _edges(dataset, e)
            _draw_edges(axes, places, pairs, weight[e], flow)
            _draw_units(axes, places, effect[e], member[e], norm)
            _name_units(axes, dataset, places, np.abs(effect[e]) * member[e])
            _name_groups(axes, dataset, places)
            name = plain(short(labels(dataset, "epoch")[e], 24))
            axes.set_title(f"{name}: {member[e].sum()} units, {len(pairs)} edges")
        for scale, text in ((norm, "unit: effect"), (flow, "edge: J[to, from] · h[from]")):
            mappable = matplotlib.cm.ScalarMappable(scale, DIVERGING)
            bar = figure.colorbar(mappable, ax=grid, fraction=0.02, pad=0.02, aspect=35)
            bar.set_label(text)
            bar.outline.set_visible(False)  # pyright: ignore[reportCallIssue]
        figure.suptitle("The circuit of each epoch", x=0.01, ha="left")
    return figure
