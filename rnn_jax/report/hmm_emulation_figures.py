"""Figures of `hmm-emulation`: whether networks emulate, their orbits and zones, kick neurons,
onset in training, and reuse. A row is a network.

orbits_figure(found).savefig("orbits.png")
"""

from collections.abc import Callable

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..studies.hmm_emulation.measures import SOURCES
from ..studies.hmm_emulation.zones import ZONES
from .style import INK, MUTED, PALETTE, Sheet, bare, colour_bar, look

OF_SOURCE = dict(zip(SOURCES, (PALETTE[0], INK, MUTED), strict=True))
OF_ZONE = dict(zip(ZONES, (PALETTE[1], PALETTE[5], PALETTE[0], MUTED), strict=True))
OF_HELD = {
    "whole": INK, "kick": PALETTE[5], "gather": PALETTE[1], "correlation": PALETTE[4],
    "matched": MUTED,
}  # fmt: skip

Panel = Callable[[Axes, xr.Dataset], None]


def _sheet(found: xr.Dataset, *panels: Panel, width: float = 3.3, height: float = 2.7) -> Figure:
    """A row of panels for each network."""
    seeds = found["seed"].values
    with look():
        size = (width * len(panels), height * len(seeds) + 0.3)
        figure = Sheet(figsize=size, layout="constrained")
        grid = figure.subplots(len(seeds), len(panels), squeeze=False)
        for line, seed in zip(grid, seeds, strict=True):
            one = found.sel(seed=seed)
            for axes, panel in zip(line, panels, strict=True):
                bare(axes)
                panel(axes, one)
            line[0].text(
                -0.3, 1.12, f"seed {seed}", transform=line[0].transAxes, color=MUTED, fontsize=8
            )
    return figure


def emulation_figure(found: xr.Dataset) -> Figure:
    """Transitions of network and model, and mutual information over lags, beside a null."""
    return _sheet(found, _transitions, _information, _measures)


def _transitions(axes: Axes, one: xr.Dataset) -> None:
    table = one["measured_transition"].values
    for source in ("network", "independent"):
        axes.scatter(
            table[SOURCES.index("model")], table[SOURCES.index(source)],
            color=OF_SOURCE[source], s=16, label=source,
        )  # fmt: skip
    axes.plot([0, 1], [0, 1], color=MUTED, lw=0.7, ls=":")
    axes.set_xlabel("next-symbol probability, model")
    axes.set_ylabel("the same, observed")
    axes.legend(loc="upper left")


def _information(axes: Axes, one: xr.Dataset) -> None:
    for row, source in zip(one["measured_information"].values, SOURCES, strict=True):
        axes.plot(np.arange(1, len(row) + 1), row, color=OF_SOURCE[source], lw=1.4, label=source)
    axes.set_xlabel("lag (steps)")
    axes.set_ylabel("mutual information (bits)")
    axes.legend()


def _measures(axes: Axes, one: xr.Dataset) -> None:
    names = {"distance": "matched distance", "volatility": "changes a sequence"}
    for k, name in enumerate(names):
        values = one[f"measured_{name}"].values
        scale = values[SOURCES.index("model")]
        for s, source in enumerate(SOURCES):
            axes.bar(k + 0.25 * (s - 1), values[s] / scale, 0.22, color=OF_SOURCE[source])
    axes.axhline(1, color=MUTED, lw=0.7, ls=":")
    axes.set_xticks(range(len(names)), list(names.values()))
    axes.set_ylabel("over the model's own")


def orbits_figure(found: xr.Dataset) -> Figure:
    """States in the plane of their leading components, by zone and by residence; shares."""
    return _sheet(found, _plane_by_zone, _plane_by_residence, _shares)


def _plane_by_zone(axes: Axes, one: xr.Dataset) -> None:
    plane, zone = one["residence_plane"].values, one["residence_zone"].values
    for z in (2, 3, 1, 0):
        rows = plane[zone == z]
        axes.scatter(
            rows[:, 0], rows[:, 1], s=5, color=OF_ZONE[ZONES[z]], lw=0, alpha=0.7, label=ZONES[z]
        )
    axes.set_xlabel("component 1")
    axes.set_ylabel("component 2")
    axes.legend(markerscale=2, fontsize=7)


def _plane_by_residence(axes: Axes, one: xr.Dataset) -> None:
    plane, lasts = one["residence_plane"].values, one["residence_residence"].values
    dots = axes.scatter(plane[:, 0], plane[:, 1], c=lasts, s=5, lw=0, cmap="viridis")
    axes.set_xlabel("component 1")
    colour_bar(axes.figure, dots, axes, "mean residence (steps)")  # pyright: ignore[reportArgumentType]


def _shares(axes: Axes, one: xr.Dataset) -> None:
    rows = [one[f"residence_share{end}"].values for end in ("", "_low", "_high")]
    share, low, high = (np.asarray(row, float) for row in rows)
    colours = [OF_ZONE[zone] for zone in ZONES]
    ends = np.maximum([share - low, high - share], 0)
    axes.bar(range(len(ZONES)), share, color=colours, yerr=ends, ecolor=INK)
    axes.set_xticks(range(len(ZONES)), list(ZONES))
    axes.set_ylabel("share of states")


def zones_figure(found: xr.Dataset) -> Figure:
    """By zone: spread under fresh noise, the same switch again, unstable directions."""
    return _sheet(found, _spread, _agreement, _unstable)


def _spread(axes: Axes, one: xr.Dataset) -> None:
    for z, zone in enumerate(ZONES):
        ends = (one[f"determinism_relative{e}"].values[-1, :, z] for e in ("", "_low", "_high"))
        mean, low, high = ends
        steps = np.arange(1, len(mean) + 1)
        axes.plot(steps, mean, color=OF_ZONE[zone], label=zone)
        axes.fill_between(steps, low, high, color=OF_ZONE[zone], alpha=0.2, lw=0)
    axes.set_xlabel("steps of fresh noise")
    axes.set_ylabel("spread over squared length")
    axes.legend(fontsize=7)


def _agreement(axes: Axes, one: xr.Dataset) -> None:
    _by_zone(axes, one, "determinism_agreement_switched", -1)
    axes.axhline(0.5, color=MUTED, lw=0.7, ls=":")
    axes.set_ylim(0, 1)
    axes.set_ylabel("runs with the same switch")


def _unstable(axes: Axes, one: xr.Dataset) -> None:
    _by_zone(axes, one, "spectra_unstable", None)
    axes.set_ylabel("unstable directions")


def _by_zone(axes: Axes, one: xr.Dataset, name: str, row: int | None) -> None:
    ends = [one[f"{name}{end}"].values for end in ("", "_low", "_high")]
    mean, low, high = (end if row is None else end[row] for end in ends)
    for z, zone in enumerate(ZONES):
        axes.plot([z, z], [low[z], high[z]], color=OF_ZONE[zone], lw=2)
        axes.plot(z, mean[z], "o", color=OF_ZONE[zone])
    axes.set_xticks(range(len(ZONES)), list(ZONES))


def kick_figure(found: xr.Dataset) -> Figure:
    """Switches with units held at 0, effects on fresh trials, and populations scaled."""
    return _sheet(found, _held, _kept, _scaled, width=3.6)


def _held(axes: Axes, one: xr.Dataset) -> None:
    ways = _ways(one)
    for w, way in enumerate(ways):
        part = one.sel(way=way)
        ends = [part[f"kick_matched_{end}"].item() for end in ("low", "high")]
        axes.plot([w, w], ends, color=MUTED, lw=5, alpha=0.4, solid_capstyle="butt")
        for k, (name, colour) in enumerate(OF_HELD.items()):
            value = part["kick_leaving"].sel(held=name).item()
            label = name if w == 0 else None
            axes.plot(w + 0.09 * (k - 2), value, "o", color=colour, ms=5, label=label)
    axes.set_xticks(range(len(ways)), ways)
    axes.set_ylim(bottom=0)
    axes.set_ylabel("switches a step, units held at 0")
    if ways:
        axes.legend(fontsize=7)


def _kept(axes: Axes, one: xr.Dataset) -> None:
    shown = ("exchanges", "correlation", "difference", "gradient", "random")
    ways = _ways(one)
    for w, way in enumerate(ways):
        row = one["kick_kept"].sel(way=way, epoch="kick")
        for k, name in enumerate(shown):
            colour = INK if k == 0 else PALETTE[k]
            height = row.sel(selector=name).item()
            label = name if w == 0 else None
            axes.bar(w + 0.15 * (k - 2), height, 0.13, color=colour, label=label)
    axes.axhline(0, color=INK, lw=0.7)
    axes.set_xticks(range(len(ways)), ways)
    axes.set_ylim(-0.3, 1.6)
    axes.set_ylabel("share of the switch, fresh trials")
    if ways:
        axes.legend(fontsize=7, ncols=2, loc="upper center")


def _scaled(axes: Axes, one: xr.Dataset) -> None:
    rate = one["populations_rate"].mean("way") if "populations_rate" in one else None
    if rate is None or bool(rate.isnull().all()):
        said = "not asked: kick neurons\nin one direction at most"
        axes.text(0.5, 0.5, said, transform=axes.transAxes, ha="center", color=MUTED, fontsize=8)
    else:
        mu = one["mu"].values
        for group, colour in zip(one["group"].values, PALETTE, strict=False):
            for part, line in (("noise", "-"), ("recurrent", ":")):
                values = rate.sel(group=group, part=part).values
                label = group if part == "noise" else None
                axes.plot(mu, values, line, color=colour, label=label)
        axes.legend(fontsize=7)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("scale of noise (full), recurrent input (dotted)")
    axes.set_ylabel("switches a step")


def _ways(one: xr.Dataset) -> list[str]:
    """Directions whose kick neurons were asked for."""
    if "kick_size" not in one:
        return []
    size = one["kick_size"].sel(epoch="kick", set="mediator")
    return [str(way) for way in one["way"].values[np.isfinite(size.values)]]


def onset_figure(found: xr.Dataset) -> Figure:
    """Over training: loss, unstable directions, switches, and the final kick neurons' effect."""
    names = {"loss": "loss", "unstable": "unstable directions", "rate": "switches a step",
             "kick_effect": "effect of the kick neurons"}  # fmt: skip

    def panel(name: str, said: str) -> Panel:
        def draw(axes: Axes, one: xr.Dataset) -> None:
            at = one["onset_kick_epoch" if name == "kick_effect" else "onset_epoch"].values
            axes.plot(at, one[f"onset_{name}"].values, color=PALETTE[0], lw=1.2)
            change, low, high = one[f"onset_{name}_onset"].values[:3]
            if np.isfinite(change):
                axes.axvline(change, color=PALETTE[5], lw=1)
                if np.isfinite(low):
                    axes.axvspan(low, high, color=PALETTE[5], alpha=0.15, lw=0)
            axes.set_xlabel("epoch")
            axes.set_ylabel(said)

        return draw

    return _sheet(found, *(panel(*item) for item in names.items()), width=2.8, height=2.4)


def reuse_figure(found: xr.Dataset) -> Figure:
    """Overlap of kick neurons between directions, and switches left without each one's."""
    return _sheet(found, _alike, _removed, width=3.8, height=3.3)


def _alike(axes: Axes, one: xr.Dataset) -> None:
    _matrix(axes, one, "reuse_alike", "overlap of kick neurons", (-1, 1))


def _removed(axes: Axes, one: xr.Dataset) -> None:
    _matrix(axes, one, "reuse_removed", "switches left, over the whole", (0, 2))
    axes.set_xlabel("switches")
    axes.set_ylabel("without the kick neurons of")


def _matrix(axes: Axes, one: xr.Dataset, name: str, said: str, ends: tuple[float, float]) -> None:
    shown = axes.imshow(one[name].values, cmap="RdBu_r", vmin=ends[0], vmax=ends[1])
    ways = [str(way) for way in one["way"].values]
    axes.set_xticks(range(len(ways)), ways, rotation=45, ha="right")
    axes.set_yticks(range(len(ways)), ways)
    colour_bar(axes.figure, shown, axes, said)  # pyright: ignore[reportArgumentType]


EMULATION_FIGURES = {
    "emulation": emulation_figure,
    "orbits": orbits_figure,
    "zones": zones_figure,
    "kick": kick_figure,
    "onset": onset_figure,
    "reuse": reuse_figure,
}
