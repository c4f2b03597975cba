"""The figures of a portrait: its landscape, spectra, completeness, where trials stay, removals.

    PORTRAIT_FIGURES["landscape"](dataset).savefig("landscape.png")

A figure for which a portrait has no numbers is `None`.
"""

from collections.abc import Callable

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from .dynamics_table import kinds, points_of
from .portrait_panels import (
    FLOW,
    NEW,
    circle,
    draw_landscape,
    draw_points,
    keys,
    longest,
    planes,
)
from .portrait_times import exponents_figure, nearest_figure, residence_figure
from .style import FOUND, INK, MISSED, MUTED, PALETTE, Sheet, bare, counted, fitting, look
from .view import array, labels

CHANGED = {1: FOUND, 2: MISSED}
"""The colours of points that have moved, or vanished, by the code of their fate."""
REMOVALS = 4
"""Most removals that are drawn; all are in the report."""
GROUPS = 4
"""Most kinds of points whose spectra are drawn apart."""


def landscape_figure(dataset: xr.Dataset) -> Figure:
    """Flow, trials and points of the intact network, in two planes."""
    pairs = planes(dataset)
    with look():
        figure = Sheet(figsize=(max(5.4, 4.6 * len(pairs)), 5.0), layout="constrained")
        row = figure.subplots(1, len(pairs), squeeze=False)[0]
        for plane, axes in enumerate(row):
            draw_landscape(axes, dataset, 0, plane)
        row[0].set_title("Fixed points and flow")
        own = points_of(dataset, 0)
        figure.legend(*keys(dataset, own), loc="outside upper center", ncols=3 * len(pairs))
        figure.supxlabel(_caption(dataset), fontsize=7.5, color=MUTED, x=0.01, ha="left")
    return figure


def _caption(dataset: xr.Dataset) -> str:
    hold = dataset.attrs["hold"]
    said = FLOW.format(longest(dataset))
    at = "zero" if hold == "zero" else f"its mean over {fitting(hold, 2, 8)}"
    outside = _outside(dataset)
    lie = "lies" if outside == 1 else "lie"
    more = f" {counted(outside, 'point')} {lie} outside of what is drawn." if outside else ""
    return f"{said}\nThe input is held at {at} for points and arrows; in trials it varies.{more}"


def _outside(dataset: xr.Dataset) -> int:
    """How many points of the intact network lie beyond the ends of the axes."""
    at = array(dataset, "point_pca", "point", "pc")[points_of(dataset, 0)]
    spans = array(dataset, "span", "pc", "end")
    return int(((at < spans[:, 0]) | (at > spans[:, 1])).any(1).sum())


def spectra_figure(dataset: xr.Dataset) -> Figure | None:
    """Eigenvalues of the Jacobian at the fixed points, by how many modes grow."""
    own = points_of(dataset, 0)
    own = own[~np.isin(kinds(dataset)[own], ("slow", "unknown"))]
    if not own.size:
        return None
    growing = array(dataset, "point_unstable", "point")[own].astype(int)
    groups = [int(count) for count in np.unique(growing)]
    groups = [*groups[: GROUPS - 1], *([None] if len(groups) >= GROUPS else [])]
    values = _eigenvalues(dataset)
    top = float(np.nanmax(np.abs(values[own]), initial=1.0)) * 1.08
    with look():
        figure = Sheet(figsize=(max(4.2, 2.7 * len(groups)), 3.9), layout="constrained")
        for axes, group in zip(figure.subplots(1, len(groups), squeeze=False)[0], groups):
            which = own[growing == group] if group is not None else own[growing > groups[-2]]
            _draw_spectrum(axes, values[which].ravel(), top)
            axes.set_title(_group_title(group, groups, len(which)))
        handles = [
            Line2D([], [], ls="", marker="o", ms=4, color=c, label=said)
            for c, said in ((FOUND, "decays"), (MISSED, "grows"))
        ]
        figure.legend(
            handles=[*handles, Line2D([], [], color=MUTED, label="unit circle")],
            loc="outside lower center", ncols=3,
        )  # fmt: skip
        figure.suptitle("Eigenvalues at the fixed points", x=0.01, ha="left")
    return figure


def _eigenvalues(dataset: xr.Dataset) -> np.ndarray:
    real, imag = (
        array(dataset, f"eigenvalue_{part}", "point", "mode") for part in ("real", "imag")
    )
    return real + 1j * imag


def _group_title(group: int | None, groups: list, count: int) -> str:
    points = counted(count, "point")
    if group is None:
        return f"{points},\nmore than {groups[-2]} modes grow"
    said = "no mode grows" if group == 0 else f"{group} mode{'s grow' if group > 1 else ' grows'}"
    return f"{points},\n{said}"


def _draw_spectrum(axes: Axes, values: np.ndarray, top: float) -> None:
    circle(axes)
    colours = np.where(np.abs(values) > 1 + 1e-6, MISSED, FOUND)
    axes.scatter(
        np.real(values), np.imag(values), s=7, c=colours, alpha=0.7, linewidths=0, zorder=3
    )
    axes.set_xlim(-top, top)
    axes.set_ylim(-top, top)
    axes.set_xlabel("real part")
    axes.set_ylabel("imaginary part")
    bare(axes)


def completeness_figure(dataset: xr.Dataset) -> Figure:
    """Distinct points over the number of starts, and what became of the starts."""
    found = array(dataset, "coverage", "landscape", "start")
    counts = array(dataset, "verdict_count", "landscape", "verdict_name")[0]
    names = labels(dataset, "landscape")
    with look():
        figure = Sheet(figsize=(8.6, 3.4), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=[3, 2])
        for k, row in enumerate(found[: len(PALETTE) + 1]):
            colour, width = (INK, 1.8) if k == 0 else (PALETTE[k - 1], 1.1)
            left.plot(
                np.arange(1, len(row) + 1),
                row,
                color=colour,
                lw=width,
                label=fitting(names[k], 2, 8),
            )
        left.set_xscale("log")
        left.set_xlabel("starts")
        left.set_ylabel("distinct fixed points")
        left.set_ylim(0)
        left.set_title("Points found (mean over orders)")
        left.legend(loc="upper left", fontsize=7)
        left.grid()
        shown = np.flatnonzero(counts)
        right.barh(np.arange(len(shown)), counts[shown], color=FOUND, height=0.6)
        right.set_yticks(
            np.arange(len(shown)), [labels(dataset, "verdict_name")[k] for k in shown]
        )
        right.set_ylim(max(3, len(shown)) - 0.5, -0.5)
        right.set_xlabel("starts, intact")
        right.set_title("Where starts ended")
        for y, k in enumerate(shown):
            right.annotate(f"{int(counts[k])}", (counts[k], y), (3, 0), textcoords="offset points",
                           va="center", fontsize=8)  # fmt: skip
        right.margins(x=0.15)
        for axes in (left, right):
            bare(axes)
    return figure


def removals_figure(dataset: xr.Dataset) -> Figure | None:
    """The landscape before and after each removal, with what became of the points."""
    if "removal" not in dataset.dims:
        return None
    names = labels(dataset, "removal")[:REMOVALS]
    with look():
        figure = Sheet(figsize=(8.8, 0.9 + 3.6 * len(names)), layout="constrained")
        rows = figure.subplots(len(names), 2, squeeze=False, sharex=True, sharey=True)
        for r, (name, (before, after)) in enumerate(zip(names, rows)):
            draw_landscape(before, dataset, 0, 0)
            _draw_fates(before, dataset, r)
            draw_landscape(after, dataset, r + 1, 0)
            _draw_new(after, dataset, r)
            after.set_ylabel("")
            before.set_title("intact")
            after.set_title(fitting(f"without {name}", 3.9, 10, "bold"))
        rings = [
            Line2D([], [], ls="", marker="o", mfc="none", mec=c, mew=1.6, ms=9)
            for c in (*CHANGED.values(), NEW)
        ]
        handles, said = keys(dataset)
        figure.legend(
            [*handles, *rings], [*said, "moved", "vanished", "new"], loc="outside upper center",
            ncols=5,
        )  # fmt: skip
        figure.supxlabel(_caption(dataset), fontsize=7.5, color=MUTED, x=0.01, ha="left")
    return figure


def _draw_fates(axes: Axes, dataset: xr.Dataset, r: int) -> None:
    """Rings around the points that move or vanish."""
    own = points_of(dataset, 0)
    fate = array(dataset, "fate", "removal", "intact")[r].astype(int)
    for code, colour in CHANGED.items():
        draw_points(
            axes, dataset, own[: len(fate)][fate == code], 0, size=95, marker="o",
            facecolor="none", edgecolor=colour,
        )  # fmt: skip


def _draw_new(axes: Axes, dataset: xr.Dataset, r: int) -> None:
    """Rings around the points that none of the intact ones became."""
    own = points_of(dataset, r + 1)
    fixed = own[kinds(dataset)[own] != "slow"]
    known = dataset["partner"].transpose("removal", "intact").values[r]
    new = fixed[~np.isin(fixed, known)]
    draw_points(
        axes, dataset, new, 0, size=95, marker="o", facecolor="none", edgecolor=NEW
    )  # fmt: skip


PORTRAIT_FIGURES: dict[str, Callable[[xr.Dataset], Figure | None]] = {
    "landscape": landscape_figure,
    "spectra": spectra_figure,
    "completeness": completeness_figure,
    "exponents": exponents_figure,
    "nearest": nearest_figure,
    "residence": residence_figure,
    "removals": removals_figure,
}
