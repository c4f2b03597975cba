"""What the study of emulation claims, how each claim is judged, and its tables.

Claims and limits were written down before a trained network was asked. Some rules were changed
after the first one (docs/hmm-emulation.md lists them), and before all others. Each network is
judged by its own numbers, and by intervals where the claim says so: a claim holds where it holds
for every network that can be judged, is refuted where it holds for none, and is undecided between
the two.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ..question import KINDS, OWN
from ..study import Claim, Verdict, markdown_table, verdict_on
from .standing import CHANGES, NATS, TRANSITION
from .zones import ZONES

if TYPE_CHECKING:
    import xarray as xr

LEVEL = 0.05
KEPT, GAIN, SMALL = 0.9, 0.1, 0.1
"""Of kick neurons: least effect on fresh trials, lead over correlation, share of all units."""
EPOCHS_APART = 10
"""Epochs between two onsets that count as one."""
STEP = 0.5
"""Share of a series' variance that a step explains, at the least, to be an onset."""

CLAIMS: dict[str, Claim] = {
    "emulates": Claim(
        f"the network stands at its model: next-symbol probabilities within {TRANSITION}, change "
        f"rate within {CHANGES:.0%}, log-likelihood within {NATS} nats per symbol",
        "symbols drawn one by one at the model's frequencies",
        "one of the three beyond its limit",
    ),
    "silent": Claim(
        "without noise every start comes back to 0, from ten times as far too, and no other fixed "
        "point is found",
        "a ray of fixed points, or a start that does not come back",
        "either of these, or a deviation from 0 that grows",
    ),
    "winds": Claim(
        "noisy runs wind around in the plane of their two leading components",
        "winding of surrogates: shuffled steps, and random phases",
        f"a p of either above {LEVEL}",
    ),
    "regular": Claim(
        "the times of return vary less than chance",
        "return times when the turning of each step is in random order",
        f"a p above {LEVEL}",
    ),
    "determined": Claim(
        "a switch is set before it happens: from the kick zone, runs with all noise fresh switch "
        "as the nominal run does in more than half of cases, and more often than from the cluster",
        "as often from the kick zone as from the cluster",
        "intervals of the two that overlap, or one of the kick zone not above 0.5",
    ),
    "unstable": Claim(
        "the kick zone has more unstable directions than the cluster",
        "as many",
        "an interval of the kick zone not above that of the cluster",
    ),
    "few": Claim(
        f"kick neurons are few: at most {SMALL:.0%} of all units, fewer than random bases need "
        f"axes, and they do at least {KEPT} of the difference on fresh trials",
        "as many units as axes",
        "a direction whose kick neurons fail one of the three",
    ),
    "beyond correlation": Claim(
        f"on fresh trials, kick neurons account for at least {GAIN} more of the switch than as "
        "many units of largest correlation with it",
        "no difference",
        f"a mean difference over directions below {GAIN}",
    ),
    "causal": Claim(
        "held at 0 for whole runs, the kick neurons of a direction make its switches rarer than "
        "random sets alike in activity and readout weight do",
        "as rare",
        f"a direction with a p above {LEVEL}",
    ),
    "gathering": Claim(
        "without their own noise, the units that the weights name as integrating make switches "
        "rarer, and change their rate more than random groups of as many units do",
        "as much as random groups",
        f"a direction with a p above {LEVEL}, or more switches",
    ),
    "onset": Claim(
        f"unstable directions and switches appear within {EPOCHS_APART} epochs of each other",
        "onsets that have nothing to do with one another",
        "a larger distance of the two change points",
    ),
    "reused": Claim(
        f"kick neurons of different pairs of outputs share units: a corrected Jaccard index above "
        f"{GAIN} in the mean",
        "0, that of random sets",
        f"a mean index of at most {GAIN}",
    ),
    "separable": Claim(
        "without the kick neurons of one direction, its own switches become rarer than those of "
        "any other direction do",
        "all alike",
        "a direction that loses less than another",
    ),
}

Judge = Callable[["xr.Dataset"], tuple[str, bool | None]]


def judge(found: "xr.Dataset") -> list[Verdict]:
    """What was claimed, against what was found of each network."""
    verdicts = []
    for name, claim in CLAIMS.items():
        each = [_of(JUDGES[name], found.isel(seed=k)) for k in range(found.sizes["seed"])]
        told = [holds for _, holds in each if holds is not None]
        fell = None if not told else True if all(told) else None if any(told) else False
        count = f"{sum(told)} of {len(told)}" if told else "no network can be judged"
        said = "; ".join(text for text, _ in each)
        verdicts.append(verdict_on(claim, f"{count}: {said}" if told else count, fell))
    return verdicts


def _of(judge_one: Judge, one: "xr.Dataset") -> tuple[str, bool | None]:
    """One network's number; none where what it takes was not found."""
    try:
        return judge_one(one)
    except KeyError:
        return "not found", None


def _value(one: "xr.Dataset", name: str, *index: int) -> float:
    return float(one[name].values[index])


def _emulates(one: "xr.Dataset") -> tuple[str, bool | None]:
    apart, changes, nats = (
        _value(one, f"measured_{name}", 0) for name in ("transition_difference", "changes", "nats")
    )
    holds = apart <= TRANSITION and abs(changes - 1) <= CHANGES and abs(nats) <= NATS
    said = f"{apart:.3f}{_ends(one, 'transition_difference', '.3f')}, "
    said += f"{changes:.3f}{_ends(one, 'changes', '.3f')} of the change rate, "
    return said + f"{nats:+.4f}{_ends(one, 'nats', '+.4f')} nats", holds


def _ends(one: "xr.Dataset", name: str, spec: str) -> str:
    """The interval of a measure of the network, where it is known."""
    if (name := f"measured_{name}_interval") not in one:
        return ""
    low, high = one[name].values[0]
    return f" [{low:{spec}}, {high:{spec}}]"


def _silent(one: "xr.Dataset") -> tuple[str, bool | None]:
    basin, rays = one["silence_basin"].values, _value(one, "silence_rays")
    growth = _value(one, "silence_growth_largest")
    holds = bool((basin == 1).all() and rays == 0 and growth < 0)
    return f"basin {basin.min():.3f}, {rays:.0f} rays, growth {growth:+.3f} a step", holds


def _winds(one: "xr.Dataset") -> tuple[str, bool | None]:
    order, phase = _value(one, "orbits_order_p"), _value(one, "orbits_phase_p")
    rate = _value(one, "orbits_rate")
    return f"{rate:+.4f} turns a step, p {order:.3f}, {phase:.3f}", max(order, phase) <= LEVEL


def _regular(one: "xr.Dataset") -> tuple[str, bool | None]:
    p = _value(one, "orbits_cv_p")
    return f"cv {_value(one, 'orbits_cv'):.2f}, p {p:.3f}", p <= LEVEL


def _zone(one: "xr.Dataset", name: str, zone: str) -> tuple[float, float, float]:
    at = ZONES.index(zone)
    rows = (one[f"{name}{end}"].values for end in ("", "_low", "_high"))
    mean, low, high = (float(row.reshape(-1, len(ZONES))[-1, at]) for row in rows)
    return mean, low, high


def _determined(one: "xr.Dataset") -> tuple[str, bool | None]:
    kick, cluster = (
        _zone(one, "determinism_agreement_switched", zone) for zone in ("kick", "cluster")
    )
    said = f"{_said(kick)} from the kick zone, {_said(cluster)} from the cluster"
    if np.isnan([*kick, *cluster]).any():
        return said, None
    return said, kick[1] > cluster[2] and kick[1] > 0.5


def _unstable(one: "xr.Dataset") -> tuple[str, bool | None]:
    kick, cluster, moving = (
        _zone(one, "spectra_unstable", zone) for zone in ("kick", "cluster", "transition")
    )
    said = f"{_said(kick)} in the kick zone, {_said(cluster)} in the cluster, "
    said += f"{_said(moving)} in transition"
    return said, None if np.isnan([*kick, *cluster]).any() else kick[1] > cluster[2]


def _said(estimate: tuple[float, float, float]) -> str:
    return "{:.2f} [{:.2f}, {:.2f}]".format(*estimate)


def _asked_ways(one: "xr.Dataset") -> np.ndarray:
    """Directions that were searched."""
    return np.isfinite(one["kick_size"].sel(epoch="kick", set="mediator").values)


def _few(one: "xr.Dataset") -> tuple[str, bool | None]:
    asked, part = _asked_ways(one), one.sel(epoch="kick", set="mediator")
    if not asked.any():
        return "no direction", None
    size, axes = (part[f"kick_{name}"].values[asked] for name in ("size", "base_size"))
    kept = np.nan_to_num(one["kick_kept"].sel(epoch="kick", selector=OWN).values[asked])
    units = one.sizes["unit"]
    holds = (size <= SMALL * units).all() and (size < axes).all() and (kept >= KEPT).all()
    numbers = ", ".join(f"{s:.0f} of {a:.0f}" for s, a in zip(size, axes))
    return f"units and axes {numbers}; on fresh trials {kept.min():.2f}", bool(holds)


def _beyond(one: "xr.Dataset") -> tuple[str, bool | None]:
    asked, kept = _asked_ways(one), one["kick_kept"].sel(epoch="kick")
    if not asked.any():
        return "no direction", None
    # a direction without a set has done nothing
    own, rival = (np.nan_to_num(kept.sel(selector=s).values) for s in (OWN, "correlation"))
    more = float((own - rival)[asked].mean())
    return f"{more:+.2f}", more >= GAIN


def _causal(one: "xr.Dataset") -> tuple[str, bool | None]:
    p = one["kick_p"].values
    leaving = one["kick_leaving"]
    whole, kick, other = (leaving.sel(held=name).values for name in ("whole", "kick", "matched"))
    known = np.isfinite(p)
    if not known.any():
        return "no direction", None
    said = ", ".join(
        f"{a:.3f} to {b:.3f} (matched {c:.3f}, p {d:.3f})"
        for a, b, c, d in zip(whole[known], kick[known], other[known], p[known])
    )
    return said, bool((p[known] <= LEVEL).all())


def _gathering(one: "xr.Dataset") -> tuple[str, bool | None]:
    p, rate = one["populations_p"].values, one["populations_rate"].sel(group="both", part="noise")
    known = np.isfinite(p)
    if not known.any():
        return "no direction", None
    whole, without = (rate.sel(mu=mu).values[known] for mu in (1.0, 0.0))
    said = ", ".join(
        f"{a:.3f} to {b:.3f} (p {c:.3f})" for a, b, c in zip(whole, without, p[known])
    )
    return said, bool((p[known] <= LEVEL).all() and (without < whole).all())


def _onset(one: "xr.Dataset") -> tuple[str, bool | None]:
    names = ("unstable", "rate", "loss", "kick_effect")
    at = {name: one[f"onset_{name}_onset"].values for name in names}
    said = ", ".join(
        f"{name.replace('_', ' ')} {row[0]:.0f} [{row[1]:.0f}, {row[2]:.0f}] "
        f"from {row[3]:.3g} to {row[4]:.3g}"
        for name, row in at.items()
        if np.isfinite(row[0])
    )
    steps = [at[name][4] > at[name][3] for name in ("unstable", "rate")]
    clear = [_value(one, f"onset_{name}_explained") >= STEP for name in ("unstable", "rate")]
    if not all([*steps, *clear]):
        return f"no step upwards in one; epochs: {said}", None
    apart = abs(at["unstable"][0] - at["rate"][0])
    return f"epochs: {said}", bool(apart <= EPOCHS_APART)


def _pairs_apart(one: "xr.Dataset") -> np.ndarray:
    """Whether two directions are between different pairs of outputs."""
    pairs = [set(str(way).split(" to ")) for way in one["way"].values]
    return np.array([[a != b for b in pairs] for a in pairs])


def _reused(one: "xr.Dataset") -> tuple[str, bool | None]:
    alike = one["reuse_alike"].values[_pairs_apart(one)]
    known = alike[np.isfinite(alike)]
    if not known.size:
        return "one pair alone", None
    return f"{known.mean():+.2f}", bool(known.mean() > GAIN)


def _separable(one: "xr.Dataset") -> tuple[str, bool | None]:
    removed = one["reuse_removed"].values
    own = np.diag(removed)
    others = np.where(np.eye(len(own), dtype=bool), np.nan, removed)
    known = np.isfinite(own) & np.isfinite(others).any(1)
    if not known.any():
        return "no direction beside another", None
    least = np.nanmin(others[known], 1)
    said = ", ".join(f"{a:.2f} and {b:.2f}" for a, b in zip(own[known], least))
    return f"own and least of others, over the whole: {said}", bool((own[known] < least).all())


JUDGES: dict[str, Judge] = {
    "emulates": _emulates, "silent": _silent, "winds": _winds, "regular": _regular,
    "determined": _determined, "unstable": _unstable, "few": _few,
    "beyond correlation": _beyond, "causal": _causal, "gathering": _gathering,
    "onset": _onset, "reused": _reused, "separable": _separable,
}  # fmt: skip


def tables(found: "xr.Dataset") -> str:
    """Training, measures beside the model's, zones, kick neurons by direction."""
    parts = [
        "Each network is a seed. Training, and how the symbols of the trained network are beside "
        "a fresh sample of the model and independent symbols (transition: largest difference of a "
        "next-symbol probability; trigrams: Jensen-Shannon divergence in bits):",
        "", _measures(found), "",
        "Zones, by mean residence (cut at 60 steps), and what holds in each; means over states:",
        "", _zones(found), "",
        "Kick neurons by direction: share of switches that have a foil, units, axes in random "
        "bases, effect on fresh trials of these and of as many by correlation, probability of the "
        "switch per step while the named set is held at 0:",
        "", _ways(found), "",
    ]  # fmt: skip
    return "\n".join(parts)


def _measures(found: "xr.Dataset") -> str:
    head = ["seed", "epochs", "source", "distance", "changes", "transition", "nats", "trigrams"]
    rows = []
    for k, seed in enumerate(found["seed"].values):
        one = found.isel(seed=k)
        for s, source in enumerate(("network", "model", "independent")):
            names = ("distance", "changes", "transition_difference", "nats", "trigrams")
            numbers = [f"{_value(one, f'measured_{name}', s):.4f}" for name in names]
            rows.append([seed, f"{_value(one, 'training_epochs'):.0f}", source, *numbers])
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
            cells = [*(_cell(value) for value in numbers), _said(tuple(ends)), _cell(again)]
            rows.append([seed, zone, *cells, f"{count:.0f}"])
    return markdown_table(head, rows)


def _ways(found: "xr.Dataset") -> str:
    if "kick_size" not in found:
        return "No run switched often enough to be asked."
    head = ["seed", "direction", "foils", "units", "axes", "effect", "correlation", "whole",
            "kick", "correlation held", "matched", "p"]  # fmt: skip
    rows = []
    for k, seed in enumerate(found["seed"].values):
        one = found.isel(seed=k)
        for w in np.flatnonzero(_asked_ways(one)):
            part = one.isel(way=int(w)).sel(epoch="kick")
            size = [part[f"kick_{n}"].sel(set=KINDS[0]).item() for n in ("size", "base_size")]
            kept = [part["kick_kept"].sel(selector=s).item() for s in (OWN, "correlation")]
            held = ("whole", "kick", "correlation", "matched")
            leaving = [part["kick_leaving"].sel(held=name).item() for name in held]
            numbers = [*kept, *leaving, part["kick_p"].item()]
            whole = [f"{value:.0f}" for value in size]
            first = [seed, part["way"].item(), _cell(part["kick_foils"].item())]
            rows.append([*first, *whole, *(_cell(v, 3) for v in numbers)])
    return markdown_table(head, rows)


def _cell(value: float, digits: int = 2) -> str:
    return f"{value:.{digits}f}" if np.isfinite(value) else "-"
