"""Verdicts for which kinds are what is replicated: networks and draws of one kind are averaged.

An interval is of the mean over kinds, by bootstrap over kinds. The rival of a claim is the best
method by the same numbers, which favours it.
"""

from typing import TYPE_CHECKING

import numpy as np

from ...circuits import sign_test_p
from ..question import OWN
from ..seeds import all_of, over_seeds
from ..study import Claim, Verdict, markdown_table, verdict_on

if TYPE_CHECKING:
    import xarray as xr

CLAIMS = {
    "sets": Claim(
        "the F1 of the units that contrasts name, mean over kinds, is above that of as many units "
        "as are true by the best method that ranks units without exchanging them",
        "a difference of 0; and the F1 of the same units against truths of shuffled units",
        "an interval over kinds at or below 0, or a mean within 95 % of the shuffled ones",
    ),
    "edges": Claim(
        "the average precision of the edges of the unrolled circuit, mean over kinds, is above "
        "that of flows, the mean size of J h",
        "a difference of 0",
        "an interval over kinds at or below 0",
    ),
    "timing": Claim(
        "the overlap over steps of when units matter, mean over kinds, is larger by exact "
        "ablation of single steps than by the best method without intervention",
        "a difference of 0",
        "an interval over kinds at or below 0",
    ),
}


def judge_questions(found: "xr.Dataset") -> list[Verdict]:
    """The verdicts on `CLAIMS`; undecided where numbers of an earlier run lack the questions."""
    if "sets" not in found:
        return [verdict_on(claim, "not asked", None) for claim in CLAIMS.values()]
    return [_sets(found), _edges(found), _timing(found)]


def above_rival(of_kinds: "xr.DataArray", own: str, rivals: list[str]) -> tuple[str, bool | None]:
    """What lies between a method and the best rival, over kinds `[kind, selector]`."""
    has = np.isfinite(of_kinds.values).all(1)
    known = of_kinds.isel(kind=np.flatnonzero(has))
    if not known.sizes["kind"]:
        return "not asked", None
    dim = of_kinds.dims[1]
    best = max(rivals, key=lambda name: float(known.sel({dim: name}).mean()))
    both = [known.sel({dim: name}).values for name in (own, best)]
    gap = over_seeds(both[0] - both[1])
    p = float(sign_test_p(both[0] - both[1]))
    wins, ties = int((both[0] > both[1]).sum()), int((both[0] == both[1]).sum())
    said = (
        f"{both[0].mean():.2f} against {both[1].mean():.2f} by {best}: difference {gap}; above in "
        f"{wins} and even in {ties} of {gap.count} kinds, sign test p {p:.2g}"
    )
    return said, gap.exceeds(0.0)


def _sets(found: "xr.Dataset") -> Verdict:
    of_kinds = found["sets"].mean("draw")
    rivals = [str(name) for name in of_kinds["finder"].values if name not in (OWN, "random")]
    said, above = above_rival(of_kinds, OWN, rivals)
    null = found["shuffled"].mean(("draw", "kind")).values
    high = float(np.quantile(null[np.isfinite(null)], 0.95)) if np.isfinite(null).any() else np.nan
    own = float(of_kinds.sel(finder=OWN).mean())
    beats = own > high if np.isfinite(high) else None
    refused = float(found["refused"].mean())
    said = f"{said}; 95 % of shuffled ones up to {high:.2f}; {refused:.0%} of questions refused"
    return verdict_on(CLAIMS["sets"], said, all_of([above, beats]))


def _edges(found: "xr.Dataset") -> Verdict:
    pair = found["edges"].sel(edge_finder=["unrolled circuit", "flow"])
    said, above = above_rival(pair, "unrolled circuit", ["flow"])
    return verdict_on(CLAIMS["edges"], said, above)


def _timing(found: "xr.Dataset") -> Verdict:
    of_kinds = found["timing"].mean("draw")
    exact = "exact ablation"
    rivals = [str(name) for name in of_kinds["timer"].values if name not in (exact, "random")]
    said, above = above_rival(of_kinds, exact, rivals)
    return verdict_on(CLAIMS["timing"], said, above)


def question_tables(found: "xr.Dataset") -> list[str]:
    """F1 of units, average precision of edges, and overlap over steps, by kind."""
    if "sets" not in found:
        return []
    parts = (
        (
            "Questions of contrasts, in networks drawn anew: F1 of the units that contrasts name, "
            "and of as many units as are true by methods that rank units:",
            found["sets"].mean("draw"),
        ),
        (
            "Average precision of edges over wired pairs, in the epochs of a kind's first "
            "contrast (- where all wired pairs are true, or no edges were found):",
            found["edges"],
        ),
        (
            "Overlap over steps (intersection over union) of when each unit matters; - where "
            "epochs differ between trials:",
            found["timing"].mean("draw"),
        ),
    )
    return [line for head, values in parts for line in (head, "", _table(values), "")]


def _table(values: "xr.DataArray") -> str:
    dim = str(values.dims[1])
    cell = lambda value: f"{value:.2f}" if np.isfinite(value) else "-"
    rows = [
        [str(kind), *map(cell, values.sel(kind=kind).values)] for kind in values["kind"].values
    ]
    rows.append(["mean", *map(cell, values.mean("kind").values)])
    return markdown_table(["kind", *map(str, values[dim].values)], rows)
