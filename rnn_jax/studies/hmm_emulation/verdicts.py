"""What the study of emulation claims, and how each claim is judged.

Claims and limits were written down before a trained network was asked. Some rules were changed
after the first one, and some claims added after all six (docs/hmm-emulation.md lists them). Each
network is judged by its own numbers, and by intervals where the claim says so; `verdict_over` says
what they come to.
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ...contrasts.search import LIMIT
from ..question import OWN
from ..study import Claim, Verdict, verdict_over
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
    "emulates later": Claim(
        "the same three numbers keep their limits at steps 51 to 450 of a run",
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
        "random sets alike in activity and in their weight to each output do",
        "as rare",
        f"a direction with a p above {LEVEL}",
    ),
    "own noise": Claim(
        "where they hear no noise, the kick neurons of a direction make its switches rarer than "
        "random groups do that are alike in activity and in weights of readout and noise",
        "as rare",
        f"a direction with a p above {LEVEL}",
    ),
    "beyond activity": Claim(
        "where they hear no noise, the kick neurons of a direction make its switches rarer than "
        "as many units of largest deviation do",
        "as rare",
        "a direction in which those make them as rare",
    ),
    "own noise early": Claim(
        "from step 10 to the last step of training, too, the kick neurons found there make their "
        "switches rarer, where they hear no noise, than random groups alike in activity and in "
        "weights do",
        "as rare",
        f"a direction with a p above {LEVEL}",
    ),
    "beyond activity early": Claim(
        "from step 10 to the last step of training, too, the kick neurons found there make their "
        "switches rarer, where they hear no noise, than as many units of largest deviation do",
        "as rare",
        "a direction in which those make them as rare",
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
        falls = [holds for _, holds in each]
        told = any(holds is not None for holds in falls)
        said = "; ".join(text for text, _ in each) if told else ""
        verdicts.append(verdict_over(claim, falls, said))
    return verdicts


def _of(judge_one: Judge, one: "xr.Dataset") -> tuple[str, bool | None]:
    """One network's number; none where what it takes was not found."""
    try:
        return judge_one(one)
    except KeyError:
        return "not found", None


def value_of(one: "xr.Dataset", name: str, *index: int) -> float:
    """One number of a network's variable."""
    return float(one[name].values[index])


def _emulates(one: "xr.Dataset", part: str = "measured") -> tuple[str, bool | None]:
    """Of the steps of training, or of later ones: `part` is how the variables begin."""
    apart, changes, nats = (
        value_of(one, f"{part}_{name}", 0) for name in ("transition_difference", "changes", "nats")
    )
    holds = apart <= TRANSITION and abs(changes - 1) <= CHANGES and abs(nats) <= NATS
    said = f"{apart:.3f}{_ends(one, f'{part}_transition_difference', '.3f')}, "
    said += f"{changes:.3f}{_ends(one, f'{part}_changes', '.3f')} of the change rate, "
    return said + f"{nats:+.4f}{_ends(one, f'{part}_nats', '+.4f')} nats", holds


def _ends(one: "xr.Dataset", name: str, spec: str) -> str:
    """The interval of a measure of the network, where it is known."""
    if (name := f"{name}_interval") not in one:
        return ""
    low, high = one[name].values[0]
    return f" [{low:{spec}}, {high:{spec}}]"


def _silent(one: "xr.Dataset") -> tuple[str, bool | None]:
    basin, rays = one["silence_basin"].values, value_of(one, "silence_rays")
    growth = value_of(one, "silence_growth_largest")
    holds = bool((basin == 1).all() and rays == 0 and growth < 0)
    said = f"basin {basin[0]:.3f}, from ten times as far {basin[1]:.3f}, "
    return said + f"{rays:.0f} rays, growth {growth:+.3f} a step", holds


def _winds(one: "xr.Dataset") -> tuple[str, bool | None]:
    order, phase = value_of(one, "orbits_order_p"), value_of(one, "orbits_phase_p")
    rate = value_of(one, "orbits_rate")
    return f"{rate:+.4f} turns a step, p {order:.3f}, {phase:.3f}", max(order, phase) <= LEVEL


def _regular(one: "xr.Dataset") -> tuple[str, bool | None]:
    p = value_of(one, "orbits_cv_p")
    return f"cv {value_of(one, 'orbits_cv'):.2f}, p {p:.3f}", p <= LEVEL


def _zone(one: "xr.Dataset", name: str, zone: str) -> tuple[float, float, float]:
    at = ZONES.index(zone)
    rows = (one[f"{name}{end}"].values for end in ("", "_low", "_high"))
    mean, low, high = (float(row.reshape(-1, len(ZONES))[-1, at]) for row in rows)
    return mean, low, high


def _determined(one: "xr.Dataset") -> tuple[str, bool | None]:
    kick, cluster = (
        _zone(one, "determinism_agreement_switched", zone) for zone in ("kick", "cluster")
    )
    said = f"{said_of(kick)} from the kick zone, {said_of(cluster)} from the cluster"
    if np.isnan([*kick, *cluster]).any():
        return said, None
    return said, kick[1] > cluster[2] and kick[1] > 0.5


def _unstable(one: "xr.Dataset") -> tuple[str, bool | None]:
    kick, cluster, moving = (
        _zone(one, "spectra_unstable", zone) for zone in ("kick", "cluster", "transition")
    )
    said = f"{said_of(kick)} in the kick zone, {said_of(cluster)} in the cluster, "
    said += f"{said_of(moving)} in transition"
    return said, None if np.isnan([*kick, *cluster]).any() else kick[1] > cluster[2]


def said_of(estimate: tuple[float, float, float]) -> str:
    """A mean and the ends of its interval, in words."""
    return "{:.2f} [{:.2f}, {:.2f}]".format(*estimate)


def asked_ways(one: "xr.Dataset", part: str = "kick") -> np.ndarray:
    """Directions that were searched."""
    return np.isfinite(one[f"{part}_size"].sel(epoch="kick", set="mediator").values)


def _few(one: "xr.Dataset") -> tuple[str, bool | None]:
    asked, part = asked_ways(one), one.sel(epoch="kick", set="mediator")
    if not asked.any():
        return "no direction", None
    size, axes = (part[f"kick_{name}"].values[asked] for name in ("size", "base_size"))
    kept = np.nan_to_num(one["kick_kept"].sel(epoch="kick", selector=OWN).values[asked])
    units = one.sizes["unit"]
    holds = (size <= SMALL * units).all() and (size < axes).all() and (kept >= KEPT).all()
    numbers = ", ".join(f"{count_of(s)} and {count_of(a)}" for s, a in zip(size, axes))
    return f"units and axes {numbers}; least on fresh trials {kept.min():.2f}", bool(holds)


def count_of(size: float) -> str:
    """The size of a set, where none was found up to the search's limit, too."""
    return f"{size:.0f}" if size <= LIMIT else f"over {LIMIT}"


def _beyond(one: "xr.Dataset") -> tuple[str, bool | None]:
    asked, kept = asked_ways(one), one["kick_kept"].sel(epoch="kick")
    if not asked.any():
        return "no direction", None
    more = np.asarray(kept.sel(selector=OWN) - kept.sel(selector="correlation"))[asked]
    known = more[np.isfinite(more)]
    if not known.size:
        return "no set was found", None
    lacking = len(more) - len(known)
    said = f" ({lacking} of {len(more)} directions without a set)" if lacking else ""
    return f"{known.mean():+.2f}{said}", bool(known.mean() >= GAIN)


def _causal(one: "xr.Dataset") -> tuple[str, bool | None]:
    p = one["kick_p"].values
    leaving = one["kick_leaving"]
    whole, kick, other = (leaving.sel(held=name).values for name in ("whole", "kick", "matched"))
    known, asked = np.isfinite(p), asked_ways(one)
    if not asked.any():
        return "no direction", None
    said = [
        f"{way}: {a:.3f} to {b:.3f} (matched {c:.3f}, p {d:.3f})" if told else f"{way}: no rate"
        for way, a, b, c, d, told in zip(
            one["way"].values[asked], *(row[asked] for row in (whole, kick, other, p, known))
        )
    ]
    return ", ".join(said), bool((p[known] <= LEVEL).all()) if known.any() else None


def _own_noise(one: "xr.Dataset", against: str, part: str = "silent") -> tuple[str, bool | None]:
    """Against `matched` groups by p, against `deviation` by the two probabilities alone."""
    leaving = one[f"{part}_leaving"]
    whole, own, other = (leaving.sel(silent=name).values for name in ("whole", "kick", against))
    p = one[f"{part}_p"].values
    known = np.isfinite(own) & np.isfinite(other)
    if not known.any():
        return "no direction", None
    fell = p <= LEVEL if against == "matched" else own < other
    ends = [f", p {value:.3f}" if against == "matched" else "" for value in p]
    said = ", ".join(
        f"{way}: {a:.3f} to {b:.3f} ({against} {c:.3f}{end})"
        for way, a, b, c, end, told in zip(one["way"].values, whole, own, other, ends, known)
        if told
    )
    return said, bool(fell[known].all())


def _gathering(one: "xr.Dataset") -> tuple[str, bool | None]:
    p = one["populations_p"].values
    rate = one["populations_rate"].sel(group="both", part="noise")
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
    clear = [value_of(one, f"onset_{name}_explained") >= STEP for name in ("unstable", "rate")]
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
    said = f"{known.mean():+.2f}"
    if "reuse_alike_matched" in one:
        drawn = np.nanmean(one["reuse_alike_matched"].values[:, _pairs_apart(one)], 1)
        low, high = np.quantile(drawn, (0.025, 0.975))
        said += (
            f" (sets alike in activity and weights {drawn.mean():+.2f} [{low:+.2f}, {high:+.2f}])"
        )
    return said, bool(known.mean() > GAIN)


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
    "emulates": _emulates, "emulates later": partial(_emulates, part="late"),
    "silent": _silent, "winds": _winds, "regular": _regular,
    "determined": _determined, "unstable": _unstable, "few": _few,
    "beyond correlation": _beyond, "causal": _causal,
    "own noise": partial(_own_noise, against="matched"),
    "beyond activity": partial(_own_noise, against="deviation"),
    "own noise early": partial(_own_noise, against="matched", part="early_silent"),
    "beyond activity early": partial(_own_noise, against="deviation", part="early_silent"),
    "gathering": _gathering,
    "onset": _onset, "reused": _reused, "separable": _separable,
}  # fmt: skip
