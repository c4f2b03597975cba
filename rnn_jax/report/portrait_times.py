"""The figures of a portrait over time: which point trials are near, how long, and how they part.

    nearest_figure(dataset).savefig("nearest.png")

A figure for which a portrait has no numbers is `None`.
"""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..dynamics import Visits, geometric, visits_survival
from .dynamics_table import kinds
from .portrait_panels import KINDS, NEW
from .style import FOUND, INK, MISSED, MUTED, PALETTE, Sheet, bare, colour_bar, epoch_strip, look
from .view import array

NEAREST = 30
"""Most points that are drawn, those that trials are nearest to most often."""
STAYS = {"stable": FOUND, "unstable": MISSED, "neutral": NEW, "unknown": MUTED}
"""The colours of stays, by the kind of their point."""


def nearest_figure(dataset: xr.Dataset) -> Figure | None:
    """The share of trials that are nearest to each fixed point, over time, and how near."""
    nearest = dataset["nearest"].transpose("landscape", "trial", "time").values[0]
    distance = array(dataset, "distance", "landscape", "trial", "time")[0]
    if not (nearest >= 0).any():
        return None
    points, visits = np.unique(nearest[nearest >= 0], return_counts=True)
    points = np.sort(points[np.argsort(-visits, kind="stable")][:NEAREST])
    share = np.stack([(nearest == p).mean(0) for p in points])
    T, kind = nearest.shape[1], kinds(dataset)
    strip = 0.16 * max(1, dataset.sizes["epoch"])
    with look():
        size = (7.6, 2.6 + strip + 0.14 * len(points))
        figure = Sheet(figsize=size, layout="constrained")
        top, middle, bottom = figure.subplots(
            3, 1, sharex=True, height_ratios=[strip, 0.5 + 0.14 * len(points), 1.4]
        )
        epoch_strip(top, dataset)
        image = middle.imshow(
            share, aspect="auto", cmap="Blues", vmin=0, vmax=max(float(share.max()), 1e-9),
            extent=(0, T, len(points) - 0.5, -0.5), interpolation="nearest",
        )  # fmt: skip
        middle.set_yticks(range(len(points)), [f"{p} {kind[p]}" for p in points])
        middle.tick_params(labelsize=6.5, length=0)
        middle.set_ylabel("fixed point")
        colour_bar(figure, image, middle, "share of trials", pad=0.01)
        low, mid, high = np.nanquantile(distance, [0.1, 0.5, 0.9], axis=0)
        time = np.arange(T) + 0.5
        bottom.fill_between(time, low, high, color=FOUND, alpha=0.2, lw=0)
        bottom.plot(time, mid, color=FOUND)
        bottom.set_ylim(0)
        bottom.set_xlabel("step of the trial")
        bottom.set_ylabel("distance / spread")
        bottom.grid()
        bare(bottom)
        title = "The fixed point nearest to each trial; below, how near (median, 80 % of trials)"
        figure.suptitle(title, x=0.01, ha="left", fontsize=10)
    return figure


def residence_figure(dataset: xr.Dataset) -> Figure | None:
    """How long trials stay at a fixed point: the mean at each, and the share of longer stays."""
    if not dataset.sizes.get("visit", 0):
        return None
    visits = _visits(dataset)
    points, stays = np.unique(visits.state, return_counts=True)
    points = np.sort(points[np.argsort(-stays, kind="stable")][:NEAREST])
    with look():
        figure = Sheet(figsize=(8.6, 2.6 + 0.13 * len(points)), layout="constrained")
        left, right = figure.subplots(1, 2)
        _draw_means(left, visits, points, kinds(dataset))
        _draw_stays(right, visits, kinds(dataset)[visits.state])
        for axes in (left, right):
            axes.grid()
            bare(axes)
        title = f"Stays within {dataset.attrs['near']:g} of the spread of a fixed point"
        figure.suptitle(title, x=0.01, ha="left")
    return figure


def _visits(dataset: xr.Dataset) -> Visits:
    names = ("point", "length", "trial", "start", "began", "ended")
    return Visits(*(dataset[f"visit_{name}"].values for name in names))


def _draw_means(axes: Axes, visits: Visits, points: np.ndarray, kind: np.ndarray) -> None:
    """The mean stay at each point with its interval.

    A point has none where no stay was seen to end, or no step after one of its steps was seen.
    """
    for y, p in enumerate(points):
        found, style = geometric(visits, int(p)), KINDS[str(kind[p])]
        if not np.isfinite(found.mean):
            said = "not seen" if np.isnan(found.mean) else "never left"
            axes.annotate(said, (1, y), fontsize=6.5, va="center", color=MUTED)
            continue
        axes.plot([found.mean_low, min(found.mean_high, 1e4)], [y, y], color=MUTED, lw=1.2)
        axes.scatter(
            found.mean, y, s=26, marker=style["marker"], facecolor=style["facecolor"],
            edgecolor=INK, zorder=3,
        )  # fmt: skip
    axes.set_xscale("log")
    axes.set_yticks(range(len(points)), [f"{p} {kind[p]}" for p in points], fontsize=6.5)
    axes.set_ylim(len(points) - 0.5, -0.5)
    axes.set_xlabel("steps")
    axes.set_ylabel("fixed point")
    axes.set_title("Mean stay (95 % interval)")


def _draw_stays(axes: Axes, visits: Visits, kind: np.ndarray) -> None:
    """The share of stays that last longer, by the kind of their point; of stays seen to begin."""
    if not visits.began.any():
        axes.text(0.5, 0.5, "no stay was seen to begin", ha="center", color=MUTED,
                  transform=axes.transAxes)  # fmt: skip
    for name, colour in STAYS.items():
        own = kind == name
        if not (own & visits.began).any():
            continue
        curve = visits_survival(visits._replace(state=np.where(own, 0, -1)), 0)
        times = np.append(0, curve.times)
        share, low, high = (np.append(1, part) for part in (curve.share, curve.low, curve.high))
        axes.step(times, share, where="post", color=colour, label=f"{name} points")
        axes.fill_between(times, low, high, step="post", color=colour, alpha=0.15, lw=0)
        axes.legend()
    axes.set_xlabel("steps")
    axes.set_ylabel("share of stays that last longer")
    axes.set_ylim(0, 1.02)
    axes.set_title("Stays whose begin was seen")


def exponents_figure(dataset: xr.Dataset) -> Figure | None:
    """Lyapunov exponents as the trials drive the network: convergence, and intervals."""
    if "exponent" not in dataset:
        return None
    with look():
        figure = Sheet(figsize=(8.6, 3.6), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=[3, 2], sharey=True)
        _draw_convergence(left, dataset)
        _draw_exponents(right, dataset)
        for axes in (left, right):
            axes.axhline(0, color=INK, lw=0.8)
            axes.grid()
            bare(axes)
        figure.suptitle("Lyapunov exponents of the driven network", x=0.01, ha="left")
    return figure


def _draw_convergence(axes: Axes, dataset: xr.Dataset) -> None:
    """What the exponents of the trials would have been had they ended earlier."""
    trace = array(dataset, "exponent_trace", "trial", "trace", "exponent_number")
    times = array(dataset, "exponent_time", "trace")
    for k in range(trace.shape[-1]):
        # a direction that is lost has -inf, which no axis shows
        lost = ~np.isfinite(trace[..., k]).all(0)
        rows = np.where(lost, np.nan, np.nan_to_num(trace[..., k]))
        colour = PALETTE[k % len(PALETTE)]
        axes.fill_between(times, *np.quantile(rows, [0.1, 0.9], axis=0), color=colour, alpha=0.15)
        axes.plot(times, rows.mean(0), color=colour, lw=1.2)
    axes.set_xlabel("steps that count")
    axes.set_ylabel("exponent (per step)")
    axes.set_title("Convergence (mean and 80 % of trials)")


def _draw_exponents(axes: Axes, dataset: xr.Dataset) -> None:
    """The exponents at the end of the trials, with their intervals."""
    mean, low, high = (
        array(dataset, f"exponent{end}", "exponent_number") for end in ("", "_low", "_high")
    )
    for k in np.flatnonzero(np.isfinite(mean)):
        ends = np.nan_to_num([[mean[k] - low[k]], [high[k] - mean[k]]])
        colour = PALETTE[k % len(PALETTE)]
        axes.errorbar(k + 1, mean[k], yerr=ends, fmt="o", ms=4, color=colour, capsize=3)
    axes.set_xticks(range(1, len(mean) + 1))
    axes.set_xlabel("exponent")
    axes.set_title("At the end (mean, 95 % interval)")
