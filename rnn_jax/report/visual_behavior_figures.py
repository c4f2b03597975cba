"""Figures of `visual-behavior`: what silencing does, and when; what is left of the rise.

figure = silencing_figure(found)
"""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..studies.seeds import over_few
from .style import FOUND, INK, MISSED, MUTED, Sheet, bare, look

COLOURS = {"Vip": FOUND, "Sst": MISSED, "Pyr": INK, "random": MUTED}
NAMES = {"random": "random interneurons"}


def silencing_figure(found: xr.Dataset) -> Figure:
    """The rise of the error when equal sets are silenced from the event on, by condition."""
    conditions = [str(name) for name in found["condition"].values]
    with look():
        figure, grid = _by_source(found, 2.0 + 0.32 * len(conditions))
        for axes, source in zip(grid, found["source"].values, strict=True):
            one = found["silenced"].sel(source=source)
            for k, (name, colour) in enumerate(COLOURS.items()):
                rows = np.arange(len(conditions)) + 0.16 * (k - 1.5)
                for row, condition in zip(rows, conditions, strict=True):
                    _interval(axes, one.sel(condition=condition, set=name).values, row, colour)
                axes.plot([], [], color=colour, marker="o", ms=4, label=NAMES.get(name, name))
            axes.axvline(0, color=MUTED, lw=0.7)
            axes.set_yticks(range(len(conditions)), conditions)
            axes.invert_yaxis()
            axes.set_xlabel("rise of the error of pyramidal outputs")
        figure.legend(*grid[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


def course_figure(found: xr.Dataset) -> Figure:
    """Over the frames of an omission: what silencing one frame of Vip does, and Vip's activity."""
    names = [str(name) for name in found["condition"].values if "omission" in str(name)][:1]
    vip = [name for name in found["population"].values if str(name).endswith(" Vip")]
    with look():
        figure, grid = _by_source(found, 2.8)
        for axes, source in zip(grid, found["source"].values, strict=True):
            one = found[["profile", "activity"]].sel(source=source, population=vip)
            for condition in names:
                both = one.sel(condition=condition).mean("population")
                for name, colour in (("profile", FOUND), ("activity", MUTED)):
                    rows = both[name].transpose("seed", "frame").values
                    largest = np.nan_to_num(np.abs(rows)).max(1, keepdims=True)
                    rows = rows / np.where(largest > 0, largest, 1)
                    label = "effect of silencing one frame" if name == "profile" else "mean rate"
                    axes.plot(rows.T, color=colour, lw=0.6, alpha=0.4)
                    axes.plot(rows.mean(0), color=colour, lw=1.8, label=label)
            axes.axvline(found.attrs["event"], color=INK, lw=0.7, ls=":")
            axes.set_xlabel("frame (dotted: the image was due)")
        grid[0].set_ylabel("share of its maximum")
        figure.legend(*grid[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def replaced_figure(found: xr.Dataset) -> Figure:
    """What is left of the rise in omissions under each course put in the place of Vip's own."""
    names = [str(name) for name in found["replaced"].values if name != "clean"]
    with look():
        figure, grid = _by_source(found, 1.6 + 0.3 * len(names))
        for axes, source in zip(grid, found["source"].values, strict=True):
            one = found["kept"].sel(source=source)
            for who, colour, lift in (("own", FOUND, -0.12), ("control", MUTED, 0.12)):
                for row, name in enumerate(names):
                    _interval(axes, one.sel(who=who, replaced=name).values, row + lift, colour)
                label = "Vip" if who == "own" else "the same displacements of as many Sst units"
                axes.plot([], [], color=colour, marker="o", ms=4, label=label)
            axes.axvline(1, color=INK, lw=0.7, ls=":")
            axes.set_yticks(range(len(names)), names)
            axes.invert_yaxis()
            axes.set_xlabel("share of the rise that is left")
        figure.legend(*grid[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def _by_source(found: xr.Dataset, height: float) -> tuple[Figure, list[Axes]]:
    """A panel for each source."""
    sources = [str(name) for name in found["source"].values]
    figure = Sheet(figsize=(1.6 + 2.9 * len(sources), height), layout="constrained")
    grid = list(figure.subplots(1, len(sources), sharey=True, squeeze=False)[0])
    for axes, source in zip(grid, sources, strict=True):
        axes.set_title(source)
        bare(axes)
    if found.attrs.get("notice", "").startswith("**Made-up"):
        figure.suptitle("made-up sessions: no finding about Vip cells", fontsize=9)
    return figure, grid


def _interval(axes: Axes, values: np.ndarray, row: float, colour: str) -> None:
    """A mean over networks and its interval."""
    found = over_few(values)
    if found.count:
        axes.plot([found.low, found.high], [row, row], color=colour, lw=1.2)
        axes.plot([found.mean], [row], color=colour, marker="o", ms=4)
