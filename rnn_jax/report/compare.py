"""Two runs side by side: one page that holds both reports, and a table of the sets they share.

write_comparison({"before": first.dataset, "after": second.dataset}, Path("both.html"))
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import xarray as xr

from .explorer import assembled, page, payload, with_data
from .view import labels

HEAD = ("question", "set", "{0}", "{1}", "in both", "Jaccard")
KINDS = ("mediator", "circuit")
TITLE = b"<title>rnn-jax: two runs</title>"


def write_comparison(runs: Mapping[str, xr.Dataset], path: Path) -> None:
    """Write the page of two runs.

    What is chosen in one report is chosen in the other: the question, the window, and the unit if
    that is asked for. A table tells, question by question, how large the sets of both are.

    **Arguments:**

    - `runs`: two datasets as `discover` makes them, by the names that the page calls them.
    - `path`: the `.html` file.

    **Raises:** `ValueError` where there are not two, or one lacks something that is to be shown.

    **Example:**

        >>> runs = {"before": found.dataset, "after": found.dataset}  # of two discoveries
        >>> rj.report.write_comparison(runs, folder / "both.html")
        >>> rj.report.compared(*runs.values())[:1]
        []
    """
    if len(runs) != 2:
        raise ValueError(f"two runs are compared, got {len(runs)}")
    rows = compared(*runs.values())
    same = labels(next(iter(runs.values())), "unit") == labels(list(runs.values())[1], "unit")
    data = {
        "names": list(runs),
        "about": " ".join([MATCHED if same else UNMATCHED, *([] if rows else [APART])]),
        "head": [name.format(*runs) for name in HEAD],
        "rows": rows,
        "pages": [with_data(page(), _headed(name, each)) for name, each in runs.items()],
    }
    whole = assembled("comparison/page.html", ["explorer/rows.js", "comparison/start.js"])
    path.write_text(with_data(whole, data), "utf-8")


MATCHED = (
    "Units are matched by their names. In networks trained from different first weights, units of "
    "the same name are different units."
)
UNMATCHED = "The runs have different units, so no unit is matched."
APART = "The runs have no question in common."


def _headed(name: str, dataset: xr.Dataset) -> dict[str, Any]:
    """A report's data, under the run's name: both may be of networks that are called alike."""
    data = payload(dataset)
    data["about"]["subject"] = f"{name}: {data['about']['subject']}"
    return data


def compared(first: xr.Dataset, second: xr.Dataset) -> list[list[str]]:
    """Rows of `HEAD`: how many units each run's sets have, and how many are in both.

    **Arguments:**

    - `first`, `second`: datasets as `discover` makes them.

    **Returns:** text, a row for each question that both runs have and each kind of set; `-` where
    a run has no such set, and, of what they share, where the units' names differ.

    **Example:**

        >>> rj.report.compared(found.dataset, found.dataset)  # of a `discover` without contrasts
        []
    """
    runs = (first, second)
    found = [_sets(each) for each in runs]
    names, both = (labels(each, "question") if "question" in each.dims else [] for each in runs)
    units = [labels(each, "unit") for each in runs]
    return [_row(name, kind, units, found) for name in names if name in both for kind in KINDS]


def is_comparison(path: Path) -> bool:
    """Whether a file begins as the page of two runs does."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return TITLE in file.read(400)


def name_runs(folders: tuple[Path, Path]) -> list[str]:
    """What a page calls two runs: their folders' names, with their parents' where these agree."""
    names = [folder.absolute().name for folder in folders]
    if names[0] == names[1]:
        names = [f"{folder.absolute().parent.name}/{folder.name}" for folder in folders]
    return names if names[0] != names[1] else [f"{name} ({k})" for k, name in enumerate(names, 1)]


Sets = dict[tuple[str, str], list[int]]


def _sets(dataset: xr.Dataset) -> Sets:
    """Units of each question's sets, by question and kind."""
    sets = json.loads(dataset.attrs.get("circuits") or "[]")
    return {(one["question"], one["kind"]): one["units"] for one in sets if one["kind"] in KINDS}


def _row(name: str, kind: str, units: list[list[str]], found: list[Sets]) -> list[str]:
    a, b = ({own[i] for i in each.get((name, kind), [])} for own, each in zip(units, found))
    size = lambda members, own: f"{len(members)} of {len(own)}" if members else "-"
    known = units[0] == units[1] and a and b
    shared = [str(len(a & b)), f"{len(a & b) / len(a | b):.2f}"] if known else ["-", "-"]
    return [name, kind, size(a, units[0]), size(b, units[1]), *shared]
