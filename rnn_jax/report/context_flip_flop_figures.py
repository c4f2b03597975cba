"""Figures of the context flip-flop: who carries memory, what stays, and one seed's time course.

shares_figure(found)
alike_figure(found)
course_figure(found)
"""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from ..studies.context_flip_flop.probe import TASK, WIDTH
from ..studies.seeds import over_seeds
from .style import DIVERGING, FOUND, INK, MISSED, MUTED, PALETTE, Sheet, bare, centred, look

PARTS = {
    "effect_share": "of effects, all units",
    "flow_share": "of flows into memory's units",
    "current_share": "of currents into memory's units",
}


def shares_figure(found: xr.Dataset) -> Figure:
    """Inhibition's share in each epoch: every seed, the mean and its interval."""
    first = found.isel(value=0)
    epochs = [str(name) for name in found["epoch"].values]
    with look():
        figure = Sheet(figsize=(3.6 * len(PARTS), 3.4), layout="constrained")
        for axes, (name, title) in zip(figure.subplots(1, len(PARTS), sharey=True), PARTS.items()):
            for x, epoch in enumerate(epochs):
                values = first[name].sel(epoch=epoch).values
                axes.scatter(np.full(len(values), x), values, s=9, color=MUTED, alpha=0.5)
                mean, low, high, _ = over_seeds(values)
                axes.vlines(x + 0.2, low, high, color=MISSED, lw=2)
                axes.scatter(x + 0.2, mean, color=MISSED, s=26, zorder=3)
            null = "unit_share" if name == "effect_share" else "wire_share"
            what = "share of units" if name == "effect_share" else "share of weights"
            level = over_seeds(found[null].values)[0]
            axes.axhline(level, color=MUTED, lw=0.8, ls="--", label=what)
            axes.set_xticks(range(len(epochs)), epochs, rotation=30, ha="right")
            axes.set_title(title)
            axes.legend(loc="upper right")
            axes.grid(axis="y")
            bare(axes)
        figure.suptitle("The share of inhibition", x=0.01, ha="left")
    return figure


def alike_figure(found: xr.Dataset) -> Figure:
    """Corrected Jaccard of each pair of circuits: mean, interval and every seed."""
    first = found["jaccard"].isel(value=0, floor=0)
    built = found["built_jaccard"].isel(value=0, floor=0)
    pairs = [str(name) for name in found["pair"].values]
    with look():
        figure = Sheet(figsize=(6.4, 3.2), layout="constrained")
        axes = figure.subplots()
        for y, pair in enumerate(pairs):
            values = first.sel(pair=pair).values
            mean, low, high, _ = over_seeds(values)
            colour = FOUND if pair.startswith("memory") else MISSED
            axes.barh(y, mean, height=0.6, color=colour, alpha=0.6)
            axes.hlines(y, low, high, color=INK, lw=1.5)
            axes.scatter(values, np.full(len(values), y), s=8, color=INK, alpha=0.5, zorder=3)
            label = "hand-built network" if y == 0 else None
            axes.scatter(
                built.sel(pair=pair), y, s=40, marker="|", lw=2, color=PALETTE[1], zorder=4,
                label=label,
            )  # fmt: skip
        axes.set_yticks(range(len(pairs)), pairs)
        axes.invert_yaxis()
        axes.axvline(0, color=MUTED, lw=0.7)
        axes.set_xlabel("Jaccard index, corrected for chance")
        axes.grid(axis="x")
        bare(axes)
        figure.legend(loc="outside lower right")
    return figure


def course_figure(found: xr.Dataset) -> Figure:
    """One network: what taking out each unit does to later outputs, window after window."""
    with look():
        figure = Sheet(figsize=(7.5, 4.2), layout="constrained")
        axes = figure.subplots()
        if "course" not in found:
            axes.set_title("no seed learned the task")
            return figure
        excites = found["excites"].values.astype(bool)
        effects = found["course"].values
        order = np.lexsort((-np.abs(effects).sum(0), ~excites))
        starts = found["start"].values
        step = starts[1] - starts[0]
        image = axes.imshow(
            effects[:, order].T, cmap=DIVERGING, norm=centred(effects, root=True), aspect="auto",
            interpolation="nearest",
            extent=(starts[0] - step / 2, starts[-1] + step / 2, len(order), 0),
        )  # fmt: skip
        axes.axhline(excites.sum(), color=INK, lw=0.8)
        slots = [int(start) for start in TASK.starts]
        events = ("set", "switch", "", "ignored", "")
        for name, start in zip(("cue", *events), (0, *slots), strict=True):
            if name:
                axes.axvline(start, color=INK, lw=0.6, ls=":")
                axes.text(start, -0.8, name, fontsize=8, color=INK)
        ends = [excites.sum() / 2, excites.sum() + (~excites).sum() / 2]
        axes.set_yticks(ends, ["excitatory", "inhibitory"])
        axes.set_xlim(starts[0] - step / 2, starts[-1] + step / 2)
        axes.set_xlabel(f"first of the {WIDTH} steps for which a unit is clamped")
        figure.colorbar(image, ax=axes).set_label("effect on later outputs")
        figure.suptitle(f"Seed {found.attrs['example']}: switching trials", x=0.01, ha="left")
    return figure
