"""One landscape in one plane: the flow, the trials, the points. What all its figures are made of.

    draw_landscape(axes, dataset, landscape=0, plane=0)
    figure.legend(*keys(dataset), loc="outside lower center")

A filled disc is a stable point, an open one an unstable one; a square is neutral, a triangle is of
unknown stability, a cross is slow.
"""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D

from .dynamics_table import kinds, points_of
from .style import GRID, INK, MUTED, bare, epoch_colour, fitting
from .view import array, epoch_of, labels

TRIALS_DRAWN = 40
ARROWS = "#aab1bb"
NEW = "#009E73"
"""The colour of points that none of the intact ones became."""
FLOW = (
    "Arrows: F(h, x) - h at states of the plane, all other components 0, projected onto it; the\n"
    "length of an arrow goes with the square root of the displacement, the longest is {:.2g}."
)
KINDS: dict[str, dict[str, Any]] = {
    "stable": {"marker": "o", "facecolor": INK, "edgecolor": "white"},
    "unstable": {"marker": "o", "facecolor": "white", "edgecolor": INK},
    "neutral": {"marker": "s", "facecolor": "#b9c0c9", "edgecolor": INK},
    "unknown": {"marker": "^", "facecolor": "#b9c0c9", "edgecolor": INK},
    "slow": {"marker": "x", "facecolor": INK, "edgecolor": None},
}
"""How each kind of point looks, as `dynamics_table.kinds` names them."""


def planes(dataset: xr.Dataset) -> list[tuple[int, int]]:
    """Pairs of components, in the order of `plane`."""
    K = dataset.sizes["pc"]
    return [(0, k) for k in range(1, K)] or [(0, 0)]


def draw_landscape(axes: Axes, dataset: xr.Dataset, landscape: int, plane: int) -> None:
    """The flow, the trials and the points of a landscape, in one plane."""
    a, b = planes(dataset)[plane]
    _draw_flow(axes, dataset, landscape, plane)
    _draw_paths(axes, dataset, landscape, (a, b))
    draw_points(axes, dataset, points_of(dataset, landscape), plane)
    spans = array(dataset, "span", "pc", "end")
    axes.set_xlim(*spans[a])
    axes.set_ylim(*spans[b])
    share = array(dataset, "pca_variance", "pc")
    axes.set_xlabel(f"PC {a + 1} ({share[a]:.0%} of variance)")
    axes.set_ylabel(f"PC {b + 1} ({share[b]:.0%} of variance)")
    bare(axes)


def draw_points(
    axes: Axes,
    dataset: xr.Dataset,
    which: np.ndarray,
    plane: int,
    size: int = 34,
    **style: Any,
) -> None:
    """Points by their kind, the unstable ones below."""
    a, b = planes(dataset)[plane]
    at, kind = array(dataset, "point_pca", "point", "pc"), kinds(dataset)
    for name in ("slow", "unknown", "unstable", "neutral", "stable"):
        own = which[kind[which] == name]
        look = {key: value for key, value in KINDS[name].items() if value is not None} | style
        axes.scatter(at[own, a], at[own, b], s=size, zorder=4, linewidths=1.1, **look)


def longest(dataset: xr.Dataset, landscape: int = 0) -> float:
    """The largest displacement that an arrow stands for."""
    flow = array(dataset, "flow", "landscape", "plane", "node", "axis")[landscape]
    return float(np.nanmax(np.hypot(flow[..., 0], flow[..., 1])))


def _draw_flow(axes: Axes, dataset: xr.Dataset, landscape: int, plane: int) -> None:
    dims = ("landscape", "plane", "node", "axis")
    at, flow = (array(dataset, name, *dims)[landscape, plane] for name in ("flow_at", "flow"))
    size = np.hypot(*flow.T)[:, None]
    cell = np.ptp(at, axis=0) / np.sqrt(len(at))
    root = np.sqrt(size / max(longest(dataset, landscape), 1e-30))
    # the direction as it is on paper, where the two axes have their own scales
    turned = flow / np.where(cell > 0, cell, 1)
    turned = turned / np.maximum(np.hypot(*turned.T)[:, None], 1e-30)
    arrows = turned * root * cell * 1.3
    axes.quiver(
        *at.T, *arrows.T, angles="xy", scale_units="xy", scale=1, color=ARROWS, width=0.0035,
        headwidth=4, headlength=4.5, minlength=0, zorder=1,
    )  # fmt: skip


def _draw_paths(axes: Axes, dataset: xr.Dataset, landscape: int, pair: tuple[int, int]) -> None:
    dims = ("landscape", "trial", "time", "pc")
    points = array(dataset, "pca", *dims)[landscape, :TRIALS_DRAWN][..., list(pair)]
    epoch = epoch_of(dataset)[:TRIALS_DRAWN]
    segments = np.stack([points[:, :-1], points[:, 1:]], 2).reshape(-1, 2, 2)
    colours = [MUTED if e < 0 else epoch_colour(e) for e in epoch[:, 1:].ravel()]
    axes.add_collection(
        LineCollection(list(segments), colors=colours, lw=0.7, alpha=0.5, zorder=2)
    )


def keys(dataset: xr.Dataset, which: np.ndarray | None = None) -> tuple[list, list]:
    """Handles and labels of a legend: the kinds of points that there are, and the epochs."""
    shown = kinds(dataset) if which is None else kinds(dataset)[which]
    handles, said = [], []
    for name, style in KINDS.items():
        if name in shown:
            handles.append(_disc(style))
            said.append("of unknown stability" if name == "unknown" else f"{name} point")
    for e, name in enumerate(labels(dataset, "epoch")):
        handles.append(Line2D([], [], color=epoch_colour(e)))
        said.append(fitting(name, 1.3, 8))
    if (epoch_of(dataset)[:TRIALS_DRAWN] < 0).any():
        handles.append(Line2D([], [], color=MUTED))
        said.append("in no epoch")
    return handles, said


def _disc(style: dict) -> Line2D:
    edge = style["edgecolor"] or style["facecolor"]
    return Line2D(
        [], [], ls="", marker=style["marker"], mfc=style["facecolor"], mec=edge, ms=6, mew=1.1
    )


def circle(axes: Axes) -> None:
    """The unit circle, and axes through 0."""
    turn = np.linspace(0, 2 * np.pi, 200)
    axes.plot(np.cos(turn), np.sin(turn), color=MUTED, lw=0.9, zorder=1)
    axes.axhline(0, color=GRID, lw=0.7, zorder=0)
    axes.axvline(0, color=GRID, lw=0.7, zorder=0)
    axes.set_aspect("equal")
