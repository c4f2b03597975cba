"""The circuit of each epoch, drawn: members on a circle, joined by what their edges carry.

circuit_figure(dataset).savefig("circuit.png")

Panels, titles and captions have fixed places in inches, so that none is cut whatever their number.
"""

from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from jaxtyping import Bool, Float, Int
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from .style import FOUND, GRID, INK, MISSED, MUTED, Sheet, fitting, look
from .view import array, by_group, carried, circle, group_spans, labels, mixed
from .wiring import bends, heads, loops, spread, strongest_in

INCOMING, EDGES = 4, 160
"""Edges into each member that are drawn at most, and about how many in a panel."""
NAMED, GROUPS_NAMED = 12, 8
"""Members, and groups, that a panel names at most."""
COLUMNS = 3
WIDE, HIGH, RADIUS = 4.4, 3.1, 1.1
"""A panel's axes and its circle, in inches."""
TITLE, CAPTION, HEADER, KEY = 0.3, 0.65, 0.42, 0.24
"""Heights of the texts above and below a panel, above all panels, and of a row of the legend."""
LINES = {
    1: (MISSED, "raises its receiver"),
    -1: (FOUND, "lowers its receiver"),
    0: (MUTED, "either sign"),
}
"""Colour and meaning of each sign of what an edge carries."""


class _Ring(NamedTuple):
    """Where everything stands, in radii of the circle; `point` is one point of a font."""

    places: np.ndarray
    dot: float
    loop: float
    band: float
    names: float
    point: float


class _Epoch(NamedTuple):
    """What one panel shows; `flow` is `[to, from]`, 0 where the circuit has no edge.

    `mixed` marks edges whose sign differs over trials and steps."""

    name: str
    member: Bool[np.ndarray, " N"]
    effect: Float[np.ndarray, " N"]
    flow: Float[np.ndarray, "N N"]
    mixed: Bool[np.ndarray, "N N"]


def circuit_figure(dataset: xr.Dataset) -> Figure:
    """Members per epoch on a circle, sized by effect, and the strongest edges into each.

    **Example:**

        >>> len(rj.report.circuit_figure(found.dataset).axes)  # a circle for each epoch
        2
    """
    epochs = _epochs(dataset)
    ring = _ring(dataset, any(epoch.flow.diagonal().any() for epoch in epochs))
    rows = -(-len(epochs) // COLUMNS)
    columns = -(-len(epochs) // rows)
    across = min(columns + 1, 3)
    below = KEY * -(-len(_key()) // across)
    size = (WIDE * columns, HEADER + (TITLE + HIGH + CAPTION) * rows + below)
    with look():
        figure = Sheet(figsize=size)
        for k, epoch in enumerate(epochs):
            row, column = divmod(k, columns)
            top = size[1] - HEADER - row * (TITLE + HIGH + CAPTION) - TITLE
            box = (column * WIDE / size[0], (top - HIGH) / size[1], 1 / columns, HIGH / size[1])
            axes = figure.add_axes(box)
            reach = np.array([WIDE, HIGH]) / 2 / RADIUS
            axes.set(xlim=(-reach[0], reach[0]), ylim=(-reach[1], reach[1]))
            axes.set_axis_off()
            _panel(axes, dataset, epoch, ring)
        subject = str(dataset.attrs.get("subject", ""))
        title = f"The circuit of each epoch: {subject}" if subject else "The circuit of each epoch"
        title = fitting(title, size[0] - 0.3, 12, "bold")
        figure.text(0.12 / size[0], 1 - 0.3 / size[1], title, fontsize=12, weight="bold")
        figure.legend(handles=_key(), loc="lower center", ncols=across, borderaxespad=0.3)
    return figure


def _epochs(dataset: xr.Dataset) -> list[_Epoch]:
    """Each epoch's numbers; an effect that is not known counts as none."""
    member = array(dataset, "member", "epoch", "unit")
    effect = np.nan_to_num(np.abs(array(dataset, "epoch_effect", "epoch", "unit")))
    flow = np.nan_to_num(carried(dataset, "epoch_connectivity", "epoch"))
    flow = np.where(array(dataset, "edge_member", "epoch", "to", "from"), flow, 0.0)
    either = mixed(dataset, "epoch_connectivity", "epoch")
    parts = zip(labels(dataset, "epoch"), member, effect, flow, either, strict=True)
    return [_Epoch(*values) for values in parts]


def _ring(dataset: xr.Dataset, with_loops: bool) -> _Ring:
    """Dots and loops shrink where units are many, so that neighbours do not merge."""
    places, point = circle(dataset), 1 / 72 / RADIUS
    apart = 2 * np.pi / max(dataset.sizes["unit"], 6)
    dot = float(np.clip(0.42 * apart, 0.6 * point, 4 * point))
    loop = float(np.clip(0.5 * apart, 0.01, 0.07)) if with_loops else 0.0
    band = 1 + dot + 2 * loop + 0.05
    return _Ring(places, dot, loop, band, band + 0.08, point)


def _panel(axes: Axes, dataset: xr.Dataset, epoch: _Epoch, ring: _Ring) -> None:
    who = np.flatnonzero(epoch.member)
    size = np.sqrt(epoch.effect[who] / max(epoch.effect[who].max(initial=0.0), 1e-30))
    radius = np.full(len(ring.places), 0.5 * ring.dot)
    radius[who] = ring.dot * (0.5 + 0.5 * size)
    caption = _edges(axes, epoch, ring)
    for units, ink in ((np.flatnonzero(~epoch.member), GRID), (who, INK)):
        area = (2 * radius[units] / ring.point) ** 2
        axes.scatter(*ring.places[units].T, s=area, color=ink, lw=0, zorder=3)
    _names(axes, dataset, epoch, ring)
    title = fitting(epoch.name, WIDE - 0.3, 10, "bold")
    top = {"transform": axes.transAxes, "clip_on": False}
    axes.text(0.03, 1 + 0.06 / HIGH, title, va="bottom", fontsize=10, weight="bold", **top)
    axes.text(0.5, -0.04 / HIGH, caption, ha="center", va="top", fontsize=8, **top)


def _edges(axes: Axes, epoch: _Epoch, ring: _Ring) -> str:
    """Draw the strongest edges into each member, and say how many of how many these are."""
    flow, members = epoch.flow, int(epoch.member.sum())
    most = int(np.clip(EDGES // max(members, 1), 1, INCOMING))
    kept = strongest_in(flow, most)
    to, source = np.nonzero(kept)
    own = np.flatnonzero(flow.diagonal())
    if len(to) + len(own):
        crowd = float(np.clip(80 / (len(to) + len(own)), 0.4, 1.0))
        head = float(np.clip(2.2 * ring.dot, 2.5 * ring.point, 6 * ring.point * crowd**0.5))
        between = bends(ring.places[source], ring.places[to], ring.dot, head)
        around = loops(ring.places[own], ring.loop, ring.dot, head)
        ends = np.concatenate([[to, source], [own, own]], 1)
        sign = np.where(epoch.mixed, 0, np.sign(flow))[*ends]
        paths = np.concatenate([between, around])
        _draw(axes, paths, np.abs(flow)[*ends], sign, 2 * crowd)
    if not members:
        return "no unit"
    others = np.count_nonzero(flow) - len(own)
    if kept.sum() == others:
        drawn = f"all {others:,} edges between units" if others else "no edges between units"
    else:
        strongest = "the strongest" if most == 1 else f"the {most} strongest"
        drawn = f"{kept.sum():,} of {others:,} edges, {strongest} into each"
    return (
        f"{members:,} of {len(flow):,} units, {len(own):,} of them with a loop\n{drawn}\n"
        f"thickest line: mean |J h| = {np.abs(flow).max():.2g}"
    )


def _draw(
    axes: Axes, paths: np.ndarray, carries: np.ndarray, sign: np.ndarray, thickest: float
) -> None:
    """Lines as thick as what they carry, the weakest first, each ending in its arrowhead."""
    order = np.argsort(carries, kind="stable")
    paths, share = paths[order], carries[order] / carries.max()
    ink = [LINES[int(sign[k])][0] for k in order]
    widths = np.maximum(0.35, thickest * (0.2 + 0.8 * share))
    axes.add_collection(
        LineCollection(list(paths[:, :-1]), colors=ink, linewidths=widths, alpha=0.7, zorder=2)
    )
    axes.add_collection(PolyCollection(list(heads(paths)), facecolors=ink, lw=0, zorder=4))


def _names(axes: Axes, dataset: xr.Dataset, epoch: _Epoch, ring: _Ring) -> None:
    """The names of the strongest members, and of groups, outside of the circle without overlap."""
    units = labels(dataset, "unit")
    who = np.flatnonzero(epoch.member)
    top = who[np.argsort(-epoch.effect[who], kind="stable")[:NAMED]]
    tags = [(units[i], ring.places[i], INK) for i in top]
    tags += _groups(axes, dataset, epoch, ring)
    for side in (-1, 1):
        mine = [tag for tag in tags if (tag[1][0] >= 0) == (side > 0)]
        mine.sort(key=lambda tag: tag[1][1])
        wanted = np.array([ring.names * place[1] for _, place, _ in mine])
        # higher up a leader would cross the names below its own
        heights = spread(wanted, 8.5 * ring.point, ring.names)
        for (text, place, ink), y in zip(mine, heights, strict=True):
            x = side * max(np.sqrt(max(ring.names**2 - y**2, 0.0)), 0.6 * abs(place[0]), 0.04)
            start = place if ink == INK else place * ring.band
            elbow = place * (ring.band + 0.01)
            # under a name that begins before its elbow, a leader ends below the letters
            below = 4 * ring.point * np.sign(y) if side * (elbow[0] - x) > 0 else 0.0
            end = (x, y - below)
            axes.plot(*np.transpose([start, elbow, end]), color=MUTED, lw=0.4, zorder=1)
            room = WIDE / 2 - RADIUS * abs(x) - 0.12
            axes.text(
                x + 0.02 * side, y, fitting(text, room, 7), color=ink, fontsize=7,
                va="center_baseline", ha="left" if side > 0 else "right",
                style="normal" if ink == INK else "italic",
            )  # fmt: skip


def _groups(
    axes: Axes, dataset: xr.Dataset, epoch: _Epoch, ring: _Ring
) -> list[tuple[str, np.ndarray, str]]:
    """Draw a band along each group; the groups to name, those of most members first in."""
    spans = group_spans(dataset)
    if len(spans) == 1:
        return []
    order = by_group(dataset)
    angle = np.unwrap(np.arctan2(*ring.places[order].T))
    turns = [np.linspace(angle[start], angle[stop - 1], 60) for _, start, stop in spans]
    bands = [ring.band * np.stack([np.sin(turn), np.cos(turn)], -1) for turn in turns]
    axes.add_collection(LineCollection(bands, colors=MUTED, linewidths=0.8, zorder=1))
    held = [int(epoch.member[order[start:stop]].sum()) for _, start, stop in spans]
    first = np.argsort(np.negative(held), kind="stable")[:GROUPS_NAMED]
    middle: Int[np.ndarray, " G"] = order[[(a + b) // 2 for _, a, b in spans]]
    return [(spans[g][0], ring.places[middle[g]], MUTED) for g in first]


def _key() -> list[Any]:
    """What colours and dots mean."""
    dot = {"ls": "", "marker": "o", "ms": 6}
    return [
        *(Line2D([], [], color=ink, lw=2, label=said) for ink, said in LINES.values()),
        Line2D([], [], color=INK, label="member (larger: larger effect)", **dot),
        Line2D([], [], color=GRID, label="other unit", **dot),
    ]
