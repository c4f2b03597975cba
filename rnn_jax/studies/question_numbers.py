"""What questions come to over seeds, and their tables: shared by the studies that ask contrasts.

    done(found)                              # [seed, question, selector]: on fresh trials
    said, holds = all_done(found, 0.9)       # a claim's text, and which way it fell
    print(sizes_table(["network"], rows))    # rows: labels, and the part of the Dataset

A Dataset holds what `question.measured` gives, with dimensions `seed`, `question`, `set` and
`selector`. A network gives one number, the mean over its questions that have one.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from jaxtyping import Bool

from ..circuits import precision_recall
from .question import KINDS, OWN, SELECTORS
from .seeds import Estimate, all_of, lies_above, over_few
from .study import markdown_table

if TYPE_CHECKING:
    import xarray as xr

SETS = ("size", "base_size", "undone", "restored", "off", "elsewhere", "holds", "agreement")
"""What `measured` says of each kind of set."""
DIMS = {
    **dict.fromkeys(SETS, ("set",)),
    **dict.fromkeys(("kept", "astray"), ("selector",)),
    "difference": (),
}
"""What `measured` says of each question, and its dimensions; members aside."""
PREFIX = "asked_"
"""Of the variables and dimensions of questions in a Dataset that holds other numbers too."""

LESSER = "The lesser of undone and restored on fresh trials, by as many units as the mediator has"

Row: TypeAlias = "tuple[Sequence[str], xr.Dataset]"
Said: TypeAlias = tuple[str, bool | None]


def stacked(rows: Sequence[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Rows of numbers as one row, which leads with them."""
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


def variables(
    row: dict[str, np.ndarray], dims: dict[str, tuple[str, ...]], lead: tuple[str, ...] = ()
) -> dict[str, tuple]:
    """Numbers as variables of a Dataset, under names that start with `PREFIX`.

    **Arguments:**

    - `row`: numbers by name.
    - `dims`: of each name, after `lead`.
    - `lead`: dimensions that the Dataset has already.
    """
    own = lambda name: (*lead, *(f"{PREFIX}{d}" for d in dims[name]))
    return {f"{PREFIX}{name}": (own(name), np.asarray(row[name], float)) for name in dims}


def coordinates(questions: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    """Names of questions, kinds of set and methods."""
    return {
        f"{PREFIX}question": [": ".join(question) for question in questions],
        f"{PREFIX}set": list(KINDS),
        f"{PREFIX}selector": [OWN, *SELECTORS],
    }


def of_questions(found: "xr.Dataset") -> "xr.Dataset":
    """The questions' part of a Dataset, without `PREFIX`; seeds that were asked."""
    names = [name for name in found.data_vars if str(name).startswith(PREFIX)]
    part = found[names]
    short = {name: str(name).removeprefix(PREFIX) for name in (*names, *part.dims)}
    return part.rename({name: new for name, new in short.items() if name != new})


def how_much(found: "xr.Dataset") -> str:
    """By how much questions were asked, in a sentence; nothing where that is not kept."""
    if f"{PREFIX}trials" not in found.attrs:
        return ""
    difference = found[f"{PREFIX}difference"]
    asked = difference.notnull().any([dim for dim in difference.dims if dim != "seed"])
    trials, bases = (found.attrs[f"{PREFIX}{name}"] for name in ("trials", "bases"))
    return (
        f"Asked of {int(asked.sum())} seeds, by about {trials} trials a question, of which half "
        f"choose and half judge, and by {bases} random bases."
    )


def one_network(rows: Sequence[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """A network's questions as one row: `[question, ...]` of each name of `DIMS`."""
    return stacked([{name: row[name] for name in DIMS} for row in rows])


def nothing_like(row: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The row of a network that was not asked."""
    return {name: np.full(np.shape(value), np.nan) for name, value in row.items()}


def scored(members: Bool[np.ndarray, "*K N"], truth: Bool[np.ndarray, "... N"]) -> np.ndarray:
    """Precision and recall of each set, `[..., 2]`; NaN where nobody is a member."""
    truth = np.broadcast_to(truth, members.shape)
    rows = zip(members.reshape(-1, members.shape[-1]), truth.reshape(-1, members.shape[-1]))
    each = [precision_recall(*pair) for pair in rows]
    told = np.array(each).reshape(*members.shape[:-1], 2)
    return np.where(np.asarray(members.any(-1))[..., None], told, np.nan)


def said(one: "xr.Dataset", name: str) -> str:
    """A number's mean over questions, with its t interval over seeds."""
    return str(over_few(one[name].mean("question").values))


def asked_of(one: "xr.Dataset") -> str:
    """Of how many questions a search was made."""
    asked = one["size"].notnull().any("set")
    return f"{int(asked.sum())} of {asked.size}"


def done(found: "xr.Dataset") -> "xr.DataArray":
    """What each method's units do on fresh trials, as many as the mediator has: 0 where no
    mediator was found, NaN where none was asked for."""
    asked = found["size"].sel(set="mediator", drop=True).notnull()
    missed = asked & found["undone"].sel(set="mediator", drop=True).isnull()
    return found["kept"].where(~missed, 0.0)


def each_seed(values: "xr.DataArray") -> Estimate:
    """Over seeds, the mean over a network's questions."""
    return over_few(values.mean("question").values)


def all_done(found: "xr.Dataset", least: float) -> Said:
    """Whether mediators do at least so much on fresh trials, and more than random sets."""
    kept = done(found)
    own = each_seed(kept.sel(selector=OWN, drop=True))
    more = each_seed(_more(kept, "random"))
    return f"{own}; less random sets {more:+.2f}", all_of(
        [lies_above(own, least), lies_above(more, 0.0)]
    )


def gain(found: "xr.Dataset", rival: str, least: float) -> Said:
    """Whether mediators do so much more on fresh trials than a method's units."""
    more = each_seed(_more(done(found), rival))
    return f"{more:+.2f}", lies_above(more, least)


def _more(kept: "xr.DataArray", rival: str) -> "xr.DataArray":
    return kept.sel(selector=OWN, drop=True) - kept.sel(selector=rival, drop=True)


def fewer(found: "xr.Dataset", kind: str) -> Said:
    """Whether sets need fewer units than random bases need axes, by the mean log ratio."""
    one = found.sel(set=kind, drop=True)
    ratio = one["size"] / one["base_size"]
    ratio = each_seed(ratio.copy(data=np.log(ratio.values)))
    above = lies_above(ratio, 0.0)
    return said_ratio(ratio), None if above is None else not above


def said_ratio(logarithm: Estimate) -> str:
    """The ratio of which this is the logarithm."""
    mean, low, high = (float(np.exp(end)) for end in logarithm[:3])
    return str(logarithm._replace(mean=mean, low=low, high=high))


def _mean(values: "xr.DataArray") -> float:
    known = values.values[np.isfinite(values.values)]
    return float(known.mean()) if known.size else np.nan


def _cell(value: float, spec: str = ".2f") -> str:
    return f"{value:{spec}}" if np.isfinite(value) else "-"


def set_tables(head: Sequence[str], rows: Sequence[Row]) -> list[str]:
    """Sizes, what sets do, and what other methods' sets of equal size do, each under a line."""
    return [
        "Mean sizes beside the median of random axes (one more than was looked for where none was "
        "good enough); how many questions have such a set; with how many held-out trials agree:",
        "", sizes_table(head, rows), "",
        "What sets do on held-out trials, and the agreement of half-splits:",
        "", judged_table(head, rows), "",
        f"{LESSER}:", "", methods_table(head, rows, "kept"), "",
    ]  # fmt: skip


def sizes_table(head: Sequence[str], rows: Iterable[Row]) -> str:
    """Of each kind of set: units, the median of axes, how many were found, and how many agreed."""
    lines = []
    for labels, one in rows:
        line = list(labels)
        for name in KINDS:
            part = one.sel(set=name)
            both = [_mean(part[size]) for size in ("size", "base_size")]
            line += [
                "{:.1f} of {:.1f}".format(*both) if np.isfinite(both[0]) else "-",
                f"{int(part['undone'].notnull().sum())} of {part['size'].size}",
                f"{int(part['holds'].sum())}",
            ]
        lines.append(line)
    columns = [column for name in KINDS for column in (f"{name}: units, axes", "found", "agreed")]
    return markdown_table([*head, *columns], lines)


def judged_table(head: Sequence[str], rows: Iterable[Row]) -> str:
    """Of each kind of set: what it undoes and restores and how far it strays on held-out trials,
    and how alike the sets of two half-splits are."""
    rows = list(rows)
    columns = {
        "undone": "undone",
        "restored": "restored",
        "off": "off target",
        "elsewhere": "others moved",
        "agreement": "agreement",
    }
    # earlier numbers may lack one, and where all outputs differ no other can be moved
    has = lambda name: any(name in one and one[name].notnull().any() for _, one in rows)
    columns = {name: said for name, said in columns.items() if has(name)}
    lines = [
        [*labels, *(_cell(_mean(one[name].sel(set=kind))) for kind in KINDS for name in columns)]
        for labels, one in rows
    ]
    said = [f"{kind}: {name}" for kind in KINDS for name in columns.values()]
    return markdown_table([*head, *said], lines)


def methods_table(head: Sequence[str], rows: Iterable[Row], name: str) -> str:
    """What every method's units do, or how far they stray, mean over questions and seeds."""
    methods = (OWN, *SELECTORS)
    lines = []
    for labels, one in rows:
        each = one[name].mean("question")
        lines.append([*labels, *(str(over_few(each.sel(selector=s).values)) for s in methods)])
    return markdown_table([*head, *methods], lines)
