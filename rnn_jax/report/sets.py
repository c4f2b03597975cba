"""The circuit of each epoch tested as a set, beside the random sets that its p comes from.

sets_figure(dataset).savefig("sets.png")
"""

import numpy as np
import xarray as xr
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .style import FOUND, MISSED, MUTED, Sheet, bare, fitting, look
from .view import array, interval, labels, set_p

APART = 0.16
"""How far the two shares of an epoch stand from its middle, in epochs."""
WIDTH = 1.5
"""Inches of an epoch."""
LOWEST, HIGHEST = -1.0, 2.0
"""Random sets beyond are drawn at the border: a bad set of many units may be far below 0."""
SHARES = (
    (-APART, "faithfulness", FOUND, "faithfulness: what is kept with only the circuit left"),
    (APART, "necessity", MISSED, "necessity: what is lost without the circuit"),
)


def sets_figure(dataset: xr.Dataset) -> Figure:
    """Faithfulness and necessity with 95 % intervals, random sets of equal size, and p.

    **Example:**

        >>> rj.report.sets_figure(found.dataset).axes[0].get_ylabel()
        "share of the whole network's metric"
    """
    names, member = labels(dataset, "epoch"), array(dataset, "member", "epoch", "unit")
    with look():
        size = (max(5.4, 1.2 + WIDTH * len(names)), 4.4)
        figure = Sheet(figsize=size, layout="constrained")
        axes = figure.subplots()
        _random_sets(axes, dataset)
        x = np.arange(len(names))
        for shift, name, colour, said in SHARES:
            value = array(dataset, name, "epoch")
            low, high = interval(dataset, name, "epoch")
            axes.vlines(x + shift, low, high, color=colour, lw=2, zorder=3)
            axes.scatter(
                x + shift, value, color=colour, s=30, zorder=4, label=f"{said} (95 % interval)"
            )
        for y in (0, 1):
            axes.axhline(y, color=MUTED, lw=0.7)
        ticks = [
            f"{fitting(name, WIDTH - 0.15, 8)}\n{inside.sum():,} of {inside.size:,} units"
            for name, inside in zip(names, member, strict=True)
        ]
        axes.set_xticks(x, ticks)
        axes.tick_params(axis="x", length=0)
        axes.set_xlim(-0.5, len(names) - 0.5)
        axes.set_ylabel("share of the whole network's metric")
        axes.grid(axis="y")
        bare(axes)
        _write_p(axes, dataset)
        figure.legend(loc="outside lower center", ncols=1)
        figure.suptitle("Circuits as sets", x=0.01, ha="left")
    return figure


def _random_sets(axes: Axes, dataset: xr.Dataset) -> None:
    """Each random set as a dot, side by side with the faithfulness that it is held against.

    A set of no unit or of all has no other set to be held against, and an older file no numbers.
    """
    if "random_faithfulness" not in dataset:
        return
    random = array(dataset, "random_faithfulness", "epoch", "random_set")
    random[[p is None for p in set_p(dataset)]] = np.nan
    count = random.shape[1]
    # multiples of the golden ratio fill a stretch evenly, and are the same in every run
    aside = 0.22 * ((np.arange(count) * 0.6180339887) % 1 - 0.5)
    x = np.arange(len(random))[:, None] - APART + aside
    label = f"{count} random sets of as many units; p counts those that keep as much"
    inside = (random >= LOWEST) & (random <= HIGHEST)
    style = {"color": MUTED, "lw": 0, "alpha": 0.45}
    axes.scatter(x[inside], random[inside], s=7, label=label, **style)
    for border, marker, beyond in (
        (LOWEST, "v", random < LOWEST), (HIGHEST, "^", random > HIGHEST)
    ):  # fmt: skip
        if beyond.any():
            where = "below" if marker == "v" else "above"
            many: Float[np.ndarray, " K"] = x[beyond]
            axes.scatter(
                many, np.full(len(many), border), s=14, marker=marker,
                label=f"the same, {where} {border:g}", **style,
            )  # fmt: skip


def _write_p(axes: Axes, dataset: xr.Dataset) -> None:
    """Above each epoch its p: of random sets, the circuit counted with them, those as good."""
    above = axes.get_xaxis_transform()
    for x, p in enumerate(set_p(dataset)):
        said = "no p: sets of this\nsize are all alike" if p is None else f"p = {p:.2g}"
        axes.text(x, 1.02, said, transform=above, ha="center", va="bottom", fontsize=8)
