"""What is claimed of circuits in trained networks, how it is judged, and its tables.

judge(found)      # a verdict on every claim
tables(found)     # Markdown

Claims speak of networks that learned their task. A network gives one number to each claim, the
mean over its questions; kinds of network (a cell on a task) weigh alike; intervals are t intervals
over seeds, since seeds are what is repeated and they are few.
"""

from typing import TYPE_CHECKING

import numpy as np

from ...circuits import jaccard
from ..question_numbers import LESSER, Row, judged_table, methods_table, said_ratio, sizes_table
from ..seeds import LEAST, Estimate, lies_above, over_few
from ..study import Claim, Verdict, verdict_on

if TYPE_CHECKING:
    import xarray as xr

LEARNED, GAIN, STEADY = 0.85, 0.1, 0.5
USED, UNUSED = "flip-flop", "context-integration"
SEVERAL = ("flip-flop", "context-bit")
"""Tasks of more than one output."""
CLAIMS = {
    "learned": Claim(
        f"every network is right on at least {LEARNED} of what its task asks; an ideal observer "
        "is on 0.88 of hidden-state, 0.93 of context-integration, and all of the others",
        "half of the answers right, or in context-bit of two outputs the larger",
        "a network below it; it is left out of the other claims",
    ),
    "mediators": Claim(
        "mediators need fewer units than random bases need axes",
        "as many: a mean logarithm of the ratio, units to the median of axes, of 0",
        "an interval of the ratio above 1",
    ),
    "circuits": Claim(
        "circuits that stand alone need fewer units than random bases need axes",
        "as many: a mean logarithm of the ratio, units to the median of axes, of 0",
        "an interval of the ratio above 1",
    ),
    "over time": Claim(
        "the mediators of a contrast's first and last epoch share less than half-splits of one do",
        "as much: a difference of the two overlaps of 0",
        "an interval of the difference, first and last less half-splits, above 0",
    ),
    "apart": Claim(
        "the mediators of two bits of a flip-flop share less than half-splits of one do",
        "as much: a difference of the two overlaps of 0",
        "an interval of the difference, bits less half-splits, above 0",
    ),
    "robust": Claim(
        f"on fresh trials, units chosen by exchanges do at least {GAIN} more than as many chosen "
        "by their correlation with the variable that the contrast changes",
        "no difference",
        f"an interval of the difference below {GAIN}",
    ),
    "where unused": Claim(
        f"that difference is larger in {UNUSED}, whose states may hold evidence that is not "
        f"used, than in the {USED}, in the mean over cells that learned both",
        "no difference between the tasks",
        "an interval of the difference of the two below 0",
    ),
    "off target": Claim(
        "for the same effect, units chosen by exchanges move outputs less in other directions "
        f"than as many chosen by correlation ({', '.join(SEVERAL)}; where both do at least 0.3)",
        "no difference of the two amplitudes, each over its effect",
        "an interval of the difference, exchanges less correlation, above 0",
    ),
    "steady": Claim(
        f"over seeds, a question's mediator keeps its size: the kind of question explains at "
        f"least {STEADY} of the variance of the sizes' logarithms",
        "the share that questions shuffled within each seed explain",
        f"a share below {STEADY}, or no larger than 95 % of shuffled ones",
    ),
}


def judge(found: "xr.Dataset") -> list[Verdict]:
    """What was claimed, against what was found."""
    known = found.where(found["accuracy"] >= LEARNED)
    size = known["size"]
    ratio = size.copy(data=np.log(size.values / known["base_size"].values))
    kept, astray = known["kept"], known["astray"].where(known["kept"] >= 0.3)
    own, other = "exchanges", "correlation"
    gain = kept.sel(selector=own) - kept.sel(selector=other)
    off = (astray / kept).isel(question=found["task"].isin(SEVERAL).values)
    return [
        _learned(found),
        _below("mediators", _each_seed(ratio.sel(set="mediator")), ratio=True),
        _below("circuits", _each_seed(ratio.sel(set="circuit")), ratio=True),
        _below("over time", _shared(known, "epoch")),
        _below("apart", _shared(known, "contrast")),
        _robust(_each_seed(gain)),
        _where_unused(gain),
        _below("off target", _each_seed(off.sel(selector=own) - off.sel(selector=other))),
        _steady(known),
    ]


def kinds(found: "xr.Dataset | xr.DataArray") -> "xr.DataArray":
    """The kind of network of each question."""
    return (found["cell"] + " " + found["task"]).rename("kind")


def _each_seed(values: "xr.DataArray") -> Estimate:
    """Over seeds, the mean over kinds of the mean over a network's questions."""
    if not values.sizes["question"]:
        return over_few(np.array([]))
    of_kinds = values.groupby(kinds(values)).mean("question")
    return over_few(of_kinds.mean("kind").values)


def _below(name: str, found: Estimate, ratio: bool = False) -> Verdict:
    """A claim that a number lies below 0: an interval that holds 0 decides nothing."""
    above = lies_above(found, 0.0)
    said = said_ratio(found) if ratio else f"{found:+.2f}"
    return verdict_on(CLAIMS[name], said, None if above is None else not above)


def _learned(found: "xr.Dataset") -> Verdict:
    does = found["accuracy"].groupby(kinds(found)).mean("question")
    worst = does.min("seed")
    at = int(np.argmin(np.nan_to_num(worst.values, nan=-1.0)))
    below = does.size - int((does >= LEARNED).sum())
    said = f"worst: {worst['kind'].values[at]} {worst.values[at]:.2f}; below it {below} networks"
    return verdict_on(CLAIMS["learned"], f"{said} of {does.size}", not below)


def _robust(gain: Estimate) -> Verdict:
    return verdict_on(CLAIMS["robust"], f"{gain:+.2f}", lies_above(gain, GAIN))


def _where_unused(gain: "xr.DataArray") -> Verdict:
    of = lambda task: gain.isel(question=(gain["task"] == task).values)
    if not all(of(task).sizes["question"] for task in (UNUSED, USED)):
        return verdict_on(CLAIMS["where unused"], "not run", None)
    # cells that are in both
    tasks = [of(task).groupby("cell").mean("question") for task in (UNUSED, USED)]
    more = over_few((tasks[0] - tasks[1]).mean("cell").values)
    return verdict_on(CLAIMS["where unused"], f"{more:+.2f}", lies_above(more, 0.0))


def _shared(found: "xr.Dataset", by: str) -> Estimate:
    """How much more two mediators of a network share than half-splits of one do.

    `by` epoch: the first and the last of a contrast. `by` contrast: of the same epoch.
    """
    members = np.nan_to_num(found["members"].sel(set="mediator").values.astype(float)) > 0
    halves = found["agreement"].sel(set="mediator").values
    labels = kinds(found).values
    rows: dict[str, list[np.ndarray]] = {}
    for a, b in _pairs(found, by):
        known = members[:, a].any(-1) & members[:, b].any(-1)
        less = jaccard(members[:, a], members[:, b]) - (halves[:, a] + halves[:, b]) / 2
        rows.setdefault(str(labels[a]), []).append(np.where(known, less, np.nan))
    if not rows:
        return over_few(np.array([]))
    return over_few(_mean([_mean(row) for row in rows.values()]))


def _mean(rows: list[np.ndarray]) -> np.ndarray:
    """The mean over rows of what is known."""
    known = np.isfinite(rows)
    return np.nansum(rows, 0) / np.where(known.any(0), known.sum(0), np.nan)


def _pairs(found: "xr.Dataset", by: str) -> list[tuple[int, int]]:
    """Questions of one network: two epochs of a contrast, or two contrasts in the same epoch."""
    labels = list(
        zip(*(found[name].values for name in ("cell", "task", "contrast", "epoch")), strict=True)
    )
    same = (0, 1, 2) if by == "epoch" else (0, 1, 3)
    groups: dict[tuple, list[int]] = {}
    for k, label in enumerate(labels):
        groups.setdefault(tuple(label[i] for i in same), []).append(k)
    return [(group[0], group[-1]) for group in groups.values() if len(group) > 1]


def _steady(found: "xr.Dataset") -> Verdict:
    """The share of variance between questions, against questions shuffled within each seed.

    A mediator that was not found counts with one more than the most that were looked for.
    """
    sizes = np.log(found["size"].sel(set="mediator").values)
    sizes = sizes[:, np.isfinite(sizes).all(0)]
    if sizes.shape[0] < LEAST or sizes.shape[1] < 3 or not sizes.var():
        return verdict_on(CLAIMS["steady"], "too few sizes", None)
    share = lambda rows: rows.mean(0).var() / rows.var()
    draw = np.random.default_rng(0)
    null = [share(draw.permuted(sizes, axis=1)) for _ in range(999)]
    high, own = float(np.quantile(null, 0.95)), float(share(sizes))
    holds = own >= STEADY and own > high
    return verdict_on(
        CLAIMS["steady"], f"{own:.2f}; 95 % of shuffled ones up to {high:.2f}", holds
    )


def tables(found: "xr.Dataset") -> str:
    """Sizes, and what each method's units do, by kind of network."""
    rows = _kinds_of(found)
    sized = [([*labels, f"{float(one['accuracy'].mean()):.2f}"], one) for labels, one in rows]
    parts = [
        "Sizes, mean over a kind's networks and questions, beside the median of random axes (one "
        "more than was looked for where none was good enough); how many questions have such a "
        "set; and with how many held-out trials agree:",
        "", sizes_table(["network", "accuracy"], sized), "",
        "What sets do on held-out trials, how far they move outputs that do not differ, and the "
        "agreement of half-splits:",
        "", judged_table(["network"], rows), "",
        f"{LESSER}:",
        "", methods_table(["network"], rows, "kept"), "",
        "How far these units move outputs in other directions (amplitude):",
        "", methods_table(["network"], rows, "astray"), "",
    ]  # fmt: skip
    return "\n".join(parts)


def _kinds_of(found: "xr.Dataset") -> list[Row]:
    """Each kind of network, with its questions."""
    return [([str(kind)], one) for kind, one in found.groupby(kinds(found))]
