"""The circuit unrolled in time: which edges carry the difference, from window to window.

unrolled_figure(dataset)      # time to the right, units as lanes, edges as lines
"""

import json
import re
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from .style import FOUND, GRID, INK, MISSED, MUTED, Sheet, bare, fitting, look
from .view import clock

QUESTIONS = 6
"""Questions that the figure shows."""
WIDEST = 4.0
"""Width of a line whose edge, cut in that window alone, takes the whole effect away."""
INTO = 3
"""Edges of each kind into one end in one window that are drawn: all would be a black sheet."""
TICKS = 13
"""Borders of windows that are numbered."""
KINDS = {
    "self": (MUTED, "a unit to itself"),
    "unit": (INK, "unit to unit"),
    "input": (FOUND, "input to unit"),
    "output": (MISSED, "unit to output"),
}
"""Colour and name of each kind of edge."""


class _Line(NamedTuple):
    """An edge in one window, and how much its cut there takes away."""

    edge: dict[str, Any]
    window: int
    lost: float


class _Lanes(NamedTuple):
    """Where each end of an edge is drawn, from the top."""

    inputs: dict[Any, int]
    units: dict[Any, int]
    outputs: dict[Any, int]


def unrolled_figure(dataset: xr.Dataset) -> Figure | None:
    """One panel per question: its circuit's edges in the windows in which they are needed.

    `None` where no circuit was unrolled.
    """
    records = json.loads(dataset.attrs.get("circuits") or "[]")
    known = [record for record in records if record.get("unrolled")][:QUESTIONS]
    if not known:
        return None
    lanes = [_lanes(record["unrolled"]["edges"]) for record in known]
    columns = min(3, len(known))
    rows = -(-len(known) // columns)
    tall = max(sum(map(len, lane)) + 2 for lane in lanes)
    with look():
        size = (1.2 + 3.8 * columns, 0.8 + rows * (0.9 + 0.16 * tall))
        figure = Sheet(figsize=size, layout="constrained")
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes, record, lane in zip(panels, known, lanes):
            _draw(axes, record["unrolled"], lane)
            axes.set_title(fitting(record["question"], 3.0, 10, "bold"))
            edges = record["unrolled"]["edges"]
            shown, there = len(_needed(edges)), sum(len(edge["windows"]) for edge in edges)
            said = f"step {clock(dataset, record['contrast'])}"
            axes.set_xlabel(f"{said}; {shown:,} of {there:,} edges x windows")
        for axes in panels[len(known) :]:
            axes.set_visible(False)
        handles = [Line2D([], [], color=ink, lw=2, label=name) for ink, name in KINDS.values()]
        figure.legend(
            handles=handles,
            title=f"the {INTO} strongest needed edges into each end; thickness: loss by the cut",
            loc="outside lower center", ncols=2 if columns == 1 else 4,
        )  # fmt: skip
        figure.suptitle("The circuit unrolled in time", x=0.01, ha="left")
    return figure


def _kind(edge: dict[str, Any]) -> str:
    own = edge["kind"] == "unit" and edge["to"] == edge["from"]
    return "self" if own else edge["kind"]


def _lanes(edges: list[dict[str, Any]]) -> _Lanes:
    """Inputs above, outputs below; units by the first window in which anything reaches them."""
    first: dict[Any, int] = {}
    for edge in edges:
        when = min(edge["windows"], default=99)
        for end in ("to", "from"):
            is_unit = edge["kind"] == "unit" or (edge["kind"], end) in UNIT_ENDS
            if is_unit:
                later = when + (end == "from")
                first[edge[end]] = min(first.get(edge[end], 99), later)
    ends = lambda kind, end: sorted({edge[end] for edge in edges if edge["kind"] == kind})
    inputs = {name: k for k, name in enumerate(ends("input", "from"))}
    start = len(inputs) + 1
    order = lambda name: (first[name], _natural(str(name)))
    units = {name: start + k for k, name in enumerate(sorted(first, key=order))}
    start += len(units) + 1
    return _Lanes(inputs, units, {n: start + k for k, n in enumerate(ends("output", "to"))})


def _natural(name: str) -> list[Any]:
    """A key that puts unit 9 before unit 10."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]


UNIT_ENDS = {("input", "to"), ("output", "from")}


def _needed(edges: list[dict[str, Any]]) -> list[_Line]:
    """Of each kind the strongest few edges into each receiver, in each window."""
    into: dict[Any, list[_Line]] = {}
    for edge in edges:
        for v in edge["windows"]:
            line = _Line(edge, v, abs(edge["by_window"][v] or 0.0))
            into.setdefault((_kind(edge), edge["to"], v), []).append(line)
    strongest = lambda lines: sorted(lines, key=lambda line: -line.lost)[:INTO]
    return [line for lines in into.values() for line in strongest(lines)]


def _draw(axes: Axes, found: dict[str, Any], lanes: _Lanes) -> None:
    V = len(found["windows"])
    for y in lanes.units.values():
        axes.axhline(y, color=GRID, lw=0.6)
    needed = sorted(_needed(found["edges"]), key=lambda line: line.lost)
    segments, colours, widths = [], [], []
    for edge, v, lost in needed:
        source = (lanes.inputs if edge["kind"] == "input" else lanes.units)[edge["from"]]
        to = (lanes.outputs if edge["kind"] == "output" else lanes.units)[edge["to"]]
        segments.append([(v, source), (v + 1, to)])
        colours.append(KINDS[_kind(edge)][0])
        widths.append(0.5 + (WIDEST - 0.5) * min(1.0, lost))
    axes.add_collection(LineCollection(segments, colors=colours, linewidths=widths, alpha=0.75))
    named = [(y, f"input {name}") for name, y in lanes.inputs.items()]
    named += [(y, str(name)) for name, y in lanes.units.items()]
    named += [(y, f"output {name}") for name, y in lanes.outputs.items()]
    axes.set_yticks([y for y, _ in named], [fitting(name, 0.85, 7) for _, name in named])
    axes.set_xlim(-0.1, V + 0.1)
    axes.set_ylim(max(y for y, _ in named) + 0.8, -0.8)
    starts = [window[0] for window in found["windows"]] + [found["windows"][-1][1]]
    every = -(-(V + 1) // TICKS)
    axes.set_xticks(np.arange(V + 1)[::every], [str(step) for step in starts[::every]])
    axes.tick_params(length=0, labelsize=7)
    bare(axes)
