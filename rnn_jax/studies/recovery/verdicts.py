"""What recovery claims, and how its numbers judge it.

A method is *sound* on a kind if its mean AUROC over seeds, without noise, is at least 0.98, over
epochs in which some units are members and some are not.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...circuits.baselines import BASELINES
from ...planted import PLANTED
from ..seeds import all_of, over_seeds
from ..study import Claim, Verdict, markdown_table, verdict_on
from . import over_kinds
from .over_kinds import above_rival, judge_questions, question_tables

if TYPE_CHECKING:
    import xarray as xr

SOUND = 0.98
SILENT = {
    "copies": "any one of the copies may go, since the others outvote it",
    "cancelled-pair": "the source's two paths cancel, and so does every total effect of it",
}
DISTRIBUTED = ("rotated-code",)
"""Kinds whose circuit is a subspace: no ranking of units is right there, and none is asked for."""
RANKED = tuple(kind for kind in PLANTED if kind not in DISTRIBUTED)
EXACT = ("exact ablation", "exact restoring")
WITHOUT = tuple(name for name in BASELINES if name != "random")
CORRELATION_FAILS = (
    (("correlated-unread", "correlation with target"),),
    (("correlated-unread", "correlation with readout"),),
    (("high-variance-unread", "variance"),),
)
FIRST_ORDER_FAILS = (
    (("copies", "gradient"), ("or-pair", "gradient"), ("and-pair", "gradient")),
    (("gate", "gradient"), ("dormant-path", "gradient")),
)
"""Cases, each of a kind and a method; of every case one pair must fail."""

CLAIMS = {
    "causal": Claim(
        f"exact ablation or exact restoring has an AUROC of at least {SOUND} on every kind except "
        "those where single units show nothing by construction: " + ", ".join(SILENT),
        "an AUROC of 0.5",
        "another kind on which neither is sound",
    ),
    "gain": Claim(
        "at every noise level, the mean AUROC over kinds of exact ablation is above that of the "
        "best method without intervention",
        "a difference of 0",
        "an interval over kinds at or below 0, at any level",
    ),
    "time": Claim(
        "the mean AUROC of exact ablation in each epoch is above that of exact ablation over the "
        "whole trial",
        "a difference of 0",
        "an interval over kinds at or below 0",
    ),
    "correlation": Claim(
        "the AUROC of both correlations on correlated-unread, and of variance on "
        f"high-variance-unread, is below {SOUND}",
        "soundness, as of ablation",
        "soundness of either correlation on correlated-unread or of variance on "
        "high-variance-unread",
    ),
    "first order": Claim(
        f"the AUROC of the gradient is below {SOUND} on at least one of copies, or-pair and "
        "and-pair, and on at least one of gate and dormant-path",
        "soundness, as of ablation",
        "soundness on all of copies, or-pair and and-pair, or on both gate and dormant-path",
    ),
    "breaks": Claim(
        f"on every kind, at least one method has an AUROC below {SOUND}",
        "methods that are all alike",
        "a kind on which all methods are sound",
    ),
    "rotation": Claim(
        "after a random rotation, the units of largest effect, as many as there are members, "
        "keep less of the function than in the planted basis, on every kind except the silent "
        "ones",
        "as faithful as in the planted basis",
        "a kind on which the interval of the difference lies at or below 0",
    ),
    "bounds": Claim(
        "the oracle has an AUROC of 1, and random scores have a mean AUROC from 0.45 to 0.55",
        "-",
        "an oracle below 1, or a random mean outside 0.45 to 0.55",
    ),
    **over_kinds.CLAIMS,
}


def judge(found: "xr.Dataset") -> list[Verdict]:
    """What was expected of the suite, against what it gave; of a part of it nothing is decided.

    A user's own kinds are in the tables, and in no claim.
    """
    suite = [kind for kind in RANKED if kind in found["kind"].values]
    if not suite:
        return [
            verdict_on(claim, "no kind of the suite was run", None) for claim in CLAIMS.values()
        ]
    found = found.sel(kind=suite)
    verdicts = [
        _causal(found),
        _gain(found),
        _time(found),
        _defeated("correlation", found, CORRELATION_FAILS),
        _defeated("first order", found, FIRST_ORDER_FAILS),
        _breaks(found),
        _rotation(found),
        _bounds(found),
        *judge_questions(found),
    ]
    whole = len(suite) == len(RANKED)
    return verdicts if whole else [verdict._replace(fell="undecided") for verdict in verdicts]


def _clean(found: "xr.Dataset") -> "xr.DataArray":
    return found["auroc"].sel(noise=min(found["noise"].values))


def _kinds(found: "xr.Dataset") -> list[str]:
    return [str(kind) for kind in found["kind"].values]


def _causal(found: "xr.Dataset") -> Verdict:
    best = _clean(found).mean("seed").sel(selector=list(EXACT)).max("selector")
    area = {kind: float(best.sel(kind=kind)) for kind in _kinds(found)}
    said = lambda kinds: ", ".join(f"{kind} {area[kind]:.2f}" for kind in kinds) or "none"
    missed = [kind for kind in area if area[kind] < SOUND and kind not in SILENT]
    silent = [kind for kind in area if kind in SILENT]
    found_said = f"unsound: {said(missed)}; silent by construction: {said(silent)}"
    return verdict_on(CLAIMS["causal"], found_said, not missed)


def _gain(found: "xr.Dataset") -> Verdict:
    of_kinds = found["auroc"].mean("seed")
    # the numbers of an earlier run lack methods that came later
    others = [name for name in WITHOUT if name in of_kinds["selector"]]
    said, answers = [], []
    for level in found["noise"].values:
        text, above = above_rival(of_kinds.sel(noise=level), "exact ablation", others)
        said.append(f"noise {level:g}: {text}")
        answers.append(above)
    return verdict_on(CLAIMS["gain"], "; ".join(said), all_of(answers))


def _time(found: "xr.Dataset") -> Verdict:
    clean, timeless = _clean(found).mean("seed"), ["exact ablation, whole trial"]
    said, above = above_rival(clean, "exact ablation", timeless)
    return verdict_on(CLAIMS["time"], said, above)


def _defeated(
    claim: str, found: "xr.Dataset", cases: Sequence[Sequence[tuple[str, str]]]
) -> Verdict:
    """Whether one pair of every case is unsound."""
    mean = _clean(found).mean("seed")
    run = [pair for case in cases for pair in case if pair[0] in _kinds(found)]
    area = {pair: float(mean.sel(kind=pair[0], selector=pair[1])) for pair in run}
    said = ", ".join(f"{name} on {kind} {area[kind, name]:.2f}" for kind, name in run)
    holds = all(any(area.get(pair, 1.0) < SOUND for pair in case) for case in cases)
    return verdict_on(CLAIMS[claim], said or "not run", holds)


def _breaks(found: "xr.Dataset") -> Verdict:
    mean = _clean(found).mean("seed")
    methods = [name for name in mean["selector"].values if name not in ("oracle", "random")]
    worst = mean.sel(selector=methods).min("selector")
    unbroken = [kind for kind in _kinds(found) if float(worst.sel(kind=kind)) >= SOUND]
    return verdict_on(CLAIMS["breaks"], f"unbroken: {', '.join(unbroken) or 'none'}", not unbroken)


def _rotation(found: "xr.Dataset") -> Verdict:
    said, answers = [], []
    for kind in _kinds(found):
        built, rotated = found["kept"].sel(kind=kind).transpose("form", "seed").values
        gap = over_seeds(built - rotated)
        if kind not in SILENT:
            answers.append(gap.exceeds(0.0))
            said += [f"{kind} {gap}"] if answers[-1] is not True else []
    mean = found["kept"].mean(("kind", "seed"))
    means = f"mean {float(mean[0]):.2f} built, {float(mean[1]):.2f} rotated"
    return verdict_on(
        CLAIMS["rotation"], f"{means}; not lower on: {', '.join(said) or 'none'}", all_of(answers)
    )


def _bounds(found: "xr.Dataset") -> Verdict:
    floor = float(found["auroc"].sel(selector="oracle").min())
    chance = float(found["auroc"].sel(selector="random").mean())
    said = f"oracle {floor:.2f}, random {chance:.2f}"
    return verdict_on(CLAIMS["bounds"], said, floor == 1 and 0.45 <= chance <= 0.55)


def tables(found: "xr.Dataset") -> str:
    """Mean areas at each noise level, precision without noise, and what rotation leaves."""
    parts = []
    for level in found["noise"].values:
        parts += [f"AUROC, mean (standard deviation) over seeds, noise {level:g}:", ""]
        parts += [_table(found["auroc"].sel(noise=level)), ""]
    least = found.sel(noise=min(found["noise"].values))
    parts += ["Average precision without noise; its chance level is the prevalence:", ""]
    parts += [_table(least["average_precision"], least["prevalence"]), ""]
    parts += ["Precision, which is recall, among as many units as are true, without noise:", ""]
    parts += [_table(least["precision"], least["prevalence"]), ""]
    parts += [
        "Faithfulness of the strongest units, as many as there are members:",
        "",
    ]
    rows = [
        [kind, *(str(over_seeds(row)) for row in found["kept"].sel(kind=kind).values.T)]
        for kind in _kinds(found)
    ]
    parts += [markdown_table(["kind", "as built", "rotated"], rows), "", *question_tables(found)]
    return "\n".join(parts)


def _table(areas: "xr.DataArray", prevalence: "xr.DataArray | None" = None) -> str:
    mean, spread = areas.mean("seed"), areas.std("seed")
    names = [str(name) for name in areas["selector"].values]
    rows = []
    for kind in areas["kind"].values:
        pairs = zip(mean.sel(kind=kind).values, spread.sel(kind=kind).values, strict=True)
        base = [] if prevalence is None else [f"{float(prevalence.sel(kind=kind)):.2f}"]
        rows.append([kind, *base, *(f"{m:.2f} ({s:.2f})" for m, s in pairs)])
    return markdown_table(["kind", *([] if prevalence is None else ["prevalence"]), *names], rows)
