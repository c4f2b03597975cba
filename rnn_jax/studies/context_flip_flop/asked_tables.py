"""Tables of the networks asked by contrasts, beside what single units' effects say.

print(asked_tables(found))
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..question import KINDS
from ..question_numbers import Row, asked_of, how_much, of_questions, said, set_tables, sizes_table
from ..seeds import over_few, over_seeds
from ..study import markdown_table

if TYPE_CHECKING:
    import xarray as xr

BUILT = "built_"
HEAD = ("question",)


def only(asked: "xr.Dataset", names: Sequence[str], epochs: Sequence[str] = ()) -> "xr.Dataset":
    """The questions of some contrasts, in some epochs or in all."""
    questions = [str(q).split(": ") for q in asked["question"].values]
    keep = [name in names and (not epochs or epoch in epochs) for name, epoch in questions]
    return asked.isel(question=keep)


def asked_tables(found: "xr.Dataset") -> str:
    """Sizes and who is in them, what sets do, how alike they are, and the hand-built network."""
    asked, rows = of_questions(found), question_rows(found)
    built = _rows(_built(asked))
    parts = [
        "The same networks asked by contrasts (docs/contrasts.md): who carries the bit that the "
        "second slot's pulse sets in either context (`memory 1`, `memory 2`), who carries the "
        f"context from its cue on, and whether an ignored pulse's sign tells. {how_much(found)} "
        "How far run and foil are apart, in the outputs' deviations, and in how many networks "
        "that is enough to ask; the inhibitory share of the sets:",
        "", _signs(rows), "",
        *set_tables(HEAD, rows),
        "Corrected Jaccards of contrasts' sets, beside those of the same name above (of all "
        "seeds, by resample and a floor of 0.1):",
        "", _alike(asked, found), "",
        "The hand-built network by contrasts; precision and recall of the planted truth (a "
        "mediator is a cut of it, and need not be all):",
        "", sizes_table(HEAD, built), "", _truth(built), "",
    ]  # fmt: skip
    return "\n".join(parts)


def question_rows(found: "xr.Dataset") -> list[Row]:
    """Each question, of the seeds that were asked."""
    asked = of_questions(found)
    asked = asked.isel(seed=asked["difference"].notnull().any("question").values)
    return _rows(asked[[name for name in asked if not str(name).startswith(BUILT)]])


def _rows(asked: "xr.Dataset") -> list[Row]:
    return [([str(q)], asked.sel(question=[q])) for q in asked["question"].values]


def _built(asked: "xr.Dataset") -> "xr.Dataset":
    """The hand-built network's numbers, as those of a seed."""
    names = {
        str(name): str(name).removeprefix(BUILT) for name in asked if str(name).startswith(BUILT)
    }
    return asked[list(names)].rename(names).expand_dims(seed=[0])


def _signs(rows: list[Row]) -> str:
    lines = []
    for labels, one in rows:
        shares = [said(one.sel(set=kind), "inhibitory") for kind in KINDS]
        lines.append([*labels, said(one, "difference"), asked_of(one), *shares])
    shares = [f"inhibitory share of {kind}" for kind in KINDS]
    return markdown_table([*HEAD, "differs by", "asked", *shares], lines)


def _alike(asked: "xr.Dataset", found: "xr.Dataset") -> str:
    old = found["jaccard"].isel(value=0, floor=0)
    known = [str(name) for name in old["pair"].values]
    lines = []
    for pair in map(str, asked["overlap"].values):
        before = str(over_seeds(old.sel(pair=pair).values)) if pair in known else "-"
        built = float(asked[f"{BUILT}shared"].sel(overlap=pair))
        own = str(over_few(asked["shared"].sel(overlap=pair).values))
        lines.append([pair, own, before, f"{built:.2f}"])
    return markdown_table(
        ["pair", "by contrasts", "by single units", "hand-built, by contrasts"], lines
    )


def _truth(rows: list[Row]) -> str:
    names = [(kind, name) for kind in KINDS for name in ("precision", "recall")]
    lines = [
        [*labels, *(said(one.sel(set=kind), name) for kind, name in names)] for labels, one in rows
    ]
    return markdown_table([*HEAD, *(f"{kind}: {name}" for kind, name in names)], lines)
