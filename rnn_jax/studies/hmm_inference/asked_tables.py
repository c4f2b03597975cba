"""Tables of the networks asked by contrasts, beside the circuits of the study's rule.

print(asked_tables(found))
"""

from typing import TYPE_CHECKING

from ..question import KINDS
from ..question_numbers import Row, asked_of, how_much, of_questions, said, set_tables
from ..study import markdown_table

if TYPE_CHECKING:
    import xarray as xr

HEAD = ("network", "question")


def asked_tables(found: "xr.Dataset") -> str:
    """Sizes, what sets do, what other methods' sets of equal size do, and the old circuits."""
    rows = question_rows(found)
    parts = [
        "The same networks asked by contrasts: which units carry the difference that one turned "
        f"observation makes, and which make it alone (docs/contrasts.md). {how_much(found)}",
        "", *set_tables(HEAD, rows),
        "How far run and foil are apart where they are read, in the outputs' deviations, and in "
        "how many networks that is enough to ask. The Jaccard index of the contrast's circuit and "
        "that of the rule (the best units by single effects that keep 0.95 of the outputs). And "
        "precision and recall of the planted truth (a mediator is a cut of it, and need not be "
        "all):",
        "", _against(rows), "",
    ]  # fmt: skip
    return "\n".join(parts)


def question_rows(found: "xr.Dataset") -> list[Row]:
    """Each kind of network and question, of the seeds that were asked."""
    asked = of_questions(found)
    asked = asked.isel(seed=asked["difference"].notnull().any(("network", "question")).values)
    return [
        ([str(kind), str(question)], asked.sel(network=kind, question=[question]))
        for kind in asked["network"].values
        for question in asked["question"].values
    ]


def _against(rows: list[Row]) -> str:
    lines = []
    for labels, one in rows:
        line = [*labels, said(one, "difference"), asked_of(one)]
        line += [said(one, name) for name in ("alike", "alike_corrected")]
        for kind in KINDS:
            line += [said(one.sel(set=kind), name) for name in ("precision", "recall")]
        lines.append(line)
    told = [f"{kind}: {name}" for kind in KINDS for name in ("precision", "recall")]
    return markdown_table([*HEAD, "differs by", "asked", "Jaccard", "corrected", *told], lines)
