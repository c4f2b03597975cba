"""What is claimed of circuits in trained networks, how it is judged, and its tables.

judge(found)      # a verdict on every claim
tables(found)     # Markdown

A network gives one number to each claim: the mean over its questions. Intervals are bootstraps
over seeds of the mean over kinds of networks, since seeds are what is repeated.
"""

from typing import TYPE_CHECKING

import numpy as np

from ...circuits import jaccard
from ..seeds import Estimate, over_seeds
from ..study import Claim, Verdict, markdown_table, verdict_on

if TYPE_CHECKING:
    import xarray as xr

LEARNED, GAIN, STEADY = 0.85, 0.1, 0.5
USED, UNUSED = "flip-flop", "context-integration"
CLAIMS = {
    "learned": Claim(
        f"every kind of network is right on at least {LEARNED} of what its task asks, in the mean",
        "an accuracy of 0.5",
        "a kind below it; what is found of it then speaks of networks that did not learn",
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
        "the mediators of two contrasts of a network share less than half-splits of one do",
        "as much: a difference of the two overlaps of 0",
        "an interval of the difference, contrasts less half-splits, above 0",
    ),
    "robust": Claim(
        f"on fresh trials, units chosen by exchanges do at least {GAIN} more than as many chosen "
        "by their correlation with the variable that the contrast changes",
        "no difference",
        f"an interval of the difference below {GAIN}",
    ),
    "where unused": Claim(
        f"that difference is larger in {UNUSED}, whose states may hold evidence that is not "
        f"used, than in the {USED}, cell by cell",
        "no difference between the tasks",
        "an interval of the difference of the two below 0",
    ),
    "off target": Claim(
        "units chosen by exchanges move other outputs less than as many chosen by correlation",
        "no difference of the two amplitudes",
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
    size = found["size"]
    ratio = size.copy(data=np.log(size.values / found["base_size"].values))
    kept, astray = found["kept"], found["astray"]
    gain = kept.sel(selector="exchanges") - kept.sel(selector="correlation")
    off = astray.sel(selector="exchanges") - astray.sel(selector="correlation")
    return [
        _learned(found),
        _below("mediators", _each_seed(ratio.sel(set="mediator")), ratio=True),
        _below("circuits", _each_seed(ratio.sel(set="circuit")), ratio=True),
        _below("over time", _shared(found, "epoch")),
        _below("apart", _shared(found, "contrast")),
        _robust(_each_seed(gain)),
        _where_unused(found, gain),
        _below("off target", _each_seed(off)),
        _steady(found),
    ]


def _each_seed(values: "xr.DataArray") -> Estimate:
    """Over seeds, the mean over kinds of the mean over a network's questions."""
    kind = values["cell"] + " " + values["task"]
    of_kinds = values.groupby(kind.rename("kind")).mean("question")
    return over_seeds(of_kinds.mean("kind").values)


def _below(name: str, found: Estimate, ratio: bool = False) -> Verdict:
    """A claim that a number lies below 0."""
    above = found.exceeds(0.0)
    if ratio:
        mean, low, high = (float(np.exp(end)) for end in found[:3])
        said = str(found._replace(mean=mean, low=low, high=high))
    else:
        said = f"{found:+.2f}"
    return verdict_on(CLAIMS[name], said, None if above is None else not above)


def _learned(found: "xr.Dataset") -> Verdict:
    does = _by_kind(found["performance"]).mean("seed")
    at, below = int(np.argmin(does.values)), int((does.values < LEARNED).sum())
    worst = f"{does['kind'].values[at]} {does.values[at]:.2f}"
    said = f"worst: {worst}; below it {below} of {len(does)}"
    return verdict_on(CLAIMS["learned"], said, not below)


def _by_kind(values: "xr.DataArray") -> "xr.DataArray":
    kind = (values["cell"] + " " + values["task"]).rename("kind")
    return values.groupby(kind).mean("question")


def _robust(gain: Estimate) -> Verdict:
    return verdict_on(CLAIMS["robust"], f"{gain:+.2f}", gain.exceeds(GAIN))


def _where_unused(found: "xr.Dataset", gain: "xr.DataArray") -> Verdict:
    """Of cells that learned both tasks."""
    of = lambda task: gain.isel(question=(found["task"] == task).values)
    tasks = [of(task).groupby("cell").mean("question") for task in (UNUSED, USED)]
    if not all(len(part["cell"]) for part in tasks):
        return verdict_on(CLAIMS["where unused"], "not run", None)
    more = over_seeds((tasks[0] - tasks[1]).mean("cell").values)
    return verdict_on(CLAIMS["where unused"], f"{more:+.2f}", more.exceeds(0.0))


def _shared(found: "xr.Dataset", by: str) -> Estimate:
    """How much more two mediators of a network share than half-splits of one do.

    `by` epoch: the first and the last of a contrast. `by` contrast: of the same epoch.
    """
    members = found["members"].sel(set="mediator").values > 0
    often = found["frequency"].sel(set="mediator").values
    # of two independent halves, by how often each unit is chosen
    halves = (often**2).sum(-1) / np.maximum((2 * often - often**2).sum(-1), 1e-9)
    rows = []
    for a, b in _pairs(found, by):
        known = members[:, a].any(-1) & members[:, b].any(-1)
        less = jaccard(members[:, a], members[:, b]) - (halves[:, a] + halves[:, b]) / 2
        rows.append(np.where(known, less, np.nan))
    if not rows:
        return over_seeds(np.array([np.nan]))
    with np.errstate(invalid="ignore"):
        counts = np.isfinite(rows).sum(0)
        means = np.nansum(rows, 0) / np.where(counts, counts, np.nan)
    return over_seeds(means)


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
    """The share of variance between questions, against questions shuffled within each seed."""
    sizes = np.log(found["size"].sel(set="mediator").values)
    sizes = sizes[:, np.isfinite(sizes).all(0)]
    if sizes.shape[0] < 2 or sizes.shape[1] < 3 or not sizes.var():
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
    parts = [
        "Sizes, mean over a kind's networks and questions, beside the median of random axes; how "
        "many questions were answered; and how many sets held-out trials agree with:",
        "", _size_table(found), "",
        "The lesser of undone and restored on fresh trials, by as many units as the mediator has:",
        "", _method_table(found, "kept"), "",
        "How far these units move outputs in other directions (amplitude):",
        "", _method_table(found, "astray"), "",
    ]  # fmt: skip
    return "\n".join(parts)


def _size_table(found: "xr.Dataset") -> str:
    rows = []
    for kind, one in found.groupby((found["cell"] + " " + found["task"]).rename("kind")):
        row = [str(kind), f"{float(one['performance'].mean()):.2f}"]
        for name in found["set"].values:
            part = one.sel(set=name)
            known = int(np.isfinite(part["size"]).sum())
            both = [float(part[size].mean()) for size in ("size", "base_size")]
            row += [
                "{:.1f} of {:.1f}".format(*both) if known else "-",
                f"{known} of {part['size'].size}",
                f"{int(part['holds'].sum())}",
            ]
        rows.append(row)
    head = ["network", "accuracy"]
    for name in found["set"].values:
        head += [f"{name}: units, axes", "answered", "agreed"]
    return markdown_table(head, rows)


def _method_table(found: "xr.Dataset", name: str) -> str:
    names = [str(s) for s in found["selector"].values]
    rows = []
    for kind, one in found[name].groupby((found["cell"] + " " + found["task"]).rename("kind")):
        each = one.mean("question")
        rows.append([str(kind), *(str(over_seeds(each.sel(selector=s).values)) for s in names)])
    return markdown_table(["network", *names], rows)
