"""Two runs side by side: one page that holds both reports, and a table of the sets they share.

write_comparison({"before": first.dataset, "after": second.dataset}, Path("both.html"))
"""

import json
from collections.abc import Mapping
from math import comb
from pathlib import Path
from typing import Any

import xarray as xr

from .explorer import assembled, page, payload, with_data
from .table import performance_line
from .view import labels

HEAD = (
    "question", "set", "{0}", "in {0}", "{1}", "in {1}", "in both", "Jaccard", "by chance", "p",
)  # fmt: skip
KINDS = ("mediator", "circuit")
TITLE = b"<title>rnn-jax: two runs</title>"


def write_comparison(runs: Mapping[str, xr.Dataset], path: Path) -> None:
    """Write the page of two runs.

    What is chosen in one report is chosen in the other: the question, the window, and the unit if
    that is asked for. A table tells, question by question, how large the sets of both are, what
    they do, and how many units they share: `J = |A & B| / |A | B|`, beside the mean of `J` of sets
    of these sizes that are drawn at random, and the share of such sets with at least this `J`.

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
        "about": " ".join([MATCHED if same else UNMATCHED, *([] if rows else [APART]), SCALES]),
        "runs": [_said(name, each) for name, each in runs.items()],
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
SCALES = "Each report has its own scale of colors: read the bars."


def _headed(name: str, dataset: xr.Dataset) -> dict[str, Any]:
    """A report's data, under the run's name: both may be of networks that are called alike."""
    data = payload(dataset)
    own = data["about"]["subject"]
    data["about"]["subject"] = name if own == name else f"{name}: {own}"
    return data


def _said(name: str, dataset: xr.Dataset) -> str:
    """What a run was asked, and how near its outputs are to the targets."""
    sizes, about = dataset.sizes, dataset.attrs
    asked = [f"{about['kind']} to {about['value']}"] if {"kind", "value"} <= set(about) else []
    asked += [f"score {about['metric']}"] if "metric" in about else []
    asked += [f"seed {about['seed']}"] if "seed" in about else []
    said = [f"{sizes['unit']} units, {sizes['trial']} trials of {sizes['time']} steps", *asked]
    return "; ".join([f"{name}: {', '.join(said)}", *filter(None, [performance_line(dataset)])])


def compared(first: xr.Dataset, second: xr.Dataset) -> list[list[str]]:
    """Rows of `HEAD`: the sets of each run, what they do, and how many units are in both.

    **Arguments:**

    - `first`, `second`: datasets as `discover` makes them.

    **Returns:** text, a row for each question that both runs have and each kind of set; `-` where
    a run has no such set; of what they share, where the units' names differ; of chance, where
    groups of units were searched.

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


Sets = dict[tuple[str, str], dict[str, Any]]


def _sets(dataset: xr.Dataset) -> Sets:
    """Each question's sets, by question and kind."""
    sets = json.loads(dataset.attrs.get("circuits") or "[]")
    return {(one["question"], one["kind"]): one for one in sets if one["kind"] in KINDS}


def _row(name: str, kind: str, units: list[list[str]], found: list[Sets]) -> list[str]:
    records = [each.get((name, kind), {"units": []}) for each in found]
    a, b = ({own[i] for i in record["units"]} for own, record in zip(units, records))
    size = lambda record, own: f"{len(record['units'])} of {len(own)}" if record["units"] else "-"
    sides = [
        said for record, own in zip(records, units) for said in (size(record, own), _does(record))
    ]
    if not (units[0] == units[1] and a and b):
        return [name, kind, *sides, *"----"]
    shared = [str(len(a & b)), f"{len(a & b) / len(a | b):.2f}"]
    if any(record.get("groups") for record in records):
        return [name, kind, *sides, *shared, "-", "-"]  # whole groups are not drawn unit by unit
    mean, p = by_chance(len(a), len(b), len(a & b), len(units[0]))
    return [name, kind, *sides, *shared, f"{mean:.2f}", f"{p:.2g}" if p else "<1e-300"]


def _does(record: dict[str, Any]) -> str:
    """What a set does on held-out trials, in the words of its kind."""
    if not record["units"]:
        return "-"
    undone, restored = ((record[part] or [None])[0] for part in ("undone", "restored"))
    said = lambda value: "-" if value is None else f"{value:.2f}"
    if record["kind"] == "circuit":
        return f"keeps {said(restored)}"
    return f"undoes {said(undone)}, restores {said(restored)}"


def by_chance(a: int, b: int, shared: int, units: int) -> tuple[float, float]:
    """The mean Jaccard index of two random sets, and how often they share as many units.

    The number that they share is hypergeometric: `C(a, k) C(N - a, b - k) / C(N, b)`.

    **Arguments:**

    - `a`, `b`: the sizes of the sets, at least 1.
    - `shared`: how many units are in both.
    - `units`: `N`, of how many they are drawn.

    **Returns:** the mean index, and the chance of at least `shared`.
    """
    counts = range(max(0, a + b - units), min(a, b) + 1)
    every = comb(units, b)
    chances = [comb(a, k) * comb(units - a, b - k) / every for k in counts]
    mean = sum(chance * k / (a + b - k) for k, chance in zip(counts, chances))
    return mean, sum(chance for k, chance in zip(counts, chances) if k >= shared)
