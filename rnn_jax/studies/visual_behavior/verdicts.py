"""What is claimed of Vip cells, how it is judged, and the tables.

judge(found)      # a verdict on every claim, for the first source
tables(found)     # Markdown

All claims speak of networks that were trained on the given sessions, never of the brain. Two
numbers per network, the effect and its excess over a control, and t intervals over networks: a
claim holds where the effect lies above 0.05 and the excess above 0, and is refuted where one lies
below. With fewer than five networks nothing is decided.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..seeds import all_of, lies_above, over_few
from ..study import Claim, Verdict, markdown_table, verdict_on
from .exchanges import BASE, CONTRASTS, place
from .measures import WHO
from .timing import SHIFTS, slope

if TYPE_CHECKING:
    import xarray as xr

OMISSION, REGULAR, NOVEL = ("omission", BASE), ("regular", BASE), ("omission", "Novel")
LEAST = 0.05
"""What an effect must exceed: less than that is there, but not worth a name."""
RANDOM = "as many interneurons drawn without regard to type"
REFUTED_BY = f"an interval of the effect below {LEAST}, or of the difference below 0"
NULL = "no effect, and no difference"
CLAIMS = {
    "learned": Claim(
        "in every network, the error of the pyramidal outputs after events is below that of "
        "repeating the last frame",
        "the error of repeating the last frame",
        "a network above it; the other claims then speak of networks that did not learn",
    ),
    "necessity": Claim(
        f"silencing the Vip units after an omission raises that error by more than {LEAST} of it, "
        f"and more than silencing {RANDOM}",
        NULL,
        REFUTED_BY,
    ),
    "interaction": Claim(
        f"that rise is larger in omissions than in regular images, by more than {LEAST} of the "
        f"error, and by more than for {RANDOM}",
        NULL,
        REFUTED_BY,
    ),
    "sufficiency": Claim(
        "the Vip units' states of an omission, put into a regular image, restore more than "
        f"{LEAST} of the difference of the two, and more than those of {RANDOM}",
        NULL,
        REFUTED_BY,
    ),
    "course": Claim(
        f"holding the Vip units at their mean over time takes more than {LEAST} from the rise of "
        "pyramidal predictions in omissions, and more than the same displacements of as many Sst "
        "units",
        NULL,
        REFUTED_BY,
    ),
    "timing": Claim(
        "moving the Vip units' course by a step in time moves the onset of that rise by more than "
        f"{LEAST} steps, and by more than the same displacements of as many Sst units",
        NULL,
        REFUTED_BY,
    ),
    "disinhibition": Claim(
        "what pyramidal units get of Vip units through Sst units after an omission exceeds "
        f"{LEAST} of their mean rate, and is more than after a regular image",
        NULL,
        REFUTED_BY,
    ),
    "novelty": Claim(
        "the rise by silencing the Vip units in omissions is larger in familiar than in novel "
        f"sessions, by more than {LEAST} of the error, and by more than for {RANDOM}",
        NULL,
        REFUTED_BY,
    ),
}


def numbers(one: "xr.Dataset") -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Two numbers per network for each claim but the first: the effect, and less its control.

    Both count: random interneurons may do less than nothing, and to exceed that needs no effect.

    **Arguments:**

    - `one`: the results of one source.
    """
    # one denominator for all conditions: else a difference of errors would be an interaction
    rise = one["silenced"] / one["error"].mean("condition")
    vip, random = (rise.sel(set=name) for name in ("Vip", "random"))
    after = one["frame"].values >= one.attrs["event"] + 2
    frames = one.isel(frame=np.flatnonzero(after)).mean("frame")
    pyramidal = [name for name in one["population"].values if str(name).endswith(" Pyr")]
    rate = frames["activity"].sel(population=pyramidal).mean("population")
    index = frames["disinhibition"] / rate
    share = one["restored"].sel(contrast="omission")
    taken = 1 - one["kept"].sel(replaced="time mean")
    slopes = _slopes(one["onset"])
    between = lambda values, a, b: _of(values, a) - _of(values, b)
    with_excess = lambda own, control: (own, own - control)
    return {
        "necessity": with_excess(_of(vip, OMISSION), _of(random, OMISSION)),
        "interaction": with_excess(
            between(vip, OMISSION, REGULAR), between(random, OMISSION, REGULAR)
        ),
        "sufficiency": with_excess(*(share.sel(set=name).values for name in ("Vip", "random"))),
        "course": with_excess(*(taken.sel(who=who).values for who in WHO)),
        "timing": with_excess(*slopes),
        "disinhibition": (_of(index, OMISSION), between(index, OMISSION, REGULAR)),
        "novelty": with_excess(between(vip, OMISSION, NOVEL), between(random, OMISSION, NOVEL)),
    }


def _slopes(onsets: "xr.DataArray") -> np.ndarray:
    """The slope of onset over shift, `[who, seed]`."""
    by_shift = onsets.sel(replaced=[f"shift {d}" for d in SHIFTS]).transpose("who", "seed", ...)
    return np.array([[slope(row) for row in rows] for rows in by_shift.values])


def _of(values: "xr.DataArray", where: tuple[str, str]) -> np.ndarray:
    """One condition in one experience: `[seed]`; NaN where it is missing."""
    k = _place(values, where)
    return np.full(values.sizes["seed"], np.nan) if k is None else values.isel(condition=k).values


def _place(values: "xr.Dataset | xr.DataArray", where: tuple[str, str]) -> int | None:
    return place([str(name) for name in values["condition"].values], *where)


def verdicts(one: "xr.Dataset") -> list[Verdict]:
    """The verdict on each claim for one source."""
    error, last = (one[name].mean("condition", skipna=False) for name in ("error", "persistence"))
    worst = float((error / last).max(skipna=False))
    known = bool(np.isfinite(worst))
    said = f"largest ratio of the two errors {worst:.2f}" if known else "-"
    found = [verdict_on(CLAIMS["learned"], said, worst < 1 if known else None)]
    for name, pair in numbers(one).items():
        effect, excess = (over_few(values) for values in pair)
        fell = all_of([lies_above(effect, LEAST), lies_above(excess, 0.0)])
        found.append(verdict_on(CLAIMS[name], f"{effect:+.2g}, less control {excess:+.2g}", fell))
    return found


def judge(found: "xr.Dataset") -> list[Verdict]:
    """What was claimed, against what was found, for the first source."""
    return verdicts(of_source(found, 0))


def of_source(found: "xr.Dataset", k: int) -> "xr.Dataset":
    """The results of one source."""
    return found.isel(source=k)


def tables(found: "xr.Dataset") -> str:
    """What was found, in Markdown."""
    sources = [str(name) for name in found["source"].values]
    by_source = [verdicts(of_source(found, k)) for k in range(len(sources))]
    missing = str(found.attrs["missing"])
    lines = [
        str(found.attrs["notice"]), "",
        "Populations without a file or without events in every condition, of which nothing is "
        f"claimed: {missing or 'none'}.", "",
        "Every claim in every source, a number per network and its interval:", "",
        markdown_table(
            ("claim", *sources),
            [
                (name, *(f"{rows[k].found}: {rows[k].fell}" for rows in by_source))
                for k, name in enumerate(CLAIMS)
            ],
        ),
        "", "The rise of the error when equal sets are silenced from the event on:", "",
        _sets(found, "silenced", "condition", _names(found, (OMISSION, REGULAR))),
        "", "The shares of each contrast that equal sets restore:", "",
        _sets(found, "restored", "contrast", list(CONTRASTS)),
        "", "What is left of the rise in omissions, and steps until its onset:", "",
        _replaced(found),
        "", "The frame of the largest effect of silencing one frame of a population, that of the "
        "highest rate, and the mean weight, each a mean over a type's populations:", "",
        _peaks(found),
    ]  # fmt: skip
    return "\n".join(lines)


def _names(found: "xr.Dataset", wanted: Sequence[tuple[str, str]]) -> list[str]:
    """The names of the conditions that are not missing."""
    places = (_place(found, where) for where in wanted)
    return [str(found["condition"].values[k]) for k in places if k is not None]


def _sets(found: "xr.Dataset", name: str, along: str, names: Sequence[str]) -> str:
    """Means over networks, of what is named along a dimension."""
    sets = [str(one) for one in found["set"].values]
    rows = [
        (
            source,
            where,
            *(_mean(found[name].isel(source=k).sel({along: where, "set": s})) for s in sets),
        )
        for k, source in enumerate(found["source"].values)
        for where in names
    ]
    return markdown_table(("source", along, *sets), rows)


def _replaced(found: "xr.Dataset") -> str:
    rows = []
    for k, source in enumerate(found["source"].values):
        for name in found["replaced"].values:
            one = found[["kept", "onset"]].isel(source=k).sel(replaced=name)
            cells = [_mean(one[part].sel(who=who)) for part in one for who in ("own", "control")]
            rows.append((source, name, *cells))
    head = ("source", "replaced by", "left: Vip", "left: control", "onset: Vip", "onset: control")
    return markdown_table(head, rows)


def _peaks(found: "xr.Dataset") -> str:
    """When silencing one frame does most, when activity is highest, and what weights say."""
    rows = []
    for k, source in enumerate(found["source"].values):
        one = of_source(found, k)
        names = _names(one, [OMISSION])
        for type_ in ("Vip", "Sst", "Pyr") if names else ():
            of = [name for name in one["population"].values if str(name).endswith(f" {type_}")]
            course = one[["profile", "activity"]].sel(condition=names[0], population=of)
            mean = course.mean("population")
            peaks = mean.fillna(-np.inf).argmax("frame").where(mean.notnull().any("frame"))
            said = [f"{over_few(peaks[name].values):.1f}" for name in ("profile", "activity")]
            rows.append((source, type_, *said, _mean(one["weight"].sel({"from": of}))))
    return markdown_table(("source", "type", "causal peak", "activity peak", "mean weight"), rows)


def _mean(values: "xr.DataArray") -> str:
    """The mean over networks with its interval, to three digits."""
    others = [name for name in values.dims if name != "seed"]
    return f"{over_few(values.mean(others).values):.3g}"
