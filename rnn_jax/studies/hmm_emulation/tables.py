"""Tables of the study of emulation: measures beside the model's, rates, zones, kick neurons.

print(tables(found))                            # markdown
"""

from typing import TYPE_CHECKING

import numpy as np

from ...tasks import EMITTERS, change_rate, mutual_information, stationary
from ..question import KINDS, OWN
from ..study import markdown_table
from .measures import LAGS, SOURCES
from .orbits import SCALES
from .own_noise import SILENT
from .standing import at_rest
from .verdicts import asked_ways, count_of, said_of, value_of
from .zones import ZONES

if TYPE_CHECKING:
    import xarray as xr


def tables(found: "xr.Dataset") -> str:
    """Training, measures beside the model's, zones, kick neurons by direction."""
    parts = [
        "Each network is a seed. Its symbols beside a fresh sample of the model and independent "
        "symbols, at the steps of training and from step 51 to 450 (changes: change rate over the "
        "exact one; transition: largest difference of a next-symbol probability; nats: "
        "log-likelihood per symbol less the model's; trigrams: Jensen-Shannon divergence in bits; "
        "memory: mutual information of symbols ten steps apart in bits):",
        "", _measures(found), "",
        "Events a step from step 51 to 450. Those of the model are exact:",
        "", _rates(found), "",
        "Changes of the symbol a step when the noise has another scale. The logits switch as "
        "often at every scale, by the law of scale; how far apart they are does change:",
        "", _scales(found), "",
        "Zones, by mean residence (cut at 60 steps), and what holds in each; means over states:",
        "", _zones(found), "",
        "Kick neurons by direction: share of switches that have a foil, units, axes in random "
        "bases, effect on fresh trials of these and of as many by correlation and by the "
        "gradient, probability of the switch per step while the named set is held at 0:",
        "", _ways(found, "kick"), "",
        "Probability of the direction's switch per step where a group of units hears no noise: "
        "nobody, the kick neurons, as many of largest deviation, as many of largest noise "
        "weights, and random groups alike in activity and weights. Beside it that of the reverse, "
        "and by how many deviations kick neurons differ from the random groups:",
        "", _silent(found, "silent"), "",
        "The same two tables of switches from step 10 to the last step of training, with the kick "
        "neurons found there; and the Jaccard index of these with those of later steps, 0 for "
        "random sets:",
        "", _early(found), "",
        "Switches a step without the noise of the integrating populations, beside random groups "
        "without theirs (95 % of these):",
        "", _gathering(found), "",
    ]  # fmt: skip
    return "\n".join(parts)


def _measures(found: "xr.Dataset") -> str:
    names = ("distance", "changes", "transition_difference", "nats", "trigrams")
    head = ["seed", "epochs", "steps", "source", "distance", "changes", "transition", "nats",
            "trigrams", "memory"]  # fmt: skip
    rows = []
    for k, seed in enumerate(found["seed"].values):
        one = found.isel(seed=k)
        epochs = f"{value_of(one, 'training_epochs'):.0f}"
        for part, steps in (("measured", "trained"), ("late", "later")):
            if f"{part}_changes" not in one:
                continue
            for s, source in enumerate(SOURCES):
                numbers = [value_of(one, f"{part}_{name}", s) for name in names]
                numbers.append(value_of(one, f"{part}_information", s, len(LAGS) - 1))
                rows.append([seed, epochs, steps, source, *(f"{n:.4f}" for n in numbers)])
    return markdown_table(head, rows)


def _rates(found: "xr.Dataset") -> str:
    if "late_switch_rate" not in found:
        return "Not asked."
    rested = at_rest(EMITTERS[found.attrs["hmm"]]())
    kept = np.diag(np.asarray(rested.transition, float)) @ stationary(rested)
    exact = [f"{1 - kept:.4f}", f"{change_rate(rested):.4f}"]
    memory = f"{mutual_information(rested, LAGS[-1]):.4f}"
    head = ["seed", "model's hidden state", "model's symbol", "symbol", "switch of the logits",
            "model's memory"]  # fmt: skip
    rows = []
    for k, seed in enumerate(found["seed"].values):
        one = found.isel(seed=k)
        names = ("late_change_rate", "late_switch_rate")
        ends = [[value_of(one, f"{name}{end}") for end in ("", "_low", "_high")] for name in names]
        rows.append([seed, *exact, *("{:.4f} [{:.4f}, {:.4f}]".format(*e) for e in ends), memory])
    return markdown_table(head, rows)


def _scales(found: "xr.Dataset") -> str:
    if "scales_change_rate" not in found:
        return "Not asked."
    head = ["seed", *(f"noise x {scale:g}" for scale in SCALES)]
    ends = [found[f"scales_change_rate{end}"].values for end in ("", "_low", "_high")]
    told = lambda row: ["{:.4f} [{:.4f}, {:.4f}]".format(*values) for values in zip(*row)]
    rows = [[seed, *told(row)] for seed, *row in zip(found["seed"].values, *ends)]
    return markdown_table(head, rows)


def _zones(found: "xr.Dataset") -> str:
    head = ["seed", "zone", "share", "unstable", "critical", "radius", "relative spread",
            "same switch", "of states"]  # fmt: skip
    rows = []
    for k, seed in enumerate(found["seed"].values):
        one = found.isel(seed=k)
        for z, zone in enumerate(ZONES):
            numbers = [one["residence_share"].values[z]]
            numbers += [one[f"spectra_{n}"].values[z] for n in ("unstable", "critical", "radius")]
            ends = [
                one[f"determinism_relative{e}"].values[-1, -1, z] for e in ("", "_low", "_high")
            ]
            again = one["determinism_agreement_switched"].values[-1, z]
            count = one["determinism_count_switched"].values[z]
            cells = [*(_cell(value) for value in numbers), said_of(tuple(ends)), _cell(again)]
            rows.append([seed, zone, *cells, f"{count:.0f}"])
    return markdown_table(head, rows)


def _ways(found: "xr.Dataset", kind: str) -> str:
    if f"{kind}_size" not in found:
        return "No run switched often enough to be asked."
    head = ["seed", "direction", "foils", "units", "axes", "effect", "correlation", "gradient",
            "whole", "kick", "correlation held", "matched", "p"]  # fmt: skip
    rows = []
    for k, seed in enumerate(found["seed"].values):
        one = found.isel(seed=k)
        for w in np.flatnonzero(asked_ways(one, kind)):
            part = one.isel(way=int(w)).sel(epoch="kick")
            size = [part[f"{kind}_{n}"].sel(set=KINDS[0]).item() for n in ("size", "base_size")]
            chosen = (OWN, "correlation", "gradient")
            kept = [part[f"{kind}_kept"].sel(selector=s).item() for s in chosen]
            held = ("whole", "kick", "correlation", "matched")
            leaving = [part[f"{kind}_leaving"].sel(held=name).item() for name in held]
            numbers = [*kept, *leaving, part[f"{kind}_p"].item()]
            first = [seed, part["way"].item(), _cell(part[f"{kind}_foils"].item())]
            rows.append([*first, *map(count_of, size), *(_cell(v, 3) for v in numbers)])
    return markdown_table(head, rows)


def _silent(found: "xr.Dataset", kind: str) -> str:
    if f"{kind}_leaving" not in found or not np.isfinite(found[f"{kind}_p"]).any():
        return "No direction has kick neurons."
    head = ["seed", "direction", *SILENT, "95 % of matched", "p", "returning: whole", "kick",
            "matched", "apart from matched: activity", "deviation"]  # fmt: skip
    rows = []
    for seed in found["seed"].values:
        for way in found["way"].values:
            part = found.sel(seed=seed, way=way)
            if not np.isfinite(part[f"{kind}_rate"].sel(silent="kick")):
                continue
            leaving = [_cell(value, 3) for value in part[f"{kind}_leaving"].values]
            low, high = (_cell(part[f"{kind}_{end}"].item(), 3) for end in ("low", "high"))
            shown = ("whole", "kick", "matched")
            back = [_cell(part[f"{kind}_returning"].sel(silent=n).item(), 3) for n in shown]
            far = [f"{value:+.2f}" for value in part[f"{kind}_apart"].values[:2]]
            p = _cell(part[f"{kind}_p"].item(), 3)
            rows.append([seed, way, *leaving, f"{low} to {high}", p, *back, *far])
    return markdown_table(head, rows)


def _early(found: "xr.Dataset") -> str:
    if "early_alike" not in found:
        return "Not asked."
    rows = []
    for seed in found["seed"].values:
        rows.append([seed, *map(_cell, found["early_alike"].sel(seed=seed).values)])
    alike = markdown_table(["seed", *found["way"].values], rows)
    return "\n\n".join([_ways(found, "early"), _silent(found, "early_silent"), alike])


def _gathering(found: "xr.Dataset") -> str:
    if "populations_p" not in found:
        return "No pair of directions has kick neurons both ways."
    head = ["seed", "direction", "units", "whole", "without their noise", "random groups", "p"]
    rows = []
    for seed in found["seed"].values:
        for way in found["way"].values:
            part = found.sel(seed=seed, way=way, group="both")
            if not np.isfinite(part["populations_p"]):
                continue
            rate = part["populations_rate"].sel(part="noise")
            numbers = [_cell(rate.sel(mu=mu).item(), 3) for mu in (1.0, 0.0)]
            ends = [part[f"populations_control_{end}"].item() for end in ("low", "high")]
            count = f"{part['populations_count'].item():.0f}"
            p = _cell(part["populations_p"].item(), 3)
            rows.append([seed, way, count, *numbers, "{:.3f} to {:.3f}".format(*ends), p])
    return markdown_table(head, rows)


def _cell(value: float, digits: int = 2) -> str:
    return f"{value:.{digits}f}" if np.isfinite(value) else "-"
